//! Reading and checking the audit log.

use std::str::FromStr;

use domain::{AuditAction, Email, Time, UserId, policy::Action};

use super::{
    App, Input,
    access::{authorize, organization, workspace},
};
use crate::{
    error::Result,
    store::{
        Caller, Connection, InstallationPermit,
        access::SystemReason,
        audit::{self, Filter},
        users,
    },
};

pub use crate::store::audit::{AuditEvent, Verification};

/// A person who did something, also one who is not here any more.
pub enum Actor {
    /// By id.
    Id(UserId),
    /// By e-mail address.
    Email(Email),
}

impl FromStr for Actor {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let why = "This is neither the id nor the e-mail address of a person.";
        match text.contains('@') {
            true => Email::parse(text).map(Self::Email).map_err(|_| why),
            false => text.parse().map(Self::Id).map_err(|_| why),
        }
    }
}

/// Which events to list.
#[derive(Default)]
pub struct Search {
    /// Only what this person did.
    pub actor: Option<Actor>,
    /// Only this action.
    pub action: Option<AuditAction>,
    /// Only what was done to the thing of this id or name.
    pub target: Option<String>,
    /// Only what happened then or later.
    pub from: Option<Time>,
    /// Only what happened before.
    pub to: Option<Time>,
    /// Only events before this number.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

impl Search {
    /// `None` where nothing fits: nobody has the address.
    async fn filter(&self, db: &mut Connection) -> Result<Option<Filter<'_>>> {
        let Self { actor, action, target, from, to, before, limit: _ } = self;
        let actor = match actor {
            None => None,
            Some(Actor::Id(id)) => Some(*id),
            Some(Actor::Email(email)) => match users::by_email(db, email).await? {
                Some(person) => Some(person.id),
                None => return Ok(None),
            },
        };
        let (action, target) = (*action, target.as_deref());
        Ok(Some(Filter { actor, action, target, from: *from, to: *to, before: *before }))
    }
}

/// Events of an organization, newest first.
///
/// # Errors
/// As the order of answers says.
pub async fn list(app: &App, caller: &Caller, slug: &str, search: Input<Search>) -> Result<Vec<AuditEvent>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, organization(slug), Action::ReadAuditLog).await?;
    let search = search.checked()?;
    match search.filter(&mut db).await? {
        Some(filter) => Ok(audit::list(&mut db, &permit, &filter, search.limit).await?),
        None => Ok(Vec::new()),
    }
}

/// What happened in a workspace and to it, newest first, before a number; at most so many.
///
/// # Errors
/// As the order of answers says.
pub async fn activity(
    app: &App,
    caller: &Caller,
    organization: &str,
    slug: &str,
    part: Input<(Option<i64>, i64)>,
) -> Result<Vec<AuditEvent>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, workspace(organization, slug), Action::SeeWorkspace).await?;
    let (before, limit) = part.checked()?;
    Ok(audit::activity(&mut db, &permit, before, limit).await?)
}

/// Events of the installation itself (sign-ins, tokens, set-up), newest first: for the operator on the machine.
///
/// # Errors
/// When the database fails.
pub async fn list_by_operator(app: &App, search: &Search) -> Result<Vec<AuditEvent>> {
    let permit = InstallationPermit::system(SystemReason::Operator, None);
    let mut db = app.store.read().await?;
    match search.filter(&mut db).await? {
        Some(filter) => Ok(audit::list_installation(&mut db, &permit, &filter, search.limit).await?),
        None => Ok(Vec::new()),
    }
}

/// Recomputes an organization's chain.
///
/// # Errors
/// As the order of answers says.
pub async fn verify(app: &App, caller: &Caller, slug: &str) -> Result<Verification> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, organization(slug), Action::ReadAuditLog).await?;
    Ok(audit::verify(&mut db, Some(permit.organization())).await?)
}

/// Recomputes the installation's own chain, for the operator on the machine.
///
/// # Errors
/// When the database fails.
pub async fn verify_by_operator(app: &App) -> Result<Verification> {
    Ok(audit::verify(&mut *app.store.read().await?, None).await?)
}
