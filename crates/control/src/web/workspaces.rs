//! Workspaces: the list, a new one, and what stands above each section of one.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use domain::WorkspaceRole;

use super::{
    form::Form,
    frame::{Frame, Reader, page, page_with, see, slug},
    problem::sentence,
    query::Query,
    restarts::Open,
    words::{self, Moment, moment},
};
use crate::{
    app::{
        App, Input, Order, PageRequest,
        servers::{self, Place},
        workspaces::{self, Seen, Showing},
    },
    error::{Error, FieldError, Result},
    http::{
        fields,
        paging::{Params, cursor, shown},
        path::Path,
    },
};

#[derive(Template)]
#[template(path = "workspaces/list.html")]
struct ListPage {
    frame: Frame,
    query: Query,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    slug: String,
    name: String,
    description: String,
    owner: String,
    mine: bool,
    servers: u32,
    running: u32,
    stale: u32,
    own_secrets: u32,
    organization_secrets: u32,
    people: u32,
    updated: Moment,
}

impl From<Seen> for Row {
    fn from(Seen { workspace, role, restart_needed }: Seen) -> Self {
        Self {
            slug: workspace.slug.to_string(),
            name: workspace.name,
            description: workspace.description,
            owner: workspace.owner.name,
            mine: role == WorkspaceRole::Owner,
            servers: workspace.servers,
            running: workspace.alive,
            stale: restart_needed,
            own_secrets: workspace.own_secrets,
            organization_secrets: workspace.organization_secrets,
            people: workspace.people,
            updated: moment(workspace.updated_at),
        }
    }
}

/// The workspaces that the reader may see.
pub(super) async fn list(
    State(app): State<App>,
    reader: Reader,
    Path(organization): Path<String>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&organization)).await?;
    let query = Query::of(query);
    let (part, limit, order) = query.page();
    let showing = match query.show.as_deref() {
        Some("running") => Showing::Running,
        Some("restart-needed") => Showing::RestartNeeded,
        Some("mine") => Showing::Mine,
        _ => Showing::All,
    };
    let seen = workspaces::list(&app, &reader.caller, &organization, showing, part).await?;
    let position = |seen: &Seen| {
        let w = &seen.workspace;
        cursor(order, &w.name, w.created_at.0, w.updated_at.0, w.id)
    };
    let (seen, next) = shown(seen, limit, position);
    page(&ListPage { frame, query, rows: seen.into_iter().map(Row::from).collect(), next })
}

/// A workspace's own address leads to its servers.
pub(super) async fn first(Path((organization, workspace)): Path<(String, String)>) -> Result<Response> {
    let (organization, workspace) = (slug(&organization)?, slug(&workspace)?);
    Ok(see(&format!("/organizations/{organization}/workspaces/{workspace}/servers")))
}

#[derive(Template)]
#[template(path = "workspaces/new.html")]
struct NewPage {
    frame: Frame,
    name: String,
    slug: String,
    description: String,
    errors: Vec<FieldError>,
}

impl NewPage {
    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

/// The form for a new workspace.
pub(super) async fn create_form(
    State(app): State<App>,
    reader: Reader,
    Path(organization): Path<String>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&organization)).await?;
    let (name, slug, description) = Default::default();
    page(&NewPage { frame, name, slug, description, errors: Vec::new() })
}

/// Creates a workspace.
pub(super) async fn create(
    State(app): State<App>,
    reader: Reader,
    Path(organization): Path<String>,
    form: Form,
) -> Result<Response> {
    let (name, slug, description) = (form.text("name"), form.text("slug"), form.text("description"));
    let input = fields::new_workspace(&name, form.given("slug").as_deref(), form.given("description"));
    let (status, errors) = match workspaces::create(&app, &reader.caller, &organization, Input::new(input)).await {
        Ok(created) => {
            return Ok(see(&format!("/organizations/{organization}/workspaces/{}/secrets", created.workspace.slug)));
        }
        Err(Error::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, errors),
        Err(Error::Conflict(why)) => {
            let taken = FieldError { field: "slug", code: "conflict", message: sentence(&why) };
            (StatusCode::CONFLICT, vec![taken])
        }
        Err(error) => return Err(error),
    };
    let frame = Frame::of(&app, &reader, Some(&organization)).await?;
    page_with(status, &NewPage { frame, name, slug, description, errors })
}

/// What stands above each section of a workspace.
pub(super) struct Head {
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) owner: String,
    pub(super) role: WorkspaceRole,
    pub(super) servers: u32,
    pub(super) running: u32,
    pub(super) secrets: u32,
    pub(super) people: u32,
    /// The running servers that need a restart, with what differs.
    pub(super) stale: Vec<StaleRow>,
    /// The rolling restarts that are not over.
    pub(super) restarts: Vec<Open>,
}

/// A server that needs a restart.
pub(super) struct StaleRow {
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) started: Option<Moment>,
    pub(super) changes: Vec<Change>,
    pub(super) settings: bool,
}

/// How one secret differs from what a server started with.
pub(super) struct Change {
    pub(super) name: String,
    pub(super) said: String,
    pub(super) reason: &'static str,
    pub(super) by: String,
    pub(super) at: Option<Moment>,
}

impl Head {
    /// The sections: the word in the address, the name, and how many are in it where that is worth knowing.
    pub(super) fn sections(&self) -> [(&'static str, &'static str, Option<u32>); 5] {
        [
            ("servers", "Servers", Some(self.servers)),
            ("secrets", "Secrets", Some(self.secrets)),
            ("members", "Members with access", Some(self.people)),
            ("activity", "Activity", None),
            ("general", "General", None),
        ]
    }

    /// The first of the servers that need a restart.
    pub(super) fn first_stale(&self) -> &[StaleRow] {
        &self.stale[..self.stale.len().min(5)]
    }

    /// Whether the reader owns the workspace.
    pub(super) fn owns(&self) -> bool {
        self.role == WorkspaceRole::Owner
    }

    /// Whether the reader may use its servers.
    pub(super) fn uses(&self) -> bool {
        self.role != WorkspaceRole::Administrator
    }
}

/// Every server of a workspace, by name.
///
/// # Errors
/// As the order of answers says.
pub(super) async fn servers(app: &App, reader: &Reader, organization: &str, slug: &str) -> Result<Vec<servers::Seen>> {
    const EVERY_SERVER: PageRequest = PageRequest { limit: 1_000, after: None, order: Order::Name, filter: None };
    let place = Place { organization, workspace: slug };
    servers::list(app, &reader.caller, place, Input::new(Ok(EVERY_SERVER))).await
}

/// Reads what stands above the sections.
///
/// # Errors
/// As the order of answers says.
pub(super) async fn head(app: &App, reader: &Reader, organization: &str, slug: &str) -> Result<Head> {
    let Seen { workspace, role, restart_needed } = workspaces::get(app, &reader.caller, organization, slug).await?;
    let mut stale = Vec::new();
    if restart_needed > 0 {
        stale = self::servers(app, reader, organization, slug).await?;
        stale.retain(servers::Seen::needs_restart);
    }
    Ok(Head {
        slug: workspace.slug.to_string(),
        name: workspace.name,
        description: workspace.description,
        owner: workspace.owner.name,
        role,
        servers: workspace.servers,
        running: workspace.alive,
        secrets: workspace.own_secrets + workspace.organization_secrets,
        people: workspace.people,
        stale: stale.into_iter().map(StaleRow::from).collect(),
        restarts: Open::of(app, reader, crate::app::secrets::Place { organization, workspace: Some(slug) }).await?,
    })
}

impl From<servers::Seen> for StaleRow {
    fn from(seen: servers::Seen) -> Self {
        let settings = seen.settings_changed().is_some();
        Self {
            name: seen.server.name,
            slug: seen.server.slug.to_string(),
            started: seen.server.started_at.map(moment),
            changes: seen.drift.into_iter().map(Change::from).collect(),
            settings,
        }
    }
}

impl From<crate::app::drift::Explained> for Change {
    fn from(explained: crate::app::drift::Explained) -> Self {
        let crate::app::drift::Explained { difference, cause, by } = explained;
        let said = match (&difference.from, &difference.to) {
            (Some(from), Some(to)) if from.secret == to.secret => format!("v{} → v{}", from.version, to.version),
            (Some(from), Some(to)) => {
                format!("{} v{} → {} v{}", from.scope, from.version, to.scope, to.version)
            }
            (None, _) => "new".to_owned(),
            (Some(_), None) => "gone".to_owned(),
        };
        Self {
            name: difference.name.to_string(),
            said,
            reason: cause.reason.as_str(),
            by: words::by(by.as_ref()),
            at: cause.change.map(|change| moment(change.at)),
        }
    }
}
