//! The OpenAPI document, and a page for people made from it.

use std::{fmt::Write, sync::Arc};

use axum::{
    Router,
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use utoipa::openapi::{OpenApi, path::Operation};

use crate::app::App;

const STYLE: &str = include_str!("../../assets/docs.css");

/// `/api/v1/openapi.json`, `/api/docs` and its stylesheet.
pub(super) fn router(document: OpenApi) -> Router<App> {
    let json: Arc<str> = serde_json::to_string_pretty(&document).unwrap_or_default().into();
    let page: Arc<str> = page(&document).into();
    Router::new()
        .route("/api/v1/openapi.json", get(move || async move { json_response(json.to_string()) }))
        .route("/api/docs", get(move || async move { Html(page.to_string()) }))
        .route("/api/docs.css", get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE) }))
}

fn json_response(json: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}

/// The page: every operation with its address, what it does and what it answers.
fn page(document: &OpenApi) -> String {
    let mut rows = String::new();
    for (path, item) in &document.paths.paths {
        let operations = [
            ("GET", &item.get),
            ("PUT", &item.put),
            ("POST", &item.post),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                row(&mut rows, method, path, operation);
            }
        }
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Vestry API</title><link rel=\"stylesheet\" href=\"/api/docs.css\">\
         <main><h1>Vestry API</h1><p>Send <code>Authorization: Bearer</code> with a personal token. Every body is \
         JSON; errors are <code>application/problem+json</code> with a stable <code>code</code>. The contract for \
         programs is <a href=\"/api/v1/openapi.json\">openapi.json</a>.</p><table><thead><tr><th>Operation<th>What \
         it does<th>Answers</thead><tbody>{rows}</tbody></table></main></html>"
    )
}

fn row(rows: &mut String, method: &str, path: &str, operation: &Operation) {
    let summary = operation.summary.as_deref().unwrap_or_default();
    let description = operation.description.as_deref().unwrap_or_default();
    let statuses: Vec<&str> = operation.responses.responses.keys().map(String::as_str).collect();
    let _infallible = write!(
        rows,
        "<tr><td><b>{method}</b> <code>{}</code><td>{} {}<td>{}",
        escape(path).replace('/', "<wbr>/"),
        escape(summary),
        escape(description),
        statuses.join(", ")
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
