//! `/healthz` and `/readyz`

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, health};

/// Each part that a control plane needs, `ok` or what is wrong with it.
#[derive(Serialize, ToSchema)]
pub(super) struct ReadinessBody {
    database: String,
    root_key: String,
    sandbox: String,
    /// Whether the limit on servers' memory, if one is set, is enforced; servers start without it all the same.
    memory_limit: String,
}

/// Whether the control plane is alive.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, body = String)))]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether database, root key and sandbox work: 200 when all do, 503 otherwise.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = ReadinessBody), (status = 503, body = ReadinessBody)))]
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<ReadinessBody>) {
    let health = health::check(&app).await;
    let said = |part: Result<(), String>| part.err().unwrap_or_else(|| "ok".to_owned());
    let body = ReadinessBody {
        database: said(health.database),
        root_key: said(health.root_key),
        sandbox: said(health.sandbox),
        memory_limit: said(health.memory_limit),
    };
    let ready = [&body.database, &body.root_key, &body.sandbox].into_iter().all(|part| part == "ok");
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}
