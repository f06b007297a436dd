//! `/organizations/{organization}/workspaces`

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    body::Body,
    document,
    list::List,
    precondition::etag,
    problem::Result,
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller, Precondition,
        workspaces::{self, Seen},
    },
    http::{
        fields,
        paging::{Paging, Params, cursor, paging},
        path::Path,
    },
};

#[derive(Serialize, ToSchema)]
pub(super) struct WorkspaceBody {
    id: String,
    slug: String,
    name: String,
    description: String,
    owner: Who,
    /// What the caller is to it: `owner`, `collaborator` or `administrator`.
    #[schema(value_type = String)]
    role: &'static str,
    servers: ServersBody,
    secrets: SecretsBody,
    /// How many people can use its servers: its owner and its collaborators.
    people: u32,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
struct ServersBody {
    total: u32,
    running: u32,
    restart_needed: u32,
}

#[derive(Serialize, ToSchema)]
struct SecretsBody {
    /// How many the workspace has of its own.
    workspace: u32,
    /// How many of the organization's reach it, those that it overrides too.
    organization: u32,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWorkspaceBody {
    name: String,
    /// Made from the name when missing.
    slug: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditWorkspaceBody {
    name: Option<String>,
    slug: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonBody {
    /// The id or e-mail address of a member.
    user: String,
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DeleteParams {
    /// Stop the servers that run.
    stop: bool,
}

type OneWorkspace = ([(HeaderName, HeaderValue); 1], Json<WorkspaceBody>);

fn show(seen: Seen) -> WorkspaceBody {
    let Seen { workspace, role, restart_needed } = seen;
    WorkspaceBody {
        id: workspace.id.to_string(),
        slug: workspace.slug.to_string(),
        name: workspace.name,
        description: workspace.description,
        owner: workspace.owner.into(),
        role: role.as_str(),
        servers: ServersBody { total: workspace.servers, running: workspace.alive, restart_needed },
        secrets: SecretsBody { workspace: workspace.own_secrets, organization: workspace.organization_secrets },
        people: workspace.people,
        created_at: time(workspace.created_at),
        updated_at: time(workspace.updated_at),
    }
}

fn one(seen: Seen) -> OneWorkspace {
    (etag(&seen.workspace.revision), Json(show(seen)))
}

/// The workspaces that the caller may see.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces", tag = "workspaces", params(Paging),
    responses((status = 200, body = List<WorkspaceBody>), document::Known, document::Query))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    params: Params<Paging>,
) -> Result<Json<List<WorkspaceBody>>> {
    let (page, limit, order) = paging(params);
    let seen = workspaces::list(&app, &caller, &organization, workspaces::Showing::All, page).await?;
    let place = |seen: &Seen| {
        let w = &seen.workspace;
        cursor(order, &w.name, w.created_at.0, w.updated_at.0, w.id)
    };
    Ok(Json(List::page(seen, limit, place, show)))
}

/// Create a workspace of the caller.
#[utoipa::path(post, path = "/organizations/{organization}/workspaces", tag = "workspaces",
    request_body = NewWorkspaceBody,
    responses((status = 201, body = WorkspaceBody), document::Allowed, document::State, document::Body))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    body: Body<NewWorkspaceBody>,
) -> Result<(StatusCode, OneWorkspace)> {
    let seen = workspaces::create(
        &app,
        &caller,
        &organization,
        body.parse(|new| fields::new_workspace(&new.name, new.slug.as_deref(), new.description)),
    )
    .await?;
    Ok((StatusCode::CREATED, one(seen)))
}

/// One workspace.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}", tag = "workspaces",
    responses((status = 200, body = WorkspaceBody), document::Known))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
) -> Result<OneWorkspace> {
    workspaces::get(&app, &caller, &organization, &workspace).await.map(one)
}

/// Change name, slug or description. The owner only.
#[utoipa::path(patch, path = "/organizations/{organization}/workspaces/{workspace}", tag = "workspaces",
    request_body = EditWorkspaceBody,
    responses((status = 200, body = WorkspaceBody),
        document::Allowed, document::Revision, document::State, document::Body))]
pub(super) async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    expected: Precondition,
    body: Body<EditWorkspaceBody>,
) -> Result<OneWorkspace> {
    workspaces::edit(
        &app,
        &caller,
        &organization,
        &workspace,
        expected,
        body.parse(|edit| fields::edit_workspace(edit.name, edit.slug, edit.description)),
    )
    .await
    .map(one)
}

/// Delete a workspace. Its owner or an administrator; 409 while servers run, unless `stop=true`.
#[utoipa::path(delete, path = "/organizations/{organization}/workspaces/{workspace}", tag = "workspaces",
    params(DeleteParams),
    responses((status = 204), document::Allowed, document::Revision, document::State, document::Query))]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    expected: Precondition,
    params: Params<DeleteParams>,
) -> Result<StatusCode> {
    let stop = params.parse(|params| Ok(params.stop));
    workspaces::delete(&app, &caller, &organization, &workspace, expected, stop).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a workspace to another member. Its owner or an administrator; the old owner becomes a collaborator.
#[utoipa::path(put, path = "/organizations/{organization}/workspaces/{workspace}/owner", tag = "workspaces",
    request_body = PersonBody,
    responses((status = 204), document::Allowed, document::Revision, document::Body))]
pub(super) async fn give(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    expected: Precondition,
    body: Body<PersonBody>,
) -> Result<StatusCode> {
    let input = body.parse(|body| Ok(body.user));
    workspaces::give(&app, &caller, &organization, &workspace, expected, input).await?;
    Ok(StatusCode::NO_CONTENT)
}
