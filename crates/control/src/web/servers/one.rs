//! One server: its log, what it started with, its starts, and what can be done with it.

use std::collections::BTreeMap;

use askama::Template;
use axum::{extract::State, response::Response};
use domain::{Held, SecretName, Slug, base_environment};

use super::{At, Shown, Typed, form_again, log_text};
use crate::{
    app::{
        App, Input, Precondition,
        secrets::{self as available},
        servers::{self, Seen, Start},
    },
    error::{Error, Result},
    http::{
        fields,
        paging::{Params, shown},
        path::Path,
    },
    web::{
        form::Form,
        frame::{Frame, Reader, page, see},
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
    log: Option<String>,
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
        true => Some(log_text(&app, &reader, &top.at, &top.at.server, LINES).await?),
        false => None,
    };
    page(&LogsPage { frame, top, log })
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
    version: u32,
    now: String,
    differs: bool,
}

/// What the process that runs, or ran last, was started with.
pub(in crate::web) async fn secrets(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let (frame, top, seen) = Top::of(&app, &reader, at, Query::of(query)).await?;
    let last = servers::starts(&app, &reader.caller, top.at.place(), &top.at.server, None, Input::new(Ok(1))).await?;
    let (found, _) = available::available(&app, &reader.caller, &top.at.organization, &top.at.workspace).await?;
    let now: BTreeMap<SecretName, _> =
        found.into_iter().map(|resolved| (resolved.winner.name.clone(), resolved.winner)).collect();
    let start = last.into_iter().next();
    let row = |held: &Held| {
        let same = now.get(&held.name);
        let said = match same {
            None => "gone".to_owned(),
            Some(now) if now.suspended => "suspended".to_owned(),
            Some(now) if now.id == held.secret => format!("v{}", now.version),
            Some(now) => format!("{} v{}", now.scope, now.version),
        };
        HeldRow {
            name: held.name.to_string(),
            of_workspace: held.scope == domain::Scope::Workspace,
            version: held.version,
            differs: same.is_none_or(|now| now.suspended || (now.id, now.version) != (held.secret, held.version)),
            now: said,
        }
    };
    let injected = start.as_ref().map(|start| start.injected.iter().map(row).collect()).unwrap_or_default();
    let left_out = start.as_ref().map(|start| start.left_out.iter().map(|held| held.name.to_string()).collect());
    let variables = seen.server.variables.iter().map(|(name, value)| (name.to_string(), value.to_owned())).collect();
    let slug = |text: &str| Slug::parse_kept(text).map_err(|_| Error::NotFound);
    let (organization, workspace) = (slug(&top.at.organization)?, slug(&top.at.workspace)?);
    page(&SecretsPage {
        frame,
        start: start.map(|start| moment(start.started_at)),
        rows: injected,
        left_out: left_out.unwrap_or_default(),
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

/// The form for name, command and variables.
pub(in crate::web) async fn edit_form(State(app): State<App>, reader: Reader, Path(at): Path<At>) -> Result<Response> {
    let (frame, Top { at, head, .. }, seen) = Top::of(&app, &reader, at, Query::default()).await?;
    if !head.uses() {
        return Err(Error::Forbidden(
            "only the workspace's owner and collaborators may edit servers; ask the owner for access".into(),
        ));
    }
    let server = seen.server;
    let line = |(name, value): (&domain::VariableName, &str)| format!("{name}={value}\n");
    let typed = Typed {
        name: server.name,
        kind: "command".to_owned(),
        command: server.command.argv().join("\n"),
        variables: server.variables.iter().map(line).collect(),
        revision: server.revision,
    };
    page(&super::FormPage { frame, at, head, typed, creates: false, errors: Vec::new() })
}

/// Saves them; a running server has them after its next start.
pub(in crate::web) async fn edit(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    let typed = Typed::sent(&form);
    let input = typed
        .pairs()
        .and_then(|pairs| fields::edit_server(Some(typed.name.clone()), None, Some(typed.argv()), Some(pairs)));
    match servers::edit(&app, &reader.caller, at.place(), &at.server, expected(&form), Input::new(input)).await {
        Ok(_) => Ok(see(&format!("{}?done=edited", at.server()))),
        Err(error) => form_again(&app, &reader, at, typed, false, error).await,
    }
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
    servers::stop(&app, &reader.caller, at.place(), &at.server).await?;
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
