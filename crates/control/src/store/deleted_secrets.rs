//! Deleted secrets: restorable for a while, then a tombstone without values.

use domain::{SecretId, SecretName, Time};

use super::{
    Connection, Home, Permit, Result, StoreError, Who, Writing,
    driver::{Row, sql},
    secrets::home,
};
use crate::random;

/// A deleted secret.
#[derive(Clone, Debug)]
pub struct DeletedSecret {
    /// Its id.
    pub id: SecretId,
    /// The name that it had.
    pub name: SecretName,
    /// Its newest version.
    pub version: u32,
    /// The row's revision.
    pub revision: String,
    /// When it was deleted.
    pub deleted_at: Time,
    /// By whom.
    pub deleted_by: Option<Who>,
    /// When its values were erased for good.
    pub destroyed_at: Option<Time>,
}

macro_rules! deleted {
    ($which:literal) => {
        concat!(
            "SELECT s.id, s.name, s.version, s.revision, s.deleted_at, s.deleted_by, u.name AS deleted_by_name, \
             s.destroyed_at FROM secrets s LEFT JOIN users u ON u.id = s.deleted_by \
             WHERE s.home_id = $1 AND s.deleted_at IS NOT NULL AND ",
            $which
        )
    };
}

/// The deleted secrets of the permit's place that can be restored, last deleted first, after the one of this moment and id.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut Connection,
    permit: &Permit,
    after: Option<(Time, &str)>,
    limit: i64,
) -> Result<Vec<DeletedSecret>> {
    // Past every id: they begin with a hexadecimal digit.
    let (at, id) = after.unwrap_or((Time(i64::MAX), "g"));
    sql(deleted!(
        "s.destroyed_at IS NULL AND (s.deleted_at, s.id) < ($2, $3) ORDER BY s.deleted_at DESC, s.id DESC LIMIT $4"
    ))
    .bind(home(permit).1)
    .bind(at)
    .bind(id)
    .bind(limit)
    .all(db, read)
    .await
}

/// A deleted secret of the permit's place by id, destroyed or not.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, permit: &Permit, id: &str) -> Result<Option<DeletedSecret>> {
    sql(deleted!("s.id = $2")).bind(home(permit).1).bind(id).optional(db, read).await
}

/// Deleted secrets whose time to be restored is over: deleted before this moment; at most so many.
///
/// # Errors
/// When the database fails.
pub async fn overdue(db: &mut Connection, before: Time, limit: i64) -> Result<Vec<(Home, SecretId, SecretName)>> {
    sql("SELECT s.id, s.name, o.id AS organization_id, o.slug AS organization_slug, w.id AS workspace_id, w.slug, w.number \
         FROM secrets s JOIN organizations o ON o.id = s.organization_id LEFT JOIN workspaces w ON w.id = s.home_id \
         WHERE s.deleted_at < $1 AND s.deleted_at IS NOT NULL AND s.destroyed_at IS NULL \
         ORDER BY s.deleted_at LIMIT $2")
    .bind(before)
    .bind(limit)
    .all(db, |row| {
        let workspace = match row.get("workspace_id")? {
            None => None,
            Some(id) => Some((id, row.get("slug")?, row.get("number")?)),
        };
        let organization = (row.get("organization_id")?, row.get("organization_slug")?);
        Ok((Home::new(organization, workspace), row.get("id")?, row.get("name")?))
    })
    .await
}

/// Brings a deleted secret back as it was.
///
/// # Errors
/// [`StoreError::Taken`] when its name is taken, or when the database fails.
pub async fn restore(tx: &mut Writing, permit: &Permit, secret: &DeletedSecret) -> Result<()> {
    let restored = sql("UPDATE secrets SET deleted_at = NULL, deleted_by = NULL, restored_at = $3, restored_by = $4, \
         updated_at = $3, updated_by = $4, revision = $5 \
         WHERE id = $1 AND home_id = $2 AND deleted_at IS NOT NULL AND destroyed_at IS NULL")
    .bind(secret.id)
    .bind(home(permit).1)
    .bind(permit.now())
    .bind(permit.person())
    .bind(random::revision())
    .execute(tx)
    .await?;
    if restored == 1 { Ok(()) } else { Err(StoreError::NotPermitted) }
}

/// Erases every value of a deleted secret for good; its name, its versions' dates and who wrote them stay on record.
///
/// # Errors
/// When the database fails.
pub async fn destroy(tx: &mut Writing, permit: &Permit, secret: SecretId) -> Result<()> {
    sql("UPDATE secret_versions SET sealed = NULL, erased_at = $3, erased_by = $4 WHERE sealed IS NOT NULL \
         AND secret_id = (SELECT s.id FROM secrets s WHERE s.id = $1 AND s.home_id = $2 AND s.deleted_at IS NOT NULL)")
    .bind(secret)
    .bind(home(permit).1)
    .bind(permit.now())
    .bind(permit.person())
    .execute(tx)
    .await?;
    sql("UPDATE secrets SET destroyed_at = $3, revision = $4 \
         WHERE id = $1 AND home_id = $2 AND deleted_at IS NOT NULL AND destroyed_at IS NULL")
    .bind(secret)
    .bind(home(permit).1)
    .bind(permit.now())
    .bind(random::revision())
    .meet(tx)
    .await
}

fn read(row: &Row) -> Result<DeletedSecret> {
    Ok(DeletedSecret {
        id: row.get("id")?,
        name: row.get("name")?,
        version: row.get("version")?,
        revision: row.get("revision")?,
        deleted_at: row.get("deleted_at")?,
        deleted_by: Who::read(row, "deleted_by", "deleted_by_name")?,
        destroyed_at: row.get("destroyed_at")?,
    })
}
