//! Who moves a server from one process to the next: one at a time.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use domain::ServerId;
use tokio::sync::Notify;

use super::App;
use crate::error::{Error, Result};

/// The turns that are taken.
#[derive(Default)]
pub(super) struct Turns {
    taken: Mutex<HashSet<ServerId>>,
    given_back: Notify,
}

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
    pub(super) fn take(app: &App, server: ServerId) -> Result<Self> {
        let mut taken = app.turns.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if !taken.insert(server) {
            return Err(Error::Conflict(
                "the server is being started or restarted already; nothing was done; wait for it".into(),
            ));
        }
        Ok(Self { app: app.clone(), server })
    }

    /// Whether somebody is moving the server now.
    pub(super) fn is_taken(app: &App, server: ServerId) -> bool {
        app.turns.taken.lock().unwrap_or_else(PoisonError::into_inner).contains(&server)
    }

    /// Waits until nobody is moving the server.
    pub(super) async fn is_free(app: &App, server: ServerId) {
        loop {
            let given_back = app.turns.given_back.notified();
            tokio::pin!(given_back);
            given_back.as_mut().enable();
            if !Self::is_taken(app, server) {
                return;
            }
            given_back.await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.app.turns.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.server);
        self.app.turns.given_back.notify_waiters();
    }
}
