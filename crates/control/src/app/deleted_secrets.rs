//! Deleted secrets: restoring them, destroying them, and destroying by itself what is overdue.

use std::time::Duration;

use domain::{AuditAction, Proposal, RESTORABLE_DAYS, Time};
use serde_json::json;

use super::{
    App, Input, Precondition,
    access::authorize,
    drift,
    secrets::{Place, Written, check_budget, finish, scope},
};
use crate::{
    clock,
    error::{Error, Result},
    store::{
        Caller, Connection, Permit, StoreError,
        access::SystemReason,
        audit::{self, Event},
        deleted_secrets,
    },
};

pub use crate::store::deleted_secrets::DeletedSecret;

/// Which part of the list to read.
pub struct Part {
    /// Only those deleted before this one: when it was, and its id.
    pub after: Option<(Time, String)>,
    /// At most so many.
    pub limit: i64,
}

/// The deleted secrets that can be restored, last deleted first.
///
/// # Errors
/// As the order of answers says.
pub async fn list(app: &App, caller: &Caller, place: Place<'_>, part: Input<Part>) -> Result<Vec<DeletedSecret>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), place.reading()).await?;
    let Part { after, limit } = part.checked()?;
    let after = after.as_ref().map(|(at, id)| (*at, id.as_str()));
    Ok(deleted_secrets::list(&mut db, &permit, after, limit).await?)
}

/// A deleted secret, destroyed or not.
///
/// # Errors
/// As the order of answers says.
pub async fn get(app: &App, caller: &Caller, place: Place<'_>, id: &str) -> Result<DeletedSecret> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), place.seeing_holders()).await?;
    deleted_secrets::find(&mut db, &permit, id).await?.ok_or(Error::NotFound)
}

/// Brings a deleted secret back as it was: name, value, access, selection, suspension.
///
/// # Errors
/// [`Error::NotFound`] without it, [`Error::Conflict`] when its name was taken meanwhile or its values are destroyed,
/// [`Error::Invalid`] for a budget that would be exceeded; otherwise as the order of answers says.
pub async fn restore(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    id: &str,
    expected: Precondition,
) -> Result<Written> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.writing()).await?;
    let known = destroyable(&mut tx, &permit, id, &expected).await?;
    deleted_secrets::restore(&mut tx, &permit, &known).await.map_err(|error| match error {
        StoreError::Taken => Error::Conflict(
            format!(
                "there is another secret {} by now; nothing was restored; rename or delete that one first",
                known.name
            )
            .into(),
        ),
        error => error.into(),
    })?;
    check_budget(&mut tx, &permit).await?;
    let event = Event::new(AuditAction::SecretRestored, "secret", known.id, &known.name)
        .with(json!({ "scope": scope(&permit).as_str(), "version": known.version }));
    let stale = drift::consequences(app, &mut tx, &permit, &[Proposal::none(known.id)]).await?;
    finish(tx, permit, &known.name, event, false, Vec::new(), stale).await
}

/// Erases every value of a deleted secret now; that it was there, and who got it, stays on record.
///
/// # Errors
/// [`Error::NotFound`] without it, [`Error::Conflict`] when they are erased already; otherwise as the order of answers
/// says.
pub async fn destroy(app: &App, caller: &Caller, place: Place<'_>, id: &str, expected: Precondition) -> Result<()> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.writing()).await?;
    let known = destroyable(&mut tx, &permit, id, &expected).await?;
    deleted_secrets::destroy(&mut tx, &permit, known.id).await?;
    let event = Event::new(AuditAction::SecretDestroyed, "secret", known.id, &known.name)
        .with(json!({ "scope": scope(&permit).as_str() }));
    Ok(audit::commit(tx, permit, event).await?)
}

/// A deleted secret that still has its values.
async fn destroyable(db: &mut Connection, permit: &Permit, id: &str, expected: &Precondition) -> Result<DeletedSecret> {
    let known = deleted_secrets::find(db, permit, id).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    if known.destroyed_at.is_some() {
        return Err(Error::Conflict(
            format!("the values of {} were destroyed; nothing is left to restore or to destroy", known.name).into(),
        ));
    }
    Ok(known)
}

/// Destroys what was deleted more than [`RESTORABLE_DAYS`] ago, now and then for as long as the control plane runs.
pub(super) async fn keep_destroying_overdue(app: App) {
    const SOON: Duration = Duration::from_secs(60);
    const NOW_AND_THEN: Duration = Duration::from_secs(60 * 60);
    tokio::time::sleep(SOON).await;
    while !app.store.is_closed() {
        if let Err(error) = destroy_overdue(&app, clock::now()).await {
            tracing::warn!(%error, "deleted secrets could not be destroyed in time; tried again in an hour");
        }
        tokio::time::sleep(NOW_AND_THEN).await;
    }
}

/// Destroys what was deleted more than [`RESTORABLE_DAYS`] before this moment; how many secrets.
///
/// # Errors
/// When the database fails; each secret is destroyed by itself.
pub async fn destroy_overdue(app: &App, now: Time) -> Result<usize> {
    const AT_ONCE: i64 = 100;
    let before = domain::destroyed_if_deleted_before(now);
    let mut destroyed = 0;
    loop {
        let overdue = deleted_secrets::overdue(&mut *app.store.read().await?, before, AT_ONCE).await?;
        if overdue.is_empty() {
            return Ok(destroyed);
        }
        for (home, secret, name) in overdue {
            let mut tx = app.store.write(home.organization_slug().as_str()).await?;
            let permit = Permit::system_at(SystemReason::Overdue, home, now);
            match deleted_secrets::destroy(&mut tx, &permit, secret).await {
                Ok(()) => {}
                // Restored or destroyed in the meantime.
                Err(StoreError::NotPermitted) => continue,
                Err(error) => return Err(error.into()),
            }
            let event = Event::new(AuditAction::SecretDestroyed, "secret", secret, &name)
                .with(json!({ "scope": scope(&permit).as_str(), "deleted_days_ago": RESTORABLE_DAYS }));
            audit::commit(tx, permit, event).await?;
            destroyed += 1;
        }
    }
}
