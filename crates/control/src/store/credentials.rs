//! Sessions and personal tokens.

use domain::{CredentialId, Time, UserId};

use super::{
    Caller, Connection, InstallationPermit, Result, StoreError, Writing,
    access::Rights,
    driver::{Row, sql},
};

/// A session or token about to be made.
pub struct NewCredential {
    /// Its id.
    pub id: CredentialId,
    /// A browser's session rather than a token.
    pub session: bool,
    /// Whose.
    pub user: UserId,
    /// What its maker calls it.
    pub name: String,
    /// Whether it may change anything.
    pub full: bool,
    /// Whether it may write organization secrets.
    pub organization_secrets: bool,
    /// SHA-256 of its secret part.
    pub secret_hash: Vec<u8>,
    /// When it ends; `None` for never.
    pub expires_at: Option<Time>,
}

/// A session or token as its owner sees it.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// What its maker calls it.
    pub name: String,
    /// Whether it may change anything.
    pub full: bool,
    /// Whether it may write organization secrets.
    pub organization_secrets: bool,
    /// When it was made.
    pub created_at: Time,
    /// When it was last shown, to five minutes.
    pub last_used_at: Time,
    /// When it ends; `None` for never.
    pub expires_at: Option<Time>,
}

fn kind(session: bool) -> &'static str {
    if session { "session" } else { "personal" }
}

fn access(full: bool) -> &'static str {
    if full { "full" } else { "read" }
}

/// Adds a session or token.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Writing, permit: &InstallationPermit, new: &NewCredential, now: Time) -> Result<()> {
    if permit.person().is_some_and(|person| person != new.user) {
        return Err(StoreError::NotPermitted);
    }
    sql("INSERT INTO credentials (id, kind, user_id, name, access, organization_secrets, secret_hash, created_at, \
         last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)")
    .bind(new.id)
    .bind(kind(new.session))
    .bind(new.user)
    .bind(&new.name)
    .bind(access(new.full))
    .bind(new.organization_secrets)
    .bind(new.secret_hash.clone())
    .bind(now)
    .bind(new.expires_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// The person who shows this credential from an address, and whether that is worth recording again; `None` when it is
/// unknown, revoked, expired or idle for too long, or when `shows` refuses the hash of its secret part.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &mut Connection,
    id: CredentialId,
    session: bool,
    shows: impl Fn(&[u8]) -> bool,
    address: Option<String>,
    now: Time,
) -> Result<Option<(Caller, bool)>> {
    let found =
        sql("SELECT c.user_id, u.name, c.access, c.organization_secrets, c.secret_hash, c.last_used_at, c.expires_at \
         FROM credentials c JOIN users u ON u.id = c.user_id \
         WHERE c.id = $1 AND c.kind = $2 AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $3) \
         AND (c.kind <> 'session' OR c.last_used_at > $4)")
        .bind(id)
        .bind(kind(session))
        .bind(now)
        .bind(domain::idle_since(now))
        .optional(db, |row| {
            if !shows(&row.get::<Vec<u8>>("secret_hash")?) {
                return Ok(None);
            }
            let (user, name, rights) = (row.get("user_id")?, row.get("name")?, Rights::read(row)?);
            let ends = row.get("expires_at")?;
            let caller = Caller { user, name, credential: id, session, ends, rights, address: address.clone() };
            Ok(Some((caller, domain::use_is_worth_recording(row.get("last_used_at")?, now))))
        })
        .await?;
    Ok(found.flatten())
}

/// Whether what the caller showed still holds.
///
/// # Errors
/// When the database fails.
pub async fn still_holds(db: &mut Connection, caller: &Caller, now: Time) -> Result<bool> {
    let same = find(db, caller.credential, caller.session, |_| true, None, now).await?;
    Ok(same.is_some())
}

/// Notes that a credential was used.
///
/// # Errors
/// When the database fails.
pub async fn touch(tx: &mut Writing, permit: &InstallationPermit, id: CredentialId, now: Time) -> Result<()> {
    permit.is_the_systems()?;
    sql("UPDATE credentials SET last_used_at = $2 WHERE id = $1").bind(id).bind(now).execute(tx).await?;
    Ok(())
}

/// A person's sessions or tokens that still hold, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &mut Connection, user: UserId, session: bool, now: Time) -> Result<Vec<Credential>> {
    sql("SELECT id, name, access, organization_secrets, created_at, last_used_at, expires_at FROM credentials \
         WHERE user_id = $1 AND kind = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3) \
         AND (kind <> 'session' OR last_used_at > $4) ORDER BY id")
    .bind(user)
    .bind(kind(session))
    .bind(now)
    .bind(domain::idle_since(now))
    .all(db, read)
    .await
}

/// Ends one of the person's own sessions or tokens; its name when it still held.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    tx: &mut Writing,
    permit: &InstallationPermit,
    id: &str,
    session: bool,
    now: Time,
) -> Result<Option<String>> {
    sql("UPDATE credentials SET revoked_at = $4 WHERE id = $1 AND user_id = $2 AND kind = $3 AND revoked_at IS NULL \
         RETURNING name")
    .bind(id)
    .bind(permit.person())
    .bind(kind(session))
    .bind(now)
    .optional(tx, |row| row.get("name"))
    .await
}

/// Ends the person's sessions but the one to keep.
///
/// # Errors
/// When the database fails.
pub async fn revoke_other_sessions(
    tx: &mut Writing,
    permit: &InstallationPermit,
    kept: CredentialId,
    now: Time,
) -> Result<()> {
    sql("UPDATE credentials SET revoked_at = $4 WHERE user_id = $1 AND kind = $2 AND id <> $3 AND revoked_at IS NULL")
        .bind(permit.person())
        .bind(kind(true))
        .bind(kept)
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<Credential> {
    Ok(Credential {
        id: row.get("id")?,
        name: row.get("name")?,
        full: row.get::<String>("access")? == "full",
        organization_secrets: row.get("organization_secrets")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
        expires_at: row.get("expires_at")?,
    })
}
