//! Which secrets reach a workspace, and what became of those that did.

use std::collections::{HashMap, HashSet};

use domain::{Available, History, OrganizationId, SecretId, SecretName, Stamp, Time, UserId, WorkspaceId};
use envelope::{Malformed, SealedValue};

use super::{
    Connection, Result,
    driver::{Column, Row, sql},
    secrets::{self, Secret, secret_columns, secret_tables},
    set::{Set, one_of},
};

/// The ids and names of the secrets of an organization ($1) that reach some of its workspaces ($2), each with the workspace
/// it reaches; without one where it reaches all. The cross join makes SQLite begin with the workspaces' selections.
macro_rules! reaching {
    () => {
        concat!(
            "(SELECT a.id, a.name, CAST(NULL AS TEXT) AS workspace_id FROM secrets a \
             WHERE a.home_id = $1 AND a.access = 'all' AND a.deleted_at IS NULL \
             UNION ALL SELECT a.id, a.name, p.workspace_id FROM selections p CROSS JOIN secrets a \
             WHERE a.id = p.secret_id AND p.workspace_id IN ",
            one_of!("$2"),
            " AND p.selected = 1 AND a.home_id = $1 AND a.access = 'selected' AND a.deleted_at IS NULL \
             UNION ALL SELECT a.id, a.name, a.home_id FROM secrets a WHERE a.home_id IN ",
            one_of!("$2"),
            " AND a.access = 'all' AND a.deleted_at IS NULL) r"
        )
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
    sql(concat!(secret_columns!(), secret_tables!(), "JOIN ", reaching!(), " ON r.id = s.id"))
        .bind(organization)
        .bind(Set::from_iter([workspace]))
        .all(db, read_listed)
        .await
}

/// Those of them that have one name: the workspace's own, and the organization's.
///
/// # Errors
/// When the database fails.
pub async fn named(
    db: &mut Connection,
    organization: OrganizationId,
    workspace: WorkspaceId,
    name: &SecretName,
) -> Result<Vec<Available<Secret>>> {
    sql(concat!(secret_columns!(), secret_tables!(), "JOIN ", reaching!(), " ON r.id = s.id WHERE r.name = $3"))
        .bind(organization)
        .bind(Set::from_iter([workspace]))
        .bind(name)
        .all(db, read_listed)
        .await
}

fn read_listed(row: &Row) -> Result<Available<Secret>> {
    let secret = secrets::read(row)?;
    Ok(available_as(&secret.clone(), secret))
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
         JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version JOIN ",
        reaching!(),
        " ON r.id = s.id"
    ))
    .bind(organization)
    .bind(Set::from_iter([workspace]))
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
        suspended: secret.suspension.is_some(),
        detail,
    }
}

/// The secrets that reach each of some workspaces of an organization, as far as they are compared, in one query.
///
/// # Errors
/// When the database fails.
pub async fn compared(
    db: &mut Connection,
    organization: OrganizationId,
    workspaces: &HashSet<WorkspaceId>,
) -> Result<HashMap<WorkspaceId, Vec<Available>>> {
    let rows = sql(concat!(
        "SELECT r.workspace_id, s.id, s.name, s.scope, s.version, \
         CASE WHEN s.suspended_at IS NOT NULL OR v.suspended_at IS NOT NULL THEN 1 ELSE 0 END AS suspended FROM ",
        reaching!(),
        " JOIN secrets s ON s.id = r.id JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version"
    ))
    .bind(organization)
    .bind(Set::from_iter(workspaces))
    .all(db, |row| Ok((row.get::<Option<WorkspaceId>>("workspace_id")?, read_compared(row)?)))
    .await?;
    let (everywhere, somewhere): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(workspace, _)| workspace.is_none());
    let everywhere: Vec<Available> = everywhere.into_iter().map(|(_, secret)| secret).collect();
    let mut reaching: HashMap<_, _> = workspaces.iter().map(|workspace| (*workspace, everywhere.clone())).collect();
    for (workspace, secret) in somewhere {
        if let Some(secrets) = workspace.and_then(|workspace| reaching.get_mut(&workspace)) {
            secrets.push(secret);
        }
    }
    Ok(reaching)
}

fn read_compared(row: &Row) -> Result<Available> {
    Ok(Available {
        id: row.get("id")?,
        name: row.get("name")?,
        scope: row.get("scope")?,
        version: row.get("version")?,
        suspended: row.get("suspended")?,
        detail: (),
    })
}

/// The workspaces' own secrets of one of two names, in every workspace of an organization.
///
/// # Errors
/// When the database fails.
pub async fn own_named(
    db: &mut Connection,
    organization: OrganizationId,
    names: (&SecretName, &SecretName),
) -> Result<HashMap<WorkspaceId, Vec<Available>>> {
    let rows = sql("SELECT s.home_id AS workspace_id, s.id, s.name, s.scope, s.version, \
         CASE WHEN s.suspended_at IS NOT NULL OR v.suspended_at IS NOT NULL THEN 1 ELSE 0 END AS suspended \
         FROM secrets s JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version \
         WHERE s.organization_id = $1 AND s.name IN ($2, $3) AND s.scope = 'workspace' AND s.deleted_at IS NULL")
    .bind(organization)
    .bind(names.0)
    .bind(names.1)
    .all(db, |row| Ok((row.get::<WorkspaceId>("workspace_id")?, read_compared(row)?)))
    .await?;
    let mut own: HashMap<_, Vec<_>> = HashMap::new();
    for (workspace, secret) in rows {
        own.entry(workspace).or_default().push(secret);
    }
    Ok(own)
}

/// What became of some secrets, as the servers of each of some workspaces feel it.
///
/// # Errors
/// When the database fails.
pub async fn histories(
    db: &mut Connection,
    workspaces: &HashSet<WorkspaceId>,
    secrets: &HashSet<SecretId>,
) -> Result<HashMap<WorkspaceId, HashMap<SecretId, History>>> {
    let rows = sql(concat!(
        "SELECT w.id AS workspace_id, s.id, s.name, s.created_at, s.created_by, v.created_at AS written_at, v.created_by AS written_by, \
         s.renamed_at, s.renamed_by, \
         CASE WHEN s.access = 'all' OR l.selected = 1 THEN 1 ELSE 0 END AS reaches, \
         s.access_changed_at, s.access_changed_by, l.changed_at AS selection_changed_at, \
         l.changed_by AS selection_changed_by, s.deleted_at, s.deleted_by, s.restored_at, s.restored_by, \
         COALESCE(s.suspended_at, v.suspended_at) AS suspended_at, COALESCE(s.suspended_by, v.suspended_by) \
         AS suspended_by, s.lifted_at, s.lifted_by \
         FROM secrets s JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version \
         JOIN workspaces w ON w.organization_id = s.organization_id AND (w.id = s.home_id OR s.scope = 'organization') \
         LEFT JOIN selections l ON l.secret_id = s.id AND l.workspace_id = w.id WHERE s.id IN ",
        one_of!("$2"),
        " AND w.id IN ",
        one_of!("$1")
    ))
    .bind(Set::from_iter(workspaces))
    .bind(Set::from_iter(secrets))
    .all(db, |row| Ok((row.get("workspace_id")?, row.get("id")?, read_history(row)?)))
    .await?;
    let mut histories: HashMap<_, HashMap<_, _>> = HashMap::new();
    for (workspace, secret, history) in rows {
        histories.entry(workspace).or_default().insert(secret, history);
    }
    Ok(histories)
}

fn read_history(row: &Row) -> Result<History> {
    let access = stamp(row, "access_changed_at", "access_changed_by")?;
    let selection = stamp(row, "selection_changed_at", "selection_changed_by")?;
    Ok(History {
        name: row.get("name")?,
        created: required_stamp(row, "created_at", "created_by")?,
        written: required_stamp(row, "written_at", "written_by")?,
        renamed: stamp(row, "renamed_at", "renamed_by")?,
        reaches: row.get("reaches")?,
        reach: access.max(selection),
        deleted: stamp(row, "deleted_at", "deleted_by")?,
        restored: stamp(row, "restored_at", "restored_by")?,
        suspended: stamp(row, "suspended_at", "suspended_by")?,
        lifted: stamp(row, "lifted_at", "lifted_by")?,
    })
}

pub(super) fn stamp(row: &Row, at: &'static str, by: &'static str) -> Result<Option<Stamp>> {
    let by: Option<UserId> = row.get(by)?;
    Ok(Option::<Time>::read(row, at)?.map(|at| Stamp { at, by }))
}

fn required_stamp(row: &Row, at: &'static str, by: &'static str) -> Result<Stamp> {
    Ok(Stamp { at: row.get(at)?, by: row.get(by)? })
}
