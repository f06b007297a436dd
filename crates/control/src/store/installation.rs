//! The installation's one row: its id, its set-up code, the next workspace number.

use domain::{InstallationId, Time};

use super::{Connection, InstallationPermit, Permit, Result, Writing, driver::sql};

/// What the installation knows of itself.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Its id, part of every sealing context.
    pub id: InstallationId,
    /// SHA-256 of the set-up code; `None` once used.
    pub setup_code_hash: Option<Vec<u8>>,
}

/// The installation; `None` in an empty database.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection) -> Result<Option<Installation>> {
    sql("SELECT id, setup_code_hash FROM installation")
        .optional(db, |row| Ok(Installation { id: row.get("id")?, setup_code_hash: row.get("setup_code_hash")? }))
        .await
}

/// Makes the row of a new installation.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &mut Writing,
    permit: &InstallationPermit,
    id: InstallationId,
    setup_code_hash: &[u8],
    now: Time,
) -> Result<()> {
    permit.is_the_systems()?;
    sql("INSERT INTO installation (only_row, id, setup_code_hash, next_workspace_number, created_at) \
         VALUES (1, $1, $2, 1, $3)")
    .bind(id)
    .bind(setup_code_hash)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Puts another set-up code in place of one that was lost before anyone used it.
///
/// # Errors
/// When the database fails.
pub async fn replace_setup_code(tx: &mut Writing, permit: &InstallationPermit, hash: &[u8]) -> Result<()> {
    permit.is_the_systems()?;
    sql("UPDATE installation SET setup_code_hash = $1 WHERE setup_code_hash IS NOT NULL")
        .bind(hash)
        .execute(tx)
        .await?;
    Ok(())
}

/// Uses the set-up code up; whether it was still there.
///
/// # Errors
/// When the database fails.
pub async fn use_setup_code(tx: &mut Writing, permit: &InstallationPermit) -> Result<bool> {
    permit.is_the_systems()?;
    let rows =
        sql("UPDATE installation SET setup_code_hash = NULL WHERE setup_code_hash IS NOT NULL").execute(tx).await?;
    Ok(rows == 1)
}

/// Takes the next workspace number.
///
/// # Errors
/// When the database fails.
pub async fn next_workspace_number(tx: &mut Writing, _permit: &Permit) -> Result<u32> {
    sql("UPDATE installation SET next_workspace_number = next_workspace_number + 1 \
         RETURNING next_workspace_number - 1 AS number")
    .one(tx, |row| row.get("number"))
    .await
}
