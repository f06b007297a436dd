//! Snapshots: what the starts of a workspace get between two changes, written once and shared by them.

use domain::{Held, SnapshotId, Time};

use super::{Permit, Result, Writing, driver::sql};

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
    for (held, left_out) in both {
        sql("INSERT INTO snapshot_secrets (snapshot_id, secret_id, name, scope, version, left_out) \
             VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(held.secret)
        .bind(&held.name)
        .bind(held.scope)
        .bind(held.version)
        .bind(left_out)
        .insert(tx)
        .await?;
    }
    Ok(())
}
