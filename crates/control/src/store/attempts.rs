//! Failed guesses that still count, and the browsers in which somebody has signed in.

use domain::{BROWSER_KNOWN_SECONDS, BROWSERS_KNOWN, CredentialId, FAILURE_COUNTS, Failures, Time, UserId};

use super::{
    Connection, InstallationPermit, Result, StoreError, Writing,
    driver::{Row, sql},
};

/// The failures that count against a key; none for one that nobody has failed at.
///
/// # Errors
/// When the database fails.
pub async fn failures(db: &mut Connection, key: &[u8]) -> Result<Failures> {
    let kept = sql("SELECT failures FROM attempts WHERE key = $1").bind(key).optional(db, read).await?;
    Ok(kept.unwrap_or_default())
}

/// The same, and nobody else changes them until this write ends.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &mut Writing, permit: &InstallationPermit, key: &[u8], now: Time) -> Result<Failures> {
    permit.is_the_systems()?;
    sql("INSERT INTO attempts (key, failures, last_at) VALUES ($1, '', $2) \
         ON CONFLICT (key) DO UPDATE SET last_at = $2 RETURNING failures")
    .bind(key)
    .bind(now)
    .one(tx, read)
    .await
}

/// Keeps the failures of a locked key.
///
/// # Errors
/// When the database fails.
pub async fn keep(tx: &mut Writing, permit: &InstallationPermit, key: &[u8], failures: &Failures) -> Result<()> {
    permit.is_the_systems()?;
    let times: Vec<String> = failures.times().iter().map(|time| time.0.to_string()).collect();
    sql("UPDATE attempts SET failures = $2 WHERE key = $1").bind(key).bind(times.join(" ")).execute(tx).await?;
    Ok(())
}

/// Forgets the keys at which nobody has failed for so long that nothing counts any more.
///
/// # Errors
/// When the database fails.
pub async fn forget_old(tx: &mut Writing, permit: &InstallationPermit, now: Time) -> Result<()> {
    permit.is_the_systems()?;
    let old = now.plus_seconds(-FAILURE_COUNTS);
    sql("DELETE FROM attempts WHERE last_at < $1").bind(old).execute(tx).await?;
    Ok(())
}

fn read(row: &Row) -> Result<Failures> {
    let text: String = row.get("failures")?;
    let times = text.split_whitespace().map(|time| time.parse().map(Time));
    times
        .collect::<std::result::Result<_, _>>()
        .map(Failures::new)
        .map_err(|_| StoreError::Column { column: "failures" })
}

/// Whose browser it is, and the hash of its secret part to compare in constant time; `None` when it is not remembered.
///
/// # Errors
/// When the database fails.
pub async fn browser(db: &mut Connection, id: CredentialId, now: Time) -> Result<Option<(UserId, Vec<u8>)>> {
    sql("SELECT user_id, secret_hash FROM browsers WHERE id = $1 AND signed_in_at > $2")
        .bind(id)
        .bind(now.plus_seconds(-BROWSER_KNOWN_SECONDS))
        .optional(db, |row| Ok((row.get("user_id")?, row.get("secret_hash")?)))
        .await
}

/// Remembers a browser, in place of what it was known by before, and of the person's oldest.
///
/// # Errors
/// When the database fails.
pub async fn remember_browser(
    tx: &mut Writing,
    permit: &InstallationPermit,
    new: (CredentialId, Vec<u8>),
    before: Option<CredentialId>,
    user: UserId,
    now: Time,
) -> Result<()> {
    permit.is_the_systems()?;
    sql("DELETE FROM browsers WHERE id = $1").bind(before).execute(tx).await?;
    sql("INSERT INTO browsers (id, user_id, secret_hash, signed_in_at) VALUES ($1, $2, $3, $4)")
        .bind(new.0)
        .bind(user)
        .bind(new.1)
        .bind(now)
        .insert(tx)
        .await?;
    sql("DELETE FROM browsers WHERE user_id = $1 AND id NOT IN \
         (SELECT b.id FROM browsers b WHERE b.user_id = $1 ORDER BY b.signed_in_at DESC, b.id DESC LIMIT $2)")
    .bind(user)
    .bind(BROWSERS_KNOWN)
    .execute(tx)
    .await?;
    Ok(())
}
