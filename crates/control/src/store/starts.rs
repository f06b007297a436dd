//! Start records: who got which secret in which version, written before anything is handed over.

use std::collections::HashMap;

use domain::{Held, Outcome, ServerId, StartId, Time};

use super::{
    Connection, Permit, Result, Who, Writing,
    driver::{Row, sql},
    set::{Set, one_of},
};

/// A start record without what it handed over.
#[derive(Clone, Debug)]
pub struct Start {
    /// Its id.
    pub id: StartId,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was asked for.
    pub started_at: Time,
    /// By whom.
    pub started_by: Option<Who>,
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

/// Writes a pending record of a server's start: what it will hand over, and what it leaves out.
///
/// # Errors
/// When the database fails.
pub async fn insert<'a>(
    tx: &mut Writing,
    permit: &Permit,
    id: StartId,
    server: ServerId,
    injected: impl Iterator<Item = Held> + 'a,
    left_out: impl Iterator<Item = Held> + 'a,
    now: Time,
) -> Result<()> {
    sql("INSERT INTO starts (id, organization_id, workspace_id, server_id, kind, outcome, started_at, started_by, \
         detail) VALUES ($1, $2, $3, $4, 'server', $5, $6, $7, '')")
    .bind(id)
    .bind(permit.organization())
    .bind(permit.in_workspace())
    .bind(server)
    .bind(Outcome::Pending)
    .bind(now)
    .bind(permit.person())
    .insert(tx)
    .await?;
    let both = injected.map(|held| (held, false)).chain(left_out.map(|held| (held, true)));
    for (held, left_out) in both {
        sql("INSERT INTO start_secrets (start_id, secret_id, name, scope, version, left_out) \
             VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(held.secret)
        .bind(&held.name)
        .bind(held.scope)
        .bind(held.version)
        .bind(left_out)
        .insert(tx)
        .await?;
    }
    Ok(())
}

/// Records what became of a start that is still pending.
///
/// # Errors
/// When the database fails.
pub async fn settle(tx: &mut Writing, _permit: &Permit, id: StartId, outcome: Outcome, detail: &str) -> Result<()> {
    sql("UPDATE starts SET outcome = $2, detail = $3 WHERE id = $1 AND outcome = 'pending'")
        .bind(id)
        .bind(outcome)
        .bind(detail)
        .execute(tx)
        .await?;
    Ok(())
}

/// Records that the process of a start has ended.
///
/// # Errors
/// When the database fails.
pub async fn end(tx: &mut Writing, _permit: &Permit, id: StartId, exit_code: Option<i32>, at: Time) -> Result<()> {
    sql("UPDATE starts SET ended_at = $2, exit_code = $3 WHERE id = $1 AND ended_at IS NULL")
        .bind(id)
        .bind(at)
        .bind(exit_code)
        .execute(tx)
        .await?;
    Ok(())
}

/// The starts on record as pending that no server's row names as its own: cut off before anything ran.
///
/// # Errors
/// When the database fails.
pub async fn pending(db: &mut Connection) -> Result<Vec<(StartId, ServerId)>> {
    sql("SELECT t.id, t.server_id FROM starts t WHERE t.outcome = 'pending' AND t.server_id IS NOT NULL \
         AND NOT t.id IN (SELECT x.start_id FROM servers x WHERE x.start_id IS NOT NULL)")
    .all(db, |row| Ok((row.get("id")?, row.get("server_id")?)))
    .await
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
    // Past every id: they begin with a hexadecimal digit.
    let before = before.unwrap_or("g");
    let mut starts = sql("SELECT t.id, t.outcome, t.started_at, t.started_by, u.name AS started_by_name, t.ended_at, \
         t.exit_code, t.detail FROM starts t LEFT JOIN users u ON u.id = t.started_by \
         WHERE t.server_id = $1 AND t.id < $2 ORDER BY t.id DESC LIMIT $3")
    .bind(server)
    .bind(before)
    .bind(limit)
    .all(db, read)
    .await?;
    let Some(oldest) = starts.last().map(|start| start.id) else { return Ok(starts) };
    let rows = sql("SELECT h.start_id, h.secret_id, h.name, h.scope, h.version, h.left_out FROM start_secrets h \
         JOIN starts t ON t.id = h.start_id WHERE t.server_id = $1 AND t.id < $2 AND t.id >= $3 ORDER BY h.name")
    .bind(server)
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

/// What some starts handed over, in one query; no entry for one that handed over nothing.
///
/// # Errors
/// When the database fails.
pub async fn held(db: &mut Connection, starts: impl Iterator<Item = StartId>) -> Result<HashMap<StartId, Vec<Held>>> {
    let rows = sql(concat!(
        "SELECT h.start_id, h.secret_id, h.name, h.scope, h.version FROM start_secrets h \
         WHERE h.left_out = 0 AND h.start_id IN ",
        one_of!("$1")
    ))
    .bind(starts.collect::<Set>())
    .all(db, |row| Ok((row.get::<StartId>("start_id")?, read_held(row)?)))
    .await?;
    let mut held: HashMap<StartId, Vec<Held>> = HashMap::new();
    for (start, one) in rows {
        held.entry(start).or_default().push(one);
    }
    Ok(held)
}

fn read_held(row: &Row) -> Result<Held> {
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
        outcome: row.get("outcome")?,
        started_at: row.get("started_at")?,
        started_by: Who::read(row, "started_by", "started_by_name")?,
        ended_at: row.get("ended_at")?,
        exit_code: row.get("exit_code")?,
        detail: row.get("detail")?,
        injected: Vec::new(),
        left_out: Vec::new(),
    })
}
