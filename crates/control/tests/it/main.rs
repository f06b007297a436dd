//! The control plane tested through its API and its store, on both databases.
#![expect(unreachable_pub, reason = "nobody but these tests uses them")]
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail like tests")]

mod access_matrix;
mod api;
mod browser;
mod canary;
mod damage;
mod desk;
mod guessing;
mod model;
mod openapi;
mod operator;
mod outcomes;
mod parsers;
mod races;
mod reconcile;
mod sealed;
mod serve;
mod store;
mod support;
mod web;
