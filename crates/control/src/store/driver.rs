//! The only place that names a database driver: connecting, transactions, binding and reading columns.

mod failure;
mod statement;
mod untouched;
mod writer;

use std::{
    borrow::Cow,
    ops::{Deref, DerefMut},
    str::FromStr,
    time::Duration,
};

use domain::UserId;
use sqlx::{
    Any, AnyConnection, AnyPool, Connection as _, Executor,
    any::AnyPoolOptions,
    migrate::{Migration, MigrationType, Migrator},
};
use tokio::{
    sync::{broadcast, watch},
    time::timeout,
};

use self::{
    failure::in_time,
    writer::{WriteTurn, Writer},
};

pub use self::failure::StoreError;
pub(super) use self::statement::{Column, Parameter, Row, Statement, sql};
pub use self::untouched::{Doubt, Files};
pub(super) use self::untouched::{Untouched, connect as connect_untouched, has_write_ahead_log};
use super::hints::{Bell, Hint};

/// The outcome of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// How long a connection may take to say that it still stands.
const PING: Duration = Duration::from_secs(3);

/// Which database is behind the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    /// The embedded database.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

impl Dialect {
    /// How many connections there are at most, besides the embedded database's writer. Each embedded one has a thread, a
    /// page cache and prepared statements of its own, and more than a few read no faster.
    fn connections(self) -> u32 {
        match self {
            Self::Sqlite => 4,
            Self::Postgres => 16,
        }
    }
}

/// How long a connection may lie unused before it is asked whether it still stands.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// The database behind the control plane.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    dialect: Dialect,
    /// The embedded database's one writer.
    writer: Option<Writer>,
    bell: Bell,
}

impl Store {
    /// Connects to `sqlite:…` or `postgres://…` and brings the schema up to date.
    ///
    /// # Errors
    /// When the database can't be reached, or a migration fails.
    pub async fn open(url: &str) -> Result<Self> {
        let store = Self::connect(url).await?;
        migrator(store.dialect).run(&store.pool).await?;
        Ok(store)
    }

    /// Like [`Store::open`], for a database that Vestry has been in before. `None` for any other, which gets no tables.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_existing(url: &str) -> Result<Option<Self>> {
        let store = Self::connect(url).await?;
        if sql(table_of_vestry(store.dialect)).optional(&mut *store.read().await?, |_| Ok(())).await?.is_none() {
            return Ok(None);
        }
        migrator(store.dialect).run(&store.pool).await?;
        Ok(Some(store))
    }

    async fn connect(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let dialect = if url.starts_with("sqlite:") { Dialect::Sqlite } else { Dialect::Postgres };
        let writer = match dialect {
            // Before the pool, which tries again and again with a file that can't be used, and says that it took too long.
            Dialect::Sqlite => Some(Writer::open(url).await?),
            Dialect::Postgres => None,
        };
        let url = writer.as_ref().map_or(url, |writer| &*writer.url);
        let pool = AnyPoolOptions::new()
            .max_connections(dialect.connections())
            .acquire_timeout(Duration::from_secs(10))
            // Instead of asking each time: what was just used is there.
            .test_before_acquire(false)
            .before_acquire(|connection, found| {
                Box::pin(async move {
                    if found.idle_for > TRUSTED_IDLE {
                        // One that does not answer gives way to a new one, in time for whoever waits.
                        timeout(PING, connection.ping()).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    connection.execute(settings(dialect)).await?;
                    Ok(())
                })
            })
            // A connection goes back only when its server has answered: one that never will again would keep its place.
            // And only outside of transactions: SQLite ends one by itself when its disk is full, which the driver does not
            // notice, and then refuses to begin another.
            .after_release(|connection, _| {
                Box::pin(async move {
                    timeout(PING, connection.ping()).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect(url)
            .await?;
        Ok(Self { pool, dialect, writer, bell: Bell::new() })
    }

    /// Begins to read one consistent snapshot.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn read(&self) -> Result<Reading> {
        let begin = match self.dialect {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Ok(Reading(self.begin(begin).await?))
    }

    /// Tells of every commit of this control plane, so that whoever waits for a change looks again.
    pub fn written(&self) -> watch::Receiver<()> {
        self.bell.commits()
    }

    /// What commits of this control plane have changed, commit for commit.
    pub fn hints(&self) -> broadcast::Receiver<Vec<Hint>> {
        self.bell.hints()
    }

    /// Begins a write in the organization of this slug; its other writers wait until this one ends, so what a use
    /// case has read stays true until it commits. Dropped uncommitted, a write leaves nothing behind.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn write(&self, organization: &str) -> Result<Writing> {
        let lock = "SELECT 1 FROM organizations WHERE slug = $1 FOR NO KEY UPDATE";
        self.write_behind(sql(lock).bind(organization)).await
    }

    /// Begins a write that ends what a person may do, like [`Store::write`] in every organization they are in: what their
    /// credential began before has ended when this goes on, and what begins after sees it.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn write_person(&self, person: UserId) -> Result<Writing> {
        let lock = "SELECT 1 FROM organizations WHERE id IN (SELECT organization_id FROM members WHERE user_id = $1) \
                    ORDER BY id FOR NO KEY UPDATE";
        self.write_behind(sql(lock).bind(person)).await
    }

    /// Begins a write that concerns people or the installation as a whole, like [`Store::write`].
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn write_installation(&self) -> Result<Writing> {
        self.write_behind(sql("SELECT 1 FROM audit_chains WHERE id = 'installation' FOR NO KEY UPDATE")).await
    }

    async fn write_behind(&self, row_lock: Statement) -> Result<Writing> {
        let transaction = match &self.writer {
            Some(writer) => Transaction::Turn(writer.begin().await?),
            None => {
                let mut transaction = self.begin("BEGIN").await?;
                row_lock.execute(&mut transaction).await?;
                Transaction::Pooled(transaction)
            }
        };
        Ok(Writing { transaction, bell: self.bell.clone(), hints: Vec::new(), recorded: false })
    }

    /// Begins a transaction, to the end also when whoever asked hangs up meanwhile: a connection that went back to the pool
    /// half begun would have its next user in a transaction of a stranger's kind.
    async fn begin(&self, statement: &'static str) -> Result<sqlx::Transaction<'static, Any>> {
        let pool = self.pool.clone();
        match tokio::spawn(async move { in_time(pool.begin_with(statement)).await }).await {
            Ok(begun) => begun,
            // The program is ending.
            Err(_) => Err(StoreError::Unreachable(sqlx::Error::PoolClosed)),
        }
    }

    /// Ends every connection, waiting for those in use.
    pub async fn close(&self) {
        let readers = self.pool.close();
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
        readers.await;
    }

    /// Whether [`Store::close`] was called: nothing will be read or written any more.
    pub fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }
}

/// A connection outside the pool, told what every connection is told.
async fn connected(url: &str, dialect: Dialect) -> Result<AnyConnection> {
    let mut connection = AnyConnection::connect(url).await?;
    connection.execute(settings(dialect)).await?;
    Ok(connection)
}

/// Where the database server of a `postgres://…` address is: its host and port. `None` for the embedded database, for
/// one behind a Unix socket, and for what is no such address.
pub fn server_of(url: &str) -> Option<(String, u16)> {
    // Asked first: the parser complains in the log of what is no such address.
    let options =
        sqlx::postgres::PgConnectOptions::from_str(Some(url).filter(|url| url.starts_with("postgres"))?).ok()?;
    let host = options.get_host().trim_start_matches('[').trim_end_matches(']');
    (options.get_socket().is_none() && !host.starts_with('/')).then(|| (host.to_owned(), options.get_port()))
}

/// What every connection is told first.
fn settings(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF; \
             PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON"
        }
        // The first two are for statements that run for minutes. For one of milliseconds, compiling it first takes seconds.
        // The third ends what a control plane has begun that is gone without a word, with the locks it has.
        Dialect::Postgres => {
            "SET jit = off; SET max_parallel_workers_per_gather = 0; \
             SET idle_in_transaction_session_timeout = '30s'"
        }
    }
}

/// Finds a row where Vestry has been in the database.
pub(super) fn table_of_vestry(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'installation'",
        Dialect::Postgres => {
            "SELECT 1 FROM pg_catalog.pg_tables \
             WHERE tablename = 'installation' AND schemaname = ANY (pg_catalog.current_schemas(false))"
        }
    }
}

/// The migrations of this program: number and checksum.
pub(super) fn known_migrations(dialect: Dialect) -> Vec<(i64, Vec<u8>)> {
    migrator(dialect).iter().map(|migration| (migration.version, migration.checksum.to_vec())).collect()
}

fn migrator(dialect: Dialect) -> Migrator {
    let sql = match dialect {
        Dialect::Sqlite => include_str!("../../migrations/sqlite/0001_foundation.sql"),
        Dialect::Postgres => include_str!("../../migrations/postgres/0001_foundation.sql"),
    };
    let foundation = Migration::new(
        1,
        Cow::Borrowed("foundation"),
        MigrationType::Simple,
        sqlx::SqlSafeStr::into_sql_str(sql),
        false,
    );
    Migrator::with_migrations(vec![foundation])
}

/// One connection, as the store's functions take it.
pub type Connection = AnyConnection;

/// A consistent snapshot to read from.
pub struct Reading(sqlx::Transaction<'static, Any>);

impl Deref for Reading {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

/// A write in progress.
pub struct Writing {
    transaction: Transaction,
    bell: Bell,
    hints: Vec<Hint>,
    /// Whether an audit event goes along.
    pub(super) recorded: bool,
}

enum Transaction {
    Pooled(sqlx::Transaction<'static, Any>),
    Turn(WriteTurn),
}

impl Writing {
    /// Makes the write durable. Only [`super::audit`] calls this, so that nothing is committed without its event.
    pub(super) async fn commit_now(self) -> Result<()> {
        match self.transaction {
            Transaction::Pooled(transaction) => in_time(transaction.commit()).await.map_err(StoreError::of_commit)?,
            Transaction::Turn(turn) => turn.commit().await.map_err(StoreError::of_commit)?,
        }
        self.bell.ring(self.hints);
        Ok(())
    }

    /// Has the commit tell that this changed.
    pub(super) fn hint(&mut self, hint: Hint) {
        if hint.is_watched() {
            self.hints.push(hint);
        }
    }
}

impl Deref for Writing {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        match &self.transaction {
            Transaction::Pooled(transaction) => transaction,
            Transaction::Turn(turn) => turn.connection(),
        }
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut Connection {
        match &mut self.transaction {
            Transaction::Pooled(transaction) => transaction,
            Transaction::Turn(turn) => turn.connection_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Store, server_of};

    /// A control plane whose database was moved away made an empty one in its place, and said that all was gone.
    #[tokio::test]
    async fn no_database_is_made_in_the_place_of_one_that_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vestry.sqlite");
        let store = Store::open(&format!("sqlite:{}?mode=rwc", file.display())).await.unwrap();
        std::fs::remove_file(&file).unwrap();
        // Those that are open go on; sooner or later one has to be opened.
        let mut open = Vec::new();
        while let Ok(reading) = store.read().await {
            open.push(reading);
        }
        assert!(!file.exists());
    }

    #[test]
    fn the_database_server_is_known_by_its_address() {
        let at = |host: &str| Some((host.to_owned(), 5432));
        assert_eq!(server_of("postgres://v:hunter2@db.test/vestry"), at("db.test"));
        assert_eq!(server_of("postgresql://v@192.0.2.7:5432/vestry"), at("192.0.2.7"));
        assert_eq!(server_of("postgres://v@[2001:db8::1]/vestry"), at("2001:db8::1"));
        assert_eq!(server_of("postgres://v@localhost/vestry?host=/run/postgresql"), None);
        assert_eq!(server_of("sqlite:///srv/vestry.sqlite"), None);
    }
}
