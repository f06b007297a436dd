//! Secrets of both scopes. No use case here returns a value, and only a rename unseals one, to seal it again.

mod shapes;
mod steps;

use domain::{Access, AuditAction, Description, Proposal, Resolved, Scope, SecretId, policy::Action};
use serde_json::json;

use super::{
    App, Input, PageRequest, Precondition,
    access::{authorize, organization, workspace},
    drift,
};
use crate::{
    error::{Error, Result},
    random,
    store::{
        Caller,
        audit::{self, Event},
        available as reaching,
        secrets::{self, NewSecret},
        selections, workspaces,
    },
};

pub use shapes::{EditSecret, Listed, Place, Reach, Rights, SetSecret, Warning, Written};
pub(super) use steps::{belongs, check_budget, damaged, finish, scope, workspaces_of};
use steps::{listed, name_warnings, of_organization, rename, select};

pub use crate::store::secrets::{Among, Counts, Secret, Suspension};

/// A page of the organization's secrets, or of some of them.
///
/// # Errors
/// As the order of answers says.
pub async fn list(
    app: &App,
    caller: &Caller,
    slug: &str,
    among: Among,
    page: Input<PageRequest>,
) -> Result<Vec<Listed>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, organization(slug), Action::ListOrganizationSecrets).await?;
    let found = secrets::list(&mut db, &permit, among, &page.checked()?).await?;
    of_organization(&mut db, &permit, found).await
}

/// How many secrets the organization has.
///
/// # Errors
/// As the order of answers says.
pub async fn count(app: &App, caller: &Caller, slug: &str) -> Result<Counts> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, organization(slug), Action::ListOrganizationSecrets).await?;
    Ok(secrets::count(&mut db, &permit).await?)
}

/// Every secret that reaches a workspace, by name, and whether the caller may write the workspace's own.
///
/// # Errors
/// As the order of answers says.
pub async fn available(
    app: &App,
    caller: &Caller,
    organization: &str,
    slug: &str,
) -> Result<(Vec<Resolved<Secret>>, bool)> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, workspace(organization, slug), Action::SeeWorkspace).await?;
    let found = reaching::listed(&mut db, permit.organization(), permit.in_workspace()).await?;
    Ok((domain::resolve(found).into_names(), permit.also_allows(Action::WriteWorkspaceSecrets)))
}

/// What the caller may do with the secrets of a place.
///
/// # Errors
/// As the order of answers says.
pub async fn rights(app: &App, caller: &Caller, place: Place<'_>) -> Result<Rights> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), place.seeing()).await?;
    Ok(Rights { write: permit.also_allows(place.writing()), suspend: permit.also_allows(place.suspending()) })
}

/// Nothing but the question whether the caller may write the secrets of a place: before a form is filled in vain.
///
/// # Errors
/// As the order of answers says.
pub async fn may_write(app: &App, caller: &Caller, place: Place<'_>) -> Result<()> {
    let mut db = app.store.read().await?;
    authorize(&mut db, caller, place.target(), place.writing()).await.map(drop)
}

/// One secret of the place itself.
///
/// # Errors
/// As the order of answers says.
pub async fn get(app: &App, caller: &Caller, place: Place<'_>, name: &str) -> Result<Listed> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), place.reading()).await?;
    let secret = secrets::find(&mut db, &permit, name).await?.ok_or(Error::NotFound)?;
    listed(&mut db, &permit, secret).await
}

/// Creates a secret or writes its next version.
///
/// # Errors
/// [`Error::Conflict`] when the caller wanted to create and the name is taken, [`Error::Invalid`] for a budget that
/// would be exceeded or a workspace that does not exist, [`Error::Sealed`] without a key; otherwise as the order of
/// answers says.
pub async fn set(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    name: &str,
    expected: Precondition,
    input: Input<SetSecret>,
) -> Result<Written> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.writing()).await?;
    let known = secrets::find(&mut tx, &permit, name).await?;
    expected.check(known.as_ref().map(|secret| secret.revision.as_str()))?;
    let input = input.checked()?;

    let now = permit.now();
    let key = app.keyring.sealing_key(&mut tx, permit.organization()).await?;
    let (id, version) = match &known {
        Some(secret) => (secret.id, secret.version + 1),
        None => (SecretId::new(now, random::bytes()), 1),
    };
    let before = match &known {
        Some(secret) => drift::as_they_are(&mut tx, &permit, &[secret]).await?,
        None => vec![Proposal::none(id)],
    };
    let belongs = belongs(&permit, id, &input.name, version);
    let sealed = app.keyring.seal(&key, &belongs, &input.value)?;
    let access = input.reach.after_write(known.as_ref().map(|secret| secret.access));
    let description = input.description.as_ref().map(Description::as_str);
    let action = match &known {
        None => {
            let description = description.unwrap_or_default();
            let new = NewSecret { id, name: &input.name, access, description, sealed: &sealed };
            secrets::insert(&mut tx, &permit, &new, now).await?;
            AuditAction::SecretCreated
        }
        Some(secret) => {
            secrets::add_version(&mut tx, &permit, secret, &sealed, None, now).await?;
            if access != secret.access || description.is_some() {
                let description = description.unwrap_or(&secret.description);
                secrets::update(&mut tx, &permit, secret, description, access, now).await?;
            }
            AuditAction::SecretVersionWritten
        }
    };
    select(&mut tx, &permit, id, input.reach.workspaces.as_deref()).await?;
    check_budget(&mut tx, &permit).await?;
    let mut warnings: Vec<Warning> = input.value_warnings.into_iter().map(Warning::from).collect();
    if known.is_none() {
        warnings.extend(name_warnings(&mut tx, &permit, &input.name).await?);
    }
    let event = Event::new(action, "secret", id, &input.name).with(json!({
        "scope": scope(&permit).as_str(),
        "version": version,
        "access": access.as_str(),
        "workspaces": input.reach.workspaces,
    }));
    let stale = drift::consequences(app, &mut tx, &permit, &before).await?;
    finish(tx, permit, &input.name, event, known.is_none(), warnings, stale).await
}

/// Changes description, access, selection or name; the value stays.
///
/// # Errors
/// As [`set`]; [`Error::NotFound`] when there is no such secret, [`Error::Conflict`] when the new name is taken.
pub async fn edit(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    name: &str,
    expected: Precondition,
    input: Input<EditSecret>,
) -> Result<Written> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.writing()).await?;
    let known = secrets::find(&mut tx, &permit, name).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    let input = input.checked()?;

    let before = drift::as_they_are(&mut tx, &permit, &[&known]).await?;
    let now = permit.now();
    let access = input.reach.after_write(Some(known.access));
    let description = input.description.as_ref().map_or(known.description.as_str(), Description::as_str);
    secrets::update(&mut tx, &permit, &known, description, access, now).await?;
    select(&mut tx, &permit, known.id, input.reach.workspaces.as_deref()).await?;
    let details = json!({
        "scope": scope(&permit).as_str(),
        "access": access.as_str(),
        "workspaces": input.reach.workspaces,
    });
    let edited = Event::new(AuditAction::SecretEdited, "secret", known.id, &known.name).with(details);
    let (event, name, warnings) = match input.name.filter(|name| *name != known.name) {
        None => (edited, known.name, Vec::new()),
        Some(new_name) => {
            rename(app, &mut tx, &permit, &known, &new_name).await?;
            audit::record(&mut tx, &permit, edited).await?;
            let warnings = name_warnings(&mut tx, &permit, &new_name).await?;
            let renamed = Event::new(AuditAction::SecretRenamed, "secret", known.id, &new_name)
                .with(json!({ "scope": scope(&permit).as_str(), "from": known.name.as_str() }));
            (renamed, new_name, warnings)
        }
    };
    check_budget(&mut tx, &permit).await?;
    let stale = drift::consequences(app, &mut tx, &permit, &before).await?;
    finish(tx, permit, &name, event, false, warnings, stale).await
}

/// Adds one workspace to a secret's selection, or takes it out.
///
/// # Errors
/// [`Error::Conflict`] when the secret reaches all workspaces, [`Error::NotFound`] without secret or workspace;
/// otherwise as the order of answers says.
pub async fn select_one(
    app: &App,
    caller: &Caller,
    slug: &str,
    name: &str,
    workspace_slug: &str,
    selected: bool,
    expected: Precondition,
) -> Result<Written> {
    let mut tx = app.store.write(slug).await?;
    let permit = authorize(&mut tx, caller, organization(slug), Action::WriteOrganizationSecrets).await?;
    let known = secrets::find(&mut tx, &permit, name).await?.ok_or(Error::NotFound)?;
    let workspace = workspaces::id_of(&mut tx, &permit, workspace_slug).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    if known.access == Access::All {
        return Err(Error::Conflict(
            "this secret reaches all workspaces; nothing was changed; give it access `selected` first".into(),
        ));
    }
    let before = drift::as_they_are(&mut tx, &permit, &[&known]).await?;
    let now = permit.now();
    selections::set(&mut tx, &permit, known.id, workspace, selected, now).await?;
    secrets::update(&mut tx, &permit, &known, &known.description, known.access, now).await?;
    check_budget(&mut tx, &permit).await?;
    let change = if selected { "selected" } else { "deselected" };
    let event = Event::new(AuditAction::SecretEdited, "secret", known.id, &known.name)
        .with(json!({ "scope": Scope::Organization.as_str(), change: workspace_slug }));
    let stale = drift::consequences(app, &mut tx, &permit, &before).await?;
    finish(tx, permit, &known.name, event, false, Vec::new(), stale).await
}

/// Deletes a secret: its name is free at once, and its servers differ until they restart.
///
/// # Errors
/// As the order of answers says.
pub async fn delete(app: &App, caller: &Caller, place: Place<'_>, name: &str, expected: Precondition) -> Result<()> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.writing()).await?;
    let known = secrets::find(&mut tx, &permit, name).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    let now = permit.now();
    secrets::delete(&mut tx, &permit, &known, now).await?;
    let event = Event::new(AuditAction::SecretDeleted, "secret", known.id, &known.name)
        .with(json!({ "scope": scope(&permit).as_str() }));
    Ok(audit::commit(tx, permit, event).await?)
}
