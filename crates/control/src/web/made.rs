//! A token that was just made: the page that follows shows it once, and reading that page again makes no second one.

use zeroize::Zeroizing;

use super::{frame::Reader, query::Query};
use crate::{
    app::{App, tokens},
    error::Result,
};

/// What a page says of a token that was just made.
#[derive(Default)]
pub(super) struct Made {
    text: Option<Zeroizing<String>>,
    gone: bool,
}

impl Made {
    /// What the page's address asks to be shown.
    pub(super) fn of(app: &App, reader: &Reader, query: &Query) -> Result<Self> {
        let Some(id) = query.made.as_deref() else { return Ok(Self::default()) };
        let text = tokens::shown(app, &reader.caller, id)?;
        Ok(Self { gone: text.is_none(), text })
    }

    /// The token.
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_ref().map(|text| text.as_str())
    }

    /// Whether it was shown already.
    pub(super) fn gone(&self) -> bool {
        self.gone
    }
}
