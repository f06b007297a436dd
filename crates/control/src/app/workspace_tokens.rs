//! The tokens with which a workspace's runs are started.

use domain::{AuditAction, CredentialId, DisplayName, Time, policy::Action};
use zeroize::Zeroizing;

use super::{
    App, Input,
    access::{authorize, workspace},
    token::{self, Kind},
    tokens::{at_most, not_after, not_past},
};
use crate::{
    clock,
    error::{Error, Result},
    random,
    store::{
        Caller, Who,
        audit::{self, Event},
        workspace_tokens::{self, NewWorkspaceToken},
    },
};

pub use crate::store::workspace_tokens::Listed;

/// What an owner wants a token for.
pub struct NewToken {
    /// What they call it.
    pub name: DisplayName,
    /// When it ends; `None` for never.
    pub expires_at: Option<Time>,
}

/// The workspace's tokens, oldest first.
///
/// # Errors
/// As the order of answers says.
pub async fn list(app: &App, caller: &Caller, organization: &str, slug: &str) -> Result<Vec<Listed>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, workspace(organization, slug), Action::SeeWorkspaceTokens).await?;
    Ok(workspace_tokens::list(&mut db, &permit, clock::now()).await?)
}

/// Makes a token; its text is shown this once.
///
/// # Errors
/// As the order of answers says.
pub async fn create(
    app: &App,
    caller: &Caller,
    organization: &str,
    slug: &str,
    input: Input<NewToken>,
) -> Result<(Listed, Zeroizing<String>)> {
    let mut tx = app.store.write(organization).await?;
    let permit = authorize(&mut tx, caller, workspace(organization, slug), Action::ManageWorkspace).await?;
    let NewToken { name, expires_at } = input.checked()?;
    let now = permit.now();
    not_past(expires_at, now)?;
    not_after(expires_at, caller)?;
    let id = CredentialId::new(now, random::bytes());
    let (text, secret_hash) = token::write(Kind::Workspace, id);
    let new = NewWorkspaceToken { id, name: name.as_str().to_owned(), secret_hash, expires_at };
    at_most(workspace_tokens::list(&mut tx, &permit, now).await?.len())?;
    workspace_tokens::insert(&mut tx, &permit, &new, now).await?;
    let event = Event::new(AuditAction::TokenCreated, "token", id, &new.name);
    let created_by = Some(Who { id: caller.user(), name: caller.name().to_owned() });
    audit::commit(tx, permit, event).await?;
    Ok((Listed { id, name: new.name, created_by, created_at: now, last_used_at: None, expires_at }, text))
}

/// Revokes a token at once.
///
/// # Errors
/// As the order of answers says.
pub async fn revoke(app: &App, caller: &Caller, organization: &str, slug: &str, id: &str) -> Result<()> {
    let mut tx = app.store.write(organization).await?;
    let permit = authorize(&mut tx, caller, workspace(organization, slug), Action::ManageWorkspace).await?;
    let now = permit.now();
    let name = workspace_tokens::revoke(&mut tx, &permit, id, now).await?.ok_or(Error::NotFound)?;
    let event = Event::new(AuditAction::TokenRevoked, "token", id, name);
    Ok(audit::commit(tx, permit, event).await?)
}
