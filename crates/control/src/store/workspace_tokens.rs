//! The tokens with which a workspace's runs are started.

use domain::{CredentialId, Time};

use super::{Connection, Permit, Result, Who, WorkspaceToken, Writing, driver::sql};

/// A workspace token about to be made.
pub struct NewWorkspaceToken {
    /// Its id.
    pub id: CredentialId,
    /// What its maker calls it.
    pub name: String,
    /// SHA-256 of its secret part.
    pub secret_hash: Vec<u8>,
    /// When it ends; `None` for never.
    pub expires_at: Option<Time>,
}

/// A workspace token as its workspace's owner sees it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id.
    pub id: CredentialId,
    /// What its maker calls it.
    pub name: String,
    /// Who made it.
    pub created_by: Option<Who>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last shown, to five minutes; `None` for never.
    pub last_used_at: Option<Time>,
    /// When it ends; `None` for never.
    pub expires_at: Option<Time>,
}

/// Adds a token of the permit's workspace.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Writing, permit: &Permit, new: &NewWorkspaceToken, now: Time) -> Result<()> {
    // The column is never NULL: a token that was never used has its beginning there.
    sql("INSERT INTO credentials (id, kind, user_id, workspace_id, name, access, organization_secrets, secret_hash, \
         created_at, last_used_at, expires_at) VALUES ($1, 'workspace', $2, $3, $4, 'runs', 0, $5, $6, $6, $7)")
    .bind(new.id)
    .bind(permit.person())
    .bind(permit.in_workspace())
    .bind(&new.name)
    .bind(new.secret_hash.clone())
    .bind(now)
    .bind(new.expires_at)
    .insert(tx)
    .await
}

/// The workspace's token that somebody shows, and whether that is worth recording again; `None` when it
/// is unknown, revoked, expired, or its workspace is gone, or when `shows` refuses the hash of its secret part.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &mut Connection,
    id: CredentialId,
    shows: impl Fn(&[u8]) -> bool,
    now: Time,
) -> Result<Option<(WorkspaceToken, bool)>> {
    let found = sql("SELECT c.name, c.secret_hash, c.created_at, c.last_used_at, o.slug AS organization \
         FROM credentials c JOIN workspaces w ON w.id = c.workspace_id JOIN organizations o ON o.id = w.organization_id \
         WHERE c.id = $1 AND c.kind = 'workspace' AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $2) \
         AND w.deleted_at IS NULL")
    .bind(id)
    .bind(now)
    .optional(db, |row| {
        if !shows(&row.get::<Vec<u8>>("secret_hash")?) {
            return Ok(None);
        }
        let (name, organization) = (row.get("name")?, row.get("organization")?);
        let token = WorkspaceToken { credential: id, name, organization, address: None };
        let (made, used): (Time, Time) = (row.get("created_at")?, row.get("last_used_at")?);
        Ok(Some((token, used == made || domain::use_is_worth_recording(used, now))))
    })
    .await?;
    Ok(found.flatten())
}

/// The tokens of the permit's workspace that still hold, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, permit: &Permit, now: Time) -> Result<Vec<Listed>> {
    sql("SELECT c.id, c.name, c.user_id, u.name AS user_name, c.created_at, c.last_used_at, c.expires_at \
         FROM credentials c JOIN users u ON u.id = c.user_id \
         WHERE c.workspace_id = $1 AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $2) ORDER BY c.id")
    .bind(permit.in_workspace())
    .bind(now)
    .all(db, |row| {
        let (created_at, used): (Time, Time) = (row.get("created_at")?, row.get("last_used_at")?);
        Ok(Listed {
            id: row.get("id")?,
            name: row.get("name")?,
            created_by: Who::read(row, "user_id", "user_name")?,
            created_at,
            last_used_at: (used != created_at).then_some(used),
            expires_at: row.get("expires_at")?,
        })
    })
    .await
}

/// Ends a token of the permit's workspace; its name when it still held.
///
/// # Errors
/// When the database fails.
pub async fn revoke(tx: &mut Writing, permit: &Permit, id: &str, now: Time) -> Result<Option<String>> {
    sql("UPDATE credentials SET revoked_at = $3 WHERE id = $1 AND workspace_id = $2 AND revoked_at IS NULL RETURNING name")
        .bind(id)
        .bind(permit.in_workspace())
        .bind(now)
        .optional(tx, |row| row.get("name"))
        .await
}
