//! Who calls: a session's cookie or a bearer token.

use std::net::IpAddr;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
};
use axum_extra::extract::CookieJar;
use zeroize::Zeroizing;

use super::front::ClientAddress;
use crate::{
    app::{App, Caller, Runner, access, authentication::authenticate, sessions::Session},
    error::{Error, Result},
    site::Site,
};

/// The session cookie's name on plain http, which browsers only ever reach on loopback.
pub(crate) const COOKIE: &str = "vestry_session";
/// Its name over https: with this prefix browsers take it only from this very host, and only encrypted.
const HTTPS_COOKIE: &str = "__Host-vestry_session";

/// The cookie by which a browser is known in which somebody has signed in before, and its name over https.
const BROWSER: &str = "vestry_browser";
const HTTPS_BROWSER: &str = "__Host-vestry_browser";

fn session_cookie(site: &Site) -> &'static str {
    if site.is_https() { HTTPS_COOKIE } else { COOKIE }
}

fn browser_cookie(site: &Site) -> &'static str {
    if site.is_https() { HTTPS_BROWSER } else { BROWSER }
}

/// The cookies that signing in sets.
///
/// # Errors
/// When one can't stand in a header, which what we write always can.
pub(crate) fn cookies(site: &Site, session: &Session) -> Result<HeaderMap> {
    let secure = if site.is_https() { "; Secure" } else { "" };
    let mut headers = HeaderMap::new();
    let mut set = |name: &str, text: &str, same_site: &str, seconds: i64| -> Result<()> {
        let cookie = format!("{name}={text}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={seconds}{secure}");
        let mut cookie = HeaderValue::from_str(&cookie).map_err(|error| Error::Internal(error.into()))?;
        cookie.set_sensitive(true);
        headers.append(header::SET_COOKIE, cookie);
        Ok(())
    };
    set(session_cookie(site), &session.cookie, "Lax", session.seconds)?;
    if let Some((text, seconds)) = &session.browser {
        set(browser_cookie(site), text, "Strict", *seconds)?;
    }
    Ok(headers)
}

/// The cookie that a browser gets in place of its session's once that has ended.
///
/// # Errors
/// When it can't stand in a header, which what we write always can.
pub(crate) fn no_session(site: &Site) -> Result<HeaderMap> {
    let secure = if site.is_https() { "; Secure" } else { "" };
    let cookie = format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}", session_cookie(site));
    let cookie = HeaderValue::from_str(&cookie).map_err(|error| Error::Internal(error.into()))?;
    Ok(HeaderMap::from_iter([(header::SET_COOKIE, cookie)]))
}

/// A person; a workspace's token is refused before anything else is looked for.
impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match Runner::from_request_parts(parts, app).await? {
            Runner::Person(caller) => Ok(caller),
            Runner::Token(token) => Err(access::refuse(app, &token).await),
        }
    }
}

/// A person or a workspace's token, for the few routes that take both.
impl FromRequestParts<App> for Runner {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let address = address(parts).map(|address| address.to_string());
        if let Some(authorization) = parts.headers.get(header::AUTHORIZATION) {
            let (scheme, token) =
                authorization.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Error::Unauthenticated)?;
            // RFC 9110, 11.1: in whatever case.
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(Error::Unauthenticated);
            }
            return authenticate(app, token.trim(), false, address).await;
        }
        let site = site(parts)?;
        let cookies = CookieJar::from_headers(&parts.headers);
        let shown = cookies.get(session_cookie(site)).ok_or(Error::Unauthenticated)?;
        let caller = authenticate(app, shown.value(), true, address).await?;
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        if reads || origin(&parts.headers, site) == Origin::Same { Ok(caller) } else { Err(foreign()) }
    }
}

/// Where a request that needs no credential came from. Refuses those that another site's page sent.
pub(crate) struct Visitor {
    /// The address it came from.
    pub(crate) address: Option<IpAddr>,
    /// Whether it is a browser: those name the origin of every request that is no plain `GET`.
    pub(crate) is_browser: bool,
    /// What the browser shows that was used before.
    pub(crate) browser: Option<Zeroizing<String>>,
    /// How the control plane is reached.
    pub(crate) site: Site,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let site = site(parts)?.clone();
        if origin(&parts.headers, &site) == Origin::Foreign {
            return Err(foreign());
        }
        let cookies = CookieJar::from_headers(&parts.headers);
        let browser = cookies.get(browser_cookie(&site)).map(|cookie| Zeroizing::new(cookie.value().to_owned()));
        let is_browser = parts.headers.contains_key(header::ORIGIN);
        Ok(Self { address: address(parts), is_browser, browser, site })
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
fn origin(headers: &HeaderMap, site: &Site) -> Origin {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(page) = headers.get("sec-fetch-site") {
        return if page == "same-origin" { Origin::Same } else { Origin::Foreign };
    }
    match (headers.contains_key(header::ORIGIN), text(header::ORIGIN), text(header::HOST)) {
        (false, ..) => Origin::Unsaid,
        (true, Some(origin), Some(host)) if site.is_own_origin(origin, host) => Origin::Same,
        _ => Origin::Foreign,
    }
}

fn foreign() -> Error {
    Error::Forbidden("this request came from another site's page; nothing was done".into())
}

fn address(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ClientAddress>().and_then(|client| client.0)
}

fn site(parts: &Parts) -> Result<&Site> {
    parts.extensions.get().ok_or_else(|| Error::Internal(anyhow::anyhow!("a request did not pass the front")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(headers: &[(&'static str, &str)]) -> Origin {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        origin(&headers.collect::<HeaderMap>(), &Site::loopback())
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
