//! Snapshots: what the starts of a workspace get between two changes, written once and shared by them.

use std::collections::{HashMap, HashSet};

use domain::{Held, SnapshotId, Time};
use serde_json::json;

use super::{
    Connection, Permit, Result, Writing,
    driver::sql,
    set::{Rows, Set, one_of, rows_of},
    starts::read_held,
};

/// Writes what a start in the permit's workspace hands over, and what it leaves out.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &mut Writing,
    permit: &Permit,
    id: SnapshotId,
    injected: impl Iterator<Item = Held>,
    left_out: impl Iterator<Item = Held>,
    now: Time,
) -> Result<()> {
    sql("INSERT INTO snapshots (id, workspace_id, created_at) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(permit.in_workspace())
        .bind(now)
        .insert(tx)
        .await?;
    let both = injected.map(|held| (held, false)).chain(left_out.map(|held| (held, true)));
    let row = |(held, left_out): (Held, bool)| {
        (
            held.name.to_string(),
            json!([held.secret.to_string(), held.scope.as_str(), held.version, i64::from(left_out)]),
        )
    };
    let rows: Rows = both.map(row).collect();
    let count = rows.given();
    sql(concat!(
        "INSERT INTO snapshot_secrets (snapshot_id, name, secret_id, scope, version, left_out) \
         SELECT $1, e.key, e.value ->> 0, e.value ->> 1, CAST(e.value ->> 2 AS BIGINT), CAST(e.value ->> 3 AS BIGINT) FROM ",
        rows_of!("$2")
    ))
    .bind(id)
    .bind(rows)
    .insert_rows(tx, count)
    .await
}

/// What the starts of some snapshots were handed, in one query; no entry for one of nothing. Many servers share a
/// snapshot: its rows are read once.
///
/// # Errors
/// When the database fails.
pub async fn injected(db: &mut Connection, snapshots: &HashSet<SnapshotId>) -> Result<HashMap<SnapshotId, Vec<Held>>> {
    contents(db, snapshots, false).await
}

/// What the starts of some snapshots were not handed because it was suspended; no entry for one that left out nothing.
///
/// # Errors
/// When the database fails.
pub async fn left_out(db: &mut Connection, snapshots: &HashSet<SnapshotId>) -> Result<HashMap<SnapshotId, Vec<Held>>> {
    contents(db, snapshots, true).await
}

async fn contents(
    db: &mut Connection,
    snapshots: &HashSet<SnapshotId>,
    left_out: bool,
) -> Result<HashMap<SnapshotId, Vec<Held>>> {
    let rows = sql(concat!(
        "SELECT h.snapshot_id, h.secret_id, h.name, h.scope, h.version FROM snapshot_secrets h \
         WHERE h.left_out = $2 AND h.snapshot_id IN ",
        one_of!("$1")
    ))
    .bind(Set::from_iter(snapshots))
    .bind(left_out)
    .all(db, |row| Ok((row.get::<SnapshotId>("snapshot_id")?, read_held(row)?)))
    .await?;
    let mut held: HashMap<SnapshotId, Vec<Held>> = HashMap::new();
    for (snapshot, one) in rows {
        held.entry(snapshot).or_default().push(one);
    }
    Ok(held)
}
