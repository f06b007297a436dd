//! Which running servers need a restart because of a change of secrets: what each change answers, and its preview.

use std::{collections::HashMap, sync::Arc};

use domain::{Access, Available, Difference, Proposal, Reaches, ServerId};

use super::{Fleet, Stale, StaleServer, of_place};
use crate::{
    app::App,
    error::Result,
    store::{Connection, Permit, secrets::Secret, selections},
};

/// A running server that needs a restart after a change.
pub struct Felt {
    /// The server.
    pub server: StaleServer,
    /// Whether it needed one before.
    pub already: bool,
    /// Whether the change is a reason: whether it differs in a way in which it did not before.
    pub because_of_it: bool,
}

/// The running servers that need a restart because of a change that was just made, told what its secrets were before it.
///
/// # Errors
/// When the database fails.
pub(in crate::app) async fn consequences(
    app: &App,
    db: &mut Connection,
    permit: &Permit,
    before: &[Proposal],
) -> Result<Vec<StaleServer>> {
    let fleet = of(app, db, permit).await?;
    let then = fleet.stale_after(|workspace, secrets| domain::applied(before, workspace, secrets));
    let felt = compared(then, fleet.stale()).filter(|felt| felt.because_of_it);
    Ok(felt.map(|felt| felt.server).collect())
}

/// The running servers that will need a restart once a change is made, for whatever reason.
///
/// # Errors
/// When the database fails.
pub(in crate::app) async fn foreseen(
    app: &App,
    db: &mut Connection,
    permit: &Permit,
    change: &Proposal,
) -> Result<Vec<Felt>> {
    let fleet = of(app, db, permit).await?;
    let then = fleet.stale_after(|workspace, secrets| change.applied(workspace, secrets));
    Ok(compared(fleet.stale(), then).collect())
}

/// Secrets of the permit's place as they are now: what a change of them is compared with.
///
/// # Errors
/// When the database fails.
pub(in crate::app) async fn as_they_are(
    db: &mut Connection,
    permit: &Permit,
    secrets: &[&Secret],
) -> Result<Vec<Proposal>> {
    let selected = secrets.iter().filter(|secret| secret.access == Access::Selected);
    let mut selected = selections::of_each(db, permit, selected.map(|secret| secret.id)).await?;
    let as_it_is = |secret: &&Secret| Proposal {
        secret: secret.id,
        after: Some(Available {
            id: secret.id,
            name: secret.name.clone(),
            scope: secret.scope,
            version: secret.version,
            suspended: secret.suspension.is_some(),
            detail: (),
        }),
        reaches: match (permit.workspace(), secret.access) {
            (Some(workspace), _) => Reaches::Only([workspace].into()),
            (None, Access::All) => Reaches::Everywhere,
            (None, Access::Selected) => Reaches::Only(selected.remove(&secret.id).unwrap_or_default()),
        },
    };
    Ok(secrets.iter().map(as_it_is).collect())
}

async fn of(app: &App, db: &mut Connection, permit: &Permit) -> Result<Fleet> {
    let workspace = permit.workspace();
    Fleet::read(app, db, permit.organization(), of_place(permit, workspace.as_slice())).await
}

fn compared(before: Vec<Stale>, after: Vec<Stale>) -> impl Iterator<Item = Felt> {
    let before: HashMap<ServerId, Arc<[Difference]>> =
        before.into_iter().map(|(server, differences)| (server.id, differences)).collect();
    after.into_iter().map(move |(server, differences)| {
        let before = before.get(&server.id);
        // What holds a secret back may become another one, which a restart would not bring either.
        let known = |one: &Difference| {
            let same = |other: &Difference| (&one.name, &one.from, &one.to) == (&other.name, &other.from, &other.to);
            before.is_some_and(|before| before.iter().any(same))
        };
        let because_of_it = differences.iter().any(|one| !known(one));
        Felt { server: server.into(), already: before.is_some(), because_of_it }
    })
}
