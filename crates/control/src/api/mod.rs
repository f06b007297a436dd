//! JSON in, JSON out: reads requests, calls one use case each, writes answers. The routes are the OpenAPI document's.

mod audit_events;
mod body;
mod collaborators;
mod deleted_secrets;
mod docs;
mod document;
mod environments;
mod events;
mod explanations;
pub(crate) mod health;
mod holders;
mod imports;
mod list;
mod log_stream;
mod me;
mod members;
mod organizations;
mod precondition;
mod previews;
pub(crate) mod problem;
mod reports;
mod restarts;
mod runs;
mod secrets;
mod servers;
mod sessions;
mod setup;
mod starts;
mod suspensions;
mod tokens;
mod versions;
mod wait;
mod words;
mod workspace_secrets;
mod workspace_tokens;
mod workspaces;

use axum::Router;
use utoipa::{OpenApi, openapi};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

/// Every route of the API with its documentation.
fn documented() -> (Router<App>, openapi::OpenApi) {
    let v1 = OpenApiRouter::new()
        .routes(routes!(setup::create))
        .routes(routes!(sessions::create, sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(me::get))
        .routes(routes!(me::change_password))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(organizations::list))
        .routes(routes!(organizations::get, organizations::edit))
        .routes(routes!(events::follow))
        .routes(routes!(members::list))
        .routes(routes!(members::set_role))
        .routes(routes!(audit_events::list))
        .routes(routes!(audit_events::verify))
        .routes(routes!(audit_events::activity))
        .routes(routes!(reports::secrets))
        .routes(routes!(workspaces::list, workspaces::create))
        .routes(routes!(workspaces::get, workspaces::edit, workspaces::delete))
        .routes(routes!(workspaces::give))
        .routes(routes!(collaborators::list))
        .routes(routes!(collaborators::add, collaborators::remove))
        .routes(routes!(secrets::list))
        .routes(routes!(secrets::get, secrets::set, secrets::edit, secrets::delete))
        .routes(routes!(secrets::select, secrets::deselect))
        .routes(routes!(workspace_secrets::list))
        .routes(routes!(
            workspace_secrets::get,
            workspace_secrets::set,
            workspace_secrets::edit,
            workspace_secrets::delete
        ))
        .routes(routes!(imports::import))
        .routes(routes!(imports::workspace::import))
        .routes(routes!(versions::list_versions))
        .routes(routes!(versions::put_version_back))
        .routes(routes!(versions::destroy_version))
        .routes(routes!(versions::workspace::list_versions))
        .routes(routes!(versions::workspace::put_version_back))
        .routes(routes!(versions::workspace::destroy_version))
        .routes(routes!(suspensions::suspend, suspensions::lift_suspension))
        .routes(routes!(suspensions::workspace::suspend, suspensions::workspace::lift_suspension))
        .routes(routes!(previews::preview))
        .routes(routes!(previews::workspace::preview))
        .routes(routes!(holders::list_holders))
        .routes(routes!(holders::list_starts))
        .routes(routes!(holders::list_holders_of_deleted))
        .routes(routes!(holders::list_starts_of_deleted))
        .routes(routes!(holders::workspace::list_holders))
        .routes(routes!(holders::workspace::list_starts))
        .routes(routes!(holders::workspace::list_holders_of_deleted))
        .routes(routes!(holders::workspace::list_starts_of_deleted))
        .routes(routes!(deleted_secrets::list_deleted))
        .routes(routes!(deleted_secrets::restore_deleted))
        .routes(routes!(deleted_secrets::destroy_deleted))
        .routes(routes!(deleted_secrets::workspace::list_deleted))
        .routes(routes!(deleted_secrets::workspace::restore_deleted))
        .routes(routes!(deleted_secrets::workspace::destroy_deleted))
        .routes(routes!(explanations::get))
        .routes(routes!(workspace_tokens::list, workspace_tokens::create))
        .routes(routes!(workspace_tokens::revoke))
        .routes(routes!(runs::create))
        .routes(routes!(runs::list))
        .routes(routes!(environments::get))
        .routes(routes!(servers::list, servers::create))
        .routes(routes!(servers::get, servers::edit, servers::delete))
        .routes(routes!(servers::start))
        .routes(routes!(servers::stop))
        .routes(routes!(servers::restart))
        .routes(routes!(servers::starts))
        .routes(routes!(servers::logs))
        .routes(routes!(restarts::begin_for_secret))
        .routes(routes!(restarts::begin_for_workspace_secret))
        .routes(routes!(restarts::begin_for_deleted_secret))
        .routes(routes!(restarts::begin_for_deleted_workspace_secret))
        .routes(routes!(restarts::begin_for_workspace, restarts::list_of_workspace))
        .routes(routes!(restarts::list))
        .routes(routes!(restarts::get, restarts::abort))
        .routes(routes!(restarts::resume));
    let (router, mut document) = OpenApiRouter::with_openapi(document::Document::openapi())
        .nest("/api/v1", v1)
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .split_for_parts();
    document::complete(&mut document);
    (router, document)
}

/// The OpenAPI document, as the code says it.
pub fn openapi() -> openapi::OpenApi {
    documented().1
}

/// Every route of the API, with its document.
pub(crate) fn router() -> Router<App> {
    let (router, document) = documented();
    router.merge(docs::router(document))
}
