//! People in an organization.

use domain::{AuditAction, DisplayName, Email, OrganizationId, Role, UserId, policy::Action};
use serde_json::json;

use super::{
    App, Input, Password, Precondition,
    access::{authorize, organization},
};
use crate::{
    clock,
    error::{Error, Result},
    random,
    store::{
        Caller, Connection, InstallationPermit, PageRequest,
        access::SystemReason,
        audit::{self, Event},
        members, organizations,
        users::{self, User},
    },
};

pub use crate::store::members::{Member, Seen};

/// A page of the organization's people.
///
/// # Errors
/// As the order of answers says.
pub async fn list(app: &App, caller: &Caller, slug: &str, page: Input<PageRequest>) -> Result<Vec<Member>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, organization(slug), Action::ListMembers).await?;
    Ok(members::list(&mut db, &permit, &page.checked()?).await?)
}

/// Gives a member another role.
///
/// # Errors
/// [`Error::Conflict`] for the last administrator; otherwise as the order of answers says.
pub async fn set_role(
    app: &App,
    caller: &Caller,
    slug: &str,
    person: &str,
    expected: Precondition,
    input: Input<Role>,
) -> Result<Member> {
    let mut tx = app.store.write(slug).await?;
    let permit = authorize(&mut tx, caller, organization(slug), Action::AdministerOrganization).await?;
    let member = members::find(&mut tx, &permit, person).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&member.revision))?;
    let role = input.checked()?;
    let administrators = members::administrators(&mut tx, &permit).await?;
    domain::may_become(member.role, Some(role), administrators)
        .map_err(|last| Error::Conflict(last.to_string().into()))?;
    members::set_role(&mut tx, &permit, member.id, role).await?;
    let changed = members::find(&mut tx, &permit, person).await?.ok_or(Error::NotFound)?;
    let event = Event::new(AuditAction::MemberRoleChanged, "person", member.id, &member.name)
        .with(json!({ "from": member.role.as_str(), "to": role.as_str() }));
    audit::commit(tx, permit, event).await?;
    Ok(changed)
}

/// A person whom the operator adds on the machine.
pub struct AddMember {
    /// The organization's slug.
    pub organization: String,
    /// The person's e-mail address.
    pub email: Email,
    /// Their name, for somebody new.
    pub name: Option<DisplayName>,
    /// Their password, for somebody new.
    pub password: Option<Password>,
    /// Their role.
    pub role: Role,
}

/// The name of whoever has an account under this address, before the operator adds them; `None` for somebody new, who
/// needs a name and a password.
///
/// # Errors
/// [`Error::NotFound`] without the organization, [`Error::Conflict`] when they are in it.
pub async fn known_to_operator(app: &App, organization: &str, email: &Email) -> Result<Option<String>> {
    let permit = InstallationPermit::system(SystemReason::Operator, None);
    let (_, known) = addable(&mut *app.store.read().await?, &permit, organization, email).await?;
    Ok(known.map(|user| user.name))
}

/// Adds a person to an organization, making their account when they have none.
///
/// # Errors
/// [`Error::NotFound`] without the organization, [`Error::Conflict`] when they are in it, [`Error::Invalid`] when a new
/// person's name or password is missing.
pub async fn add_by_operator(app: &App, add: AddMember) -> Result<()> {
    let permit = InstallationPermit::system(SystemReason::Operator, None);
    let known = users::by_email(&mut *app.store.read().await?, &add.email).await?;
    let password_hash = match (known, add.password) {
        (None, Some(password)) => Some(app.passwords.hash(password).await?),
        _ => None,
    };
    let now = clock::now();
    let mut tx = app.store.write(&add.organization).await?;
    let (organization, known) = addable(&mut tx, &permit, &add.organization, &add.email).await?;
    let (user, name) = match known {
        Some(user) => (user.id, user.name),
        None => {
            let missing = |field, code, message| Error::invalid(field, code, message);
            let name = add.name.ok_or_else(|| missing("name", "name_missing", "A new person needs a name."))?;
            let password_hash = password_hash
                .ok_or_else(|| missing("password", "password_missing", "A new person needs a first password."))?;
            let user = UserId::new(now, random::bytes());
            users::insert(&mut tx, &permit, user, &add.email, &name, &password_hash, now).await?;
            (user, name.as_str().to_owned())
        }
    };
    members::insert(&mut tx, &permit, organization, user, add.role, now).await?;
    let event = || {
        Event::new(AuditAction::MemberAdded, "person", user, &name)
            .with(json!({ "role": add.role.as_str(), "organization": add.organization }))
    };
    audit::record_for(&mut tx, &permit, organization, event(), now).await?;
    Ok(audit::commit_installation(tx, permit, event(), now).await?)
}

/// The organization, and the account of the person if they have one and are not in it.
async fn addable(
    db: &mut Connection,
    permit: &InstallationPermit,
    slug: &str,
    email: &Email,
) -> Result<(OrganizationId, Option<User>)> {
    let organization = organizations::by_slug(db, permit, slug).await?.ok_or(Error::NotFound)?.id;
    let Some(user) = users::by_email(db, email).await? else { return Ok((organization, None)) };
    match members::role_of(db, permit, organization, user.id).await? {
        None => Ok((organization, Some(user))),
        Some(role) => {
            Err(Error::Conflict(format!("{} is in {slug} already, as {role}; nothing was changed", user.name).into()))
        }
    }
}
