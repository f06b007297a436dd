//! What every request passes first: is it meant for this control plane, and whose is it.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{error::Error, site::Site};

/// Whose request it is: the peer's address, or the one that a trusted proxy names.
#[derive(Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

/// Refuses what was asked of another host, and notes for the routes where the request came from.
pub(crate) async fn pass(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    if !is_for(&site, &request) {
        return Error::Misdirected.into_response();
    }
    let forwarded: Vec<_> = request.headers().get_all("x-forwarded-for").iter().cloned().collect();
    let forwarded = forwarded.iter().map(|header| header.to_str().unwrap_or_default());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let client = peer.map(|peer| site.client(peer.0.ip(), forwarded));
    request.extensions_mut().insert(ClientAddress(client));
    request.extensions_mut().insert(site);
    next.run(request).await
}

/// Whether everything that names a host in the request names one of our own, and something does.
fn is_for(site: &Site, request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    let host = host.map(|host| host.to_str().is_ok_and(|host| site.is_own_host(host)));
    let target = request.uri().authority().map(|authority| site.is_own_host(authority.as_str()));
    second.is_none() && host == Some(true) && target != Some(false)
}
