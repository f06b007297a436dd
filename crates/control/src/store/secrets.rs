//! Secrets of both scopes: their metadata and their sealed versions.

use domain::{Access, Scope, SecretId, SecretName, Time};
use envelope::{Malformed, SealedValue};

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
    /// Whether the secret or its newest version is suspended.
    pub suspended: bool,
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

macro_rules! secret_columns {
    () => {
        "SELECT s.id, s.name, s.scope, s.access, s.description, s.version, s.revision, s.created_at, s.created_by, \
         cu.name AS created_by_name, s.updated_at, s.updated_by, uu.name AS updated_by_name, \
         CASE WHEN s.suspended_at IS NOT NULL OR v.suspended_at IS NOT NULL THEN 1 ELSE 0 END AS suspended"
    };
}

macro_rules! secret_tables {
    () => {
        " FROM secrets s JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version \
         LEFT JOIN users cu ON cu.id = s.created_by LEFT JOIN users uu ON uu.id = s.updated_by "
    };
}

pub(super) use {secret_columns, secret_tables};

/// The scope that a permit's target stands for, and the id under which its secrets are kept.
fn home(permit: &Permit) -> (Scope, String) {
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

/// The organization's secrets.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, permit: &Permit, page: &PageRequest) -> Result<Vec<Secret>> {
    keyset!(
        page,
        "s",
        secret_columns!(),
        secret_tables!(),
        "WHERE s.home_id = $4 AND s.deleted_at IS NULL AND lower(s.name) LIKE $5 ESCAPE '\\'"
    )
    .bind(permit.organization())
    .bind(page.pattern())
    .all(db, read)
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
    insert_version(tx, permit, new.id, 1, cost, new.sealed, now).await
}

/// Writes a new version; the value of the one that falls out of the last ten is erased.
///
/// # Errors
/// When the database fails.
pub async fn add_version(
    tx: &mut Writing,
    permit: &Permit,
    secret: &Secret,
    sealed: &SealedValue,
    now: Time,
) -> Result<()> {
    let (version, cost) = (secret.version + 1, cost(&secret.name, sealed));
    insert_version(tx, permit, secret.id, version, cost, sealed, now).await?;
    if let Some(last) = domain::last_erased(version) {
        sql("UPDATE secret_versions SET sealed = NULL WHERE version <= $2 AND sealed IS NOT NULL \
             AND secret_id = (SELECT s.id FROM secrets s WHERE s.id = $1 AND s.home_id = $3)")
        .bind(secret.id)
        .bind(last)
        .bind(home(permit).1)
        .execute(tx)
        .await?;
    }
    sql("UPDATE secrets SET version = $2, cost = $3, suspended_at = NULL, suspended_by = NULL, revision = $4, \
         updated_at = $5, updated_by = $6 WHERE id = $1 AND home_id = $7")
    .bind(secret.id)
    .bind(version)
    .bind(cost)
    .bind(random::revision())
    .bind(now)
    .bind(permit.person())
    .bind(home(permit).1)
    .meet(tx)
    .await
}

async fn insert_version(
    tx: &mut Writing,
    permit: &Permit,
    secret: SecretId,
    version: u32,
    cost: i64,
    sealed: &SealedValue,
    now: Time,
) -> Result<()> {
    sql("INSERT INTO secret_versions (secret_id, version, sealed, cost, created_at, created_by) \
         SELECT s.id, $2, $3, $4, $5, $6 FROM secrets s WHERE s.id = $1 AND s.home_id = $7")
    .bind(secret)
    .bind(version)
    .bind(sealed.as_bytes())
    .bind(cost)
    .bind(now)
    .bind(permit.person())
    .bind(home(permit).1)
    .meet(tx)
    .await
}

fn cost(name: &SecretName, sealed: &SealedValue) -> i64 {
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

/// Gives a secret another name; its versions are sealed anew for it, in the order of [`versions`].
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

/// The versions of a secret that still have a value.
///
/// # Errors
/// When the database fails.
pub async fn versions(
    db: &mut Connection,
    permit: &Permit,
    secret: SecretId,
) -> Result<Vec<(u32, std::result::Result<SealedValue, Malformed>)>> {
    sql("SELECT v.version, v.sealed FROM secret_versions v JOIN secrets s ON s.id = v.secret_id \
         WHERE s.id = $1 AND s.home_id = $2 AND v.sealed IS NOT NULL ORDER BY v.version")
    .bind(secret)
    .bind(home(permit).1)
    .all(db, |row| Ok((row.get("version")?, SealedValue::parse(row.get("sealed")?))))
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

pub(super) fn read(row: &Row) -> Result<Secret> {
    Ok(Secret {
        id: row.get("id")?,
        name: row.get("name")?,
        scope: row.get("scope")?,
        access: row.get("access")?,
        description: row.get("description")?,
        version: row.get("version")?,
        suspended: row.get("suspended")?,
        revision: row.get("revision")?,
        created_at: row.get("created_at")?,
        created_by: Who::read(row, "created_by", "created_by_name")?,
        updated_at: row.get("updated_at")?,
        updated_by: Who::read(row, "updated_by", "updated_by_name")?,
    })
}
