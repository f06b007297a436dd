//! What the database holds, in a form to compare: a refused request leaves it as it was.

use crate::{
    store::sql::{Sql, eventually},
    support::{Database, House},
};

/// Reads the digest of a house's database.
pub struct Digester {
    sql: Sql,
    /// One statement that answers a line for each table.
    statement: String,
    /// A quicker statement, whose answer stays the same while nobody commits.
    commits: Option<&'static str>,
    last: (String, Vec<String>),
}

impl Digester {
    pub async fn open(house: &House) -> Self {
        let mut sql = Sql::open(house).await;
        let tables = match house.database {
            Database::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            Database::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        };
        let mut parts = Vec::new();
        for table in sql.texts(tables).await {
            let line = match (table.as_str(), house.database) {
                // Its rows can't be edited or deleted, so their number tells.
                ("audit_events", _) => format!("'{table} ' || CAST(COUNT(*) AS TEXT) FROM {table}"),
                // When a credential was last used is not the request's doing.
                ("credentials", Database::Postgres) => format!(
                    "'{table} ' || coalesce(md5(string_agg(row, ';' ORDER BY row)), '') \
                     FROM (SELECT (to_jsonb(t) - 'last_used_at')::text AS row FROM {table} t) rows"
                ),
                // Every insert and update gives its row a higher transaction than any before.
                (_, Database::Postgres) => {
                    format!("'{table} ' || COUNT(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) FROM {table}")
                }
                (_, Database::Sqlite) => {
                    let columns = format!("SELECT name FROM pragma_table_info('{table}') WHERE name <> 'last_used_at'");
                    let columns = sql.texts(&columns).await;
                    let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
                    format!(
                        "'{table} ' || coalesce(group_concat({}, ';'), '') FROM {table}",
                        quoted.join(" || ',' || ")
                    )
                }
            };
            parts.push(format!("SELECT {line}"));
        }
        let commits = (house.database == Database::Sqlite)
            .then_some("SELECT CAST(data_version AS TEXT) FROM pragma_data_version");
        Self { sql, statement: parts.join(" UNION ALL "), commits, last: Default::default() }
    }

    /// Waits until every run's outcome is on record.
    pub async fn runs_settled(&mut self) {
        const PENDING: &str = "SELECT COUNT(*) FROM starts WHERE kind = 'run' AND outcome = 'pending'";
        eventually("every run is settled", async || (self.sql.number(PENDING).await == 0).then_some(())).await;
    }

    /// Waits until no rolling restart goes on.
    pub async fn restarts_settled(&mut self) {
        const RUNNING: &str = "SELECT COUNT(*) FROM restarts WHERE state = 'running'";
        eventually("no rolling restart goes on", async || (self.sql.number(RUNNING).await == 0).then_some(())).await;
    }

    /// A line for each table.
    pub async fn now(&mut self) -> Vec<String> {
        let Some(commits) = self.commits else { return self.sql.texts(&self.statement).await };
        let commits = self.sql.text(commits).await;
        if commits != self.last.0 {
            self.last = (commits, self.sql.texts(&self.statement).await);
        }
        self.last.1.clone()
    }
}

/// The names of the tables that differ.
pub fn changed(before: &[String], after: &[String]) -> String {
    let differing = before.iter().zip(after).filter(|(before, after)| before != after);
    let names = differing.map(|(line, _)| line.split(' ').next().unwrap_or_default());
    names.collect::<Vec<_>>().join(", ")
}
