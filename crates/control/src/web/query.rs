//! What a page's address says beside its path.

use serde::Deserialize;

use crate::{
    app::{Input, Order, PageRequest},
    http::paging::{Paging, Params},
};

/// Which part of a list, and what the reader has just done.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Query {
    /// Only names that contain this.
    pub(super) q: Option<String>,
    /// Where the page before ended.
    pub(super) cursor: Option<String>,
    /// The order.
    pub(super) sort: Option<String>,
    /// Which of a list's rows: a word of its page.
    pub(super) show: Option<String>,
    /// What was just done: a word of [`notice`].
    pub(super) done: Option<String>,
    /// By what a token that was just made is shown.
    pub(super) made: Option<String>,
}

impl Query {
    /// As it stands in the address; an address that says something else says nothing.
    pub(super) fn of(params: Params<Self>) -> Self {
        params.parse(Ok).checked().unwrap_or_default()
    }

    /// The page to read, how many rows it shows, and their order.
    pub(super) fn page(&self) -> (Input<PageRequest>, i64, Order) {
        let paging = Paging::new(self.q.clone(), self.cursor.clone(), self.sort.clone());
        let (limit, order) = paging.shown();
        (Input::new(paging.request()), limit, order)
    }

    /// What is looked for.
    pub(super) fn wanted(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    /// Which of the rows are shown.
    pub(super) fn shows(&self, word: &str) -> bool {
        self.show.as_deref().unwrap_or_default() == word
    }

    /// Whether only some of a list's rows are asked for.
    pub(super) fn narrows(&self) -> bool {
        self.q.is_some() || self.cursor.is_some() || self.show.is_some()
    }

    /// The address of a list with other rows of it, and what is looked for.
    pub(super) fn showing(&self, list: &str, word: &str) -> String {
        let given = [("q", self.wanted()), ("show", word)].into_iter().filter(|(_, text)| !text.is_empty());
        let pairs: Vec<String> = given.map(|(name, text)| format!("{name}={}", encoded(text))).collect();
        if pairs.is_empty() { list.to_owned() } else { format!("{list}?{}", pairs.join("&")) }
    }

    /// The address of a list's first page, with what is looked for.
    pub(super) fn first(&self, list: &str) -> String {
        self.showing(list, self.show.as_deref().unwrap_or_default())
    }

    /// What to say of what was just done.
    pub(super) fn notice(&self) -> Option<&'static str> {
        let done = self.done.as_deref()?;
        NOTICES.iter().find(|(word, _)| *word == done).map(|(_, said)| *said)
    }
}

/// A text as it may stand in an address.
pub(super) fn encoded(text: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    text.bytes().map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

const NOTICES: &[(&str, &str)] = &[
    (
        "set-up",
        "Vestry is set up. Back its root key up now, apart from the database: without it no secret can be read again. \
         `vestry serve` said where it lies, and `vestry doctor` says it again.",
    ),
    ("created", "Saved. Its value won’t be shown again."),
    ("value", "Saved as a new version."),
    ("edited", "Saved."),
    ("deleted", "Deleted. It can be restored for 30 days."),
    ("restored", "Restored."),
    ("destroyed", "Destroyed. Its value is erased."),
    ("suspended", "Suspended. No start gets it until you lift the suspension or write a new version."),
    ("lifted", "The suspension is lifted."),
    ("put-back", "Put back, as a new version."),
    ("added", "Added. It runs once you start it."),
    ("not-started", "Added, but not started: its Start button says why."),
    ("started", "Starting."),
    ("stopped", "Stopping."),
    ("restarted", "Restarting."),
    ("deleted-server", "Deleted, with its log."),
    ("deleted-workspace", "Deleted."),
    ("shared", "They have access now."),
    ("unshared", "They have no access any more. Their running servers keep what they started with."),
    ("given", "Given away."),
    ("imported", "Imported."),
    ("password", "Your password is changed, and every other session of yours has ended. Your tokens go on."),
    ("revoked", "Revoked: it opens nothing any more."),
    ("ended", "That session has ended."),
];
