//! Where runs are put on record: those of an organization that wait together share one commit, and so one flush to the
//! disk. Each organization has its own clerk, so that none waits for another's.

use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{Outcome, StartId};
use tokio::{
    runtime::Handle,
    sync::{Notify, oneshot},
    time::timeout,
};

use super::{
    NewRun, Place,
    commit::{Asked, NotCommitted, Settled, commit},
};
use crate::{
    app::{App, snapshots::Snapshot},
    error::{Error, Result},
    store::{Location, Runner},
};

/// How long outcomes wait for runs to go along with, and how long until they are tried again.
const OUTCOMES_WAIT: Duration = Duration::from_secs(1);

/// The shortest that the runtime can wait.
const SHORTEST_MOMENT: Duration = Duration::from_millis(1);

/// The longest that a commit waits for others to come along, however long the last one took.
const LONGEST_MOMENT: Duration = Duration::from_millis(5);

/// The queues of the organizations in which somebody asks for runs.
#[derive(Default)]
pub struct Desk {
    /// By slug. A queue is there for as long as its clerk.
    queues: Mutex<HashMap<String, Queue>>,
    closing: AtomicBool,
    /// Tells that a clerk has gone.
    gone: Notify,
}

/// What waits to be written in one organization.
#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    outcomes: Vec<Settled>,
    /// Tells the clerk that so many runs wait.
    come: Arc<Notify>,
    enough: usize,
}

struct Waiting {
    asked: Asked,
    told: oneshot::Sender<Result<Recorded>>,
}

/// A run whose record is committed. Dropped unsettled it has failed: whoever asked hung up, and nothing was unsealed.
pub(super) struct Recorded {
    pub(super) id: StartId,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) location: Location,
    app: Option<App>,
}

impl Recorded {
    pub(super) fn new(app: &App, id: StartId, snapshot: Arc<Snapshot>, location: Location) -> Self {
        Self { id, snapshot, location, app: Some(app.clone()) }
    }

    /// Notes what became of the run: written with the next ones, or shortly after if there are none, or once the database
    /// answers again. Until then, and if this control plane is killed before, the record says `pending`: that somebody may
    /// have got the values.
    pub(super) fn settle(&mut self, outcome: Outcome, why: String) {
        let Some(app) = self.app.take() else { return };
        note(&app, vec![Settled { id: self.id, location: self.location.clone(), outcome, why }]);
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.settle(Outcome::Failed, HUNG_UP.to_owned());
    }
}

/// Puts a run on record, in one commit with all that wait at this moment.
///
/// # Errors
/// As the order of answers says; then there is no record, or one that will say `failed`.
pub(super) async fn record(app: &App, runner: Runner, place: Place, new: NewRun) -> Result<Recorded> {
    let (told, answer) = oneshot::channel();
    let organization = place.organization.clone();
    bring(app, &organization, |queue| {
        queue.waiting.push(Waiting { asked: Asked { runner, place, new }, told });
        if queue.waiting.len() == queue.enough {
            queue.come.notify_one();
        }
    });
    answer.await.map_err(|_| Error::Internal(anyhow::anyhow!("a run was dropped at the desk")))?
}

/// Writes all that waits at this moment, as far as the database takes it, and sends the clerks home.
pub(in crate::app) async fn close(app: &App) {
    app.runs.closing.store(true, Ordering::SeqCst);
    for queue in lock(&app.runs.queues).values() {
        queue.come.notify_one();
    }
    while !lock(&app.runs.queues).is_empty() {
        app.runs.gone.notified().await;
    }
}

/// Lets outcomes of one organization wait for its next write.
fn note(app: &App, settled: Vec<Settled>) {
    let Some(organization) = settled.first().map(|settled| settled.location.organization_slug().to_string()) else {
        return;
    };
    bring(app, &organization, |queue| queue.outcomes.extend(settled));
}

/// Puts something into an organization's queue, and finds a clerk for it if there is none.
fn bring(app: &App, organization: &str, put: impl FnOnce(&mut Queue)) {
    let mut queues = lock(&app.runs.queues);
    if let Some(queue) = queues.get_mut(organization) {
        return put(queue);
    }
    // Not in the request itself: others' runs are in the same write, whoever hangs up. Without a runtime the program is
    // ending.
    let Ok(runtime) = Handle::try_current() else { return };
    put(queues.entry(organization.to_owned()).or_default());
    runtime.spawn(serve(app.clone(), organization.to_owned()));
}

/// Leaves no queue behind that nobody serves, also after a defect.
struct Clerk<'a> {
    app: &'a App,
    organization: &'a str,
}

impl Drop for Clerk<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.app.runs.queues).remove(self.organization);
        }
        self.app.runs.gone.notify_one();
    }
}

/// Writes what waits in an organization, again and again: whoever comes meanwhile goes along the next time. Goes once
/// nothing has come for a while.
async fn serve(app: App, organization: String) {
    let _found_again = Clerk { app: &app, organization: &organization };
    loop {
        let Some((outcomes, waiting)) = take(&app, &organization) else { return };
        let (runs, begun) = (waiting.len(), Instant::now());
        let refused = write(&app, &organization, outcomes, waiting).await;
        if app.runs.closing.load(Ordering::SeqCst) {
            // Nobody tries again.
            drop(refused);
            continue;
        }
        note(&app, refused);
        let took = begun.elapsed();
        let (others, _) = who_waits(&app, &organization, 0);
        // Those who were answered just now often come again at once: they and the others share a commit if that waits for
        // a moment, instead of taking turns. Where a commit takes no longer than the shortest moment, it does not wait.
        let moment = (took / 2).min(LONGEST_MOMENT);
        let here = match runs + others {
            together @ 2.. if took > SHORTEST_MOMENT => wait_for(&app, &organization, together, moment).await,
            _ => others,
        };
        if here == 0 {
            wait_for(&app, &organization, 1, OUTCOMES_WAIT).await;
        }
    }
}

/// All that waits in an organization; `None` when that is nothing, and its clerk may go.
fn take(app: &App, organization: &str) -> Option<(Vec<Settled>, Vec<Waiting>)> {
    let mut queues = lock(&app.runs.queues);
    let queue = queues.get_mut(organization).expect(QUEUE_STAYS);
    if queue.waiting.is_empty() && queue.outcomes.is_empty() {
        queues.remove(organization);
        return None;
    }
    queue.enough = 0;
    Some((mem::take(&mut queue.outcomes), mem::take(&mut queue.waiting)))
}

/// Waits until so many runs wait, for some time at most; gives how many there are.
async fn wait_for(app: &App, organization: &str, enough: usize, at_most: Duration) -> usize {
    let (here, come) = who_waits(app, organization, enough);
    if here >= enough {
        return here;
    }
    let _too_few = timeout(at_most, come.notified()).await;
    who_waits(app, organization, 0).0
}

/// How many runs wait, and what tells when there are enough.
fn who_waits(app: &App, organization: &str, enough: usize) -> (usize, Arc<Notify>) {
    let mut queues = lock(&app.runs.queues);
    let queue = queues.get_mut(organization).expect(QUEUE_STAYS);
    queue.enough = enough;
    (queue.waiting.len(), queue.come.clone())
}

/// Writes outcomes and runs in one transaction, and tells those who wait how it went. Gives back the outcomes that the
/// database did not take.
async fn write(app: &App, organization: &str, outcomes: Vec<Settled>, waiting: Vec<Waiting>) -> Vec<Settled> {
    let (mut parts, mut refused) = (vec![(outcomes, waiting)], Vec::new());
    while let Some((outcomes, waiting)) = parts.pop() {
        let asked = waiting.iter().map(|waiting| &waiting.asked);
        let why = match commit(app, organization, &outcomes, asked).await {
            Ok(answers) => {
                for (Waiting { told, .. }, answer) in waiting.into_iter().zip(answers) {
                    if let Ok(recorded) = &answer {
                        app.snapshots.keep(&recorded.snapshot);
                    }
                    // Dropped where nobody waits any more.
                    let _gone = told.send(answer);
                }
                continue;
            }
            Err(why) => why,
        };
        let (runs, settled) = (waiting.len(), outcomes.len());
        tracing::error!(
            error = why.error().in_full(),
            runs,
            outcomes = settled,
            "runs or their outcomes could not be put on record"
        );
        if matches!(why, NotCommitted::Refused(Error::Internal(_))) && runs + settled.min(1) > 1 {
            // It may be the fault of one of them: nobody else has to suffer for it.
            parts.push((outcomes, Vec::new()));
            parts.extend(waiting.into_iter().map(|alone| (Vec::new(), vec![alone])));
            continue;
        }
        refused.extend(outcomes);
        let message = match why {
            NotCommitted::Refused(_) => NOT_ON_RECORD,
            NotCommitted::Unconfirmed(_, maybe) => {
                refused.extend(maybe.into_iter().map(|(id, location)| Settled {
                    id,
                    location,
                    outcome: Outcome::Failed,
                    why: UNCONFIRMED.to_owned(),
                }));
                NOT_CONFIRMED
            }
        };
        for Waiting { told, .. } in waiting {
            let _gone = told.send(Err(Error::Unavailable(message.to_owned())));
        }
    }
    refused
}

const QUEUE_STAYS: &str = "a queue stays until its clerk goes";

const NOT_ON_RECORD: &str = "the run could not be put on record, so nothing was handed over; try again";

const NOT_CONFIRMED: &str = "the database did not confirm that the run is on record, so nothing was handed over; a record \
                             of it that is there will say that it failed; try again";

/// What the record of such a run says.
const UNCONFIRMED: &str = "the database did not confirm this record, so nothing was handed over";

/// What the record says of a run whose answer nobody waited for.
const HUNG_UP: &str = "whoever asked for it hung up before anything was handed over";

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
