//! The control plane of Vestry as a library: use cases, API, pages and store.

pub mod api;
pub mod app;
pub mod clock;
pub mod error;
pub mod keys;
pub mod random;
mod serve;
pub mod store;

pub use serve::serve;
