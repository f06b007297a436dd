//! Who may: callers, standings and permits.
//!
//! A [`Permit`] can only be made from a [`Standing`], and a standing can only be read from the database: so no write
//! can be asked for by code that has not asked first whether the caller may.

use domain::{
    CredentialId, OrganizationId, Role, Slug, Time, UserId, WorkspaceId,
    policy::{Action, Tie, Ties, TokenNeeds, Verdict, decide},
};

use super::{
    Connection, Result,
    driver::{Row, sql},
};

/// Somebody who has shown a valid credential.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The person.
    pub user: UserId,
    /// Their name, for the audit log.
    pub name: String,
    /// What they showed.
    pub credential: CredentialId,
    /// Whether it was a browser's session rather than a token.
    pub session: bool,
    /// Whether it may change anything.
    pub full: bool,
    /// Whether it may write organization secrets.
    pub organization_secrets: bool,
    /// Where the request came from.
    pub address: Option<String>,
}

impl Caller {
    fn carries(&self, needs: TokenNeeds) -> bool {
        match needs {
            TokenNeeds::Reading => true,
            TokenNeeds::Full => self.full,
            TokenNeeds::OrganizationSecrets => self.full && self.organization_secrets,
        }
    }
}

impl Runner {
    fn carries(&self, needs: TokenNeeds) -> bool {
        match self {
            Self::Person(caller) => caller.carries(needs),
            // What it may do is a column of the permission table.
            Self::Token(_) => true,
        }
    }
}

/// A workspace's own token that somebody has shown: no person, and good for runs of that workspace only.
#[derive(Clone, Debug)]
pub struct WorkspaceToken {
    pub(super) credential: CredentialId,
    pub(super) name: String,
    pub(super) organization: Slug,
    pub(super) workspace: Slug,
    pub(super) address: Option<String>,
}

impl WorkspaceToken {
    /// The slug of the organization that its workspace is in.
    pub fn organization(&self) -> &Slug {
        &self.organization
    }

    /// The slug of its workspace.
    pub fn workspace(&self) -> &Slug {
        &self.workspace
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

/// What an action is aimed at, by the slugs of the request.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The organization.
    pub organization: &'a str,
    /// The workspace in it, where the action has one.
    pub workspace: Option<&'a str>,
}

/// What a caller is to a target, as the database says at this moment.
pub struct Standing {
    asker: Runner,
    organization: Organization,
    workspace: Option<Workspace>,
    ties: Ties,
}

#[derive(Clone, Debug)]
struct Organization {
    id: OrganizationId,
    slug: Slug,
    secrets_revision: i64,
}

#[derive(Clone, Debug)]
struct Workspace {
    id: WorkspaceId,
    slug: Slug,
    number: u32,
}

/// Why there is no standing.
pub enum NoStanding {
    /// The credential has been revoked or has expired.
    CredentialGone,
    /// The organization or the workspace does not exist.
    TargetMissing,
}

/// Reads what the caller is to the target, in the transaction that will act on it.
///
/// # Errors
/// When the database fails.
pub async fn standing(
    db: &mut Connection,
    caller: &Caller,
    target: Target<'_>,
    now: Time,
) -> Result<std::result::Result<Standing, NoStanding>> {
    let found = sql("SELECT o.id AS organization_id, o.slug AS organization_slug, o.workspace_creation, o.secrets_revision, m.role, \
             w.id AS workspace_id, w.slug AS workspace_slug, w.number, \
             CASE WHEN w.owner_id = c.user_id THEN 1 ELSE 0 END AS owns, \
             CASE WHEN k.user_id IS NOT NULL THEN 1 ELSE 0 END AS collaborates \
         FROM credentials c \
         LEFT JOIN organizations o ON o.slug = $2 \
         LEFT JOIN members m ON m.organization_id = o.id AND m.user_id = c.user_id \
         LEFT JOIN workspaces w ON w.organization_id = o.id AND w.slug = $3 AND w.deleted_at IS NULL \
         LEFT JOIN collaborators k ON k.workspace_id = w.id AND k.user_id = c.user_id \
         WHERE c.id = $1 AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $4)")
    .bind(caller.credential)
    .bind(target.organization)
    .bind(target.workspace)
    .bind(now)
    .optional(db, |row| read_standing(row, caller, target))
    .await?;
    Ok(match found {
        None => Err(NoStanding::CredentialGone),
        Some(None) => Err(NoStanding::TargetMissing),
        Some(Some(standing)) => Ok(standing),
    })
}

fn read_standing(row: &Row, caller: &Caller, target: Target<'_>) -> Result<Option<Standing>> {
    let Some(organization_id) = row.get("organization_id")? else { return Ok(None) };
    let workspace = match target.workspace {
        None => None,
        Some(_) => match row.get::<Option<WorkspaceId>>("workspace_id")? {
            None => return Ok(None),
            Some(id) => Some(Workspace { id, slug: row.get("workspace_slug")?, number: row.get("number")? }),
        },
    };
    let tie = match (row.get::<bool>("owns")?, row.get::<bool>("collaborates")?) {
        (true, _) => Tie::Owner,
        (false, true) => Tie::Collaborator,
        (false, false) => Tie::None,
    };
    Ok(Some(Standing {
        asker: Runner::Person(caller.clone()),
        organization: Organization {
            id: organization_id,
            slug: row.get("organization_slug")?,
            secrets_revision: row.get("secrets_revision")?,
        },
        ties: Ties {
            role: row.get("role")?,
            workspace: workspace.as_ref().map(|_| tie),
            workspace_creation: row.get("workspace_creation")?,
        },
        workspace,
    }))
}

/// The same for a workspace's token, which stands in its own workspace only.
///
/// # Errors
/// When the database fails.
pub async fn standing_of_token(db: &mut Connection, token: &WorkspaceToken, now: Time) -> Result<Option<Standing>> {
    sql("SELECT o.id AS organization_id, o.slug AS organization_slug, o.workspace_creation, o.secrets_revision, \
             w.id AS workspace_id, w.slug AS workspace_slug, w.number \
         FROM credentials c JOIN workspaces w ON w.id = c.workspace_id JOIN organizations o ON o.id = w.organization_id \
         WHERE c.id = $1 AND c.kind = 'workspace' AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $2) \
         AND w.deleted_at IS NULL")
    .bind(token.credential)
    .bind(now)
    .optional(db, |row| {
        Ok(Standing {
            asker: Runner::Token(token.clone()),
            organization: Organization {
                id: row.get("organization_id")?,
                slug: row.get("organization_slug")?,
                secrets_revision: row.get("secrets_revision")?,
            },
            workspace: Some(Workspace {
                id: row.get("workspace_id")?,
                slug: row.get("workspace_slug")?,
                number: row.get("number")?,
            }),
            ties: Ties {
                role: None,
                workspace: Some(Tie::Token),
                workspace_creation: row.get("workspace_creation")?,
            },
        })
    })
    .await
}

/// Proof that somebody may do something in an organization.
#[derive(Clone)]
pub struct Permit {
    signature: Signature,
    organization: Organization,
    workspace: Option<Workspace>,
    ties: Ties,
}

/// Why no permit was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// The caller may not even know of the target.
    Hidden,
    /// The caller may know of it, but not do this.
    Role,
    /// The person may, but not with this token.
    Token,
}

impl Standing {
    /// Asks the permission table, then the token's own limits.
    ///
    /// # Errors
    /// [`Denied`], saying how much the caller may learn.
    pub fn permit(self, action: Action) -> std::result::Result<Permit, Denied> {
        match decide(action, self.ties) {
            Verdict::Hide => Err(Denied::Hidden),
            Verdict::Forbid => Err(Denied::Role),
            Verdict::Allow if !self.asker.carries(action.token_needs()) => Err(Denied::Token),
            Verdict::Allow => Ok(Permit {
                signature: Signature::of(self.asker, Some(self.organization.id)),
                organization: self.organization,
                workspace: self.workspace,
                ties: self.ties,
            }),
        }
    }
}

impl Permit {
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
        self.organization.secrets_revision
    }

    /// The workspace that the permit is for, when it is for one.
    pub fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace.as_ref().map(|workspace| workspace.id)
    }

    /// The workspace of a permit whose target named one.
    pub fn in_workspace(&self) -> WorkspaceId {
        self.workspace().expect("only use cases whose target names a workspace ask for it")
    }

    /// The slug of that workspace.
    pub fn workspace_slug(&self) -> &Slug {
        &self.workspace.as_ref().expect("only use cases whose target names a workspace ask for it").slug
    }

    /// The number of that workspace, to which its files on disk belong.
    pub fn workspace_number(&self) -> u32 {
        self.workspace.as_ref().expect("only use cases whose target names a workspace ask for it").number
    }

    /// Whether the person is an administrator of the organization.
    pub fn is_administrator(&self) -> bool {
        self.ties.role == Some(Role::Administrator)
    }

    /// Whether the person may do another thing to the same target: for what an answer shows, never to write.
    pub fn also_allows(&self, action: Action) -> bool {
        decide(action, self.ties) == Verdict::Allow
    }

    /// What the person is to the workspace.
    pub fn tie(&self) -> Option<Tie> {
        self.ties.workspace
    }

    /// The person who acts; `None` when it is the system.
    pub fn person(&self) -> Option<UserId> {
        self.signature.person
    }

    /// The workspace's token that acts, where it is one.
    pub fn token(&self) -> Option<CredentialId> {
        self.signature.token
    }

    pub(super) fn signature(&self) -> &Signature {
        &self.signature
    }

    /// A permit for what the system does by itself to one workspace.
    pub fn system(reason: SystemReason, place: &super::workspaces::Place) -> Self {
        Self {
            signature: Signature::system(reason, Some(place.organization)),
            organization: Organization {
                id: place.organization,
                slug: place.organization_slug.clone(),
                // Before every number that there is: the system takes no snapshot.
                secrets_revision: -1,
            },
            workspace: Some(Workspace {
                id: place.workspace,
                slug: place.workspace_slug.clone(),
                number: place.number,
            }),
            ties: Ties {
                role: None,
                workspace: Some(Tie::None),
                workspace_creation: domain::WorkspaceCreation::Administrators,
            },
        }
    }
}

/// Why the system acts without a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SystemReason {
    /// The first administrator sets the installation up with the one-time code.
    SetUp,
    /// Somebody signs in or fails to.
    SignIn,
    /// The operator acts on the machine.
    Operator,
    /// A server's process ended, or the control plane found out at its own start.
    ServerEnded,
}

/// Proof that a write to what belongs to no organization may be done.
pub struct InstallationPermit {
    signature: Signature,
}

impl InstallationPermit {
    /// For what belongs to the caller alone: their sessions and tokens.
    pub fn own(caller: &Caller) -> Self {
        Self { signature: Signature::person(caller.clone(), None) }
    }

    /// For what happens without a signed-in person.
    pub fn system(reason: SystemReason, address: Option<String>) -> Self {
        Self { signature: Signature { address, ..Signature::system(reason, None) } }
    }

    /// The same permit for an organization that did not exist before, so that its chain begins with its creation.
    pub(super) fn signature_for(&self, organization: OrganizationId) -> Signature {
        Signature { organization: Some(organization), ..self.signature.clone() }
    }

    /// The person who acts; `None` when it is the system or the operator.
    pub fn person(&self) -> Option<UserId> {
        self.signature.person
    }

    pub(super) fn signature(&self) -> &Signature {
        &self.signature
    }
}

/// Who an audit event names, and in whose chain it stands.
#[derive(Clone)]
pub(super) struct Signature {
    pub(super) organization: Option<OrganizationId>,
    pub(super) actor_kind: &'static str,
    pub(super) person: Option<UserId>,
    pub(super) token: Option<CredentialId>,
    pub(super) actor_name: String,
    pub(super) address: Option<String>,
}

impl Signature {
    fn person(caller: Caller, organization: Option<OrganizationId>) -> Self {
        Self {
            organization,
            actor_kind: "person",
            person: Some(caller.user),
            token: None,
            actor_name: caller.name,
            address: caller.address,
        }
    }

    fn of(asker: Runner, organization: Option<OrganizationId>) -> Self {
        match asker {
            Runner::Person(caller) => Self::person(caller, organization),
            Runner::Token(token) => Self {
                organization,
                actor_kind: "token",
                person: None,
                token: Some(token.credential),
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
            SystemReason::ServerEnded => ("system", "server ended"),
        };
        Self { organization, actor_kind, person: None, token: None, actor_name: actor_name.to_owned(), address: None }
    }
}
