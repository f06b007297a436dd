//! HTTP to a control plane: one request, one answer or a [`Failure`] with its exit code.

use std::{collections::HashSet, io::Read, time::Duration};

use envelope::Plaintext;
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::{
    Agent, AsSendBody, Body, Timeout,
    config::{Config, ConfigBuilder},
    http::{self, HeaderValue, Method, Response, StatusCode, header},
    tls::{RootCerts, TlsConfig},
    typestate::HttpCrateScope,
};

use crate::{
    address::Address,
    exit::{Exit, Failure},
    output::say_if_slow,
    problem,
    text::escape,
    token::Token,
};

/// Longest wait for each part of an exchange: its head, its body, the answer's head, its body. Starting a server answers at once and is then polled.
const ANSWER: Duration = Duration::from_secs(60);
/// After how long a wait is said.
const LONG: Duration = Duration::from_secs(5);
/// Longest wait for a name's addresses, and for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How much is read or written at once: less than the library's own measure, for which `vestry run` would pay at each
/// start.
const BUFFER: usize = 16 * 1024;
/// Largest answer that is read; the longest list page is far below.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;
/// How many items a page of a list has (the API's largest).
const PAGE: usize = 200;
/// How many pages of one list are read before it counts as one without end.
const MOST_PAGES: usize = 1_000;

/// Who a request is from.
enum Caller {
    Nobody,
    Token(Token),
    /// The `name=value` pair of a session cookie.
    Session(Plaintext),
}

/// A connection to one control plane. It follows no redirect, so that nothing goes to another address than this one.
pub(crate) struct Client {
    agent: Agent,
    address: Address,
    caller: Caller,
}

/// What the control plane answered.
pub(crate) struct Answer {
    /// The JSON body; `null` when there was none.
    pub(crate) body: Value,
    /// The revision of what was answered, as `If-Match` wants it back.
    pub(crate) etag: Option<String>,
    /// When it was answered, by the control plane's clock.
    pub(crate) date: Option<Timestamp>,
    /// The session that was begun, as a cookie's `name=value` pair.
    pub(crate) session: Option<Plaintext>,
}

impl Answer {
    /// The body as what it should be.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        read(&self.body)
    }
}

/// A part of an answer as what it should be.
pub(crate) fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Failure> {
    T::deserialize(body).map_err(|error| {
        Failure::new(Exit::Unreachable, format!("the control plane's answer can't be read: {error}"))
            .help("this vestry and the control plane may be of different versions; compare:  vestry version")
    })
}

impl Client {
    /// A client without a token.
    pub(crate) fn anonymous(address: Address) -> Self {
        let mut config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .user_agent(concat!("vestry/", env!("CARGO_PKG_VERSION")));
        config = if address.is_local() {
            // Plain http is only spoken within this machine: a proxy would be another one.
            config.proxy(None)
        } else {
            // The library waits for a name in a thread of its own, which this machine's needs not.
            config.timeout_resolve(Some(CONNECT))
        };
        Self { agent: config.build().into(), address, caller: Caller::Nobody }
    }

    /// A client that acts with a token.
    pub(crate) fn with_token(address: Address, token: Token) -> Self {
        Self { caller: Caller::Token(token), ..Self::anonymous(address) }
    }

    /// The same connection, now within a session.
    pub(crate) fn with_session(self, cookie: Plaintext) -> Self {
        Self { caller: Caller::Session(cookie), ..self }
    }

    /// Whether it acts with a workspace's own token.
    pub(crate) fn acts_for_workspace(&self) -> bool {
        matches!(&self.caller, Caller::Token(token) if token.is_of_workspace())
    }

    /// Where it connects to.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// A `GET` of a path under `/api/v1`.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.request(Method::GET, path).send()
    }

    /// The same, once it has another revision than this one; `None` if it had none for as long as the path says to wait.
    pub(crate) fn news(&self, path: &str, etag: &str) -> Result<Option<Answer>, Failure> {
        let mut request = self.request(Method::GET, path);
        request.headers.push(("if-none-match", etag.to_owned()));
        let response = request.exchange(Some(ANSWER))?;
        if response.status() == StatusCode::NOT_MODIFIED { Ok(None) } else { request.read(response).map(Some) }
    }

    /// Begins any other request.
    pub(crate) fn request(&self, method: Method, path: &str) -> Request<'_> {
        Request { client: self, method, url: self.address.api(path), body: None, headers: Vec::new() }
    }

    /// The items of a list, page after page, at most `limit`. The path may have a query.
    pub(crate) fn list(&self, path: &str, limit: Option<usize>) -> Result<Vec<Value>, Failure> {
        let mut items: Vec<Value> = Vec::new();
        let mut cursor = None::<String>;
        let mut seen = HashSet::new();
        loop {
            let wanted = limit.map_or(PAGE, |limit| PAGE.min(limit.saturating_sub(items.len())));
            let join = if path.contains('?') { '&' } else { '?' };
            let mut page = format!("{path}{join}limit={wanted}");
            if let Some(cursor) = &cursor {
                page.push_str(&format!("&cursor={}", crate::address::segment(cursor)));
            }
            let answer = self.get(&page)?;
            let page: Vec<Value> = read(&answer.body["items"])?;
            items.extend(page);
            cursor = read(&answer.body["next_cursor"])?;
            if cursor.is_none() || limit.is_some_and(|limit| items.len() >= limit) {
                return Ok(items);
            }
            if !seen.insert(cursor.clone()) || seen.len() > MOST_PAGES {
                let message = format!("the list that {} answers does not end; nothing of it is shown", self.address);
                return Err(Failure::new(Exit::Unreachable, message));
            }
        }
    }

    /// Text as it comes, for as long as it comes; events go on after the one with the id `after`.
    pub(crate) fn stream(&self, path: &str, after: Option<&str>) -> Result<impl Read + use<>, Failure> {
        let mut request = self.request(Method::GET, path);
        request.headers.extend(after.map(|id| ("last-event-id", id.to_owned())));
        let response = request.exchange(None)?;
        if !response.status().is_success() {
            return Err(self.refusal(response));
        }
        Ok(response.into_body().into_reader())
    }

    fn refusal(&self, response: Response<Body>) -> Failure {
        let failure = refusal(&self.address, response);
        if failure.code.as_deref() == Some("unauthenticated") && matches!(self.caller, Caller::Token(_)) {
            let message = format!("the token is not valid at {}: it was revoked or has ended", self.address);
            let failure = Failure { message, ..failure };
            // Signing in is nothing for a machine.
            return if self.acts_for_workspace() { failure.help(ANOTHER_TOKEN) } else { failure };
        }
        failure
    }
}

/// A request on its way.
pub(crate) struct Request<'a> {
    client: &'a Client,
    method: Method,
    url: String,
    body: Option<Plaintext>,
    headers: Vec<(&'static str, String)>,
}

impl Request<'_> {
    /// Sends JSON that may be seen.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.confidential(Plaintext::new(body.to_string().into_bytes()))
    }

    /// Sends JSON that holds a value or a password.
    pub(crate) fn confidential(mut self, body: Plaintext) -> Self {
        self.body = Some(body);
        self
    }

    /// Only if what is there still has this revision.
    pub(crate) fn if_match(mut self, etag: Option<&str>) -> Self {
        self.headers.extend(etag.map(|etag| ("if-match", etag.to_owned())));
        self
    }

    /// Only if nothing is there.
    pub(crate) fn create_only(mut self, yes: bool) -> Self {
        self.headers.extend(yes.then(|| ("if-none-match", "*".to_owned())));
        self
    }

    /// Says, as a browser would, that no other site is behind the request: what a session may change needs it.
    pub(crate) fn same_origin(mut self) -> Self {
        self.headers.push(("sec-fetch-site", "same-origin".to_owned()));
        self
    }

    /// Sends it and reads the answer.
    ///
    /// # Errors
    /// When there is no answer, and when the answer is a refusal.
    pub(crate) fn send(self) -> Result<Answer, Failure> {
        self.read(self.awaited()?)
    }

    fn read(&self, mut response: Response<Body>) -> Result<Answer, Failure> {
        let address = &self.client.address;
        if !response.status().is_success() {
            return Err(self.client.refusal(response));
        }
        let headers = response.headers();
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let etag = text(header::ETAG).map(str::to_owned);
        let date = text(header::DATE).and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
        let session = text(header::SET_COOKIE).map(|cookie| {
            let pair = cookie.split(';').next().unwrap_or_default();
            Plaintext::new(pair.trim().as_bytes().to_vec())
        });
        let body = body(&mut response).map_err(|error| unreachable(address, &error))?;
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).map_err(|_| not_vestry(address))?
        };
        Ok(Answer { body, etag, date, session })
    }

    /// Sends it and reads the answer straight into what it should be, for an answer that holds values: nothing else
    /// gets a copy, and what was read is overwritten.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(crate) fn receive<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let mut response = self.awaited()?;
        if !response.status().is_success() {
            return Err(self.client.refusal(response));
        }
        let bytes = body(&mut response).map_err(|error| unreachable(&self.client.address, &error))?;
        let body = Plaintext::new(bytes);
        // Serde's own message would quote what it could not read.
        serde_json::from_slice(body.expose()).map_err(|_| not_vestry(&self.client.address))
    }

    /// The answer, of which somebody who waits for it hears when it takes long.
    fn awaited(&self) -> Result<Response<Body>, Failure> {
        let notice = format!("waiting for {} …", self.client.address);
        say_if_slow(LONG, &notice, || self.exchange(Some(ANSWER)))
    }

    fn exchange(&self, timeout: Option<Duration>) -> Result<Response<Body>, Failure> {
        let address = &self.client.address;
        let unsendable = || Failure::usage("the request can't be written; nothing was sent");
        let mut request = http::Request::builder().method(&self.method).uri(&self.url);
        request = match &self.client.caller {
            Caller::Nobody => request,
            Caller::Token(token) => {
                request.header(header::AUTHORIZATION, hidden(&format!("Bearer {}", token.expose()))?)
            }
            Caller::Session(cookie) => {
                let cookie = str::from_utf8(cookie.expose()).map_err(|_| not_vestry(address))?;
                request.header(header::COOKIE, hidden(cookie)?)
            }
        };
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = self.body.as_ref().map(Plaintext::expose).unwrap_or_default();
        let agent = &self.client.agent;
        let answer = if matches!(self.method, Method::GET | Method::DELETE) && body.is_empty() {
            let request = request.body(()).map_err(|_| unsendable())?;
            agent.run(within(agent.configure_request(request), timeout))
        } else {
            let request = request.body(body).map_err(|_| unsendable())?;
            agent.run(within(agent.configure_request(request), timeout))
        };
        let has_effect = self.method != Method::GET;
        answer.map_err(|error| match error {
            ureq::Error::Timeout(Timeout::RecvResponse) => unanswered(address, has_effect),
            error => unreachable(address, &error),
        })
    }
}

/// The request, which may wait so long for each part of the exchange.
fn within<T: AsSendBody>(request: ConfigBuilder<HttpCrateScope<T>>, timeout: Option<Duration>) -> http::Request<T> {
    let request = request.timeout_send_request(timeout).timeout_send_body(timeout);
    request.timeout_recv_response(timeout).timeout_recv_body(timeout).build()
}

/// A header that no log of the HTTP library shows.
fn hidden(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Failure::data("what the request is signed with can't be sent in a header; nothing was sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn body(response: &mut Response<Body>) -> Result<Vec<u8>, ureq::Error> {
    response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec()
}

fn refusal(address: &Address, mut response: Response<Body>) -> Failure {
    let status = response.status().as_u16();
    if response.status().is_redirection() {
        return Failure::new(Exit::NotConfigured, format!("{address} sends elsewhere; nothing was sent there"))
            .help("give the control plane's own address with --url");
    }
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let Ok(body) = body(&mut response) else { return not_vestry(address) };
    problem::read(status, &body, retry_after).unwrap_or_else(|| not_vestry(address))
}

/// Why an answer is of no use.
pub(crate) fn not_vestry(address: &Address) -> Failure {
    Failure::new(Exit::Unreachable, format!("what answers at {address} is not a control plane of Vestry"))
        .help("look at the address: --url, VESTRY_URL or .vestry.toml")
}

fn unanswered(address: &Address, has_effect: bool) -> Failure {
    let waited = ANSWER.as_secs();
    let unknown = if has_effect { "; whether it did what was asked is not known" } else { "" };
    let message = format!("{address} accepted the connection but did not answer within {waited} s{unknown}");
    Failure::new(Exit::Unreachable, message).help("whoever runs the control plane finds the reason in its log")
}

fn unreachable(address: &Address, error: &ureq::Error) -> Failure {
    if matches!(error, ureq::Error::BodyExceedsLimit(_)) {
        let most = MAX_ANSWER / (1024 * 1024);
        let message = format!("the answer of {address} is larger than {most} MiB; nothing of it was used");
        return Failure::new(Exit::Unreachable, message);
    }
    let (why, help) = match error {
        ureq::Error::Rustls(error) => (error.to_string(), UNTRUSTED),
        ureq::Error::Io(error) => {
            let tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
            (error.to_string(), if tls { UNTRUSTED } else { NOT_THERE })
        }
        other => (other.to_string(), NOT_THERE),
    };
    Failure::new(Exit::Unreachable, format!("{address} can't be reached: {}", escape(&why))).help(help)
}

/// What helps a machine whose workspace token is not valid.
pub(crate) const ANOTHER_TOKEN: &str =
    "the workspace's owner makes another:  vestry token create NAME -w [ORG/]WORKSPACE";
const NOT_THERE: &str = "is the control plane running?  vestry serve\nanother address:  --url or VESTRY_URL";
const UNTRUSTED: &str = "the connection could not be trusted, and nothing was sent\n\
     if its certificate is from an authority of your own, let this machine trust that authority";

/// Now: the only place where the command line looks at the clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_accepts_and_does_not_answer_is_not_called_out_of_reach() {
        let address = Address::parse("https://vestry.example").ok().unwrap();
        let said = unanswered(&address, true).message;
        assert!(said.starts_with("https://vestry.example accepted the connection but did not answer within 60 s; whe"));
        assert!(!unanswered(&address, false).message.contains("whether"));
    }
}
