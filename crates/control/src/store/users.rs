//! People who can sign in.

use std::collections::HashMap;

use domain::{DisplayName, Email, Time, UserId};

use super::{
    Connection, InstallationPermit, Result, Writing,
    driver::{Row, sql},
    set::{Set, one_of},
};

/// A person, as answers name one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Who {
    /// Their id.
    pub id: UserId,
    /// Their name now.
    pub name: String,
}

impl Who {
    /// Reads a person from two columns of a join; `None` where it matched nobody.
    pub(super) fn read(row: &Row, id: &'static str, name: &'static str) -> Result<Option<Self>> {
        Ok(match row.get(id)? {
            None => None,
            Some(id) => Some(Self { id, name: row.get::<Option<String>>(name)?.unwrap_or_default() }),
        })
    }
}

/// A person with what signing in needs.
pub struct User {
    /// Their id.
    pub id: UserId,
    /// E-mail address, as typed.
    pub email: String,
    /// Name.
    pub name: String,
    /// The password's hash in PHC text.
    pub password_hash: String,
}

/// Adds a person. Fails as taken when the address is another's.
///
/// # Errors
/// When the address is taken or the database fails.
pub async fn insert(
    tx: &mut Writing,
    permit: &InstallationPermit,
    id: UserId,
    email: &Email,
    name: &DisplayName,
    password_hash: &str,
    now: Time,
) -> Result<()> {
    permit.is_the_systems()?;
    sql("INSERT INTO users (id, email, email_key, name, password_hash, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6)")
    .bind(id)
    .bind(email.as_str())
    .bind(email.key())
    .bind(name.as_str())
    .bind(password_hash)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Puts a new password in the place of the one of this hash; `false` where the person has another one by now.
///
/// # Errors
/// When the database fails.
pub async fn set_password(
    tx: &mut Writing,
    permit: &InstallationPermit,
    before: &str,
    password_hash: &str,
    now: Time,
) -> Result<bool> {
    let changed = sql("UPDATE users SET password_hash = $3, updated_at = $4 WHERE id = $1 AND password_hash = $2")
        .bind(permit.person())
        .bind(before)
        .bind(password_hash)
        .bind(now)
        .execute(tx)
        .await?;
    Ok(changed > 0)
}

/// The person of an address, however it is spelled.
///
/// # Errors
/// When the database fails.
pub async fn by_email(db: &mut Connection, email: &Email) -> Result<Option<User>> {
    sql("SELECT id, email, name, password_hash FROM users WHERE email_key = $1")
        .bind(email.key())
        .optional(db, read)
        .await
}

/// The person of an id.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &mut Connection, id: UserId) -> Result<Option<User>> {
    sql("SELECT id, email, name, password_hash FROM users WHERE id = $1").bind(id).optional(db, read).await
}

/// People as answers name them, in one query; no entry for an id that is nobody's.
///
/// # Errors
/// When the database fails.
pub async fn named(db: &mut Connection, ids: impl Iterator<Item = UserId>) -> Result<HashMap<UserId, Who>> {
    let rows = sql(concat!("SELECT id, name FROM users WHERE id IN ", one_of!("$1")))
        .bind(ids.collect::<Set>())
        .all(db, |row| Ok(Who { id: row.get("id")?, name: row.get("name")? }))
        .await?;
    Ok(rows.into_iter().map(|who| (who.id, who)).collect())
}

fn read(row: &Row) -> Result<User> {
    Ok(User {
        id: row.get("id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        password_hash: row.get("password_hash")?,
    })
}
