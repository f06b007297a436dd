//! Organizations and their settings.

use domain::{AuditAction, DisplayName, OrganizationId, Slug, Time, WorkspaceCreation, policy::Action};
use serde_json::json;

use super::{
    App, Input, Precondition,
    access::{authorize, organization},
};
use crate::{
    clock,
    error::Result,
    random,
    store::{
        Caller, InstallationPermit, Writing,
        access::SystemReason,
        audit::{self, Event},
        data_keys, organizations,
    },
};

pub use crate::store::organizations::Organization;

/// What an edit changes; what is not mentioned stays.
pub struct EditOrganization {
    /// Another name.
    pub name: Option<DisplayName>,
    /// Who may create workspaces.
    pub workspace_creation: Option<WorkspaceCreation>,
}

/// The organization.
///
/// # Errors
/// [`crate::error::Error::NotFound`] outside of it.
pub async fn get(app: &App, caller: &Caller, slug: &str) -> Result<Organization> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, organization(slug), Action::SeeOrganization).await?;
    Ok(organizations::get(&mut db, &permit).await?)
}

/// Changes name and settings.
///
/// # Errors
/// As the order of answers says.
pub async fn edit(
    app: &App,
    caller: &Caller,
    slug: &str,
    expected: Precondition,
    input: Input<EditOrganization>,
) -> Result<Organization> {
    let mut tx = app.store.write(slug).await?;
    let permit = authorize(&mut tx, caller, organization(slug), Action::AdministerOrganization).await?;
    let known = organizations::get(&mut tx, &permit).await?;
    expected.check(Some(&known.revision))?;
    let input = input.checked()?;
    let name = input.name.as_ref().map_or(known.name.as_str(), DisplayName::as_str);
    let creation = input.workspace_creation.unwrap_or(known.workspace_creation);
    let now = permit.now();
    organizations::update(&mut tx, &permit, name, creation, now).await?;
    let edited = organizations::get(&mut tx, &permit).await?;
    let event = Event::new(AuditAction::OrganizationEdited, "organization", known.id, slug)
        .with(json!({ "name": name, "workspace_creation": creation.as_str() }));
    audit::commit(tx, permit, event).await?;
    Ok(edited)
}

/// Creates an organization for the operator on the machine; people join it with `member add`.
///
/// # Errors
/// When the slug is taken or there is no root key.
pub async fn create_by_operator(app: &App, slug: &Slug, name: &DisplayName) -> Result<()> {
    let permit = InstallationPermit::system(SystemReason::Operator, None);
    let now = clock::now();
    let id = OrganizationId::new(now, random::bytes());
    let mut tx = app.store.write_installation().await?;
    found(app, &mut tx, &permit, id, slug, name, now).await?;
    let event = Event::new(AuditAction::OrganizationCreated, "organization", id, slug.as_str());
    Ok(audit::commit_installation(tx, permit, event, now).await?)
}

/// Writes a new organization with its data key, and the first event of its chain.
pub(super) async fn found(
    app: &App,
    tx: &mut Writing,
    permit: &InstallationPermit,
    id: OrganizationId,
    slug: &Slug,
    name: &DisplayName,
    now: Time,
) -> Result<()> {
    organizations::insert(tx, permit, id, slug, name, now).await?;
    let data_key = app.keyring.new_data_key(id, now)?;
    data_keys::insert(tx, permit, id, &data_key, app.keyring.root_key_id()?, now).await?;
    let created = Event::new(AuditAction::OrganizationCreated, "organization", id, slug.as_str());
    Ok(audit::record_for(tx, permit, id, created, now).await?)
}
