//! The versions of a secret: its history, putting an older one back, destroying one.

use domain::{AuditAction, SecretName};
use serde_json::json;

use super::{
    App, Input, Precondition,
    access::authorize,
    drift,
    secrets::{Place, Written, belongs, check_budget, damaged, finish, scope},
};
use crate::{
    error::{Error, Result},
    store::{
        Caller,
        audit::{self, Event},
        secrets, versions,
    },
};

pub use crate::store::versions::Version;

/// Which part of a history to read.
pub struct Part {
    /// Only versions before this one.
    pub before: u32,
    /// At most so many.
    pub limit: i64,
}

/// The versions of a secret, newest first, and which of them is the newest of all.
///
/// # Errors
/// As the order of answers says.
pub async fn list(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    name: &str,
    part: Input<Part>,
) -> Result<(Vec<Version>, u32)> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), place.reading()).await?;
    let known = secrets::find(&mut db, &permit, name).await?.ok_or(Error::NotFound)?;
    let Part { before, limit } = part.checked()?;
    Ok((versions::list(&mut db, &permit, known.id, before, limit).await?, known.version))
}

/// Puts the value of an older version back, as a new version.
///
/// # Errors
/// [`Error::NotFound`] without such a secret or version, [`Error::Conflict`] for the newest version, for one whose value
/// was erased and for one that is suspended, [`Error::Sealed`] without a key; otherwise as the order of answers says.
pub async fn put_back(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    name: &str,
    number: Input<u32>,
    expected: Precondition,
) -> Result<Written> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.writing()).await?;
    let known = secrets::find(&mut tx, &permit, name).await?.ok_or(Error::NotFound)?;
    let number = number.checked()?;
    let version = versions::find(&mut tx, &permit, known.id, number).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    if number == known.version {
        return Err(conflict(&known.name, number, "is the newest already; nothing was written"));
    }
    if !version.kept {
        let why = "has no value any more; nothing was written; write the value anew";
        return Err(conflict(&known.name, number, why));
    }
    if version.suspension.is_some() {
        let why = "is suspended; nothing was written; lift its suspension first, or write another value";
        return Err(conflict(&known.name, number, why));
    }

    let opening = app.keyring.unsealing_keys(&mut tx, permit.organization()).await?;
    let sealing = app.keyring.sealing_key(&mut tx, permit.organization()).await?;
    let old = belongs(&permit, known.id, &known.name, number);
    let sealed = versions::sealed(&mut tx, &permit, known.id).await?.into_iter().find(|(of, _)| *of == number);
    let sealed = sealed.and_then(|(_, sealed)| sealed.ok()).ok_or_else(|| damaged(&known.name))?;
    let value = app.keyring.unseal(&opening, &old, &sealed).ok_or_else(|| {
        let why = "does not open: it was changed or moved in the database; nothing was written; write the value anew";
        conflict(&known.name, number, why)
    })?;
    let next = known.version + 1;
    let sealed = app.keyring.seal(&sealing, &belongs(&permit, known.id, &known.name, next), &value)?;
    let before = drift::as_they_are(&mut tx, &permit, &[&known]).await?;
    secrets::add_version(&mut tx, &permit, &known, &sealed, Some(number), permit.now()).await?;
    check_budget(&mut tx, &permit).await?;
    let event = Event::new(AuditAction::SecretVersionWritten, "secret", known.id, &known.name)
        .with(json!({ "scope": scope(&permit).as_str(), "version": next, "restored_from": number }));
    let stale = drift::consequences(app, &mut tx, &permit, &before).await?;
    finish(tx, permit, &known.name, event, false, Vec::new(), stale).await
}

/// Erases the value of one older version for good; that it was there, and who got it, stays on record.
///
/// # Errors
/// [`Error::NotFound`] without such a secret or version, [`Error::Conflict`] for the newest version and for one whose
/// value was erased before; otherwise as the order of answers says.
pub async fn destroy(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    name: &str,
    number: Input<u32>,
    expected: Precondition,
) -> Result<()> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), place.writing()).await?;
    let known = secrets::find(&mut tx, &permit, name).await?.ok_or(Error::NotFound)?;
    let number = number.checked()?;
    let version = versions::find(&mut tx, &permit, known.id, number).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    if number == known.version {
        let why = "is what starts get; nothing was destroyed; write a new value first, or delete the secret";
        return Err(conflict(&known.name, number, why));
    }
    if !version.kept {
        return Err(conflict(&known.name, number, "has no value any more; there is nothing to destroy"));
    }
    versions::erase(&mut tx, &permit, known.id, number).await?;
    let event = Event::new(AuditAction::SecretDestroyed, "secret", known.id, &known.name)
        .with(json!({ "scope": scope(&permit).as_str(), "version": number }));
    Ok(audit::commit(tx, permit, event).await?)
}

fn conflict(name: &SecretName, number: u32, why: &str) -> Error {
    Error::Conflict(format!("version {number} of {name} {why}").into())
}
