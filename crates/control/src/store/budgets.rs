//! How much of their budgets secrets take.

use std::collections::HashMap;

use domain::{Budget, SecretId, WorkspaceId};

use super::{
    Connection, Permit, Result,
    driver::{Row, sql},
};

/// How much of its budget a workspace's own secrets take.
///
/// # Errors
/// When the database fails.
pub async fn of_workspace(db: &mut Connection, workspace: WorkspaceId) -> Result<Budget> {
    sql("SELECT COUNT(*) AS secrets, CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS bytes FROM secrets \
         WHERE home_id = $1 AND deleted_at IS NULL")
    .bind(workspace)
    .one(db, read_budget)
    .await
}

/// How much of its budget organization secrets take in the workspace where they take most: by number and by size,
/// each in its own worst workspace.
///
/// # Errors
/// When the database fails.
pub async fn of_organization(db: &mut Connection, permit: &Permit) -> Result<Budget> {
    let everywhere = sql("SELECT COUNT(*) AS secrets, CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS bytes FROM secrets \
         WHERE home_id = $1 AND access = 'all' AND deleted_at IS NULL")
    .bind(permit.organization())
    .one(db, read_budget)
    .await?;
    let worst = sql("SELECT CAST(COALESCE(MAX(t.secrets), 0) AS BIGINT) AS secrets, \
         CAST(COALESCE(MAX(t.bytes), 0) AS BIGINT) AS bytes FROM \
         (SELECT COUNT(*) AS secrets, SUM(s.cost) AS bytes FROM secrets s JOIN selections l ON l.secret_id = s.id \
         JOIN workspaces w ON w.id = l.workspace_id AND w.deleted_at IS NULL WHERE s.home_id = $1 AND s.access = 'selected' AND s.deleted_at IS NULL AND l.selected = 1 \
         GROUP BY l.workspace_id) t")
    .bind(permit.organization())
    .one(db, read_budget)
    .await?;
    Ok(Budget { secrets: everywhere.secrets + worst.secrets, bytes: everywhere.bytes + worst.bytes })
}

/// How much organization secrets but for one take: those that reach every workspace, and the selected ones in each
/// workspace that has any.
///
/// # Errors
/// When the database fails.
pub async fn without(
    db: &mut Connection,
    permit: &Permit,
    secret: SecretId,
) -> Result<(Budget, HashMap<WorkspaceId, Budget>)> {
    let everywhere = sql("SELECT COUNT(*) AS secrets, CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS bytes FROM secrets \
         WHERE home_id = $1 AND access = 'all' AND deleted_at IS NULL AND id <> $2")
    .bind(permit.organization())
    .bind(secret)
    .one(db, read_budget)
    .await?;
    let selected =
        sql("SELECT l.workspace_id, COUNT(*) AS secrets, CAST(SUM(s.cost) AS BIGINT) AS bytes FROM secrets s \
         JOIN selections l ON l.secret_id = s.id JOIN workspaces w ON w.id = l.workspace_id AND w.deleted_at IS NULL \
         WHERE s.home_id = $1 AND s.access = 'selected' AND s.deleted_at IS NULL AND l.selected = 1 AND s.id <> $2 \
         GROUP BY l.workspace_id")
        .bind(permit.organization())
        .bind(secret)
        .all(db, |row| Ok((row.get("workspace_id")?, read_budget(row)?)))
        .await?;
    Ok((everywhere, selected.into_iter().collect()))
}

/// How much of its budget one secret takes, in bytes.
///
/// # Errors
/// When the database fails.
pub async fn of_secret(db: &mut Connection, _permit: &Permit, secret: SecretId) -> Result<u64> {
    sql("SELECT cost FROM secrets WHERE id = $1")
        .bind(secret)
        .one(db, |row| Ok(row.get::<i64>("cost")?.unsigned_abs()))
        .await
}

fn read_budget(row: &Row) -> Result<Budget> {
    Ok(Budget { secrets: row.get("secrets")?, bytes: row.get::<i64>("bytes")?.unsigned_abs() })
}
