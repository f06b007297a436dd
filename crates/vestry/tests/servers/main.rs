//! Real servers of a real control plane: what their programs get, and what becomes of them.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "the helpers of tests fail, and tell, like tests")]

mod support;

mod canary;
mod crashes;
mod doctor;
mod drift;
mod environments;
mod fail_closed;
mod logs;
mod restarts;
mod sealed;
mod stops;
