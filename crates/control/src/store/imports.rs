//! Many secrets at once: in as many statements as for one.
//!
//! What is written is what [`secrets::insert`] and [`secrets::add_version`]
//! write for each; a test compares the rows.

use domain::{Access, SecretId, SecretName, Time};
use envelope::SealedValue;
use serde_json::json;

use super::{
    Connection, Hint, Permit, Result, StoreError, Writing,
    driver::sql,
    secrets::{self, Secret, cost, home, secret_columns, secret_tables},
    set::{Rows, Set, one_of, rows_of},
};
use crate::random;

/// The secrets of the permit's place that have one of these names, in any case.
///
/// # Errors
/// When the database fails.
pub async fn spelled_like(
    db: &mut Connection,
    permit: &Permit,
    names: impl Iterator<Item = &SecretName>,
) -> Result<Vec<Secret>> {
    sql(concat!(
        secret_columns!(),
        secret_tables!(),
        "WHERE s.home_id = $1 AND s.deleted_at IS NULL AND lower(s.name) IN ",
        one_of!("$2")
    ))
    .bind(home(permit).1)
    .bind(names.map(|name| name.as_str().to_lowercase()).collect::<Set>())
    .all(db, secrets::read)
    .await
}

/// A version about to be written, of a secret that is there or of a new one.
pub struct Version<'a> {
    /// The secret that is there.
    pub known: Option<&'a Secret>,
    /// The secret's id.
    pub id: SecretId,
    /// Its name.
    pub name: &'a SecretName,
    /// The version's number.
    pub number: u32,
    /// Which workspaces the secret reaches from now on; `All` for a workspace's own.
    pub access: Access,
    /// The sealed value.
    pub sealed: SealedValue,
}

/// Writes versions, and the new secrets that some of them begin, where the permit stands. A new version lifts a
/// suspension of its secret; the values that fall out of the last ten are erased.
///
/// # Errors
/// When a secret is not of the permit's place, a name is taken, or the database fails.
pub async fn write(tx: &mut Writing, permit: &Permit, versions: &[Version<'_>], now: Time) -> Result<()> {
    insert_secrets(tx, permit, versions, now).await?;
    insert_versions(tx, permit, versions, now).await?;
    erase_old(tx, permit, versions, now).await?;
    update_secrets(tx, permit, versions, now).await?;
    let (organization, workspace) = (permit.organization(), permit.workspace());
    for version in versions {
        let (id, revision) = (version.id.to_string(), random::revision());
        tx.hint(Hint { organization, workspace, kind: "secret", id, revision });
    }
    Ok(())
}

async fn insert_secrets(tx: &mut Writing, permit: &Permit, versions: &[Version<'_>], now: Time) -> Result<()> {
    let (scope, home) = home(permit);
    let new = versions.iter().filter(|version| version.known.is_none());
    let row = |v: &Version<'_>| {
        (v.id, json!([v.name.as_str(), v.access.as_str(), cost(v.name, &v.sealed), random::revision()]))
    };
    let rows: Rows = new.map(row).collect();
    let count = rows.given();
    sql(concat!(
        "INSERT INTO secrets (id, organization_id, scope, home_id, name, access, description, version, cost, revision, \
         created_at, created_by, updated_at, updated_by) \
         SELECT e.key, $2, $3, $4, e.value ->> 0, e.value ->> 1, '', 1, CAST(e.value ->> 2 AS BIGINT), e.value ->> 3, \
         $5, $6, $5, $6 FROM ",
        rows_of!("$1")
    ))
    .bind(rows)
    .bind(permit.organization())
    .bind(scope)
    .bind(home)
    .bind(now)
    .bind(permit.person())
    .insert_rows(tx, count)
    .await
}

async fn insert_versions(tx: &mut Writing, permit: &Permit, versions: &[Version<'_>], now: Time) -> Result<()> {
    let row = |v: &Version<'_>| (v.id, json!([v.number, hex(v.sealed.as_bytes()), cost(v.name, &v.sealed)]));
    let rows: Rows = versions.iter().map(row).collect();
    let written = sql(concat!(
        "INSERT INTO secret_versions (secret_id, version, sealed, cost, created_at, created_by) \
         SELECT s.id, CAST(e.value ->> 0 AS BIGINT), unhex(e.value ->> 1), CAST(e.value ->> 2 AS BIGINT), $3, $4 FROM ",
        rows_of!("$1"),
        " CROSS JOIN secrets s WHERE s.id = e.key AND s.home_id = $2"
    ))
    .bind(rows)
    .bind(home(permit).1)
    .bind(now)
    .bind(permit.person())
    .execute(tx)
    .await?;
    all_met(written, versions.len())
}

async fn erase_old(tx: &mut Writing, permit: &Permit, versions: &[Version<'_>], now: Time) -> Result<()> {
    let last = |v: &Version<'_>| Some((v.id, json!([domain::last_erased(v.number)?])));
    let rows: Rows = versions.iter().filter_map(last).collect();
    if rows.given() == 0 {
        return Ok(());
    }
    sql(concat!(
        "UPDATE secret_versions SET sealed = NULL, erased_at = $3, erased_by = $4 FROM ",
        rows_of!("$1"),
        " WHERE secret_versions.version <= CAST(e.value ->> 0 AS BIGINT) AND secret_versions.sealed IS NOT NULL \
         AND secret_versions.secret_id = (SELECT s.id FROM secrets s WHERE s.id = e.key AND s.home_id = $2)"
    ))
    .bind(rows)
    .bind(home(permit).1)
    .bind(now)
    .bind(permit.person())
    .execute(tx)
    .await?;
    Ok(())
}

async fn update_secrets(tx: &mut Writing, permit: &Permit, versions: &[Version<'_>], now: Time) -> Result<()> {
    let row = |v: &Version<'_>| {
        let lifted = i64::from(v.known?.suspension.is_some());
        Some((v.id, json!([v.number, cost(v.name, &v.sealed), random::revision(), v.access.as_str(), lifted])))
    };
    let rows: Rows = versions.iter().filter_map(row).collect();
    let count = rows.given();
    let written = sql(concat!(
        "UPDATE secrets SET version = CAST(e.value ->> 0 AS BIGINT), cost = CAST(e.value ->> 1 AS BIGINT), \
         revision = e.value ->> 2, suspended_at = NULL, suspended_by = NULL, suspended_reason = NULL, \
         lifted_at = CASE WHEN CAST(e.value ->> 4 AS BIGINT) = 1 THEN $3 ELSE lifted_at END, \
         lifted_by = CASE WHEN CAST(e.value ->> 4 AS BIGINT) = 1 THEN $4 ELSE lifted_by END, \
         access_changed_at = CASE WHEN access = e.value ->> 3 THEN access_changed_at ELSE $3 END, \
         access_changed_by = CASE WHEN access = e.value ->> 3 THEN access_changed_by ELSE $4 END, \
         access = e.value ->> 3, updated_at = $3, updated_by = $4 FROM ",
        rows_of!("$1"),
        " WHERE secrets.id = e.key AND secrets.home_id = $2"
    ))
    .bind(rows)
    .bind(home(permit).1)
    .bind(now)
    .bind(permit.person())
    .execute(tx)
    .await?;
    all_met(written, count)
}

/// There is no row for what is not of the permit's place.
fn all_met(written: u64, given: usize) -> Result<()> {
    if written == given as u64 { Ok(()) } else { Err(StoreError::NotPermitted) }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
