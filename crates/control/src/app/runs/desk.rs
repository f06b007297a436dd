//! Where runs are put on record: those that wait together share one commit, and so one flush to the disk.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{Outcome, Slug, StartId};
use tokio::sync::{Mutex as Turn, oneshot};

use super::{
    NewRun, Place,
    commit::{Asked, Settled, commit},
};
use crate::{
    app::{App, Input, snapshots::Snapshot},
    error::{Error, Result},
    store::{Location, Runner},
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
    pub(super) location: Location,
}

struct Waiting {
    asked: Asked,
    told: oneshot::Sender<Result<Recorded>>,
}

/// Puts a run on record, in one commit with all that wait at this moment.
///
/// # Errors
/// As the order of answers says; then there is no record.
pub(super) async fn record(app: &App, runner: Runner, place: Place, input: Input<NewRun>) -> Result<Recorded> {
    let (told, answer) = oneshot::channel();
    let first = {
        let mut waiting = lock(&app.runs.waiting);
        waiting.push(Waiting { asked: Asked { runner, place, input }, told });
        waiting.len() == 1
    };
    if first {
        // Not in the request itself: others' runs are in the same write, whoever hangs up.
        let desk = app.clone();
        tokio::spawn(async move { serve(&desk).await });
    }
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

/// Writes what waits once it is its turn: whoever came meanwhile goes along.
async fn serve(app: &App) {
    let _turn = app.runs.turn.lock().await;
    let mut by_organization: BTreeMap<String, Vec<Waiting>> = BTreeMap::new();
    for waiting in mem::take(&mut *lock(&app.runs.waiting)) {
        by_organization.entry(waiting.asked.place.organization.clone()).or_default().push(waiting);
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
    let (asked, told): (Vec<_>, Vec<_>) = waiting.into_iter().map(|waiting| (waiting.asked, waiting.told)).unzip();
    match commit(app, organization, &outcomes, asked).await {
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
            tracing::error!(
                error = error.in_full(),
                runs,
                outcomes = waiting,
                "runs or their outcomes could not be put on record"
            );
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

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
