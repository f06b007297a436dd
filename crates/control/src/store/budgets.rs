//! How much of their budgets secrets take.

use domain::{Budget, WorkspaceId};

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

fn read_budget(row: &Row) -> Result<Budget> {
    Ok(Budget { secrets: row.get("secrets")?, bytes: row.get::<i64>("bytes")?.unsigned_abs() })
}
