//! The pages as a browser without scripts sees them. What holds for every page is found by following every link
//! (`crawl`), sending every form that is found, and by a table with each route (`roles`).

mod canaries;
mod crawl;
mod cross_site;
mod hostile;
mod html;
mod journeys;
mod lists;
mod restarts;
mod roles;
mod routes;
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
    token: Option<String>,
    /// What it says beside each form of the page that sends it.
    says: Vec<(&'static str, &'static str)>,
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
        Self { router: house.router.clone(), cookie: None, token: None, says: vec![("sec-fetch-site", "same-origin")] }
    }

    /// Signs somebody in by the form.
    pub async fn of(house: &House, person: &Actor) -> Self {
        let browser = Self::new(house);
        let signed_in = browser.post("/sign-in", &[("email", &person.email), ("password", PASSWORD)]).await.leads("/");
        let cookie = signed_in.headers[header::SET_COOKIE].to_str().expect("ASCII");
        Self { cookie: cookie.split(';').next().map(str::to_owned), ..browser }
    }

    /// The same browser, whose forms say this of the page that sends them.
    pub fn saying(&self, says: &[(&'static str, &'static str)]) -> Self {
        Self { says: says.to_vec(), ..self.clone() }
    }

    /// The same browser with a token beside its session, if it has one.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub async fn get(&self, address: &str) -> Page {
        let request = Request::get(address).header(header::HOST, "localhost");
        self.send(request, Body::empty()).await
    }

    /// Sends a form.
    pub async fn post(&self, address: &str, fields: &[(&str, &str)]) -> Page {
        let pairs: Vec<String> =
            fields.iter().map(|(name, text)| format!("{}={}", encode(name), encode(text))).collect();
        let mut request = Request::post(address)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, text) in &self.says {
            request = request.header(*name, *text);
        }
        self.send(request, Body::from(pairs.join("&"))).await
    }

    /// Sends a form that a page shows, with this in the fields that people type into.
    pub async fn submit(&self, form: &html::Form, typed: impl Fn(&html::Field) -> String) -> Page {
        let fields = form
            .fields
            .iter()
            .map(|field| (&field.name, if field.is_typed() { typed(field) } else { field.text.clone() }));
        let fields: Vec<(&String, String)> = fields.collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        self.post(&form.action, &fields).await
    }

    async fn send(&self, mut request: axum::http::request::Builder, body: Body) -> Page {
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(body).expect("a well-formed request");
        let (parts, body) = self.router.clone().oneshot(request).await.expect("the router never fails").into_parts();
        // A stream has no end to wait for.
        let whole = parts.headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "text/event-stream");
        let body = if whole { body } else { Body::empty() };
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

/// A text as it may stand in an address or a form.
fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
