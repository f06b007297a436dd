//! Where the first page leads.

use axum::{extract::State, response::Response};

use super::frame::{Frame, Reader, page, see, slug};
use crate::{
    app::{App, setup},
    error::Result,
    http::path::Path,
};
use askama::Template;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
}

/// `/`: set-up, sign-in, or the workspaces of the reader's first organization.
pub(super) async fn first(State(app): State<App>, reader: Result<Reader>) -> Result<Response> {
    let Ok(reader) = reader else {
        return Ok(see(if setup::is_open(&app).await? { "/setup" } else { "/sign-in" }));
    };
    let frame = Frame::of(&app, &reader, None).await?;
    match frame.others.first() {
        Some(organization) => Ok(see(&format!("/organizations/{}/workspaces", organization.slug))),
        None => page(&HomePage { frame }),
    }
}

/// An organization's own address leads to its workspaces.
pub(super) async fn organization(Path(organization): Path<String>) -> Result<Response> {
    let organization = slug(&organization)?;
    Ok(see(&format!("/organizations/{organization}/workspaces")))
}
