//! Members to whom a workspace's owner gave access.

use domain::{Time, UserId};

use super::{Connection, Permit, Result, Writing, driver::sql};

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
}

/// The collaborators of the permit's workspace, by name.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, permit: &Permit) -> Result<Vec<Collaborator>> {
    sql("SELECT u.id, u.name, u.email, k.since FROM collaborators k JOIN users u ON u.id = k.user_id \
         WHERE k.workspace_id = $1 ORDER BY u.name, u.id")
    .bind(permit.in_workspace())
    .all(db, |row| {
        Ok(Collaborator {
            id: row.get("id")?,
            name: row.get("name")?,
            email: row.get("email")?,
            since: row.get("since")?,
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
