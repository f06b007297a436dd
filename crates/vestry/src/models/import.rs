//! What an import did, or would do.

use serde::Deserialize;

use super::{Affected, Warning};
use crate::text::Text;

#[derive(Deserialize)]
pub(crate) struct Import {
    pub(crate) stopped: bool,
    pub(crate) counts: Counts,
    pub(crate) lines: Vec<Line>,
    pub(crate) restart_needed: Vec<Affected>,
}

/// How many lines have each verdict, as far as they are counted here.
#[derive(Deserialize)]
pub(crate) struct Counts {
    pub(crate) added: u64,
    pub(crate) updated: u64,
    pub(crate) overrides: u64,
    pub(crate) refused: u64,
    pub(crate) unparsed: u64,
}

impl Counts {
    /// How many secrets are new.
    pub(crate) fn created(&self) -> u64 {
        self.added + self.overrides
    }
}

#[derive(Deserialize)]
pub(crate) struct Line {
    pub(crate) line: u64,
    pub(crate) name: Option<Text>,
    pub(crate) verdict: Text,
    pub(crate) code: Option<Text>,
    pub(crate) message: Text,
    #[serde(default)]
    pub(crate) warnings: Vec<Warning>,
}
