//! Members to whom a workspace's owner gave access.

use domain::{Time, UserId};

use super::{
    Connection, Permit, Result, Writing,
    driver::sql,
    page::{PageRequest, keyset},
};

/// A collaborator of a workspace.
#[derive(Clone, Debug)]
pub struct Collaborator {
    /// The person.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// Since when they have access.
    pub since: Time,
    /// Since when they have an account: what a list sorts by.
    pub account_created_at: Time,
}

/// The collaborators of the permit's workspace.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, permit: &Permit, page: &PageRequest) -> Result<Vec<Collaborator>> {
    keyset!(
        page,
        "u",
        "SELECT u.id, u.name, u.email, k.since, u.created_at FROM collaborators k JOIN users u ON u.id = k.user_id \
         WHERE k.workspace_id = $4 AND lower(u.name) LIKE $5 ESCAPE '\\'"
    )
    .bind(permit.in_workspace())
    .bind(page.pattern())
    .all(db, |row| {
        Ok(Collaborator {
            id: row.get("id")?,
            name: row.get("name")?,
            email: row.get("email")?,
            since: row.get("since")?,
            account_created_at: row.get("created_at")?,
        })
    })
    .await
}

/// Gives a member access; whether they did not have it before.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Writing, permit: &Permit, user: UserId, now: Time) -> Result<bool> {
    let rows =
        sql("INSERT INTO collaborators (workspace_id, user_id, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(permit.in_workspace())
            .bind(user)
            .bind(now)
            .execute(tx)
            .await?;
    Ok(rows == 1)
}

/// Takes a person's access away; whether they had it.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &mut Writing, permit: &Permit, user: UserId) -> Result<bool> {
    let rows = sql("DELETE FROM collaborators WHERE workspace_id = $1 AND user_id = $2")
        .bind(permit.in_workspace())
        .bind(user)
        .execute(tx)
        .await?;
    Ok(rows == 1)
}
