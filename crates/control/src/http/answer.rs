//! Errors as statuses, the request id, the log and the headers of every answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::timeout;
use tracing::Instrument;

use crate::{error::Error, random, site::Site};

/// How long an answer may take to begin.
const LONGEST: Duration = Duration::from_secs(50);

impl Error {
    /// The status of an answer, and a stable word for programs.
    pub(crate) fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthenticated | Self::SignInRefused => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected"),
            Self::VersionMismatch => (StatusCode::PRECONDITION_FAILED, "version_mismatch"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Self::Sealed(_) => (StatusCode::SERVICE_UNAVAILABLE, "sealed"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

impl IntoResponse for Error {
    /// Only the status: the API and the pages each write the rest in their way, once the request id is known.
    fn into_response(self) -> Response {
        let mut response = self.status_and_code().0.into_response();
        response.extensions_mut().insert(Failed(Arc::new(self)));
        response
    }
}

/// Why a request was not done: stands in the extensions of its answer.
#[derive(Clone)]
pub(crate) struct Failed(pub(crate) Arc<Error>);

/// Finds a request in the log: stands in its extensions.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Stands in the extensions of an answer that never changes under its address and is nobody's in particular.
#[derive(Clone)]
pub(crate) struct Unchanging;

pub(crate) async fn no_such_address() -> Error {
    Error::NotFound
}

pub(crate) async fn no_such_method() -> Response {
    let mut response = Error::NotFound.into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// Gives up what takes too long.
pub(crate) async fn in_time(request: Request, next: Next) -> Response {
    timeout(LONGEST, next.run(request)).await.unwrap_or_else(|_| {
        let late = "it took too long and was given up; whether it was done is not known; look, then repeat it";
        Error::Unavailable(late.to_owned()).into_response()
    })
}

/// Gives every request an id, logs it, and sets the headers of every answer.
pub(crate) async fn answer(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let request_id = random::revision();
    // The route's pattern, not the address: what people type into addresses stays out of the log.
    let route = request.extensions().get::<MatchedPath>().map_or("-", |path| path.as_str()).to_owned();
    let method = request.method().clone();
    let span = tracing::info_span!("request", %request_id);
    let begun = Instant::now();
    request.extensions_mut().insert(RequestId(request_id));
    let mut response = next.run(request).instrument(span.clone()).await;
    let _entered = span.enter();
    let failed = response.extensions_mut().remove::<Failed>();
    if let Some(Error::Internal(source)) = failed.as_ref().map(|failed| &*failed.0) {
        tracing::error!(%method, route, error = format!("{source:#}"), "a request failed inside");
    }
    if let Some(Error::RateLimited { seconds }) = failed.as_ref().map(|failed| &*failed.0) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    let (status, micros) = (response.status().as_u16(), begun.elapsed().as_micros());
    tracing::info!(%method, route, status, micros, "answered");
    let kept = response.extensions_mut().remove::<Unchanging>().is_some();
    let kept = HeaderValue::from_static(if kept { "public, max-age=31536000, immutable" } else { "no-store" });
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    set_headers(response.headers_mut(), &site);
    response
}

const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

/// Only over https: browsers would not believe it otherwise, and nobody could reach plain http on loopback any more.
const HTTPS_ONLY: (&str, &str) = ("strict-transport-security", "max-age=31536000");

fn set_headers(headers: &mut HeaderMap, site: &Site) {
    for (name, value) in HEADERS.iter().chain(site.is_https().then_some(&HTTPS_ONLY)) {
        headers.insert(*name, HeaderValue::from_static(value));
    }
}
