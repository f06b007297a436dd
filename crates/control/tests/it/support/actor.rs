//! People who send requests, and the answers they get.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::Response,
};
use serde_json::Value;
use tower::ServiceExt;

/// Somebody who sends requests with a personal token, or without any.
#[derive(Clone)]
pub struct Actor {
    router: Router,
    token: Option<String>,
    headers: Vec<(String, String)>,
    peer: Option<SocketAddr>,
    /// Their e-mail address.
    pub email: String,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Actor {
    pub fn new(router: Router, token: Option<String>, email: &str) -> Self {
        Self { router, token, headers: Vec::new(), peer: None, email: email.to_owned() }
    }

    /// The same person with one more header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The same person, whose connections come from this address.
    pub fn from(&self, address: &str) -> Self {
        let address: IpAddr = address.parse().expect("an address");
        Self { peer: Some((address, 4711).into()), ..self.clone() }
    }

    /// The same person before another control plane.
    pub fn before(&self, router: Router) -> Self {
        Self { router, ..self.clone() }
    }

    /// The same person with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The text of their token.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body.to_string())).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body.to_string())).await
    }

    /// Sends any request; paths that begin with `/` go below `/api/v1`, unless they name another root.
    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let (parts, body) = self.response(method, path, body).await.into_parts();
        // A stream has no end to wait for.
        let whole = parts.headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "text/event-stream");
        let body = if whole { body } else { Body::empty() };
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a whole answer");
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// Begins to read an answer that comes piece by piece.
    pub async fn stream(&self, path: &str) -> BodyDataStream {
        self.response(Method::GET, path, None).await.into_body().into_data_stream()
    }

    async fn response(&self, method: Method, path: &str, body: Option<String>) -> Response {
        let other_root = ["/healthz", "/readyz", "/api/"].iter().any(|root| path.starts_with(root));
        let address = if other_root { path.to_owned() } else { format!("/api/v1{path}") };
        let mut request = Request::builder().method(method).uri(address);
        if self.headers.iter().all(|(name, _)| name != "host") {
            request = request.header(header::HOST, "localhost");
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(peer) = self.peer {
            request = request.extension(ConnectInfo(peer));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(body.map_or_else(Body::empty, Body::from)).expect("a well-formed request");
        self.router.clone().oneshot(request).await.expect("the router never fails")
    }
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The stable code of a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The field and the stable code of each thing that does not fit.
    pub fn refused(&self) -> Vec<(String, String)> {
        let text = |problem: &Value, key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        let problems = self.json()["errors"].as_array().cloned().unwrap_or_default();
        problems.iter().map(|problem| (text(problem, "field"), text(problem, "code"))).collect()
    }

    /// Checks that exactly this field does not fit, for this reason.
    #[track_caller]
    pub fn expect_refused(self, field: &str, code: &str) -> Self {
        let answer = self.expect(422);
        assert_eq!(answer.refused(), [(field.to_owned(), code.to_owned())], "{}", answer.text);
        answer
    }

    /// One field of each item of a list.
    pub fn each(&self, field: &str) -> Vec<String> {
        let items = self.json()["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What somebody can tell of the answer: all of it but the request's own id.
    pub fn told(&self) -> (u16, Value) {
        let mut body = self.json();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("request_id");
        }
        (self.status.as_u16(), body)
    }

    /// The entity tag.
    pub fn etag(&self) -> String {
        self.headers[header::ETAG].to_str().expect("an ASCII tag").to_owned()
    }

    /// Checks the status, showing the body when it is another one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}
