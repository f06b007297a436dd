//! Who has shown a credential. Only looking one up makes a caller, and only with the secret that belongs to it.

use domain::{CredentialId, Slug, Time, UserId, policy::TokenNeeds};

use crate::store::{Result, driver::Row};

/// What a credential may at most, whatever its person may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) struct Rights {
    /// Whether it may change anything.
    pub(in crate::store) full: bool,
    /// Whether it may write organization secrets.
    pub(in crate::store) organization_secrets: bool,
}

impl Rights {
    /// Reads them from a credential's `access` and `organization_secrets`.
    pub(in crate::store) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            full: row.get::<String>("access")? == "full",
            organization_secrets: row.get("organization_secrets")?,
        })
    }

    pub(super) fn carry(self, needs: TokenNeeds) -> bool {
        match needs {
            TokenNeeds::Reading => true,
            TokenNeeds::Full => self.full,
            TokenNeeds::OrganizationSecrets => self.full && self.organization_secrets,
        }
    }
}

/// A person who has shown a session or personal token that holds.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(in crate::store) user: UserId,
    pub(in crate::store) name: String,
    pub(in crate::store) credential: CredentialId,
    pub(in crate::store) session: bool,
    pub(in crate::store) ends: Option<Time>,
    pub(in crate::store) rights: Rights,
    pub(in crate::store) address: Option<String>,
}

impl Caller {
    /// Somebody who has shown it before, and whose wish goes on without them.
    pub(super) fn absent(user: UserId, name: String, credential: CredentialId) -> Self {
        let rights = Rights { full: true, organization_secrets: false };
        Self { user, name, credential, session: false, ends: None, rights, address: None }
    }

    /// The person.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Their name, for the audit log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What they showed.
    pub fn credential(&self) -> CredentialId {
        self.credential
    }

    /// Whether it was a browser's session rather than a token.
    pub fn is_session(&self) -> bool {
        self.session
    }

    /// When the token that they showed ends, where it was one that does.
    pub fn token_ends(&self) -> Option<Time> {
        self.ends.filter(|_| !self.session)
    }

    /// Whether what they showed may change anything.
    pub fn is_full(&self) -> bool {
        self.rights.full
    }

    /// Whether what they showed may write organization secrets.
    pub fn may_write_organization_secrets(&self) -> bool {
        self.rights.organization_secrets
    }
}

/// A workspace's own token that somebody has shown: no person, and good for runs of that workspace only. Nothing in it
/// ever changes.
#[derive(Clone, Debug)]
pub struct WorkspaceToken {
    pub(in crate::store) credential: CredentialId,
    pub(in crate::store) name: String,
    pub(in crate::store) organization: Slug,
    pub(in crate::store) address: Option<String>,
}

impl WorkspaceToken {
    /// The slug of the organization that its workspace is in.
    pub fn organization(&self) -> &Slug {
        &self.organization
    }

    /// The same, shown from this address.
    #[must_use]
    pub fn from(self, address: Option<String>) -> Self {
        Self { address, ..self }
    }
}

/// Somebody who may want to start runs: a person, or whoever has a workspace's token.
#[derive(Clone, Debug)]
pub enum Runner {
    /// A person.
    Person(Caller),
    /// A workspace's own token.
    Token(WorkspaceToken),
}

impl Runner {
    /// Whether both showed the same credential, from the same address.
    pub fn is(&self, other: &Self) -> bool {
        self.shown() == other.shown()
    }

    fn shown(&self) -> (CredentialId, Option<&str>) {
        match self {
            Self::Person(caller) => (caller.credential, caller.address.as_deref()),
            Self::Token(token) => (token.credential, token.address.as_deref()),
        }
    }
}
