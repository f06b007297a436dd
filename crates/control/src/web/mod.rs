//! Pages: reads requests, calls one use case each, renders answers.

mod assets;
mod form;
mod frame;
mod home;
pub(crate) mod problem;
mod query;
mod secrets;
mod sessions;
mod setup;
mod words;
mod workspace_secrets;
mod workspaces;

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::App;

/// Every page.
pub(crate) fn router() -> Router<App> {
    let organization = Router::new()
        .route("/", get(home::organization))
        .route("/workspaces", get(workspaces::list).post(workspaces::create))
        .route("/workspaces/new", get(workspaces::create_form))
        .route("/workspaces/{workspace}/secrets", get(workspace_secrets::list))
        .route("/settings/secrets", get(secrets::list))
        .merge(secret("/settings"))
        .merge(secret("/workspaces/{workspace}"));
    Router::new()
        .route("/", get(home::first))
        .route("/setup", get(setup::form).post(setup::create))
        .route("/sign-in", get(sessions::form).post(sessions::create))
        .route("/sign-out", post(sessions::end))
        .nest("/organizations/{organization}", organization)
        .merge(assets::router())
}

/// The pages of one secret, of an organization or of a workspace.
fn secret(place: &str) -> Router<App> {
    let at = |rest: &str| format!("{place}{rest}");
    Router::new()
        .route(&at("/create-secret"), get(secrets::create_form).post(secrets::create))
        .route(&at("/create-secret/effect"), post(secrets::effect))
        .route(&at("/secrets/{name}"), get(secrets::show))
        .route(&at("/secrets/{name}/value"), get(secrets::value_form).post(secrets::set_value))
        .route(&at("/secrets/{name}/edit"), get(secrets::edit_form).post(secrets::edit))
        .route(&at("/secrets/{name}/effect"), post(secrets::effect))
        .route(&at("/secrets/{name}/deletion"), get(secrets::delete_form).post(secrets::delete))
        .route(&at("/secrets/{name}/restarts"), post(secrets::restart_holders))
        .route(&at("/secrets/{name}/suspension"), get(secrets::suspend_form).post(secrets::suspend))
        .route(&at("/secrets/{name}/suspension/end"), post(secrets::lift))
        .route(&at("/secrets/{name}/versions/{version}/restoration"), post(secrets::put_back))
        .route(&at("/secrets/{name}/versions/{version}/destruction"), post(secrets::destroy_version))
}
