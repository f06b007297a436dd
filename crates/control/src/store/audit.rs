//! Audit events: one hash chain for each organization and one for the installation.
//!
//! The hash of an event is SHA-256 over the hash before it (32 bytes, zeros before the first) and the event as a JSON
//! array of strings and nulls, in the order of `canonical`, without white space.

use aws_lc_rs::digest::{Context, SHA256};
use domain::{AuditAction, AuditEventId, OrganizationId, Time, UserId};
use serde_json::{Value, json};

use super::{
    Connection, Hint, InstallationPermit, Permit, Result, StoreError, Writing,
    access::Signature,
    driver::{Row, sql},
    set::{Rows, rows_of},
};
use crate::random;

macro_rules! event_columns {
    () => {
        "chain_id, sequence, id, at, actor_kind, actor_id, actor_name, action, target_kind, target_id, target_name, \
         workspace_id, address, details, hash"
    };
}

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

/// The id of the workspace in which it happened, or to which: what the rest of an event says of it.
fn workspace_of(target_kind: &str, target_id: &str, details: &Value) -> Option<String> {
    match details["workspace"]["id"].as_str() {
        None if target_kind == "workspace" => Some(target_id.to_owned()),
        named => named.map(str::to_owned),
    }
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

fn kept(chain: &str, sequence: i64, signature: &Signature, event: Event, at: Time, previous: &[u8]) -> AuditEvent {
    let workspace = workspace_of(event.target_kind, &event.target_id, &event.details);
    let event = AuditEvent {
        chain: chain.to_owned(),
        sequence,
        id: AuditEventId::new(at, random::bytes()).to_string(),
        at,
        actor_kind: signature.actor_kind.to_owned(),
        actor_id: signature.person.map(|id| id.to_string()).or(signature.token.map(|id| id.to_string())),
        actor_name: signature.actor_name.clone(),
        action: event.action.to_string(),
        target_kind: event.target_kind.to_owned(),
        target_id: event.target_id,
        target_name: event.target_name,
        workspace,
        address: signature.address.clone(),
        details: event.details.to_string(),
        hash: Vec::new(),
    };
    AuditEvent { hash: chained(previous, &event), ..event }
}

/// An event's columns after its number, as the insert reads them.
fn row(event: &AuditEvent) -> Value {
    let hash: String = event.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    json!([
        event.id,
        event.at.0.to_string(),
        event.actor_kind,
        event.actor_id,
        event.actor_name,
        event.action,
        event.target_kind,
        event.target_id,
        event.target_name,
        event.workspace,
        event.address,
        event.details,
        hash,
    ])
}

/// An event as it is kept. Ids and words are texts here, so that an edited one is found, not stumbled over.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns of the table, under the names of the API")]
pub struct AuditEvent {
    pub chain: String,
    pub sequence: i64,
    pub id: String,
    pub at: Time,
    pub actor_kind: String,
    pub actor_id: Option<String>,
    pub actor_name: String,
    pub action: String,
    pub target_kind: String,
    pub target_id: String,
    pub target_name: String,
    pub workspace: Option<String>,
    pub address: Option<String>,
    pub details: String,
    pub hash: Vec<u8>,
}

/// What the hash covers.
fn canonical(event: &AuditEvent) -> String {
    json!([
        event.chain,
        event.sequence.to_string(),
        event.id,
        event.at.0.to_string(),
        event.actor_kind,
        event.actor_id,
        event.actor_name,
        event.action,
        event.target_kind,
        event.target_id,
        event.target_name,
        event.address,
        event.details,
    ])
    .to_string()
}

/// The workspace that an event's own words name. Its column is not under the hash, which they are.
fn stated_workspace(event: &AuditEvent) -> Option<String> {
    let details = serde_json::from_str(&event.details).unwrap_or_default();
    workspace_of(&event.target_kind, &event.target_id, &details)
}

fn chained(previous: &[u8], event: &AuditEvent) -> Vec<u8> {
    let mut hash = Context::new(&SHA256);
    hash.update(previous);
    hash.update(canonical(event).as_bytes());
    hash.finish().as_ref().to_vec()
}

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

fn read(row: &Row) -> Result<AuditEvent> {
    Ok(AuditEvent {
        chain: row.get("chain_id")?,
        sequence: row.get("sequence")?,
        id: row.get("id")?,
        at: row.get("at")?,
        actor_kind: row.get("actor_kind")?,
        actor_id: row.get("actor_id")?,
        actor_name: row.get("actor_name")?,
        action: row.get("action")?,
        target_kind: row.get("target_kind")?,
        target_id: row.get("target_id")?,
        target_name: row.get("target_name")?,
        workspace: row.get("workspace_id")?,
        address: row.get("address")?,
        details: row.get("details")?,
        hash: row.get("hash")?,
    })
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
