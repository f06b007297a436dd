//! The servers of a workspace, and the pages of one.

mod one;

use std::collections::BTreeMap;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use domain::ServerStatus;
use serde::Deserialize;

use super::{
    form::Form,
    frame::{Frame, Reader, page, page_with, see},
    problem::sentence,
    query::Query,
    words::{self, Moment, moment},
    workspaces::{self, Head},
};
use crate::{
    app::{
        App, Input,
        servers::{self, Place, Seen},
    },
    error::{Error, FieldError, Result},
    http::{
        fields,
        paging::{Params, cursor, shown},
        path::Path,
    },
};

pub(super) use one::{delete, delete_form, edit, edit_form, logs, restart, secrets, start, starts, stop};

/// Where a page of servers is.
#[derive(Clone, Deserialize)]
pub(super) struct At {
    pub(super) organization: String,
    pub(super) workspace: String,
    #[serde(default)]
    pub(super) server: String,
}

impl At {
    pub(super) fn place(&self) -> Place<'_> {
        Place { organization: &self.organization, workspace: &self.workspace }
    }

    /// The address of the workspace.
    pub(super) fn base(&self) -> String {
        format!("/organizations/{}/workspaces/{}", self.organization, self.workspace)
    }

    /// The address of the server.
    pub(super) fn server(&self) -> String {
        format!("{}/servers/{}", self.base(), self.server)
    }

    /// How the command line names the workspace.
    pub(super) fn flag(&self) -> String {
        format!("-w {}/{}", self.organization, self.workspace)
    }
}

/// A server as its row and its page show it.
pub(super) struct Shown {
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) command: String,
    pub(super) status: &'static str,
    pub(super) look: &'static str,
    pub(super) detail: String,
    pub(super) exit_code: Option<i32>,
    pub(super) started: Option<Moment>,
    pub(super) by: String,
    pub(super) may_start: bool,
    pub(super) may_stop: bool,
    pub(super) may_restart: bool,
    pub(super) needs_restart: bool,
}

impl Shown {
    /// What the reader may do with it now, where they use the workspace's servers or may only stop them.
    pub(super) fn of(seen: &Seen, uses: bool) -> Self {
        let server = &seen.server;
        let status = server.status;
        let ended = matches!(status, ServerStatus::Stopped | ServerStatus::Failed);
        Self {
            slug: server.slug.to_string(),
            name: server.name.clone(),
            command: server.command.argv().join(" "),
            status: status.as_str(),
            look: match status {
                ServerStatus::Running => "success",
                ServerStatus::Failed => "danger",
                ServerStatus::Starting | ServerStatus::Stopping => "warning",
                ServerStatus::Stopped => "",
            },
            detail: sentence(&server.status_detail),
            exit_code: server.exit_code.filter(|_| ended),
            started: server.started_at.map(moment),
            by: words::by(server.started_by.as_ref()),
            may_start: uses && ended,
            may_stop: matches!(status, ServerStatus::Running),
            may_restart: matches!(status, ServerStatus::Running),
            needs_restart: seen.needs_restart(),
        }
    }
}

#[derive(Template)]
#[template(path = "servers/list.html")]
struct ListPage {
    frame: Frame,
    at: At,
    head: Head,
    query: Query,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    server: Shown,
    /// The end of a failed server's log, for those who may read it.
    log: Option<String>,
}

/// The lines of a failed server's log that its row shows.
const LAST_LINES: usize = 20;

/// The section of a workspace.
pub(super) async fn list(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let head = workspaces::head(&app, &reader, &at.organization, &at.workspace).await?;
    let query = Query::of(query);
    let (part, limit, order) = query.page();
    let seen = servers::list(&app, &reader.caller, at.place(), part).await?;
    let position = |seen: &Seen| {
        let s = &seen.server;
        cursor(order, &s.name, s.created_at.0, s.updated_at.0, s.id)
    };
    let (seen, next) = shown(seen, limit, position);
    let mut rows = Vec::new();
    for seen in seen {
        let server = Shown::of(&seen, head.uses());
        let failed = seen.server.status == ServerStatus::Failed && head.uses();
        let log = if failed { Some(log_text(&app, &reader, &at, &server.slug, LAST_LINES).await?) } else { None };
        rows.push(Row { server, log });
    }
    page(&ListPage { frame, at, head, query, rows, next })
}

/// The last lines of a server's log, without what would drive a terminal or turn the text around.
async fn log_text(app: &App, reader: &Reader, at: &At, slug: &str, lines: usize) -> Result<String> {
    let log = servers::log(app, &reader.caller, at.place(), slug).await?;
    let (bytes, _) = log.log.tail(lines).map_err(|error| Error::Internal(error.into()))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().map(|line| domain::log_line(line) + "\n").collect())
}

#[derive(Template)]
#[template(path = "servers/form.html")]
struct FormPage {
    frame: Frame,
    at: At,
    head: Head,
    typed: Typed,
    creates: bool,
    errors: Vec<FieldError>,
}

/// What stands in the fields.
#[derive(Default)]
struct Typed {
    name: String,
    kind: String,
    /// One argument on each line.
    command: String,
    /// One `NAME=value` on each line.
    variables: String,
    revision: String,
}

impl FormPage {
    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }

    fn action(&self) -> String {
        if self.creates { format!("{}/servers", self.at.base()) } else { format!("{}/edit", self.at.server()) }
    }
}

/// The commands that are offered beside one's own.
const PRESETS: &[(&str, &[&str])] = &[
    ("jupyterlab", &["jupyter", "lab", "--ip=127.0.0.1", "--no-browser"]),
    ("code-server", &["code-server", "--bind-addr=127.0.0.1:8080", "--auth=none"]),
];

impl Typed {
    fn sent(form: &Form) -> Self {
        Self {
            name: form.text("name"),
            kind: form.text("kind"),
            command: form.text("command"),
            variables: form.text("variables"),
            revision: form.text("revision"),
        }
    }

    fn argv(&self) -> Vec<String> {
        match PRESETS.iter().find(|(word, _)| *word == self.kind) {
            Some((_, argv)) => argv.iter().map(|argument| (*argument).to_owned()).collect(),
            None => self.command.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        }
    }

    fn pairs(&self) -> Result<BTreeMap<String, String>> {
        let pair = |line: &str| {
            let (name, value) = line.split_once('=').ok_or_else(|| {
                Error::invalid("variables", "no_assignment", "Write each variable on a line of its own, as NAME=value.")
            })?;
            Ok((name.trim().to_owned(), value.to_owned()))
        };
        self.variables.lines().filter(|line| !line.trim().is_empty()).map(pair).collect()
    }
}

/// The form for a new server.
pub(super) async fn create_form(State(app): State<App>, reader: Reader, Path(at): Path<At>) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let head = workspaces::head(&app, &reader, &at.organization, &at.workspace).await?;
    if !head.uses() {
        return Err(Error::Forbidden(
            "only the workspace's owner and collaborators may add servers; ask the owner for access".into(),
        ));
    }
    page(&FormPage { frame, at, head, typed: Typed::default(), creates: true, errors: Vec::new() })
}

/// Adds a server, and starts it when that was asked for too.
pub(super) async fn create(
    State(app): State<App>,
    reader: Reader,
    Path(mut at): Path<At>,
    form: Form,
) -> Result<Response> {
    let typed = Typed::sent(&form);
    let input = typed.pairs().and_then(|pairs| fields::new_server(&typed.name, None, typed.argv(), pairs));
    match servers::create(&app, &reader.caller, at.place(), Input::new(input)).await {
        Ok(created) => {
            at.server = created.server.slug.to_string();
            if form.has("start") {
                servers::start(&app, &reader.caller, at.place(), &at.server).await?;
            }
            Ok(see(&at.server()))
        }
        Err(error) => form_again(&app, &reader, at, typed, true, error).await,
    }
}

/// The form with what does not fit beside each field; anything else is no matter of the form.
async fn form_again(app: &App, reader: &Reader, at: At, typed: Typed, creates: bool, error: Error) -> Result<Response> {
    let (status, errors) = match error {
        Error::Invalid(errors) => (StatusCode::UNPROCESSABLE_ENTITY, errors),
        Error::Conflict(why) => {
            (StatusCode::CONFLICT, vec![FieldError { field: "name", code: "conflict", message: sentence(&why) }])
        }
        error => return Err(error),
    };
    let frame = Frame::of(app, reader, Some(&at.organization)).await?;
    let head = workspaces::head(app, reader, &at.organization, &at.workspace).await?;
    page_with(status, &FormPage { frame, at, head, typed, creates, errors })
}
