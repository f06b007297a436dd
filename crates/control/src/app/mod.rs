//! The use cases, called by the API and the pages alike.
//!
//! Each reads like its sentence: authorize, check, seal, write, record and commit, answer.

pub mod access;
pub mod attempts;
pub mod audit;
pub mod authentication;
pub mod boot;
pub mod collaborators;
pub mod deleted_secrets;
pub mod drift;
pub mod environments;
pub mod events;
pub mod explanations;
pub mod health;
pub mod holders;
pub mod imports;
mod input;
pub mod inspection;
mod keyring;
pub mod me;
pub mod members;
mod moves;
pub mod organizations;
mod passwords;
mod per_session;
pub mod previews;
mod processes;
mod reconcile;
pub mod reports;
pub mod restarts;
pub mod runs;
pub mod secrets;
pub mod servers;
pub mod sessions;
pub mod setup;
pub mod snapshots;
mod starting;
pub mod suspensions;
pub mod token;
pub mod tokens;
pub mod versions;
mod waiting;
pub mod workspace_tokens;
pub mod workspaces;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use runtime::Runtime;

pub use input::{Input, Precondition};
pub use keyring::Keyring;
pub use passwords::{Password, Passwords};

pub use crate::store::{Caller, Order, PageRequest, Runner, Who, page::Place as RowPlace};

use crate::store::Store;

/// What the use cases work with. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
pub struct Parts {
    /// The database.
    pub(in crate::app) store: Store,
    /// The keys.
    pub(in crate::app) keyring: Keyring,
    /// Where servers run.
    pub(in crate::app) runtime: Runtime,
    /// Hashes passwords, a few at a time.
    pub(in crate::app) passwords: Passwords,
    /// How many tries were refused unchecked.
    pub(in crate::app) turned_away: attempts::TurnedAway,
    /// Where the one-time set-up code lies until it is used.
    pub(in crate::app) setup_code_file: PathBuf,
    /// The workspaces' tokens that were shown lately.
    pub(in crate::app) known_tokens: authentication::KnownTokens,
    /// Where runs are put on record.
    pub(in crate::app) runs: runs::Desk,
    /// The environments that starts got last, still sealed.
    pub(in crate::app) snapshots: snapshots::Snapshots,
    /// What starts were handed, as far as it is compared.
    pub(in crate::app) handed: drift::Handed,
    /// The servers that are being moved from one process to the next.
    pub(in crate::app) moves: moves::Moves,
    /// Who is told of changes.
    pub(in crate::app) listeners: events::Listeners,
    /// The imports that somebody looks at before they decide.
    pub(in crate::app) pending_imports: per_session::PerSession<imports::PendingImport>,
    /// The tokens that were just made and are still to be shown.
    pub(in crate::app) made_tokens: per_session::PerSession<envelope::Kept>,
    /// The rolling restarts that are gone on with.
    pub(in crate::app) restarts: restarts::Workers,
    /// Whether the servers on record have been compared with the processes that are there.
    pub(in crate::app) reconciled: tokio::sync::watch::Sender<bool>,
}

impl App {
    /// Puts the parts together.
    fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Why nothing can be sealed or unsealed, if so.
    pub fn sealed(&self) -> Option<&str> {
        self.keyring.sealed()
    }

    /// What the operator should know of the limit of the servers' memory.
    pub fn memory_warning(&self) -> Option<String> {
        self.runtime.memory_limit().warning()
    }

    /// Where the one-time set-up code lies until it is used.
    pub fn setup_code_file(&self) -> &Path {
        &self.setup_code_file
    }

    /// Writes what waits to be written, and ends every connection to the database, waiting for those in use.
    pub async fn close(&self) {
        runs::close(self).await;
        self.store.close().await;
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
