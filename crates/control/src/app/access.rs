//! Who may: the one place where a permit is asked for.

use domain::policy::{Action, TokenNeeds};

use super::App;
use crate::{
    clock,
    error::{Error, Result},
    store::{
        Caller, Connection, Permit, Runner, WorkspaceToken,
        access::{Denied, NoStanding, Target, standing, standing_of_token},
    },
};

/// Something of an organization itself.
pub fn organization(organization: &str) -> Target<'_> {
    Target { organization, workspace: None }
}

/// Something of a workspace.
pub fn workspace<'a>(organization: &'a str, workspace: &'a str) -> Target<'a> {
    Target { organization, workspace: Some(workspace) }
}

/// Whether the caller may do this to the target, as the database says in the transaction that will do it.
///
/// # Errors
/// In this order: [`Error::Unauthenticated`] when the credential was revoked meanwhile, [`Error::NotFound`] where the
/// caller may not know of the target, [`Error::Forbidden`] where the role or the token does not suffice.
pub async fn authorize(db: &mut Connection, caller: &Caller, target: Target<'_>, action: Action) -> Result<Permit> {
    match standing(db, caller, target, clock::now()).await? {
        Err(NoStanding::CredentialGone) => Err(Error::Unauthenticated),
        Err(NoStanding::TargetMissing) => Err(Error::NotFound),
        Ok(standing) => standing.permit(action).map_err(|denied| match denied {
            Denied::Hidden => Error::NotFound,
            Denied::Role => Error::Forbidden(who_may(action).into()),
            Denied::Token => Error::Forbidden(which_token_may(action.token_needs()).into()),
        }),
    }
}

/// The same for somebody who may want to start runs. A workspace's token need not name its workspace, and is told nothing
/// of others.
///
/// # Errors
/// As [`authorize`]; [`Error::Invalid`] when a person names no workspace, [`Error::Forbidden`] for a workspace's token
/// anywhere but in its own.
pub async fn authorize_runner(
    db: &mut Connection,
    runner: &Runner,
    organization: &str,
    slug: Option<&str>,
    action: Action,
) -> Result<Permit> {
    let token = match runner {
        Runner::Person(caller) => {
            let missing = || Error::invalid("workspace", "missing", "Say which workspace, by its slug.");
            return authorize(db, caller, workspace(organization, slug.ok_or_else(missing)?), action).await;
        }
        Runner::Token(token) => token,
    };
    let standing = standing_of_token(db, token, clock::now()).await?.ok_or(Error::Unauthenticated)?;
    if !standing.is_at(organization, slug) {
        return Err(not_for_workspace_tokens());
    }
    standing.permit(action).map_err(|_| not_for_workspace_tokens())
}

/// What a workspace's token is told wherever it is of no use, if it still holds.
pub async fn refuse(app: &App, token: &WorkspaceToken) -> Error {
    let standing = async { Ok(standing_of_token(&mut *app.store.read().await?, token, clock::now()).await?) };
    match standing.await {
        Ok(Some(_)) => not_for_workspace_tokens(),
        Ok(None) => Error::Unauthenticated,
        Err(error) => error,
    }
}

fn not_for_workspace_tokens() -> Error {
    Error::Forbidden(
        "a workspace's token only starts runs of its own workspace; nothing was done; use a personal token".into(),
    )
}

/// Who could do it instead, for the person who can't.
fn who_may(action: Action) -> &'static str {
    match action {
        Action::CreateWorkspace => {
            "only administrators may create workspaces here; nothing was done; ask one, or have the organization's \
             setting changed"
        }
        Action::WriteWorkspaceSecrets
        | Action::PreviewWorkspaceSecrets
        | Action::ManageWorkspace
        | Action::SeeWorkspaceTokens => "only the workspace's owner may do this; nothing was done; ask the owner",
        Action::UseServers | Action::ReadServerLogs | Action::StartRuns => {
            "only the workspace's owner and collaborators may do this; nothing was done; ask the owner for access"
        }
        Action::GiveOrDeleteWorkspace
        | Action::SuspendWorkspaceSecrets
        | Action::SeeHolders
        | Action::RestartHolders => {
            "only the workspace's owner or an administrator may do this; nothing was done; ask one of them"
        }
        Action::AdministerOrganization
        | Action::ReadAuditLog
        | Action::ListOrganizationSecrets
        | Action::ListRestarts
        | Action::WriteOrganizationSecrets
        | Action::SuspendOrganizationSecrets => {
            "only administrators of the organization may do this; nothing was done; ask one of them"
        }
        // Whoever may know of the thing may do these.
        Action::SeeOrganization
        | Action::ListMembers
        | Action::SeeWorkspace
        | Action::SeeEnvironment
        | Action::StopServers => "you may not do this; nothing was done",
    }
}

fn which_token_may(needs: TokenNeeds) -> &'static str {
    match needs {
        TokenNeeds::OrganizationSecrets => {
            "this token may not write organization secrets; nothing was done; make one with full access and the \
             permission for organization secrets"
        }
        TokenNeeds::Full | TokenNeeds::Reading => {
            "this token may only read; nothing was done; make one with full access"
        }
    }
}
