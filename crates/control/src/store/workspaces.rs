//! Workspaces.

use domain::{ServerId, Slug, Time, UserId, WorkspaceId};

use super::{
    Connection, Location, Permit, Result, Who, Writing,
    driver::{Row, sql},
    page::{PageRequest, keyset},
};
use crate::random;

/// A workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its address in the organization.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its one owner.
    pub owner: Who,
    /// How many servers it has.
    pub servers: u32,
    /// How many of them may be alive.
    pub alive: u32,
    /// Whether the reader is one of its collaborators.
    pub reader_collaborates: bool,
    /// The row's revision.
    pub revision: String,
    /// When it was created.
    pub created_at: Time,
    /// When it was last edited.
    pub updated_at: Time,
}

macro_rules! workspace_columns {
    () => {
        "SELECT w.id, w.slug, w.name, w.description, w.owner_id, u.name AS owner_name, w.revision, w.created_at, \
         w.updated_at, \
         (SELECT COUNT(*) FROM servers x WHERE x.workspace_id = w.id AND x.deleted_at IS NULL) AS servers, \
         (SELECT COUNT(*) FROM servers x WHERE x.workspace_id = w.id AND x.start_id IS NOT NULL) AS alive, \
         CASE WHEN k.user_id IS NOT NULL THEN 1 ELSE 0 END AS collaborates \
         FROM workspaces w JOIN users u ON u.id = w.owner_id \
         LEFT JOIN collaborators k ON k.workspace_id = w.id AND k.user_id = "
    };
}

macro_rules! listed {
    ($page:expr, $among:literal) => {
        keyset!(
            $page,
            "w",
            workspace_columns!(),
            "$5 WHERE w.organization_id = $4 AND w.deleted_at IS NULL ",
            $among,
            "AND lower(w.name) LIKE $6 ESCAPE '\\'"
        )
    };
}

/// Adds a workspace of the permit's person.
///
/// # Errors
/// When the slug is taken or the database fails.
#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
pub async fn insert(
    tx: &mut Writing,
    permit: &Permit,
    id: WorkspaceId,
    number: u32,
    slug: &Slug,
    name: &str,
    description: &str,
    now: Time,
) -> Result<()> {
    sql("INSERT INTO workspaces (id, organization_id, number, slug, name, description, owner_id, revision, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)")
    .bind(id)
    .bind(permit.organization())
    .bind(number)
    .bind(slug.as_str())
    .bind(name)
    .bind(description)
    .bind(permit.person())
    .bind(random::revision())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// The permit's workspace.
///
/// # Errors
/// When the database fails.
pub async fn get(db: &mut Connection, permit: &Permit) -> Result<Workspace> {
    sql(concat!(workspace_columns!(), "$2 WHERE w.id = $1"))
        .bind(permit.in_workspace())
        .bind(permit.person())
        .one(db, read)
        .await
}

/// The workspaces that the permit's person may see: all for an administrator, their own and shared ones for others.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, permit: &Permit, page: &PageRequest) -> Result<Vec<Workspace>> {
    let statement = if permit.is_administrator() {
        listed!(page, "")
    } else {
        listed!(
            page,
            "AND w.id IN (SELECT o.id FROM workspaces o WHERE o.owner_id = $5 \
             UNION ALL SELECT c.workspace_id FROM collaborators c WHERE c.user_id = $5) "
        )
    };
    statement.bind(permit.organization()).bind(permit.person()).bind(page.pattern()).all(db, read).await
}

/// The id of a workspace of the permit's organization, by slug.
///
/// # Errors
/// When the database fails.
pub async fn id_of(db: &mut Connection, permit: &Permit, slug: &str) -> Result<Option<WorkspaceId>> {
    sql("SELECT id FROM workspaces WHERE organization_id = $1 AND slug = $2 AND deleted_at IS NULL")
        .bind(permit.organization())
        .bind(slug)
        .optional(db, |row| row.get("id"))
        .await
}

/// Every workspace of the permit's organization, by slug: id, slug and name.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &mut Connection, permit: &Permit) -> Result<Vec<(WorkspaceId, Slug, String)>> {
    sql("SELECT id, slug, name FROM workspaces WHERE organization_id = $1 AND deleted_at IS NULL ORDER BY slug")
        .bind(permit.organization())
        .all(db, |row| Ok((row.get("id")?, row.get("slug")?, row.get("name")?)))
        .await
}

/// Changes name, slug and description.
///
/// # Errors
/// When the slug is taken or the database fails.
pub async fn update(
    tx: &mut Writing,
    permit: &Permit,
    slug: &Slug,
    name: &str,
    description: &str,
    now: Time,
) -> Result<()> {
    sql("UPDATE workspaces SET slug = $2, name = $3, description = $4, revision = $5, updated_at = $6 WHERE id = $1")
        .bind(permit.in_workspace())
        .bind(slug.as_str())
        .bind(name)
        .bind(description)
        .bind(random::revision())
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}

/// Gives the workspace to another member.
///
/// # Errors
/// When the database fails.
pub async fn set_owner(tx: &mut Writing, permit: &Permit, owner: UserId, now: Time) -> Result<()> {
    sql("UPDATE workspaces SET owner_id = $2, revision = $3, updated_at = $4 WHERE id = $1")
        .bind(permit.in_workspace())
        .bind(owner)
        .bind(random::revision())
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}

/// Deletes the workspace softly; its slug is free at once.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &mut Writing, permit: &Permit, now: Time) -> Result<()> {
    sql("UPDATE workspaces SET deleted_at = $2, deleted_by = $3, revision = $4 WHERE id = $1")
        .bind(permit.in_workspace())
        .bind(now)
        .bind(permit.person())
        .bind(random::revision())
        .execute(tx)
        .await?;
    Ok(())
}

/// Where a server's workspace is, the server deleted or not.
///
/// # Errors
/// When the database fails.
pub async fn location_of(db: &mut Connection, server: ServerId) -> Result<Option<Location>> {
    sql("SELECT o.id AS organization_id, o.slug AS organization_slug, w.id, w.slug, w.number \
         FROM servers x JOIN workspaces w ON w.id = x.workspace_id JOIN organizations o ON o.id = w.organization_id \
         WHERE x.id = $1")
    .bind(server)
    .optional(db, |row| {
        let organization = (row.get("organization_id")?, row.get("organization_slug")?);
        Ok(Location::new(organization, (row.get("id")?, row.get("slug")?, row.get("number")?)))
    })
    .await
}

fn read(row: &Row) -> Result<Workspace> {
    Ok(Workspace {
        id: row.get("id")?,
        slug: row.get("slug")?,
        name: row.get("name")?,
        description: row.get("description")?,
        owner: Who { id: row.get("owner_id")?, name: row.get("owner_name")? },
        servers: row.get("servers")?,
        alive: row.get("alive")?,
        reader_collaborates: row.get("collaborates")?,
        revision: row.get("revision")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
