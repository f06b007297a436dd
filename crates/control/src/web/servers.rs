//! The servers of a workspace, and the pages of one.

mod form;
mod log;
mod one;

use askama::Template;
use axum::{extract::State, response::Response};
use domain::{ServerStatus, escaped, join_command};
use serde::Deserialize;

use super::{
    frame::{Frame, Reader, page},
    problem::sentence,
    query::Query,
    words::{self, Moment, moment},
    workspaces::{self, Head},
};
use crate::{
    app::{
        App,
        servers::{self, Place, Seen},
    },
    error::{Error, Result},
    http::{
        paging::{Params, cursor, shown},
        path::Path,
    },
};

pub(super) use form::{create, create_form, edit, edit_form};
pub(super) use one::{delete, delete_form, logs, restart, secrets, start, starts, stop};

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
            command: escaped(&join_command(server.command.argv())),
            status: status.as_str(),
            look: match status {
                ServerStatus::Running => "success",
                ServerStatus::Failed => "danger",
                ServerStatus::Starting | ServerStatus::Stopping => "warning",
                ServerStatus::Stopped => "",
            },
            detail: sentence(&server.status_detail),
            // Most details of an end say it themselves.
            exit_code: server
                .exit_code
                .filter(|code| ended && !server.status_detail.ends_with(&format!("code {code}"))),
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
    log: Vec<log::Line>,
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
        let log = if failed { log::last(&app, &reader, &at, &server.slug, LAST_LINES).await? } else { Vec::new() };
        rows.push(Row { server, log });
    }
    page(&ListPage { frame, at, head, query, rows, next })
}

/// A form that could not be sent is not shown.
fn may_use(head: &Head) -> Result<()> {
    if head.uses() {
        return Ok(());
    }
    Err(Error::Forbidden("only the workspace's owner and collaborators may do this; ask the owner for access".into()))
}
