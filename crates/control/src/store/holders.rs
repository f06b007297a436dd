//! Which servers hold a secret: their process may be alive, and its start record has the secret.

use std::collections::HashMap;

use domain::{Outcome, SecretId, SecretName, ServerStatus, Slug, SnapshotId, StartId, Time, WorkspaceId};

use super::{
    Connection, Permit, Result, Who,
    driver::{Row, sql},
    secrets::Secret,
    set::{Set, one_of},
};

/// How many servers hold a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Holders {
    /// All of them.
    pub number: u32,
    /// Those that a start now would not give the secret in the same version and under the same name.
    pub stale: u32,
}

/// The holders of some of the organization's own secrets, counted in one query; no entry where there are none.
///
/// A server that is being restarted has two starts that are not over, and is one holder. What a start now would bring
/// is `domain::resolve` in the words of the database: nothing else counts thousands of servers in one answer.
///
/// # Errors
/// When the database fails.
pub async fn of_secrets(
    db: &mut Connection,
    permit: &Permit,
    secrets: &[Secret],
) -> Result<HashMap<SecretId, Holders>> {
    // It begins with the starts that are not over: all that ever had a secret are many more. What they were handed is
    // compared once for all that share it.
    let rows = sql(concat!(
        "WITH alive AS MATERIALIZED (SELECT t.server_id, t.workspace_id, t.snapshot_id FROM starts t \
         WHERE t.organization_id = $1 AND t.ended_at IS NULL AND t.outcome IN ('pending', 'delivered') \
         AND t.server_id IS NOT NULL), \
         held AS MATERIALIZED (SELECT h.secret_id, h.snapshot_id, h.version <> s.version \
         OR h.name <> s.name OR s.suspended_at IS NOT NULL OR v.suspended_at IS NOT NULL \
         OR (s.access = 'selected' AND (SELECT l.selected FROM selections l \
         WHERE l.secret_id = s.id AND l.workspace_id = a.workspace_id AND l.selected = 1) IS NULL) \
         OR (SELECT o.id FROM secrets o WHERE o.home_id = a.workspace_id AND o.name = h.name AND o.deleted_at IS NULL) \
         IS NOT NULL AS stale \
         FROM (SELECT DISTINCT workspace_id, snapshot_id FROM alive) a CROSS JOIN snapshot_secrets h \
         JOIN secrets s ON s.id = h.secret_id \
         JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version \
         WHERE h.snapshot_id = a.snapshot_id AND h.left_out = 0 AND h.secret_id IN ",
        one_of!("$2"),
        ") SELECT h.secret_id, COUNT(DISTINCT a.server_id) AS holders, \
         COUNT(DISTINCT CASE WHEN h.stale THEN a.server_id END) AS stale \
         FROM held h CROSS JOIN alive a WHERE a.snapshot_id = h.snapshot_id GROUP BY h.secret_id"
    ))
    .bind(permit.organization())
    .bind(secrets.iter().map(|secret| secret.id).collect::<Set>())
    .all(db, |row| Ok((row.get("secret_id")?, Holders { number: row.get("holders")?, stale: row.get("stale")? })))
    .await?;
    Ok(rows.into_iter().collect())
}

/// A server whose process may be alive and has a secret.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The start record of the process.
    pub start: StartId,
    /// What that was handed.
    pub snapshot: SnapshotId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Its slug.
    pub workspace_slug: Slug,
    /// The server's slug.
    pub server: Slug,
    /// What the server is doing.
    pub status: ServerStatus,
    /// The name under which the process has the secret.
    pub name: SecretName,
    /// In which version.
    pub version: u32,
    /// When the process was started.
    pub started_at: Time,
    /// By whom.
    pub started_by: Option<Who>,
}

/// The holders of a secret, or of one version of it, started last first, before a start's id.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut Connection,
    permit: &Permit,
    secret: SecretId,
    version: Option<u32>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Holder>> {
    sql("WITH alive AS MATERIALIZED (SELECT t.id, t.server_id, t.snapshot_id, t.started_at, t.started_by FROM starts t \
         WHERE t.organization_id = $1 AND t.ended_at IS NULL AND t.kind = 'server' \
         AND t.outcome IN ('pending', 'delivered') AND t.id < $3) \
         SELECT a.id, a.snapshot_id, w.id AS workspace_id, w.slug AS workspace_slug, x.slug, x.status, h.name, h.version, a.started_at, \
         a.started_by, u.name AS started_by_name FROM alive a CROSS JOIN snapshot_secrets h \
         JOIN servers x ON x.id = a.server_id JOIN workspaces w ON w.id = x.workspace_id \
         LEFT JOIN users u ON u.id = a.started_by \
         WHERE h.snapshot_id = a.snapshot_id AND h.secret_id = $2 AND h.left_out = 0 \
         AND ($4 = 0 OR h.version = $4) ORDER BY a.id DESC LIMIT $5")
    .bind(permit.organization())
    .bind(secret)
    // Past every id: they begin with a hexadecimal digit.
    .bind(before.unwrap_or("g"))
    .bind(version.unwrap_or_default())
    .bind(limit)
    .all(db, read_holder)
    .await
}

fn read_holder(row: &Row) -> Result<Holder> {
    Ok(Holder {
        start: row.get("id")?,
        snapshot: row.get("snapshot_id")?,
        workspace: row.get("workspace_id")?,
        workspace_slug: row.get("workspace_slug")?,
        server: row.get("slug")?,
        status: row.get("status")?,
        name: row.get("name")?,
        version: row.get("version")?,
        started_at: row.get("started_at")?,
        started_by: Who::read(row, "started_by", "started_by_name")?,
    })
}

/// Whose runs read a secret.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The workspace whose environment they ran with.
    pub workspace: Slug,
    /// Who ran; with a workspace's token, who made that.
    pub person: Option<Who>,
    /// The name of the workspace's token, where it was one.
    pub token: Option<String>,
    /// The machine, as it called itself.
    pub host: String,
    /// The newest version that was read there.
    pub version: u32,
    /// When last.
    pub last_read_at: Time,
    /// How often.
    pub reads: u32,
}

/// Whose runs read a secret, or one version of it, and where: who read last comes first, at most so many. What may have
/// been read counts as read.
///
/// # Errors
/// When the database fails.
pub async fn readers(
    db: &mut Connection,
    permit: &Permit,
    secret: SecretId,
    version: Option<u32>,
    limit: i64,
) -> Result<Vec<Reader>> {
    sql("SELECT r.host, r.version, r.last_read_at, r.reads, w.slug, u.id AS person, u.name AS person_name, c.name AS token \
         FROM (SELECT t.workspace_id, t.started_by, t.credential_id, t.host, MAX(h.version) AS version, \
         MAX(t.started_at) AS last_read_at, COUNT(*) AS reads FROM snapshot_secrets h JOIN starts t \
         ON t.snapshot_id = h.snapshot_id WHERE h.secret_id = $2 AND h.left_out = 0 AND t.kind = 'run' \
         AND t.organization_id = $1 AND t.outcome IN ('pending', 'delivered') AND ($3 = 0 OR h.version = $3) \
         GROUP BY t.workspace_id, t.started_by, t.credential_id, t.host ORDER BY MAX(t.started_at) DESC LIMIT $4) r \
         JOIN workspaces w ON w.id = r.workspace_id LEFT JOIN credentials c ON c.id = r.credential_id \
         LEFT JOIN users u ON u.id = COALESCE(r.started_by, c.user_id) ORDER BY r.last_read_at DESC")
    .bind(permit.organization())
    .bind(secret)
    .bind(version.unwrap_or_default())
    .bind(limit)
    .all(db, |row| {
        Ok(Reader {
            workspace: row.get("slug")?,
            person: Who::read(row, "person", "person_name")?,
            token: row.get("token")?,
            host: row.get("host")?,
            version: row.get("version")?,
            last_read_at: row.get("last_read_at")?,
            reads: row.get("reads")?,
        })
    })
    .await
}

/// A start, of a server or a run, that a secret was handed to.
#[derive(Clone, Debug)]
pub struct Disclosure {
    /// The start record.
    pub start: StartId,
    /// The workspace.
    pub workspace: Slug,
    /// The server; `None` for a run.
    pub server: Option<Slug>,
    /// The machine of a run.
    pub host: Option<String>,
    /// The name of a run's program, where that was told.
    pub command: Option<String>,
    /// The name under which the program got the secret.
    pub name: SecretName,
    /// In which version.
    pub version: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was asked for.
    pub started_at: Time,
    /// By whom.
    pub started_by: Option<Who>,
    /// The name of the workspace's token with which a run was started.
    pub token: Option<String>,
    /// When the process ended, as far as Vestry can know: never for a run.
    pub ended_at: Option<Time>,
}

/// Every start that a secret, or one version of it, was handed to, newest first, before a start's id.
///
/// # Errors
/// When the database fails.
pub async fn disclosures(
    db: &mut Connection,
    permit: &Permit,
    secret: SecretId,
    version: Option<u32>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Disclosure>> {
    sql("SELECT t.id, w.slug AS workspace, x.slug AS server, t.host, t.command, h.name, h.version, t.outcome, t.started_at, \
         t.started_by, u.name AS started_by_name, c.name AS token, t.ended_at FROM snapshot_secrets h \
         JOIN starts t ON t.snapshot_id = h.snapshot_id JOIN workspaces w ON w.id = t.workspace_id \
         LEFT JOIN servers x ON x.id = t.server_id LEFT JOIN users u ON u.id = t.started_by \
         LEFT JOIN credentials c ON c.id = t.credential_id \
         WHERE h.secret_id = $2 AND h.left_out = 0 AND t.organization_id = $1 AND t.id < $3 \
         AND ($4 = 0 OR h.version = $4) ORDER BY t.id DESC LIMIT $5")
    .bind(permit.organization())
    .bind(secret)
    .bind(before.unwrap_or("g"))
    .bind(version.unwrap_or_default())
    .bind(limit)
    .all(db, |row| {
        Ok(Disclosure {
            start: row.get("id")?,
            workspace: row.get("workspace")?,
            server: row.get("server")?,
            host: row.get("host")?,
            command: row.get("command")?,
            name: row.get("name")?,
            version: row.get("version")?,
            outcome: row.get("outcome")?,
            started_at: row.get("started_at")?,
            started_by: Who::read(row, "started_by", "started_by_name")?,
            token: row.get("token")?,
            ended_at: row.get("ended_at")?,
        })
    })
    .await
}
