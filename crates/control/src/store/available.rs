//! Which secrets reach a workspace, and what became of those that did.

use std::collections::HashMap;

use domain::{Available, History, OrganizationId, SecretId, Stamp, Time, UserId, WorkspaceId};
use envelope::{Malformed, SealedValue};

use super::{
    Connection, Result,
    driver::{Column, Row, sql},
    secrets::{self, Secret, secret_columns, secret_tables},
};

/// The secrets that reach a workspace ($2) of an organization ($1).
macro_rules! reaching {
    () => {
        "s.deleted_at IS NULL AND (s.home_id = $2 OR (s.home_id = $1 AND (s.access = 'all' OR s.id IN \
         (SELECT l.secret_id FROM selections l WHERE l.workspace_id = $2 AND l.selected = 1))))"
    };
}

/// The secrets that reach a workspace, as people may see them.
///
/// # Errors
/// When the database fails.
pub async fn listed(
    db: &mut Connection,
    organization: OrganizationId,
    workspace: WorkspaceId,
) -> Result<Vec<Available<Secret>>> {
    sql(concat!(secret_columns!(), secret_tables!(), "WHERE ", reaching!()))
        .bind(organization)
        .bind(workspace)
        .all(db, |row| {
            let secret = secrets::read(row)?;
            Ok(available_as(&secret.clone(), secret))
        })
        .await
}

/// A secret that reaches a workspace, with its sealed value or the reason why there is none.
pub type SealedSecret = std::result::Result<SealedValue, Malformed>;

/// The secrets that reach a workspace, sealed, in one query: what a start takes.
///
/// # Errors
/// When the database fails.
pub async fn sealed(
    db: &mut Connection,
    organization: OrganizationId,
    workspace: WorkspaceId,
) -> Result<Vec<Available<SealedSecret>>> {
    sql(concat!(
        "SELECT s.id, s.name, s.scope, s.version, CASE WHEN s.suspended_at IS NOT NULL OR v.suspended_at IS NOT NULL \
         THEN 1 ELSE 0 END AS suspended, v.sealed FROM secrets s \
         JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version WHERE ",
        reaching!()
    ))
    .bind(organization)
    .bind(workspace)
    .all(db, |row| {
        Ok(Available {
            id: row.get("id")?,
            name: row.get("name")?,
            scope: row.get("scope")?,
            version: row.get("version")?,
            suspended: row.get("suspended")?,
            detail: SealedValue::parse(row.get::<Option<Vec<u8>>>("sealed")?.unwrap_or_default()),
        })
    })
    .await
}

fn available_as<T>(secret: &Secret, detail: T) -> Available<T> {
    Available {
        id: secret.id,
        name: secret.name.clone(),
        scope: secret.scope,
        version: secret.version,
        suspended: secret.suspended,
        detail,
    }
}

/// What became of the secrets that reach a workspace or that its live servers hold, to explain their drift.
///
/// # Errors
/// When the database fails.
pub async fn histories(
    db: &mut Connection,
    organization: OrganizationId,
    workspace: WorkspaceId,
) -> Result<HashMap<SecretId, History>> {
    let rows = sql(concat!(
        "SELECT s.id, s.name, s.created_at, s.created_by, v.created_at AS written_at, v.created_by AS written_by, \
         s.renamed_at, s.renamed_by, s.access_changed_at, s.access_changed_by, l.changed_at AS selection_changed_at, \
         l.changed_by AS selection_changed_by, s.deleted_at, s.deleted_by, s.restored_at, s.restored_by, \
         COALESCE(s.suspended_at, v.suspended_at) AS suspended_at, COALESCE(s.suspended_by, v.suspended_by) \
         AS suspended_by, s.lifted_at, s.lifted_by \
         FROM secrets s JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version \
         LEFT JOIN selections l ON l.secret_id = s.id AND l.workspace_id = $2 WHERE (",
        reaching!(),
        ") OR s.id IN (SELECT h.secret_id FROM servers x JOIN starts t ON t.id = x.start_id \
         JOIN snapshot_secrets h ON h.snapshot_id = t.snapshot_id \
         WHERE x.workspace_id = $2)"
    ))
    .bind(organization)
    .bind(workspace)
    .all(db, |row| Ok((row.get("id")?, read_history(row)?)))
    .await?;
    Ok(rows.into_iter().collect())
}

fn read_history(row: &Row) -> Result<History> {
    let access = stamp(row, "access_changed_at", "access_changed_by")?;
    let selection = stamp(row, "selection_changed_at", "selection_changed_by")?;
    Ok(History {
        name: row.get("name")?,
        created: required_stamp(row, "created_at", "created_by")?,
        written: required_stamp(row, "written_at", "written_by")?,
        renamed: stamp(row, "renamed_at", "renamed_by")?,
        reach: access.max(selection),
        deleted: stamp(row, "deleted_at", "deleted_by")?,
        restored: stamp(row, "restored_at", "restored_by")?,
        suspended: stamp(row, "suspended_at", "suspended_by")?,
        lifted: stamp(row, "lifted_at", "lifted_by")?,
    })
}

fn stamp(row: &Row, at: &'static str, by: &'static str) -> Result<Option<Stamp>> {
    let by: Option<UserId> = row.get(by)?;
    Ok(Option::<Time>::read(row, at)?.map(|at| Stamp { at, by }))
}

fn required_stamp(row: &Row, at: &'static str, by: &'static str) -> Result<Stamp> {
    Ok(Stamp { at: row.get(at)?, by: row.get(by)? })
}
