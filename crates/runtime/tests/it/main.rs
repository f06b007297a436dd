//! The local runtime with real processes: sandboxes, networks, supervisors.
#![allow(clippy::unwrap_used, reason = "in tests, helpers among them, a panic is the report")]

mod support;

mod disclosure;
mod fail_closed;
mod isolation;
mod logs;
mod memory;
mod ordinary_user;
mod settings;
mod starts;
mod stops;
mod survival;
