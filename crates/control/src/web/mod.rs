//! Pages: reads requests, calls one use case each, renders answers.

mod account;
mod assets;
mod deleted_secrets;
mod form;
mod frame;
mod home;
mod imports;
pub(crate) mod problem;
mod query;
mod secrets;
mod sessions;
mod settings;
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
        .route("/settings", get(settings::first))
        .route("/settings/general", get(settings::general).post(settings::edit))
        .route("/settings/members", get(settings::members))
        .route("/settings/members/{member}/role", post(settings::set_role))
        .route("/settings/audit-log", get(settings::audit_log))
        .route("/settings/secrets", get(secrets::list))
        .merge(secret("/settings"))
        .merge(secret("/workspaces/{workspace}"));
    Router::new()
        .route("/", get(home::first))
        .route("/setup", get(setup::form).post(setup::create))
        .route("/sign-in", get(sessions::form).post(sessions::create))
        .route("/sign-out", post(sessions::end))
        .route("/account", get(account::show))
        .route("/account/tokens", post(account::create_token))
        .route("/account/tokens/{token}/revocation", post(account::revoke_token))
        .route("/account/sessions/{session}/end", post(account::end_session))
        .route("/theme", post(account::set_theme))
        .nest("/organizations/{organization}", organization)
        .merge(assets::router())
}

/// The pages of secrets that an organization and a workspace both have.
fn secret(place: &str) -> Router<App> {
    let at = |rest: &str| format!("{place}{rest}");
    Router::new()
        .route(&at("/deleted-secrets"), get(deleted_secrets::list))
        .route(&at("/deleted-secrets/{secret}/restoration"), post(deleted_secrets::restore))
        .route(&at("/deleted-secrets/{secret}/destruction"), post(deleted_secrets::destroy))
        .route(&at("/import"), get(imports::form).post(imports::review))
        .route(&at("/import/confirmation"), post(imports::confirm))
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
