//! What a database says when it fails, sorted by what people can do about it.

use std::{future::Future, time::Duration};

use tokio::time::timeout;

use super::Result;

/// How long a database may take for one statement: then it counts as away, and its connection as lost. Waiting for the
/// locks of others is part of it.
const LONGEST: Duration = Duration::from_secs(30);

/// What can go wrong between the store and its database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused.
    #[error(transparent)]
    Database(sqlx::Error),
    /// The database does not answer.
    #[error(transparent)]
    Unreachable(sqlx::Error),
    /// The database has no room left to write to.
    #[error("the database has no room left on its disk: {0}")]
    Full(sqlx::Error),
    /// What the database reads is not what it wrote.
    #[error(
        "the database is damaged ({0}); stop Vestry, keep a copy of the damaged database, look at the disk, and put the \
         newest backup in its place"
    )]
    Damaged(sqlx::Error),
    /// The database was told to commit and did not say whether it has.
    #[error("the database did not confirm a commit: {0}")]
    Unconfirmed(sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date: {0}")]
    Migration(sqlx::migrate::MigrateError),
    /// A column holds what Vestry never writes there.
    #[error("column {column} holds something that Vestry never writes")]
    Column {
        /// The column's name; its content stays out of the message.
        column: &'static str,
    },
    /// The database accepted a row and did not keep it.
    #[error("the database did not keep a row that it accepted: somebody changed its schema")]
    Swallowed,
    /// A permit was shown for something other than it is for: only a defect gets here.
    #[error("a write met nothing that its permit is for")]
    NotPermitted,
    /// Another write took the name, slug or address first.
    #[error("taken by another write")]
    Taken,
}

impl StoreError {
    /// What a failed commit is: nothing was written only where the database itself said so.
    pub(super) fn of_commit(self) -> Self {
        match self {
            Self::Unreachable(source) => Self::Unconfirmed(source),
            told => told,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let sort = match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unreachable
            }
            sqlx::Error::Database(told) => told.code().map_or(Self::Database as fn(_) -> _, |code| sort(&code)),
            _ => Self::Database,
        };
        sort(error)
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            error => Self::Migration(error),
        }
    }
}

/// What a code means: five letters or digits of PostgreSQL (its manual, appendix A), a number of SQLite
/// (sqlite.org/rescode.html), whose lowest byte is the kind.
fn sort(code: &str) -> fn(sqlx::Error) -> StoreError {
    let of_sqlite = code.parse().ok().filter(|_| code.len() < 5).map(|code: u32| code & 0xff);
    match (code, of_sqlite) {
        // No room for what its processes share.
        ("4874", _) => StoreError::Full,
        // Busy, locked, read-only, input or output failed, can't be opened, locks can't be had.
        (_, Some(5 | 6 | 8 | 10 | 14 | 15)) => StoreError::Unreachable,
        (_, Some(13)) => StoreError::Full,
        (_, Some(11 | 26)) => StoreError::Damaged,
        // No space; a damaged page; a damaged index.
        ("53100", _) => StoreError::Full,
        ("XX001" | "XX002", _) => StoreError::Damaged,
        // Shut down, crashed, starting up; read-only after a change of roles; a file that can't be read.
        ("57P01" | "57P02" | "57P03" | "57P05" | "25006" | "58030", _) => StoreError::Unreachable,
        // The connection failed; memory or connections have run out; rolled back because of others, such as in a deadlock.
        _ if ["08", "53", "40"].iter().any(|class| code.starts_with(class)) => StoreError::Unreachable,
        _ => StoreError::Database,
    }
}

/// Waits for the database, but not for one that has stopped to answer: some failures tell nobody, such as a machine that
/// is gone or a process that hangs.
pub(super) async fn in_time<T, E: Into<StoreError>>(
    work: impl Future<Output = std::result::Result<T, E>>,
) -> Result<T> {
    match timeout(LONGEST, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(StoreError::Unreachable(sqlx::Error::PoolTimedOut)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_what_people_can_do() {
        let sorted = |code| sort(code)(sqlx::Error::RowNotFound);
        for code in ["5", "261", "8", "10", "1034", "14", "57P01", "57P03", "08006", "53300", "58030", "25006", "40P01"]
        {
            assert!(matches!(sorted(code), StoreError::Unreachable(_)), "{code}");
        }
        for code in ["13", "4874", "53100"] {
            assert!(matches!(sorted(code), StoreError::Full(_)), "{code}");
        }
        for code in ["11", "267", "26", "XX001", "XX002"] {
            assert!(matches!(sorted(code), StoreError::Damaged(_)), "{code}");
        }
        // A constraint, a raise in a trigger, a missing table: of both databases.
        for code in ["19", "1811", "1", "23505", "P0001", "42P01", "XX000"] {
            assert!(matches!(sorted(code), StoreError::Database(_)), "{code}");
        }
    }

    /// "Nothing was written" was said of commits that the database may have done before it went away.
    #[test]
    fn a_commit_without_an_answer_is_not_said_to_have_written_nothing() {
        let of_commit = |error: sqlx::Error| StoreError::from(error).of_commit();
        assert!(matches!(of_commit(sqlx::Error::PoolClosed), StoreError::Unconfirmed(_)));
        assert!(matches!(of_commit(std::io::Error::other("gone").into()), StoreError::Unconfirmed(_)));
        assert!(matches!(of_commit(sqlx::Error::RowNotFound), StoreError::Database(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_never_answers_is_away() {
        let waited = in_time(std::future::pending::<Result<()>>()).await;
        assert!(matches!(waited, Err(StoreError::Unreachable(_))), "{waited:?}");
    }
}
