//! Answering HTTP until told to stop.

mod rest;

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::middleware;
use tokio::net::TcpListener;

use crate::{api, app::App};

/// How long open requests may take once the control plane is told to stop; streams have no other end.
const LAST_REQUESTS: Duration = Duration::from_secs(3);

/// Serves the API on a listener until `stop` is ready. Servers run on.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let closing = app.clone();
    let router = api::router(app).layer(middleware::from_fn(rest::read_rest));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let (told, mut stopping) = tokio::sync::watch::channel(false);
    let stop = async move {
        stop.await;
        told.send_replace(true);
    };
    let last_requests = async move {
        if stopping.wait_for(|told| *told).await.is_ok() {
            tokio::time::sleep(LAST_REQUESTS).await;
        }
    };
    let served = tokio::select! {
        served = async { axum::serve(listener, service).with_graceful_shutdown(stop).await } => served,
        () = last_requests => Ok(()),
    };
    // So that the embedded database is left as one file. Whatever is still at work has its connections taken away.
    let _closed_in_time = tokio::time::timeout(LAST_REQUESTS, closing.close()).await;
    served
}
