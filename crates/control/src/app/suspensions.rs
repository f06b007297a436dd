//! Suspensions: what no start or run gets, at once, without a value written or read.

use domain::{AuditAction, Description, SecretName};
use serde_json::json;

use super::{
    App, Input, Precondition,
    access::authorize,
    drift,
    secrets::{Place, Written, finish, scope},
};
use crate::{
    error::{Error, Result},
    store::{
        Caller, Connection, Permit,
        audit::Event,
        secrets::{self, Secret},
        suspensions, versions,
    },
};

/// What to suspend, and why.
pub struct Suspend {
    /// Only this version; `None` for the secret, whatever its version.
    pub version: Option<u32>,
    /// Why, for people; without one the reason of a suspension that there is already stays.
    pub reason: Option<Description>,
}

/// Suspends a secret or one version of it; servers that have it differ from now on, and keep running.
///
/// # Errors
/// [`Error::NotFound`] without such a secret, [`Error::Invalid`] without such a version; otherwise as the order of answers
/// says.
pub async fn set(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    name: &str,
    expected: Precondition,
    input: Input<Suspend>,
) -> Result<Written> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.suspending()).await?;
    let known = secrets::find(&mut tx, &permit, name).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    let Suspend { version, reason } = input.checked()?;
    check_version(&mut tx, &permit, &known, version).await?;
    let before = drift::as_they_are(&mut tx, &permit, &[&known]).await?;
    suspensions::set(&mut tx, &permit, &known, version, reason.as_ref().map(Description::as_str)).await?;
    let event = event(AuditAction::SecretSuspended, &permit, &known, version, reason.as_ref());
    let stale = drift::consequences(app, &mut tx, &permit, &before).await?;
    finish(tx, permit, &known.name, event, false, Vec::new(), stale).await
}

/// Lifts the suspension of a secret or of one version: starts get it again.
///
/// # Errors
/// [`Error::NotFound`] without such a secret, [`Error::Invalid`] without such a version, [`Error::Conflict`] when it is not
/// suspended; otherwise as the order of answers says.
pub async fn lift(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    name: &str,
    expected: Precondition,
    version: Input<Option<u32>>,
) -> Result<Written> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.suspending()).await?;
    let known = secrets::find(&mut tx, &permit, name).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    let version = version.checked()?;
    check_version(&mut tx, &permit, &known, version).await?;
    let before = drift::as_they_are(&mut tx, &permit, &[&known]).await?;
    if !suspensions::lift(&mut tx, &permit, &known, version).await? {
        return Err(not_suspended(&known.name, version, known.suspension.and_then(|suspension| suspension.version)));
    }
    let event = event(AuditAction::SecretSuspensionLifted, &permit, &known, version, None);
    let stale = drift::consequences(app, &mut tx, &permit, &before).await?;
    finish(tx, permit, &known.name, event, false, Vec::new(), stale).await
}

async fn check_version(db: &mut Connection, permit: &Permit, known: &Secret, version: Option<u32>) -> Result<()> {
    let Some(number) = version else { return Ok(()) };
    match versions::find(db, permit, known.id, number).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid(
            "version",
            "version_unknown",
            format!("There is no version {number}; the newest is {}. Nothing was changed.", known.version),
        )),
    }
}

/// Why there is nothing to lift, and what is suspended instead.
fn not_suspended(name: &SecretName, asked: Option<u32>, suspended: Option<u32>) -> Error {
    Error::Conflict(match (asked, suspended) {
        (None, Some(version)) => {
            format!("not {name} but its version {version} is suspended; nothing was changed; name that version").into()
        }
        (None, None) => format!("{name} is not suspended; nothing was changed").into(),
        (Some(version), _) => {
            format!("version {version} of {name} is not suspended by itself; nothing was changed").into()
        }
    })
}

fn event(
    action: AuditAction,
    permit: &Permit,
    known: &Secret,
    version: Option<u32>,
    reason: Option<&Description>,
) -> Event {
    Event::new(action, "secret", known.id, &known.name).with(json!({
        "scope": scope(permit).as_str(),
        "version": version,
        "reason": reason.map(Description::as_str),
    }))
}
