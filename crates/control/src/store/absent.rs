//! What there is or was under a name that gives a workspace nothing.

use domain::{Lacking, SecretId};

use super::{
    Connection, Permit, Result,
    available::stamp,
    driver::{Row, sql},
    secrets::{Suspension, read_suspension},
};

/// A secret of a name that does not reach a workspace. It says nothing of who may know that.
pub struct Absent {
    /// The secret.
    pub id: SecretId,
    /// Where it belongs, and why it is not there.
    pub lacking: Lacking,
    /// Why no start would get it in any case, where it or its newest version is suspended.
    pub suspension: Option<Suspension>,
}

/// The organization's secret and the workspace's own of a name: the one that is there, or else the one that was deleted
/// last.
///
/// # Errors
/// When the database fails.
pub async fn named(db: &mut Connection, permit: &Permit, name: &str) -> Result<Vec<Absent>> {
    let mut found = Vec::new();
    for home in [permit.in_workspace().to_string(), permit.organization().to_string()] {
        let newest = sql("SELECT s.id, s.scope, s.deleted_at, s.deleted_by, s.access_changed_at, s.access_changed_by, \
             l.changed_at, l.changed_by, COALESCE(s.suspended_at, v.suspended_at) AS suspended_at, \
             su.id AS suspended_by, su.name AS suspended_by_name, \
             CASE WHEN s.suspended_at IS NULL THEN v.suspended_reason ELSE s.suspended_reason END AS suspended_reason, \
             CASE WHEN s.suspended_at IS NULL THEN v.version ELSE NULL END AS suspended_version \
             FROM secrets s JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version \
             LEFT JOIN selections l ON l.secret_id = s.id AND l.workspace_id = $2 \
             LEFT JOIN users su ON su.id = CASE WHEN s.suspended_at IS NULL THEN v.suspended_by ELSE s.suspended_by END \
             WHERE s.home_id = $1 AND s.name = $3 \
             ORDER BY CASE WHEN s.deleted_at IS NULL THEN 0 ELSE 1 END, s.deleted_at DESC, s.id DESC LIMIT 1")
        .bind(home)
        .bind(permit.in_workspace())
        .bind(name)
        .optional(db, read)
        .await?;
        found.extend(newest);
    }
    Ok(found)
}

fn read(row: &Row) -> Result<Absent> {
    let ceased = stamp(row, "access_changed_at", "access_changed_by")?.max(stamp(row, "changed_at", "changed_by")?);
    let lacking = Lacking { scope: row.get("scope")?, deleted: stamp(row, "deleted_at", "deleted_by")?, ceased };
    Ok(Absent { id: row.get("id")?, lacking, suspension: read_suspension(row)? })
}
