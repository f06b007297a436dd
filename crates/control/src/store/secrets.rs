//! Secrets of both scopes: their metadata and their sealed versions.

use domain::{Access, Scope, SecretId, SecretName, Time};
use envelope::SealedValue;

use super::{
    Connection, Permit, Result, Who, Writing,
    driver::{Row, sql},
    page::{PageRequest, keyset},
};
use crate::random;

/// What is known of a secret without its value.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Its id.
    pub id: SecretId,
    /// Its name.
    pub name: SecretName,
    /// Where it belongs.
    pub scope: Scope,
    /// Which workspaces it reaches, for an organization secret.
    pub access: Access,
    /// What it is for.
    pub description: String,
    /// The newest version.
    pub version: u32,
    /// Why no start gets it, where it or its newest version is suspended.
    pub suspension: Option<Suspension>,
    /// The row's revision.
    pub revision: String,
    /// When it was created.
    pub created_at: Time,
    /// By whom.
    pub created_by: Option<Who>,
    /// When it was last written or edited.
    pub updated_at: Time,
    /// By whom.
    pub updated_by: Option<Who>,
}

/// A suspension of a secret or of one version.
#[derive(Clone, Debug)]
pub struct Suspension {
    /// Since when.
    pub at: Time,
    /// By whom.
    pub by: Option<Who>,
    /// Why, for people; may be empty.
    pub reason: String,
    /// The version, where only that one is suspended.
    pub version: Option<u32>,
}

macro_rules! secret_columns {
    () => {
        "SELECT s.id, s.name, s.scope, s.access, s.description, s.version, s.revision, s.created_at, s.created_by, \
         cu.name AS created_by_name, s.updated_at, s.updated_by, uu.name AS updated_by_name, \
         COALESCE(s.suspended_at, v.suspended_at) AS suspended_at, su.id AS suspended_by, su.name AS suspended_by_name, \
         CASE WHEN s.suspended_at IS NULL THEN v.suspended_reason ELSE s.suspended_reason END AS suspended_reason, \
         CASE WHEN s.suspended_at IS NULL THEN v.version ELSE NULL END AS suspended_version"
    };
}

macro_rules! secret_tables {
    () => {
        " FROM secrets s JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version \
         LEFT JOIN users cu ON cu.id = s.created_by LEFT JOIN users uu ON uu.id = s.updated_by \
         LEFT JOIN users su ON su.id = CASE WHEN s.suspended_at IS NULL THEN v.suspended_by ELSE s.suspended_by END "
    };
}

pub(super) use {secret_columns, secret_tables};

/// The scope that a permit's target stands for, and the id under which its secrets are kept.
pub(super) fn home(permit: &Permit) -> (Scope, String) {
    match permit.workspace() {
        Some(workspace) => (Scope::Workspace, workspace.to_string()),
        None => (Scope::Organization, permit.organization().to_string()),
    }
}

/// The permit's own secret of a name: the organization's, or the workspace's where the permit is for one.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, permit: &Permit, name: &str) -> Result<Option<Secret>> {
    sql(concat!(secret_columns!(), secret_tables!(), "WHERE s.home_id = $1 AND s.name = $2 AND s.deleted_at IS NULL"))
        .bind(home(permit).1)
        .bind(name)
        .optional(db, read)
        .await
}

/// Which of the organization's secrets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Among {
    /// All.
    #[default]
    All,
    /// Those that reach selected workspaces only.
    Selected,
    /// Those that no server holds.
    Unused,
}

/// How many of the organization's secrets each [`Among`] has.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the words of `Among`")]
pub struct Counts {
    pub all: u32,
    pub selected: u32,
    pub unused: u32,
}

// Not in what the organization's servers whose process may be alive were handed: read once, however many secrets there are.
macro_rules! held_by_no_server {
    ($organization:literal) => {
        concat!(
            "s.id NOT IN (SELECT h.secret_id FROM snapshot_secrets h WHERE h.left_out = 0 AND h.snapshot_id IN \
             (SELECT t.snapshot_id FROM starts t WHERE t.organization_id = ",
            $organization,
            " AND t.ended_at IS NULL AND t.kind = 'server' AND t.outcome IN ('pending', 'delivered')))"
        )
    };
}

/// The organization's secrets.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, permit: &Permit, among: Among, page: &PageRequest) -> Result<Vec<Secret>> {
    macro_rules! listed {
        ($among:expr) => {
            keyset!(
                page,
                "s",
                secret_columns!(),
                secret_tables!(),
                "WHERE s.home_id = $4 AND s.deleted_at IS NULL AND lower(s.name) LIKE $5 ESCAPE '\\'",
                $among
            )
        };
    }
    let statement = match among {
        Among::All => listed!(""),
        Among::Selected => listed!(" AND s.access = 'selected'"),
        Among::Unused => listed!(concat!(" AND ", held_by_no_server!("$4"))),
    };
    statement.bind(permit.organization()).bind(page.pattern()).all(db, read).await
}

/// How many secrets the organization has.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &mut Connection, permit: &Permit) -> Result<Counts> {
    sql(concat!(
        "SELECT COUNT(*) AS everything, COUNT(CASE WHEN s.access = 'selected' THEN 1 END) AS selected, \
         COUNT(CASE WHEN ",
        held_by_no_server!("$1"),
        " THEN 1 END) AS unused FROM secrets s WHERE s.home_id = $1 AND s.deleted_at IS NULL"
    ))
    .bind(permit.organization())
    .one(db, |row| {
        Ok(Counts { all: row.get("everything")?, selected: row.get("selected")?, unused: row.get("unused")? })
    })
    .await
}

/// A secret about to be created, with its first version.
pub struct NewSecret<'a> {
    /// Its id.
    pub id: SecretId,
    /// Its name.
    pub name: &'a SecretName,
    /// Which workspaces it reaches; `All` for a workspace's own.
    pub access: Access,
    /// What it is for.
    pub description: &'a str,
    /// Its sealed first value.
    pub sealed: &'a SealedValue,
}

/// Creates a secret where the permit stands.
///
/// # Errors
/// When the name is taken or the database fails.
pub async fn insert(tx: &mut Writing, permit: &Permit, new: &NewSecret<'_>, now: Time) -> Result<()> {
    let (scope, home) = home(permit);
    let cost = cost(new.name, new.sealed);
    sql(
        "INSERT INTO secrets (id, organization_id, scope, home_id, name, access, description, version, cost, revision, \
         created_at, created_by, updated_at, updated_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $10, $11)",
    )
    .bind(new.id)
    .bind(permit.organization())
    .bind(scope)
    .bind(home)
    .bind(new.name)
    .bind(new.access)
    .bind(new.description)
    .bind(cost)
    .bind(random::revision())
    .bind(now)
    .bind(permit.person())
    .execute(tx)
    .await?;
    insert_version(tx, permit, new.id, 1, cost, new.sealed, None, now).await
}

/// Writes a new version, which lifts a suspension of the secret; the value of the one that falls out of the last ten is
/// erased. `restored_from` is the older version whose value it has, where one is put back.
///
/// # Errors
/// When the database fails.
pub async fn add_version(
    tx: &mut Writing,
    permit: &Permit,
    secret: &Secret,
    sealed: &SealedValue,
    restored_from: Option<u32>,
    now: Time,
) -> Result<()> {
    let (version, cost) = (secret.version + 1, cost(&secret.name, sealed));
    insert_version(tx, permit, secret.id, version, cost, sealed, restored_from, now).await?;
    if let Some(last) = domain::last_erased(version) {
        sql("UPDATE secret_versions SET sealed = NULL, erased_at = $4, erased_by = $5 WHERE version <= $2 \
             AND sealed IS NOT NULL AND secret_id = (SELECT s.id FROM secrets s WHERE s.id = $1 AND s.home_id = $3)")
        .bind(secret.id)
        .bind(last)
        .bind(home(permit).1)
        .bind(now)
        .bind(permit.person())
        .execute(tx)
        .await?;
    }
    sql("UPDATE secrets SET version = $2, cost = $3, suspended_at = NULL, suspended_by = NULL, suspended_reason = NULL, \
         lifted_at = CASE WHEN $8 = 1 THEN $5 ELSE lifted_at END, \
         lifted_by = CASE WHEN $8 = 1 THEN $6 ELSE lifted_by END, revision = $4, \
         updated_at = $5, updated_by = $6 WHERE id = $1 AND home_id = $7")
    .bind(secret.id)
    .bind(version)
    .bind(cost)
    .bind(random::revision())
    .bind(now)
    .bind(permit.person())
    .bind(home(permit).1)
    .bind(secret.suspension.is_some())
    .meet(tx)
    .await
}

#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
async fn insert_version(
    tx: &mut Writing,
    permit: &Permit,
    secret: SecretId,
    version: u32,
    cost: i64,
    sealed: &SealedValue,
    restored_from: Option<u32>,
    now: Time,
) -> Result<()> {
    sql("INSERT INTO secret_versions (secret_id, version, sealed, cost, restored_from, created_at, created_by) \
         SELECT s.id, $2, $3, $4, $8, $5, $6 FROM secrets s WHERE s.id = $1 AND s.home_id = $7")
    .bind(secret)
    .bind(version)
    .bind(sealed.as_bytes())
    .bind(cost)
    .bind(now)
    .bind(permit.person())
    .bind(home(permit).1)
    .bind(restored_from)
    .meet(tx)
    .await
}

pub(super) fn cost(name: &SecretName, sealed: &SealedValue) -> i64 {
    i64::try_from(domain::entry_cost(name, sealed.padded_len() as u64)).unwrap_or(i64::MAX)
}

/// Changes description and access.
///
/// # Errors
/// When the database fails.
pub async fn update(
    tx: &mut Writing,
    permit: &Permit,
    secret: &Secret,
    description: &str,
    access: Access,
    now: Time,
) -> Result<()> {
    sql("UPDATE secrets SET description = $2, revision = $3, updated_at = $4, updated_by = $5, \
         access_changed_at = CASE WHEN access = $6 THEN access_changed_at ELSE $4 END, \
         access_changed_by = CASE WHEN access = $6 THEN access_changed_by ELSE $5 END, access = $6 \
         WHERE id = $1 AND home_id = $7")
    .bind(secret.id)
    .bind(description)
    .bind(random::revision())
    .bind(now)
    .bind(permit.person())
    .bind(access)
    .bind(home(permit).1)
    .meet(tx)
    .await
}

/// Gives a secret another name; its versions are sealed anew for it, in the order of [`sealed`](super::versions::sealed).
///
/// # Errors
/// When the name is taken or the database fails.
pub async fn rename(
    tx: &mut Writing,
    permit: &Permit,
    secret: &Secret,
    name: &SecretName,
    versions: &[(u32, SealedValue)],
    now: Time,
) -> Result<()> {
    for (version, sealed) in versions {
        sql("UPDATE secret_versions SET sealed = $3, cost = $4 WHERE version = $2 \
             AND secret_id = (SELECT s.id FROM secrets s WHERE s.id = $1 AND s.home_id = $5)")
        .bind(secret.id)
        .bind(*version)
        .bind(sealed.as_bytes())
        .bind(cost(name, sealed))
        .bind(home(permit).1)
        .meet(tx)
        .await?;
    }
    sql("UPDATE secrets SET name = $2, revision = $3, renamed_at = $4, renamed_by = $5, updated_at = $4, \
         updated_by = $5, cost = (SELECT v.cost FROM secret_versions v WHERE v.secret_id = $1 \
         AND v.version = secrets.version) WHERE id = $1 AND home_id = $6")
    .bind(secret.id)
    .bind(name)
    .bind(random::revision())
    .bind(now)
    .bind(permit.person())
    .bind(home(permit).1)
    .meet(tx)
    .await
}

/// Deletes a secret softly: its name is free at once, the row stays as a tombstone.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &mut Writing, permit: &Permit, secret: &Secret, now: Time) -> Result<()> {
    sql("UPDATE secrets SET deleted_at = $2, deleted_by = $3, revision = $4 WHERE id = $1 AND home_id = $5")
        .bind(secret.id)
        .bind(now)
        .bind(permit.person())
        .bind(random::revision())
        .bind(home(permit).1)
        .meet(tx)
        .await
}

/// The names of the organization's secrets that are spelled like this one but for case.
///
/// # Errors
/// When the database fails.
pub async fn spelled_like(db: &mut Connection, permit: &Permit, name: &SecretName) -> Result<Vec<SecretName>> {
    sql("SELECT name FROM secrets WHERE home_id = $1 AND deleted_at IS NULL AND lower(name) = $2")
        .bind(permit.organization())
        .bind(name.as_str().to_lowercase())
        .all(db, |row| row.get("name"))
        .await
}

pub(super) fn read_suspension(row: &Row) -> Result<Option<Suspension>> {
    let Some(at) = row.get("suspended_at")? else { return Ok(None) };
    Ok(Some(Suspension {
        at,
        by: Who::read(row, "suspended_by", "suspended_by_name")?,
        reason: row.get::<Option<String>>("suspended_reason")?.unwrap_or_default(),
        version: row.get("suspended_version")?,
    }))
}

pub(super) fn read(row: &Row) -> Result<Secret> {
    Ok(Secret {
        id: row.get("id")?,
        name: row.get("name")?,
        scope: row.get("scope")?,
        access: row.get("access")?,
        description: row.get("description")?,
        version: row.get("version")?,
        suspension: read_suspension(row)?,
        revision: row.get("revision")?,
        created_at: row.get("created_at")?,
        created_by: Who::read(row, "created_by", "created_by_name")?,
        updated_at: row.get("updated_at")?,
        updated_by: Who::read(row, "updated_by", "updated_by_name")?,
    })
}
