//! What the use cases of secrets are asked for, and what they answer.

use domain::{Access, Description, NameWarning, SecretName, ValueWarning, policy::Action};
use envelope::Plaintext;

use crate::{
    app::{
        access::{organization, workspace},
        drift,
    },
    store::{access::Target, holders::Holders, secrets::Secret, selections::Selection},
};

/// Whose secrets: an organization's, or one workspace's own.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The organization's slug.
    pub organization: &'a str,
    /// The workspace's slug, for its own secrets.
    pub workspace: Option<&'a str>,
}

impl<'a> Place<'a> {
    pub(in crate::app) fn target(self) -> Target<'a> {
        match self.workspace {
            None => organization(self.organization),
            Some(slug) => workspace(self.organization, slug),
        }
    }

    pub(in crate::app) fn seeing(self) -> Action {
        if self.workspace.is_none() { Action::SeeOrganization } else { Action::SeeWorkspace }
    }

    pub(in crate::app) fn reading(self) -> Action {
        if self.workspace.is_none() { Action::ListOrganizationSecrets } else { Action::SeeWorkspace }
    }

    pub(in crate::app) fn suspending(self) -> Action {
        if self.workspace.is_none() { Action::SuspendOrganizationSecrets } else { Action::SuspendWorkspaceSecrets }
    }

    pub(in crate::app) fn seeing_holders(self) -> Action {
        if self.workspace.is_none() { Action::ListOrganizationSecrets } else { Action::SeeHolders }
    }

    pub(in crate::app) fn previewing(self) -> Action {
        if self.workspace.is_none() { Action::ListOrganizationSecrets } else { Action::PreviewWorkspaceSecrets }
    }

    pub(in crate::app) fn writing(self) -> Action {
        if self.workspace.is_none() { Action::WriteOrganizationSecrets } else { Action::WriteWorkspaceSecrets }
    }
}

/// What somebody may do with the secrets of a place: for what a page offers, every use case asks again.
#[derive(Clone, Copy, Debug)]
pub struct Rights {
    /// Create, edit, delete, restore and import them.
    pub write: bool,
    /// Suspend them, see who holds them and restart those.
    pub suspend: bool,
}

/// A secret with the workspaces that are selected for it.
#[derive(Clone)]
pub struct Listed {
    /// The secret.
    pub secret: Secret,
    /// Its selection, for an organization secret.
    pub selection: Selection,
    /// How many servers hold it, for an organization secret.
    pub holders: Option<Holders>,
    /// In how many of the workspaces that it reaches it is overridden, for an organization secret.
    pub overridden_in: Option<u32>,
}

/// What a write answers: the secret, what to be careful about, and which servers now differ because of it.
pub struct Written {
    /// The secret as it is now.
    pub listed: Listed,
    /// Whether the write created it.
    pub created: bool,
    /// Warnings, never refusals.
    pub warnings: Vec<Warning>,
    /// Running servers that need a restart because of this change.
    pub stale: Vec<drift::StaleServer>,
    /// Servers that were stopped because it was suspended, and still are, though it is not suspended any more.
    pub still_stopped: Vec<drift::StaleServer>,
}

/// Something to be careful about.
pub struct Warning {
    /// A stable word for programs.
    pub code: &'static str,
    /// For people; never repeats a value.
    pub message: String,
}

impl From<NameWarning> for Warning {
    fn from(warning: NameWarning) -> Self {
        Self { code: warning.code(), message: warning.to_string() }
    }
}

impl From<ValueWarning> for Warning {
    fn from(warning: ValueWarning) -> Self {
        Self { code: warning.code(), message: warning.to_string() }
    }
}

/// A value to write, with what may be said along with it.
pub struct SetSecret {
    /// The name.
    pub name: SecretName,
    /// The value, checked.
    pub value: Plaintext,
    /// What the check found worth a warning.
    pub value_warnings: Vec<ValueWarning>,
    /// Which workspaces; what is not mentioned stays.
    pub reach: Reach,
    /// What it is for; what is not mentioned stays.
    pub description: Option<Description>,
}

/// What a write says of the workspaces that an organization secret reaches.
#[derive(Clone, Default)]
pub struct Reach {
    /// All or selected.
    pub access: Option<Access>,
    /// The whole selection, by slug.
    pub workspaces: Option<Vec<String>>,
}

impl Reach {
    pub(in crate::app) fn after_write(&self, known: Option<Access>) -> Access {
        Access::after_write(self.access, self.workspaces.is_some(), known)
    }
}

/// What an edit changes; what is not mentioned stays.
pub struct EditSecret {
    /// Another name.
    pub name: Option<SecretName>,
    /// Which workspaces.
    pub reach: Reach,
    /// What it is for.
    pub description: Option<Description>,
}
