//! The one connection that writes to the embedded database.
//!
//! SQLite has one writer at a time, so in this process the connection is the turn to write: waiting for it is fair and
//! wakes at once, waiting inside SQLite is neither. That is left to an operator's command that writes beside a control
//! plane, which is seldom, so what the connection has read stays in its page cache.

use std::{mem, sync::Arc};

use sqlx::{AnyConnection, Connection as _, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Dialect, Result, StoreError, connected, failure::in_time};

/// The connection, opened anew after it has failed, until it is closed.
#[derive(Clone)]
pub(super) struct Writer {
    /// Of a database that is there: nobody makes another one in the place of a file that was moved away.
    pub(super) url: Arc<str>,
    link: Arc<Mutex<Link>>,
}

enum Link {
    Open(AnyConnection),
    /// It has failed: whoever writes next opens another.
    Lost,
    /// For good: nobody opens another.
    Closed,
}

/// The turn to write, in a transaction. Dropped uncommitted, it leaves nothing behind.
pub(super) struct WriteTurn {
    /// There, and open, until it is dropped.
    held: Option<OwnedMutexGuard<Link>>,
    /// Whether something may have been begun that is not at its end.
    open: bool,
}

impl Writer {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let first = connected(url, Dialect::Sqlite).await?;
        let made = url.strip_suffix("?mode=rwc").map_or_else(|| url.to_owned(), |file| format!("{file}?mode=rw"));
        Ok(Self { url: made.into(), link: Arc::new(Mutex::new(Link::Open(first))) })
    }

    /// Waits for the turn and begins.
    ///
    /// # Errors
    /// Once it is closed, as where the database can't be reached.
    pub(super) async fn begin(&self) -> Result<WriteTurn> {
        in_time(async {
            let mut held = self.link.clone().lock_owned().await;
            match *held {
                Link::Open(_) => {}
                Link::Lost => *held = Link::Open(connected(&self.url, Dialect::Sqlite).await?),
                Link::Closed => return Err(StoreError::Unreachable(sqlx::Error::PoolClosed)),
            }
            // Open before it begins: whoever asked may hang up while it does.
            let mut turn = WriteTurn { held: Some(held), open: true };
            turn.connection_mut().execute("BEGIN IMMEDIATE").await?;
            Ok(turn)
        })
        .await
    }

    /// Ends the connection once whoever writes is done.
    pub(super) async fn close(&self) {
        if let Link::Open(connection) = mem::replace(&mut *self.link.lock().await, Link::Closed) {
            let _ended_anyway = connection.close().await;
        }
    }
}

impl WriteTurn {
    pub(super) fn connection(&self) -> &AnyConnection {
        match self.held.as_deref() {
            Some(Link::Open(connection)) => connection,
            _ => unreachable!("a turn holds its connection until it is dropped"),
        }
    }

    pub(super) fn connection_mut(&mut self) -> &mut AnyConnection {
        match self.held.as_deref_mut() {
            Some(Link::Open(connection)) => connection,
            _ => unreachable!("a turn holds its connection until it is dropped"),
        }
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        in_time(self.connection_mut().execute("COMMIT")).await?;
        self.open = false;
        Ok(())
    }
}

impl Drop for WriteTurn {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take_if(|_| self.open) else { return };
        let roll_back = async move {
            let Link::Open(connection) = &mut *held else { return };
            if in_time(connection.execute("ROLLBACK")).await.is_err() {
                // Whatever it is in, the next turn is not.
                *held = Link::Lost;
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

    fn url(folder: &tempfile::TempDir) -> String {
        sqlx::any::install_default_drivers();
        format!("sqlite:{}?mode=rwc", folder.path().join("database").display())
    }

    /// Whoever held the turn for ever let all others wait for ever.
    #[tokio::test(start_paused = true)]
    async fn a_turn_that_never_ends_lets_the_others_know() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer { url: url(&folder).into(), link: Arc::new(Mutex::new(Link::Lost)) };
        let _held = writer.link.clone().lock_owned().await;
        assert!(matches!(writer.begin().await, Err(StoreError::Unreachable(_))));
    }

    /// Whoever waited for the turn while the store was closed opened the database again behind it.
    #[tokio::test]
    async fn a_closed_writer_stays_closed_and_a_lost_one_does_not_stay_lost() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::open(&url(&folder)).await.unwrap();
        *writer.link.lock().await = Link::Lost;
        writer.begin().await.unwrap().commit().await.unwrap();
        writer.close().await;
        assert!(matches!(writer.begin().await, Err(StoreError::Unreachable(sqlx::Error::PoolClosed))));
        assert!(matches!(*writer.link.lock().await, Link::Closed));
    }
}
