//! `…/secrets/{name}/holders` and `…/starts`, of an organization and of a workspace, also of deleted secrets.

use axum::{Json, extract::State};
use domain::StartId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    document,
    list::List,
    problem::Result,
    secrets,
    servers::DifferenceBody,
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller, Input,
        holders::{self, Disclosure, Part, Reader, Seen, Which},
    },
    error::Error,
    http::{
        paging::{Params, limit},
        path::Path,
    },
};

/// Who holds a secret.
#[derive(Serialize, ToSchema)]
pub(super) struct HoldersBody {
    /// Servers whose process may be alive, started last first.
    items: Vec<HolderBody>,
    /// For `?cursor=` of the next request; null on the last page.
    next_cursor: Option<String>,
    /// Whose runs read it, who read last first: at most 100, with the first page. Vestry can't know whether they still run.
    also_read_by: Vec<ReaderBody>,
}

#[derive(Serialize, ToSchema)]
struct HolderBody {
    workspace: String,
    server: String,
    /// `starting`, `running` or `stopping`.
    #[schema(value_type = String)]
    status: &'static str,
    /// The name under which its program has the secret.
    name: String,
    version: u32,
    started_at: String,
    started_by: Option<Who>,
    /// The start record.
    start: String,
    /// Whether a restart would not give it the secret as it has it.
    stale: bool,
    /// How, and why.
    drift: Option<DifferenceBody>,
}

#[derive(Serialize, ToSchema)]
struct ReaderBody {
    workspace: String,
    /// Who ran it; with a workspace's token, who made that.
    person: Option<Who>,
    /// The name of the workspace's token, where it was one.
    token: Option<String>,
    /// The machine, as it called itself.
    host: String,
    /// The newest version that was read there.
    version: u32,
    last_read_at: String,
    reads: u32,
}

/// A start or run that a secret was handed to.
#[derive(Serialize, ToSchema)]
pub(super) struct DisclosureBody {
    /// The start record.
    id: String,
    /// `server` or `run`.
    #[schema(value_type = String)]
    kind: &'static str,
    workspace: String,
    server: Option<String>,
    host: Option<String>,
    command: Option<String>,
    /// The name under which the program got it.
    name: String,
    version: u32,
    /// `pending`, `delivered` or `failed`.
    #[schema(value_type = String)]
    outcome: &'static str,
    started_at: String,
    started_by: Option<Who>,
    /// The name of the workspace's token with which a run was started.
    token: Option<String>,
    /// When its process ended; never known of a run.
    ended_at: Option<String>,
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HoldersParams {
    /// Only who has this version.
    version: Option<u32>,
    /// At most so many items, 1 to 200.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which part to read, one more than to show, and how many to show.
fn part(params: Params<HoldersParams>) -> (Input<Part>, i64) {
    let mut shown = 0;
    let part = params.parse(|params| {
        shown = limit(params.limit)?;
        if params.cursor.as_ref().is_some_and(|cursor| cursor.parse::<StartId>().is_err()) {
            return Err(Error::invalid("cursor", "cursor", "This cursor is not one of this list; begin anew."));
        }
        if params.version == Some(0) {
            return Err(Error::invalid("version", "version", "Versions are counted from 1."));
        }
        Ok(Part { version: params.version, before: params.cursor, limit: shown + 1 })
    });
    (part, shown)
}

fn show(seen: Vec<Seen>, readers: Vec<Reader>, shown: i64) -> HoldersBody {
    let page = List::page(seen, shown, |seen: &Seen| seen.holder.start.to_string(), HolderBody::from);
    let (items, next_cursor) = page.into_parts();
    HoldersBody { items, next_cursor, also_read_by: readers.into_iter().map(ReaderBody::from).collect() }
}

impl From<Seen> for HolderBody {
    fn from(Seen { holder, drift }: Seen) -> Self {
        Self {
            workspace: holder.workspace_slug.to_string(),
            server: holder.server.to_string(),
            status: holder.status.as_str(),
            name: holder.name.to_string(),
            version: holder.version,
            started_at: time(holder.started_at),
            started_by: holder.started_by.map(Who::from),
            start: holder.start.to_string(),
            stale: drift.is_some(),
            drift: drift.map(DifferenceBody::from),
        }
    }
}

impl From<Reader> for ReaderBody {
    fn from(reader: Reader) -> Self {
        Self {
            workspace: reader.workspace.to_string(),
            person: reader.person.map(Who::from),
            token: reader.token,
            host: reader.host,
            version: reader.version,
            last_read_at: time(reader.last_read_at),
            reads: reader.reads,
        }
    }
}

impl From<Disclosure> for DisclosureBody {
    fn from(disclosure: Disclosure) -> Self {
        Self {
            id: disclosure.start.to_string(),
            kind: if disclosure.server.is_some() { "server" } else { "run" },
            workspace: disclosure.workspace.to_string(),
            server: disclosure.server.map(|slug| slug.to_string()),
            host: disclosure.host,
            command: disclosure.command,
            name: disclosure.name.to_string(),
            version: disclosure.version,
            outcome: disclosure.outcome.as_str(),
            started_at: time(disclosure.started_at),
            started_by: disclosure.started_by.map(Who::from),
            token: disclosure.token,
            ended_at: disclosure.ended_at.map(time),
        }
    }
}

/// The servers that hold an organization secret, and whose runs read it. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/secrets/{name}/holders", tag = "organization secrets", params(HoldersParams),
    responses((status = 200, body = HoldersBody), document::Allowed, document::Query))]
pub(in crate::api) async fn list_holders(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
    params: Params<HoldersParams>,
) -> Result<Json<HoldersBody>> {
    let (part, shown) = part(params);
    let which = Which::Named(&name);
    let (seen, readers) = holders::list(&app, &caller, secrets::place(&organization), which, part).await?;
    Ok(Json(show(seen, readers, shown)))
}

/// Every start and run that an organization secret was handed to, newest first. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/secrets/{name}/starts", tag = "organization secrets", params(HoldersParams),
    responses((status = 200, body = List<DisclosureBody>), document::Allowed, document::Query))]
pub(in crate::api) async fn list_starts(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
    params: Params<HoldersParams>,
) -> Result<Json<List<DisclosureBody>>> {
    let (part, shown) = part(params);
    let which = Which::Named(&name);
    let disclosures = holders::disclosures(&app, &caller, secrets::place(&organization), which, part).await?;
    Ok(Json(List::page(disclosures, shown, |one| one.start.to_string(), DisclosureBody::from)))
}

/// The servers that still hold a deleted organization secret, and whose runs read it. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/deleted-secrets/{secret}/holders", tag = "organization secrets", params(HoldersParams),
    responses((status = 200, body = HoldersBody), document::Allowed, document::Query))]
pub(in crate::api) async fn list_holders_of_deleted(
    State(app): State<App>,
    caller: Caller,
    Path((organization, secret)): Path<(String, String)>,
    params: Params<HoldersParams>,
) -> Result<Json<HoldersBody>> {
    let (part, shown) = part(params);
    let which = Which::Deleted(&secret);
    let (seen, readers) = holders::list(&app, &caller, secrets::place(&organization), which, part).await?;
    Ok(Json(show(seen, readers, shown)))
}

/// Every start and run that a deleted organization secret was handed to, newest first. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/deleted-secrets/{secret}/starts", tag = "organization secrets", params(HoldersParams),
    responses((status = 200, body = List<DisclosureBody>), document::Allowed, document::Query))]
pub(in crate::api) async fn list_starts_of_deleted(
    State(app): State<App>,
    caller: Caller,
    Path((organization, secret)): Path<(String, String)>,
    params: Params<HoldersParams>,
) -> Result<Json<List<DisclosureBody>>> {
    let (part, shown) = part(params);
    let which = Which::Deleted(&secret);
    let disclosures = holders::disclosures(&app, &caller, secrets::place(&organization), which, part).await?;
    Ok(Json(List::page(disclosures, shown, |one| one.start.to_string(), DisclosureBody::from)))
}

/// The same of a workspace's own secrets.
pub(super) mod workspace {
    use super::*;
    use crate::api::workspace_secrets;

    /// The servers that hold a workspace's own secret, and whose runs read it. The owner and administrators.
    #[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}/holders", tag = "workspace secrets", params(HoldersParams),
        responses((status = 200, body = HoldersBody), document::Allowed, document::Query))]
    pub(in crate::api) async fn list_holders(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, name)): Path<(String, String, String)>,
        params: Params<HoldersParams>,
    ) -> Result<Json<HoldersBody>> {
        let (part, shown) = part(params);
        let which = Which::Named(&name);
        let (seen, readers) =
            holders::list(&app, &caller, workspace_secrets::place(&organization, &workspace), which, part).await?;
        Ok(Json(show(seen, readers, shown)))
    }

    /// Every start and run that a workspace's own secret was handed to, newest first. The owner and administrators.
    #[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}/starts", tag = "workspace secrets", params(HoldersParams),
        responses((status = 200, body = List<DisclosureBody>), document::Allowed, document::Query))]
    pub(in crate::api) async fn list_starts(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, name)): Path<(String, String, String)>,
        params: Params<HoldersParams>,
    ) -> Result<Json<List<DisclosureBody>>> {
        let (part, shown) = part(params);
        let which = Which::Named(&name);
        let disclosures =
            holders::disclosures(&app, &caller, workspace_secrets::place(&organization, &workspace), which, part)
                .await?;
        Ok(Json(List::page(disclosures, shown, |one| one.start.to_string(), DisclosureBody::from)))
    }

    /// The servers that still hold a workspace's own deleted secret, and whose runs read it. The owner and administrators.
    #[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/deleted-secrets/{secret}/holders", tag = "workspace secrets", params(HoldersParams),
        responses((status = 200, body = HoldersBody), document::Allowed, document::Query))]
    pub(in crate::api) async fn list_holders_of_deleted(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, secret)): Path<(String, String, String)>,
        params: Params<HoldersParams>,
    ) -> Result<Json<HoldersBody>> {
        let (part, shown) = part(params);
        let which = Which::Deleted(&secret);
        let (seen, readers) =
            holders::list(&app, &caller, workspace_secrets::place(&organization, &workspace), which, part).await?;
        Ok(Json(show(seen, readers, shown)))
    }

    /// Every start and run that a workspace's own deleted secret was handed to, newest first. The owner and administrators.
    #[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/deleted-secrets/{secret}/starts", tag = "workspace secrets", params(HoldersParams),
        responses((status = 200, body = List<DisclosureBody>), document::Allowed, document::Query))]
    pub(in crate::api) async fn list_starts_of_deleted(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, secret)): Path<(String, String, String)>,
        params: Params<HoldersParams>,
    ) -> Result<Json<List<DisclosureBody>>> {
        let (part, shown) = part(params);
        let which = Which::Deleted(&secret);
        let disclosures =
            holders::disclosures(&app, &caller, workspace_secrets::place(&organization, &workspace), which, part)
                .await?;
        Ok(Json(List::page(disclosures, shown, |one| one.start.to_string(), DisclosureBody::from)))
    }
}
