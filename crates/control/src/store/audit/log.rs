//! Reading the audit log, and checking that it is whole.

use domain::{AuditAction, OrganizationId, Time, UserId};

use super::{
    chain_of,
    event::{AuditEvent, chained, read, stated_workspace},
};
use crate::store::{Connection, InstallationPermit, Permit, Result, driver::sql};

/// Which events of a chain to list.
#[derive(Default)]
pub struct Filter<'a> {
    /// Only what this person did.
    pub actor: Option<UserId>,
    /// Only this action.
    pub action: Option<AuditAction>,
    /// Only what was done to the thing of this id or name.
    pub target: Option<&'a str>,
    /// Only what happened then or later.
    pub from: Option<Time>,
    /// Only what happened before.
    pub to: Option<Time>,
    /// Only events before this number; `None` starts with the newest.
    pub before: Option<i64>,
}

macro_rules! listed {
    ($narrowed:literal) => {
        sql(concat!(
            "SELECT ",
            event_columns!(),
            " FROM audit_events WHERE chain_id = $1 AND ",
            $narrowed,
            " AND ($3 IS NULL OR actor_id = $3) AND ($4 IS NULL OR action = $4) \
             AND ($5 IS NULL OR target_id = $5 OR target_name = $5) AND at >= $6 AND at < $7 \
             ORDER BY sequence DESC LIMIT $8"
        ))
    };
}

/// Events of an organization, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, permit: &Permit, filter: &Filter<'_>, limit: i64) -> Result<Vec<AuditEvent>> {
    list_chain(db, Some(permit.organization()), filter, limit).await
}

/// What happened in the permit's workspace and to it, newest first, before a number of the organization's chain.
///
/// # Errors
/// When the database fails.
pub async fn activity(
    db: &mut Connection,
    permit: &Permit,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditEvent>> {
    sql(concat!(
        "SELECT ",
        event_columns!(),
        " FROM audit_events WHERE workspace_id = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3"
    ))
    .bind(permit.in_workspace())
    .bind(before.unwrap_or(i64::MAX))
    .bind(limit)
    .all(db, read)
    .await
}

/// Events of the installation itself, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list_installation(
    db: &mut Connection,
    _permit: &InstallationPermit,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<AuditEvent>> {
    list_chain(db, None, filter, limit).await
}

async fn list_chain(
    db: &mut Connection,
    organization: Option<OrganizationId>,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<AuditEvent>> {
    // Each text has its index; the narrowest comes first. The plus keeps SQLite from reading the chain by number there.
    let statement = match filter {
        Filter { target: Some(_), .. } => listed!(
            "+sequence < $2 AND sequence IN (SELECT i.sequence FROM audit_events i WHERE i.chain_id = $1 AND i.target_id = $5 \
             UNION SELECT n.sequence FROM audit_events n WHERE n.chain_id = $1 AND n.target_name = $5)"
        ),
        Filter { actor: Some(_), .. } => listed!("sequence < $2 AND actor_id = $3"),
        Filter { action: Some(_), .. } => listed!("sequence < $2 AND action = $4"),
        _ => listed!("sequence < $2"),
    };
    statement
        .bind(chain_of(organization))
        .bind(filter.before.unwrap_or(i64::MAX))
        .bind(filter.actor)
        .bind(filter.action)
        .bind(filter.target)
        .bind(filter.from.map_or(i64::MIN, |time| time.0))
        .bind(filter.to.map_or(i64::MAX, |time| time.0))
        .bind(limit)
        .all(db, read)
        .await
}

/// What checking a chain found.
pub struct Verification {
    /// How many events it has.
    pub events: i64,
    /// The first event that is not what was written or not where it was written; where events are missing, the one
    /// after them. `None` where the last ones are missing: the head alone tells of that.
    pub first_broken: Option<String>,
    /// Whether every event is there, unchanged and in order, and the head is the last one's hash.
    pub intact: bool,
    /// The hash of the last event.
    pub head: Vec<u8>,
}

/// Recomputes a whole chain: an organization's, or the installation's.
///
/// # Errors
/// When the database fails.
pub async fn verify(db: &mut Connection, organization: Option<OrganizationId>) -> Result<Verification> {
    const BATCH: i64 = 1_000;
    let chain = chain_of(organization);
    let (events, head) = sql("SELECT events, head FROM audit_chains WHERE id = $1")
        .bind(&chain)
        .optional(db, |row| Ok((row.get("events")?, row.get("head")?)))
        .await?
        .unwrap_or((0, vec![0; 32]));
    // Numbers below 1 are read too: nobody who inserts an event keeps to the numbers that Vestry gives.
    let (mut seen, mut after, mut hash, mut first_broken) = (0, i64::MIN, vec![0; 32], None);
    loop {
        let batch = sql(concat!(
            "SELECT ",
            event_columns!(),
            " FROM audit_events WHERE chain_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"
        ))
        .bind(&chain)
        .bind(after)
        .bind(BATCH)
        .all(db, read)
        .await?;
        for event in &batch {
            seen += 1;
            let in_place = event.sequence == seen && seen <= events;
            let unchanged = chained(&hash, event) == event.hash && event.workspace == stated_workspace(event);
            if first_broken.is_none() && !(in_place && unchanged) {
                first_broken = Some(event.id.clone());
            }
            after = event.sequence;
            hash.clone_from(&event.hash);
        }
        if batch.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            break;
        }
    }
    let intact = first_broken.is_none() && seen == events && hash == head;
    Ok(Verification { events, first_broken, intact, head })
}
