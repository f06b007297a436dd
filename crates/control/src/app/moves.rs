//! Who moves a server from one process to the next: one at a time.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use domain::ServerId;
use tokio::sync::Notify;

use super::App;
use crate::error::{Error, Result};

/// The moves that are under way.
#[derive(Default)]
pub(super) struct Moves {
    under_way: Mutex<HashSet<ServerId>>,
    one_is_over: Notify,
}

/// The right to move one server from one process to the next; over when dropped.
pub(super) struct Move {
    app: App,
    server: ServerId,
}

impl Move {
    /// Begins to move a server.
    ///
    /// # Errors
    /// [`Error::Conflict`] while somebody else does.
    pub(super) fn begin(app: &App, server: ServerId) -> Result<Self> {
        let mut under_way = app.moves.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if !under_way.insert(server) {
            return Err(Error::Conflict(
                "the server is being started or restarted already; nothing was done; wait for it".into(),
            ));
        }
        Ok(Self { app: app.clone(), server })
    }

    /// Whether somebody is moving the server now.
    pub(super) fn is_under_way(app: &App, server: ServerId) -> bool {
        app.moves.under_way.lock().unwrap_or_else(PoisonError::into_inner).contains(&server)
    }

    /// Waits until nobody is moving the server.
    pub(super) async fn is_over(app: &App, server: ServerId) {
        loop {
            let one_is_over = app.moves.one_is_over.notified();
            tokio::pin!(one_is_over);
            one_is_over.as_mut().enable();
            if !Self::is_under_way(app, server) {
                return;
            }
            one_is_over.await;
        }
    }
}

impl Drop for Move {
    fn drop(&mut self) {
        self.app.moves.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.server);
        self.app.moves.one_is_over.notify_waiters();
    }
}
