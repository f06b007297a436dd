//! The steps that several use cases of secrets take.

use domain::{Available, ORGANIZATION_BUDGET, Scope, SecretId, SecretName, Slug, WORKSPACE_BUDGET, WorkspaceId};

use super::{Listed, Secret, Warning, Written};
use crate::{
    app::{App, drift::StaleServer, keyring::Belongs},
    error::{Error, Result},
    store::{
        Connection, Permit, Writing,
        audit::{self, Event},
        available, budgets, holders, overrides, secrets,
        selections::{self, Selection},
        servers, versions, workspaces,
    },
};

/// Seals every version that still has a value anew under the new name, which is part of what it is sealed for.
pub(super) async fn rename(
    app: &App,
    tx: &mut Writing,
    permit: &Permit,
    known: &Secret,
    name: &SecretName,
) -> Result<()> {
    let opening = app.keyring.unsealing_keys(tx, permit.organization()).await?;
    let sealing = app.keyring.sealing_key(tx, permit.organization()).await?;
    let mut resealed = Vec::new();
    for (version, sealed) in versions::sealed(tx, permit, known.id).await? {
        let value = sealed
            .ok()
            .and_then(|sealed| app.keyring.unseal(&opening, &belongs(permit, known.id, &known.name, version), &sealed))
            .ok_or_else(|| damaged_version(&known.name, version, version == known.version))?;
        resealed.push((version, app.keyring.seal(&sealing, &belongs(permit, known.id, name, version), &value)?));
    }
    Ok(secrets::rename(tx, permit, known, name, &resealed, permit.now()).await?)
}

/// Why a secret can't be used: its stored value does not open.
pub(in crate::app) fn damaged(name: &SecretName) -> Error {
    Error::Conflict(
        format!(
            "the stored value of {name} does not open: it was changed or moved in the database; nothing was done; \
             write a new value for it"
        )
        .into(),
    )
}

/// Why a secret can't get another name: one of its kept versions does not open, and would be lost with its old name.
fn damaged_version(name: &SecretName, version: u32, newest: bool) -> Error {
    if newest {
        return damaged(name);
    }
    Error::Conflict(
        format!(
            "version {version} of {name} does not open: it was changed or moved in the database; nothing was renamed; \
             make a secret of the new name and delete this one, or restore the database from a backup"
        )
        .into(),
    )
}

pub(in crate::app) fn belongs<'a>(
    permit: &Permit,
    secret: SecretId,
    name: &'a SecretName,
    version: u32,
) -> Belongs<'a> {
    Belongs { organization: permit.organization(), workspace: permit.workspace(), secret, name, version }
}

pub(in crate::app) fn scope(permit: &Permit) -> Scope {
    if permit.workspace().is_some() { Scope::Workspace } else { Scope::Organization }
}

/// The workspaces of these slugs.
pub(in crate::app) async fn workspaces_of(
    db: &mut Connection,
    permit: &Permit,
    slugs: &[String],
) -> Result<Vec<WorkspaceId>> {
    let mut wanted = Vec::with_capacity(slugs.len());
    for slug in slugs {
        let found = match Slug::parse_kept(slug) {
            Ok(slug) => workspaces::id_of(db, permit, slug.as_str()).await?,
            Err(_) => None,
        };
        wanted.push(found.ok_or_else(|| {
            Error::invalid("workspaces", "workspace_unknown", "One of these workspaces does not exist here.")
        })?);
    }
    Ok(wanted)
}

/// Makes the selection exactly these workspaces, when it was mentioned.
pub(super) async fn select(
    tx: &mut Writing,
    permit: &Permit,
    secret: SecretId,
    slugs: Option<&[String]>,
) -> Result<()> {
    let Some(slugs) = slugs else { return Ok(()) };
    let wanted = workspaces_of(tx, permit, slugs).await?;
    let now = permit.now();
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

pub(in crate::app) async fn check_budget(db: &mut Connection, permit: &Permit) -> Result<()> {
    let within = match permit.workspace() {
        Some(workspace) => budgets::of_workspace(db, workspace).await?.check(WORKSPACE_BUDGET),
        None => budgets::of_organization(db, permit).await?.check(ORGANIZATION_BUDGET),
    };
    within.map_err(|exceeded| Error::invalid("budget", exceeded.code(), exceeded))
}

/// What is worth knowing of a name that is new here.
pub(super) async fn name_warnings(db: &mut Connection, permit: &Permit, name: &SecretName) -> Result<Vec<Warning>> {
    let mut warnings = name.warnings();
    let visible: Vec<SecretName> = match permit.workspace() {
        Some(workspace) => {
            let found = available::listed(db, permit.organization(), workspace).await?;
            found.into_iter().map(|Available { name, .. }| name).collect()
        }
        None => secrets::spelled_like(db, permit, name).await?,
    };
    warnings.extend(name.differs_only_in_case(&visible));
    Ok(warnings.into_iter().map(Warning::from).collect())
}

/// Reads the secret back, records and commits.
pub(in crate::app) async fn finish(
    mut tx: Writing,
    permit: Permit,
    name: &SecretName,
    event: Event,
    created: bool,
    warnings: Vec<Warning>,
    stale: Vec<StaleServer>,
) -> Result<Written> {
    let secret = secrets::find(&mut tx, &permit, name.as_str()).await?.ok_or(Error::NotFound)?;
    let still_stopped = match secret.suspension {
        Some(_) => Vec::new(),
        None => servers::still_stopped_for(&mut tx, &permit, &[secret.id]).await?,
    };
    let still_stopped =
        still_stopped.into_iter().map(|(workspace, server)| StaleServer { workspace, server }).collect();
    let listed = listed(&mut tx, &permit, secret).await?;
    audit::commit(tx, permit, event).await?;
    Ok(Written { listed, created, warnings, stale, still_stopped })
}

pub(super) async fn listed(db: &mut Connection, permit: &Permit, secret: Secret) -> Result<Listed> {
    if secret.scope == Scope::Workspace {
        return Ok(Listed { secret, selection: Selection::default(), holders: None, overridden_in: None });
    }
    of_organization(db, permit, vec![secret]).await?.pop().ok_or(Error::NotFound)
}

/// Organization secrets with the workspaces that are selected for them, those that override them, and the servers that
/// hold them.
pub(super) async fn of_organization(db: &mut Connection, permit: &Permit, found: Vec<Secret>) -> Result<Vec<Listed>> {
    let mut selected = selections::of_secrets(db, permit, &found).await?;
    let holders = holders::of_secrets(db, permit, &found).await?;
    let overridden = overrides::of_secrets(db, permit, &found).await?;
    let listed = |secret: Secret| Listed {
        selection: selected.remove(&secret.id).unwrap_or_default(),
        holders: Some(holders.get(&secret.id).copied().unwrap_or_default()),
        overridden_in: Some(overridden.get(&secret.id).copied().unwrap_or_default()),
        secret,
    };
    Ok(found.into_iter().map(listed).collect())
}
