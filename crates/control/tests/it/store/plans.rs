//! How many rows the database reads for a page: as many as it shows, at the beginning of a list and deep in it.
//!
//! PostgreSQL counts them. SQLite has the same indexes and texts, and no such count.

use control::store::{
    Connection, Order, PageRequest, Permit,
    audit::{self, Filter},
    page::Place,
    secrets, servers, starts, workspaces,
};
use domain::{AuditAction, policy::Action};

use super::{caller, permit, sql::Sql};
use crate::support::{Database, House};

/// What all starts handed over.
const SNAPSHOT: &str = "0190cccc-0000-7000-8000-000000000000";
/// So long are the lists.
const ROWS: i64 = 3_000;
/// So many rows are asked for.
const LIMIT: i64 = 51;

/// A text of `text` and twelve digits for each row.
fn numbered(text: &str) -> String {
    format!("'{text}' || substr(CAST(1000000000000 + i AS TEXT), 2)")
}

/// Long lists in `acme` and its `lab`.
async fn fill(house: &House) -> Sql {
    let mut sql = Sql::open(house).await;
    let series = format!("FROM generate_series(0, {}) i", ROWS - 1);
    let acme = "(SELECT id FROM organizations WHERE slug = 'acme')";
    let lab = format!("(SELECT id FROM workspaces WHERE slug = 'lab' AND organization_id = {acme})");
    let owner = "(SELECT id FROM users WHERE name = 'owner')";
    let times = "i, i * 7919 % 1000003";
    let (secret, workspace, server, start, event) = (
        numbered("0190aaaa-0000-7000-8000-"),
        numbered("0190bbbb-0000-7000-8000-"),
        numbered("0190cccc-0000-7000-8000-"),
        numbered("0190dddd-0000-7000-8000-"),
        numbered("0190eeee-0000-7000-8000-"),
    );
    for statement in [
        format!(
            "INSERT INTO secrets (id, organization_id, scope, home_id, name, access, description, version, cost, revision, \
             created_at, updated_at) SELECT {secret}, {acme}, 'organization', {acme}, {}, 'all', '', 1, 100, 'r', {times} {series}",
            numbered("NAME_")
        ),
        format!(
            "INSERT INTO secret_versions (secret_id, version, cost, created_at) SELECT {secret}, 1, 100, i {series}"
        ),
        format!(
            "INSERT INTO workspaces (id, organization_id, number, slug, name, description, owner_id, revision, created_at, \
             updated_at) SELECT {workspace}, {acme}, i + 1000, 'w-' || i, {}, '', {owner}, 'r', {times} {series}",
            numbered("Workspace ")
        ),
        format!(
            "INSERT INTO servers (id, workspace_id, slug, name, command, variables, status, status_detail, revision, \
             created_at, updated_at) SELECT {server}, {lab}, 's-' || i, {}, '[\"x\"]', '{{}}', 'stopped', '', 'r', {times} {series}",
            numbered("Server ")
        ),
        format!("INSERT INTO snapshots (id, workspace_id, created_at) VALUES ('{SNAPSHOT}', {lab}, 0)"),
        format!(
            "INSERT INTO starts (id, organization_id, workspace_id, server_id, kind, snapshot_id, outcome, started_at, ended_at, \
             detail) SELECT {start}, {acme}, {lab}, (SELECT id FROM servers WHERE slug = 's-1'), 'server', '{SNAPSHOT}', \
             'delivered', i, i, '' {series}"
        ),
        format!(
            "INSERT INTO audit_events (chain_id, sequence, id, at, actor_kind, actor_name, action, target_kind, target_id, \
             target_name, details, hash) SELECT {acme}, 1000 + i, {event}, i, 'person', 'x', 'secret.created', 'secret', 'x', \
             'x', '{{}}', '\\x00'::bytea {series}"
        ),
        "ANALYZE".to_owned(),
    ] {
        sql.execute(&statement).await;
    }
    sql
}

/// The rows of a table that this transaction has read.
async fn rows_read(db: &mut Connection, table: &'static str) -> i64 {
    let text = "SELECT CAST(seq_tup_read + COALESCE(idx_tup_fetch, 0) AS BIGINT) FROM pg_stat_xact_user_tables WHERE relname = $1";
    sqlx::query_scalar(text).bind(table).fetch_one(db).await.unwrap()
}

/// Reads a page and says how many rows of a table that took.
async fn cost(house: &House, table: &'static str, read: impl AsyncFnOnce(&mut Connection) -> usize) -> i64 {
    let mut db = house.store.read().await.unwrap();
    let before = rows_read(&mut db, table).await;
    assert_eq!(read(&mut db).await, usize::try_from(LIMIT).unwrap(), "a whole page of {table}");
    rows_read(&mut db, table).await - before
}

/// The place in an order after nine tenths of a list.
async fn deep(sql: &mut Sql, order: Order, table: &str) -> Place {
    let (column, direction) = match order {
        Order::Name => ("name", "ASC"),
        Order::NameDescending => ("name", "DESC"),
        Order::Created => ("created_at", "ASC"),
        Order::CreatedDescending => ("created_at", "DESC"),
        Order::Updated => ("updated_at", "ASC"),
        Order::UpdatedDescending => ("updated_at", "DESC"),
    };
    let at = |what: &str| {
        format!(
            "SELECT CAST({what} AS TEXT) FROM {table} ORDER BY {column} {direction}, id {direction} LIMIT 1 OFFSET {}",
            ROWS * 9 / 10
        )
    };
    Place { key: sql.text(&at(column)).await, id: sql.text(&at("id")).await }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_reads_the_rows_that_it_shows() {
    let house = House::build(Database::Postgres).await;
    let mut sql = fill(&house).await;
    let administrator = caller(&house, &house.administrator).await;
    let mut db = house.store.read().await.unwrap();
    let organization: Permit = permit(&mut db, &administrator, None, Action::ListOrganizationSecrets).await;
    let lab = permit(&mut db, &administrator, Some("lab"), Action::SeeWorkspace).await;
    drop(db);
    // What a plan may read besides: a row at each end, and the page's own rows once more.
    let most = 2 * LIMIT + 8;
    let orders = [
        Order::Name,
        Order::NameDescending,
        Order::Created,
        Order::CreatedDescending,
        Order::Updated,
        Order::UpdatedDescending,
    ];
    for order in orders {
        for table in ["secrets", "workspaces", "servers"] {
            for after in [None, Some(deep(&mut sql, order, table).await)] {
                let place = format!("{table} by {order:?} after {after:?}");
                let page = PageRequest { limit: LIMIT, after, order, filter: None };
                let read = cost(&house, table, async |db| match table {
                    "secrets" => secrets::list(db, &organization, secrets::Among::All, &page).await.unwrap().len(),
                    "workspaces" => {
                        workspaces::list(db, &organization, workspaces::Among::All, &page).await.unwrap().len()
                    }
                    _ => servers::list(db, &lab, &page).await.unwrap().len(),
                });
                let read = read.await;
                assert!(read <= most, "{place}: {read} rows");
            }
        }
    }

    for before in [None, Some(1000 + ROWS / 10)] {
        let filter = Filter { before, ..Filter::default() };
        let read = cost(&house, "audit_events", async |db| {
            audit::list(db, &organization, &filter, LIMIT).await.unwrap().len()
        });
        let read = read.await;
        assert!(read <= most, "audit events before {before:?}: {read} rows");
    }
    let rare = Filter { action: Some(AuditAction::WorkspaceCreated), ..Filter::default() };
    let by_person = Filter { actor: Some(caller(&house, &house.owner).await.user()), ..Filter::default() };
    let of_lab = Filter { target: Some("lab"), ..Filter::default() };
    for (filter, what) in [(rare, "action"), (by_person, "actor"), (of_lab, "target")] {
        let mut db = house.store.read().await.unwrap();
        let before = rows_read(&mut db, "audit_events").await;
        let found = audit::list(&mut db, &organization, &filter, LIMIT).await.unwrap().len();
        let read = rows_read(&mut db, "audit_events").await - before;
        assert!(found > 0 && read <= 8, "audit events by {what}: {read} rows for {found}");
    }
    let server = sql.text("SELECT id FROM servers WHERE slug = 's-1'").await.parse().unwrap();
    for before in [None, Some("0190dddd-0000-7000-8000-000000000300")] {
        let read =
            cost(&house, "starts", async |db| starts::of_server(db, &lab, server, before, LIMIT).await.unwrap().len());
        let read = read.await;
        assert!(read <= most, "starts before {before:?}: {read} rows");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sees_few_workspaces_reads_few() {
    let house = House::build(Database::Postgres).await;
    fill(&house).await;
    let collaborator = caller(&house, &house.collaborator).await;
    let mut db = house.store.read().await.unwrap();
    let permit = permit(&mut db, &collaborator, None, Action::SeeOrganization).await;
    let page = PageRequest { limit: LIMIT, after: None, order: Order::Name, filter: None };
    let before = rows_read(&mut db, "workspaces").await;
    assert_eq!(workspaces::list(&mut db, &permit, workspaces::Among::All, &page).await.unwrap().len(), 1);
    let read = rows_read(&mut db, "workspaces").await - before;
    assert!(read <= 8, "{read} rows");
}
