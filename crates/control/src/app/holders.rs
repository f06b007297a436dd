//! Who holds a secret: servers now, runs that read it, and every start that it was handed to.

use std::collections::{HashMap, HashSet};

use domain::{Difference, SecretId};

use super::{App, Input, access::authorize, drift::Explained, secrets::Place};
use crate::{
    error::{Error, Result},
    store::{Caller, Connection, Permit, available, deleted_secrets, holders, secrets, users},
};

pub use crate::store::holders::{Disclosure, Holder, Reader};

/// The most readers that an answer names.
pub const MOST_READERS: i64 = 100;

/// Which secret of a place is meant.
#[derive(Clone, Copy)]
pub enum Which<'a> {
    /// The one of this name.
    Named(&'a str),
    /// The deleted one of this id, destroyed or not.
    Deleted(&'a str),
}

/// Which part of a list to read.
pub struct Part {
    /// Only this version.
    pub version: Option<u32>,
    /// Only starts before this id.
    pub before: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// A holder, and how a start now would differ.
pub struct Seen {
    /// The holder.
    pub holder: Holder,
    /// How a start now would not give it the secret as it has it, and why.
    pub drift: Option<Explained>,
}

/// The servers that hold a secret, started last first; with the first part, whose runs read it.
///
/// # Errors
/// As the order of answers says.
pub async fn list(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    which: Which<'_>,
    part: Input<Part>,
) -> Result<(Vec<Seen>, Vec<Reader>)> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), place.seeing_holders()).await?;
    let secret = find(&mut db, &permit, which).await?;
    let Part { version, before, limit } = part.checked()?;
    let found = holders::list(&mut db, &permit, secret, version, before.as_deref(), limit).await?;
    let readers = match before {
        None => holders::readers(&mut db, &permit, secret, version, MOST_READERS).await?,
        Some(_) => Vec::new(),
    };
    Ok((explained(app, &mut db, &permit, secret, found).await?, readers))
}

/// Every start that a secret was handed to, newest first.
///
/// # Errors
/// As the order of answers says.
pub async fn disclosures(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    which: Which<'_>,
    part: Input<Part>,
) -> Result<Vec<Disclosure>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), place.seeing_holders()).await?;
    let secret = find(&mut db, &permit, which).await?;
    let Part { version, before, limit } = part.checked()?;
    Ok(holders::disclosures(&mut db, &permit, secret, version, before.as_deref(), limit).await?)
}

/// The id of the secret that is meant.
pub(super) async fn find(db: &mut Connection, permit: &Permit, which: Which<'_>) -> Result<SecretId> {
    let found = match which {
        Which::Named(name) => secrets::find(db, permit, name).await?.map(|secret| secret.id),
        Which::Deleted(id) => deleted_secrets::find(db, permit, id).await?.map(|secret| secret.id),
    };
    found.ok_or(Error::NotFound)
}

/// The holders with how a start now would differ in this secret: at most four queries, however many there are.
async fn explained(
    app: &App,
    db: &mut Connection,
    permit: &Permit,
    secret: SecretId,
    found: Vec<Holder>,
) -> Result<Vec<Seen>> {
    let snapshots = found.iter().map(|holder| holder.snapshot).collect();
    let held = app.handed.of(db, &snapshots).await?;
    let workspaces: HashSet<_> = found.iter().map(|holder| holder.workspace).collect();
    let now = available::compared(db, permit.organization(), &workspaces).await?;
    let now: HashMap<_, _> = now.into_iter().map(|(workspace, found)| (workspace, domain::resolve(found))).collect();
    let difference = |holder: &Holder| {
        let differences = domain::drift(held.get(&holder.snapshot)?, now.get(&holder.workspace)?);
        differences.into_iter().find(|one| one.from.as_ref().is_some_and(|from| from.secret == secret))
    };
    let compared: Vec<(Holder, Option<Difference>)> =
        found.into_iter().map(|holder| (difference(&holder), holder)).map(|(one, holder)| (holder, one)).collect();

    let secrets = compared.iter().filter_map(|(_, one)| one.as_ref()).flat_map(Difference::secrets).collect();
    let histories = available::histories(db, &workspaces, &secrets).await?;
    let nothing = HashMap::new();
    let mut seen = Vec::with_capacity(compared.len());
    for (holder, difference) in compared {
        let histories = histories.get(&holder.workspace).unwrap_or(&nothing);
        let drift = difference.map(|difference| Explained { cause: difference.cause(histories), difference, by: None });
        seen.push(Seen { holder, drift });
    }
    let changed_by = |one: &Explained| one.cause.change.and_then(|change| change.by);
    let people = users::named(db, seen.iter().filter_map(|seen| seen.drift.as_ref()).filter_map(changed_by)).await?;
    for drift in seen.iter_mut().filter_map(|seen| seen.drift.as_mut()) {
        drift.by = changed_by(drift).and_then(|id| people.get(&id).cloned());
    }
    Ok(seen)
}
