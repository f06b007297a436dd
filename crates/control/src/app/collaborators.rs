//! Members to whom a workspace's owner gives access.

use domain::{AuditAction, policy::Action};

use super::{
    App,
    access::{authorize, workspace},
};
use crate::{
    error::{Error, Result},
    store::{
        Caller,
        audit::{self, Event},
        collaborators, members, workspaces,
    },
};

pub use crate::store::collaborators::Collaborator;

/// The workspace's collaborators, by name.
///
/// # Errors
/// As the order of answers says.
pub async fn list(app: &App, caller: &Caller, organization: &str, slug: &str) -> Result<Vec<Collaborator>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, workspace(organization, slug), Action::SeeWorkspace).await?;
    Ok(collaborators::list(&mut db, &permit).await?)
}

/// Gives a member of the organization access; doing it again changes nothing.
///
/// # Errors
/// [`Error::Invalid`] when the person is no member or the owner; otherwise as the order of answers says.
pub async fn add(app: &App, caller: &Caller, organization: &str, slug: &str, person: &str) -> Result<()> {
    let mut tx = app.store.write(organization).await?;
    let permit = authorize(&mut tx, caller, workspace(organization, slug), Action::ManageWorkspace).await?;
    let member = members::find(&mut tx, &permit, person).await?.ok_or_else(|| {
        Error::invalid(
            "user",
            "not_a_member",
            "This person is not in the organization, so they can't get access. The operator adds people to it.",
        )
    })?;
    if workspaces::get(&mut tx, &permit).await?.owner.id == member.id {
        return Err(Error::invalid("user", "is_owner", "The owner has access already."));
    }
    let now = permit.now();
    if !collaborators::insert(&mut tx, &permit, member.id, now).await? {
        return Ok(());
    }
    let event = Event::new(AuditAction::CollaboratorAdded, "person", member.id, &member.name);
    Ok(audit::commit(tx, permit, event).await?)
}

/// Takes a person's access away.
///
/// # Errors
/// [`Error::NotFound`] when they have none; otherwise as the order of answers says.
pub async fn remove(app: &App, caller: &Caller, organization: &str, slug: &str, person: &str) -> Result<()> {
    let mut tx = app.store.write(organization).await?;
    let permit = authorize(&mut tx, caller, workspace(organization, slug), Action::ManageWorkspace).await?;
    let member = members::find(&mut tx, &permit, person).await?.ok_or(Error::NotFound)?;
    if !collaborators::remove(&mut tx, &permit, member.id).await? {
        return Err(Error::NotFound);
    }
    let event = Event::new(AuditAction::CollaboratorRemoved, "person", member.id, &member.name);
    Ok(audit::commit(tx, permit, event).await?)
}
