//! Reading and checking the audit log.

use domain::{AuditAction, Time, UserId, policy::Action};

use super::{
    App, Input,
    access::{authorize, organization},
};
use crate::{
    error::Result,
    store::{
        Caller,
        audit::{self, Filter},
    },
};

pub use crate::store::audit::{AuditEvent, Verification};

/// Which events to list.
#[derive(Default)]
pub struct Search {
    /// Only what this person did.
    pub actor: Option<UserId>,
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

/// Events of an organization, newest first.
///
/// # Errors
/// As the order of answers says.
pub async fn list(app: &App, caller: &Caller, slug: &str, search: Input<Search>) -> Result<Vec<AuditEvent>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, organization(slug), Action::ReadAuditLog).await?;
    let Search { actor, action, target, from, to, before, limit } = search.checked()?;
    let filter = Filter { actor, action, target: target.as_deref(), from, to, before };
    Ok(audit::list(&mut db, &permit, &filter, limit).await?)
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
