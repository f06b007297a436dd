//! Data keys, wrapped under the root key.

use domain::{DataKeyId, OrganizationId, Time};
use envelope::{Malformed, SealedValue};

use super::{
    Connection, InstallationPermit, Writing,
    driver::{Row, sql},
};

/// An organization's data key as it is kept.
pub struct WrappedKey {
    /// Its id.
    pub id: DataKeyId,
    /// Whose values it seals.
    pub organization: OrganizationId,
    /// The key under the root key; damaged bytes are the keyring's to judge, so that a start can go on sealed.
    pub wrapped: Result<SealedValue, Malformed>,
    /// A known text under the data key, to prove the key at every start.
    pub canary: Result<SealedValue, Malformed>,
}

/// A data key about to be kept.
pub struct NewDataKey {
    /// Its id.
    pub id: DataKeyId,
    /// The key under the root key.
    pub wrapped: SealedValue,
    /// A known text under the data key.
    pub canary: SealedValue,
}

/// Adds a data key.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &mut Writing,
    permit: &InstallationPermit,
    organization: OrganizationId,
    key: &NewDataKey,
    root_key_id: &[u8; 16],
    now: Time,
) -> super::Result<()> {
    permit.is_the_systems()?;
    sql("INSERT INTO data_keys (id, organization_id, root_key_id, wrapped, canary, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)")
    .bind(key.id)
    .bind(organization)
    .bind(root_key_id.as_slice())
    .bind(key.wrapped.as_bytes())
    .bind(key.canary.as_bytes())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Every data key of the installation.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &mut Connection) -> super::Result<Vec<WrappedKey>> {
    sql("SELECT id, organization_id, wrapped, canary FROM data_keys ORDER BY organization_id, created_at")
        .all(db, read)
        .await
}

/// The data key that seals an organization's next value: its newest.
///
/// # Errors
/// When the database fails.
pub async fn newest(db: &mut Connection, organization: OrganizationId) -> super::Result<Option<WrappedKey>> {
    sql("SELECT id, organization_id, wrapped, canary FROM data_keys WHERE organization_id = $1 \
         ORDER BY created_at DESC, id DESC LIMIT 1")
    .bind(organization)
    .optional(db, read)
    .await
}

/// The data keys that may have sealed an organization's values.
///
/// # Errors
/// When the database fails.
pub async fn of_organization(db: &mut Connection, organization: OrganizationId) -> super::Result<Vec<WrappedKey>> {
    sql("SELECT id, organization_id, wrapped, canary FROM data_keys WHERE organization_id = $1 ORDER BY created_at")
        .bind(organization)
        .all(db, read)
        .await
}

fn read(row: &Row) -> super::Result<WrappedKey> {
    Ok(WrappedKey {
        id: row.get("id")?,
        organization: row.get("organization_id")?,
        wrapped: SealedValue::parse(row.get("wrapped")?),
        canary: SealedValue::parse(row.get("canary")?),
    })
}
