//! `/organizations/{organization}/audit-events`

use axum::{Json, extract::State};
use domain::AuditAction;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{document, list::List, problem::Result, words::time};
use crate::{
    app::{
        App, Caller,
        audit::{self, AuditEvent, Search},
    },
    clock,
    error::Error,
    http::{
        paging::{Params, limit},
        path::Path,
    },
};

#[derive(Serialize, ToSchema)]
pub(super) struct AuditEventBody {
    id: String,
    /// The place in the organization's chain, from 1, without gaps.
    sequence: i64,
    at: String,
    actor: ActorBody,
    action: String,
    target: TargetBody,
    address: Option<String>,
    /// More about it: names and versions, never a value.
    #[schema(value_type = Object)]
    details: serde_json::Value,
    /// SHA-256 over the hash before it and this event, in hexadecimal digits.
    hash: String,
}

#[derive(Serialize, ToSchema)]
struct ActorBody {
    /// `person`, `operator` or `system`.
    kind: String,
    id: Option<String>,
    name: String,
}

#[derive(Serialize, ToSchema)]
struct TargetBody {
    kind: String,
    id: String,
    name: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct VerificationBody {
    /// How many events the chain has.
    events: i64,
    /// Whether every event is there, unchanged and in order.
    intact: bool,
    /// The id of the first event that is not as it was written.
    first_broken: Option<String>,
    /// The hash of the last event, in hexadecimal digits.
    head: String,
}

/// Which events, from where.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AuditParams {
    /// Only what this person did, by id or e-mail address; also somebody who is not here any more.
    actor: Option<String>,
    /// Only this action.
    action: Option<String>,
    /// Only what was done to the thing of this id or name.
    target: Option<String>,
    /// Only what happened then or later, RFC 3339.
    from: Option<String>,
    /// Only what happened before, RFC 3339.
    to: Option<String>,
    /// At most so many items, 1 to 200.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The audit log, newest first. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/audit-events", tag = "audit log", params(AuditParams),
    responses((status = 200, body = List<AuditEventBody>), document::Allowed, document::Query))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    params: Params<AuditParams>,
) -> Result<Json<List<AuditEventBody>>> {
    let mut shown = 0;
    let search = params.parse(|params| {
        shown = limit(params.limit)?;
        parse(params, shown + 1)
    });
    let events = audit::list(&app, &caller, &organization, search).await?;
    Ok(Json(List::page(events, shown, |event| event.sequence.to_string(), show)))
}

fn parse(params: AuditParams, limit: i64) -> Result<Search> {
    let moment = |field, text: Option<String>| {
        text.map(|text| {
            clock::parse_rfc3339(&text)
                .ok_or_else(|| Error::invalid(field, "time", "Write the time as 2026-12-31T12:00:00Z."))
        })
        .transpose()
    };
    let actor = params.actor.map(|id| id.parse()).transpose();
    let action = params.action.map(|word| word.parse::<AuditAction>()).transpose();
    let before = params.cursor.map(|number| number.parse()).transpose();
    Ok(Search {
        actor: actor.map_err(|why| Error::invalid("actor", "person", why))?,
        action: action.map_err(|why| Error::invalid("action", "unknown_word", why))?,
        target: params.target,
        from: moment("from", params.from)?,
        to: moment("to", params.to)?,
        before: before
            .map_err(|_| Error::invalid("cursor", "cursor", "This cursor is not one of this list; begin anew."))?,
        limit,
    })
}

fn show(event: AuditEvent) -> AuditEventBody {
    AuditEventBody {
        sequence: event.sequence,
        at: time(event.at),
        actor: ActorBody { kind: event.actor_kind, id: event.actor_id, name: event.actor_name },
        action: event.action,
        target: TargetBody { kind: event.target_kind, id: event.target_id, name: event.target_name },
        address: event.address,
        details: serde_json::from_str(&event.details).unwrap_or(serde_json::Value::Null),
        hash: hex(&event.hash),
        id: event.id,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What happened in a workspace: an audit event without the address and the hash, which administrators see.
#[derive(Serialize, ToSchema)]
pub(super) struct ActivityBody {
    id: String,
    at: String,
    actor: ActorBody,
    action: String,
    target: TargetBody,
    /// More about it: names and versions, never a value.
    #[schema(value_type = Object)]
    details: serde_json::Value,
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ActivityParams {
    /// At most so many items, 1 to 200.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What happened in a workspace and to it, newest first: for all who may see it.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/activity", tag = "audit log",
    params(ActivityParams),
    responses((status = 200, body = List<ActivityBody>), document::Known, document::Query))]
pub(super) async fn activity(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    params: Params<ActivityParams>,
) -> Result<Json<List<ActivityBody>>> {
    let mut shown = 0;
    let part = params.parse(|params| {
        shown = limit(params.limit)?;
        let before = params.cursor.map(|number| number.parse()).transpose();
        let before = before
            .map_err(|_| Error::invalid("cursor", "cursor", "This cursor is not one of this list; begin anew."))?;
        Ok((before, shown + 1))
    });
    let events = audit::activity(&app, &caller, &organization, &workspace, part).await?;
    Ok(Json(List::page(events, shown, |event| event.sequence.to_string(), show_activity)))
}

fn show_activity(event: AuditEvent) -> ActivityBody {
    let AuditEventBody { id, at, actor, action, target, details, .. } = show(event);
    ActivityBody { id, at, actor, action, target, details }
}

/// Recompute the whole chain of the organization. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/audit-events/verification", tag = "audit log",
    responses((status = 200, body = VerificationBody), document::Allowed))]
pub(super) async fn verify(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
) -> Result<Json<VerificationBody>> {
    let found = audit::verify(&app, &caller, &organization).await?;
    Ok(Json(VerificationBody {
        events: found.events,
        intact: found.intact,
        first_broken: found.first_broken,
        head: hex(&found.head),
    }))
}
