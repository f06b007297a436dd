//! Reports on an organization's secrets: which are used, and how old their values are.

use domain::{Scope, SecretId, SecretName, Slug, Time};

use super::{
    Connection, Permit, Result,
    driver::{Row, sql},
};

/// A secret with its last use.
#[derive(Clone, Debug)]
pub struct Used {
    /// Its id.
    pub id: SecretId,
    /// Its name.
    pub name: SecretName,
    /// Where it belongs.
    pub scope: Scope,
    /// The workspace that it belongs to.
    pub workspace: Option<Slug>,
    /// Its newest version.
    pub version: u32,
    /// When it was created.
    pub created_at: Time,
    /// When its newest version was written.
    pub written_at: Time,
    /// The last start or run that it was handed to.
    pub last_use: Option<Use>,
}

/// A start or run that a secret was handed to.
#[derive(Clone, Debug)]
pub struct Use {
    /// When it was asked for.
    pub at: Time,
    /// In which workspace.
    pub workspace: Slug,
    /// The server; `None` for a run.
    pub server: Option<Slug>,
    /// The machine of a run.
    pub host: Option<String>,
}

/// Which secrets to report.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only those that no start since then was handed, and that were there then.
    pub unused_since: Option<Time>,
    /// Only those whose value was written before.
    pub unchanged_since: Option<Time>,
    /// Only those created after the one of this id.
    pub after: String,
    /// At most so many.
    pub limit: i64,
}

/// The organization's secrets and those of its workspaces, as they were created.
///
/// # Errors
/// When the database fails.
pub async fn secrets(db: &mut Connection, permit: &Permit, filter: &Filter) -> Result<Vec<Used>> {
    // The newest start of each snapshot that has the secret, then the newest of these: however many runs there were.
    sql("SELECT s.id, s.name, s.scope, w.slug AS workspace, s.version, s.created_at, v.created_at AS written_at, \
         t.started_at AS used_at, tw.slug AS used_in, x.slug AS used_by, t.host AS used_on FROM secrets s \
         JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version \
         LEFT JOIN workspaces w ON w.id = s.home_id \
         LEFT JOIN starts t ON t.id = (SELECT MAX((SELECT l.id FROM starts l WHERE l.snapshot_id = h.snapshot_id \
         AND l.outcome <> 'failed' ORDER BY l.id DESC LIMIT 1)) FROM snapshot_secrets h \
         WHERE h.secret_id = s.id AND h.left_out = 0) \
         LEFT JOIN workspaces tw ON tw.id = t.workspace_id LEFT JOIN servers x ON x.id = t.server_id \
         WHERE s.organization_id = $1 AND s.deleted_at IS NULL AND w.deleted_at IS NULL AND s.id > $2 \
         AND COALESCE(t.started_at, s.created_at) < $3 AND v.created_at < $4 ORDER BY s.id LIMIT $5")
    .bind(permit.organization())
    .bind(&filter.after)
    .bind(filter.unused_since.unwrap_or(Time(i64::MAX)))
    .bind(filter.unchanged_since.unwrap_or(Time(i64::MAX)))
    .bind(filter.limit)
    .all(db, read)
    .await
}

fn read(row: &Row) -> Result<Used> {
    let last_use = match row.get("used_at")? {
        None => None,
        Some(at) => {
            Some(Use { at, workspace: row.get("used_in")?, server: row.get("used_by")?, host: row.get("used_on")? })
        }
    };
    Ok(Used {
        id: row.get("id")?,
        name: row.get("name")?,
        scope: row.get("scope")?,
        workspace: row.get("workspace")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        written_at: row.get("written_at")?,
        last_use,
    })
}
