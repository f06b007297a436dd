//! Who calls: a session's cookie or a bearer token.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, Method, header, request::Parts},
};
use axum_extra::extract::CookieJar;

use crate::{
    app::{App, Caller, Runner, access::not_for_workspace_tokens, sessions},
    error::{Error, Result},
};

/// The session cookie's name on plain http, which only ever listens on loopback.
pub(super) const COOKIE: &str = "vestry_session";

/// A person; a workspace's token is refused before anything is looked for.
impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match Runner::from_request_parts(parts, app).await? {
            Runner::Person(caller) => Ok(caller),
            Runner::Token(_) => Err(not_for_workspace_tokens()),
        }
    }
}

/// A person or a workspace's token, for the few routes that take both.
impl FromRequestParts<App> for Runner {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let address = address(parts);
        if let Some(authorization) = parts.headers.get(header::AUTHORIZATION) {
            let token = authorization.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
            return sessions::authenticate(app, token.ok_or(Error::Unauthenticated)?.trim(), false, address).await;
        }
        let cookies = CookieJar::from_headers(&parts.headers);
        let cookie = cookies.get(COOKIE).ok_or(Error::Unauthenticated)?;
        let caller = sessions::authenticate(app, cookie.value(), true, address).await?;
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        if reads || origin(&parts.headers) == Origin::Same { Ok(caller) } else { Err(foreign()) }
    }
}

/// Where a request that needs no credential came from. Refuses those that another site's page sent.
pub(super) struct Visitor {
    /// The peer's address.
    pub(super) address: Option<String>,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        if origin(&parts.headers) == Origin::Foreign { Err(foreign()) } else { Ok(Self { address: address(parts) }) }
    }
}

#[derive(PartialEq, Eq, Debug)]
enum Origin {
    Same,
    Foreign,
    /// Nothing says where it came from: no browser's page.
    Unsaid,
}

/// What the browser says of the page that sent the request: `Sec-Fetch-Site`, or `Origin` where that is missing.
fn origin(headers: &HeaderMap) -> Origin {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        return if site == "same-origin" { Origin::Same } else { Origin::Foreign };
    }
    match (headers.contains_key(header::ORIGIN), text(header::ORIGIN.as_str()), text(header::HOST.as_str())) {
        (false, ..) => Origin::Unsaid,
        (true, Some(origin), Some(host)) if origin.split_once("://").is_some_and(|(_, place)| place == host) => {
            Origin::Same
        }
        _ => Origin::Foreign,
    }
}

fn foreign() -> Error {
    Error::Forbidden("this request came from another site's page; nothing was done".into())
}

fn address(parts: &Parts) -> Option<String> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(headers: &[(&'static str, &str)]) -> Origin {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        origin(&headers.collect::<HeaderMap>())
    }

    #[test]
    fn only_the_own_origin_is_the_same() {
        assert_eq!(said(&[("sec-fetch-site", "same-origin")]), Origin::Same);
        for site in ["same-site", "cross-site", "none", "same-origin, cross-site"] {
            assert_eq!(said(&[("sec-fetch-site", site), ("origin", "http://a"), ("host", "a")]), Origin::Foreign);
        }
        assert_eq!(said(&[("origin", "http://localhost:8460"), ("host", "localhost:8460")]), Origin::Same);
        for origin in ["http://localhost:8461", "null", "http://localhost:8460.evil.test", ""] {
            assert_eq!(said(&[("origin", origin), ("host", "localhost:8460")]), Origin::Foreign);
        }
        assert_eq!(said(&[("host", "localhost:8460")]), Origin::Unsaid);
    }
}
