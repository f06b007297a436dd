//! The pages in a real browser: Debian's Chromium, driven over the WebDriver protocol, before a real control plane with
//! real servers.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "the helpers of tests fail, and tell, like tests")]

mod chromium;
mod installation;
mod keyboard;
mod live;
mod looks;
mod story;
#[allow(dead_code, unused_imports, reason = "shared with the tests of servers; each uses a part of it")]
#[path = "../servers/support/mod.rs"]
mod support;
mod without_scripts;
