//! The Secrets section of a workspace: all that reach its servers.

use askama::Template;
use axum::{extract::State, response::Response};
use domain::Scope;

use super::{
    frame::{Frame, Reader, page},
    query::Query,
    secrets::At,
    words::{self, Moment, moment},
    workspaces::{self, Head},
};
use crate::{
    app::{App, secrets},
    error::Result,
    http::{paging::Params, path::Path},
};

#[derive(Template)]
#[template(path = "workspaces/secrets.html")]
struct SecretsPage {
    frame: Frame,
    at: At,
    head: Head,
    query: Query,
    rows: Vec<Row>,
    own: usize,
    all: usize,
    may_write: bool,
}

struct Row {
    name: String,
    of_workspace: bool,
    version: u32,
    description: String,
    overrides: bool,
    overridden: bool,
    suspended: bool,
    updated: Moment,
    by: String,
}

impl Row {
    fn of(secret: secrets::Secret, overrides: bool, overridden: bool) -> Self {
        Self {
            name: secret.name.to_string(),
            of_workspace: secret.scope == Scope::Workspace,
            version: secret.version,
            description: secret.description,
            overrides,
            overridden,
            suspended: secret.suspension.is_some(),
            updated: moment(secret.updated_at),
            by: words::by(secret.updated_by.as_ref()),
        }
    }
}

/// The section.
pub(super) async fn list(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let workspace = at.workspace.clone().unwrap_or_default();
    let head = workspaces::head(&app, &reader, &at.organization, &workspace).await?;
    let (found, may_write) = secrets::available(&app, &reader.caller, &at.organization, &workspace).await?;
    let mut rows = Vec::new();
    for resolved in found {
        let overrides = resolved.overridden.is_some();
        rows.push(Row::of(resolved.winner.detail, overrides, false));
        rows.extend(resolved.overridden.map(|hidden| Row::of(hidden.detail, false, true)));
    }
    let (all, own) = (rows.len(), rows.iter().filter(|row| row.of_workspace).count());
    let query = Query::of(query);
    let wanted = query.wanted().to_ascii_lowercase();
    rows.retain(|row| {
        let scope = query.shows("") || query.shows(if row.of_workspace { "workspace" } else { "organization" });
        scope && row.name.to_ascii_lowercase().contains(&wanted)
    });
    page(&SecretsPage { frame, at, head, query, rows, own, all, may_write })
}
