//! `/organizations/{organization}/restarts`, and where rolling restarts are begun.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use domain::LARGEST_BATCH;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::Body,
    document,
    list::List,
    precondition::etag,
    problem::Result,
    secrets::StaleServerBody,
    starts::{self, StartsParams},
    wait::{Wait, known},
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller, Input, Precondition,
        holders::Which,
        restarts::{self, Progress, Restart, Step, Wish},
        secrets::Place,
    },
    error::Error,
    http::{paging::Params, path::Path},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRestartBody {
    /// How many servers are restarted at once, 1 to 100; a tenth of them when missing.
    batch_size: Option<u32>,
    /// Whether it pauses after a batch in which a server failed.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pause_on_failure: bool,
    /// Which of the servers that differ; all of them when missing. One that does not differ is refused.
    servers: Option<Vec<WantedServerBody>>,
    /// Whether it is only said which servers it would restart.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WantedServerBody {
    /// The workspace's slug.
    workspace: String,
    /// The server's slug.
    server: String,
}

/// What a rolling restart would take.
#[derive(Serialize, ToSchema)]
pub(super) struct WouldRestartBody {
    servers: Vec<StaleServerBody>,
}

fn yes() -> bool {
    true
}

#[derive(Serialize, ToSchema)]
pub(super) struct RestartBody {
    id: String,
    /// `running`, `paused`, `aborted` or `done`.
    #[schema(value_type = String)]
    state: &'static str,
    /// Why it is paused, for people.
    detail: String,
    /// The name of the secret that it is for; null where it is for all that differs.
    secret: Option<String>,
    /// The slug of the workspace that it keeps to; null for one of the whole organization.
    workspace: Option<String>,
    batch_size: u32,
    pause_on_failure: bool,
    created_at: String,
    created_by: Who,
    /// In whose name it goes on: who began it, or continued it last.
    asked_by: Who,
    /// When it was aborted or done.
    ended_at: Option<String>,
    counts: CountsBody,
}

/// How many servers are in each state.
#[derive(Serialize, ToSchema)]
struct CountsBody {
    servers: u32,
    waiting: u32,
    restarting: u32,
    done: u32,
    skipped: u32,
    failed: u32,
}

/// A rolling restart, and how far it is with each of its servers.
#[derive(Serialize, ToSchema)]
pub(super) struct ProgressBody {
    #[serde(flatten)]
    restart: RestartBody,
    /// In the order in which they are restarted.
    servers: Vec<StepBody>,
}

#[derive(Serialize, ToSchema)]
struct StepBody {
    /// The workspace's slug.
    workspace: String,
    /// The server's slug.
    server: String,
    /// `waiting`, `restarting`, `done`, `skipped` or `failed`.
    #[schema(value_type = String)]
    state: &'static str,
    /// Why it was skipped or failed, for people.
    detail: String,
    /// The id of the start record that it had when the rolling restart was begun.
    old_start: String,
    /// The id of the start record that it got.
    start: Option<String>,
    changed_at: String,
}

type OneRestart = ([(HeaderName, HeaderValue); 1], Json<ProgressBody>);

fn one(progress: Progress) -> OneRestart {
    let tag = etag(&progress.restart.revision);
    let servers = progress.steps.into_iter().map(show_step).collect();
    (tag, Json(ProgressBody { restart: show(progress.restart), servers }))
}

/// Begins a rolling restart because of a secret, or of all that differs in a workspace; or says what that would take.
async fn begin(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    which: Option<Which<'_>>,
    body: Body<NewRestartBody>,
) -> Result<Response> {
    if body.says(|body| body.dry_run) {
        let servers = restarts::would_restart(app, caller, place, which, wish(body)).await?;
        let servers = servers.into_iter().map(StaleServerBody::from).collect();
        return Ok(Json(WouldRestartBody { servers }).into_response());
    }
    let begun = match which {
        Some(which) => restarts::of_secret(app, caller, place, which, wish(body)).await?,
        None => restarts::of_workspace(app, caller, place, wish(body)).await?,
    };
    Ok((StatusCode::ACCEPTED, one(begun)).into_response())
}

fn show(restart: Restart) -> RestartBody {
    let tally = restart.tally;
    RestartBody {
        id: restart.id.to_string(),
        state: restart.state.as_str(),
        detail: restart.detail,
        secret: restart.secret.map(|(_, name)| name.to_string()),
        workspace: restart.workspace.map(|(_, slug)| slug.to_string()),
        batch_size: restart.rules.batch_size,
        pause_on_failure: restart.rules.pause_on_failure,
        created_at: time(restart.created_at),
        created_by: restart.created_by.into(),
        asked_by: restart.asked_by.into(),
        ended_at: restart.ended_at.map(time),
        counts: CountsBody {
            servers: tally.servers(),
            waiting: tally.waiting,
            restarting: tally.restarting,
            done: tally.done,
            skipped: tally.skipped,
            failed: tally.failed,
        },
    }
}

fn show_step(step: Step) -> StepBody {
    StepBody {
        workspace: step.workspace.1.to_string(),
        server: step.slug.to_string(),
        state: step.state.as_str(),
        detail: step.detail,
        old_start: step.old_start.to_string(),
        start: step.start.map(|start| start.to_string()),
        changed_at: time(step.changed_at),
    }
}

fn wish(body: Body<NewRestartBody>) -> Input<Wish> {
    body.parse(|NewRestartBody { batch_size, pause_on_failure, servers, .. }| {
        if batch_size.is_some_and(|size| !(1..=LARGEST_BATCH).contains(&size)) {
            let why = format!("Restart 1 to {LARGEST_BATCH} servers at once.");
            return Err(Error::invalid("batch_size", "batch_size", why));
        }
        if servers.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid(
                "servers",
                "no_server",
                "Name a server, or leave this out for all that differ.",
            ));
        }
        let only = servers.map(|servers| servers.into_iter().map(|one| (one.workspace, one.server)).collect());
        Ok(Wish { batch_size, pause_on_failure, only })
    })
}

/// Begin to restart, batch by batch, exactly the running servers that differ because of this secret. Administrators.
#[utoipa::path(post, path = "/organizations/{organization}/secrets/{name}/restarts", tag = "restarts",
    request_body = NewRestartBody,
    responses((status = 202, body = ProgressBody), (status = 200, body = WouldRestartBody),
        document::Allowed, document::State, document::Body, document::Ready))]
pub(super) async fn begin_for_secret(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
    body: Body<NewRestartBody>,
) -> Result<Response> {
    let place = Place { organization: &organization, workspace: None };
    begin(&app, &caller, place, Some(Which::Named(&name)), body).await
}

/// The same for a workspace's own secret. Its owner, and administrators.
#[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}/restarts",
    tag = "restarts", request_body = NewRestartBody,
    responses((status = 202, body = ProgressBody), (status = 200, body = WouldRestartBody),
        document::Allowed, document::State, document::Body, document::Ready))]
pub(super) async fn begin_for_workspace_secret(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, name)): Path<(String, String, String)>,
    body: Body<NewRestartBody>,
) -> Result<Response> {
    let place = Place { organization: &organization, workspace: Some(&workspace) };
    begin(&app, &caller, place, Some(Which::Named(&name)), body).await
}

/// Begin to restart, batch by batch, exactly the running servers that still hold a deleted organization secret, or differ
/// because of it otherwise. Administrators.
#[utoipa::path(post, path = "/organizations/{organization}/deleted-secrets/{secret}/restarts", tag = "restarts",
    request_body = NewRestartBody,
    responses((status = 202, body = ProgressBody), (status = 200, body = WouldRestartBody),
        document::Allowed, document::State, document::Body, document::Ready))]
pub(super) async fn begin_for_deleted_secret(
    State(app): State<App>,
    caller: Caller,
    Path((organization, secret)): Path<(String, String)>,
    body: Body<NewRestartBody>,
) -> Result<Response> {
    let place = Place { organization: &organization, workspace: None };
    begin(&app, &caller, place, Some(Which::Deleted(&secret)), body).await
}

/// The same for a workspace's own deleted secret. Its owner, and administrators.
#[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/deleted-secrets/{secret}/restarts",
    tag = "restarts", request_body = NewRestartBody,
    responses((status = 202, body = ProgressBody), (status = 200, body = WouldRestartBody),
        document::Allowed, document::State, document::Body, document::Ready))]
pub(super) async fn begin_for_deleted_workspace_secret(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, secret)): Path<(String, String, String)>,
    body: Body<NewRestartBody>,
) -> Result<Response> {
    let place = Place { organization: &organization, workspace: Some(&workspace) };
    begin(&app, &caller, place, Some(Which::Deleted(&secret)), body).await
}

/// Begin to restart, batch by batch, the workspace's running servers that differ. The owner and collaborators, and
/// administrators.
#[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/restarts", tag = "restarts",
    request_body = NewRestartBody,
    responses((status = 202, body = ProgressBody), (status = 200, body = WouldRestartBody),
        document::Allowed, document::State, document::Body, document::Ready))]
pub(super) async fn begin_for_workspace(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    body: Body<NewRestartBody>,
) -> Result<Response> {
    let place = Place { organization: &organization, workspace: Some(&workspace) };
    begin(&app, &caller, place, None, body).await
}

/// The organization's rolling restarts, newest first. Administrators.
#[utoipa::path(get, path = "/organizations/{organization}/restarts", tag = "restarts", params(StartsParams),
    responses((status = 200, body = List<RestartBody>), document::Known, document::Query))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    params: Params<StartsParams>,
) -> Result<Json<List<RestartBody>>> {
    listed(&app, &caller, Place { organization: &organization, workspace: None }, params).await
}

/// Those that keep to one workspace, newest first.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/restarts", tag = "restarts",
    params(StartsParams),
    responses((status = 200, body = List<RestartBody>), document::Known, document::Query))]
pub(super) async fn list_of_workspace(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    params: Params<StartsParams>,
) -> Result<Json<List<RestartBody>>> {
    listed(&app, &caller, Place { organization: &organization, workspace: Some(&workspace) }, params).await
}

async fn listed(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    params: Params<StartsParams>,
) -> Result<Json<List<RestartBody>>> {
    let (asked, part) = starts::part(params);
    let found = restarts::list(app, caller, place, part.before.as_deref(), asked).await?;
    Ok(Json(part.page(found, |restart| restart.id.to_string(), show)))
}

/// How far a rolling restart is, server by server. With `If-None-Match` 304 while it is the same, and with `wait` only
/// after so many seconds. Administrators; one that keeps to a workspace also those who see that.
#[utoipa::path(get, path = "/organizations/{organization}/restarts/{restart}", tag = "restarts", params(Wait),
    responses((status = 200, body = ProgressBody), (status = 304), document::Known, document::Query))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((organization, restart)): Path<(String, String)>,
    headers: HeaderMap,
    params: Params<Wait>,
) -> Result<Response> {
    let known = known(&headers);
    match restarts::get(&app, &caller, &organization, &restart, known, params.duration()).await? {
        Some(progress) => Ok(one(progress).into_response()),
        None => Ok((StatusCode::NOT_MODIFIED, etag(known.unwrap_or_default())).into_response()),
    }
}

/// Abort a rolling restart: what is being restarted comes to its end, the rest is left as it is. Whoever may begin one
/// like it.
#[utoipa::path(delete, path = "/organizations/{organization}/restarts/{restart}", tag = "restarts",
    responses((status = 204), document::Allowed, document::Revision, document::State))]
pub(super) async fn abort(
    State(app): State<App>,
    caller: Caller,
    Path((organization, restart)): Path<(String, String)>,
    expected: Precondition,
) -> Result<StatusCode> {
    restarts::abort(&app, &caller, &organization, &restart, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Continue a paused rolling restart, from now on in the caller's name. Whoever may begin one like it.
#[utoipa::path(post, path = "/organizations/{organization}/restarts/{restart}/continuation", tag = "restarts",
    responses((status = 202, body = ProgressBody),
        document::Allowed, document::Revision, document::State, document::Ready))]
pub(super) async fn resume(
    State(app): State<App>,
    caller: Caller,
    Path((organization, restart)): Path<(String, String)>,
    expected: Precondition,
) -> Result<(StatusCode, OneRestart)> {
    let resumed = restarts::resume(&app, &caller, &organization, &restart, expected).await?;
    Ok((StatusCode::ACCEPTED, one(resumed)))
}
