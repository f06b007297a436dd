//! Permits: proof, for one transaction, that somebody may write, and where.

use domain::{
    CredentialId, OrganizationId, Role, Slug, Time, UserId, WorkspaceId,
    policy::{Action, Tie, Ties, Verdict, decide},
};

use super::{Caller, Organization, Runner, Standing, Workspace};
use crate::store::{Result, StoreError};

/// Proof that somebody may do something in an organization. It is good for the transaction in which it was asked for,
/// and the commit takes it; what goes on afterwards is the system's doing, at the permit's [`Location`].
pub struct Permit {
    signature: Signature,
    organization: Organization,
    workspace: Option<Workspace>,
    ties: Ties,
    secrets_revision: i64,
    now: Time,
}

impl Permit {
    pub(super) fn of(standing: Standing) -> Self {
        Self {
            signature: Signature::of(standing.asker, Some(standing.organization.id)),
            organization: standing.organization,
            workspace: standing.workspace,
            ties: standing.ties,
            secrets_revision: standing.secrets_revision,
            now: standing.now,
        }
    }

    /// A permit for what the system does by itself to one workspace.
    pub fn system(reason: SystemReason, location: &Location, now: Time) -> Self {
        let Location { organization, workspace } = location.clone();
        Self::system_at(reason, Home { organization, workspace: Some(workspace) }, now)
    }

    /// A permit for what the system does by itself where secrets belong.
    pub fn system_at(reason: SystemReason, home: Home, now: Time) -> Self {
        let Home { organization, workspace } = home;
        Self {
            signature: Signature::system(reason, Some(organization.id)),
            organization,
            workspace,
            ties: Ties {
                role: None,
                workspace: Some(Tie::None),
                workspace_creation: domain::WorkspaceCreation::Administrators,
            },
            // Before every number that there is: the system takes no snapshot.
            secrets_revision: -1,
            now,
        }
    }

    /// The moment at which it was given: the time of all that is written with it.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The organization that the permit is for.
    pub fn organization(&self) -> OrganizationId {
        self.organization.id
    }

    /// Its slug.
    pub fn organization_slug(&self) -> &Slug {
        &self.organization.slug
    }

    /// A number that moves with every write that can change what a start in one of the organization's workspaces gets.
    pub fn secrets_revision(&self) -> i64 {
        self.secrets_revision
    }

    /// The workspace that the permit is for, when it is for one.
    pub fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace.as_ref().map(|workspace| workspace.id)
    }

    /// The workspace of a permit whose target named one.
    pub fn in_workspace(&self) -> WorkspaceId {
        self.the_workspace().id
    }

    /// The slug of that workspace.
    pub fn workspace_slug(&self) -> &Slug {
        &self.the_workspace().slug
    }

    /// Where that workspace is, for what the system does there once the transaction of this permit is over.
    pub fn location(&self) -> Location {
        Location { organization: self.organization.clone(), workspace: self.the_workspace().clone() }
    }

    fn the_workspace(&self) -> &Workspace {
        self.workspace.as_ref().expect("only use cases whose target names a workspace ask for it")
    }

    /// Whether the person is an administrator of the organization.
    pub fn is_administrator(&self) -> bool {
        self.ties.role == Some(Role::Administrator)
    }

    /// Whether the person may do another thing to the same target: for what an answer shows, never to write.
    pub fn also_allows(&self, action: Action) -> bool {
        decide(action, self.ties) == Verdict::Allow
    }

    /// The person who acts; `None` when it is the system or a workspace's token.
    pub fn person(&self) -> Option<UserId> {
        self.signature.person
    }

    /// The workspace's token that acts, where it is one.
    pub fn token(&self) -> Option<CredentialId> {
        self.signature.token
    }

    pub(in crate::store) fn signature(&self) -> &Signature {
        &self.signature
    }
}

/// Where a workspace is. Says nothing of what anybody may do there.
#[derive(Clone, Debug)]
pub struct Location {
    organization: Organization,
    workspace: Workspace,
}

impl Location {
    pub(in crate::store) fn new(
        (organization, organization_slug): (OrganizationId, Slug),
        (workspace, workspace_slug, number): (WorkspaceId, Slug, u32),
    ) -> Self {
        Self {
            organization: Organization { id: organization, slug: organization_slug },
            workspace: Workspace { id: workspace, slug: workspace_slug, number },
        }
    }

    /// The organization's slug.
    pub fn organization_slug(&self) -> &Slug {
        &self.organization.slug
    }

    /// The workspace.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace.id
    }

    /// Its slug.
    pub fn workspace_slug(&self) -> &Slug {
        &self.workspace.slug
    }

    /// Its number, to which its files on disk belong.
    pub fn workspace_number(&self) -> u32 {
        self.workspace.number
    }
}

/// Where secrets belong: an organization, or one workspace of it. Says nothing of what anybody may do there.
#[derive(Clone, Debug)]
pub struct Home {
    organization: Organization,
    workspace: Option<Workspace>,
}

impl Home {
    pub(in crate::store) fn new(
        (organization, organization_slug): (OrganizationId, Slug),
        workspace: Option<(WorkspaceId, Slug, u32)>,
    ) -> Self {
        Self {
            organization: Organization { id: organization, slug: organization_slug },
            workspace: workspace.map(|(id, slug, number)| Workspace { id, slug, number }),
        }
    }

    /// The organization's slug.
    pub fn organization_slug(&self) -> &Slug {
        &self.organization.slug
    }
}

/// Why the system acts without a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SystemReason {
    /// The first administrator sets the installation up with the one-time code.
    SetUp,
    /// Somebody signs in or fails to.
    SignIn,
    /// A try to sign in or to set up is counted before anything is checked.
    TryCounted,
    /// A credential was shown.
    CredentialUsed,
    /// The operator acts on the machine.
    Operator,
    /// A start or run that somebody asked for goes on; the start record names them.
    Starting,
    /// A server's process ended, or the control plane found out at its own start.
    ServerEnded,
    /// A rolling restart that somebody asked for goes on, pauses or ends.
    RollingRestart,
    /// What was deleted long enough ago is destroyed.
    Overdue,
}

impl SystemReason {
    fn observes(self) -> bool {
        match self {
            Self::SetUp
            | Self::TryCounted
            | Self::CredentialUsed
            | Self::Starting
            | Self::ServerEnded
            | Self::RollingRestart => true,
            Self::SignIn | Self::Operator | Self::Overdue => false,
        }
    }
}

/// Proof that a write to what belongs to no organization may be done. Good for one transaction, like a [`Permit`].
pub struct InstallationPermit {
    signature: Signature,
}

impl InstallationPermit {
    /// For what belongs to the caller alone: their sessions and tokens.
    pub fn own(caller: &Caller) -> Self {
        Self { signature: Signature::of(Runner::Person(caller.clone()), None) }
    }

    /// For what happens without a signed-in person.
    pub fn system(reason: SystemReason, address: Option<String>) -> Self {
        Self { signature: Signature { address, ..Signature::system(reason, None) } }
    }

    /// The same permit for an organization that did not exist before, so that its chain begins with its creation.
    pub(in crate::store) fn signature_for(&self, organization: OrganizationId) -> Signature {
        Signature { organization: Some(organization), ..self.signature.clone() }
    }

    /// The person who acts; `None` when it is the system or the operator.
    pub fn person(&self) -> Option<UserId> {
        self.signature.person
    }

    pub(in crate::store) fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Refuses a permit for somebody's own things where only the system or the operator may write.
    ///
    /// # Errors
    /// [`StoreError::NotPermitted`].
    pub(in crate::store) fn is_the_systems(&self) -> Result<()> {
        self.signature.reason.map(drop).ok_or(StoreError::NotPermitted)
    }
}

/// Who an audit event names, and in whose chain it stands.
#[derive(Clone)]
pub(in crate::store) struct Signature {
    pub(in crate::store) organization: Option<OrganizationId>,
    pub(in crate::store) actor_kind: &'static str,
    pub(in crate::store) person: Option<UserId>,
    pub(in crate::store) token: Option<CredentialId>,
    /// Why the system acts, where it does.
    reason: Option<SystemReason>,
    pub(in crate::store) actor_name: String,
    pub(in crate::store) address: Option<String>,
}

impl Signature {
    fn of(asker: Runner, organization: Option<OrganizationId>) -> Self {
        match asker {
            Runner::Person(caller) => Self {
                organization,
                actor_kind: "person",
                person: Some(caller.user),
                token: None,
                reason: None,
                actor_name: caller.name,
                address: caller.address,
            },
            Runner::Token(token) => Self {
                organization,
                actor_kind: "token",
                person: None,
                token: Some(token.credential),
                reason: None,
                actor_name: token.name,
                address: token.address,
            },
        }
    }

    fn system(reason: SystemReason, organization: Option<OrganizationId>) -> Self {
        let (actor_kind, actor_name) = match reason {
            SystemReason::Operator => ("operator", "the operator"),
            SystemReason::SetUp => ("system", "set-up"),
            SystemReason::SignIn => ("system", "sign-in"),
            SystemReason::TryCounted => ("system", "try counted"),
            SystemReason::CredentialUsed => ("system", "credential used"),
            SystemReason::Starting => ("system", "starting"),
            SystemReason::ServerEnded => ("system", "server ended"),
            SystemReason::RollingRestart => ("system", "rolling restart"),
            SystemReason::Overdue => ("system", "overdue"),
        };
        Self {
            organization,
            actor_kind,
            person: None,
            token: None,
            reason: Some(reason),
            actor_name: actor_name.to_owned(),
            address: None,
        }
    }

    /// Whether what is done with it may be committed without an event: it tells what a machine did, not a person.
    pub(in crate::store) fn observes(&self) -> bool {
        self.reason.is_some_and(SystemReason::observes)
    }
}
