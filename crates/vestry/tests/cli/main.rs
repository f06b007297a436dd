//! The command line as its users meet it: command → stdout, stderr, exit code.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail like tests")]

mod complete;
mod doctor;
mod hostile;
mod imports;
mod life;
mod network;
mod offline;
mod requests;
mod restarts;
mod run;
mod servers;
mod story;
mod support;
mod terminal;
mod tokens;
