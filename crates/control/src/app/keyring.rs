//! The keys of a running control plane: the root key, and the data keys that it opens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{DataKeyId, InstallationId, OrganizationId, SecretId, SecretName, Time, WorkspaceId};
use envelope::{Context, Key, KeyId, Plaintext, SealError, SealedValue, Tag};

use crate::{
    error::{Error, Result},
    random,
    store::{
        Connection, data_keys,
        data_keys::{NewDataKey, WrappedKey},
    },
};

/// Opens data keys with the root key, or says why it can't.
pub struct Keyring {
    root: std::result::Result<Key, String>,
    installation: InstallationId,
    open: Mutex<HashMap<KeyId, Arc<Key>>>,
}

/// Where a value belongs: it opens nowhere else.
pub struct Belongs<'a> {
    /// The organization.
    pub organization: OrganizationId,
    /// The workspace, for a workspace's own secret.
    pub workspace: Option<WorkspaceId>,
    /// The secret.
    pub secret: SecretId,
    /// The name under which it is stored.
    pub name: &'a SecretName,
    /// The version.
    pub version: u32,
}

impl Keyring {
    /// A keyring over a root key, or over the reason why there is none: then everything that seals or unseals is
    /// answered with [`Error::Sealed`].
    pub fn new(installation: InstallationId, root: std::result::Result<Key, String>) -> Self {
        Self { root, installation, open: Mutex::default() }
    }

    /// Why nothing can be sealed or unsealed, if so.
    pub fn sealed(&self) -> Option<&str> {
        self.root.as_ref().err().map(String::as_str)
    }

    fn root(&self) -> Result<&Key> {
        self.root.as_ref().map_err(|reason| Error::Sealed(reason.clone()))
    }

    /// Proves every data key by its canary. A keyring that can't becomes a sealed one.
    ///
    /// # Errors
    /// When the database fails; a key that does not open is no error but a sealed keyring.
    pub async fn prove(self, db: &mut Connection) -> crate::store::Result<Self> {
        Ok(self.prove_with(&data_keys::all(db).await?))
    }

    /// The same with data keys that were read already.
    pub fn prove_with(mut self, keys: &[WrappedKey]) -> Self {
        let refused = keys.iter().find_map(|wrapped| match self.open(wrapped) {
            Err(Error::Sealed(reason)) => Some(reason),
            _ => None,
        });
        if let Some(reason) = refused {
            self.root = Err(reason);
        }
        self
    }

    /// Makes the data key of a new organization.
    ///
    /// # Errors
    /// [`Error::Sealed`] without a root key.
    pub fn new_data_key(&self, organization: OrganizationId, now: Time) -> Result<NewDataKey> {
        let id = DataKeyId::new(now, random::bytes());
        let key = Key::generate(*id.as_bytes()).map_err(sealing_failed)?;
        let context = self.key_context(organization);
        Ok(NewDataKey {
            id,
            wrapped: envelope::wrap(self.root()?, &context, &key).map_err(sealing_failed)?,
            canary: envelope::seal_canary(&key, &context).map_err(sealing_failed)?,
        })
    }

    /// The id of the root key.
    ///
    /// # Errors
    /// [`Error::Sealed`] without a root key.
    pub fn root_key_id(&self) -> Result<&KeyId> {
        Ok(self.root()?.id())
    }

    /// The key that seals an organization's next value.
    ///
    /// # Errors
    /// [`Error::Sealed`] when it can't be opened.
    pub async fn sealing_key(&self, db: &mut Connection, organization: OrganizationId) -> Result<Arc<Key>> {
        self.root()?;
        let wrapped = data_keys::newest(db, organization).await?;
        let wrapped = wrapped.ok_or_else(|| Error::Internal(anyhow::anyhow!("the organization has no data key")))?;
        self.open(&wrapped)
    }

    /// The keys that open an organization's values, by their ids.
    ///
    /// # Errors
    /// [`Error::Sealed`] when one can't be opened.
    pub async fn unsealing_keys(&self, db: &mut Connection, organization: OrganizationId) -> Result<Vec<Arc<Key>>> {
        self.root()?;
        data_keys::of_organization(db, organization).await?.iter().map(|wrapped| self.open(wrapped)).collect()
    }

    fn open(&self, wrapped: &WrappedKey) -> Result<Arc<Key>> {
        let root = self.root()?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = open.get(wrapped.id.as_bytes()) {
            return Ok(key.clone());
        }
        let context = self.key_context(wrapped.organization);
        let key = match (&wrapped.wrapped, &wrapped.canary) {
            (Ok(sealed), Ok(canary)) => envelope::unwrap(root, &context, wrapped.id.as_bytes(), sealed)
                .and_then(|key| envelope::verify_canary(&key, &context, canary).map(|()| key))
                .ok(),
            _ => None,
        };
        let key = key.ok_or_else(|| {
            Error::Sealed(
                "the root key does not open this database's data keys: it is another key, or they were changed; the \
                 control plane stays sealed and made no new key; put the right root key in place, then restart"
                    .to_owned(),
            )
        })?;
        let key = Arc::new(key);
        open.insert(*wrapped.id.as_bytes(), key.clone());
        Ok(key)
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// When sealing itself fails.
    pub fn seal(&self, key: &Key, place: &Belongs<'_>, value: &Plaintext) -> Result<SealedValue> {
        envelope::seal(key, &self.value_context(place), value).map_err(sealing_failed)
    }

    /// Opens a value in its place; `None` where it does not open there.
    pub fn unseal(&self, keys: &[Arc<Key>], place: &Belongs<'_>, sealed: &SealedValue) -> Option<Plaintext> {
        let key = keys.iter().find(|key| key.id() == sealed.key_id())?;
        envelope::unseal(key, &self.value_context(place), sealed).ok()
    }

    fn key_context(&self, organization: OrganizationId) -> Context {
        Context::new()
            .with(Tag::Installation, self.installation.as_bytes())
            .with(Tag::Organization, organization.as_bytes())
    }

    fn value_context(&self, place: &Belongs<'_>) -> Context {
        let scope = if place.workspace.is_some() { domain::Scope::Workspace } else { domain::Scope::Organization };
        let context = self.key_context(place.organization).with(Tag::Scope, scope.as_str().as_bytes());
        let context = match place.workspace {
            Some(workspace) => context.with(Tag::Workspace, workspace.as_bytes()),
            None => context,
        };
        context
            .with(Tag::Secret, place.secret.as_bytes())
            .with(Tag::Name, place.name.as_str().as_bytes())
            .with(Tag::Version, &u64::from(place.version).to_be_bytes())
    }
}

fn sealing_failed(error: SealError) -> Error {
    Error::Internal(error.into())
}
