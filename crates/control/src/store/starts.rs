//! Start records: who got which secret in which version, written before anything is handed over.

use domain::{Held, Outcome, ServerId, SnapshotId, StartId, Time};

use serde_json::json;

use super::{
    Connection, Permit, Result, StoreError, Who, Writing,
    driver::{Row, sql},
    set::{Rows, Set, one_of, rows_of},
};

/// A start record without what it handed over.
#[derive(Clone, Debug)]
pub struct Start {
    /// Its id.
    pub id: StartId,
    /// The machine that a run was started on; `None` for a server's start.
    pub host: Option<String>,
    /// The name of a run's program, where that was told.
    pub command: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was asked for.
    pub started_at: Time,
    /// By whom.
    pub started_by: Option<Who>,
    /// The name of the workspace's token with which a run was started.
    pub token: Option<String>,
    /// When the process ended.
    pub ended_at: Option<Time>,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// Why it failed, for people.
    pub detail: String,
    /// What it handed over.
    pub injected: Vec<Held>,
    /// What it left out because it was suspended.
    pub left_out: Vec<Held>,
}

/// A start or run about to be put on record.
pub struct NewStart<'a> {
    /// Its id.
    pub id: StartId,
    /// Where its program runs.
    pub host: Host<'a>,
}

/// Where the program of a start runs.
pub enum Host<'a> {
    /// It is a server of the workspace.
    Server(ServerId),
    /// It is a run on a machine of this name; and its program's name, where that was told.
    Elsewhere(&'a str, Option<&'a str>),
}

/// Writes the pending records of starts that share a snapshot: before anything is unsealed.
///
/// # Errors
/// When the database fails, or a server or the snapshot is of another workspace than the permit.
pub async fn insert(tx: &mut Writing, permit: &Permit, snapshot: SnapshotId, starts: &[NewStart<'_>]) -> Result<()> {
    let row = |start: &NewStart<'_>| match start.host {
        Host::Server(server) => (start.id, json!(["server", server.to_string(), null, null])),
        Host::Elsewhere(host, command) => (start.id, json!(["run", null, host, command])),
    };
    let written = sql(concat!(
        "INSERT INTO starts (id, organization_id, workspace_id, kind, server_id, host, command, snapshot_id, settings, outcome, \
         started_at, started_by, credential_id, detail) \
         SELECT e.key, w.organization_id, w.id, e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3, n.id, \
         (SELECT y.settings FROM servers y WHERE y.id = e.value ->> 1), $5, $6, \
         $7, $8, '' FROM snapshots n JOIN workspaces w ON w.id = n.workspace_id CROSS JOIN ",
        rows_of!("$4"),
        " WHERE n.id = $3 AND w.id = $2 AND w.organization_id = $1 AND (e.value ->> 1 IS NULL \
         OR e.value ->> 1 IN (SELECT x.id FROM servers x WHERE x.workspace_id = w.id))"
    ))
    .bind(permit.organization())
    .bind(permit.in_workspace())
    .bind(snapshot)
    .bind(starts.iter().map(row).collect::<Rows>())
    .bind(Outcome::Pending)
    .bind(permit.now())
    .bind(permit.person())
    .bind(permit.token())
    .execute(tx)
    .await?;
    if written == starts.len() as u64 { Ok(()) } else { Err(StoreError::NotPermitted) }
}

/// Records what became of starts that are still pending.
///
/// # Errors
/// When the database fails.
pub async fn settle(
    tx: &mut Writing,
    permit: &Permit,
    starts: impl IntoIterator<Item = StartId>,
    outcome: Outcome,
    detail: &str,
) -> Result<()> {
    sql(concat!(
        "UPDATE starts SET outcome = $2, detail = $3 WHERE outcome = 'pending' AND workspace_id = $4 AND id IN ",
        one_of!("$1")
    ))
    .bind(starts.into_iter().collect::<Set>())
    .bind(outcome)
    .bind(detail)
    .bind(permit.in_workspace())
    .execute(tx)
    .await?;
    Ok(())
}

/// Records that the process of a start has ended.
///
/// # Errors
/// When the database fails.
pub async fn end(tx: &mut Writing, permit: &Permit, id: StartId, exit_code: Option<i32>, at: Time) -> Result<()> {
    sql("UPDATE starts SET ended_at = $2, exit_code = $3 WHERE id = $1 AND ended_at IS NULL AND workspace_id = $4")
        .bind(id)
        .bind(at)
        .bind(exit_code)
        .bind(permit.in_workspace())
        .execute(tx)
        .await?;
    Ok(())
}

/// The starts on record as pending that no server's row names as its own: cut off before anything ran.
///
/// # Errors
/// When the database fails.
pub async fn pending(db: &mut Connection) -> Result<Vec<(StartId, ServerId)>> {
    sql("SELECT t.id, t.server_id FROM starts t WHERE t.outcome = 'pending' AND t.kind = 'server' \
         AND NOT t.id IN (SELECT x.start_id FROM servers x WHERE x.start_id IS NOT NULL)")
    .all(db, |row| Ok((row.get("id")?, row.get("server_id")?)))
    .await
}

/// The newest start on record of a server.
///
/// # Errors
/// When the database fails.
pub async fn newest(db: &mut Connection, server: ServerId) -> Result<Option<StartId>> {
    sql("SELECT t.id FROM starts t WHERE t.server_id = $1 ORDER BY t.id DESC LIMIT 1")
        .bind(server)
        .optional(db, |row| row.get("id"))
        .await
}

/// What became of a start, and why.
///
/// # Errors
/// When the database fails.
pub async fn outcome(db: &mut Connection, start: StartId) -> Result<Option<(Outcome, String)>> {
    sql("SELECT t.outcome, t.detail FROM starts t WHERE t.id = $1")
        .bind(start)
        .optional(db, |row| Ok((row.get("outcome")?, row.get("detail")?)))
        .await
}

/// Selects starts of $1 before the id $2, at most $3, newest first; or what these handed over.
macro_rules! starts_of {
    ($whose:literal) => {
        concat!(
            "SELECT t.id, t.host, t.command, t.outcome, t.started_at, t.started_by, u.name AS started_by_name, \
             c.name AS token, t.ended_at, t.exit_code, t.detail FROM starts t LEFT JOIN users u ON u.id = t.started_by \
             LEFT JOIN credentials c ON c.id = t.credential_id WHERE ",
            $whose,
            " AND t.id < $2 ORDER BY t.id DESC LIMIT $3"
        )
    };
    ($whose:literal, handed_over) => {
        concat!(
            "SELECT t.id AS start_id, h.secret_id, h.name, h.scope, h.version, h.left_out FROM starts t \
             JOIN snapshot_secrets h ON h.snapshot_id = t.snapshot_id WHERE ",
            $whose,
            " AND t.id < $2 AND t.id >= $3 ORDER BY h.name"
        )
    };
}

/// A server's start records, newest first, before an id.
///
/// # Errors
/// When the database fails.
pub async fn of_server(
    db: &mut Connection,
    _permit: &Permit,
    server: ServerId,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Start>> {
    let texts = (starts_of!("t.server_id = $1"), starts_of!("t.server_id = $1", handed_over));
    page(db, texts, &server.to_string(), before, limit).await
}

/// One start record.
///
/// # Errors
/// When the database fails.
pub async fn one(db: &mut Connection, _permit: &Permit, start: StartId) -> Result<Option<Start>> {
    let texts = (starts_of!("t.id = $1"), starts_of!("t.id = $1", handed_over));
    Ok(page(db, texts, &start.to_string(), None, 1).await?.pop())
}

/// The runs of the permit's workspace, newest first, before an id.
///
/// # Errors
/// When the database fails.
pub async fn runs(db: &mut Connection, permit: &Permit, before: Option<&str>, limit: i64) -> Result<Vec<Start>> {
    let texts = (
        starts_of!("t.workspace_id = $1 AND t.kind = 'run'"),
        starts_of!("t.workspace_id = $1 AND t.kind = 'run'", handed_over),
    );
    page(db, texts, &permit.in_workspace().to_string(), before, limit).await
}

async fn page(
    db: &mut Connection,
    (starts, handed_over): (&'static str, &'static str),
    whose: &str,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Start>> {
    // Past every id: they begin with a hexadecimal digit.
    let before = before.unwrap_or("g");
    let mut starts = sql(starts).bind(whose).bind(before).bind(limit).all(db, read).await?;
    let Some(oldest) = starts.last().map(|start| start.id) else { return Ok(starts) };
    let rows = sql(handed_over)
        .bind(whose)
        .bind(before)
        .bind(oldest)
        .all(db, |row| Ok((row.get::<StartId>("start_id")?, row.get::<bool>("left_out")?, read_held(row)?)))
        .await?;
    for (start, left_out, held) in rows {
        if let Some(start) = starts.iter_mut().find(|s| s.id == start) {
            if left_out { start.left_out.push(held) } else { start.injected.push(held) }
        }
    }
    Ok(starts)
}

pub(super) fn read_held(row: &Row) -> Result<Held> {
    Ok(Held {
        name: row.get("name")?,
        scope: row.get("scope")?,
        secret: row.get("secret_id")?,
        version: row.get("version")?,
    })
}

fn read(row: &Row) -> Result<Start> {
    Ok(Start {
        id: row.get("id")?,
        host: row.get("host")?,
        command: row.get("command")?,
        outcome: row.get("outcome")?,
        started_at: row.get("started_at")?,
        started_by: Who::read(row, "started_by", "started_by_name")?,
        token: row.get("token")?,
        ended_at: row.get("ended_at")?,
        exit_code: row.get("exit_code")?,
        detail: row.get("detail")?,
        injected: Vec::new(),
        left_out: Vec::new(),
    })
}
