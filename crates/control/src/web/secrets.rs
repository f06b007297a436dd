//! Secrets of an organization (`…/settings/secrets`) and the pages of one secret of either scope.

mod form;
pub(super) mod held_by;
mod one;

use askama::Template;
use axum::{extract::State, response::Response};
use domain::Access;
use serde::Deserialize;

use super::{
    frame::{Frame, Reader, page},
    query::Query,
    words::{self, Moment, moment},
};
use crate::{
    app::{
        App,
        secrets::{self, Among, Counts, Listed, Place},
    },
    error::Result,
    http::{
        paging::{Params, cursor, shown},
        path::Path,
    },
};

pub(super) use form::{chosen, create, create_form, edit, edit_form, effect, reach, set_value, value_form};
pub(super) use one::{
    delete, delete_form, destroy_version, lift, put_back, restart_form, restart_holders, show, suspend, suspend_form,
};

/// Where a page of secrets is: the variable parts of its address.
#[derive(Clone, Deserialize)]
pub(super) struct At {
    pub(super) organization: String,
    #[serde(default)]
    pub(super) workspace: Option<String>,
    #[serde(default)]
    pub(super) name: String,
}

impl At {
    /// Whose secrets.
    pub(super) fn place(&self) -> Place<'_> {
        Place { organization: &self.organization, workspace: self.workspace.as_deref() }
    }

    /// The address of the place: of the workspace, or of the organization's settings.
    pub(super) fn base(&self) -> String {
        match &self.workspace {
            None => format!("/organizations/{}/settings", self.organization),
            Some(workspace) => format!("/organizations/{}/workspaces/{workspace}", self.organization),
        }
    }

    /// The address of the list of secrets.
    pub(super) fn list(&self) -> String {
        format!("{}/secrets", self.base())
    }

    /// The address of the secret.
    pub(super) fn secret(&self) -> String {
        format!("{}/secrets/{}", self.base(), self.name)
    }

    /// How the command line names the place.
    pub(super) fn flag(&self) -> String {
        match &self.workspace {
            None => format!("--org {}", self.organization),
            Some(workspace) => format!("-w {}/{workspace}", self.organization),
        }
    }
}

#[derive(Template)]
#[template(path = "secrets/list.html")]
struct ListPage {
    frame: Frame,
    at: At,
    query: Query,
    counts: Counts,
    rows: Vec<Row>,
    next: Option<String>,
}

impl ListPage {
    /// Which of the secrets can be asked for: the word in the address, what the link says, and how many there are.
    fn choices(&self) -> [(&'static str, &'static str, u32); 3] {
        let Counts { all, selected, unused } = self.counts;
        [("", "All", all), ("selected", "Selected", selected), ("unused", "Unused", unused)]
    }
}

struct Row {
    name: String,
    description: String,
    everywhere: bool,
    selected: Vec<(String, String)>,
    more: u32,
    overridden_in: u32,
    suspended: bool,
    created: Moment,
    updated: Moment,
    by: String,
    changed: bool,
    servers: u32,
    stale: u32,
}

impl From<Listed> for Row {
    fn from(Listed { secret, selection, holders, overridden_in }: Listed) -> Self {
        let first: Vec<_> = selection.first.into_iter().map(|(slug, name)| (slug.to_string(), name)).collect();
        let shown = u32::try_from(first.len()).unwrap_or(u32::MAX);
        Self {
            name: secret.name.to_string(),
            description: secret.description,
            everywhere: secret.access == Access::All,
            more: selection.count.saturating_sub(shown),
            selected: first,
            overridden_in: overridden_in.unwrap_or_default(),
            suspended: secret.suspension.is_some(),
            created: moment(secret.created_at),
            updated: moment(secret.updated_at),
            changed: secret.updated_at != secret.created_at,
            by: words::by(secret.updated_by.as_ref()),
            servers: holders.map_or(0, |holders| holders.number),
            stale: holders.map_or(0, |holders| holders.stale),
        }
    }
}

/// The organization's secrets.
pub(super) async fn list(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let query = Query::of(query);
    let (part, limit, order) = query.page();
    let among = match query.show.as_deref() {
        Some("selected") => Among::Selected,
        Some("unused") => Among::Unused,
        _ => Among::All,
    };
    let listed = secrets::list(&app, &reader.caller, &at.organization, among, part).await?;
    let counts = secrets::count(&app, &reader.caller, &at.organization).await?;
    let position = |listed: &Listed| {
        let s = &listed.secret;
        cursor(order, s.name.as_str(), s.created_at.0, s.updated_at.0, s.id)
    };
    let (listed, next) = shown(listed, limit, position);
    page(&ListPage { frame, at, query, counts, rows: listed.into_iter().map(Row::from).collect(), next })
}

/// How the form is called that creates, writes a value, or edits.
fn title(creates: bool, writes: bool, of_organization: bool) -> &'static str {
    match (creates, writes, of_organization) {
        (true, _, true) => "Create secret",
        (true, _, false) => "Add Secret",
        (false, true, _) => "New value",
        (false, false, _) => "Edit",
    }
}
