//! The control plane of Vestry as a library: use cases, API, pages and store.

pub mod api;
pub mod app;
pub mod clock;
pub mod error;
mod http;
pub mod keys;
pub mod random;
mod router;
mod serve;
pub mod site;
pub mod store;
mod web;

pub use router::router;
pub use serve::{Door, Limits, Tls, TlsRefused, serve};
