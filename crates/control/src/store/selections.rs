//! Which workspaces an organization secret with access `selected` reaches.

use std::collections::{BTreeSet, HashMap};

use domain::{SecretId, Slug, Time, WorkspaceId};

use super::{
    Connection, Permit, Result, Writing,
    driver::sql,
    set::{Set, one_of},
};

/// How many workspaces an answer names.
const NAMED: i64 = 5;

/// The selection of a secret, as a list shows it.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// How many workspaces are selected.
    pub count: u32,
    /// The first of them, by slug: at most five.
    pub first: Vec<(Slug, String)>,
}

/// Selects or deselects one workspace; whether that changed anything. A row stays, so that drift can tell by whom; one that
/// says that nothing was selected all along would tell of a change that was none.
///
/// # Errors
/// When the database fails.
pub async fn set(
    tx: &mut Writing,
    permit: &Permit,
    secret: SecretId,
    workspace: WorkspaceId,
    selected: bool,
    now: Time,
) -> Result<bool> {
    let rows = sql("INSERT INTO selections (secret_id, workspace_id, selected, changed_at, changed_by) \
         SELECT s.id, w.id, $3, $4, $5 FROM secrets s JOIN workspaces w ON w.organization_id = s.home_id \
         WHERE s.id = $1 AND w.id = $2 AND s.home_id = $6 \
         AND ($3 = 1 OR EXISTS (SELECT 1 FROM selections p WHERE p.secret_id = s.id AND p.workspace_id = w.id)) \
         ON CONFLICT (secret_id, workspace_id) DO UPDATE SET selected = excluded.selected, \
         changed_at = excluded.changed_at, changed_by = excluded.changed_by \
         WHERE selections.selected <> excluded.selected")
    .bind(secret)
    .bind(workspace)
    .bind(selected)
    .bind(now)
    .bind(permit.person())
    .bind(permit.organization())
    .execute(tx)
    .await?;
    Ok(rows == 1)
}

/// Makes the selections of some secrets exactly these workspaces.
///
/// # Errors
/// When the database fails.
pub async fn set_all(
    tx: &mut Writing,
    permit: &Permit,
    secrets: &[SecretId],
    workspaces: &[WorkspaceId],
    now: Time,
) -> Result<()> {
    sql(concat!(
        "UPDATE selections SET selected = 0, changed_at = $4, changed_by = $5 WHERE selected = 1 \
         AND secret_id IN (SELECT s.id FROM secrets s WHERE s.home_id = $3 AND s.id IN ",
        one_of!("$1"),
        ") AND workspace_id NOT IN ",
        one_of!("$2")
    ))
    .bind(Set::from_iter(secrets))
    .bind(Set::from_iter(workspaces))
    .bind(permit.organization())
    .bind(now)
    .bind(permit.person())
    .execute(tx)
    .await?;
    sql(concat!(
        "INSERT INTO selections (secret_id, workspace_id, selected, changed_at, changed_by) \
         SELECT s.id, w.id, 1, $4, $5 FROM secrets s JOIN workspaces w ON w.organization_id = s.home_id \
         WHERE s.home_id = $3 AND s.id IN ",
        one_of!("$1"),
        " AND w.id IN ",
        one_of!("$2"),
        " ON CONFLICT (secret_id, workspace_id) DO UPDATE SET selected = 1, changed_at = excluded.changed_at, \
         changed_by = excluded.changed_by WHERE selections.selected = 0"
    ))
    .bind(Set::from_iter(secrets))
    .bind(Set::from_iter(workspaces))
    .bind(permit.organization())
    .bind(now)
    .bind(permit.person())
    .execute(tx)
    .await?;
    Ok(())
}

/// The workspaces that are selected for a secret, deleted ones too: a restored workspace is selected again.
///
/// # Errors
/// When the database fails.
pub async fn of_secret(db: &mut Connection, permit: &Permit, secret: SecretId) -> Result<Vec<WorkspaceId>> {
    sql("SELECT l.workspace_id FROM selections l JOIN secrets s ON s.id = l.secret_id \
         WHERE s.id = $1 AND s.home_id = $2 AND l.selected = 1 ORDER BY l.workspace_id")
    .bind(secret)
    .bind(permit.organization())
    .all(db, |row| row.get("workspace_id"))
    .await
}

/// The same of some secrets, in one query; no entry where nothing is selected.
///
/// # Errors
/// When the database fails.
pub async fn of_each(
    db: &mut Connection,
    permit: &Permit,
    secrets: impl Iterator<Item = SecretId>,
) -> Result<HashMap<SecretId, BTreeSet<WorkspaceId>>> {
    let secrets: Vec<SecretId> = secrets.collect();
    if secrets.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sql(concat!(
        "SELECT l.secret_id, l.workspace_id FROM selections l JOIN secrets s ON s.id = l.secret_id \
         WHERE s.home_id = $2 AND l.selected = 1 AND s.id IN ",
        one_of!("$1")
    ))
    .bind(Set::from_iter(secrets))
    .bind(permit.organization())
    .all(db, |row| Ok((row.get::<SecretId>("secret_id")?, row.get("workspace_id")?)))
    .await?;
    let mut selected: HashMap<SecretId, BTreeSet<WorkspaceId>> = HashMap::new();
    for (secret, workspace) in rows {
        selected.entry(secret).or_default().insert(workspace);
    }
    Ok(selected)
}

/// The first of the selections of some secrets, in one query; no entry where nothing is selected.
///
/// # Errors
/// When the database fails.
pub async fn of_secrets(
    db: &mut Connection,
    _permit: &Permit,
    secrets: &[super::secrets::Secret],
) -> Result<HashMap<SecretId, Selection>> {
    let rows = sql(concat!(
        "SELECT t.secret_id, t.slug, t.name, t.selected_number FROM (SELECT l.secret_id, w.slug, w.name, \
         ROW_NUMBER() OVER (PARTITION BY l.secret_id ORDER BY w.slug) AS place, \
         COUNT(*) OVER (PARTITION BY l.secret_id) AS selected_number FROM selections l \
         JOIN workspaces w ON w.id = l.workspace_id AND w.deleted_at IS NULL \
         WHERE l.selected = 1 AND l.secret_id IN ",
        one_of!("$1"),
        ") t \
         WHERE t.place <= $2 ORDER BY t.secret_id, t.place"
    ))
    .bind(secrets.iter().map(|secret| secret.id).collect::<Set>())
    .bind(NAMED)
    .all(db, |row| {
        Ok((row.get::<SecretId>("secret_id")?, row.get("selected_number")?, row.get("slug")?, row.get("name")?))
    })
    .await?;
    let mut selections: HashMap<SecretId, Selection> = HashMap::new();
    for (secret, count, slug, name) in rows {
        let selection = selections.entry(secret).or_default();
        selection.count = count;
        selection.first.push((slug, name));
    }
    Ok(selections)
}
