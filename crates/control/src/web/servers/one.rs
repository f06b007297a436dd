//! One server: its log, what it started with, its starts, and what can be done with it.

use askama::Template;
use axum::{extract::State, response::Response};
use domain::{Scope, base_environment, escaped};

use super::{At, Shown, log, may_use};
use crate::{
    app::{
        App, Input, Precondition,
        servers::{self, AtStart, Now, Seen, SinceStart, Start},
    },
    error::Result,
    http::{
        paging::{Params, shown},
        path::Path,
    },
    web::{
        form::Form,
        frame::{Frame, Reader, page, see, slug},
        query::Query,
        words::{self, Moment, moment},
        workspaces::{self, Head, StaleRow},
    },
};

/// What stands above each tab of a server.
struct Top {
    at: At,
    head: Head,
    query: Query,
    server: Shown,
    stale: Option<StaleRow>,
}

impl Top {
    async fn of(app: &App, reader: &Reader, at: At, query: Query) -> Result<(Frame, Self, Seen)> {
        let frame = Frame::of(app, reader, Some(&at.organization)).await?;
        let head = workspaces::head(app, reader, &at.organization, &at.workspace).await?;
        let seen = servers::get(app, &reader.caller, at.place(), &at.server).await?;
        let server = Shown::of(&seen, head.uses());
        let mut top = Self { at, head, query, server, stale: None };
        top.stale =
            top.head.stale.iter().position(|row| row.slug == top.at.server).map(|at| top.head.stale.swap_remove(at));
        Ok((frame, top, seen))
    }
}

#[derive(Template)]
#[template(path = "servers/logs.html")]
struct LogsPage {
    frame: Frame,
    top: Top,
    log: Option<Vec<log::Line>>,
    lines: usize,
}

/// The lines of the log that a page shows before scripts follow it.
const LINES: usize = 200;

/// The log, for those who may read it.
pub(in crate::web) async fn logs(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let (frame, top, _) = Top::of(&app, &reader, at, Query::of(query)).await?;
    let log = match top.head.uses() {
        true => Some(log::last(&app, &reader, &top.at, &top.at.server, LINES).await?),
        false => None,
    };
    page(&LogsPage { frame, top, log, lines: LINES })
}

#[derive(Template)]
#[template(path = "servers/secrets.html")]
struct SecretsPage {
    frame: Frame,
    top: Top,
    start: Option<Moment>,
    rows: Vec<HeldRow>,
    left_out: Vec<String>,
    variables: Vec<(String, String)>,
    base: Vec<(&'static str, String)>,
}

struct HeldRow {
    name: String,
    of_workspace: bool,
    /// What it started with; `None` for what only a start now would bring.
    version: Option<u32>,
    now: String,
    differs: bool,
}

impl From<SinceStart> for HeldRow {
    fn from(SinceStart { name, then, now }: SinceStart) -> Self {
        let said = match (&now, &then) {
            (Now::Same, Some(then)) => format!("v{}", then.version),
            (Now::Other(now), Some(then)) if now.secret != then.secret => format!("{} v{}", now.scope, now.version),
            (Now::Other(now), _) => format!("v{}", now.version),
            (Now::Suspended, _) => "suspended".to_owned(),
            (Now::Same | Now::Nothing, _) => "gone".to_owned(),
        };
        let differs = !matches!(now, Now::Same);
        let shown = match now {
            Now::Other(now) if then.is_none() => Some(now.scope),
            _ => then.as_ref().map(|then| then.scope),
        };
        Self {
            name: name.to_string(),
            of_workspace: shown == Some(Scope::Workspace),
            version: then.map(|then| then.version),
            now: said,
            differs,
        }
    }
}

/// What the process that runs, or ran last, was started with.
pub(in crate::web) async fn secrets(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let (frame, top, seen) = Top::of(&app, &reader, at, Query::of(query)).await?;
    let found = servers::at_start(&app, &reader.caller, top.at.place(), &top.at.server).await?;
    let (start, secrets) = found.map(|AtStart { start, secrets }| (start, secrets)).unzip();
    let left_out = start.iter().flat_map(|start| &start.left_out).map(|held| held.name.to_string()).collect();
    let variables = seen.server.variables.iter().map(|(name, value)| (name.to_string(), escaped(value))).collect();
    let (organization, workspace) = (slug(&top.at.organization)?, slug(&top.at.workspace)?);
    page(&SecretsPage {
        frame,
        start: start.map(|start| moment(start.started_at)),
        rows: secrets.unwrap_or_default().into_iter().map(HeldRow::from).collect(),
        left_out,
        variables,
        base: base_environment(&organization, &workspace, &seen.server.slug),
        top,
    })
}

#[derive(Template)]
#[template(path = "servers/starts.html")]
struct StartsPage {
    frame: Frame,
    top: Top,
    rows: Vec<StartRow>,
    next: Option<String>,
}

struct StartRow {
    started: Moment,
    by: String,
    outcome: &'static str,
    ended: Option<Moment>,
    exit_code: Option<i32>,
    detail: String,
    injected: Vec<String>,
}

impl From<Start> for StartRow {
    fn from(start: Start) -> Self {
        Self {
            started: moment(start.started_at),
            by: words::by(start.started_by.as_ref()),
            outcome: start.outcome.as_str(),
            ended: start.ended_at.map(moment),
            exit_code: start.exit_code,
            detail: start.detail,
            injected: start.injected.iter().map(|held| format!("{} v{}", held.name, held.version)).collect(),
        }
    }
}

/// How many starts a page shows.
const STARTS: i64 = 50;

/// The start records, newest first.
pub(in crate::web) async fn starts(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let (frame, top, _) = Top::of(&app, &reader, at, Query::of(query)).await?;
    let before = top.query.cursor.as_deref();
    let limit = Input::new(Ok(STARTS + 1));
    let found = servers::starts(&app, &reader.caller, top.at.place(), &top.at.server, before, limit).await?;
    let (found, next) = shown(found, STARTS, |start| start.id.to_string());
    page(&StartsPage { frame, top, rows: found.into_iter().map(StartRow::from).collect(), next })
}

#[derive(Template)]
#[template(path = "servers/delete.html")]
struct DeletePage {
    frame: Frame,
    at: At,
    name: String,
    revision: String,
    runs: bool,
}

/// The question before a server is deleted.
pub(in crate::web) async fn delete_form(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
) -> Result<Response> {
    let (frame, top, seen) = Top::of(&app, &reader, at, Query::default()).await?;
    may_use(&top.head)?;
    let runs = seen.server.status.may_be_alive();
    page(&DeletePage { frame, at: top.at, name: seen.server.name, revision: seen.server.revision, runs })
}

/// Deletes a server and its log.
pub(in crate::web) async fn delete(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    servers::delete(&app, &reader.caller, at.place(), &at.server, expected(&form)).await?;
    Ok(see(&format!("{}/servers?done=deleted-server", at.base())))
}

fn expected(form: &Form) -> Precondition {
    Precondition { if_match: Some(vec![form.text("revision")]), create_only: false }
}

/// Starts a server.
pub(in crate::web) async fn start(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    servers::start(&app, &reader.caller, at.place(), &at.server).await?;
    Ok(back(&at, &form, "started"))
}

/// Stops a server.
pub(in crate::web) async fn stop(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    servers::stop(&app, &reader.caller, at.place(), &at.server, Input::new(Ok(None))).await?;
    Ok(back(&at, &form, "stopped"))
}

/// Restarts a server.
pub(in crate::web) async fn restart(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    servers::restart(&app, &reader.caller, at.place(), &at.server).await?;
    Ok(back(&at, &form, "restarted"))
}

/// To the page that the button stood on: the server's, or the list.
fn back(at: &At, form: &Form, done: &str) -> Response {
    if form.has("list") {
        see(&format!("{}/servers?done={done}", at.base()))
    } else {
        see(&format!("{}?done={done}", at.server()))
    }
}
