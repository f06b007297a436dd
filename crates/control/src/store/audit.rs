//! Audit events: one hash chain for each organization and one for the installation.

macro_rules! event_columns {
    () => {
        "chain_id, sequence, id, at, actor_kind, actor_id, actor_name, action, target_kind, target_id, target_name, \
         workspace_id, address, details, hash"
    };
}

mod event;
mod log;

use domain::{AuditAction, OrganizationId, Time};
use serde_json::{Value, json};

use super::{
    Hint, InstallationPermit, Permit, Result, StoreError, Writing,
    access::Signature,
    driver::{Row, sql},
    set::{Rows, rows_of},
};
use event::{kept, row};

pub use event::AuditEvent;
pub use log::{Filter, Verification, activity, list, list_installation, verify};

/// What a write did, for the audit log. Never a value.
pub struct Event {
    /// What was done.
    pub action: AuditAction,
    /// The kind of thing it was done to: `secret`, `workspace`, `server`, …
    pub target_kind: &'static str,
    /// Its id.
    pub target_id: String,
    /// Its name at the time.
    pub target_name: String,
    /// What else there is to say, as a JSON object.
    pub details: Value,
}

impl Event {
    /// An event with nothing more to say.
    pub fn new(action: AuditAction, target_kind: &'static str, id: impl ToString, name: impl ToString) -> Self {
        let (target_id, target_name) = (id.to_string(), name.to_string());
        Self { action, target_kind, target_id, target_name, details: json!({}) }
    }

    /// The same with details.
    #[must_use]
    pub fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }
}

/// Records what a write did and commits both together.
///
/// # Errors
/// When the database fails; then neither happened.
pub async fn commit(mut tx: Writing, permit: Permit, event: Event) -> Result<()> {
    record(&mut tx, &permit, event).await?;
    tx.commit_now().await
}

/// Records one of several events of a write; [`commit`] takes the last.
///
/// # Errors
/// When the database fails.
pub async fn record(tx: &mut Writing, permit: &Permit, event: Event) -> Result<()> {
    record_all(tx, vec![(permit, event)]).await
}

/// Records events of several permits of one organization, in their order.
///
/// # Errors
/// When the permits are for different organizations, or the database fails.
pub async fn record_all(tx: &mut Writing, events: Vec<(&Permit, Event)>) -> Result<()> {
    let signed = |(permit, event): (_, _)| -> Signed<'_> {
        let permit: &Permit = permit;
        (permit.signature(), placed(permit, event), permit.now())
    };
    append(tx, events.into_iter().map(signed).collect()).await
}

/// The event with the workspace that it happened in, which every reader of the log asks for.
fn placed(permit: &Permit, mut event: Event) -> Event {
    if let (Some(id), Value::Object(details)) = (permit.workspace(), &mut event.details) {
        let slug = permit.workspace_slug().as_str();
        details.insert("workspace".to_owned(), json!({ "id": id.to_string(), "slug": slug }));
    }
    event
}

/// Commits a write whose events are all recorded.
///
/// # Errors
/// When none is, or the database fails; then nothing happened.
pub async fn commit_recorded(tx: Writing) -> Result<()> {
    if !tx.recorded {
        return Err(StoreError::NotPermitted);
    }
    tx.commit_now().await
}

/// Like [`commit`], in the installation's chain.
///
/// # Errors
/// When the database fails; then neither happened.
pub async fn commit_installation(mut tx: Writing, permit: InstallationPermit, event: Event, now: Time) -> Result<()> {
    record_installation(&mut tx, &permit, event, now).await?;
    tx.commit_now().await
}

/// Like [`record`], in the installation's chain, whose other writers wait from here on.
///
/// # Errors
/// When the database fails.
pub async fn record_installation(tx: &mut Writing, permit: &InstallationPermit, event: Event, now: Time) -> Result<()> {
    append(tx, vec![(permit.signature(), event, now)]).await
}

/// Like [`record`], in the chain of an organization that this write creates or that the operator changes.
///
/// # Errors
/// When the database fails.
pub async fn record_for(
    tx: &mut Writing,
    permit: &InstallationPermit,
    organization: OrganizationId,
    event: Event,
    now: Time,
) -> Result<()> {
    append(tx, vec![(&permit.signature_for(organization), event, now)]).await
}

/// Commits what the system saw, without an event: what a process is doing.
///
/// # Errors
/// When the permit is somebody's, or the database fails; then nothing happened.
pub async fn commit_observation(tx: Writing, permit: Permit) -> Result<()> {
    if permit.signature().observes() { tx.commit_now().await } else { Err(StoreError::NotPermitted) }
}

/// Like [`commit_observation`], of the installation: when a credential was last used.
///
/// # Errors
/// When the permit is somebody's or the operator's, or the database fails; then nothing happened.
pub async fn commit_installation_observation(tx: Writing, permit: InstallationPermit) -> Result<()> {
    if permit.signature().observes() { tx.commit_now().await } else { Err(StoreError::NotPermitted) }
}

/// The name of a chain: an organization's id, or `installation`.
fn chain_of(organization: Option<OrganizationId>) -> String {
    organization.map_or_else(|| "installation".to_owned(), |id| id.to_string())
}

/// An event, who it names, and when it was.
type Signed<'a> = (&'a Signature, Event, Time);

/// Appends events to the chain of the first one's organization, in their order: in as many statements for many as for one.
async fn append(tx: &mut Writing, events: Vec<Signed<'_>>) -> Result<()> {
    let Some((first, ..)) = events.first() else { return Ok(()) };
    let organization = first.organization;
    if events.iter().any(|(signature, ..)| signature.organization != organization) {
        return Err(StoreError::NotPermitted);
    }
    let chain = chain_of(organization);
    let (mut sequence, mut head) = claim(tx, &chain, events.len()).await?;
    let mut chained = Vec::with_capacity(events.len());
    for (signature, event, at) in events {
        let kind = event.target_kind;
        let event = kept(&chain, sequence, signature, event, at, &head);
        if let Some(organization) = organization {
            let workspace = event.workspace.as_ref().and_then(|id| id.parse().ok());
            let (id, revision) = (event.target_id.clone(), event.sequence.to_string());
            tx.hint(Hint { organization, workspace, kind, id, revision });
        }
        sequence += 1;
        head.clone_from(&event.hash);
        chained.push(event);
    }
    sql("UPDATE audit_chains SET head = $2 WHERE id = $1").bind(&chain).bind(head).execute(tx).await?;
    let rows: Rows = chained.iter().map(|event| (event.sequence, row(event))).collect();
    let count = rows.given();
    sql(concat!(
        "INSERT INTO audit_events (",
        event_columns!(),
        ") SELECT $1, CAST(e.key AS BIGINT), e.value ->> 0, CAST(e.value ->> 1 AS BIGINT), e.value ->> 2, e.value ->> 3, \
         e.value ->> 4, e.value ->> 5, e.value ->> 6, e.value ->> 7, e.value ->> 8, e.value ->> 9, e.value ->> 10, \
         e.value ->> 11, unhex(e.value ->> 12) FROM ",
        rows_of!("$2")
    ))
    .bind(&chain)
    .bind(rows)
    .insert_rows(tx, count)
    .await?;
    tx.recorded = true;
    Ok(())
}

/// Takes the next numbers of a chain: the first of them, and the head that they follow. Locks the head until the commit,
/// so no two writers see the same one.
async fn claim(tx: &mut Writing, chain: &str, count: usize) -> Result<(i64, Vec<u8>)> {
    let count = i64::try_from(count).expect("few events");
    let advance = || {
        sql("UPDATE audit_chains SET events = events + $2 WHERE id = $1 RETURNING events - $2 + 1 AS first, head")
            .bind(chain)
            .bind(count)
    };
    let read = |row: &Row| Ok((row.get("first")?, row.get("head")?));
    if let Some(claimed) = advance().optional(tx, read).await? {
        return Ok(claimed);
    }
    sql("INSERT INTO audit_chains (id, events, head) VALUES ($1, 0, $2) ON CONFLICT (id) DO NOTHING")
        .bind(chain)
        .bind(vec![0; 32])
        .execute(tx)
        .await?;
    advance().one(tx, read).await
}
