//! What many callers may at one moment, for what is told to all who may know of it.

use std::collections::{HashMap, HashSet};

use domain::{
    CredentialId, OrganizationId, Role, Time, WorkspaceCreation, WorkspaceId,
    policy::{Action, Tie, Ties, Verdict, decide},
};

use crate::store::{
    Connection, Result,
    driver::sql,
    set::{Set, one_of},
};

/// The members behind some credentials that still hold, and their ties to some workspaces.
pub struct Audience {
    asked: HashSet<CredentialId>,
    roles: HashMap<CredentialId, Role>,
    ties: HashMap<(CredentialId, WorkspaceId), Tie>,
}

impl Audience {
    /// Reads it in two queries, however many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(
        db: &mut Connection,
        organization: OrganizationId,
        asked: HashSet<CredentialId>,
        workspaces: impl IntoIterator<Item = WorkspaceId>,
        now: Time,
    ) -> Result<Self> {
        let roles = sql(concat!(
            "SELECT c.id, m.role FROM credentials c JOIN members m ON m.organization_id = $1 AND m.user_id = c.user_id \
             WHERE c.kind <> 'workspace' AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $3) \
             AND c.id IN ",
            one_of!("$2")
        ))
        .bind(organization)
        .bind(asked.iter().collect::<Set>())
        .bind(now)
        .all(db, |row| Ok((row.get("id")?, row.get("role")?)))
        .await?;
        let roles: HashMap<CredentialId, Role> = roles.into_iter().collect();
        let ties = sql(concat!(
            "SELECT c.id, w.id AS workspace_id, CASE WHEN w.owner_id = c.user_id THEN 1 ELSE 0 END AS owns, \
             CASE WHEN k.user_id IS NOT NULL THEN 1 ELSE 0 END AS collaborates FROM workspaces w \
             CROSS JOIN credentials c LEFT JOIN collaborators k ON k.workspace_id = w.id AND k.user_id = c.user_id \
             WHERE w.organization_id = $1 AND w.deleted_at IS NULL AND (w.owner_id = c.user_id OR k.user_id IS NOT NULL) \
             AND w.id IN ",
            one_of!("$2"),
            " AND c.id IN ",
            one_of!("$3")
        ))
        .bind(organization)
        .bind(workspaces.into_iter().collect::<Set>())
        .bind(roles.keys().collect::<Set>())
        .all(db, |row| {
            Ok(((row.get("id")?, row.get("workspace_id")?), Tie::of(row.get("owns")?, row.get("collaborates")?)))
        })
        .await?;
        Ok(Self { asked, roles, ties: ties.into_iter().collect() })
    }

    /// Whether a credential that was asked about stands for no member of the organization any more.
    pub fn has_lost(&self, credential: CredentialId) -> bool {
        self.asked.contains(&credential) && !self.roles.contains_key(&credential)
    }

    /// Whether somebody may do this, in a workspace where one is given.
    pub fn may(&self, credential: CredentialId, action: Action, workspace: Option<WorkspaceId>) -> bool {
        let tie = |workspace| self.ties.get(&(credential, workspace)).copied().unwrap_or(Tie::None);
        let ties = Ties {
            role: self.roles.get(&credential).copied(),
            workspace: workspace.map(tie),
            workspace_creation: WorkspaceCreation::Administrators,
        };
        decide(action, ties) == Verdict::Allow
    }
}
