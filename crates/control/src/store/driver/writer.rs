//! The one connection that writes to the embedded database.
//!
//! SQLite has one writer at a time, so the connection is the turn to write: waiting for it is fair and wakes at once,
//! waiting inside SQLite is neither. And what it has read stays in its page cache, since hardly anybody else writes: an
//! operator's command may.

use std::sync::Arc;

use sqlx::{AnyConnection, Connection as _, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Dialect, Result, StoreError, connected, failure::in_time};

/// The connection, opened anew after it has failed.
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
    pub(super) async fn open(url: &str) -> Result<Self> {
        let first = connected(url, Dialect::Sqlite).await?;
        Ok(Self { url: url.into(), connection: Arc::new(Mutex::new(Some(first))) })
    }

    /// Waits for the turn and begins.
    pub(super) async fn begin(&self) -> Result<Turn> {
        in_time(async {
            let mut held = self.connection.clone().lock_owned().await;
            if held.is_none() {
                *held = Some(connected(&self.url, Dialect::Sqlite).await?);
            }
            // Open before it begins: whoever asked may hang up while it does.
            let mut turn = Turn { held: Some(held), open: true };
            turn.connection_mut().execute("BEGIN IMMEDIATE").await?;
            Ok::<_, StoreError>(turn)
        })
        .await
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
        in_time(self.connection_mut().execute("COMMIT")).await?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take_if(|_| self.open) else { return };
        let roll_back = async move {
            let rolled_back = match held.as_mut() {
                Some(connection) => in_time(connection.execute("ROLLBACK")).await.is_ok(),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever held the turn for ever let all others wait for ever.
    #[tokio::test(start_paused = true)]
    async fn a_turn_that_never_ends_lets_the_others_know() {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("database").display());
        let writer = Writer { url: url.into(), connection: Arc::default() };
        let _held = writer.connection.clone().lock_owned().await;
        assert!(matches!(writer.begin().await, Err(StoreError::Unreachable(_))));
    }
}
