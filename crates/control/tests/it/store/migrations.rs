//! Both databases have the same schema, spelled for each.

use std::{collections::BTreeSet, fs, path::Path};

use sqlx::Row;

use super::sql::Sql;
use crate::support::{Database, House};

fn migrations(dialect: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn both_folders_hold_the_same_migrations() {
    assert_eq!(migrations("sqlite"), migrations("postgres"));
    assert!(!migrations("sqlite").is_empty());
}

/// Table, column, type in the words of SQLite, and whether it must have a value.
type Column = (String, String, String, bool);

async fn sqlite_columns(sql: &mut Sql) -> BTreeSet<Column> {
    let rows = sql
        .rows(
            "SELECT m.name, c.name, c.type, c.\"notnull\" FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '_sqlx%'",
        )
        .await;
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get::<i64, _>(3) == 1)).collect()
}

async fn postgres_columns(sql: &mut Sql) -> BTreeSet<Column> {
    let rows = sql
        .rows(
            "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
        )
        .await;
    let mapped = |kind: &str| match kind {
        "bigint" => "INTEGER".to_owned(),
        "bytea" => "BLOB".to_owned(),
        "text" => "TEXT".to_owned(),
        other => format!("{other} has no counterpart"),
    };
    rows.iter().map(|row| (row.get(0), row.get(1), mapped(row.get(2)), row.get::<&str, _>(3) == "NO")).collect()
}

/// Table, indexed columns in order, whether unique, and the condition of a partial index.
type Index = (String, String, bool, String);

async fn sqlite_indexes(sql: &mut Sql) -> BTreeSet<Index> {
    let rows = sql
        .rows(
            "SELECT m.name, (SELECT group_concat(k.name, ',') FROM (SELECT name FROM pragma_index_info(i.name) \
             ORDER BY seqno) k), i.\"unique\", COALESCE(d.sql, '') FROM sqlite_master m \
             JOIN pragma_index_list(m.name) i LEFT JOIN sqlite_master d ON d.name = i.name \
             WHERE m.type = 'table' AND m.name NOT LIKE '_sqlx%'",
        )
        .await;
    let condition = |text: &str| text.split_once(" WHERE ").map_or("", |(_, condition)| condition).to_owned();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get::<i64, _>(2) == 1, condition(row.get(3)))).collect()
}

async fn postgres_indexes(sql: &mut Sql) -> BTreeSet<Index> {
    let rows = sql
        .rows(
            "SELECT t.relname::text, (SELECT string_agg(a.attname, ',' ORDER BY k.place) FROM \
             unnest(x.indkey) WITH ORDINALITY AS k(number, place) \
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number)::text, \
             CASE WHEN x.indisunique THEN 1 ELSE 0 END::bigint, COALESCE(pg_get_expr(x.indpred, x.indrelid), '') \
             FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
             WHERE n.nspname = 'public' AND t.relname NOT LIKE '\\_sqlx%' \
             AND NOT (t.relname = 'installation' AND x.indisprimary)",
        )
        .await;
    // Without the key of `installation`: a whole number needs no index in SQLite, where it is the row's own number.
    let condition = |text: &str| text.replace(['(', ')'], "").replace("::text", "");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get::<i64, _>(2) == 1, condition(row.get(3)))).collect()
}

/// Table, column, and the table that it points to.
type Reference = (String, String, String);

async fn sqlite_references(sql: &mut Sql) -> BTreeSet<Reference> {
    let rows = sql
        .rows(
            "SELECT m.name, f.\"from\", f.\"table\" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
             WHERE m.type = 'table'",
        )
        .await;
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

async fn postgres_references(sql: &mut Sql) -> BTreeSet<Reference> {
    let rows = sql
        .rows(
            "SELECT t.relname::text, a.attname::text, r.relname::text FROM pg_constraint c \
             JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid \
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1] WHERE c.contype = 'f'",
        )
        .await;
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

fn assert_same<T: Ord + std::fmt::Debug>(what: &str, sqlite: &BTreeSet<T>, postgres: &BTreeSet<T>) {
    assert!(!sqlite.is_empty(), "no {what} found");
    let only = |one: &BTreeSet<T>, other: &BTreeSet<T>| format!("{:#?}", one.difference(other).collect::<Vec<_>>());
    let (left, right) = (only(sqlite, postgres), only(postgres, sqlite));
    assert_eq!(left, right, "{what} of SQLite alone, then of PostgreSQL alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_databases_have_the_same_tables_columns_indexes_and_references() {
    let houses = (House::build(Database::Sqlite).await, House::build(Database::Postgres).await);
    let (mut sqlite, mut postgres) = (Sql::open(&houses.0).await, Sql::open(&houses.1).await);
    assert_same("columns", &sqlite_columns(&mut sqlite).await, &postgres_columns(&mut postgres).await);
    assert_same("indexes", &sqlite_indexes(&mut sqlite).await, &postgres_indexes(&mut postgres).await);
    assert_same("references", &sqlite_references(&mut sqlite).await, &postgres_references(&mut postgres).await);
}

/// Names sort by byte on both: SQLite does by itself, PostgreSQL where the column says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_that_lists_sort_by_name_sorts_by_byte_on_postgres() {
    let house = House::build(Database::Postgres).await;
    let mut sql = Sql::open(&house).await;
    let elsewhere = sql
        .texts(
            "SELECT (table_name || '.' || column_name)::text FROM information_schema.columns \
             WHERE table_schema = 'public' AND column_name IN ('name', 'slug') AND collation_name IS DISTINCT FROM 'C'",
        )
        .await;
    assert_eq!(elsewhere, [""; 0]);
}
