//! Who may: callers, standings and permits.
//!
//! A [`Permit`] can only be made from a [`Standing`], and a standing can only be read from the database: so no write
//! can be asked for by code that has not asked first whether the caller may.

mod audience;
mod callers;
mod permits;

use domain::{
    CredentialId, OrganizationId, Slug, Time, UserId, WorkspaceId,
    policy::{Action, Tie, Ties, Verdict, decide},
};

use super::{
    Connection, Result,
    driver::{Row, sql},
};

pub use audience::Audience;
pub use callers::{Caller, Runner, WorkspaceToken};
pub use permits::{Home, InstallationPermit, Location, Permit, SystemReason};
pub(super) use {callers::Rights, permits::Signature};

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
    /// What the credential may at this moment; `None` where the permission table alone says it.
    rights: Option<Rights>,
    organization: Organization,
    workspace: Option<Workspace>,
    ties: Ties,
    secrets_revision: i64,
    now: Time,
}

#[derive(Clone, Debug)]
struct Organization {
    id: OrganizationId,
    slug: Slug,
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
    let found = sql("SELECT c.access, c.organization_secrets, o.id AS organization_id, o.slug AS organization_slug, \
             o.workspace_creation, o.secrets_revision, m.role, w.id AS workspace_id, w.slug AS workspace_slug, w.number, \
             CASE WHEN w.owner_id = c.user_id THEN 1 ELSE 0 END AS owns, \
             CASE WHEN k.user_id IS NOT NULL THEN 1 ELSE 0 END AS collaborates \
         FROM credentials c \
         LEFT JOIN organizations o ON o.slug = $2 \
         LEFT JOIN members m ON m.organization_id = o.id AND m.user_id = c.user_id \
         LEFT JOIN workspaces w ON w.organization_id = o.id AND w.slug = $3 AND w.deleted_at IS NULL \
         LEFT JOIN collaborators k ON k.workspace_id = w.id AND k.user_id = c.user_id \
         WHERE c.id = $1 AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $4)")
    .bind(caller.credential())
    .bind(target.organization)
    .bind(target.workspace)
    .bind(now)
    .optional(db, |row| read_standing(row, caller, target, now))
    .await?;
    Ok(match found {
        None => Err(NoStanding::CredentialGone),
        Some(None) => Err(NoStanding::TargetMissing),
        Some(Some(standing)) => Ok(standing),
    })
}

fn read_standing(row: &Row, caller: &Caller, target: Target<'_>, now: Time) -> Result<Option<Standing>> {
    let Some(organization_id) = row.get("organization_id")? else { return Ok(None) };
    let workspace = match target.workspace {
        None => None,
        Some(_) => match row.get::<Option<WorkspaceId>>("workspace_id")? {
            None => return Ok(None),
            Some(id) => Some(Workspace { id, slug: row.get("workspace_slug")?, number: row.get("number")? }),
        },
    };
    let tie = Tie::of(row.get("owns")?, row.get("collaborates")?);
    Ok(Some(Standing {
        asker: Runner::Person(caller.clone()),
        rights: Some(Rights::read(row)?),
        organization: Organization { id: organization_id, slug: row.get("organization_slug")? },
        secrets_revision: row.get("secrets_revision")?,
        now,
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
            rights: None,
            organization: Organization { id: row.get("organization_id")?, slug: row.get("organization_slug")? },
            secrets_revision: row.get("secrets_revision")?,
            now,
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

/// The same for a person who asked for something that goes on after their request, in one workspace: what they are now.
/// `None` where there is no such workspace any more, or the token that they had shown was revoked. A session may have
/// ended, and a token may have expired: they held when the person asked.
///
/// # Errors
/// When the database fails.
pub async fn standing_of_asker(
    db: &mut Connection,
    (person, credential): (UserId, CredentialId),
    workspace: WorkspaceId,
    now: Time,
) -> Result<Option<Standing>> {
    sql("SELECT u.name AS user_name, o.id AS organization_id, o.slug AS organization_slug, o.workspace_creation, \
             o.secrets_revision, m.role, w.id AS workspace_id, w.slug AS workspace_slug, w.number, \
             CASE WHEN w.owner_id = u.id THEN 1 ELSE 0 END AS owns, \
             CASE WHEN k.user_id IS NOT NULL THEN 1 ELSE 0 END AS collaborates \
         FROM users u JOIN credentials c ON c.user_id = u.id JOIN workspaces w ON w.id = $3 \
         JOIN organizations o ON o.id = w.organization_id \
         LEFT JOIN members m ON m.organization_id = o.id AND m.user_id = u.id \
         LEFT JOIN collaborators k ON k.workspace_id = w.id AND k.user_id = u.id \
         WHERE u.id = $1 AND c.id = $2 AND (c.kind = 'session' OR c.revoked_at IS NULL) AND w.deleted_at IS NULL")
    .bind(person)
    .bind(credential)
    .bind(workspace)
    .optional(db, |row| {
        Ok(Standing {
            asker: Runner::Person(Caller::absent(person, row.get("user_name")?, credential)),
            rights: None,
            organization: Organization { id: row.get("organization_id")?, slug: row.get("organization_slug")? },
            secrets_revision: row.get("secrets_revision")?,
            now,
            ties: Ties {
                role: row.get("role")?,
                workspace: Some(Tie::of(row.get("owns")?, row.get("collaborates")?)),
                workspace_creation: row.get("workspace_creation")?,
            },
            workspace: Some(Workspace {
                id: row.get("workspace_id")?,
                slug: row.get("workspace_slug")?,
                number: row.get("number")?,
            }),
        })
    })
    .await
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
    /// Whether the organization has this slug, and so has the workspace where one is named.
    pub fn is_at(&self, organization: &str, workspace: Option<&str>) -> bool {
        let own = self.workspace.as_ref().map(|workspace| workspace.slug.as_str());
        self.organization.slug.as_str() == organization && (workspace.is_none() || workspace == own)
    }

    /// Asks the permission table, then the token's own limits.
    ///
    /// # Errors
    /// [`Denied`], saying how much the caller may learn.
    pub fn permit(self, action: Action) -> std::result::Result<Permit, Denied> {
        match decide(action, self.ties) {
            Verdict::Hide => Err(Denied::Hidden),
            Verdict::Forbid => Err(Denied::Role),
            Verdict::Allow if self.rights.is_some_and(|rights| !rights.carry(action.token_needs())) => {
                Err(Denied::Token)
            }
            Verdict::Allow => Ok(Permit::of(self)),
        }
    }
}
