//! Where workspaces' own secrets override the organization's.

use std::collections::HashMap;

use domain::SecretId;

use super::{
    Connection, Permit, Result,
    driver::sql,
    secrets::Secret,
    set::{Set, one_of},
};

/// In how many of the workspaces that it reaches each of some organization secrets is overridden, counted in one query; no
/// entry where it is in none.
///
/// # Errors
/// When the database fails.
pub async fn of_secrets(db: &mut Connection, permit: &Permit, secrets: &[Secret]) -> Result<HashMap<SecretId, u32>> {
    let rows = sql(concat!(
        "SELECT s.id, COUNT(*) AS overriding FROM secrets s \
         JOIN secrets o ON o.organization_id = s.organization_id AND o.name = s.name AND o.deleted_at IS NULL \
         JOIN workspaces w ON w.id = o.home_id AND w.deleted_at IS NULL \
         LEFT JOIN selections l ON l.secret_id = s.id AND l.workspace_id = w.id AND l.selected = 1 \
         WHERE s.home_id = $1 AND (s.access = 'all' OR l.selected = 1) AND s.id IN ",
        one_of!("$2"),
        " GROUP BY s.id"
    ))
    .bind(permit.organization())
    .bind(secrets.iter().map(|secret| secret.id).collect::<Set>())
    .all(db, |row| Ok((row.get("id")?, row.get("overriding")?)))
    .await?;
    Ok(rows.into_iter().collect())
}
