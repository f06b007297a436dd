//! The one connection that writes to the embedded database.
//!
//! SQLite has one writer at a time, so the connection is the turn to write: waiting for it is fair and wakes at once,
//! waiting inside SQLite is neither. And what it has read stays in its page cache, since nobody else writes.

use std::sync::Arc;

use sqlx::{AnyConnection, Connection as _, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Dialect, Result, connected};

/// The connection, opened when it is first needed and anew after it has failed.
#[derive(Clone)]
pub(super) struct Writer {
    url: Arc<str>,
    connection: Arc<Mutex<Option<AnyConnection>>>,
}

/// The turn to write, in a transaction. Dropped uncommitted, it leaves nothing behind.
pub(super) struct Turn {
    /// There until it is dropped.
    held: Option<OwnedMutexGuard<Option<AnyConnection>>>,
    /// Whether something may have been begun that is not at its end.
    open: bool,
}

impl Writer {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.into(), connection: Arc::default() }
    }

    /// Waits for the turn and begins.
    pub(super) async fn begin(&self) -> Result<Turn> {
        let mut held = self.connection.clone().lock_owned().await;
        if held.is_none() {
            *held = Some(connected(&self.url, Dialect::Sqlite).await?);
        }
        // Open before it begins: whoever asked may hang up while it does.
        let mut turn = Turn { held: Some(held), open: true };
        turn.connection_mut().execute("BEGIN IMMEDIATE").await?;
        Ok(turn)
    }

    /// Ends the connection once whoever writes is done.
    pub(super) async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take() {
            let _ended_anyway = connection.close().await;
        }
    }
}

impl Turn {
    pub(super) fn connection(&self) -> &AnyConnection {
        self.held.as_deref().and_then(Option::as_ref).expect("a turn holds its connection until it is dropped")
    }

    pub(super) fn connection_mut(&mut self) -> &mut AnyConnection {
        self.held.as_deref_mut().and_then(Option::as_mut).expect("a turn holds its connection until it is dropped")
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        self.connection_mut().execute("COMMIT").await?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take_if(|_| self.open) else { return };
        let roll_back = async move {
            let rolled_back = match held.as_mut() {
                Some(connection) => connection.execute("ROLLBACK").await.is_ok(),
                None => true,
            };
            if !rolled_back {
                // Whatever it is in, the next turn is not.
                *held = None;
            }
        };
        // Without a runtime the program is ending, and the database undoes what was not committed.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(roll_back);
        }
    }
}
