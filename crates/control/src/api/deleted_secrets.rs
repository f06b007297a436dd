//! `…/deleted-secrets`, of an organization and of a workspace.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use domain::{RESTORABLE_DAYS, Time};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    document,
    list::List,
    problem::Result,
    secrets::{self, WrittenBody, written},
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller, Input, Precondition,
        deleted_secrets::{self, DeletedSecret, Part},
    },
    error::Error,
    http::{
        paging::{Params, limit},
        path::Path,
    },
};

/// A deleted secret that can be restored.
#[derive(Serialize, ToSchema)]
pub(super) struct DeletedSecretBody {
    id: String,
    /// The name that it had.
    name: String,
    version: u32,
    deleted_at: String,
    deleted_by: Option<Who>,
    /// When its values are erased for good.
    destroyed_from: String,
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DeletedParams {
    /// At most so many items, 1 to 200.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which part to read, one more than to show, and how many to show.
fn part(params: Params<DeletedParams>) -> (Input<Part>, i64) {
    let mut shown = 0;
    let part = params.parse(|params| {
        shown = limit(params.limit)?;
        let after = params.cursor.map(|cursor| {
            let (at, id) = cursor.split_once('-')?;
            Some((Time(at.parse().ok()?), id.to_owned()))
        });
        let unknown = || Error::invalid("cursor", "cursor", "This cursor is not one of this list; begin anew.");
        let after = after.map(|after| after.ok_or_else(unknown)).transpose()?;
        Ok(Part { after, limit: shown + 1 })
    });
    (part, shown)
}

fn cursor(deleted: &DeletedSecret) -> String {
    format!("{}-{}", deleted.deleted_at.0, deleted.id)
}

fn show(deleted: DeletedSecret) -> DeletedSecretBody {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    DeletedSecretBody {
        id: deleted.id.to_string(),
        name: deleted.name.to_string(),
        version: deleted.version,
        deleted_at: time(deleted.deleted_at),
        deleted_by: deleted.deleted_by.map(Who::from),
        destroyed_from: time(Time(deleted.deleted_at.0 + RESTORABLE_DAYS * DAY)),
    }
}

/// The organization's deleted secrets that can be restored, last deleted first. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/deleted-secrets", tag = "organization secrets", params(DeletedParams),
    responses((status = 200, body = List<DeletedSecretBody>), document::Allowed, document::Query))]
pub(in crate::api) async fn list_deleted(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    params: Params<DeletedParams>,
) -> Result<Json<List<DeletedSecretBody>>> {
    let (part, shown) = part(params);
    let deleted = deleted_secrets::list(&app, &caller, secrets::place(&organization), part).await?;
    Ok(Json(List::page(deleted, shown, cursor, show)))
}

/// Restore a deleted organization secret. Administrators only; 409 when its name is taken or its values are destroyed.
#[utoipa::path(post, path = "/organizations/{organization}/deleted-secrets/{secret}/restoration", tag = "organization secrets",
    responses((status = 200, body = WrittenBody), document::Allowed, document::Revision, document::State, document::Fits))]
pub(in crate::api) async fn restore_deleted(
    State(app): State<App>,
    caller: Caller,
    Path((organization, secret)): Path<(String, String)>,
    expected: Precondition,
) -> Result<Response> {
    deleted_secrets::restore(&app, &caller, secrets::place(&organization), &secret, expected).await.map(written)
}

/// Erase every value of a deleted organization secret now; who got them stays on record. Administrators only.
#[utoipa::path(delete, path = "/organizations/{organization}/deleted-secrets/{secret}", tag = "organization secrets",
    responses((status = 204), document::Allowed, document::Revision, document::State))]
pub(in crate::api) async fn destroy_deleted(
    State(app): State<App>,
    caller: Caller,
    Path((organization, secret)): Path<(String, String)>,
    expected: Precondition,
) -> Result<StatusCode> {
    deleted_secrets::destroy(&app, &caller, secrets::place(&organization), &secret, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same of a workspace's own secrets.
pub(super) mod workspace {
    use super::*;
    use crate::api::workspace_secrets;

    /// The workspace's own deleted secrets that can be restored, last deleted first.
    #[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/deleted-secrets", tag = "workspace secrets", params(DeletedParams),
        responses((status = 200, body = List<DeletedSecretBody>), document::Known, document::Query))]
    pub(in crate::api) async fn list_deleted(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace)): Path<(String, String)>,
        params: Params<DeletedParams>,
    ) -> Result<Json<List<DeletedSecretBody>>> {
        let (part, shown) = part(params);
        let deleted =
            deleted_secrets::list(&app, &caller, workspace_secrets::place(&organization, &workspace), part).await?;
        Ok(Json(List::page(deleted, shown, cursor, show)))
    }

    /// Restore a workspace's own deleted secret. The owner only; 409 when its name is taken or its values are destroyed.
    #[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/deleted-secrets/{secret}/restoration", tag = "workspace secrets",
        responses((status = 200, body = WrittenBody), document::Allowed, document::Revision, document::State, document::Fits))]
    pub(in crate::api) async fn restore_deleted(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, secret)): Path<(String, String, String)>,
        expected: Precondition,
    ) -> Result<Response> {
        deleted_secrets::restore(&app, &caller, workspace_secrets::place(&organization, &workspace), &secret, expected)
            .await
            .map(written)
    }

    /// Erase every value of a workspace's own deleted secret now; who got them stays on record. The owner only.
    #[utoipa::path(delete, path = "/organizations/{organization}/workspaces/{workspace}/deleted-secrets/{secret}", tag = "workspace secrets",
        responses((status = 204), document::Allowed, document::Revision, document::State))]
    pub(in crate::api) async fn destroy_deleted(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace, secret)): Path<(String, String, String)>,
        expected: Precondition,
    ) -> Result<StatusCode> {
        deleted_secrets::destroy(&app, &caller, workspace_secrets::place(&organization, &workspace), &secret, expected)
            .await?;
        Ok(StatusCode::NO_CONTENT)
    }
}
