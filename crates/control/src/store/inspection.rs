//! Looking at a database without changing anything in it: no migration, no setting.

use std::collections::BTreeMap;

use super::{
    Connection, Result,
    driver::{Dialect, Untouched, connect_untouched, has_write_ahead_log, known_migrations, sql, table_of_vestry},
};

pub use super::driver::{Doubt, Files};

/// What Vestry's tables are like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Schema {
    /// Vestry has not been in this database.
    None,
    /// They are what this program works with.
    Current,
    /// So many migrations are still to be made.
    Pending(usize),
    /// A newer program has migrated them; this is its newest migration.
    Newer(i64),
    /// This migration stopped halfway, or was another one than this program knows.
    Different(i64),
}

/// A database that is being looked at.
pub struct Inspection(Untouched);

impl Inspection {
    /// Connects. `None` where there is no embedded database yet. `files`: how those of an embedded one lie.
    ///
    /// # Errors
    /// When it can't be opened or reached.
    pub async fn open(url: &str, files: Option<&Files>) -> Result<Option<Self>> {
        Ok(connect_untouched(url, files).await?.map(Self))
    }

    /// What it is, and of which version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn server(&mut self) -> Result<String> {
        let (name, version) = match self.0.dialect {
            Dialect::Sqlite => ("SQLite", "SELECT sqlite_version() AS version"),
            Dialect::Postgres => ("PostgreSQL", "SELECT current_setting('server_version') AS version"),
        };
        let version: String = sql(version).one(&mut self.0.db, |row| row.get("version")).await?;
        Ok(format!("{name} {version}"))
    }

    /// Whether an embedded database is kept with a write-ahead log; `None` for others.
    pub fn has_write_ahead_log(&self) -> Option<bool> {
        self.0.file.as_deref().and_then(has_write_ahead_log)
    }

    /// What Vestry's tables are like.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn schema(&mut self) -> Result<Schema> {
        let db = &mut self.0.db;
        if sql(table_of_vestry(self.0.dialect)).optional(db, |_| Ok(())).await?.is_none() {
            return Ok(Schema::None);
        }
        let made = "SELECT version, checksum, CAST(CASE WHEN success THEN 1 ELSE 0 END AS BIGINT) AS success \
                    FROM _sqlx_migrations ORDER BY version";
        let made =
            sql(made).all(db, |row| Ok((row.get("version")?, (row.get("checksum")?, row.get("success")?)))).await?;
        Ok(compared(&made.into_iter().collect(), &known_migrations(self.0.dialect)))
    }

    /// Whether an embedded database is whole: `Err` with the first damage. `None` for others, which look after themselves.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_whole(&mut self) -> Result<Option<std::result::Result<(), String>>> {
        if self.0.dialect != Dialect::Sqlite {
            return Ok(None);
        }
        let said: String = sql("PRAGMA quick_check(1)").one(&mut self.0.db, |row| row.get("quick_check")).await?;
        Ok(Some(if said == "ok" { Ok(()) } else { Err(said) }))
    }

    /// The connection, for what reads the rows.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.0.db
    }
}

/// A migration by its number: its checksum, and whether it was finished.
type Made = BTreeMap<i64, (Vec<u8>, bool)>;

fn compared(made: &Made, known: &[(i64, Vec<u8>)]) -> Schema {
    if let Some(newest) = made.keys().next_back().filter(|made| !known.iter().any(|(version, _)| version == *made)) {
        return Schema::Newer(*newest);
    }
    let same = |(version, checksum): &&(i64, Vec<u8>)| match made.get(version) {
        Some((made, finished)) => *finished && made == checksum,
        None => true,
    };
    if let Some((version, _)) = known.iter().find(|known| !same(known)) {
        return Schema::Different(*version);
    }
    match known.iter().filter(|(version, _)| !made.contains_key(version)).count() {
        0 => Schema::Current,
        pending => Schema::Pending(pending),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_compared_with_what_is_known() {
        let known = [(1, vec![1]), (2, vec![2])];
        let made = |rows: &[(i64, u8, bool)]| {
            let rows = rows.iter().map(|(version, sum, finished)| (*version, (vec![*sum], *finished)));
            compared(&rows.collect(), &known)
        };
        assert_eq!(made(&[(1, 1, true), (2, 2, true)]), Schema::Current);
        assert_eq!(made(&[(1, 1, true)]), Schema::Pending(1));
        assert_eq!(made(&[]), Schema::Pending(2));
        assert_eq!(made(&[(1, 9, true), (2, 2, true)]), Schema::Different(1));
        assert_eq!(made(&[(1, 1, true), (2, 2, false)]), Schema::Different(2));
        assert_eq!(made(&[(1, 1, true), (2, 2, true), (3, 3, true)]), Schema::Newer(3));
    }
}
