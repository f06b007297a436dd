//! The use cases, called by the API and the pages alike.
//!
//! Each reads like its sentence: authorize, check, seal, write, record and commit, answer.

pub mod access;
pub mod audit;
pub mod boot;
pub mod collaborators;
pub mod drift;
pub mod explanations;
pub mod health;
mod input;
mod keyring;
pub mod me;
pub mod members;
pub mod organizations;
mod passwords;
mod processes;
mod reconcile;
pub mod secrets;
pub mod servers;
pub mod sessions;
pub mod setup;
mod starting;
pub mod token;
pub mod tokens;
mod turn;
pub mod workspaces;

use std::sync::Arc;

use domain::InstallationId;
use runtime::Runtime;

pub use input::{Input, Precondition};
pub use keyring::Keyring;
pub use passwords::{Password, Passwords};

pub use crate::store::{Caller, Order, PageRequest, Who, page::Place as RowPlace};

use crate::store::Store;

/// What the use cases work with. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The keys.
    pub keyring: Keyring,
    /// Where servers run.
    pub runtime: Runtime,
    /// Hashes passwords, a few at a time.
    pub passwords: Passwords,
    /// Which installation this is.
    pub installation: InstallationId,
    /// Where the one-time set-up code lies until it is used.
    pub setup_code_file: std::path::PathBuf,
    /// The servers that are being moved from one process to the next.
    pub turns: turn::Turns,
    /// Whether the servers on record have been compared with the processes that are there.
    pub reconciled: tokio::sync::watch::Sender<bool>,
}

impl App {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
