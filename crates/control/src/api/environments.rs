//! `/organizations/{organization}/workspaces/{workspace}/environment`

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::Available;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{document, page::Params, path::Path, precondition::etag, problem::Result};
use crate::{
    app::{
        App, Runner,
        environments::{self, Environment},
        secrets::Secret,
    },
    error::Error,
};

/// The longest that a request waits, in seconds.
const LONGEST_WAIT: u64 = 60;

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

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct EnvironmentParams {
    /// With `If-None-Match`: how many seconds to wait for another revision, 0 to 60.
    wait: Option<u64>,
}

/// What the workspace's next start would get, by names and versions. With `If-None-Match` 304 while it is the same, and
/// with `wait` only after so many seconds.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/environment",
    tag = "runs", params(EnvironmentParams),
    responses((status = 200, body = EnvironmentBody), (status = 304), document::Known, document::Query))]
pub(super) async fn get(
    State(app): State<App>,
    runner: Runner,
    Path((organization, workspace)): Path<(String, String)>,
    headers: HeaderMap,
    params: Params<EnvironmentParams>,
) -> Result<Response> {
    let known =
        headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).map(|known| known.trim_matches('"'));
    let wait = params.parse(|params| match params.wait.unwrap_or(0) {
        seconds @ 0..=LONGEST_WAIT => Ok(Duration::from_secs(seconds)),
        _ => Err(Error::invalid("wait", "wait", format!("Wait for 0 to {LONGEST_WAIT} seconds."))),
    });
    match environments::get(&app, &runner, &organization, &workspace, known, wait).await? {
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
