//! Errors as RFC 9457 problems, the request id, and the headers of every answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::time::timeout;
use tracing::Instrument;
use utoipa::ToSchema;

use crate::{error::Error, random, site::Site};

/// How long an answer may take to begin.
const LONGEST: Duration = Duration::from_secs(50);

/// A problem as RFC 9457 describes it, with Vestry's stable `code`.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found",
    "detail": "there is no such thing here, or you have no access to it", "request_id": "0193…" }))]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// A stable word for programs.
    #[schema(value_type = String)]
    code: &'static str,
    request_id: String,
    /// For 422: each field that does not fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
}

#[derive(Serialize, ToSchema)]
struct FieldProblem {
    field: &'static str,
    code: &'static str,
    message: String,
}

impl Error {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
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
    /// Only the status; `answer` knows the request id and writes the rest.
    fn into_response(self) -> Response {
        let mut response = self.status_and_code().0.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// What a route answers.
pub(super) type Result<T> = std::result::Result<T, Error>;

pub(super) async fn no_such_address() -> Error {
    Error::NotFound
}

pub(super) async fn no_such_method() -> Response {
    let mut response = Error::NotFound.into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// Gives every request an id, logs it, writes its problem if it has one, and sets the headers of every answer.
pub(super) async fn answer(State(site): State<Site>, request: Request, next: Next) -> Response {
    let request_id = random::revision();
    // The route's pattern, not the address: what people type into addresses stays out of the log.
    let route = request.extensions().get::<MatchedPath>().map_or("-", |path| path.as_str()).to_owned();
    let method = request.method().clone();
    let span = tracing::info_span!("request", %request_id);
    let begun = Instant::now();
    let answered = timeout(LONGEST, next.run(request).instrument(span.clone())).await;
    let mut response = answered.unwrap_or_else(|_| {
        let late = "it took too long and was given up; whether it was done is not known; look, then repeat it";
        Error::Unavailable(late.to_owned()).into_response()
    });
    let error = response.extensions_mut().remove::<Arc<Error>>();
    let _entered = span.enter();
    if let Some(Error::Internal(source)) = error.as_deref() {
        tracing::error!(%method, route, error = format!("{source:#}"), "a request failed inside");
    }
    if let Some(error) = error {
        response = problem(&error, response.status(), request_id);
    }
    let (status, micros) = (response.status().as_u16(), begun.elapsed().as_micros());
    tracing::info!(%method, route, status, micros, "answered");
    with_headers(response, &site)
}

fn problem(error: &Error, status: StatusCode, request_id: String) -> Response {
    let (_, code) = error.status_and_code();
    let errors = match error {
        Error::Invalid(fields) => fields
            .iter()
            .map(|field| FieldProblem { field: field.field, code: field.code, message: field.message.clone() })
            .collect(),
        _ => Vec::new(),
    };
    let title = status.canonical_reason().unwrap_or("Error");
    let body = Problem {
        kind: "about:blank",
        title,
        status: status.as_u16(),
        detail: error.to_string(),
        code,
        request_id,
        errors,
    };
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Error::RateLimited { seconds } = error {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
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
    ("cache-control", "no-store"),
];

/// Only over https: browsers would not believe it otherwise, and nobody could reach plain http on loopback any more.
const HTTPS_ONLY: (&str, &str) = ("strict-transport-security", "max-age=31536000");

fn with_headers(mut response: Response, site: &Site) -> Response {
    for (name, value) in HEADERS.iter().chain(site.is_https().then_some(&HTTPS_ONLY)) {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware, routing::get};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_given_up_and_told() {
        let stuck = Router::new().route("/", get(std::future::pending::<()>));
        let router = stuck.layer(middleware::from_fn_with_state(Site::loopback(), answer));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}
