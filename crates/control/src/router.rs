//! The API and the pages as one service.

use axum::{Router, middleware};

use crate::{
    api,
    app::App,
    http::{answer, front},
    site::Site,
    web,
};

/// Everything that is answered, over these use cases, reached as the site says.
pub fn router(app: App, site: Site) -> Router {
    api::router()
        .merge(web::router())
        .fallback(answer::no_such_address)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(middleware::from_fn_with_state(app.clone(), api::health::once_servers_are_found))
        .layer(middleware::from_fn(answer::in_time))
        .layer(middleware::from_fn_with_state(app.clone(), web::problem::write))
        .layer(middleware::from_fn_with_state(site.clone(), front::pass))
        .layer(middleware::from_fn(api::problem::write))
        .layer(middleware::from_fn_with_state(site, answer::answer))
        .with_state(app)
}
