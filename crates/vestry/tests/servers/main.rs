//! Real servers of a real control plane: what their programs get, and what becomes of them.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "the helpers of tests fail, and tell, like tests")]

mod support;

mod canary;
mod clock;
mod crashes;
mod database_away;
mod disk_full;
mod doctor;
mod drift;
mod environments;
mod fail_closed;
mod kills;
mod logs;
mod restarts;
mod rolling;
mod runs;
mod sealed;
mod sequences;
mod stops;
