//! Pages: reads requests, calls one use case each, renders answers.

mod account;
mod assets;
mod deleted_secrets;
mod explanations;
mod form;
mod frame;
mod home;
mod imports;
mod made;
mod members;
pub(crate) mod problem;
mod query;
mod restarts;
mod secrets;
mod servers;
mod sessions;
mod settings;
mod setup;
mod words;
mod workspace_secrets;
mod workspace_settings;
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
        .route("/workspaces/{workspace}", get(workspaces::first))
        .route("/workspaces/{workspace}/secrets", get(workspace_secrets::list))
        .route("/workspaces/{workspace}/explanation", get(explanations::show))
        .route("/workspaces/{workspace}/members", get(members::list).post(members::add))
        .route("/workspaces/{workspace}/members/{member}/removal", post(members::remove))
        .route("/workspaces/{workspace}/activity", get(members::activity))
        .route("/workspaces/{workspace}/general", get(workspace_settings::show).post(workspace_settings::edit))
        .route("/workspaces/{workspace}/owner", post(workspace_settings::give))
        .route("/workspaces/{workspace}/deletion", post(workspace_settings::delete))
        .route("/workspaces/{workspace}/tokens", post(workspace_settings::create_token))
        .route("/workspaces/{workspace}/tokens/{token}/revocation", post(workspace_settings::revoke_token))
        .route("/workspaces/{workspace}/restarts", post(restarts::of_workspace))
        .route("/restarts/{restart}", get(restarts::show))
        .route("/restarts/{restart}/continuation", post(restarts::resume))
        .route("/restarts/{restart}/abortion", post(restarts::abort))
        .merge(servers())
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
        .route("/account/password", post(account::change_password))
        .route("/account/tokens", post(account::create_token))
        .route("/account/tokens/{token}/revocation", post(account::revoke_token))
        .route("/account/sessions/{session}/end", post(account::end_session))
        .route("/theme", post(account::set_theme))
        .nest("/organizations/{organization}", organization)
        .merge(assets::router())
}

/// The pages of a workspace's servers.
fn servers() -> Router<App> {
    const ONE: &str = "/workspaces/{workspace}/servers/{server}";
    let at = |rest: &str| format!("{ONE}{rest}");
    Router::new()
        .route("/workspaces/{workspace}/servers", get(servers::list).post(servers::create))
        .route("/workspaces/{workspace}/servers/new", get(servers::create_form))
        .route(ONE, get(servers::logs))
        .route(&at("/secrets"), get(servers::secrets))
        .route(&at("/starts"), get(servers::starts))
        .route(&at("/edit"), get(servers::edit_form).post(servers::edit))
        .route(&at("/deletion"), get(servers::delete_form).post(servers::delete))
        .route(&at("/start"), post(servers::start))
        .route(&at("/stop"), post(servers::stop))
        .route(&at("/restart"), post(servers::restart))
}

/// The pages of secrets that an organization and a workspace both have.
fn secret(place: &str) -> Router<App> {
    let at = |rest: &str| format!("{place}{rest}");
    Router::new()
        .route(&at("/deleted-secrets"), get(deleted_secrets::list))
        .route(&at("/deleted-secrets/{secret}"), get(deleted_secrets::show))
        .route(&at("/deleted-secrets/{secret}/restarts"), post(deleted_secrets::restart_holders))
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
        .route(&at("/secrets/{name}/restarts"), get(secrets::restart_form).post(secrets::restart_holders))
        .route(&at("/secrets/{name}/suspension"), get(secrets::suspend_form).post(secrets::suspend))
        .route(&at("/secrets/{name}/suspension/end"), post(secrets::lift))
        .route(&at("/secrets/{name}/versions/{version}/restoration"), post(secrets::put_back))
        .route(&at("/secrets/{name}/versions/{version}/destruction"), post(secrets::destroy_version))
}
