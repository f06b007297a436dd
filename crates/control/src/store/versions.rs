//! The versions of a secret: who wrote which, and which still have a value.

use domain::{SecretId, Time};
use envelope::{Malformed, SealedValue};

use super::{
    Connection, Permit, Result, Who, Writing,
    driver::{Row, sql},
    secrets::{Suspension, home},
};

/// A version of a secret without its value.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// When it was written.
    pub created_at: Time,
    /// By whom.
    pub created_by: Option<Who>,
    /// The older version whose value it has, where one was put back.
    pub restored_from: Option<u32>,
    /// Why no start gets it, where it is suspended by itself.
    pub suspension: Option<Suspension>,
    /// Whether its value is still there.
    pub kept: bool,
    /// When its value was erased.
    pub erased_at: Option<Time>,
    /// By whom: who destroyed it, or wrote the version with which it fell out of those that are kept.
    pub erased_by: Option<Who>,
}

macro_rules! versions {
    ($which:literal) => {
        concat!(
            "SELECT v.version, v.created_at, v.created_by, cu.name AS created_by_name, v.restored_from, v.suspended_at, \
             v.suspended_by, su.name AS suspended_by_name, v.suspended_reason, \
             CASE WHEN v.sealed IS NULL THEN 0 ELSE 1 END AS kept, v.erased_at, v.erased_by, eu.name AS erased_by_name \
             FROM secret_versions v JOIN secrets s ON s.id = v.secret_id LEFT JOIN users cu ON cu.id = v.created_by \
             LEFT JOIN users su ON su.id = v.suspended_by LEFT JOIN users eu ON eu.id = v.erased_by \
             WHERE s.id = $1 AND s.home_id = $2 AND ",
            $which
        )
    };
}

/// The versions of a secret of the permit's place before a number, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut Connection,
    permit: &Permit,
    secret: SecretId,
    before: u32,
    limit: i64,
) -> Result<Vec<Version>> {
    sql(versions!("v.version < $3 ORDER BY v.version DESC LIMIT $4"))
        .bind(secret)
        .bind(home(permit).1)
        .bind(before)
        .bind(limit)
        .all(db, read)
        .await
}

/// One version of a secret of the permit's place.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, permit: &Permit, secret: SecretId, number: u32) -> Result<Option<Version>> {
    sql(versions!("v.version = $3")).bind(secret).bind(home(permit).1).bind(number).optional(db, read).await
}

/// The versions of a secret that still have a value, sealed, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn sealed(
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

/// Erases the value of one version; that it was there stays on record.
///
/// # Errors
/// When the database fails.
pub async fn erase(tx: &mut Writing, permit: &Permit, secret: SecretId, number: u32) -> Result<()> {
    sql("UPDATE secret_versions SET sealed = NULL, erased_at = $3, erased_by = $4 WHERE version = $2 \
         AND sealed IS NOT NULL AND secret_id = (SELECT s.id FROM secrets s WHERE s.id = $1 AND s.home_id = $5)")
    .bind(secret)
    .bind(number)
    .bind(permit.now())
    .bind(permit.person())
    .bind(home(permit).1)
    .meet(tx)
    .await
}

fn read(row: &Row) -> Result<Version> {
    let number = row.get("version")?;
    let suspension = match row.get("suspended_at")? {
        None => None,
        Some(at) => Some(Suspension {
            at,
            by: Who::read(row, "suspended_by", "suspended_by_name")?,
            reason: row.get::<Option<String>>("suspended_reason")?.unwrap_or_default(),
            version: Some(number),
        }),
    };
    Ok(Version {
        number,
        created_at: row.get("created_at")?,
        created_by: Who::read(row, "created_by", "created_by_name")?,
        restored_from: row.get("restored_from")?,
        suspension,
        kept: row.get("kept")?,
        erased_at: row.get("erased_at")?,
        erased_by: Who::read(row, "erased_by", "erased_by_name")?,
    })
}
