//! The database as somebody reaches it who goes past Vestry.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{
    AnyConnection, AssertSqlSafe, Connection, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::support::{Database, House};

/// A connection of one's own to a house's database.
pub struct Sql {
    connection: AnyConnection,
    database: Database,
}

impl Sql {
    pub async fn open(house: &House) -> Self {
        Self::connect(house.database, &house.database_url).await
    }

    pub async fn connect(database: Database, url: &str) -> Self {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(url).await.expect("the same database");
        if database == Database::Sqlite {
            sqlx::raw_sql("PRAGMA busy_timeout = 30000").execute(&mut connection).await.expect("a pragma");
        }
        Self { connection, database }
    }

    pub async fn execute(&mut self, text: &str) -> u64 {
        self.refused(text).await.unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    /// Runs a statement that the database may refuse; how many rows it touched.
    pub async fn refused(&mut self, text: &str) -> Result<u64, String> {
        let done = sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut self.connection).await;
        done.map(|done| done.rows_affected()).map_err(|error| error.to_string())
    }

    pub async fn numbers(&mut self, text: &str) -> Vec<i64> {
        self.rows(text).await.iter().map(|row| row.get(0)).collect()
    }

    pub async fn number(&mut self, text: &str) -> i64 {
        self.numbers(text).await[0]
    }

    pub async fn texts(&mut self, text: &str) -> Vec<String> {
        self.rows(text).await.iter().map(|row| row.get(0)).collect()
    }

    pub async fn text(&mut self, text: &str) -> String {
        self.texts(text).await.remove(0)
    }

    pub async fn bytes(&mut self, text: &str) -> Vec<u8> {
        self.rows(text).await[0].get(0)
    }

    pub async fn rows(&mut self, text: &str) -> Vec<AnyRow> {
        statement(text).fetch_all(&mut self.connection).await.unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    /// Runs a statement whose `$1` is these bytes.
    pub async fn write_bytes(&mut self, text: &str, bytes: &[u8]) {
        let done = statement(text).bind(bytes.to_vec()).execute(&mut self.connection).await;
        assert_eq!(done.unwrap_or_else(|why| panic!("{text}: {why}")).rows_affected(), 1, "{text}");
    }

    /// Puts a column back as an earlier row had it.
    pub async fn put_back(&mut self, kept: &AnyRow, column: &str, place: &str) {
        let text = format!("UPDATE audit_events SET {column} = $1 WHERE {place}");
        let statement = statement(&text);
        let statement = match column {
            "hash" => statement.bind(kept.get::<Vec<u8>, _>(0)),
            "sequence" | "at" => statement.bind(kept.get::<i64, _>(0)),
            _ => statement.bind(kept.get::<Option<String>, _>(0)),
        };
        statement.execute(&mut self.connection).await.unwrap_or_else(|why| panic!("{text}: {why}"));
    }

    /// Every row of every table as text, to see that nothing has changed.
    pub async fn everything(&mut self) -> BTreeMap<String, Vec<String>> {
        let tables = match self.database {
            Database::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            Database::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        };
        let mut everything = BTreeMap::new();
        for table in self.texts(tables).await {
            let row = match self.database {
                Database::Postgres => "t::text".to_owned(),
                Database::Sqlite => {
                    let columns = self.texts(&format!("SELECT name FROM pragma_table_info('{table}')")).await;
                    columns.iter().map(|column| format!("quote({column})")).collect::<Vec<_>>().join(" || ',' || ")
                }
            };
            let mut rows = self.texts(&format!("SELECT {row} FROM {table} t")).await;
            rows.sort();
            everything.insert(table, rows);
        }
        everything
    }

    /// An expression for the hexadecimal digits of a column of bytes.
    pub fn hex(&self, column: &str) -> String {
        match self.database {
            Database::Sqlite => format!("lower(hex({column}))"),
            Database::Postgres => format!("encode({column}, 'hex')"),
        }
    }
}

fn statement(text: &str) -> Query<'static, sqlx::Any, AnyArguments> {
    sqlx::query(AssertSqlSafe(text.to_owned()))
}

/// Asks again and again until there is an answer; fails after half a minute.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap_or_else(|_| panic!("never: {what}"))
}
