//! Imports: many secrets from one text, all of them or none.

mod pending;
mod review;

use domain::{AuditAction, ImportMode, Proposal, SecretId, SecretName, Verdict, dotenv};
use envelope::{Key, Plaintext};
use serde_json::{Map, Value, json};

use super::{
    App, Input, Precondition,
    access::authorize,
    drift,
    secrets::{Place, Reach, Secret, Warning, belongs, check_budget, scope, workspaces_of},
};
use crate::{
    error::{Error, FieldError, Result},
    random,
    store::{
        Caller, Permit,
        audit::{self, Event},
        imports::{self, Version},
        selections, servers,
    },
};
use review::{Review, Reviewed};

pub use pending::{Choices, PendingImport, keep, take};

/// What each line of a text assigns, or why it does not.
pub type Lines = Vec<std::result::Result<dotenv::Entry, dotenv::Fault>>;

/// What to import, and how.
pub struct Import {
    /// What the text assigns, line by line.
    pub lines: Lines,
    /// What to do with names that are taken.
    pub mode: ImportMode,
    /// Which workspaces the secrets reach; what is not mentioned stays, and is `all` for new ones.
    pub reach: Reach,
    /// Whether an empty value is one.
    pub allow_empty: bool,
    /// Whether nothing is kept of it: only said what would be done.
    pub dry_run: bool,
}

/// What an import did, or would do.
pub struct Imported {
    /// Whether nothing is kept of it.
    pub dry_run: bool,
    /// Every line that holds something.
    pub lines: Vec<Line>,
    /// Another one when anything has changed that this depends on.
    pub revision: String,
    /// Running servers that need a restart then because of it.
    pub stale: Vec<drift::StaleServer>,
    /// Servers that were stopped because one of these secrets was suspended, and still are, though it is not any more.
    pub still_stopped: Vec<drift::StaleServer>,
}

/// What becomes of a line.
pub struct Line {
    /// Its number.
    pub number: usize,
    /// The name that it assigns to, where that is one.
    pub name: Option<SecretName>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// The secret's version afterwards, where it has one.
    pub version: Option<u32>,
    /// Why nothing is imported, as a stable word for programs.
    pub code: Option<&'static str>,
    /// The verdict for people.
    pub message: String,
    /// What to be careful about.
    pub warnings: Vec<Warning>,
}

/// Imports secrets, or says what that would do: by the same writes, which a dry run does not keep.
///
/// # Errors
/// [`Error::VersionMismatch`] when something has changed since the dry run whose revision is expected; [`Error::Invalid`]
/// for lines that stop the import (a dry run answers them), for workspaces that do not exist and for a budget that would be
/// exceeded; [`Error::Sealed`] without a key; otherwise as the order of answers says.
pub async fn run(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    expected: Precondition,
    input: Input<Import>,
) -> Result<Imported> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.writing()).await?;
    let import = input.checked()?;
    let Review { reviewed, revision } = review::of(&mut tx, &permit, &import).await?;
    // `If-None-Match` is about one secret; here the mode says what is done with names that are taken.
    Precondition { create_only: false, ..expected }.check(Some(&revision))?;
    let selected = match &import.reach.workspaces {
        Some(slugs) => Some(workspaces_of(&mut tx, &permit, slugs).await?),
        None => None,
    };
    let stops: Vec<FieldError> = reviewed.iter().filter_map(|one| stops(&one.line)).collect();
    let dry_run = import.dry_run;
    let imported = |reviewed: Vec<Reviewed<'_>>, revision, stale, still_stopped| {
        let lines = reviewed.into_iter().map(|one| one.line).collect();
        Imported { dry_run, lines, revision, stale, still_stopped }
    };
    match (stops.is_empty(), dry_run) {
        (true, _) => {}
        (false, true) => return Ok(imported(reviewed, revision, Vec::new(), Vec::new())),
        (false, false) => return Err(Error::Invalid(stops)),
    }

    let now = permit.now();
    let key = app.keyring.sealing_key(&mut tx, permit.organization()).await?;
    let versions = seal(app, &key, &permit, &import, &reviewed)?;
    let known: Vec<&Secret> = versions.iter().filter_map(|version| version.known).collect();
    let mut before = drift::as_they_are(&mut tx, &permit, &known).await?;
    before.extend(versions.iter().filter(|version| version.known.is_none()).map(|version| Proposal::none(version.id)));
    imports::write(&mut tx, &permit, &versions, now).await?;
    if let Some(selected) = selected {
        let secrets: Vec<SecretId> = versions.iter().map(|version| version.id).collect();
        selections::set_all(&mut tx, &permit, &secrets, &selected, now).await?;
    }
    check_budget(&mut tx, &permit).await?;
    let stale = drift::consequences(app, &mut tx, &permit, &before).await?;
    // A new version ends a suspension.
    let known: Vec<SecretId> = known.into_iter().map(|secret| secret.id).collect();
    let still_stopped = servers::still_stopped_for(&mut tx, &permit, &known).await?;
    let still_stopped =
        still_stopped.into_iter().map(|(workspace, server)| drift::StaleServer { workspace, server }).collect();
    if !dry_run && !versions.is_empty() {
        let event = event(&permit, &import, &versions);
        audit::commit(tx, permit, event).await?;
    }
    drop(versions);
    Ok(imported(reviewed, revision, stale, still_stopped))
}

/// The versions to write, sealed.
fn seal<'a>(
    app: &App,
    key: &Key,
    permit: &Permit,
    import: &Import,
    reviewed: &'a [Reviewed<'_>],
) -> Result<Vec<Version<'a>>> {
    let mut versions = Vec::new();
    for Reviewed { line, known, entry } in reviewed {
        let (Some(entry), true) = (entry, line.verdict.writes()) else { continue };
        let (id, number) = match known {
            Some(secret) => (secret.id, secret.version + 1),
            None => (SecretId::new(permit.now(), random::bytes()), 1),
        };
        let value = Plaintext::new(entry.value.expose().as_bytes().to_vec());
        let sealed = app.keyring.seal(key, &belongs(permit, id, &entry.name, number), &value)?;
        let access = import.reach.after_write(known.as_ref().map(|secret| secret.access));
        versions.push(Version { known: known.as_ref(), id, name: &entry.name, number, access, sealed });
    }
    Ok(versions)
}

/// Why a line keeps everything from being imported, where it does.
fn stops(line: &Line) -> Option<FieldError> {
    let code = line.code.filter(|_| line.verdict.stops())?;
    let name = line.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    Some(FieldError { field: "content", code, message: format!("Line {}{name}: {}", line.number, line.message) })
}

/// One event for all of it, with every name: at most as many as a text may have lines.
fn event(permit: &Permit, import: &Import, versions: &[Version<'_>]) -> Event {
    let new = versions.iter().filter(|version| version.known.is_none());
    let added: Vec<&str> = new.map(|version| version.name.as_str()).collect();
    let old = versions.iter().filter(|version| version.known.is_some());
    let updated: Map<String, Value> = old.map(|version| (version.name.to_string(), version.number.into())).collect();
    let details = json!({
        "scope": scope(permit).as_str(),
        "mode": import.mode.as_str(),
        "access": import.reach.access.map(domain::Access::as_str),
        "workspaces": import.reach.workspaces,
        "added": added,
        "updated": updated,
    });
    let action = AuditAction::SecretsImported;
    match permit.workspace() {
        Some(id) => Event::new(action, "workspace", id, permit.workspace_slug()).with(details),
        None => Event::new(action, "organization", permit.organization(), permit.organization_slug()).with(details),
    }
}
