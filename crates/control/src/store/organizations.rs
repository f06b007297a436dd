//! Organizations.

use domain::{DisplayName, OrganizationId, Role, Slug, Time, UserId, WorkspaceCreation};

use super::{
    Connection, InstallationPermit, Permit, Result, Writing,
    driver::{Row, sql},
};
use crate::random;

/// An organization.
#[derive(Clone, Debug)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its address.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// Who may create workspaces.
    pub workspace_creation: WorkspaceCreation,
    /// The row's revision.
    pub revision: String,
    /// When it was created.
    pub created_at: Time,
    /// When it was last edited.
    pub updated_at: Time,
}

/// Adds an organization; its people and key come separately.
///
/// # Errors
/// When the slug is taken or the database fails.
pub async fn insert(
    tx: &mut Writing,
    permit: &InstallationPermit,
    id: OrganizationId,
    slug: &Slug,
    name: &DisplayName,
    now: Time,
) -> Result<()> {
    permit.is_the_systems()?;
    sql("INSERT INTO organizations (id, slug, name, workspace_creation, revision, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6)")
    .bind(id)
    .bind(slug.as_str())
    .bind(name.as_str())
    .bind(WorkspaceCreation::Members)
    .bind(random::revision())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// The organization of a permit.
///
/// # Errors
/// When the database fails.
pub async fn get(db: &mut Connection, permit: &Permit) -> Result<Organization> {
    sql("SELECT id, slug, name, workspace_creation, revision, created_at, updated_at FROM organizations WHERE id = $1")
        .bind(permit.organization())
        .one(db, read)
        .await
}

/// The organization of a slug, for the operator on the machine.
///
/// # Errors
/// When the database fails.
pub async fn by_slug(db: &mut Connection, _permit: &InstallationPermit, slug: &str) -> Result<Option<Organization>> {
    sql("SELECT id, slug, name, workspace_creation, revision, created_at, updated_at FROM organizations WHERE slug = $1")
        .bind(slug)
        .optional(db, read)
        .await
}

/// The organizations that a person is in, with their role, by name.
///
/// # Errors
/// When the database fails.
pub async fn of_user(db: &mut Connection, user: UserId) -> Result<Vec<(Organization, Role)>> {
    sql("SELECT o.id, o.slug, o.name, o.workspace_creation, o.revision, o.created_at, o.updated_at, m.role \
         FROM members m JOIN organizations o ON o.id = m.organization_id WHERE m.user_id = $1 ORDER BY o.name, o.id")
    .bind(user)
    .all(db, |row| Ok((read(row)?, row.get("role")?)))
    .await
}

/// Changes the name and settings.
///
/// # Errors
/// When the database fails.
pub async fn update(
    tx: &mut Writing,
    permit: &Permit,
    name: &str,
    workspace_creation: WorkspaceCreation,
    now: Time,
) -> Result<()> {
    sql("UPDATE organizations SET name = $2, workspace_creation = $3, revision = $4, updated_at = $5 WHERE id = $1")
        .bind(permit.organization())
        .bind(name)
        .bind(workspace_creation)
        .bind(random::revision())
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<Organization> {
    Ok(Organization {
        id: row.get("id")?,
        slug: row.get("slug")?,
        name: row.get("name")?,
        workspace_creation: row.get("workspace_creation")?,
        revision: row.get("revision")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
