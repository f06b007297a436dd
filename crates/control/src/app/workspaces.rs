//! Workspaces and their owners.

use std::collections::HashMap;

use domain::{AuditAction, Description, DisplayName, Slug, WorkspaceId, WorkspaceRole, policy::Action};
use serde_json::json;

use super::{
    App, Input, Precondition,
    access::{authorize, organization, workspace},
    drift, processes, servers,
};
use crate::{
    error::{Error, Result},
    random,
    store::{
        Caller, Connection, PageRequest, Permit,
        audit::{self, Event},
        collaborators, installation, members,
        servers::Among as Servers,
        workspaces::{self, Among, Workspace},
    },
};

/// A workspace as somebody sees it.
pub struct Seen {
    /// The workspace.
    pub workspace: Workspace,
    /// What the reader is to it.
    pub role: WorkspaceRole,
    /// How many of its running servers need a restart.
    pub restart_needed: u32,
}

/// Which of the workspaces that somebody may see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Showing {
    /// All.
    All,
    /// Those in which a server may be alive.
    Running,
    /// Those with a running server that needs a restart.
    RestartNeeded,
    /// Those that they own.
    Mine,
}

/// A workspace about to be created.
pub struct NewWorkspace {
    /// Its name.
    pub name: DisplayName,
    /// Its slug.
    pub slug: Slug,
    /// What it is for.
    pub description: Option<Description>,
}

/// What an edit changes; what is not mentioned stays.
pub struct EditWorkspace {
    /// Another name.
    pub name: Option<DisplayName>,
    /// Another slug.
    pub slug: Option<Slug>,
    /// Another description.
    pub description: Option<Description>,
}

/// A page of the workspaces that the caller may see, or of some of them.
///
/// # Errors
/// As the order of answers says.
pub async fn list(
    app: &App,
    caller: &Caller,
    slug: &str,
    showing: Showing,
    page: Input<PageRequest>,
) -> Result<Vec<Seen>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, organization(slug), Action::SeeOrganization).await?;
    let page = page.checked()?;
    let found = match showing {
        Showing::All => workspaces::list(&mut db, &permit, Among::All, &page).await?,
        Showing::Running => workspaces::list(&mut db, &permit, Among::Running, &page).await?,
        Showing::Mine => workspaces::list(&mut db, &permit, Among::Mine, &page).await?,
        Showing::RestartNeeded => {
            let everywhere = Servers::Organization(permit.organization());
            let stale = drift::stale(app, &mut db, permit.organization(), everywhere).await?;
            let stale = stale.into_iter().map(|(server, _)| server.workspace).collect();
            workspaces::list(&mut db, &permit, Among::These(&stale), &page).await?
        }
    };
    seen(app, &mut db, &permit, found).await
}

/// One workspace.
///
/// # Errors
/// As the order of answers says.
pub async fn get(app: &App, caller: &Caller, organization: &str, slug: &str) -> Result<Seen> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, workspace(organization, slug), Action::SeeWorkspace).await?;
    read_back(app, &mut db, &permit).await
}

/// Creates a workspace of the caller.
///
/// # Errors
/// [`Error::Conflict`] when the slug is taken; otherwise as the order of answers says.
pub async fn create(app: &App, caller: &Caller, slug: &str, input: Input<NewWorkspace>) -> Result<Seen> {
    let mut tx = app.store.write(slug).await?;
    let permit = authorize(&mut tx, caller, organization(slug), Action::CreateWorkspace).await?;
    let new = input.checked()?;
    let now = permit.now();
    let id = WorkspaceId::new(now, random::bytes());
    let number = installation::next_workspace_number(&mut tx, &permit).await?;
    let description = new.description.as_ref().map_or("", Description::as_str);
    workspaces::insert(&mut tx, &permit, id, number, &new.slug, new.name.as_str(), description, now).await?;
    let event = Event::new(AuditAction::WorkspaceCreated, "workspace", id, new.slug.as_str());
    let created = authorize(&mut tx, caller, workspace(slug, new.slug.as_str()), Action::SeeWorkspace).await?;
    let created = read_back(app, &mut tx, &created).await?;
    audit::commit(tx, permit, event).await?;
    Ok(created)
}

/// Changes name, slug and description.
///
/// # Errors
/// [`Error::Conflict`] when the slug is taken; otherwise as the order of answers says.
pub async fn edit(
    app: &App,
    caller: &Caller,
    organization: &str,
    slug: &str,
    expected: Precondition,
    input: Input<EditWorkspace>,
) -> Result<Seen> {
    let mut tx = app.store.write(organization).await?;
    let permit = authorize(&mut tx, caller, workspace(organization, slug), Action::ManageWorkspace).await?;
    let known = workspaces::get(&mut tx, &permit).await?;
    expected.check(Some(&known.revision))?;
    let input = input.checked()?;
    let new_slug = input.slug.as_ref().unwrap_or(&known.slug);
    let name = input.name.as_ref().map_or(known.name.as_str(), DisplayName::as_str);
    let description = input.description.as_ref().map_or(known.description.as_str(), Description::as_str);
    let now = permit.now();
    workspaces::update(&mut tx, &permit, new_slug, name, description, now).await?;
    let edited = read_back(app, &mut tx, &permit).await?;
    let event = Event::new(AuditAction::WorkspaceEdited, "workspace", known.id, new_slug.as_str())
        .with(json!({ "from": known.slug.as_str(), "name": name }));
    audit::commit(tx, permit, event).await?;
    Ok(edited)
}

/// Gives a workspace to another member; the old owner becomes a collaborator.
///
/// # Errors
/// [`Error::Invalid`] when the person is no member; otherwise as the order of answers says.
pub async fn give(
    app: &App,
    caller: &Caller,
    organization: &str,
    slug: &str,
    expected: Precondition,
    input: Input<String>,
) -> Result<()> {
    let mut tx = app.store.write(organization).await?;
    let permit = authorize(&mut tx, caller, workspace(organization, slug), Action::GiveOrDeleteWorkspace).await?;
    let known = workspaces::get(&mut tx, &permit).await?;
    expected.check(Some(&known.revision))?;
    let person = input.checked()?;
    let member = members::find(&mut tx, &permit, &person).await?.ok_or_else(|| {
        Error::invalid("user", "not_a_member", "This person is not in the organization, so they can't own a workspace.")
    })?;
    if member.id == known.owner.id {
        return Ok(());
    }
    let now = permit.now();
    collaborators::remove(&mut tx, &permit, member.id).await?;
    collaborators::insert(&mut tx, &permit, known.owner.id, now).await?;
    workspaces::set_owner(&mut tx, &permit, member.id, now).await?;
    let event = Event::new(AuditAction::WorkspaceGiven, "workspace", known.id, slug).with(
        json!({ "from": known.owner.name, "to": member.name, "by_owner": permit.person() == Some(known.owner.id) }),
    );
    Ok(audit::commit(tx, permit, event).await?)
}

/// Deletes a workspace softly.
///
/// # Errors
/// [`Error::Conflict`] while servers run, unless the caller wants them stopped; otherwise as the order of answers says.
pub async fn delete(
    app: &App,
    caller: &Caller,
    organization: &str,
    slug: &str,
    expected: Precondition,
    stop: Input<bool>,
) -> Result<()> {
    let mut tx = app.store.write(organization).await?;
    let permit = authorize(&mut tx, caller, workspace(organization, slug), Action::GiveOrDeleteWorkspace).await?;
    let known = workspaces::get(&mut tx, &permit).await?;
    expected.check(Some(&known.revision))?;
    let stop = stop.checked()?;
    if known.alive > 0 && !stop {
        return Err(Error::Conflict(
            "servers of this workspace are running; nothing was deleted; stop them first, or have them stopped with it"
                .into(),
        ));
    }
    let now = permit.now();
    let stopping = servers::mark_all_stopping(app, &mut tx, &permit).await?;
    workspaces::delete(&mut tx, &permit, now).await?;
    let event = Event::new(AuditAction::WorkspaceDeleted, "workspace", known.id, slug);
    let app = app.clone();
    processes::to_the_end(async move {
        match audit::commit(tx, permit, event).await {
            Ok(()) => stopping.into_iter().for_each(|(_, start)| processes::stop(&app, start)),
            Err(error) => return Err(processes::not_committed(&app, stopping, error)),
        }
        Ok(())
    })
    .await
}

async fn read_back(app: &App, db: &mut Connection, permit: &Permit) -> Result<Seen> {
    let workspace = workspaces::get(db, permit).await?;
    seen(app, db, permit, vec![workspace]).await?.pop().ok_or(Error::NotFound)
}

async fn seen(app: &App, db: &mut Connection, permit: &Permit, found: Vec<Workspace>) -> Result<Vec<Seen>> {
    let alive: Vec<_> = found.iter().filter(|workspace| workspace.alive > 0).map(|workspace| workspace.id).collect();
    let mut stale: HashMap<WorkspaceId, u32> = HashMap::new();
    for (server, _) in drift::stale(app, db, permit.organization(), Servers::Workspaces(&alive)).await? {
        *stale.entry(server.workspace).or_default() += 1;
    }
    let seen = |workspace: Workspace| Seen {
        role: WorkspaceRole::of(permit.person() == Some(workspace.owner.id), workspace.reader_collaborates),
        restart_needed: stale.get(&workspace.id).copied().unwrap_or_default(),
        workspace,
    };
    Ok(found.into_iter().map(seen).collect())
}
