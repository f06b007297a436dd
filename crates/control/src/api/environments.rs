//! `/organizations/{organization}/workspaces/{workspace}/environment`

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::Available;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    document,
    precondition::etag,
    problem::Result,
    wait::{Wait, known},
};
use crate::{
    app::{
        App, Runner,
        environments::{self, Environment},
        secrets::Secret,
    },
    http::{paging::Params, path::Path},
};

#[derive(Serialize, ToSchema)]
pub(super) struct EnvironmentBody {
    /// Moves when a start would get something else.
    revision: String,
    secrets: Vec<EnvironmentSecretBody>,
}

#[derive(Serialize, ToSchema)]
struct EnvironmentSecretBody {
    name: String,
    /// `organization` or `workspace`.
    #[schema(value_type = String)]
    scope: &'static str,
    version: u32,
    /// No start gets it until that is lifted.
    suspended: bool,
}

/// What the workspace's next start would get, by names and versions. With `If-None-Match` 304 while it is the same, and
/// with `wait` only after so many seconds.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/environment",
    tag = "runs", params(Wait),
    responses((status = 200, body = EnvironmentBody), (status = 304), document::Known, document::Query))]
pub(super) async fn get(
    State(app): State<App>,
    runner: Runner,
    Path((organization, workspace)): Path<(String, String)>,
    headers: HeaderMap,
    params: Params<Wait>,
) -> Result<Response> {
    let known = known(&headers);
    match environments::get(&app, &runner, &organization, &workspace, known, params.duration()).await? {
        Some(environment) => Ok((etag(&environment.revision), Json(show(environment))).into_response()),
        None => Ok((StatusCode::NOT_MODIFIED, etag(known.unwrap_or_default())).into_response()),
    }
}

fn show(environment: Environment) -> EnvironmentBody {
    let secret = |secret: Available<Secret>| EnvironmentSecretBody {
        name: secret.name.to_string(),
        scope: secret.scope.as_str(),
        version: secret.version,
        suspended: secret.suspended,
    };
    EnvironmentBody { revision: environment.revision, secrets: environment.secrets.into_iter().map(secret).collect() }
}
