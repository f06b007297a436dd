//! Errors as RFC 9457 problems.

use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Error,
    http::answer::{Failed, RequestId},
};

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

/// What a route answers.
pub(super) type Result<T> = std::result::Result<T, Error>;

/// Writes the problem of an answer that has one and no body yet.
pub(crate) async fn write(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let response = next.run(request).await;
    match response.extensions().get::<Failed>().cloned() {
        Some(failed) if !response.headers().contains_key(header::CONTENT_TYPE) => {
            problem(failed, response.status(), id)
        }
        _ => response,
    }
}

fn problem(failed: Failed, status: StatusCode, request_id: String) -> Response {
    let error = &failed.0;
    let (_, code) = error.status_and_code();
    let errors = match &**error {
        Error::Invalid(fields) => fields
            .iter()
            .map(|field| FieldProblem { field: field.field, code: field.code, message: field.message.clone() })
            .collect(),
        _ => Vec::new(),
    };
    let body = Problem {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: error.to_string(),
        code,
        request_id,
        errors,
    };
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response.extensions_mut().insert(failed);
    response
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware, routing::get};
    use tower::ServiceExt;

    use super::*;
    use crate::{http::answer, site::Site};

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_given_up_and_told() {
        let stuck = Router::new().route("/", get(std::future::pending::<()>));
        let router = stuck
            .layer(middleware::from_fn(answer::in_time))
            .layer(middleware::from_fn(write))
            .layer(middleware::from_fn_with_state(Site::loopback(), answer::answer));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}
