//! The pages as a browser without scripts sees them.

mod journeys;
mod restarts;
mod safety;
mod servers;
mod workspaces;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use tower::ServiceExt;

use crate::support::{Actor, House, PASSWORD};

/// A browser with somebody's session, or nobody's.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    cookie: Option<String>,
    site: &'static str,
}

/// A page, or what came in its place.
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Browser {
    /// Nobody's.
    pub fn new(house: &House) -> Self {
        Self { router: house.router.clone(), cookie: None, site: "same-origin" }
    }

    /// Signs somebody in by the form.
    pub async fn of(house: &House, person: &Actor) -> Self {
        let browser = Self::new(house);
        let signed_in = browser.post("/sign-in", &[("email", &person.email), ("password", PASSWORD)]).await.leads("/");
        let cookie = signed_in.headers[header::SET_COOKIE].to_str().expect("ASCII");
        Self { cookie: cookie.split(';').next().map(str::to_owned), ..browser }
    }

    /// The same browser, whose requests come from a page of another site.
    pub fn across_sites(&self, site: &'static str) -> Self {
        Self { site, ..self.clone() }
    }

    pub async fn get(&self, address: &str) -> Page {
        let request = Request::get(address).header(header::HOST, "localhost");
        self.send(request, Body::empty()).await
    }

    /// Sends a form.
    pub async fn post(&self, address: &str, fields: &[(&str, &str)]) -> Page {
        let pairs: Vec<String> =
            fields.iter().map(|(name, text)| format!("{}={}", encode(name), encode(text))).collect();
        let request = Request::post(address)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", self.site);
        self.send(request, Body::from(pairs.join("&"))).await
    }

    async fn send(&self, mut request: axum::http::request::Builder, body: Body) -> Page {
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let request = request.body(body).expect("a well-formed request");
        let (parts, body) = self.router.clone().oneshot(request).await.expect("the router never fails").into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a whole answer");
        Page { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }
}

impl Page {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// Checks that it leads on to an address that begins so.
    #[track_caller]
    pub fn leads(self, to: &str) -> Self {
        let page = self.expect(303);
        assert!(page.location().starts_with(to), "{} instead of {to}", page.location());
        page
    }

    pub fn location(&self) -> String {
        self.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.text.contains(text), "nothing of “{text}” in {}", self.text);
        self
    }

    #[track_caller]
    pub fn does_not_say(self, text: &str) -> Self {
        assert!(!self.text.contains(text), "“{text}” stands in {}", self.text);
        self
    }

    /// Every text that stands between these two.
    pub fn between(&self, begin: &str, end: &str) -> Vec<String> {
        let parts = self.text.split(begin).skip(1);
        parts.filter_map(|part| part.split(end).next()).map(|part| part.replace("&#38;", "&")).collect()
    }

    /// What a hidden field of the page's forms holds.
    #[track_caller]
    pub fn hidden(&self, name: &str) -> String {
        let found = self.between(&format!("name=\"{name}\" value=\""), "\"");
        found.into_iter().next().unwrap_or_else(|| panic!("no field {name} in {}", self.text))
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
