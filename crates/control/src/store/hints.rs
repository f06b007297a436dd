//! What the commits of this control plane tell those who watch: that a thing is another one now, never what it is.

use domain::{OrganizationId, WorkspaceId};
use tokio::sync::{broadcast, watch};

/// The kinds of things that somebody may be looking at.
const WATCHED: &[&str] = &["organization", "member", "workspace", "secret", "server", "restart"];

/// How many commits a slow listener may be behind before it misses some.
const COMMITS: usize = 1_024;

/// That something has changed.
#[derive(Clone, Debug)]
pub struct Hint {
    /// In which organization.
    pub organization: OrganizationId,
    /// In which workspace; `None` for what is the organization's own.
    pub workspace: Option<WorkspaceId>,
    /// What kind of thing: `secret`, `server`, …
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Another one with each change.
    pub revision: String,
}

impl Hint {
    /// Whether anybody looks at things of this kind.
    pub(super) fn is_watched(&self) -> bool {
        WATCHED.contains(&self.kind)
    }
}

/// Where commits are told.
#[derive(Clone)]
pub(super) struct Bell {
    commits: watch::Sender<()>,
    hints: broadcast::Sender<Vec<Hint>>,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self { commits: watch::Sender::new(()), hints: broadcast::Sender::new(COMMITS) }
    }

    pub(super) fn ring(&self, hints: Vec<Hint>) {
        self.commits.send_replace(());
        if !hints.is_empty() {
            // Nobody may be listening.
            let _heard = self.hints.send(hints);
        }
    }

    pub(super) fn commits(&self) -> watch::Receiver<()> {
        self.commits.subscribe()
    }

    pub(super) fn hints(&self) -> broadcast::Receiver<Vec<Hint>> {
        self.hints.subscribe()
    }
}
