//! What a server's process was started with, beside what a start would give it now.

use std::collections::BTreeMap;

use domain::{Difference, Held, SecretName, policy::Action};

use super::Place;
use crate::{
    app::{App, access::authorize},
    error::{Error, Result},
    store::{
        Caller, available, servers,
        starts::{self, Start},
    },
};

/// The start of the process that runs or ran last, and its secrets since then.
pub struct AtStart {
    /// The start record.
    pub start: Start,
    /// The secrets that it was handed or that a start would bring now, by name.
    pub secrets: Vec<SinceStart>,
}

/// A name, then and now.
pub struct SinceStart {
    /// The environment variable's name.
    pub name: SecretName,
    /// What the process was handed.
    pub then: Option<Held>,
    /// What a start would give it now.
    pub now: Now,
}

/// What a start would give a name now.
pub enum Now {
    /// The same secret in the same version.
    Same,
    /// Another secret or version.
    Other(Held),
    /// Nothing, because the secret is suspended.
    Suspended,
    /// Nothing.
    Nothing,
}

/// Reads what a server was started with; `None` for one that was never started.
///
/// # Errors
/// As the order of answers says.
pub async fn at_start(app: &App, caller: &Caller, place: Place<'_>, slug: &str) -> Result<Option<AtStart>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), Action::SeeWorkspace).await?;
    let server = servers::find(&mut db, &permit, slug).await?.ok_or(Error::NotFound)?;
    let start = match server.start {
        Some(start) => starts::one(&mut db, &permit, start).await?,
        None => starts::of_server(&mut db, &permit, server.id, None, 1).await?.pop(),
    };
    let Some(start) = start else { return Ok(None) };
    let found = available::listed(&mut db, permit.organization(), permit.in_workspace()).await?;
    let environment = domain::resolve(found);
    let same = start.injected.iter().map(|held| (held.name.clone(), (Some(held.clone()), Now::Same)));
    let mut secrets: BTreeMap<SecretName, (Option<Held>, Now)> = same.collect();
    for Difference { name, from, to, .. } in domain::drift(&start.injected, &environment) {
        let suspended = environment.get(&name).is_some_and(|name| name.winner.suspended);
        let now = match to {
            Some(other) => Now::Other(other),
            None if suspended => Now::Suspended,
            None => Now::Nothing,
        };
        secrets.insert(name, (from, now));
    }
    let secrets = secrets.into_iter().map(|(name, (then, now))| SinceStart { name, then, now }).collect();
    Ok(Some(AtStart { start, secrets }))
}
