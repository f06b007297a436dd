//! `…/secrets/{name}/suspension`, of an organization and of a workspace.

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    body::Body,
    document,
    problem::Result,
    secrets::{self, WrittenBody, written},
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller, Precondition,
        secrets::Suspension,
        suspensions::{self, Suspend},
    },
    http::{fields, paging::Params, path::Path},
};

/// Why no start or run gets a secret, since when, and who saw to that.
#[derive(Serialize, ToSchema)]
pub(super) struct SuspensionBody {
    at: String,
    by: Option<Who>,
    reason: String,
    /// The version, where only that one is suspended.
    version: Option<u32>,
}

impl From<Suspension> for SuspensionBody {
    fn from(suspension: Suspension) -> Self {
        Self {
            at: time(suspension.at),
            by: suspension.by.map(Who::from),
            reason: suspension.reason,
            version: suspension.version,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SuspendBody {
    /// Only this version; without it the whole secret.
    version: Option<u32>,
    /// Why, for whoever finds it suspended: at most 500 characters.
    reason: Option<String>,
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LiftParams {
    /// The suspension of this version; without it that of the whole secret.
    version: Option<u32>,
}

fn parse(body: SuspendBody) -> Result<Suspend> {
    Ok(Suspend { version: body.version, reason: fields::description(body.reason)? })
}

/// Suspend an organization secret or one version of it: no start or run gets it. Administrators only.
#[utoipa::path(put, path = "/organizations/{organization}/secrets/{name}/suspension", tag = "organization secrets", request_body = SuspendBody,
    responses((status = 200, body = WrittenBody), document::Allowed, document::Revision, document::Body))]
pub(in crate::api) async fn suspend(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
    expected: Precondition,
    body: Body<SuspendBody>,
) -> Result<Response> {
    let input = body.parse(parse);
    suspensions::set(&app, &caller, secrets::place(&organization), &name, expected, input).await.map(written)
}

/// Lift the suspension of an organization secret or of one version. Administrators only; 409 when there is none.
#[utoipa::path(delete, path = "/organizations/{organization}/secrets/{name}/suspension", tag = "organization secrets", params(LiftParams),
    responses((status = 200, body = WrittenBody), document::Allowed, document::Revision, document::State, document::Query))]
pub(in crate::api) async fn lift_suspension(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
    expected: Precondition,
    params: Params<LiftParams>,
) -> Result<Response> {
    let version = params.parse(|params| Ok(params.version));
    suspensions::lift(&app, &caller, secrets::place(&organization), &name, expected, version).await.map(written)
}

/// The same of a workspace's own secrets.
pub(super) mod workspace {
    use super::*;
    use crate::api::workspace_secrets;

    /// Suspend a workspace's own secret or one version of it: no start or run gets it. The owner and administrators.
    #[utoipa::path(put, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}/suspension", tag = "workspace secrets", request_body = SuspendBody,
        responses((status = 200, body = WrittenBody), document::Allowed, document::Revision, document::Body))]
    pub(in crate::api) async fn suspend(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, name)): Path<(String, String, String)>,
        expected: Precondition,
        body: Body<SuspendBody>,
    ) -> Result<Response> {
        let input = body.parse(parse);
        suspensions::set(&app, &caller, workspace_secrets::place(&organization, &workspace), &name, expected, input)
            .await
            .map(written)
    }

    /// Lift the suspension of a workspace's own secret or of one version. The owner and administrators; 409 when there is none.
    #[utoipa::path(delete, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}/suspension", tag = "workspace secrets", params(LiftParams),
        responses((status = 200, body = WrittenBody), document::Allowed, document::Revision, document::State, document::Query))]
    pub(in crate::api) async fn lift_suspension(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, name)): Path<(String, String, String)>,
        expected: Precondition,
        params: Params<LiftParams>,
    ) -> Result<Response> {
        let version = params.parse(|params| Ok(params.version));
        suspensions::lift(&app, &caller, workspace_secrets::place(&organization, &workspace), &name, expected, version)
            .await
            .map(written)
    }
}
