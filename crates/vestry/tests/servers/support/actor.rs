//! People who send requests, and the answers they get.

use std::{
    io::{BufReader, Read},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use ureq::{
    Agent,
    http::{Method, Request, Response},
};

/// Where the control plane is now, and all that it ever answered.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) url: Mutex<String>,
    pub(crate) transcript: Mutex<Vec<u8>>,
}

/// Somebody who sends requests with a personal token, or without any.
#[derive(Clone)]
pub(crate) struct Actor {
    line: Arc<Line>,
    agent: Agent,
    headers: Vec<(&'static str, String)>,
    /// Their e-mail address.
    pub(crate) email: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) cookie: Option<String>,
    pub(crate) text: String,
}

impl Actor {
    pub(crate) fn new(line: Arc<Line>) -> Self {
        Self { line, agent: agent(), headers: Vec::new(), email: String::new() }
    }

    /// The same person with connections of their own.
    pub(crate) fn alone(&self) -> Self {
        Self { agent: agent(), ..self.clone() }
    }

    /// The same person with one more header.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name, value.to_owned()));
        other
    }

    /// The text of their token.
    pub(crate) fn token(&self) -> &str {
        let signed = self.headers.iter().find(|(name, _)| *name == "authorization");
        signed.unwrap().1.strip_prefix("Bearer ").unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None)
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body))
    }

    pub(crate) fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body))
    }

    pub(crate) fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body))
    }

    /// Sends any request below `/api/v1`, and waits for the whole answer.
    pub(crate) fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.try_send(method, path, body).unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// As [`send`](Self::send), where the control plane may die meanwhile.
    pub(crate) fn try_send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer, ureq::Error> {
        let mut response = self.exchange(method, path, body, Some(super::PATIENCE))?;
        let text = response.body_mut().read_to_string()?;
        self.line.transcript.lock().unwrap().extend_from_slice(text.as_bytes());
        let cookie = response.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
        Ok(Answer { status: response.status().as_u16(), cookie, text })
    }

    /// An answer that comes bit by bit.
    pub(super) fn stream(&self, path: &str) -> BufReader<impl Read + use<>> {
        let response = self.exchange(Method::GET, path, None, None).unwrap();
        assert_eq!(response.status(), 200);
        BufReader::new(response.into_body().into_reader())
    }

    /// Keeps what came over a stream with all other answers.
    pub(super) fn note(&self, text: &str) {
        self.line.transcript.lock().unwrap().extend_from_slice(text.as_bytes());
    }

    fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        timeout: Option<Duration>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let address = format!("{}/api/v1{path}", self.line.url.lock().unwrap());
        let mut request = Request::builder().method(method).uri(address);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let response = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json").body(body.to_string()).unwrap();
                self.agent.run(self.agent.configure_request(request).timeout_global(timeout).build())?
            }
            None => {
                let request = request.body(()).unwrap();
                let request = self.agent.configure_request(request).timeout_global(timeout);
                self.agent.run(request.allow_non_standard_methods(true).build())?
            }
        };
        self.note(&format!("{:?}\n", response.headers()));
        Ok(response)
    }
}

/// What takes any answer, and sends requests nowhere else.
pub(super) fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_connect(Some(Duration::from_secs(10)));
    config.build().into()
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Checks the status, showing the body when it is another one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}
