//! An event of a chain, and its hash.
//!
//! The hash of an event is SHA-256 over the hash before it (32 bytes, zeros before the first) and the event as a JSON
//! array of strings and nulls, in the order of `canonical`, without white space.

use aws_lc_rs::digest::{Context, SHA256};
use domain::{AuditEventId, Time};
use serde_json::{Value, json};

use super::Event;
use crate::{
    random,
    store::{Result, access::Signature, driver::Row},
};

/// The event as it is kept, its hash after the one before it.
pub(super) fn kept(
    chain: &str,
    sequence: i64,
    signature: &Signature,
    event: Event,
    at: Time,
    previous: &[u8],
) -> AuditEvent {
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
pub(super) fn row(event: &AuditEvent) -> Value {
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
pub(super) fn stated_workspace(event: &AuditEvent) -> Option<String> {
    let details = serde_json::from_str(&event.details).unwrap_or_default();
    workspace_of(&event.target_kind, &event.target_id, &details)
}

/// The hash of an event after the one before it.
pub(super) fn chained(previous: &[u8], event: &AuditEvent) -> Vec<u8> {
    let mut hash = Context::new(&SHA256);
    hash.update(previous);
    hash.update(canonical(event).as_bytes());
    hash.finish().as_ref().to_vec()
}

/// The id of the workspace in which it happened, or to which: what the rest of an event says of it.
fn workspace_of(target_kind: &str, target_id: &str, details: &Value) -> Option<String> {
    match details["workspace"]["id"].as_str() {
        None if target_kind == "workspace" => Some(target_id.to_owned()),
        named => named.map(str::to_owned),
    }
}

/// Reads it as it was kept.
pub(super) fn read(row: &Row) -> Result<AuditEvent> {
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
