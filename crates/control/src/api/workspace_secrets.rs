//! `/organizations/{organization}/workspaces/{workspace}/secrets`

use axum::{Json, extract::State, http::StatusCode, response::Response};
use domain::{Available, Resolved, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{
    body::Body,
    document,
    list::List,
    problem::Result,
    secrets::{OneSecret, SecretBody, WrittenBody, one, written},
    suspensions::SuspensionBody,
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller, Precondition,
        secrets::{self, Place, Reach, Secret},
    },
    http::{
        fields,
        paging::{Paging, Params, Position, cut, paging},
        path::Path,
    },
};

/// A secret that reaches the workspace, without its value and without where else it goes.
#[derive(Serialize, ToSchema)]
pub(super) struct AvailableSecretBody {
    id: String,
    name: String,
    /// `organization` or `workspace`.
    #[schema(value_type = String)]
    scope: &'static str,
    version: u32,
    description: String,
    suspended: bool,
    suspension: Option<SuspensionBody>,
    updated_at: String,
    updated_by: Option<Who>,
    /// Whether it overrides the organization's secret of the same name.
    overrides: bool,
    /// Whether the workspace's own secret of the same name overrides it.
    overridden: bool,
    /// Whether the caller may edit it here.
    editable: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetWorkspaceSecretBody {
    /// At most 48 KiB of UTF-8 without NUL, kept byte for byte.
    #[schema(value_type = String)]
    value: Zeroizing<String>,
    description: Option<String>,
    /// Whether the value may be empty.
    #[serde(default)]
    allow_empty: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditWorkspaceSecretBody {
    /// Another name.
    name: Option<String>,
    description: Option<String>,
}

pub(super) fn place<'a>(organization: &'a str, workspace: &'a str) -> Place<'a> {
    Place { organization, workspace: Some(workspace) }
}

/// Every secret available to the workspace's servers: its own, and the organization's that reach it.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/secrets", tag = "workspace secrets",
    params(Paging),
    responses((status = 200, body = List<AvailableSecretBody>), document::Known, document::Query))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    params: Params<Paging>,
) -> Result<Json<List<AvailableSecretBody>>> {
    let (page, limit, order) = paging(params);
    let (resolved, editable) = secrets::available(&app, &caller, &organization, &workspace).await?;
    let rows = resolved.into_iter().flat_map(rows).collect();
    let position = |row: &Row| {
        let secret = &row.secret.detail;
        // Where all else is equal, what is overridden follows what overrides it.
        let id = format!("{} {}", u8::from(row.overridden), secret.id);
        Position { name: secret.name.to_string(), created: secret.created_at.0, updated: secret.updated_at.0, id }
    };
    let rows = cut(rows, &page.checked()?, position);
    let place = |row: &Row| position(row).cursor(order);
    Ok(Json(List::page(rows, limit, place, |row| show(row, editable))))
}

/// A secret that reaches the workspace.
struct Row {
    secret: Available<Secret>,
    overrides: bool,
    overridden: bool,
}

/// The winner of a name, and what it overrides.
fn rows(resolved: Resolved<Secret>) -> impl Iterator<Item = Row> {
    let Resolved { winner, overridden } = resolved;
    let winner = Row { secret: winner, overrides: overridden.is_some(), overridden: false };
    std::iter::once(winner).chain(overridden.map(|secret| Row { secret, overrides: false, overridden: true }))
}

fn show(row: Row, editable: bool) -> AvailableSecretBody {
    let Row { secret, overrides, overridden } = row;
    AvailableSecretBody {
        id: secret.id.to_string(),
        name: secret.name.to_string(),
        scope: secret.scope.as_str(),
        version: secret.version,
        description: secret.detail.description,
        suspended: secret.suspended,
        suspension: secret.detail.suspension.map(SuspensionBody::from),
        updated_at: time(secret.detail.updated_at),
        updated_by: secret.detail.updated_by.map(Who::from),
        overrides,
        overridden,
        editable: editable && secret.scope == Scope::Workspace,
    }
}

/// One of the workspace's own secrets.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}",
    tag = "workspace secrets",
    responses((status = 200, body = SecretBody), document::Known))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, name)): Path<(String, String, String)>,
) -> Result<OneSecret> {
    secrets::get(&app, &caller, place(&organization, &workspace), &name).await.map(one)
}

/// Create a workspace secret or write its next version. The owner only.
#[utoipa::path(put, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}",
    tag = "workspace secrets", request_body = SetWorkspaceSecretBody,
    responses((status = 201, body = WrittenBody), (status = 200, body = WrittenBody),
        document::Allowed, document::Revision, document::State, document::Body, document::Ready))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, name)): Path<(String, String, String)>,
    expected: Precondition,
    body: Body<SetWorkspaceSecretBody>,
) -> Result<Response> {
    let input =
        body.parse(|body| fields::set_secret(&name, body.value, body.allow_empty, Reach::default(), body.description));
    secrets::set(&app, &caller, place(&organization, &workspace), &name, expected, input).await.map(written)
}

/// Change name or description; the value stays. The owner only.
#[utoipa::path(patch, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}",
    tag = "workspace secrets", request_body = EditWorkspaceSecretBody,
    responses((status = 200, body = WrittenBody),
        document::Allowed, document::Revision, document::State, document::Body, document::Ready))]
pub(super) async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, name)): Path<(String, String, String)>,
    expected: Precondition,
    body: Body<EditWorkspaceSecretBody>,
) -> Result<Response> {
    let input = body.parse(|body| fields::edit_secret(body.name, Reach::default(), body.description));
    secrets::edit(&app, &caller, place(&organization, &workspace), &name, expected, input).await.map(written)
}

/// Delete a workspace secret: its name is free at once, and it overrides nothing any more. The owner only.
#[utoipa::path(delete, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}",
    tag = "workspace secrets",
    responses((status = 204), document::Allowed, document::Revision))]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, name)): Path<(String, String, String)>,
    expected: Precondition,
) -> Result<StatusCode> {
    secrets::delete(&app, &caller, place(&organization, &workspace), &name, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}
