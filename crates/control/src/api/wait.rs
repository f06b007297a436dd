//! `If-None-Match` with `?wait=`: answers that come when there is something new.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{app::Input, error::Error, http::paging::Params};

/// The longest that a request waits, in seconds: less than any answer may take, or waiting in vain would be an error.
const LONGEST_WAIT: u64 = 45;

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wait {
    /// With `If-None-Match`: how many seconds to wait for another revision, 0 to 45.
    wait: Option<u64>,
}

impl Params<Wait> {
    /// How long to wait.
    pub(super) fn duration(self) -> Input<Duration> {
        self.parse(|params| match params.wait.unwrap_or(0) {
            seconds @ 0..=LONGEST_WAIT => Ok(Duration::from_secs(seconds)),
            _ => Err(Error::invalid("wait", "wait", format!("Wait for 0 to {LONGEST_WAIT} seconds."))),
        })
    }
}

/// The revision that the caller has.
pub(super) fn known(headers: &HeaderMap) -> Option<&str> {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    known.map(|known| known.trim_matches('"'))
}
