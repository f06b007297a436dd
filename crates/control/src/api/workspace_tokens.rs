//! `/organizations/{organization}/workspaces/{workspace}/tokens`

use axum::{Json, extract::State, http::StatusCode};
use domain::DisplayName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::Body,
    document,
    list::List,
    problem::Result,
    tokens::end,
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller,
        workspace_tokens::{self, Listed, NewToken},
    },
    error::Error,
    http::path::Path,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWorkspaceTokenBody {
    name: String,
    /// RFC 3339; never when missing.
    expires_at: Option<String>,
}

/// A workspace's token without its text.
#[derive(Serialize, ToSchema)]
pub(super) struct WorkspaceTokenBody {
    id: String,
    name: String,
    created_at: String,
    created_by: Option<Who>,
    /// To five minutes; null when it was never used.
    last_used_at: Option<String>,
    expires_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct MadeWorkspaceTokenBody {
    #[serde(flatten)]
    token_info: WorkspaceTokenBody,
    /// The token's text, shown this once.
    token: String,
}

fn show(token: Listed) -> WorkspaceTokenBody {
    WorkspaceTokenBody {
        id: token.id.to_string(),
        name: token.name,
        created_at: time(token.created_at),
        created_by: token.created_by.map(Who::from),
        last_used_at: token.last_used_at.map(time),
        expires_at: token.expires_at.map(time),
    }
}

/// The tokens with which the workspace's runs are started. The owner.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/tokens", tag = "workspace-tokens",
    responses((status = 200, body = List<WorkspaceTokenBody>), document::Allowed))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
) -> Result<Json<List<WorkspaceTokenBody>>> {
    let tokens = workspace_tokens::list(&app, &caller, &organization, &workspace).await?;
    Ok(Json(List::whole(tokens.into_iter().map(show).collect())))
}

/// Make a token that starts the workspace's runs, and does nothing else; its text is shown this once. The owner.
#[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/tokens", tag = "workspace-tokens",
    request_body = NewWorkspaceTokenBody,
    responses((status = 201, body = MadeWorkspaceTokenBody), document::Allowed, document::Body))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    body: Body<NewWorkspaceTokenBody>,
) -> Result<(StatusCode, Json<MadeWorkspaceTokenBody>)> {
    let input = body.parse(|body| {
        let name = DisplayName::parse(&body.name).map_err(|why| Error::invalid("name", why.code(), why))?;
        Ok(NewToken { name, expires_at: end(body.expires_at)? })
    });
    let (made, token) = workspace_tokens::create(&app, &caller, &organization, &workspace, input).await?;
    Ok((StatusCode::CREATED, Json(MadeWorkspaceTokenBody { token_info: show(made), token: token.to_string() })))
}

/// Revoke a token of the workspace at once. The owner.
#[utoipa::path(delete, path = "/organizations/{organization}/workspaces/{workspace}/tokens/{token}", tag = "workspace-tokens",
    responses((status = 204), document::Allowed))]
pub(super) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, token)): Path<(String, String, String)>,
) -> Result<StatusCode> {
    workspace_tokens::revoke(&app, &caller, &organization, &workspace, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}
