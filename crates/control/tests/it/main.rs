//! The control plane tested through its API and its store, on both databases.
#![expect(unreachable_pub, reason = "nobody but these tests uses them")]

mod api;
mod store;
mod support;
