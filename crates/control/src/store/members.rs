//! People in an organization.

use domain::{OrganizationId, Role, Time, UserId};

use super::{
    Connection, InstallationPermit, Permit, Result, Writing,
    driver::{Row, sql},
    page::{PageRequest, keyset},
};
use crate::random;

/// A person in an organization.
#[derive(Clone, Debug)]
pub struct Member {
    /// The person.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// Their role.
    pub role: Role,
    /// The row's revision.
    pub revision: String,
    /// Since when.
    pub joined_at: Time,
    /// Since when they have an account: what a list sorts by.
    pub account_created_at: Time,
    /// What only administrators are told.
    pub seen: Option<Seen>,
}

/// What a person has and does in an organization, as its administrators see it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// How many workspaces they own in it.
    pub workspaces_owned: u32,
    /// When they last used a session or a token; `None` for who never did.
    pub last_at: Option<Time>,
}

macro_rules! members {
    ($which:literal) => {
        concat!(
            "SELECT u.id, u.name, u.email, m.role, m.revision, m.joined_at, u.created_at, \
             (SELECT COUNT(*) FROM workspaces w WHERE w.owner_id = u.id AND w.organization_id = m.organization_id \
             AND w.deleted_at IS NULL) AS workspaces_owned, \
             (SELECT MAX(c.last_used_at) FROM credentials c WHERE c.user_id = u.id AND c.kind <> 'workspace') AS last_seen_at \
             FROM members m JOIN users u ON u.id = m.user_id WHERE ",
            $which
        )
    };
}

/// Adds a person to an organization.
///
/// # Errors
/// When they are in it already ([`super::StoreError::Taken`]) or the database fails.
pub async fn insert(
    tx: &mut Writing,
    permit: &InstallationPermit,
    organization: OrganizationId,
    user: UserId,
    role: Role,
    now: Time,
) -> Result<()> {
    permit.is_the_systems()?;
    sql("INSERT INTO members (organization_id, user_id, role, revision, joined_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(organization)
        .bind(user)
        .bind(role)
        .bind(random::revision())
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}

/// The people of an organization.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, permit: &Permit, page: &PageRequest) -> Result<Vec<Member>> {
    keyset!(page, "u", members!("m.organization_id = $4 AND lower(u.name) LIKE $5 ESCAPE '\\'"))
        .bind(permit.organization())
        .bind(page.pattern())
        .all(db, |row| read(row, permit))
        .await
}

/// A member by id or e-mail address.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, permit: &Permit, id_or_email: &str) -> Result<Option<Member>> {
    sql(members!("m.organization_id = $1 AND (u.id = $2 OR u.email_key = $3)"))
        .bind(permit.organization())
        .bind(id_or_email.parse::<UserId>().ok())
        .bind(domain::Email::parse(id_or_email).map(|email| email.key()).unwrap_or_default())
        .optional(db, |row| read(row, permit))
        .await
}

/// What a person is in an organization; `None` outside of it.
///
/// # Errors
/// When the database fails.
pub async fn role_of(
    db: &mut Connection,
    _permit: &InstallationPermit,
    organization: OrganizationId,
    user: UserId,
) -> Result<Option<Role>> {
    sql("SELECT role FROM members WHERE organization_id = $1 AND user_id = $2")
        .bind(organization)
        .bind(user)
        .optional(db, |row| row.get("role"))
        .await
}

/// Gives a member another role.
///
/// # Errors
/// When the database fails.
pub async fn set_role(tx: &mut Writing, permit: &Permit, user: UserId, role: Role) -> Result<()> {
    sql("UPDATE members SET role = $3, revision = $4 WHERE organization_id = $1 AND user_id = $2")
        .bind(permit.organization())
        .bind(user)
        .bind(role)
        .bind(random::revision())
        .meet(tx)
        .await
}

/// How many administrators the organization has.
///
/// # Errors
/// When the database fails.
pub async fn administrators(db: &mut Connection, permit: &Permit) -> Result<i64> {
    sql("SELECT COUNT(*) AS number FROM members WHERE organization_id = $1 AND role = $2")
        .bind(permit.organization())
        .bind(Role::Administrator)
        .one(db, |row| row.get("number"))
        .await
}

fn read(row: &Row, permit: &Permit) -> Result<Member> {
    let seen = Seen { workspaces_owned: row.get("workspaces_owned")?, last_at: row.get("last_seen_at")? };
    Ok(Member {
        id: row.get("id")?,
        name: row.get("name")?,
        email: row.get("email")?,
        role: row.get("role")?,
        revision: row.get("revision")?,
        joined_at: row.get("joined_at")?,
        account_created_at: row.get("created_at")?,
        seen: permit.is_administrator().then_some(seen),
    })
}
