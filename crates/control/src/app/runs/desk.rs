//! Where runs are put on record: those that wait together share one commit, and so one flush to the disk.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{AuditAction, DisplayName, Outcome, Slug, StartId, policy::Action};
use serde_json::json;
use tokio::sync::{Mutex as Turn, oneshot};

use super::{NewRun, Place};
use crate::{
    app::{
        App, Input,
        access::{authorize_runner, workspace},
        snapshots::{self, Snapshot},
    },
    clock,
    error::{Error, Result},
    random,
    store::{
        Location, Permit, Runner, Writing,
        access::SystemReason,
        audit::{self, Event},
        starts::{self, Host, NewStart},
    },
};

/// How long outcomes wait for runs to go along with, and how long until they are tried again.
const OUTCOMES_WAIT: Duration = Duration::from_secs(1);

/// The runs that wait to be put on record, and the outcomes of those that were.
#[derive(Default)]
pub struct Desk {
    waiting: Mutex<Vec<Waiting>>,
    outcomes: Mutex<Outcomes>,
    turn: Turn<()>,
}

/// The outcomes that wait to be written.
#[derive(Default)]
struct Outcomes {
    by_organization: BTreeMap<String, Vec<Settled>>,
    /// Whether somebody sees to it that they are written: one for all of them.
    seen_to: bool,
}

/// A run whose record is committed.
pub(super) struct Recorded {
    pub(super) id: StartId,
    pub(super) organization: Slug,
    pub(super) workspace: Slug,
    pub(super) snapshot: Arc<Snapshot>,
    location: Location,
}

struct Waiting {
    runner: Runner,
    place: Place,
    input: Input<NewRun>,
    told: oneshot::Sender<Result<Recorded>>,
}

struct Settled {
    id: StartId,
    location: Location,
    outcome: Outcome,
    why: String,
}

/// Puts a run on record, in one commit with all that wait at this moment.
///
/// # Errors
/// As the order of answers says; then there is no record.
pub(super) async fn record(app: &App, runner: Runner, place: Place, input: Input<NewRun>) -> Result<Recorded> {
    let (told, answer) = oneshot::channel();
    lock(&app.runs.waiting).push(Waiting { runner, place, input, told });
    // Not in the request itself: others' runs are in the same write, whoever hangs up.
    let desk = app.clone();
    tokio::spawn(async move { serve(&desk).await });
    answer.await.map_err(|_| Error::Internal(anyhow::anyhow!("a run was dropped at the desk")))?
}

/// Notes what became of a run: written with the next runs, or shortly after if there are none, or once the database
/// answers again. Until then, and if this control plane is killed before, the record says `pending`: that somebody may
/// have got the values.
pub(super) fn settle(app: &App, recorded: Recorded, outcome: Outcome, why: String) {
    let Recorded { id, organization, location, .. } = recorded;
    wait(app, organization.to_string(), vec![Settled { id, location, outcome, why }]);
}

/// Lets outcomes wait for the next write of their organization.
fn wait(app: &App, organization: String, settled: Vec<Settled>) {
    let unseen = {
        let mut outcomes = lock(&app.runs.outcomes);
        outcomes.by_organization.entry(organization).or_default().extend(settled);
        !mem::replace(&mut outcomes.seen_to, true)
    };
    if unseen {
        tokio::spawn(see_to_outcomes(app.clone()));
    }
}

/// Writes the outcomes that no run took along, again and again while the database does not take them.
async fn see_to_outcomes(app: App) {
    loop {
        tokio::time::sleep(OUTCOMES_WAIT).await;
        write_outcomes(&app).await;
        let mut outcomes = lock(&app.runs.outcomes);
        if outcomes.by_organization.is_empty() || app.store.is_closed() {
            outcomes.seen_to = false;
            return;
        }
    }
}

/// Writes all outcomes that wait at this moment, as far as the database takes them.
pub(in crate::app) async fn write_outcomes(app: &App) {
    let organizations: Vec<String> = lock(&app.runs.outcomes).by_organization.keys().cloned().collect();
    for organization in organizations {
        let _turn = app.runs.turn.lock().await;
        write(app, &organization, Vec::new()).await;
    }
}

/// Writes what waits, unless whoever had the turn before has done it already.
async fn serve(app: &App) {
    let _turn = app.runs.turn.lock().await;
    let mut by_organization: BTreeMap<String, Vec<Waiting>> = BTreeMap::new();
    for waiting in mem::take(&mut *lock(&app.runs.waiting)) {
        by_organization.entry(waiting.place.organization.clone()).or_default().push(waiting);
    }
    for (organization, waiting) in by_organization {
        write(app, &organization, waiting).await;
    }
}

/// Writes an organization's outcomes and runs in one transaction, and tells those who wait how it went.
async fn write(app: &App, organization: &str, waiting: Vec<Waiting>) {
    let outcomes = lock(&app.runs.outcomes).by_organization.remove(organization).unwrap_or_default();
    if outcomes.is_empty() && waiting.is_empty() {
        return;
    }
    let (mut told, mut requests) = (Vec::new(), Vec::new());
    for Waiting { runner, place, input, told: to } in waiting {
        told.push(to);
        requests.push((runner, place, input));
    }
    match commit(app, organization, &outcomes, requests).await {
        Ok(answers) => {
            for (to, answer) in told.into_iter().zip(answers) {
                if let Ok(recorded) = &answer {
                    app.snapshots.keep(&recorded.snapshot);
                }
                // Whoever hung up has left a record that says `pending`.
                let _gone = to.send(answer);
            }
        }
        Err(error) => {
            let (runs, waiting) = (told.len(), outcomes.len());
            tracing::error!(%error, runs, outcomes = waiting, "runs or their outcomes could not be put on record");
            if waiting > 0 {
                wait(app, organization.to_owned(), outcomes);
            }
            for to in told {
                let _gone = to.send(Err(Error::Unavailable(NOT_ON_RECORD.to_owned())));
            }
        }
    }
}

const NOT_ON_RECORD: &str = "the run could not be put on record, so nothing was handed over; try again";

/// # Errors
/// When the database fails: then nothing of it is written, for anybody.
async fn commit(
    app: &App,
    organization: &str,
    outcomes: &[Settled],
    requests: Vec<(Runner, Place, Input<NewRun>)>,
) -> Result<Vec<Result<Recorded>>> {
    let mut tx = app.store.write(organization).await?;
    let now = clock::now();
    let mut settling = None;
    for Settled { id, location, outcome, why } in outcomes {
        let permit = Permit::system(SystemReason::Starting, location, now);
        starts::settle(&mut tx, &permit, *id, *outcome, why).await?;
        settling = Some(permit);
    }
    let mut answers = Vec::new();
    let mut any = false;
    for (runner, place, input) in requests {
        let answer = put_on_record(app, &mut tx, &runner, &place, input).await;
        match answer {
            Err(error @ (Error::Internal(_) | Error::Unavailable(_))) => return Err(error),
            answer => {
                any |= answer.is_ok();
                answers.push(answer);
            }
        }
    }
    match settling {
        _ if any => audit::commit_recorded(tx).await?,
        Some(permit) => audit::commit_observation(tx, permit).await?,
        None => {}
    }
    Ok(answers)
}

/// Writes the record of one run and its event.
async fn put_on_record(
    app: &App,
    tx: &mut Writing,
    runner: &Runner,
    place: &Place,
    input: Input<NewRun>,
) -> Result<Recorded> {
    let target = workspace(&place.organization, &place.workspace);
    let permit = authorize_runner(tx, runner, target, Action::StartRuns).await?;
    let now = permit.now();
    let NewRun { host, command, only } = input.checked()?;
    let snapshot = match only {
        None => snapshots::take(app, tx, &permit, now).await?,
        Some(names) => snapshots::take_only(app, tx, &permit, &names, now).await?,
    };
    let id = StartId::new(now, random::bytes());
    let host_and_command = Host::Elsewhere(host.as_str(), command.as_ref().map(DisplayName::as_str));
    starts::insert(tx, &permit, &NewStart { id, host: host_and_command, snapshot: snapshot.id }, now).await?;
    let details = json!({ "command": command.as_ref().map(DisplayName::as_str),
        "secrets": snapshot.summary() });
    let event = Event::new(AuditAction::RunStarted, "run", id, host.as_str()).with(details);
    audit::record(tx, &permit, event).await?;
    Ok(Recorded {
        id,
        organization: permit.organization_slug().clone(),
        workspace: permit.workspace_slug().clone(),
        snapshot,
        location: permit.location(),
    })
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
