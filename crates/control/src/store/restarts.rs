//! Rolling restarts, and how far each is with each of its servers.

use std::collections::HashMap;

use domain::{
    CredentialId, OrganizationId, RestartId, RestartRules, RestartState, RestartStep, SecretId, SecretName, ServerId,
    Slug, StartId, Time, WorkspaceId,
};
use serde_json::json;

use super::{
    Connection, Hint, Permit, Result, StoreError, Who, Writing,
    access::Home,
    driver::{Row, sql},
    set::{Rows, Set, one_of, rows_of},
};
use crate::random;

/// A rolling restart.
#[derive(Clone, Debug)]
pub struct Restart {
    /// Its id.
    pub id: RestartId,
    /// The organization that it is in, and its slug.
    pub organization: (OrganizationId, Slug),
    /// The workspace that it keeps to.
    pub workspace: Option<(WorkspaceId, Slug)>,
    /// The secret that it is for, under its name of now.
    pub secret: Option<(SecretId, SecretName)>,
    /// By what it goes on.
    pub rules: RestartRules,
    /// What it is doing.
    pub state: RestartState,
    /// Why it paused, for people.
    pub detail: String,
    /// The row's revision: it moves with every step, too.
    pub revision: String,
    /// When it was begun.
    pub created_at: Time,
    /// By whom.
    pub created_by: Who,
    /// In whose name it goes on.
    pub asked_by: Who,
    /// What they showed.
    pub credential: CredentialId,
    /// When it was aborted or done.
    pub ended_at: Option<Time>,
    /// How far it is.
    pub tally: Tally,
}

impl Restart {
    /// Where it does by itself what it does: in its organization, whose workspaces its servers are in.
    pub fn home(&self) -> Home {
        Home::new(self.organization.clone(), None)
    }
}

/// How many servers are in each state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the names of the states")]
pub struct Tally {
    pub waiting: u32,
    pub restarting: u32,
    pub done: u32,
    pub skipped: u32,
    pub failed: u32,
}

impl Tally {
    /// All of them.
    pub fn servers(self) -> u32 {
        self.waiting + self.restarting + self.done + self.skipped + self.failed
    }
}

/// How far a rolling restart is with one server.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its place in the order.
    pub position: u32,
    /// The server.
    pub server: ServerId,
    /// Its slug.
    pub slug: Slug,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Its workspace, and its slug.
    pub workspace: (WorkspaceId, Slug),
    /// How far.
    pub state: RestartStep,
    /// Why it was skipped or failed, for people.
    pub detail: String,
    /// The start record that it had when the restart was begun.
    pub old_start: StartId,
    /// The start record that it got.
    pub start: Option<StartId>,
    /// Since when it is in this state.
    pub changed_at: Time,
}

/// A rolling restart about to be begun.
pub struct NewRestart {
    /// Its id.
    pub id: RestartId,
    /// The secret that it is for.
    pub secret: Option<SecretId>,
    /// By what it goes on.
    pub rules: RestartRules,
    /// What it is doing.
    pub state: RestartState,
    /// What whoever asks has shown.
    pub credential: CredentialId,
    /// Its servers in their order, each with its start record of now; why, for those that are left out.
    pub servers: Vec<(ServerId, StartId, Option<String>)>,
}

/// Puts a rolling restart of the permit's place on record.
///
/// # Errors
/// When the permit is nobody's or one of the servers is not in its place, and when the database fails.
pub async fn insert(tx: &mut Writing, permit: &Permit, new: &NewRestart) -> Result<()> {
    let now = permit.now();
    let person = permit.person().ok_or(StoreError::NotPermitted)?;
    sql("INSERT INTO restarts (id, organization_id, workspace_id, secret_id, batch_size, pause_on_failure, state, \
         detail, accepted_failures, revision, created_at, created_by, asked_by, credential_id, ended_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, $9, $10, $11, $11, $12, $13)")
    .bind(new.id)
    .bind(permit.organization())
    .bind(permit.workspace())
    .bind(new.secret)
    .bind(new.rules.batch_size)
    .bind(new.rules.pause_on_failure)
    .bind(new.state)
    .bind(new.rules.accepted_failures)
    .bind(random::revision())
    .bind(now)
    .bind(person)
    .bind(new.credential)
    .bind((new.state == RestartState::Done).then_some(now))
    .insert(tx)
    .await?;
    let row = |(position, (server, start, left_out)): (usize, &(ServerId, StartId, Option<String>))| {
        let state = if left_out.is_some() { RestartStep::Skipped } else { RestartStep::Waiting };
        let detail = left_out.as_deref().unwrap_or_default();
        (position, json!([server.to_string(), start.to_string(), state.as_str(), detail]))
    };
    let rows: Rows = new.servers.iter().enumerate().map(row).collect();
    let count = rows.given();
    let written = sql(concat!(
        "INSERT INTO restart_servers (restart_id, position, server_id, state, detail, old_start_id, changed_at) \
         SELECT $1, CAST(e.key AS BIGINT), x.id, e.value ->> 2, e.value ->> 3, e.value ->> 1, $3 FROM ",
        rows_of!("$2"),
        " JOIN servers x ON x.id = e.value ->> 0 JOIN workspaces w ON w.id = x.workspace_id WHERE w.organization_id = $4 \
         AND ($5 IS NULL OR w.id = $5)"
    ))
    .bind(new.id)
    .bind(rows)
    .bind(now)
    .bind(permit.organization())
    .bind(permit.workspace())
    .execute(tx)
    .await?;
    if written == count as u64 { Ok(()) } else { Err(StoreError::NotPermitted) }
}

/// Selects rolling restarts of an organization.
macro_rules! restarts {
    ($which:literal) => {
        sql(concat!(
            "SELECT r.id, r.organization_id, o.slug AS organization_slug, r.workspace_id, w.slug AS workspace_slug, \
             r.secret_id, s.name AS secret_name, r.batch_size, r.pause_on_failure, r.accepted_failures, r.state, r.detail, \
             r.revision, r.created_at, r.created_by, cu.name AS created_by_name, r.asked_by, au.name AS asked_by_name, \
             r.credential_id, r.ended_at, \
             (SELECT COUNT(*) FROM restart_servers x WHERE x.restart_id = r.id AND x.state = 'waiting') AS waiting, \
             (SELECT COUNT(*) FROM restart_servers x WHERE x.restart_id = r.id AND x.state = 'restarting') AS restarting, \
             (SELECT COUNT(*) FROM restart_servers x WHERE x.restart_id = r.id AND x.state = 'done') AS done, \
             (SELECT COUNT(*) FROM restart_servers x WHERE x.restart_id = r.id AND x.state = 'skipped') AS skipped, \
             (SELECT COUNT(*) FROM restart_servers x WHERE x.restart_id = r.id AND x.state = 'failed') AS failed \
             FROM restarts r JOIN organizations o ON o.id = r.organization_id \
             LEFT JOIN workspaces w ON w.id = r.workspace_id LEFT JOIN secrets s ON s.id = r.secret_id \
             JOIN users cu ON cu.id = r.created_by JOIN users au ON au.id = r.asked_by WHERE ",
            $which
        ))
    };
}

/// A rolling restart of the permit's organization by its id's text.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, permit: &Permit, id: &str) -> Result<Option<Restart>> {
    restarts!("r.id = $1 AND r.organization_id = $2").bind(id).bind(permit.organization()).optional(db, read).await
}

/// A rolling restart, for the one who goes on with it.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &mut Connection, id: RestartId) -> Result<Option<Restart>> {
    restarts!("r.id = $1").bind(id).optional(db, read).await
}

/// Those of the permit's workspace, or of its whole organization, newest first, before an id.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, permit: &Permit, before: Option<&str>, limit: i64) -> Result<Vec<Restart>> {
    let (statement, place) = match permit.workspace() {
        Some(workspace) => {
            (restarts!("r.workspace_id = $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3"), workspace.to_string())
        }
        None => (
            restarts!("r.organization_id = $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3"),
            permit.organization().to_string(),
        ),
    };
    // Past every id: they begin with a hexadecimal digit.
    statement.bind(place).bind(before.unwrap_or("g")).bind(limit).all(db, read).await
}

/// Those that run or are paused, newest first: of a permit in a workspace that one's, and for administrators those of the
/// whole organization that restart servers of it; otherwise those of the whole organization.
///
/// # Errors
/// When the database fails.
pub async fn open(db: &mut Connection, permit: &Permit) -> Result<Vec<Restart>> {
    restarts!(
        "r.organization_id = $1 AND r.state IN ('running', 'paused') AND (r.workspace_id = $2 \
         OR (r.workspace_id IS NULL AND $3 = 1 AND ($2 IS NULL OR EXISTS (SELECT x.server_id FROM restart_servers x \
         JOIN servers v ON v.id = x.server_id WHERE x.restart_id = r.id AND v.workspace_id = $2)))) ORDER BY r.id DESC"
    )
    .bind(permit.organization())
    .bind(permit.workspace())
    .bind(permit.is_administrator())
    .all(db, read)
    .await
}

/// Those of the installation that are to go on: they run, or have left a server in the middle of its restart.
///
/// # Errors
/// When the database fails.
pub async fn unfinished(db: &mut Connection) -> Result<Vec<RestartId>> {
    sql("SELECT r.id FROM restarts r WHERE r.state = 'running' \
         UNION SELECT x.restart_id FROM restart_servers x WHERE x.state = 'restarting' ORDER BY 1")
    .all(db, |row| row.get("id"))
    .await
}

/// Which of these servers are still to come in a rolling restart that runs.
///
/// # Errors
/// When the database fails.
pub async fn of_servers(
    db: &mut Connection,
    servers: impl IntoIterator<Item = ServerId>,
) -> Result<HashMap<ServerId, RestartId>> {
    let rows = sql(concat!(
        "SELECT x.server_id, x.restart_id FROM restart_servers x JOIN restarts r ON r.id = x.restart_id \
         WHERE r.state = 'running' AND x.state IN ('waiting', 'restarting') AND x.server_id IN ",
        one_of!("$1")
    ))
    .bind(servers.into_iter().collect::<Set>())
    .all(db, |row| Ok((row.get("server_id")?, row.get("restart_id")?)))
    .await?;
    Ok(rows.into_iter().collect())
}

/// Selects how far a rolling restart is with its servers.
macro_rules! steps {
    ($which:literal) => {
        sql(concat!(
            "SELECT x.position, x.server_id, v.slug, CASE WHEN v.deleted_at IS NULL THEN 0 ELSE 1 END AS deleted, \
             v.workspace_id, w.slug AS workspace_slug, x.state, x.detail, x.old_start_id, x.start_id, x.changed_at \
             FROM restart_servers x JOIN servers v ON v.id = x.server_id JOIN workspaces w ON w.id = v.workspace_id WHERE ",
            $which
        ))
    };
}

/// How far a rolling restart is with each of its servers, in their order.
///
/// # Errors
/// When the database fails.
pub async fn steps(db: &mut Connection, restart: RestartId) -> Result<Vec<Step>> {
    steps!("x.restart_id = $1 ORDER BY x.position").bind(restart).all(db, read_step).await
}

/// How far it is with one of them.
///
/// # Errors
/// When the database fails.
pub async fn step(db: &mut Connection, restart: RestartId, position: u32) -> Result<Option<Step>> {
    steps!("x.restart_id = $1 AND x.position = $2").bind(restart).bind(position).optional(db, read_step).await
}

/// What a server's step becomes.
pub struct ToStep<'a> {
    /// How far it is now.
    pub state: RestartStep,
    /// Why, for people.
    pub detail: &'a str,
    /// The start record that it got.
    pub start: Option<StartId>,
}

/// Moves a server's step on from the state in which it was seen.
///
/// # Errors
/// When it is in another one by now or the permit is for another place, and when the database fails.
pub async fn move_step(
    tx: &mut Writing,
    permit: &Permit,
    restart: RestartId,
    seen: &Step,
    to: &ToStep<'_>,
) -> Result<()> {
    sql("UPDATE restart_servers SET state = $4, detail = $5, start_id = $6, changed_at = $7 \
         WHERE restart_id = $1 AND position = $2 AND state = $3 \
         AND restart_id IN (SELECT r.id FROM restarts r WHERE r.organization_id = $8) \
         AND ($9 IS NULL OR server_id IN (SELECT v.id FROM servers v WHERE v.workspace_id = $9))")
    .bind(restart)
    .bind(seen.position)
    .bind(seen.state)
    .bind(to.state)
    .bind(to.detail)
    .bind(to.start)
    .bind(permit.now())
    .bind(permit.organization())
    .bind(permit.workspace())
    .meet(tx)
    .await?;
    touch(tx, permit, restart).await
}

/// Leaves all servers that still wait as they are, for this reason; none of a rolling restart of another place than the
/// permit's.
///
/// # Errors
/// When the database fails.
pub async fn skip_waiting(tx: &mut Writing, permit: &Permit, restart: RestartId, why: &str) -> Result<()> {
    sql("UPDATE restart_servers SET state = 'skipped', detail = $2, changed_at = $3 WHERE restart_id = $1 \
         AND state = 'waiting' AND restart_id IN (SELECT r.id FROM restarts r WHERE r.organization_id = $4 \
         AND ($5 IS NULL OR r.workspace_id = $5))")
    .bind(restart)
    .bind(why)
    .bind(permit.now())
    .bind(permit.organization())
    .bind(permit.workspace())
    .execute(tx)
    .await?;
    Ok(())
}

/// Changes what a rolling restart is doing.
///
/// # Errors
/// When the permit is for another place, and when the database fails.
pub async fn set_state(
    tx: &mut Writing,
    permit: &Permit,
    restart: RestartId,
    state: RestartState,
    detail: &str,
) -> Result<()> {
    let over = matches!(state, RestartState::Aborted | RestartState::Done);
    sql("UPDATE restarts SET state = $3, detail = $4, ended_at = $5, revision = $6 WHERE id = $1 AND organization_id = $2 \
         AND ($7 IS NULL OR workspace_id = $7)")
    .bind(restart)
    .bind(permit.organization())
    .bind(state)
    .bind(detail)
    .bind(over.then_some(permit.now()))
    .bind(random::revision())
    .bind(permit.workspace())
    .meet(tx)
    .await
}

/// Lets a rolling restart go on in the name of the permit's person, who has seen what failed.
///
/// # Errors
/// When the permit is nobody's or for another place, and when the database fails.
pub async fn continue_as(
    tx: &mut Writing,
    permit: &Permit,
    restart: RestartId,
    credential: CredentialId,
    accepted_failures: u32,
) -> Result<()> {
    sql("UPDATE restarts SET state = 'running', detail = '', asked_by = $3, credential_id = $4, accepted_failures = $5, \
         revision = $6 WHERE id = $1 AND organization_id = $2 AND ($7 IS NULL OR workspace_id = $7)")
    .bind(restart)
    .bind(permit.organization())
    .bind(permit.person().ok_or(StoreError::NotPermitted)?)
    .bind(credential)
    .bind(accepted_failures)
    .bind(random::revision())
    .bind(permit.workspace())
    .meet(tx)
    .await
}

async fn touch(tx: &mut Writing, permit: &Permit, restart: RestartId) -> Result<()> {
    let (organization, workspace, revision) = (permit.organization(), permit.workspace(), random::revision());
    sql("UPDATE restarts SET revision = $3 WHERE id = $1 AND organization_id = $2")
        .bind(restart)
        .bind(organization)
        .bind(&revision)
        .meet(tx)
        .await?;
    tx.hint(Hint { organization, workspace, kind: "restart", id: restart.to_string(), revision });
    Ok(())
}

/// Two columns that are both there or both not.
fn pair<A, B>(one: Option<A>, other: Option<B>) -> Option<(A, B)> {
    Some((one?, other?))
}

fn read(row: &Row) -> Result<Restart> {
    let who = |id, name| Who::read(row, id, name)?.ok_or(StoreError::Column { column: id });
    Ok(Restart {
        id: row.get("id")?,
        organization: (row.get("organization_id")?, row.get("organization_slug")?),
        workspace: pair(row.get("workspace_id")?, row.get("workspace_slug")?),
        secret: pair(row.get("secret_id")?, row.get("secret_name")?),
        rules: RestartRules {
            batch_size: row.get("batch_size")?,
            pause_on_failure: row.get("pause_on_failure")?,
            accepted_failures: row.get("accepted_failures")?,
        },
        state: row.get("state")?,
        detail: row.get("detail")?,
        revision: row.get("revision")?,
        created_at: row.get("created_at")?,
        created_by: who("created_by", "created_by_name")?,
        asked_by: who("asked_by", "asked_by_name")?,
        credential: row.get("credential_id")?,
        ended_at: row.get("ended_at")?,
        tally: Tally {
            waiting: row.get("waiting")?,
            restarting: row.get("restarting")?,
            done: row.get("done")?,
            skipped: row.get("skipped")?,
            failed: row.get("failed")?,
        },
    })
}

fn read_step(row: &Row) -> Result<Step> {
    Ok(Step {
        position: row.get("position")?,
        server: row.get("server_id")?,
        slug: row.get("slug")?,
        deleted: row.get("deleted")?,
        workspace: (row.get("workspace_id")?, row.get("workspace_slug")?),
        state: row.get("state")?,
        detail: row.get("detail")?,
        old_start: row.get("old_start_id")?,
        start: row.get("start_id")?,
        changed_at: row.get("changed_at")?,
    })
}
