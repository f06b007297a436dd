//! Servers of workspaces.

use std::collections::BTreeMap;

use domain::{
    Command, OrganizationId, SecretId, ServerId, ServerStatus, Slug, SnapshotId, StartId, Time, Variables, WorkspaceId,
};
use serde::de::DeserializeOwned;

use super::{
    Connection, Hint, Permit, Result, StoreError, Who, Writing,
    driver::{Row, sql},
    page::{PageRequest, keyset},
    secrets::home,
    set::{Set, one_of},
};
use crate::random;

/// A server of a workspace.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its id.
    pub id: ServerId,
    /// The workspace it belongs to.
    pub workspace: WorkspaceId,
    /// Its address in the workspace.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// The program and its arguments.
    pub command: Command,
    /// Its plain variables.
    pub variables: Variables,
    /// When its command or variables were changed that the process was started with, and by whom.
    pub settings_changed: Option<(Time, Option<Who>)>,
    /// What it is doing.
    pub status: ServerStatus,
    /// More about it, for people: why it failed.
    pub status_detail: String,
    /// The exit code of its last process; `None` when a signal ended it or none has ended.
    pub exit_code: Option<i32>,
    /// The start record of the process that may be alive.
    pub start: Option<StartId>,
    /// When that process was started.
    pub started_at: Option<Time>,
    /// By whom.
    pub started_by: Option<Who>,
    /// The row's revision.
    pub revision: String,
    /// When it was added.
    pub created_at: Time,
    /// When it was last edited.
    pub updated_at: Time,
}

macro_rules! server_columns {
    () => {
        "SELECT x.id, x.workspace_id, x.slug, x.name, x.command, x.variables, x.status, x.status_detail, x.exit_code, \
         x.start_id, x.revision, x.created_at, x.updated_at, t.started_at, t.started_by, u.name AS started_by_name, \
         CASE WHEN x.settings <> t.settings THEN x.settings_changed_at ELSE NULL END AS settings_changed_at, \
         cu.id AS settings_changed_by, cu.name AS settings_changed_by_name \
         FROM servers x LEFT JOIN starts t ON t.id = x.start_id LEFT JOIN users u ON u.id = t.started_by \
         LEFT JOIN users cu ON cu.id = x.settings_changed_by "
    };
}

/// Adds a server to the permit's workspace.
///
/// # Errors
/// When the slug is taken or the database fails.
#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
pub async fn insert(
    tx: &mut Writing,
    permit: &Permit,
    id: ServerId,
    slug: &Slug,
    name: &str,
    command: &Command,
    variables: &Variables,
    now: Time,
) -> Result<()> {
    sql("INSERT INTO servers (id, workspace_id, slug, name, command, variables, status, status_detail, revision, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, $9, $9)")
    .bind(id)
    .bind(permit.in_workspace())
    .bind(slug.as_str())
    .bind(name)
    .bind(command_text(command))
    .bind(variables_text(variables))
    .bind(ServerStatus::Stopped)
    .bind(random::revision())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// The servers of the permit's workspace.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, permit: &Permit, page: &PageRequest) -> Result<Vec<Server>> {
    keyset!(
        page,
        "x",
        server_columns!(),
        "WHERE x.workspace_id = $4 AND x.deleted_at IS NULL AND lower(x.name) LIKE $5 ESCAPE '\\'"
    )
    .bind(permit.in_workspace())
    .bind(page.pattern())
    .all(db, read)
    .await
}

/// The servers of a workspace of which a process may be alive.
///
/// # Errors
/// When the database fails.
pub async fn alive_in(db: &mut Connection, workspace: WorkspaceId) -> Result<Vec<Server>> {
    sql(concat!(server_columns!(), "WHERE x.workspace_id = $1 AND x.start_id IS NOT NULL ORDER BY x.slug"))
        .bind(workspace)
        .all(db, read)
        .await
}

/// A server that runs, as far as its drift is looked at.
#[derive(Clone, Debug)]
pub struct Running {
    /// Its id.
    pub id: ServerId,
    /// Its slug.
    pub slug: Slug,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The workspace's slug.
    pub workspace_slug: Slug,
    /// The start record of its process.
    pub start: StartId,
    /// What that was handed.
    pub snapshot: SnapshotId,
    /// Whether its command or variables were changed since.
    pub settings_changed: bool,
}

/// Which servers to look at together.
#[derive(Clone, Copy, Debug)]
pub enum Among<'a> {
    /// All of an organization.
    Organization(OrganizationId),
    /// Those of some workspaces.
    Workspaces(&'a [WorkspaceId]),
    /// One alone.
    Server(ServerId),
}

macro_rules! running {
    ($among:expr) => {
        sql(concat!(
            "SELECT x.id, x.slug, x.workspace_id, w.slug AS workspace_slug, x.start_id, t.snapshot_id, \
             CASE WHEN x.settings <> t.settings THEN 1 ELSE 0 END AS settings_changed FROM servers x \
             JOIN workspaces w ON w.id = x.workspace_id JOIN starts t ON t.id = x.start_id WHERE x.start_id IS NOT NULL AND x.status = 'running' AND ",
            $among,
            " ORDER BY w.slug, x.slug"
        ))
    };
}

/// The servers that run, by workspace and slug.
///
/// # Errors
/// When the database fails.
pub async fn running(db: &mut Connection, among: Among<'_>) -> Result<Vec<Running>> {
    let statement = match among {
        Among::Organization(organization) => running!("w.organization_id = $1").bind(organization),
        Among::Workspaces(ids) => running!(concat!("x.workspace_id IN ", one_of!("$1"))).bind(Set::from_iter(ids)),
        Among::Server(id) => running!("x.id = $1").bind(id),
    };
    let read = |row: &Row| {
        Ok(Running {
            id: row.get("id")?,
            slug: row.get("slug")?,
            workspace: row.get("workspace_id")?,
            workspace_slug: row.get("workspace_slug")?,
            start: row.get("start_id")?,
            snapshot: row.get("snapshot_id")?,
            settings_changed: row.get("settings_changed")?,
        })
    };
    statement.all(db, read).await
}

/// Every server of the installation of which a process may be alive.
///
/// # Errors
/// When the database fails.
pub async fn alive(db: &mut Connection) -> Result<Vec<Server>> {
    sql(concat!(server_columns!(), "WHERE x.start_id IS NOT NULL ORDER BY x.id")).all(db, read).await
}

/// A server of the permit's workspace by slug.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, permit: &Permit, slug: &str) -> Result<Option<Server>> {
    sql(concat!(server_columns!(), "WHERE x.workspace_id = $1 AND x.slug = $2 AND x.deleted_at IS NULL"))
        .bind(permit.in_workspace())
        .bind(slug)
        .optional(db, read)
        .await
}

/// A server by id, deleted or not.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &mut Connection, id: ServerId) -> Result<Option<Server>> {
    sql(concat!(server_columns!(), "WHERE x.id = $1")).bind(id).optional(db, read).await
}

/// Changes name, slug, command and variables; a process that runs with other ones needs a restart then.
///
/// # Errors
/// When the slug is taken or the database fails.
#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
pub async fn update(
    tx: &mut Writing,
    permit: &Permit,
    id: ServerId,
    slug: &Slug,
    name: &str,
    command: &Command,
    variables: &Variables,
    now: Time,
) -> Result<()> {
    sql("UPDATE servers SET slug = $2, name = $3, command = $4, variables = $5, revision = $6, updated_at = $7, \
         settings = CASE WHEN command = $4 AND variables = $5 THEN settings ELSE settings + 1 END, \
         settings_changed_at = CASE WHEN command = $4 AND variables = $5 THEN settings_changed_at ELSE $7 END, \
         settings_changed_by = CASE WHEN command = $4 AND variables = $5 THEN settings_changed_by ELSE $9 END \
         WHERE id = $1 AND workspace_id = $8")
    .bind(id)
    .bind(slug.as_str())
    .bind(name)
    .bind(command_text(command))
    .bind(variables_text(variables))
    .bind(random::revision())
    .bind(now)
    .bind(permit.in_workspace())
    .bind(permit.person())
    .meet(tx)
    .await
}

/// A change of what a server is doing.
pub struct Transition<'a> {
    /// What it does now.
    pub status: ServerStatus,
    /// More about it, for people.
    pub detail: &'a str,
    /// The exit code of the process that ended.
    pub exit_code: Option<i32>,
    /// The start record of the process that may be alive.
    pub start: Option<StartId>,
}

/// Changes what a server is doing if it still does what the caller saw; whether it did.
///
/// # Errors
/// When the database fails.
pub async fn transition(tx: &mut Writing, permit: &Permit, seen: &Server, to: &Transition<'_>) -> Result<bool> {
    let revision = random::revision();
    let rows =
        sql("UPDATE servers SET status = $4, status_detail = $5, exit_code = $6, start_id = $7, revision = $8, \
         stopped_for = CASE WHEN $4 IN ('stopping', 'stopped') THEN stopped_for END \
         WHERE id = $1 AND status = $2 AND COALESCE(start_id, '') = $3 AND deleted_at IS NULL AND workspace_id = $9")
        .bind(seen.id)
        .bind(seen.status)
        .bind(seen.start.map(|id| id.to_string()).unwrap_or_default())
        .bind(to.status)
        .bind(to.detail)
        .bind(to.exit_code)
        .bind(to.start)
        .bind(&revision)
        .bind(permit.in_workspace())
        .execute(tx)
        .await?;
    let (organization, workspace) = (permit.organization(), Some(permit.in_workspace()));
    tx.hint(Hint { organization, workspace, kind: "server", id: seen.id.to_string(), revision });
    Ok(rows == 1)
}

/// Notes because of which suspended secret a server is being stopped; that is forgotten once it is started again.
///
/// # Errors
/// When the database fails.
pub async fn stopped_for(tx: &mut Writing, permit: &Permit, server: ServerId, secret: SecretId) -> Result<()> {
    sql("UPDATE servers SET stopped_for = $2 WHERE id = $1 AND workspace_id = $3")
        .bind(server)
        .bind(secret)
        .bind(permit.in_workspace())
        .meet(tx)
        .await
}

/// The servers that were stopped because one of some secrets of the permit's place was suspended, and still are, by
/// workspace and slug.
///
/// # Errors
/// When the database fails.
pub async fn still_stopped_for(
    db: &mut Connection,
    permit: &Permit,
    secrets: &[SecretId],
) -> Result<Vec<(Slug, Slug)>> {
    sql(concat!(
        "SELECT w.slug AS workspace_slug, x.slug FROM servers x JOIN workspaces w ON w.id = x.workspace_id \
         JOIN secrets s ON s.id = x.stopped_for WHERE s.home_id = $2 AND w.organization_id = $3 \
         AND x.deleted_at IS NULL AND w.deleted_at IS NULL AND s.id IN ",
        one_of!("$1"),
        " ORDER BY w.slug, x.slug"
    ))
    .bind(Set::from_iter(secrets))
    .bind(home(permit).1)
    .bind(permit.organization())
    .all(db, |row| Ok((row.get("workspace_slug")?, row.get("slug")?)))
    .await
}

/// Deletes a server softly; its slug is free at once.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &mut Writing, permit: &Permit, id: ServerId, now: Time) -> Result<()> {
    sql("UPDATE servers SET deleted_at = $2, revision = $3 WHERE id = $1 AND workspace_id = $4")
        .bind(id)
        .bind(now)
        .bind(random::revision())
        .bind(permit.in_workspace())
        .meet(tx)
        .await
}

fn command_text(command: &Command) -> String {
    serde_json::json!(command.argv()).to_string()
}

fn variables_text(variables: &Variables) -> String {
    let pairs: BTreeMap<&str, &str> = variables.iter().map(|(name, value)| (name.as_str(), value)).collect();
    serde_json::json!(pairs).to_string()
}

/// Reads a column of JSON as what was checked when it was written.
fn kept<J: DeserializeOwned, T>(row: &Row, column: &'static str, parse: impl Fn(J) -> Option<T>) -> Result<T> {
    let read = serde_json::from_str(&row.get::<String>(column)?).ok().and_then(parse);
    read.ok_or(StoreError::Column { column })
}

fn read(row: &Row) -> Result<Server> {
    Ok(Server {
        id: row.get("id")?,
        workspace: row.get("workspace_id")?,
        slug: row.get("slug")?,
        name: row.get("name")?,
        command: kept(row, "command", |argv: Vec<String>| Command::parse_kept(argv).ok())?,
        variables: kept(row, "variables", |pairs: BTreeMap<String, String>| Variables::parse_kept(pairs).ok())?,
        settings_changed: match row.get("settings_changed_at")? {
            None => None,
            Some(at) => Some((at, Who::read(row, "settings_changed_by", "settings_changed_by_name")?)),
        },
        status: row.get("status")?,
        status_detail: row.get("status_detail")?,
        exit_code: row.get("exit_code")?,
        start: row.get("start_id")?,
        started_at: row.get("started_at")?,
        started_by: Who::read(row, "started_by", "started_by_name")?,
        revision: row.get("revision")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
