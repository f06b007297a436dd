//! The organization's settings: General, Members, Audit log. Its secrets are in `secrets`.

use std::collections::BTreeMap;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use domain::{AuditAction, Role, WorkspaceCreation};
use serde::Deserialize;

use super::{
    form::Form,
    frame::{Frame, Reader, page, page_with, see},
    query::Query,
    words::{Moment, moment},
};
use crate::{
    app::{
        App, Input, Precondition,
        audit::{self, AuditEvent, Search},
        members::{self, Member},
        organizations::{self, EditOrganization},
    },
    error::{Error, FieldError, Result},
    http::{
        fields,
        paging::{Params, cursor, shown},
        path::Path,
    },
};

/// `…/settings` leads to the first tab that the reader may see.
pub(super) async fn first(
    State(app): State<App>,
    reader: Reader,
    Path(organization): Path<String>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&organization)).await?;
    let tab = if frame.administrator() { "secrets" } else { "members" };
    Ok(see(&format!("/organizations/{organization}/settings/{tab}")))
}

#[derive(Template)]
#[template(path = "settings/general.html")]
struct GeneralPage {
    frame: Frame,
    query: Query,
    name: String,
    members_create: bool,
    revision: String,
    errors: Vec<FieldError>,
}

impl GeneralPage {
    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

/// Name, and who may create workspaces.
pub(super) async fn general(
    State(app): State<App>,
    reader: Reader,
    Path(organization): Path<String>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&organization)).await?;
    let known = organizations::get(&app, &reader.caller, &organization).await?;
    if !frame.administrator() {
        return Err(Error::Forbidden(
            "only administrators of the organization see its settings; ask one of them".into(),
        ));
    }
    page(&GeneralPage {
        frame,
        query: Query::of(query),
        name: known.name,
        members_create: known.workspace_creation == WorkspaceCreation::Members,
        revision: known.revision,
        errors: Vec::new(),
    })
}

/// Saves them.
pub(super) async fn edit(
    State(app): State<App>,
    reader: Reader,
    Path(organization): Path<String>,
    form: Form,
) -> Result<Response> {
    let (name, creation, revision) = (form.text("name"), form.text("workspace_creation"), form.text("revision"));
    let members_create = creation == WorkspaceCreation::Members.as_str();
    let input = fields::name(&name).and_then(|name| {
        let creation = creation.parse().map_err(|why| Error::invalid("workspace_creation", "unknown_word", why))?;
        Ok(EditOrganization { name: Some(name), workspace_creation: Some(creation) })
    });
    let expected = Precondition { if_match: Some(vec![revision.clone()]), create_only: false };
    match organizations::edit(&app, &reader.caller, &organization, expected, Input::new(input)).await {
        Ok(_) => Ok(see(&format!("/organizations/{organization}/settings/general?done=edited"))),
        Err(Error::Invalid(errors)) => {
            let frame = Frame::of(&app, &reader, Some(&organization)).await?;
            let page = GeneralPage { frame, query: Query::default(), name, members_create, revision, errors };
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error),
    }
}

#[derive(Template)]
#[template(path = "settings/members.html")]
struct MembersPage {
    frame: Frame,
    query: Query,
    rows: Vec<MemberRow>,
    next: Option<String>,
}

struct MemberRow {
    id: String,
    name: String,
    email: String,
    administrator: bool,
    revision: String,
    joined: Moment,
    /// How many workspaces they own, and when they were last seen: for administrators.
    seen: Option<(u32, Option<Moment>)>,
}

impl From<Member> for MemberRow {
    fn from(member: Member) -> Self {
        Self {
            id: member.id.to_string(),
            name: member.name,
            email: member.email,
            administrator: member.role == Role::Administrator,
            revision: member.revision,
            joined: moment(member.joined_at),
            seen: member.seen.map(|seen| (seen.workspaces_owned, seen.last_at.map(moment))),
        }
    }
}

/// The organization's people.
pub(super) async fn members(
    State(app): State<App>,
    reader: Reader,
    Path(organization): Path<String>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&organization)).await?;
    let query = Query::of(query);
    let (part, limit, order) = query.page();
    let found = members::list(&app, &reader.caller, &organization, part).await?;
    let position =
        |member: &Member| cursor(order, &member.name, member.account_created_at.0, member.joined_at.0, member.id);
    let (found, next) = shown(found, limit, position);
    page(&MembersPage { frame, query, rows: found.into_iter().map(MemberRow::from).collect(), next })
}

/// Where a member's page is.
#[derive(Deserialize)]
pub(super) struct AtMember {
    organization: String,
    member: String,
}

/// Gives a member another role.
pub(super) async fn set_role(
    State(app): State<App>,
    reader: Reader,
    Path(AtMember { organization, member }): Path<AtMember>,
    form: Form,
) -> Result<Response> {
    let role = form.text("role").parse::<Role>().map_err(|why| Error::invalid("role", "unknown_word", why));
    let expected = Precondition { if_match: Some(vec![form.text("revision")]), create_only: false };
    members::set_role(&app, &reader.caller, &organization, &member, expected, Input::new(role)).await?;
    Ok(see(&format!("/organizations/{organization}/settings/members?done=edited")))
}

#[derive(Template)]
#[template(path = "settings/audit-log.html")]
struct AuditPage {
    frame: Frame,
    wanted: Wanted,
    actions: &'static [&'static str],
    rows: Vec<EventRow>,
    next: Option<String>,
    verified: Option<Verified>,
    errors: Vec<FieldError>,
}

/// What is looked for in the audit log.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    actor: String,
    action: String,
    target: String,
    from: String,
    to: String,
    cursor: String,
    verify: String,
}

impl Wanted {
    fn search(&self, limit: i64) -> Result<Search> {
        let given = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let day = |field, text: &String| {
            given(text)
                .map(|day| {
                    crate::clock::parse_rfc3339(&format!("{day}T00:00:00Z"))
                        .ok_or_else(|| Error::invalid(field, "day", "Write the day as 2026-12-31."))
                })
                .transpose()
        };
        let action = given(&self.action).map(|word| word.parse::<AuditAction>()).transpose();
        let actor = given(&self.actor).map(|who| who.parse()).transpose();
        let before = given(&self.cursor).map(|number| number.parse()).transpose();
        Ok(Search {
            actor: actor.map_err(|why| Error::invalid("actor", "person", why))?,
            action: action.map_err(|why| Error::invalid("action", "unknown_word", why))?,
            target: given(&self.target),
            from: day("from", &self.from)?,
            to: day("to", &self.to)?.map(|day| day.plus_seconds(24 * 60 * 60)),
            before: before
                .map_err(|_| Error::invalid("cursor", "cursor", "This is no page of this list; begin anew."))?,
            limit,
        })
    }

    /// The same search in an address.
    fn address(&self) -> String {
        let parts = [
            ("actor", &self.actor),
            ("action", &self.action),
            ("target", &self.target),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| format!("{name}={}", super::query::encoded(text)))
            .collect();
        parts.join("&")
    }
}

pub(super) struct EventRow {
    pub(super) at: Moment,
    pub(super) actor: String,
    pub(super) actor_id: Option<String>,
    pub(super) action: String,
    pub(super) kind: String,
    pub(super) target: String,
    pub(super) address: Option<String>,
    pub(super) details: Vec<(String, String)>,
}

impl From<AuditEvent> for EventRow {
    fn from(event: AuditEvent) -> Self {
        let details: BTreeMap<String, serde_json::Value> = serde_json::from_str(&event.details).unwrap_or_default();
        let said = |(name, value): (String, serde_json::Value)| {
            let text = match value {
                serde_json::Value::Null => return None,
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            Some((name.replace('_', " "), text))
        };
        Self {
            at: moment(event.at),
            actor: match event.actor_kind.as_str() {
                "token" => format!("token {}", event.actor_name),
                _ => event.actor_name,
            },
            actor_id: event.actor_id.filter(|_| event.actor_kind == "person"),
            action: event.action.replace(['.', '_'], " "),
            kind: event.target_kind,
            target: event.target_name,
            address: event.address,
            details: details.into_iter().filter_map(said).collect(),
        }
    }
}

struct Verified {
    intact: bool,
    events: i64,
    head: String,
}

/// How many events a page shows.
const EVENTS: i64 = 50;

/// Who did what, newest first.
pub(super) async fn audit_log(
    State(app): State<App>,
    reader: Reader,
    Path(organization): Path<String>,
    wanted: Params<Wanted>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&organization)).await?;
    let wanted = wanted.parse(Ok).checked().unwrap_or_default();
    let search = Input::new(wanted.search(EVENTS + 1));
    let (events, errors) = match audit::list(&app, &reader.caller, &organization, search).await {
        Ok(events) => (events, Vec::new()),
        Err(Error::Invalid(errors)) => (Vec::new(), errors),
        Err(error) => return Err(error),
    };
    let verified = match wanted.verify.as_str() {
        "" => None,
        _ => {
            let found = audit::verify(&app, &reader.caller, &organization).await?;
            let head = found.head.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(Verified { intact: found.intact, events: found.events, head })
        }
    };
    let (events, next) = shown(events, EVENTS, |event| event.sequence.to_string());
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let rows = events.into_iter().map(EventRow::from).collect();
    page_with(status, &AuditPage { frame, wanted, actions: AuditAction::WORDS, rows, next, verified, errors })
}
