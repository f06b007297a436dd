//! `/organizations/{organization}/workspaces/{workspace}/secrets`

use axum::{Json, extract::State, http::StatusCode, response::Response};
use domain::{Available, Resolved, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{
    body::Body,
    document,
    page::{List, Params, limit},
    path::Path,
    problem::Result,
    secrets::{OneSecret, SecretBody, WrittenBody, one, parse_edit, parse_set, written},
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller, Precondition,
        secrets::{self, Place, Reach, Secret},
    },
    error::Error,
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

/// Which part of the list.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AvailableParams {
    /// At most so many items, 1 to 200.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only names that contain this; A to Z in whatever case.
    q: Option<String>,
}

fn place<'a>(organization: &'a str, workspace: &'a str) -> Place<'a> {
    Place { organization, workspace: Some(workspace) }
}

/// Every secret available to the workspace's servers: its own, and the organization's that reach it.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/secrets", tag = "workspace secrets",
    params(AvailableParams),
    responses((status = 200, body = List<AvailableSecretBody>), document::Known, document::Query))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    params: Params<AvailableParams>,
) -> Result<Json<List<AvailableSecretBody>>> {
    let page = params.parse(|params| {
        let skipped = params.cursor.map(|cursor| cursor.parse::<usize>()).transpose();
        let skipped = skipped
            .map_err(|_| Error::invalid("cursor", "cursor", "This cursor is not one of this list; begin anew."))?;
        Ok((limit(params.limit)?, skipped.unwrap_or(0), params.q.unwrap_or_default().to_lowercase()))
    });
    let (resolved, editable) = secrets::available(&app, &caller, &organization, &workspace).await?;
    let (limit, skipped, filter) = page.checked()?;
    let rows: Vec<_> = resolved
        .into_iter()
        .flat_map(|resolved| rows(resolved, editable))
        .filter(|row| row.name.to_lowercase().contains(&filter))
        .collect();
    let shown = skipped.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX));
    let next_cursor = (rows.len() > shown).then(|| shown.to_string());
    Ok(Json(List::part(rows.into_iter().skip(skipped).take(shown - skipped).collect(), next_cursor)))
}

/// The winner of a name, then what it overrides.
fn rows(resolved: Resolved<Secret>, editable: bool) -> impl Iterator<Item = AvailableSecretBody> {
    let Resolved { winner, overridden } = resolved;
    let overrides = overridden.is_some();
    let show = move |available: Available<Secret>, overrides, overridden| AvailableSecretBody {
        id: available.id.to_string(),
        name: available.name.to_string(),
        scope: available.scope.as_str(),
        version: available.version,
        description: available.detail.description,
        suspended: available.suspended,
        updated_at: time(available.detail.updated_at),
        updated_by: available.detail.updated_by.map(Who::from),
        overrides,
        overridden,
        editable: editable && available.scope == Scope::Workspace,
    };
    let winner = show(winner, overrides, false);
    std::iter::once(winner).chain(overridden.map(|secret| show(secret, false, true)))
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
    let input = body.parse(|body| parse_set(&name, body.value, body.allow_empty, Reach::default(), body.description));
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
    let input = body.parse(|body| parse_edit(body.name, Reach::default(), body.description));
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
