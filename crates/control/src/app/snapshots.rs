//! What a start or run gets, in one consistent snapshot: resolved, on record, still sealed.
//!
//! Starts between two changes share a snapshot. It is kept in memory, sealed as it is in the database, for as long as
//! the organization's `secrets_revision` stays what it was: the database moves that number with every write that could
//! change an environment, whoever writes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{Available, Environment, Held, OrganizationId, Scope, SnapshotId, Time, WorkspaceId};
use envelope::{Key, Plaintext};

use super::{App, keyring::Belongs};
use crate::{
    error::Result,
    random,
    store::{
        Permit, Writing,
        available::{self, SealedSecret},
        snapshots,
    },
};

/// How many bytes of sealed values are kept before all are forgotten.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// The environment of a workspace at one moment.
pub(super) struct Snapshot {
    /// Under which the record has it.
    pub(super) id: SnapshotId,
    /// What it holds, sealed.
    pub(super) secrets: Environment<SealedSecret>,
    organization: OrganizationId,
    workspace: WorkspaceId,
    revision: i64,
    keys: Vec<Arc<Key>>,
}

/// Snapshots by workspace, and how many bytes they hold.
#[derive(Default)]
pub struct Snapshots(Mutex<(HashMap<WorkspaceId, Arc<Snapshot>>, usize)>);

/// The snapshot that a start in the permit's workspace gets now. A new one is written in this transaction; once that is
/// committed, [`keep`] spares the next start the work.
///
/// # Errors
/// [`Error::Sealed`](crate::error::Error::Sealed) without keys, and when the database fails; nothing is on record then.
pub(super) async fn take(app: &App, tx: &mut Writing, permit: &Permit, now: Time) -> Result<Arc<Snapshot>> {
    let (organization, workspace) = (permit.organization(), permit.in_workspace());
    let kept = app.snapshots.of(workspace).filter(|kept| kept.revision == permit.secrets_revision());
    if let Some(kept) = kept {
        app.keyring.root_key_id()?;
        return Ok(kept);
    }
    let snapshot = Snapshot {
        id: SnapshotId::new(now, random::bytes()),
        keys: app.keyring.unsealing_keys(tx, organization).await?,
        secrets: domain::resolve(available::sealed(tx, organization, workspace).await?),
        organization,
        workspace,
        revision: permit.secrets_revision(),
    };
    let (injected, left_out) = (snapshot.secrets.injected().map(held), snapshot.secrets.left_out().map(held));
    snapshots::insert(tx, permit, snapshot.id, injected, left_out, now).await?;
    Ok(Arc::new(snapshot))
}

fn held<T>(secret: &Available<T>) -> Held {
    Held { name: secret.name.clone(), scope: secret.scope, secret: secret.id, version: secret.version }
}

impl Snapshot {
    /// Opens one of its values; `None` where that does not open in its place.
    pub(super) fn unseal(&self, app: &App, secret: &Available<SealedSecret>) -> Option<Plaintext> {
        let belongs = Belongs {
            organization: self.organization,
            workspace: (secret.scope == Scope::Workspace).then_some(self.workspace),
            secret: secret.id,
            name: &secret.name,
            version: secret.version,
        };
        app.keyring.unseal(&self.keys, &belongs, secret.detail.as_ref().ok()?)
    }

    fn bytes(&self) -> usize {
        let sealed =
            |secret: &Available<SealedSecret>| secret.detail.as_ref().map_or(0, |sealed| sealed.as_bytes().len());
        self.secrets.injected().map(sealed).sum()
    }
}

impl Snapshots {
    fn of(&self, workspace: WorkspaceId) -> Option<Arc<Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.get(&workspace).cloned()
    }

    /// Keeps a snapshot whose record is committed.
    pub(super) fn keep(&self, snapshot: &Arc<Snapshot>) {
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
