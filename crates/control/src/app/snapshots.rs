//! What a start or run gets, in one consistent snapshot: resolved, on record, still sealed.
//!
//! Starts between two changes share a snapshot. It is kept in memory, sealed as it is in the database, for as long as
//! the organization's `secrets_revision` stays what it was: the database moves that number with every write that could
//! change an environment, whoever writes. Beside it is kept what its first run was told, sealed anew as one piece under a
//! key of its own: opening a hundred values one by one would be most of the work of every run after. What was unsealed is
//! never kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};
use domain::{Available, Environment, Held, OrganizationId, Scope, SecretName, SnapshotId, WorkspaceId};
use envelope::{Kept, Key, Plaintext};
use serde_json::{Value, json};

use super::{App, keyring::Belongs, secrets::damaged};
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

/// About what a kept secret takes beside its sealed value.
const BESIDE_VALUE: usize = 512;

/// A secret and its value, on its way out.
pub struct Variable<'a> {
    /// The name.
    pub name: &'a SecretName,
    /// Where it belongs.
    pub scope: Scope,
    /// The version.
    pub version: u32,
    /// The value.
    pub value: Plaintext,
}

/// Makes the text that a run is told of what it gets.
pub type Written = fn(&[Variable<'_>]) -> Result<Plaintext>;

/// The environment of a workspace at one moment.
pub(super) struct Snapshot {
    /// Under which the record has it.
    pub(super) id: SnapshotId,
    /// What it holds, sealed.
    pub(super) secrets: Environment<SealedSecret>,
    /// What moves when a start would get something else.
    pub(super) environment_revision: String,
    /// The same of just what is in here: another one where it is a part of the environment.
    digest: String,
    /// The whole that this is a part of.
    part_of: Option<Arc<Snapshot>>,
    organization: OrganizationId,
    workspace: WorkspaceId,
    revision: i64,
    keys: Vec<Arc<Key>>,
    /// What its runs are told, from the first one on.
    told: OnceLock<Kept>,
}

/// The newest snapshots by workspace, and how many bytes they hold.
#[derive(Default)]
pub struct Snapshots(Mutex<KeptSnapshots>);

#[derive(Default)]
struct KeptSnapshots {
    of: HashMap<WorkspaceId, (Arc<Snapshot>, usize)>,
    bytes: usize,
}

/// The snapshot that a start in the permit's workspace gets now. A new one is written in this transaction; once that is
/// committed, [`Snapshots::keep`] spares the next start the work.
///
/// # Errors
/// [`Error::Sealed`] without keys, and when the database fails; nothing is on record then.
pub(super) async fn take(app: &App, tx: &mut Writing, permit: &Permit) -> Result<Arc<Snapshot>> {
    current(app, tx, permit).await?.written(tx, permit).await
}

/// The same with these secrets only. `whole` is what the permit's starts get in this transaction, once that was taken.
///
/// # Errors
/// [`Error::Invalid`] when one of them is not there or suspended, and nothing was written; otherwise as [`take`].
pub(super) async fn take_only(
    app: &App,
    tx: &mut Writing,
    permit: &Permit,
    whole: &mut Option<Arc<Snapshot>>,
    names: &[SecretName],
) -> Result<Arc<Snapshot>> {
    let current = match whole {
        Some(taken) => Current { snapshot: taken.clone(), on_record: true },
        None => current(app, tx, permit).await?,
    };
    let secrets = current.snapshot.secrets.only(names).map_err(|missing| {
        let suspended = |name: &&SecretName| current.snapshot.secrets.get(name).is_some();
        let (suspended, missing): (Vec<_>, Vec<_>) = missing.iter().partition(suspended);
        let listed = |names: Vec<&SecretName>| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        match missing.is_empty() {
            true => {
                let why = format!("Suspended, and handed to nobody until that is lifted: {}.", listed(suspended));
                Error::invalid("only", "suspended", why)
            }
            false => {
                let why = format!("This workspace's servers get no secret {}.", listed(missing));
                Error::invalid("only", "missing", why)
            }
        }
    })?;
    let whole = whole.insert(current.written(tx, permit).await?);
    let part = Snapshot {
        id: SnapshotId::new(permit.now(), random::bytes()),
        environment_revision: whole.environment_revision.clone(),
        digest: revision_of(&secrets),
        secrets,
        part_of: Some(whole.clone()),
        keys: whole.keys.clone(),
        told: OnceLock::new(),
        ..**whole
    };
    Current { snapshot: Arc::new(part), on_record: false }.written(tx, permit).await
}

/// What a start gets, and whether that is on record already.
struct Current {
    snapshot: Arc<Snapshot>,
    on_record: bool,
}

impl Current {
    async fn written(self, tx: &mut Writing, permit: &Permit) -> Result<Arc<Snapshot>> {
        let snapshot = self.snapshot;
        if !self.on_record {
            let secrets = &snapshot.secrets;
            let (injected, left_out) = (secrets.injected().map(held), secrets.left_out().map(held));
            snapshots::insert(tx, permit, snapshot.id, injected, left_out, permit.now()).await?;
        }
        Ok(snapshot)
    }
}

async fn current(app: &App, tx: &mut Writing, permit: &Permit) -> Result<Current> {
    let (organization, workspace) = (permit.organization(), permit.in_workspace());
    let holds = |kept: &Arc<Snapshot>| (kept.organization, kept.revision) == (organization, permit.secrets_revision());
    if let Some(snapshot) = app.snapshots.of(workspace).filter(holds) {
        app.keyring.root_key_id()?;
        return Ok(Current { snapshot, on_record: true });
    }
    let keys = app.keyring.unsealing_keys(tx, organization).await?;
    let secrets = domain::resolve(available::sealed(tx, organization, workspace).await?);
    let digest = revision_of(&secrets);
    let snapshot = Snapshot {
        id: SnapshotId::new(permit.now(), random::bytes()),
        environment_revision: digest.clone(),
        digest,
        secrets,
        part_of: None,
        organization,
        workspace,
        revision: permit.secrets_revision(),
        keys,
        told: OnceLock::new(),
    };
    Ok(Current { snapshot: Arc::new(snapshot), on_record: false })
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
    /// Opens one of its values.
    ///
    /// # Errors
    /// [`Error::Conflict`] where it does not open in its place.
    pub(super) fn unseal(&self, app: &App, secret: &Available<SealedSecret>) -> Result<Plaintext> {
        let belongs = Belongs {
            organization: self.organization,
            workspace: (secret.scope == Scope::Workspace).then_some(self.workspace),
            secret: secret.id,
            name: &secret.name,
            version: secret.version,
        };
        let sealed = secret.detail.as_ref().ok();
        let value = sealed.and_then(|sealed| app.keyring.unseal(&self.keys, &belongs, sealed));
        value.ok_or_else(|| damaged(&secret.name))
    }

    /// What a run is told of all its values, as `written` makes it: by the same function for every run.
    ///
    /// # Errors
    /// [`Error::Conflict`] where one of them does not open in its place.
    pub(super) fn told(self: &Arc<Self>, app: &App, written: Written) -> Result<Plaintext> {
        let again = |kept: &Kept| kept.open().map_err(|refused| Error::Internal(refused.into()));
        if let Some(kept) = self.told.get() {
            return again(kept);
        }
        let variables = self.secrets.injected().map(|secret| {
            let (name, scope, version) = (&secret.name, secret.scope, secret.version);
            Ok(Variable { name, scope, version, value: self.unseal(app, secret)? })
        });
        let text = written(&variables.collect::<Result<Vec<_>>>()?)?;
        if self.part_of.is_some() {
            return Ok(text);
        }
        let kept = Kept::seal(text).map_err(|error| Error::Internal(error.into()))?;
        let text = again(&kept);
        // Another run may have been first: what that keeps is the same.
        let _second = self.told.set(kept);
        app.snapshots.keep(self);
        text
    }

    /// What an event says of it in a few bytes: how many secrets it hands over, and a digest that proves which, over the
    /// names, ids and versions that its record has.
    pub(super) fn summary(&self) -> Value {
        json!({ "count": self.secrets.injected().count(), "digest": self.digest })
    }

    /// What an event says of it: names and versions, never a value.
    pub(super) fn described(&self) -> Value {
        let secret = |secret: &Available<SealedSecret>| json!({ "name": secret.name.as_str(), "scope": secret.scope.as_str(), "version": secret.version });
        self.secrets.injected().map(secret).collect()
    }

    fn bytes(&self) -> usize {
        let told = self.told.get().map_or(0, Kept::len);
        let sealed =
            |secret: &Available<SealedSecret>| secret.detail.as_ref().map_or(0, |value| value.as_bytes().len());
        told + self.secrets.injected().map(|secret| sealed(secret) + BESIDE_VALUE).sum::<usize>()
    }
}

impl Snapshots {
    fn of(&self, workspace: WorkspaceId) -> Option<Arc<Snapshot>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.of.get(&workspace).map(|(snapshot, _)| snapshot.clone())
    }

    /// Keeps a snapshot whose record is committed; of a part, the whole.
    pub(super) fn keep(&self, snapshot: &Arc<Snapshot>) {
        let snapshot = snapshot.part_of.as_ref().unwrap_or(snapshot);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let KeptSnapshots { of, bytes } = &mut *kept;
        if of.get(&snapshot.workspace).is_some_and(|(known, _)| known.revision > snapshot.revision) {
            return;
        }
        let needed = snapshot.bytes();
        if let Some((_, before)) = of.remove(&snapshot.workspace) {
            *bytes -= before;
        }
        if *bytes + needed > KEPT_BYTES {
            of.clear();
            *bytes = 0;
        }
        *bytes += needed;
        of.insert(snapshot.workspace, (snapshot.clone(), needed));
    }
}
