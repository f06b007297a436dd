//! `/organizations/{organization}/secrets`

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{
    body::Body,
    document,
    list::List,
    precondition::etag,
    problem::Result,
    suspensions::SuspensionBody,
    words::{WarningBody, Who, time},
};
use crate::{
    app::{
        App, Caller, Precondition, drift,
        secrets::{self, Listed, Place, Written},
    },
    http::{
        fields,
        paging::{Paging, Params, cursor, paging},
        path::Path,
    },
};

/// An organization secret without its value, which nobody ever reads back.
#[derive(Serialize, ToSchema)]
pub(super) struct SecretBody {
    id: String,
    name: String,
    /// `organization` or `workspace`.
    #[schema(value_type = String)]
    scope: &'static str,
    /// `all` or `selected`; only for organization secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    access: Option<&'static str>,
    /// The selected workspaces; only for organization secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    workspaces: Option<SelectionBody>,
    /// How many servers whose process may be alive have it; only for organization secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    holders: Option<u32>,
    /// How many of them a restart would not give it as they have it; only for organization secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_holders: Option<u32>,
    /// In how many of the workspaces that it reaches one of their own overrides it; only for organization secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    overridden_in: Option<u32>,
    description: String,
    version: u32,
    suspended: bool,
    suspension: Option<SuspensionBody>,
    created_at: String,
    created_by: Option<Who>,
    updated_at: String,
    updated_by: Option<Who>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SelectionBody {
    pub(super) count: u32,
    /// At most five of them.
    pub(super) first: Vec<NamedWorkspace>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct NamedWorkspace {
    pub(super) slug: String,
    pub(super) name: String,
}

/// What a write answers.
#[derive(Serialize, ToSchema)]
pub(super) struct WrittenBody {
    #[serde(flatten)]
    secret: SecretBody,
    warnings: Vec<WarningBody>,
    /// Running servers that need a restart because of this change; not those that differ for other reasons.
    restart_needed: Vec<StaleServerBody>,
    /// Servers that were stopped because it was suspended, and still are, though it is not suspended any more.
    still_stopped: Vec<StaleServerBody>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct StaleServerBody {
    workspace: String,
    server: String,
}

impl From<drift::StaleServer> for StaleServerBody {
    fn from(stale: drift::StaleServer) -> Self {
        Self { workspace: stale.workspace.to_string(), server: stale.server.to_string() }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetOrganizationSecretBody {
    /// At most 48 KiB of UTF-8 without NUL, kept byte for byte.
    #[schema(value_type = String)]
    value: Zeroizing<String>,
    /// `all` or `selected`. A new secret without access and workspaces reaches all.
    access: Option<String>,
    /// The whole selection, by slug; giving one, even an empty one, means `selected`.
    workspaces: Option<Vec<String>>,
    description: Option<String>,
    /// Whether the value may be empty.
    #[serde(default)]
    allow_empty: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditOrganizationSecretBody {
    /// Another name.
    name: Option<String>,
    /// `all` or `selected`.
    access: Option<String>,
    /// The whole selection, by slug.
    workspaces: Option<Vec<String>>,
    description: Option<String>,
}

pub(super) type OneSecret = ([(HeaderName, HeaderValue); 1], Json<SecretBody>);

pub(super) fn one(listed: Listed) -> OneSecret {
    (etag(&listed.secret.revision), Json(show(listed)))
}

fn show(listed: Listed) -> SecretBody {
    let Listed { secret, selection, holders, overridden_in } = listed;
    let of_organization = secret.scope == domain::Scope::Organization;
    let first = selection.first.into_iter().map(|(slug, name)| NamedWorkspace { slug: slug.to_string(), name });
    SecretBody {
        id: secret.id.to_string(),
        name: secret.name.to_string(),
        scope: secret.scope.as_str(),
        access: of_organization.then_some(secret.access.as_str()),
        workspaces: of_organization.then(|| SelectionBody { count: selection.count, first: first.collect() }),
        holders: holders.map(|holders| holders.number),
        stale_holders: holders.map(|holders| holders.stale),
        overridden_in,
        description: secret.description,
        version: secret.version,
        suspended: secret.suspension.is_some(),
        suspension: secret.suspension.map(SuspensionBody::from),
        created_at: time(secret.created_at),
        created_by: secret.created_by.map(Who::from),
        updated_at: time(secret.updated_at),
        updated_by: secret.updated_by.map(Who::from),
    }
}

/// 201 for a created secret, 200 for a changed one.
pub(super) fn written(written: Written) -> Response {
    let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
    let etag = etag(&written.listed.secret.revision);
    let body = WrittenBody {
        secret: show(written.listed),
        warnings: written.warnings.into_iter().map(WarningBody::from).collect(),
        restart_needed: written.stale.into_iter().map(StaleServerBody::from).collect(),
        still_stopped: written.still_stopped.into_iter().map(StaleServerBody::from).collect(),
    };
    (status, etag, Json(body)).into_response()
}

pub(super) fn place(organization: &str) -> Place<'_> {
    Place { organization, workspace: None }
}

/// The organization's secrets. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/secrets", tag = "organization secrets", params(Paging),
    responses((status = 200, body = List<SecretBody>), document::Allowed, document::Query))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    params: Params<Paging>,
) -> Result<Json<List<SecretBody>>> {
    let (page, limit, order) = paging(params);
    let listed = secrets::list(&app, &caller, &organization, secrets::Among::All, page).await?;
    let position = |listed: &Listed| {
        let s = &listed.secret;
        cursor(order, s.name.as_str(), s.created_at.0, s.updated_at.0, s.id)
    };
    Ok(Json(List::page(listed, limit, position, show)))
}

/// One organization secret. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/secrets/{name}", tag = "organization secrets",
    responses((status = 200, body = SecretBody), document::Allowed))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
) -> Result<OneSecret> {
    secrets::get(&app, &caller, place(&organization), &name).await.map(one)
}

/// Create an organization secret or write its next version. Administrators only.
#[utoipa::path(put, path = "/organizations/{organization}/secrets/{name}", tag = "organization secrets",
    request_body = SetOrganizationSecretBody,
    responses((status = 201, body = WrittenBody), (status = 200, body = WrittenBody),
        document::Allowed, document::Revision, document::State, document::Body, document::Ready))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
    expected: Precondition,
    body: Body<SetOrganizationSecretBody>,
) -> Result<Response> {
    let input = body.parse(|body| {
        let reach = fields::reach(body.access, body.workspaces)?;
        fields::set_secret(&name, body.value, body.allow_empty, reach, body.description)
    });
    secrets::set(&app, &caller, place(&organization), &name, expected, input).await.map(written)
}

/// Change name, access, selection or description; the value stays. Administrators only.
#[utoipa::path(patch, path = "/organizations/{organization}/secrets/{name}", tag = "organization secrets",
    request_body = EditOrganizationSecretBody,
    responses((status = 200, body = WrittenBody),
        document::Allowed, document::Revision, document::State, document::Body, document::Ready))]
pub(super) async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
    expected: Precondition,
    body: Body<EditOrganizationSecretBody>,
) -> Result<Response> {
    let input = body.parse(|body| {
        let reach = fields::reach(body.access, body.workspaces)?;
        fields::edit_secret(body.name, reach, body.description)
    });
    secrets::edit(&app, &caller, place(&organization), &name, expected, input).await.map(written)
}

/// Delete an organization secret: its name is free at once. Administrators only.
#[utoipa::path(delete, path = "/organizations/{organization}/secrets/{name}", tag = "organization secrets",
    responses((status = 204), document::Allowed, document::Revision))]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
    expected: Precondition,
) -> Result<StatusCode> {
    secrets::delete(&app, &caller, place(&organization), &name, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Add a workspace to the selection. Administrators only; 409 while the secret reaches all workspaces.
#[utoipa::path(put, path = "/organizations/{organization}/secrets/{name}/workspaces/{workspace}",
    tag = "organization secrets",
    responses((status = 200, body = WrittenBody),
        document::Allowed, document::Revision, document::State, document::Fits))]
pub(super) async fn select(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name, workspace)): Path<(String, String, String)>,
    expected: Precondition,
) -> Result<Response> {
    secrets::select_one(&app, &caller, &organization, &name, &workspace, true, expected).await.map(written)
}

/// Take a workspace out of the selection; the last one out leaves a secret that reaches nobody. Administrators only.
#[utoipa::path(delete, path = "/organizations/{organization}/secrets/{name}/workspaces/{workspace}",
    tag = "organization secrets",
    responses((status = 200, body = WrittenBody),
        document::Allowed, document::Revision, document::State, document::Fits))]
pub(super) async fn deselect(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name, workspace)): Path<(String, String, String)>,
    expected: Precondition,
) -> Result<Response> {
    secrets::select_one(&app, &caller, &organization, &name, &workspace, false, expected).await.map(written)
}
