//! One connection: TLS if there is any, then requests and answers.

use std::{convert::Infallible, net::SocketAddr};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{Limits, stream};

/// How many headers a request may have.
const MOST_HEADERS: usize = 100;
/// How large the buffer for the head of a request may grow; a head of twice that never fits.
const LARGEST_HEAD: usize = 32 * 1024;

/// What every connection is answered with.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) router: Router,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) limits: Limits,
    pub(super) stopping: watch::Receiver<bool>,
}

impl Connection {
    /// Answers every request of a connection, until either side ends it or the control plane stops.
    pub(super) async fn answer(self, tcp: TcpStream, peer: SocketAddr) {
        let stalled = u32::try_from(self.limits.stalled.as_millis()).unwrap_or(u32::MAX);
        let settled =
            setsockopt(&tcp, TcpUserTimeout, &stalled).map_err(Into::into).and_then(|()| tcp.set_nodelay(true));
        if let Err(error) = settled {
            tracing::debug!(%peer, %error, "a connection could not be set up");
            return;
        }
        match self.tls.clone() {
            None => self.http(tcp, peer).await,
            Some(tls) => match timeout(self.limits.head, tls.accept(tcp)).await {
                Ok(Ok(encrypted)) => self.http(encrypted, peer).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            },
        }
    }

    async fn http(mut self, io: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr) {
        let (router, stopping) = (self.router, self.stopping.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let (answer, stopping) = (router.clone().oneshot(request.map(Body::new)), stopping.clone());
            async move { Ok::<_, Infallible>(stream::ends_at_stop(answer.await?, stopping)) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_headers(MOST_HEADERS)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(io), service);
        let mut connection = std::pin::pin!(connection);
        let stop = async { self.stopping.wait_for(|stopping| *stopping).await.map(drop) };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = stop => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection was cut off");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::routing::get;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (tcp, peer) = listener.accept().await.unwrap();
        let (_told, stopping) = watch::channel(false);
        let router = Router::new().route("/", get(async || vec![0; 64 * 1024 * 1024]));
        let limits = Limits { stalled: Duration::from_millis(200), ..Limits::default() };
        let connection = Connection { router, tls: None, limits, stopping };
        client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        timeout(Duration::from_secs(60), connection.answer(tcp, peer)).await.expect("it ends by itself");
    }
}
