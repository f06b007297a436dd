//! Rolling restarts: exactly the servers that differ, batch by batch, until all are restarted or something fails.
//!
//! A use case here writes what shall happen; `rolling` goes on with it, also after the control plane's own end, and `step`
//! restarts one server as `servers::restart` does.

mod rolling;
mod step;

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use domain::{
    AuditAction, RestartId, RestartRules, RestartState, SecretId, ServerId, Slug, WorkspaceId, policy::Action,
    usual_batch,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    App, Input, Precondition,
    access::{authorize, organization, workspace},
    drift::{self, StaleServer},
    holders::{self, Which},
    processes, secrets, waiting,
};
use crate::{
    error::{Error, Result},
    random,
    store::{
        Caller, Connection, Permit, Writing,
        audit::{self, Event},
        restarts::{self, NewRestart},
        servers::Running,
    },
};

pub(super) use rolling::{Workers, take_up};

pub use crate::store::restarts::{Restart, Step, Tally};

/// How a rolling restart shall go on.
pub struct Wish {
    /// How many servers at once; a tenth where that is not said.
    pub batch_size: Option<u32>,
    /// Whether it pauses after a batch in which a server failed.
    pub pause_on_failure: bool,
    /// Which of the servers that differ, each by the slugs of its workspace and its own; all where that is not said.
    pub only: Option<BTreeSet<(String, String)>>,
}

impl Default for Wish {
    fn default() -> Self {
        Self { batch_size: None, pause_on_failure: true, only: None }
    }
}

/// A rolling restart, and how far it is with each of its servers.
pub struct Progress {
    /// The restart.
    pub restart: Restart,
    /// Its servers in their order.
    pub steps: Vec<Step>,
}

/// Begins to restart the running servers that differ because of one secret, of the organization or of a workspace, also
/// of a deleted one.
///
/// # Errors
/// [`Error::NotFound`] without such a secret; otherwise as [`of_workspace`].
pub async fn of_secret(
    app: &App,
    caller: &Caller,
    place: secrets::Place<'_>,
    which: Which<'_>,
    wish: Input<Wish>,
) -> Result<Progress> {
    let mut tx = app.store.write(place.organization).await?;
    let (target, action) = match place.workspace {
        None => (organization(place.organization), Action::AdministerOrganization),
        Some(slug) => (workspace(place.organization, slug), Action::RestartHolders),
    };
    let permit = authorize(&mut tx, caller, target, action).await?;
    let secret = holders::find(&mut tx, &permit, which).await?;
    begin(app, tx, permit, caller, Some(secret), wish.checked()?).await
}

/// Begins to restart the running servers of a workspace that differ.
///
/// # Errors
/// [`Error::Conflict`] when every one of them is in a rolling restart already, [`Error::Invalid`] for servers that are wanted
/// and do not differ, [`Error::Sealed`] without keys; otherwise as the order of answers says.
pub async fn of_workspace(
    app: &App,
    caller: &Caller,
    place: secrets::Place<'_>,
    wish: Input<Wish>,
) -> Result<Progress> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), Action::StopServers).await?;
    begin(app, tx, permit, caller, None, wish.checked()?).await
}

/// The servers that [`of_secret`] would restart now, by workspace and slug; without a secret, [`of_workspace`].
///
/// # Errors
/// [`Error::NotFound`] without such a secret, [`Error::Invalid`] for servers that are wanted and do not differ; otherwise as
/// the order of answers says.
pub async fn would_restart(
    app: &App,
    caller: &Caller,
    place: secrets::Place<'_>,
    which: Option<Which<'_>>,
    wish: Input<Wish>,
) -> Result<Vec<StaleServer>> {
    let mut db = app.store.read().await?;
    let action = if which.is_some() { place.seeing_holders() } else { place.seeing() };
    let permit = authorize(&mut db, caller, place.target(), action).await?;
    let secret = match which {
        Some(which) => Some(holders::find(&mut db, &permit, which).await?),
        None => None,
    };
    let (stale, taken) = that_differ(app, &mut db, &permit, secret, wish.checked()?.only.as_ref()).await?;
    let free = stale.into_iter().filter(|server| !taken.contains_key(&server.id));
    Ok(free.map(StaleServer::from).collect())
}

/// The servers to restart, and the rolling restarts that some of them are in already.
async fn that_differ(
    app: &App,
    db: &mut Connection,
    permit: &Permit,
    because_of: Option<SecretId>,
    only: Option<&BTreeSet<(String, String)>>,
) -> Result<(Vec<Running>, HashMap<ServerId, RestartId>)> {
    let mut stale = drift::differing(app, db, permit, because_of).await?;
    if let Some(only) = only {
        let address = |server: &Running| (server.workspace_slug.to_string(), server.slug.to_string());
        let differing: BTreeSet<_> = stale.iter().map(address).collect();
        if let Some((workspace, server)) = only.difference(&differing).next() {
            let why = format!("{workspace}/{server} is no running server that differs. Nothing was restarted.");
            return Err(Error::invalid("servers", "does_not_differ", why));
        }
        stale.retain(|server| only.contains(&address(server)));
    }
    let taken = restarts::of_servers(db, stale.iter().map(|server| server.id)).await?;
    Ok((stale, taken))
}

async fn begin(
    app: &App,
    mut tx: Writing,
    permit: Permit,
    caller: &Caller,
    secret: Option<SecretId>,
    wish: Wish,
) -> Result<Progress> {
    app.keyring.root_key_id()?;
    let (stale, taken) = that_differ(app, &mut tx, &permit, secret, wish.only.as_ref()).await?;
    if let (Some(other), true) = (taken.values().next(), taken.len() == stale.len()) {
        return Err(Error::Conflict(
            format!("every server that differs is in a rolling restart already; nothing was done; look at {other}")
                .into(),
        ));
    }
    let free = stale.len() - taken.len();
    let left_out = |other: &RestartId| format!("it is in the rolling restart {other} already");
    let new = NewRestart {
        id: RestartId::new(permit.now(), random::bytes()),
        secret,
        rules: RestartRules {
            batch_size: wish.batch_size.unwrap_or_else(|| usual_batch(free)),
            pause_on_failure: wish.pause_on_failure,
            accepted_failures: 0,
        },
        state: if free == 0 { RestartState::Done } else { RestartState::Running },
        credential: caller.credential(),
        servers: stale.iter().map(|server| (server.id, server.start, taken.get(&server.id).map(left_out))).collect(),
    };
    restarts::insert(&mut tx, &permit, &new).await?;
    let begun = read_again(&mut tx, new.id).await?;
    let event = event(AuditAction::RestartStarted, &begun.restart).with(json!({
        "secret": begun.restart.secret.as_ref().map(|(_, name)| name.as_str()),
        "servers": free,
        "batch_size": new.rules.batch_size,
        "pause_on_failure": new.rules.pause_on_failure,
    }));
    commit_and_go_on(app, tx, permit, event, new.id).await?;
    Ok(begun)
}

/// Commits, and goes on with the rolling restart, also when whoever asked hangs up in between or the database does not
/// confirm it: who goes on finds out what is on record.
async fn commit_and_go_on(app: &App, tx: Writing, permit: Permit, event: Event, id: RestartId) -> Result<()> {
    let app = app.clone();
    processes::to_the_end(async move {
        let committed = audit::commit(tx, permit, event).await;
        rolling::work(&app, id);
        Ok(committed?)
    })
    .await
}

/// The organization's rolling restarts, or those of one workspace, newest first.
///
/// # Errors
/// As the order of answers says.
pub async fn list(
    app: &App,
    caller: &Caller,
    place: secrets::Place<'_>,
    before: Option<&str>,
    limit: Input<i64>,
) -> Result<Vec<Restart>> {
    let mut db = app.store.read().await?;
    let (target, action) = match place.workspace {
        None => (organization(place.organization), Action::ListRestarts),
        Some(slug) => (workspace(place.organization, slug), Action::SeeWorkspace),
    };
    let permit = authorize(&mut db, caller, target, action).await?;
    Ok(restarts::list(&mut db, &permit, before, limit.checked()?).await?)
}

/// The rolling restarts that run or are paused and that the caller may know of: of the organization, or those that restart
/// servers of one workspace.
///
/// # Errors
/// As the order of answers says.
pub async fn open(app: &App, caller: &Caller, place: secrets::Place<'_>) -> Result<Vec<Restart>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), place.seeing()).await?;
    Ok(restarts::open(&mut db, &permit).await?)
}

/// How far a rolling restart is; with a known revision waits for another one, `None` if there was none by then.
///
/// # Errors
/// As the order of answers says, also while it waits.
pub async fn get(
    app: &App,
    caller: &Caller,
    slug: &str,
    id: &str,
    known: Option<&str>,
    wait: Input<Duration>,
) -> Result<Option<Progress>> {
    let (mut wait, mut end) = (Some(wait), Instant::now());
    loop {
        let written = app.store.written();
        let mut db = app.store.read().await?;
        let restart = seen(&mut db, caller, slug, id).await?;
        if let Some(wait) = wait.take() {
            end += wait.checked()?;
        }
        if known != Some(&restart.revision) {
            let steps = restarts::steps(&mut db, restart.id).await?;
            return Ok(Some(Progress { restart, steps }));
        }
        drop(db);
        if !waiting::look_again(written, end).await {
            return Ok(None);
        }
    }
}

/// Ends a rolling restart: what is being restarted comes to its end, the rest is left as it is.
///
/// # Errors
/// [`Error::Conflict`] once it has ended; otherwise as the order of answers says.
pub async fn abort(app: &App, caller: &Caller, slug: &str, id: &str, expected: Precondition) -> Result<()> {
    let mut tx = app.store.write(slug).await?;
    let (permit, restart) = changed(&mut tx, caller, slug, id).await?;
    expected.check(Some(&restart.revision))?;
    if !matches!(restart.state, RestartState::Running | RestartState::Paused) {
        return Err(ended(&restart));
    }
    restarts::skip_waiting(&mut tx, &permit, restart.id, ABORTED).await?;
    restarts::set_state(&mut tx, &permit, restart.id, RestartState::Aborted, "").await?;
    let event = event(AuditAction::RestartAborted, &restart).with(counts(restart.tally));
    Ok(audit::commit(tx, permit, event).await?)
}

/// Why a server was left as it was by whoever aborted.
const ABORTED: &str = "the rolling restart was aborted before its turn";

/// Lets a paused rolling restart go on, from now on in the caller's name.
///
/// # Errors
/// [`Error::Conflict`] unless it is paused, [`Error::Sealed`] without keys; otherwise as the order of answers says.
pub async fn resume(app: &App, caller: &Caller, slug: &str, id: &str, expected: Precondition) -> Result<Progress> {
    let mut tx = app.store.write(slug).await?;
    let (permit, restart) = changed(&mut tx, caller, slug, id).await?;
    expected.check(Some(&restart.revision))?;
    match restart.state {
        RestartState::Paused => {}
        RestartState::Running => {
            return Err(Error::Conflict("the rolling restart goes on already; nothing was done".into()));
        }
        RestartState::Aborted | RestartState::Done => return Err(ended(&restart)),
    }
    app.keyring.root_key_id()?;
    restarts::continue_as(&mut tx, &permit, restart.id, caller.credential(), restart.tally.failed).await?;
    let event = event(AuditAction::RestartContinued, &restart).with(counts(restart.tally));
    let resumed = read_again(&mut tx, restart.id).await?;
    commit_and_go_on(app, tx, permit, event, restart.id).await?;
    Ok(resumed)
}

fn ended(restart: &Restart) -> Error {
    let how = if restart.state == RestartState::Aborted { "was aborted" } else { "has come to its end" };
    Error::Conflict(format!("the rolling restart {how}; nothing was done; begin another one").into())
}

/// A rolling restart that the caller may know of: administrators of all, whoever sees a workspace of that workspace's.
async fn seen(db: &mut Connection, caller: &Caller, slug: &str, id: &str) -> Result<Restart> {
    let permit = authorize(db, caller, organization(slug), Action::SeeOrganization).await?;
    let restart = restarts::find(db, &permit, id).await?.ok_or(Error::NotFound)?;
    if !permit.is_administrator() {
        let of_workspace = restart.workspace.as_ref().ok_or(Error::NotFound)?;
        there(db, caller, slug, of_workspace, Action::SeeWorkspace).await?;
    }
    Ok(restart)
}

/// One that the caller may change: as they may begin one like it.
async fn changed(db: &mut Connection, caller: &Caller, slug: &str, id: &str) -> Result<(Permit, Restart)> {
    let restart = seen(db, caller, slug, id).await?;
    let permit = match (&restart.workspace, &restart.secret) {
        (None, _) => authorize(db, caller, organization(slug), Action::AdministerOrganization).await?,
        (Some(place), Some(_)) => there(db, caller, slug, place, Action::RestartHolders).await?,
        (Some(place), None) => there(db, caller, slug, place, Action::StopServers).await?,
    };
    Ok((permit, restart))
}

/// Whether the caller may continue and abort a rolling restart: for what a page offers, those ask again.
///
/// # Errors
/// As the order of answers says.
pub async fn may_change(app: &App, caller: &Caller, slug: &str, id: &str) -> Result<bool> {
    match changed(&mut *app.store.read().await?, caller, slug, id).await {
        Ok(_) => Ok(true),
        Err(Error::Forbidden(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A permit in the workspace of a rolling restart, not in another one that has got its slug.
async fn there(
    db: &mut Connection,
    caller: &Caller,
    slug: &str,
    (id, name): &(WorkspaceId, Slug),
    action: Action,
) -> Result<Permit> {
    let permit = authorize(db, caller, workspace(slug, name.as_str()), action).await?;
    if permit.in_workspace() == *id { Ok(permit) } else { Err(Error::NotFound) }
}

/// What a write answers, as it is in its transaction.
async fn read_again(db: &mut Connection, id: RestartId) -> Result<Progress> {
    let restart = restarts::by_id(db, id).await?.ok_or(Error::NotFound)?;
    let steps = restarts::steps(db, id).await?;
    Ok(Progress { restart, steps })
}

/// What happened to a rolling restart, called by what it is for.
fn event(action: AuditAction, restart: &Restart) -> Event {
    let name = match (&restart.secret, &restart.workspace) {
        (Some((_, name)), _) => name.as_str(),
        (None, Some((_, slug))) => slug.as_str(),
        (None, None) => restart.organization.1.as_str(),
    };
    Event::new(action, "restart", restart.id, name)
}

fn counts(tally: Tally) -> Value {
    let Tally { waiting, restarting, done, skipped, failed } = tally;
    json!({ "waiting": waiting, "restarting": restarting, "done": done, "skipped": skipped, "failed": failed })
}
