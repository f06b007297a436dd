//! Which servers hold a secret: their process may be alive, and its start record has the secret.

use std::collections::HashMap;

use domain::SecretId;

use super::{
    Connection, Permit, Result,
    driver::sql,
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
    // It begins with the starts that are not over: all that ever had a secret are many more.
    let rows = sql(concat!(
        "WITH alive AS MATERIALIZED (SELECT t.server_id, t.workspace_id, t.snapshot_id FROM starts t \
         WHERE t.organization_id = $1 AND t.ended_at IS NULL AND t.outcome IN ('pending', 'delivered') \
         AND t.server_id IS NOT NULL) \
         SELECT s.id, COUNT(DISTINCT a.server_id) AS holders, COUNT(DISTINCT CASE WHEN h.version <> s.version \
         OR h.name <> s.name OR s.suspended_at IS NOT NULL OR v.suspended_at IS NOT NULL \
         OR (s.access = 'selected' AND (SELECT l.selected FROM selections l \
         WHERE l.secret_id = s.id AND l.workspace_id = a.workspace_id AND l.selected = 1) IS NULL) \
         OR (SELECT o.id FROM secrets o WHERE o.home_id = a.workspace_id AND o.name = h.name AND o.deleted_at IS NULL) \
         IS NOT NULL THEN a.server_id END) AS stale \
         FROM alive a CROSS JOIN snapshot_secrets h JOIN secrets s ON s.id = h.secret_id \
         JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version \
         WHERE h.snapshot_id = a.snapshot_id AND h.left_out = 0 AND h.secret_id IN ",
        one_of!("$2"),
        " GROUP BY s.id"
    ))
    .bind(permit.organization())
    .bind(secrets.iter().map(|secret| secret.id).collect::<Set>())
    .all(db, |row| Ok((row.get("id")?, Holders { number: row.get("holders")?, stale: row.get("stale")? })))
    .await?;
    Ok(rows.into_iter().collect())
}
