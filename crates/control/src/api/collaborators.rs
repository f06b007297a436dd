//! `/organizations/{organization}/workspaces/{workspace}/collaborators`

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{document, list::List, problem::Result, words::time};
use crate::{
    app::{App, Caller, collaborators, collaborators::Collaborator},
    http::{
        paging::{Paging, Params, cursor, paging},
        path::Path,
    },
};

#[derive(Serialize, ToSchema)]
pub(super) struct CollaboratorBody {
    id: String,
    name: String,
    email: String,
    since: String,
}

fn show(person: Collaborator) -> CollaboratorBody {
    CollaboratorBody { id: person.id.to_string(), name: person.name, email: person.email, since: time(person.since) }
}

/// Who has access besides the owner. Sorted by name, or by when they joined the installation.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/collaborators",
    tag = "collaborators", params(Paging),
    responses((status = 200, body = List<CollaboratorBody>), document::Known, document::Query))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    params: Params<Paging>,
) -> Result<Json<List<CollaboratorBody>>> {
    let (page, limit, order) = paging(params);
    let people = collaborators::list(&app, &caller, &organization, &workspace, page).await?;
    let place = |person: &Collaborator| {
        cursor(order, &person.name, person.account_created_at.0, person.account_created_at.0, person.id)
    };
    Ok(Json(List::page(people, limit, place, show)))
}

/// Give a member access, by id or e-mail address. The owner only.
#[utoipa::path(put, path = "/organizations/{organization}/workspaces/{workspace}/collaborators/{user}",
    tag = "collaborators",
    responses((status = 204), document::Allowed, document::Fits))]
pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, user)): Path<(String, String, String)>,
) -> Result<StatusCode> {
    collaborators::add(&app, &caller, &organization, &workspace, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a person's access away, by id or e-mail address. The owner only.
#[utoipa::path(delete, path = "/organizations/{organization}/workspaces/{workspace}/collaborators/{user}",
    tag = "collaborators",
    responses((status = 204), document::Allowed))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, user)): Path<(String, String, String)>,
) -> Result<StatusCode> {
    collaborators::remove(&app, &caller, &organization, &workspace, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}
