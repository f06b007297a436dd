//! `…/secrets/{name}/versions`, of an organization and of a workspace.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    document,
    list::List,
    problem::Result,
    secrets::{self, WrittenBody, written},
    suspensions::SuspensionBody,
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller, Input, Precondition,
        versions::{self, Part, Version},
    },
    error::Error,
    http::{
        paging::{Params, limit},
        path::Path,
    },
};

/// A version of a secret, without its value.
#[derive(Serialize, ToSchema)]
pub(super) struct VersionBody {
    version: u32,
    /// Whether it is the newest: what starts get.
    newest: bool,
    /// Whether its value is still there, so that it can be put back.
    kept: bool,
    created_at: String,
    created_by: Option<Who>,
    /// The older version whose value it has, where one was put back.
    restored_from: Option<u32>,
    /// Why no start gets it, where it is suspended by itself.
    suspension: Option<SuspensionBody>,
    /// When its value was erased: destroyed, or fallen out of the ten that are kept.
    erased_at: Option<String>,
    erased_by: Option<Who>,
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct VersionsParams {
    /// At most so many items, 1 to 200.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which part to read, one more than to show, and how many to show.
fn part(params: Params<VersionsParams>) -> (Input<Part>, i64) {
    let mut shown = 0;
    let part = params.parse(|params| {
        shown = limit(params.limit)?;
        let before = params.cursor.map(|cursor| cursor.parse()).transpose();
        let before = before
            .map_err(|_| Error::invalid("cursor", "cursor", "This cursor is not one of this list; begin anew."))?;
        Ok(Part { before: before.unwrap_or(u32::MAX), limit: shown + 1 })
    });
    (part, shown)
}

fn page(versions: Vec<Version>, newest: u32, shown: i64) -> List<VersionBody> {
    List::page(versions, shown, |version| version.number.to_string(), |version| show(version, newest))
}

fn show(version: Version, newest: u32) -> VersionBody {
    VersionBody {
        version: version.number,
        newest: version.number == newest,
        kept: version.kept,
        created_at: time(version.created_at),
        created_by: version.created_by.map(Who::from),
        restored_from: version.restored_from,
        suspension: version.suspension.map(SuspensionBody::from),
        erased_at: version.erased_at.map(time),
        erased_by: version.erased_by.map(Who::from),
    }
}

/// The number in an address; what is no number is no version that is there.
fn number(text: &str) -> Input<u32> {
    Input::new(text.parse().map_err(|_| Error::NotFound))
}

/// The versions of an organization secret, newest first. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/secrets/{name}/versions", tag = "organization secrets", params(VersionsParams),
    responses((status = 200, body = List<VersionBody>), document::Allowed, document::Query))]
pub(in crate::api) async fn list_versions(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name)): Path<(String, String)>,
    params: Params<VersionsParams>,
) -> Result<Json<List<VersionBody>>> {
    let (part, shown) = part(params);
    let (versions, newest) = versions::list(&app, &caller, secrets::place(&organization), &name, part).await?;
    Ok(Json(page(versions, newest, shown)))
}

/// Put the value of an older version back, as a new version. Administrators only; 409 for the newest, an erased or a suspended one.
#[utoipa::path(post, path = "/organizations/{organization}/secrets/{name}/versions/{version}/restoration", tag = "organization secrets",
    responses((status = 200, body = WrittenBody), document::Allowed, document::Revision, document::State, document::Fits, document::Ready))]
pub(in crate::api) async fn put_version_back(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name, version)): Path<(String, String, String)>,
    expected: Precondition,
) -> Result<Response> {
    let number = number(&version);
    versions::put_back(&app, &caller, secrets::place(&organization), &name, number, expected).await.map(written)
}

/// Erase the value of an older version for good; who got it stays on record. Administrators only; 409 for the newest.
#[utoipa::path(delete, path = "/organizations/{organization}/secrets/{name}/versions/{version}", tag = "organization secrets",
    responses((status = 204), document::Allowed, document::Revision, document::State))]
pub(in crate::api) async fn destroy_version(
    State(app): State<App>,
    caller: Caller,
    Path((organization, name, version)): Path<(String, String, String)>,
    expected: Precondition,
) -> Result<StatusCode> {
    let number = number(&version);
    versions::destroy(&app, &caller, secrets::place(&organization), &name, number, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same of a workspace's own secrets.
pub(super) mod workspace {
    use super::*;
    use crate::api::workspace_secrets;

    /// The versions of a workspace's own secret, newest first.
    #[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}/versions", tag = "workspace secrets", params(VersionsParams),
        responses((status = 200, body = List<VersionBody>), document::Known, document::Query))]
    pub(in crate::api) async fn list_versions(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, name)): Path<(String, String, String)>,
        params: Params<VersionsParams>,
    ) -> Result<Json<List<VersionBody>>> {
        let (part, shown) = part(params);
        let (versions, newest) =
            versions::list(&app, &caller, workspace_secrets::place(&organization, &workspace), &name, part).await?;
        Ok(Json(page(versions, newest, shown)))
    }

    /// Put the value of an older version back, as a new version. The owner only; 409 for the newest, an erased or a suspended one.
    #[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}/versions/{version}/restoration", tag = "workspace secrets",
        responses((status = 200, body = WrittenBody), document::Allowed, document::Revision, document::State, document::Fits, document::Ready))]
    pub(in crate::api) async fn put_version_back(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, name, version)): Path<(String, String, String, String)>,
        expected: Precondition,
    ) -> Result<Response> {
        let number = number(&version);
        versions::put_back(&app, &caller, workspace_secrets::place(&organization, &workspace), &name, number, expected)
            .await
            .map(written)
    }

    /// Erase the value of an older version for good; who got it stays on record. The owner only; 409 for the newest.
    #[utoipa::path(delete, path = "/organizations/{organization}/workspaces/{workspace}/secrets/{name}/versions/{version}", tag = "workspace secrets",
        responses((status = 204), document::Allowed, document::Revision, document::State))]
    pub(in crate::api) async fn destroy_version(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, name, version)): Path<(String, String, String, String)>,
        expected: Precondition,
    ) -> Result<StatusCode> {
        let number = number(&version);
        versions::destroy(&app, &caller, workspace_secrets::place(&organization, &workspace), &name, number, expected)
            .await?;
        Ok(StatusCode::NO_CONTENT)
    }
}
