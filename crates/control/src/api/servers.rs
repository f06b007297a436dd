//! `/organizations/{organization}/workspaces/{workspace}/servers`

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    body::Body,
    document,
    list::List,
    log_stream,
    precondition::etag,
    problem::Result,
    starts::{self, HeldBody, StartBody, StartsParams},
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller, Precondition,
        drift::Explained,
        servers::{self, Place, Seen},
    },
    error::Error,
    http::{
        fields,
        paging::{Paging, Params, cursor, paging},
        path::Path,
    },
};

#[derive(Serialize, ToSchema)]
pub(super) struct ServerBody {
    id: String,
    name: String,
    slug: String,
    command: Vec<String>,
    variables: BTreeMap<String, String>,
    /// `stopped`, `starting`, `running`, `stopping` or `failed`.
    #[schema(value_type = String)]
    status: &'static str,
    /// More about the status, for people.
    status_detail: String,
    started_at: Option<String>,
    started_by: Option<Who>,
    exit_code: Option<i32>,
    /// Whether a restart would change what its program has.
    restart_needed: bool,
    drift: Vec<DifferenceBody>,
    /// Since when its command or variables are not those that its program was started with, and who changed them.
    settings_changed: Option<SettingsChangedBody>,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
struct SettingsChangedBody {
    at: String,
    by: Option<Who>,
}

/// One name in which a running server differs from its workspace's environment.
#[derive(Serialize, ToSchema)]
pub(super) struct DifferenceBody {
    name: String,
    /// `added`, `changed` or `removed`.
    #[schema(value_type = String)]
    kind: &'static str,
    /// `value`, `overridden`, `uncovered`, `selected`, `deselected`, `renamed`, `created`, `deleted`, `restored` or
    /// `suspended`.
    #[schema(value_type = String)]
    reason: &'static str,
    from: Option<HeldBody>,
    to: Option<HeldBody>,
    by: Option<Who>,
    at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewServerBody {
    name: String,
    /// Made from the name when missing.
    slug: Option<String>,
    /// The program and its arguments.
    command: Vec<String>,
    /// Plain variables: anybody with access to the workspace reads them. Only names that begin with VESTRY_ are refused.
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditServerBody {
    name: Option<String>,
    slug: Option<String>,
    command: Option<Vec<String>>,
    /// All of them.
    variables: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LogParams {
    /// How many of the last lines, 1 to 10,000.
    lines: Option<usize>,
    /// Whether to go on with what comes, as server-sent events.
    follow: bool,
}

type OneServer = ([(HeaderName, HeaderValue); 1], Json<ServerBody>);

fn place<'a>(organization: &'a str, workspace: &'a str) -> Place<'a> {
    Place { organization, workspace }
}

fn one(seen: Seen) -> OneServer {
    (etag(&seen.server.revision), Json(show(seen)))
}

fn show(seen: Seen) -> ServerBody {
    let restart_needed = seen.needs_restart();
    let settings_changed = seen.settings_changed().cloned();
    let Seen { server, drift } = seen;
    ServerBody {
        id: server.id.to_string(),
        name: server.name,
        slug: server.slug.to_string(),
        command: server.command.argv().to_vec(),
        variables: server.variables.iter().map(|(name, value)| (name.to_string(), value.to_owned())).collect(),
        status: server.status.as_str(),
        status_detail: server.status_detail,
        started_at: server.started_at.map(time),
        started_by: server.started_by.map(Who::from),
        exit_code: server.exit_code,
        restart_needed,
        drift: drift.into_iter().map(DifferenceBody::from).collect(),
        settings_changed: settings_changed.map(|(at, by)| SettingsChangedBody { at: time(at), by: by.map(Who::from) }),
        created_at: time(server.created_at),
        updated_at: time(server.updated_at),
    }
}

impl From<Explained> for DifferenceBody {
    fn from(Explained { difference, cause, by }: Explained) -> Self {
        Self {
            name: difference.name.to_string(),
            kind: difference.kind.as_str(),
            reason: cause.reason.as_str(),
            from: difference.from.map(HeldBody::from),
            to: difference.to.map(HeldBody::from),
            by: by.map(Who::from),
            at: cause.change.map(|change| time(change.at)),
        }
    }
}

/// The workspace's servers with their drift.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/servers", tag = "servers",
    params(Paging),
    responses((status = 200, body = List<ServerBody>), document::Known, document::Query))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    params: Params<Paging>,
) -> Result<Json<List<ServerBody>>> {
    let (page, limit, order) = paging(params);
    let seen = servers::list(&app, &caller, place(&organization, &workspace), page).await?;
    let position = |seen: &Seen| {
        let s = &seen.server;
        cursor(order, &s.name, s.created_at.0, s.updated_at.0, s.id)
    };
    Ok(Json(List::page(seen, limit, position, show)))
}

/// Add a server to the workspace. The owner and collaborators.
#[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/servers", tag = "servers",
    request_body = NewServerBody,
    responses((status = 201, body = ServerBody), document::Allowed, document::State, document::Body))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    body: Body<NewServerBody>,
) -> Result<(StatusCode, OneServer)> {
    let input = body.parse(|new| fields::new_server(&new.name, new.slug.as_deref(), new.command, new.variables));
    let seen = servers::create(&app, &caller, place(&organization, &workspace), input).await?;
    Ok((StatusCode::CREATED, one(seen)))
}

/// One server with its drift.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/servers/{server}", tag = "servers",
    responses((status = 200, body = ServerBody), document::Known))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, server)): Path<(String, String, String)>,
) -> Result<OneServer> {
    servers::get(&app, &caller, place(&organization, &workspace), &server).await.map(one)
}

/// Change name, slug, command or variables; a running server has them after its next start.
#[utoipa::path(patch, path = "/organizations/{organization}/workspaces/{workspace}/servers/{server}",
    tag = "servers", request_body = EditServerBody,
    responses((status = 200, body = ServerBody),
        document::Allowed, document::Revision, document::State, document::Body))]
pub(super) async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, server)): Path<(String, String, String)>,
    expected: Precondition,
    body: Body<EditServerBody>,
) -> Result<OneServer> {
    let input = body.parse(|edit| fields::edit_server(edit.name, edit.slug, edit.command, edit.variables));
    servers::edit(&app, &caller, place(&organization, &workspace), &server, expected, input).await.map(one)
}

/// Delete a server and its log; 409 while it runs.
#[utoipa::path(delete, path = "/organizations/{organization}/workspaces/{workspace}/servers/{server}",
    tag = "servers",
    responses((status = 204), document::Allowed, document::Revision, document::State))]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, server)): Path<(String, String, String)>,
    expected: Precondition,
) -> Result<StatusCode> {
    servers::delete(&app, &caller, place(&organization, &workspace), &server, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Start a server with its workspace's environment as it is now. The owner and collaborators.
#[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/servers/{server}/start",
    tag = "servers",
    responses((status = 202, body = ServerBody), document::Allowed, document::State, document::Ready))]
pub(super) async fn start(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, server)): Path<(String, String, String)>,
) -> Result<(StatusCode, OneServer)> {
    let seen = servers::start(&app, &caller, place(&organization, &workspace), &server).await?;
    Ok((StatusCode::ACCEPTED, one(seen)))
}

/// Because of what a server is stopped.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StopParams {
    /// The id of a suspended secret that the server has: what the record gives as the reason.
    suspended: Option<String>,
}

/// Stop a server: SIGTERM, after ten seconds SIGKILL. Also administrators.
#[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/servers/{server}/stop",
    tag = "servers", params(StopParams),
    responses((status = 202, body = ServerBody), document::Allowed, document::State, document::Query))]
pub(super) async fn stop(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, server)): Path<(String, String, String)>,
    params: Params<StopParams>,
) -> Result<(StatusCode, OneServer)> {
    let because_of = params.parse(|params| {
        let id = params.suspended.map(|id| id.parse()).transpose();
        id.map_err(|_| Error::invalid("suspended", "id", "This is not the id of a secret."))
    });
    let seen = servers::stop(&app, &caller, place(&organization, &workspace), &server, because_of).await?;
    Ok((StatusCode::ACCEPTED, one(seen)))
}

/// Restart a running server with its workspace's environment as it is now. Also administrators.
#[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/servers/{server}/restart",
    tag = "servers",
    responses((status = 202, body = ServerBody), document::Allowed, document::State, document::Ready))]
pub(super) async fn restart(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, server)): Path<(String, String, String)>,
) -> Result<(StatusCode, OneServer)> {
    let seen = servers::restart(&app, &caller, place(&organization, &workspace), &server).await?;
    Ok((StatusCode::ACCEPTED, one(seen)))
}

/// The server's start records, newest first.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/servers/{server}/starts",
    tag = "servers", params(StartsParams),
    responses((status = 200, body = List<StartBody>), document::Known, document::Query))]
pub(super) async fn starts(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, server)): Path<(String, String, String)>,
    params: Params<StartsParams>,
) -> Result<Json<List<StartBody>>> {
    let (asked, part) = starts::part(params);
    let place = place(&organization, &workspace);
    let starts = servers::starts(&app, &caller, place, &server, part.before.as_deref(), asked).await?;
    Ok(Json(part.list(starts, Some(&server))))
}

/// The last lines of the server's log, masked; with `follow`, what comes after as server-sent events. The owner and
/// collaborators.
///
/// An event's id is the byte offset after it, for `Last-Event-ID`; its data is a JSON string. An event `gap` says that
/// what was asked for is gone.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/servers/{server}/logs",
    tag = "servers", params(LogParams),
    responses((status = 200, body = String, content_type = "text/plain"), document::Allowed, document::Query))]
pub(super) async fn logs(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, server)): Path<(String, String, String)>,
    headers: HeaderMap,
    params: Params<LogParams>,
) -> Result<Response> {
    const DEFAULT_LINES: usize = 200;
    const MOST_LINES: usize = 10_000;
    let asked = params.parse(|params| match params.lines.unwrap_or(DEFAULT_LINES) {
        lines @ 1..=MOST_LINES => Ok((lines, params.follow)),
        _ => Err(Error::invalid("lines", "lines", "Ask for 1 to 10000 lines.")),
    });
    let log = servers::log(&app, &caller, place(&organization, &workspace), &server).await?;
    let (lines, follow) = asked.checked()?;
    if follow {
        let resume = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
        let reader = log_stream::Reader { app, caller, organization, workspace, server };
        return Ok(log_stream::follow(log, lines, resume, reader).into_response());
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], log.tail(lines).await?).into_response())
}
