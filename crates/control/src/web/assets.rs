//! Stylesheet, scripts and icon: in the program, each under an address that changes with its content.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::{
    Router,
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    app::App,
    error::{Error, Result},
    http::answer::Unchanging,
};

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

macro_rules! assets {
    ($($name:literal is $kind:literal),* $(,)?) => {
        &[$(Asset { name: $name, kind: $kind, content: include_str!(concat!("../../assets/web/", $name)) }),*]
    };
}

/// The scripts import each other by name, so everything stands under one address that changes with any of it.
const ASSETS: &[Asset] = assets![
    "vestry.css" is "text/css; charset=utf-8",
    "icon.svg" is "image/svg+xml",
    "vestry.js" is "text/javascript; charset=utf-8",
    "effect.js" is "text/javascript; charset=utf-8",
    "import.js" is "text/javascript; charset=utf-8",
    "live.js" is "text/javascript; charset=utf-8",
    "log.js" is "text/javascript; charset=utf-8",
    "picker.js" is "text/javascript; charset=utf-8",
    "stream.js" is "text/javascript; charset=utf-8",
];

/// Names all that is served: another program, another address, so that a browser never mixes two.
static EDITION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = digest::Context::new(&digest::SHA256);
    ASSETS.iter().for_each(|asset| hash.update(asset.content.as_bytes()));
    hash.finish().as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

/// Where an asset lies.
pub(super) fn address(name: &str) -> String {
    format!("/assets/{}/{name}", *EDITION)
}

pub(super) fn router() -> Router<App> {
    Router::new().route("/assets/{edition}/{name}", get(one))
}

async fn one(Path((edition, name)): Path<(String, String)>) -> Result<Response> {
    let found = ASSETS.iter().find(|asset| asset.name == name && edition == *EDITION);
    let Asset { kind, content, .. } = found.ok_or(Error::NotFound)?;
    let mut response = ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], *content).into_response();
    response.extensions_mut().insert(Unchanging);
    Ok(response)
}
