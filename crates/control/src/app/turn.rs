//! Who moves a server from one process to the next: one at a time.

use std::sync::PoisonError;

use domain::ServerId;

use super::App;
use crate::{
    error::{Error, Result},
    store::servers::Server,
};

/// The right to move one server from one process to the next; given back when dropped.
pub(super) struct Turn {
    app: App,
    server: ServerId,
}

impl Turn {
    /// Takes the turn of a server.
    ///
    /// # Errors
    /// [`Error::Conflict`] while somebody else has it.
    pub(super) fn take(app: &App, server: &Server) -> Result<Self> {
        let mut turns = app.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if !turns.insert(server.id) {
            return Err(Error::Conflict("the server is being restarted already; nothing was done".into()));
        }
        Ok(Self { app: app.clone(), server: server.id })
    }

    /// Whether somebody is moving the server now.
    pub(super) fn is_taken(app: &App, server: ServerId) -> bool {
        app.turns.lock().unwrap_or_else(PoisonError::into_inner).contains(&server)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.app.turns.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.server);
    }
}
