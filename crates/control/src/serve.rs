//! Answering HTTP until told to stop.

mod certificate;
mod connection;
mod guests;
mod rest;
mod stream;
mod tls;

use std::{future::Future, sync::Arc, time::Duration};

use axum::middleware;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use self::{connection::Connection, guests::Guests};
use crate::{app::App, router, site::Site};

pub use tls::{Tls, TlsRefused};

/// What a control plane puts up with.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a TLS handshake, the head of a request, and the silence between two requests may last.
    pub head: Duration,
    /// How long a client may take nothing of what it is sent.
    pub stalled: Duration,
    /// How many connections are open at once; others wait.
    pub connections: usize,
    /// How many of them one address may have; others are closed. Trusted proxies may have all.
    pub connections_per_address: usize,
    /// How often the files of the certificate are looked at.
    pub certificate: Duration,
    /// How long open requests may take once the control plane is told to stop.
    pub last_requests: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            stalled: Duration::from_secs(60),
            connections: 2_048,
            connections_per_address: 256,
            certificate: Duration::from_secs(10),
            last_requests: Duration::from_secs(3),
        }
    }
}

/// Where a control plane listens, and how it is reached there.
pub struct Door {
    /// Where it listens.
    pub listener: TcpListener,
    /// TLS of its own.
    pub tls: Option<Tls>,
    /// How it is reached.
    pub site: Site,
    /// What it puts up with.
    pub limits: Limits,
}

/// Serves API and pages until `stop` is ready: then streams end, and open requests are answered. Servers run on.
pub async fn serve(app: App, door: Door, stop: impl Future<Output = ()> + Send) {
    let Door { listener, tls, site, limits } = door;
    let closing = app.clone();
    let (told, stopping) = watch::channel(false);
    let (tls, _looking) = tls.map(|tls| tls.kept_current(limits.certificate)).unzip();
    let connection = Connection {
        router: router(app, site.clone()).layer(middleware::from_fn(rest::read_rest)),
        tls,
        limits: limits.clone(),
        stopping,
    };
    let (places, guests) = (Arc::new(Semaphore::new(limits.connections)), Guests::new(limits.connections_per_address));
    let mut open = JoinSet::new();
    let accepting = async {
        loop {
            // A place first: who finds none waits in the listener's queue.
            let place = places.clone().acquire_owned().await;
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // The peer may have gone again, or files have run out: then nothing but time helps.
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            while open.try_join_next().is_some() {}
            let guest = if site.trusts(peer.ip()) { None } else { Some(guests.admit(peer.ip())) };
            if guest.as_ref().is_some_and(Option::is_none) {
                tracing::debug!(%peer, "an address with too many connections was refused another one");
                continue;
            }
            let answered = connection.clone().answer(stream, peer);
            open.spawn(async move {
                let _held = (place, guest);
                answered.await;
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop(listener);
    told.send_replace(true);
    let _in_time = timeout(limits.last_requests, async { while open.join_next().await.is_some() {} }).await;
    open.shutdown().await;
    // So that the embedded database is left as one file. Whatever is still at work has its connections taken away.
    let _closed_in_time = timeout(limits.last_requests, closing.close()).await;
}
