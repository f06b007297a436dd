//! Suspensions: of a whole secret, or of one version.

use domain::{SecretId, SecretName, StartId};

use super::{
    Connection, Permit, Result, Writing,
    driver::sql,
    secrets::{Secret, home},
};
use crate::random;

/// Suspends a secret, or one version of it; one that is suspended already stays so since then, for the new reason where there is one.
///
/// # Errors
/// When the database fails.
pub async fn set(
    tx: &mut Writing,
    permit: &Permit,
    secret: &Secret,
    version: Option<u32>,
    reason: Option<&str>,
) -> Result<()> {
    let statement = match version {
        None => sql("UPDATE secrets SET suspended_at = COALESCE(suspended_at, $3), \
             suspended_by = CASE WHEN suspended_at IS NULL THEN $4 ELSE suspended_by END, suspended_reason = COALESCE($5, suspended_reason) \
             WHERE id = $1 AND home_id = $2"),
        Some(_) => sql("UPDATE secret_versions SET suspended_at = COALESCE(suspended_at, $3), \
             suspended_by = CASE WHEN suspended_at IS NULL THEN $4 ELSE suspended_by END, suspended_reason = COALESCE($5, suspended_reason) \
             WHERE secret_id = (SELECT s.id FROM secrets s WHERE s.id = $1 AND s.home_id = $2) AND version = $6"),
    };
    let statement =
        statement.bind(secret.id).bind(home(permit).1).bind(permit.now()).bind(permit.person()).bind(reason);
    match version {
        None => statement.meet(tx).await?,
        Some(version) => statement.bind(version).meet(tx).await?,
    }
    moved(tx, permit, secret, false).await
}

/// Lifts the suspension of a secret, or of one version of it; whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn lift(tx: &mut Writing, permit: &Permit, secret: &Secret, version: Option<u32>) -> Result<bool> {
    let statement = match version {
        None => sql("UPDATE secrets SET suspended_at = NULL, suspended_by = NULL, suspended_reason = NULL \
             WHERE id = $1 AND home_id = $2 AND suspended_at IS NOT NULL"),
        Some(_) => sql("UPDATE secret_versions SET suspended_at = NULL, suspended_by = NULL, suspended_reason = NULL \
             WHERE secret_id = (SELECT s.id FROM secrets s WHERE s.id = $1 AND s.home_id = $2) \
             AND suspended_at IS NOT NULL AND version = $3"),
    };
    let statement = statement.bind(secret.id).bind(home(permit).1);
    let lifted = match version {
        None => statement.execute(tx).await?,
        Some(version) => statement.bind(version).execute(tx).await?,
    };
    if lifted > 0 {
        moved(tx, permit, secret, version.is_none_or(|version| version == secret.version)).await?;
    }
    Ok(lifted > 0)
}

/// A suspended secret that a start was handed.
pub struct Held {
    /// Its name now.
    pub name: SecretName,
    /// The version, where only that one is suspended.
    pub version: Option<u32>,
    /// Who suspended it.
    pub by: Option<String>,
}

/// A secret that a start of the permit's workspace was handed, if that is suspended now, or the version that it was.
///
/// # Errors
/// When the database fails.
pub async fn held(db: &mut Connection, permit: &Permit, start: StartId, secret: SecretId) -> Result<Option<Held>> {
    sql("SELECT s.name, CASE WHEN s.suspended_at IS NULL THEN h.version END AS version, u.name AS by_name FROM starts t \
         JOIN snapshot_secrets h ON h.snapshot_id = t.snapshot_id AND h.left_out = 0 JOIN secrets s ON s.id = h.secret_id \
         JOIN secret_versions v ON v.secret_id = s.id AND v.version = h.version LEFT JOIN users u \
         ON u.id = CASE WHEN s.suspended_at IS NULL THEN v.suspended_by ELSE s.suspended_by END \
         WHERE t.id = $1 AND h.secret_id = $2 AND t.workspace_id = $3 \
         AND (s.suspended_at IS NOT NULL OR v.suspended_at IS NOT NULL)")
    .bind(start)
    .bind(secret)
    .bind(permit.in_workspace())
    .optional(db, |row| {
        Ok(Held { name: row.get("name")?, version: row.get("version")?, by: row.get("by_name")? })
    })
    .await
}

/// Moves the secret's revision; and says since when it is given again, where it is.
async fn moved(tx: &mut Writing, permit: &Permit, secret: &Secret, given_again: bool) -> Result<()> {
    sql("UPDATE secrets SET revision = $3, lifted_at = CASE WHEN $6 = 1 THEN $4 ELSE lifted_at END, \
         lifted_by = CASE WHEN $6 = 1 THEN $5 ELSE lifted_by END WHERE id = $1 AND home_id = $2")
    .bind(secret.id)
    .bind(home(permit).1)
    .bind(random::revision())
    .bind(permit.now())
    .bind(permit.person())
    .bind(given_again)
    .meet(tx)
    .await
}
