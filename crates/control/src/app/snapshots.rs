//! What a start or run gets, in one consistent snapshot: resolved, on record, still sealed.
//!
//! Starts between two changes share a snapshot. It is kept in memory, sealed as it is in the database, for as long as
//! the organization's `secrets_revision` stays what it was: the database moves that number with every write that could
//! change an environment, whoever writes. So are the keys of its values, derived from the data key that is in memory too:
//! deriving them anew would be most of the work of a run. What was unsealed is never kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};
use domain::{Available, Environment, Held, OrganizationId, Scope, SecretName, SnapshotId, Time, WorkspaceId};
use envelope::{Key, Opener, Plaintext};
use serde_json::{Value, json};

use super::{App, keyring::Belongs};
use crate::{
    error::{Error, Result},
    random,
    store::{
        Permit, Writing,
        available::{self, SealedSecret},
        snapshots,
    },
};

/// How many bytes are kept before all are forgotten.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// About what else a kept secret takes: its derived key with its context, its name.
const OPENER_BYTES: usize = 1024;

/// A sealed value, and what opens it once that was needed.
#[derive(Clone)]
pub(super) struct Sealed {
    value: SealedSecret,
    opener: OnceLock<Arc<Opener>>,
}

/// The environment of a workspace at one moment.
pub(super) struct Snapshot {
    /// Under which the record has it.
    pub(super) id: SnapshotId,
    /// What it holds, sealed.
    pub(super) secrets: Environment<Sealed>,
    /// What moves when a start would get something else.
    pub(super) environment_revision: String,
    /// The same of just what is in here: another one where it is a part of the environment.
    digest: String,
    whole: bool,
    organization: OrganizationId,
    workspace: WorkspaceId,
    revision: i64,
    keys: Vec<Arc<Key>>,
}

/// Snapshots by workspace, and how many bytes they hold.
#[derive(Default)]
pub struct Snapshots(Mutex<(HashMap<WorkspaceId, Arc<Snapshot>>, usize)>);

/// The snapshot that a start in the permit's workspace gets now. A new one is written in this transaction; once that is
/// committed, [`Snapshots::keep`] spares the next start the work.
///
/// # Errors
/// [`Error::Sealed`] without keys, and when the database fails; nothing is on record then.
pub(super) async fn take(app: &App, tx: &mut Writing, permit: &Permit, now: Time) -> Result<Arc<Snapshot>> {
    let (organization, workspace) = (permit.organization(), permit.in_workspace());
    let current =
        |kept: &Arc<Snapshot>| (kept.organization, kept.revision) == (organization, permit.secrets_revision());
    let kept = app.snapshots.of(workspace).filter(current);
    if let Some(kept) = kept {
        app.keyring.root_key_id()?;
        return Ok(kept);
    }
    let keys = app.keyring.unsealing_keys(tx, organization).await?;
    let available = available::sealed(tx, organization, workspace).await?;
    let sealed = |value| Sealed { value, opener: OnceLock::new() };
    let secrets = domain::resolve(available.into_iter().map(|secret| secret.map(sealed)).collect());
    let digest = revision_of(&secrets);
    let snapshot = Snapshot {
        id: SnapshotId::new(now, random::bytes()),
        environment_revision: digest.clone(),
        digest,
        secrets,
        whole: true,
        organization,
        workspace,
        revision: permit.secrets_revision(),
        keys,
    };
    write(tx, permit, snapshot, now).await
}

/// The same with these secrets only.
///
/// # Errors
/// [`Error::Invalid`] when one of them is not there or suspended; otherwise as [`take`].
pub(super) async fn take_only(
    app: &App,
    tx: &mut Writing,
    permit: &Permit,
    names: &[SecretName],
    now: Time,
) -> Result<Arc<Snapshot>> {
    let whole = take(app, tx, permit, now).await?;
    let secrets = whole.secrets.only(names).map_err(|missing| {
        let names = missing.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        Error::invalid("only", "missing", format!("This workspace's servers get no secret {names}."))
    })?;
    let part = Snapshot {
        id: SnapshotId::new(now, random::bytes()),
        environment_revision: whole.environment_revision.clone(),
        digest: revision_of(&secrets),
        secrets,
        whole: false,
        keys: whole.keys.clone(),
        ..*whole
    };
    write(tx, permit, part, now).await
}

async fn write(tx: &mut Writing, permit: &Permit, snapshot: Snapshot, now: Time) -> Result<Arc<Snapshot>> {
    let (injected, left_out) = (snapshot.secrets.injected().map(held), snapshot.secrets.left_out().map(held));
    snapshots::insert(tx, permit, snapshot.id, injected, left_out, now).await?;
    Ok(Arc::new(snapshot))
}

/// What moves when a start would get something else: 128 bits of the SHA-256 of all names, secrets and versions.
pub(super) fn revision_of<T>(secrets: &Environment<T>) -> String {
    let mut hash = Context::new(&SHA256);
    for secret in secrets.names().iter().map(|name| &name.winner) {
        hash.update(format!("{} {} {} {}\n", secret.name, secret.id, secret.version, secret.suspended).as_bytes());
    }
    hash.finish().as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn held<T>(secret: &Available<T>) -> Held {
    Held { name: secret.name.clone(), scope: secret.scope, secret: secret.id, version: secret.version }
}

impl Snapshot {
    /// Opens one of its values; `None` where that does not open in its place.
    pub(super) fn unseal(&self, app: &App, secret: &Available<Sealed>) -> Option<Plaintext> {
        let Sealed { value, opener } = &secret.detail;
        let value = value.as_ref().ok()?;
        if let Some(opener) = opener.get() {
            return opener.open(value).ok();
        }
        let belongs = Belongs {
            organization: self.organization,
            workspace: (secret.scope == Scope::Workspace).then_some(self.workspace),
            secret: secret.id,
            name: &secret.name,
            version: secret.version,
        };
        let derived = Arc::new(app.keyring.opener(&self.keys, &belongs, value)?);
        opener.get_or_init(|| derived).open(value).ok()
    }

    /// What an event says of it in a few bytes: how many secrets it hands over, and a digest that proves which, over the
    /// names, ids and versions that its record has.
    pub(super) fn summary(&self) -> Value {
        json!({ "count": self.secrets.injected().count(), "digest": self.digest })
    }

    /// What an event says of it: names and versions, never a value.
    pub(super) fn described(&self) -> Value {
        let secret = |secret: &Available<Sealed>| json!({ "name": secret.name.as_str(), "scope": secret.scope.as_str(), "version": secret.version });
        self.secrets.injected().map(secret).collect()
    }

    fn bytes(&self) -> usize {
        let sealed =
            |secret: &Available<Sealed>| secret.detail.value.as_ref().map_or(0, |value| value.as_bytes().len());
        self.secrets.injected().map(|secret| sealed(secret) + OPENER_BYTES).sum()
    }
}

impl Snapshots {
    fn of(&self, workspace: WorkspaceId) -> Option<Arc<Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.get(&workspace).cloned()
    }

    /// Keeps a snapshot whose record is committed.
    pub(super) fn keep(&self, snapshot: &Arc<Snapshot>) {
        if !snapshot.whole {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, bytes) = &mut *kept;
        if of.get(&snapshot.workspace).is_some_and(|known| known.revision >= snapshot.revision) {
            return;
        }
        if *bytes + snapshot.bytes() > KEPT_BYTES {
            of.clear();
            *bytes = 0;
        }
        *bytes += snapshot.bytes();
        if let Some(before) = of.insert(snapshot.workspace, snapshot.clone()) {
            *bytes -= before.bytes();
        }
    }
}
