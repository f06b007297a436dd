//! Workspaces.

use std::collections::HashSet;

use domain::{ServerId, Slug, Time, UserId, WorkspaceId};

use super::{
    Connection, Location, Permit, Result, Who, Writing,
    driver::{Row, sql},
    page::{PageRequest, keyset},
    set::{Set, one_of},
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
    /// How many secrets it has of its own.
    pub own_secrets: u32,
    /// How many of the organization's secrets reach it, those that it overrides too.
    pub organization_secrets: u32,
    /// How many people can use its servers: its owner and its collaborators.
    pub people: u32,
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
    ($organization:literal) => {
        concat!(
            "SELECT w.id, w.slug, w.name, w.description, w.owner_id, u.name AS owner_name, w.revision, w.created_at, \
         w.updated_at, \
         (SELECT COUNT(*) FROM servers x WHERE x.workspace_id = w.id AND x.deleted_at IS NULL) AS servers, \
         (SELECT COUNT(*) FROM servers x WHERE x.workspace_id = w.id AND x.start_id IS NOT NULL) AS alive, \
         (SELECT COUNT(*) FROM secrets s WHERE s.home_id = w.id AND s.deleted_at IS NULL) AS own_secrets, \
         (SELECT COUNT(*) FROM selections l JOIN secrets s ON s.id = l.secret_id WHERE l.workspace_id = w.id \
         AND l.selected = 1 AND s.access = 'selected' AND s.deleted_at IS NULL) AS selected_secrets, \
         (SELECT COUNT(*) FROM secrets s WHERE s.home_id = ",
            $organization,
            " AND s.access = 'all' AND s.deleted_at IS NULL) AS shared_secrets, \
         (SELECT COUNT(*) FROM collaborators x WHERE x.workspace_id = w.id) AS collaborators, \
         CASE WHEN k.user_id IS NOT NULL THEN 1 ELSE 0 END AS collaborates \
         FROM workspaces w JOIN users u ON u.id = w.owner_id \
         LEFT JOIN collaborators k ON k.workspace_id = w.id AND k.user_id = "
        )
    };
}

macro_rules! visible {
    () => {
        "AND w.id IN (SELECT o.id FROM workspaces o WHERE o.owner_id = $5 \
         UNION ALL SELECT c.workspace_id FROM collaborators c WHERE c.user_id = $5) "
    };
}

macro_rules! running {
    () => {
        "AND w.id IN (SELECT x.workspace_id FROM servers x WHERE x.start_id IS NOT NULL) "
    };
}

macro_rules! given {
    () => {
        concat!("AND w.id IN ", one_of!("$7"), " ")
    };
}

macro_rules! listed {
    ($page:expr, $among:expr) => {
        keyset!(
            $page,
            "w",
            workspace_columns!("$4"),
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
    sql(concat!(workspace_columns!("$3"), "$2 WHERE w.id = $1"))
        .bind(permit.in_workspace())
        .bind(permit.person())
        .bind(permit.organization())
        .one(db, read)
        .await
}

/// The workspaces that the permit's person may see: all for an administrator, their own and shared ones for others.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut Connection,
    permit: &Permit,
    among: Among<'_>,
    page: &PageRequest,
) -> Result<Vec<Workspace>> {
    let statement = match (among, permit.is_administrator()) {
        (Among::Mine, _) => listed!(page, "AND w.owner_id = $5 "),
        (Among::All, true) => listed!(page, ""),
        (Among::All, false) => listed!(page, visible!()),
        (Among::Running, true) => listed!(page, running!()),
        (Among::Running, false) => listed!(page, concat!(visible!(), running!())),
        (Among::These(_), true) => listed!(page, given!()),
        (Among::These(_), false) => listed!(page, concat!(visible!(), given!())),
    };
    let statement = statement.bind(permit.organization()).bind(permit.person()).bind(page.pattern());
    let statement = match among {
        Among::These(ids) => statement.bind(ids.iter().collect::<Set>()),
        _ => statement,
    };
    statement.all(db, read).await
}

/// Which of the workspaces that somebody may see.
#[derive(Clone, Copy, Debug)]
pub enum Among<'a> {
    /// All.
    All,
    /// Those in which a server may be alive.
    Running,
    /// Those that they own.
    Mine,
    /// Some of these.
    These(&'a HashSet<WorkspaceId>),
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

/// Those of some workspaces that the permit's organization has, by slug: id, slug and name.
///
/// # Errors
/// When the database fails.
pub async fn of_ids(
    db: &mut Connection,
    permit: &Permit,
    ids: &HashSet<WorkspaceId>,
) -> Result<Vec<(WorkspaceId, Slug, String)>> {
    sql(concat!(
        "SELECT id, slug, name FROM workspaces WHERE organization_id = $1 AND deleted_at IS NULL AND id IN ",
        one_of!("$2"),
        " ORDER BY slug"
    ))
    .bind(permit.organization())
    .bind(Set::from_iter(ids))
    .all(db, read_named)
    .await
}

/// The workspaces of an organization but for some.
pub struct Others {
    /// How many.
    pub count: u32,
    /// The first of them, by slug: id, slug and name.
    pub first: Vec<(WorkspaceId, Slug, String)>,
}

/// The workspaces of the permit's organization but for some, and the first so many of them.
///
/// # Errors
/// When the database fails.
pub async fn others(
    db: &mut Connection,
    permit: &Permit,
    but: impl IntoIterator<Item = WorkspaceId>,
    named: usize,
) -> Result<Others> {
    let but: Set = but.into_iter().collect();
    let first = sql(concat!(
        "SELECT id, slug, name FROM workspaces WHERE organization_id = $1 AND deleted_at IS NULL AND id NOT IN ",
        one_of!("$2"),
        " ORDER BY slug LIMIT $3"
    ))
    .bind(permit.organization())
    .bind(but.clone())
    .bind(named as i64)
    .all(db, read_named)
    .await?;
    let count = sql(concat!(
        "SELECT COUNT(*) AS others FROM workspaces WHERE organization_id = $1 AND deleted_at IS NULL AND id NOT IN ",
        one_of!("$2")
    ))
    .bind(permit.organization())
    .bind(but)
    .one(db, |row| row.get("others"))
    .await?;
    Ok(Others { count, first })
}

fn read_named(row: &Row) -> Result<(WorkspaceId, Slug, String)> {
    Ok((row.get("id")?, row.get("slug")?, row.get("name")?))
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
        own_secrets: row.get("own_secrets")?,
        organization_secrets: row.get::<u32>("selected_secrets")? + row.get::<u32>("shared_secrets")?,
        people: row.get::<u32>("collaborators")? + 1,
        reader_collaborates: row.get("collaborates")?,
        revision: row.get("revision")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
