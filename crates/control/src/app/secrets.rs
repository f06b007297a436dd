//! Secrets of both scopes. No use case here returns a value, and only a rename unseals one, to seal it again.

use std::collections::HashMap;

use domain::{
    Access, AuditAction, Available, Description, NameWarning, ORGANIZATION_BUDGET, Resolved, Scope, SecretId,
    SecretName, ValueWarning, WORKSPACE_BUDGET, policy::Action,
};
use envelope::Plaintext;
use serde_json::json;

use super::{
    App, Input, Precondition,
    access::{authorize, organization, workspace},
    drift,
    keyring::Belongs,
};
use crate::{
    clock,
    error::{Error, Result},
    random,
    store::{
        Caller, Connection, PageRequest, Permit, Writing,
        access::Target,
        audit::{self, Event},
        secrets::{self, NewSecret},
        selections::{self, Selection},
        workspaces,
    },
};

pub use crate::store::secrets::Secret;

/// Whose secrets: an organization's, or one workspace's own.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The organization's slug.
    pub organization: &'a str,
    /// The workspace's slug, for its own secrets.
    pub workspace: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn target(self) -> Target<'a> {
        match self.workspace {
            None => organization(self.organization),
            Some(slug) => workspace(self.organization, slug),
        }
    }

    fn reading(self) -> Action {
        if self.workspace.is_none() { Action::ListOrganizationSecrets } else { Action::SeeWorkspace }
    }

    fn writing(self) -> Action {
        if self.workspace.is_none() { Action::WriteOrganizationSecrets } else { Action::WriteWorkspaceSecrets }
    }
}

/// A secret with the workspaces that are selected for it.
#[derive(Clone)]
pub struct Listed {
    /// The secret.
    pub secret: Secret,
    /// Its selection, for an organization secret.
    pub selection: Selection,
}

/// What a write answers: the secret, what to be careful about, and which servers now differ.
pub struct Written {
    /// The secret as it is now.
    pub listed: Listed,
    /// Whether the write created it.
    pub created: bool,
    /// Warnings, never refusals.
    pub warnings: Vec<Warning>,
    /// Running servers that need a restart because of any change.
    pub stale: Vec<drift::StaleServer>,
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
#[derive(Default)]
pub struct Reach {
    /// All or selected.
    pub access: Option<Access>,
    /// The whole selection, by slug.
    pub workspaces: Option<Vec<String>>,
}

impl Reach {
    /// The access that follows: giving a selection, even an empty one, means `selected`; saying nothing keeps what is.
    fn access(&self, known: Option<Access>) -> Access {
        match (self.access, &self.workspaces) {
            (Some(access), _) => access,
            (None, Some(_)) => Access::Selected,
            (None, None) => known.unwrap_or(Access::All),
        }
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

/// A page of the organization's secrets.
///
/// # Errors
/// As the order of answers says.
pub async fn list(app: &App, caller: &Caller, place: Place<'_>, page: Input<PageRequest>) -> Result<Vec<Listed>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), place.reading()).await?;
    let found = secrets::list(&mut db, &permit, &page.checked()?).await?;
    let mut selected = selections::of_secrets(&mut db, &permit, &found).await?;
    Ok(found.into_iter().map(|secret| with_selection(secret, &mut selected)).collect())
}

/// Every secret that reaches a workspace, by name, and whether the caller may write the workspace's own.
///
/// # Errors
/// As the order of answers says.
pub async fn available(app: &App, caller: &Caller, place: Place<'_>) -> Result<(Vec<Resolved<Secret>>, bool)> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), Action::SeeWorkspace).await?;
    let found = secrets::available(&mut db, permit.organization(), permit.in_workspace()).await?;
    Ok((domain::resolve(found).into_names(), permit.also_allows(Action::WriteWorkspaceSecrets)))
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

    let now = clock::now();
    let key = app.keyring.sealing_key(&mut tx, permit.organization()).await?;
    let (id, version) = match &known {
        Some(secret) => (secret.id, secret.version + 1),
        None => (SecretId::new(now, random::bytes()), 1),
    };
    let belongs = belongs(&permit, id, &input.name, version);
    let sealed = app.keyring.seal(&key, &belongs, &input.value)?;
    let access = input.reach.access(known.as_ref().map(|secret| secret.access));
    let description = input.description.as_ref().map(Description::as_str);
    let action = match &known {
        None => {
            let description = description.unwrap_or_default();
            let new = NewSecret { id, name: &input.name, access, description, sealed: &sealed };
            secrets::insert(&mut tx, &permit, &new, now).await?;
            AuditAction::SecretCreated
        }
        Some(secret) => {
            secrets::add_version(&mut tx, &permit, secret, &sealed, now).await?;
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
        "workspace": permit.workspace().map(|id| id.to_string()),
        "version": version,
        "access": access.as_str(),
        "workspaces": input.reach.workspaces,
    }));
    finish(app, tx, &permit, &input.name, event, known.is_none(), warnings).await
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

    let now = clock::now();
    let access = input.reach.access(Some(known.access));
    let description = input.description.as_ref().map_or(known.description.as_str(), Description::as_str);
    secrets::update(&mut tx, &permit, &known, description, access, now).await?;
    select(&mut tx, &permit, known.id, input.reach.workspaces.as_deref()).await?;
    let details = json!({
        "scope": scope(&permit).as_str(),
        "workspace": permit.workspace().map(|id| id.to_string()),
        "access": access.as_str(),
        "workspaces": input.reach.workspaces,
    });
    let edited = Event::new(AuditAction::SecretEdited, "secret", known.id, &known.name).with(details);
    let (event, name, warnings) = match input.name.filter(|name| *name != known.name) {
        None => (edited, known.name, Vec::new()),
        Some(new_name) => {
            rename(app, &mut tx, &permit, &known, &new_name).await?;
            audit::record(&mut tx, &permit, edited, now).await?;
            let warnings = name_warnings(&mut tx, &permit, &new_name).await?;
            let renamed = Event::new(AuditAction::SecretRenamed, "secret", known.id, &new_name)
                .with(json!({ "from": known.name.as_str() }));
            (renamed, new_name, warnings)
        }
    };
    check_budget(&mut tx, &permit).await?;
    finish(app, tx, &permit, &name, event, false, warnings).await
}

/// Adds one workspace to a secret's selection, or takes it out.
///
/// # Errors
/// [`Error::Conflict`] when the secret reaches all workspaces, [`Error::NotFound`] without secret or workspace;
/// otherwise as the order of answers says.
pub async fn select_one(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    name: &str,
    workspace_slug: &str,
    selected: bool,
    expected: Precondition,
) -> Result<Written> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.writing()).await?;
    let known = secrets::find(&mut tx, &permit, name).await?.ok_or(Error::NotFound)?;
    let workspace = workspaces::id_of(&mut tx, &permit, workspace_slug).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    if known.access == Access::All {
        return Err(Error::Conflict(
            "this secret reaches all workspaces; nothing was changed; give it access `selected` first".into(),
        ));
    }
    let now = clock::now();
    selections::set(&mut tx, &permit, known.id, workspace, selected, now).await?;
    secrets::update(&mut tx, &permit, &known, &known.description, known.access, now).await?;
    check_budget(&mut tx, &permit).await?;
    let change = if selected { "selected" } else { "deselected" };
    let event = Event::new(AuditAction::SecretEdited, "secret", known.id, &known.name)
        .with(json!({ "scope": Scope::Organization.as_str(), change: workspace_slug }));
    finish(app, tx, &permit, &known.name, event, false, Vec::new()).await
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
    let now = clock::now();
    secrets::delete(&mut tx, &permit, &known, now).await?;
    let event = Event::new(AuditAction::SecretDeleted, "secret", known.id, &known.name)
        .with(json!({ "scope": scope(&permit).as_str(), "workspace": permit.workspace().map(|id| id.to_string()) }));
    Ok(audit::commit(tx, &permit, event, now).await?)
}

/// Seals every version that still has a value anew under the new name, which is part of what it is sealed for.
async fn rename(app: &App, tx: &mut Writing, permit: &Permit, known: &Secret, name: &SecretName) -> Result<()> {
    let opening = app.keyring.unsealing_keys(tx, permit.organization()).await?;
    let sealing = app.keyring.sealing_key(tx, permit.organization()).await?;
    let mut resealed = Vec::new();
    for (version, sealed) in secrets::versions(tx, permit, known.id).await? {
        let value = sealed
            .ok()
            .and_then(|sealed| app.keyring.unseal(&opening, &belongs(permit, known.id, &known.name, version), &sealed))
            .ok_or_else(|| damaged(&known.name))?;
        resealed.push((version, app.keyring.seal(&sealing, &belongs(permit, known.id, name, version), &value)?));
    }
    Ok(secrets::rename(tx, permit, known, name, &resealed, clock::now()).await?)
}

/// Why a secret can't be used: its stored value does not open.
pub(super) fn damaged(name: &SecretName) -> Error {
    Error::Conflict(
        format!(
            "the stored value of {name} does not open: it was changed or moved in the database; nothing was done; \
             write a new value for it"
        )
        .into(),
    )
}

fn belongs<'a>(permit: &Permit, secret: SecretId, name: &'a SecretName, version: u32) -> Belongs<'a> {
    Belongs { organization: permit.organization(), workspace: permit.workspace(), secret, name, version }
}

fn scope(permit: &Permit) -> Scope {
    if permit.workspace().is_some() { Scope::Workspace } else { Scope::Organization }
}

/// Makes the selection exactly these workspaces, when it was mentioned.
async fn select(tx: &mut Writing, permit: &Permit, secret: SecretId, slugs: Option<&[String]>) -> Result<()> {
    let Some(slugs) = slugs else { return Ok(()) };
    let mut wanted = Vec::with_capacity(slugs.len());
    for slug in slugs {
        wanted.push(workspaces::id_of(tx, permit, slug).await?.ok_or_else(|| {
            Error::invalid("workspaces", "workspace_unknown", "One of these workspaces does not exist here.")
        })?);
    }
    let now = clock::now();
    for workspace in selections::of_secret(tx, permit, secret).await? {
        if !wanted.contains(&workspace) {
            selections::set(tx, permit, secret, workspace, false, now).await?;
        }
    }
    for workspace in wanted {
        selections::set(tx, permit, secret, workspace, true, now).await?;
    }
    Ok(())
}

async fn check_budget(db: &mut Connection, permit: &Permit) -> Result<()> {
    let within = match permit.workspace() {
        Some(workspace) => secrets::workspace_budget(db, workspace).await?.check(WORKSPACE_BUDGET),
        None => secrets::organization_budget(db, permit).await?.check(ORGANIZATION_BUDGET),
    };
    within.map_err(|exceeded| Error::invalid("value", exceeded.code(), exceeded))
}

/// What is worth knowing of a name that is new here.
async fn name_warnings(db: &mut Connection, permit: &Permit, name: &SecretName) -> Result<Vec<Warning>> {
    let mut warnings = name.warnings();
    let visible: Vec<SecretName> = match permit.workspace() {
        Some(workspace) => {
            let found = secrets::available(db, permit.organization(), workspace).await?;
            found.into_iter().map(|Available { name, .. }| name).collect()
        }
        None => secrets::spelled_like(db, permit, name).await?,
    };
    warnings.extend(name.differs_only_in_case(&visible));
    Ok(warnings.into_iter().map(Warning::from).collect())
}

/// Reads the secret back, records and commits, and finds out which servers differ now.
async fn finish(
    app: &App,
    mut tx: Writing,
    permit: &Permit,
    name: &SecretName,
    event: Event,
    created: bool,
    warnings: Vec<Warning>,
) -> Result<Written> {
    let secret = secrets::find(&mut tx, permit, name.as_str()).await?.ok_or(Error::NotFound)?;
    let listed = listed(&mut tx, permit, secret).await?;
    audit::commit(tx, permit, event, clock::now()).await?;
    let stale = drift::stale_servers(app, permit).await?;
    Ok(Written { listed, created, warnings, stale })
}

async fn listed(db: &mut Connection, permit: &Permit, secret: Secret) -> Result<Listed> {
    let mut selected = selections::of_secrets(db, permit, std::slice::from_ref(&secret)).await?;
    Ok(with_selection(secret, &mut selected))
}

fn with_selection(secret: Secret, selected: &mut HashMap<SecretId, Selection>) -> Listed {
    Listed { selection: selected.remove(&secret.id).unwrap_or_default(), secret }
}
