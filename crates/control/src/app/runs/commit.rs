//! One write for many runs: who may is asked once for each who asks, and each kind of row is written in one statement.

use std::{collections::BTreeMap, sync::Arc};

use domain::{AuditAction, DisplayName, Outcome, StartId, WorkspaceId, policy::Action};
use serde_json::json;

use super::{NewRun, Place, desk::Recorded};
use crate::{
    app::{
        App,
        access::authorize_runner,
        snapshots::{self, Snapshot},
    },
    clock,
    error::{Error, Result},
    random,
    store::{
        Location, Permit, Runner, StoreError, Writing,
        access::SystemReason,
        audit::{self, Event},
        starts::{self, Host, NewStart},
    },
};

/// Somebody who asks for a run.
pub(super) struct Asked {
    pub(super) runner: Runner,
    pub(super) place: Place,
    pub(super) new: NewRun,
}

/// What became of a run.
pub(super) struct Settled {
    pub(super) id: StartId,
    pub(super) location: Location,
    pub(super) outcome: Outcome,
    pub(super) why: String,
}

/// Why a write was not committed.
pub(super) enum NotCommitted {
    /// Nothing was written.
    Refused(Error),
    /// The database did not say whether it was: these runs may be on record.
    Unconfirmed(Error, Vec<(StartId, Location)>),
}

impl NotCommitted {
    pub(super) fn error(&self) -> &Error {
        match self {
            Self::Refused(error) | Self::Unconfirmed(error, _) => error,
        }
    }
}

impl<E: Into<Error>> From<E> for NotCommitted {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// Who asks in this write, and for which workspace; good for all the runs that they ask for in it.
struct Guest<'a> {
    runner: &'a Runner,
    place: &'a Place,
    permit: Permit,
    /// What their runs get, once one of them was looked at.
    whole: Option<Arc<Snapshot>>,
}

/// A run that may be put on record.
struct Admitted<'a> {
    id: StartId,
    /// Whose: the place among the guests of this write.
    guest: usize,
    host: &'a DisplayName,
    command: Option<&'a DisplayName>,
    snapshot: Arc<Snapshot>,
}

/// Writes the outcomes of earlier runs and the records of those that are asked for, all of one organization, and says of
/// each of these how it went.
///
/// # Errors
/// When the database fails, or somebody's rows can't be read: then nothing of it is written, for anybody, or nobody knows.
pub(super) async fn commit(
    app: &App,
    organization: &str,
    outcomes: &[Settled],
    asked: impl Iterator<Item = &Asked>,
) -> std::result::Result<Vec<Result<Recorded>>, NotCommitted> {
    let mut tx = app.store.write(organization).await?;
    let settling = settle(&mut tx, outcomes).await?;
    let (mut guests, mut answers) = (Vec::new(), Vec::new());
    for asked in asked {
        match admit(app, &mut tx, &mut guests, asked).await {
            Err(error @ (Error::Internal(_) | Error::Unavailable(_))) => return Err(error.into()),
            answer => answers.push(answer),
        }
    }
    put_on_record(&mut tx, &guests, answers.iter().flatten()).await?;
    let committed = match settling {
        _ if answers.iter().any(Result::is_ok) => audit::commit_recorded(tx).await,
        Some(permit) => audit::commit_observation(tx, permit).await,
        None => Ok(()),
    };
    let location = |admitted: &Admitted<'_>| guests[admitted.guest].permit.location();
    match committed {
        Ok(()) => {}
        Err(unconfirmed @ StoreError::Unconfirmed(_)) => {
            let maybe = answers.iter().flatten().map(|admitted| (admitted.id, location(admitted)));
            return Err(NotCommitted::Unconfirmed(unconfirmed.into(), maybe.collect()));
        }
        Err(refused) => return Err(refused.into()),
    }
    let recorded = |admitted: Admitted<'_>| {
        let location = location(&admitted);
        Recorded::new(app, admitted.id, admitted.snapshot, location)
    };
    Ok(answers.into_iter().map(|answer| answer.map(recorded)).collect())
}

/// Writes outcomes; gives the permit of the last of them, if there are any.
async fn settle(tx: &mut Writing, outcomes: &[Settled]) -> Result<Option<Permit>> {
    let now = clock::now();
    let mut alike: BTreeMap<(WorkspaceId, &str, &str), Vec<&Settled>> = BTreeMap::new();
    for settled in outcomes {
        let what = (settled.location.workspace(), settled.outcome.as_str(), settled.why.as_str());
        alike.entry(what).or_default().push(settled);
    }
    let mut last = None;
    for settled in alike.into_values() {
        let Settled { location, outcome, why, .. } = settled[0];
        let permit = Permit::system(SystemReason::Starting, location, now);
        starts::settle(tx, &permit, settled.iter().map(|settled| settled.id), *outcome, why).await?;
        last = Some(permit);
    }
    Ok(last)
}

/// Whether somebody may have the run that they ask for, and what it gets.
async fn admit<'a>(app: &App, tx: &mut Writing, guests: &mut Vec<Guest<'a>>, asked: &'a Asked) -> Result<Admitted<'a>> {
    let Asked { runner, place, new: NewRun { host, command, only } } = asked;
    let guest = match guests.iter().position(|guest| guest.runner.is(runner) && guest.place == place) {
        Some(known) => known,
        None => {
            let (organization, slug) = (&place.organization, place.workspace.as_deref());
            let permit = authorize_runner(tx, runner, organization, slug, Action::StartRuns).await?;
            guests.push(Guest { runner, place, permit, whole: None });
            guests.len() - 1
        }
    };
    let Guest { permit, whole, .. } = &mut guests[guest];
    let snapshot = match (only, whole.as_ref()) {
        (Some(names), _) => snapshots::take_only(app, tx, permit, whole, names).await?,
        (None, Some(taken)) => taken.clone(),
        (None, None) => whole.insert(snapshots::take(app, tx, permit).await?).clone(),
    };
    let id = StartId::new(permit.now(), random::bytes());
    Ok(Admitted { id, guest, host, command: command.as_ref(), snapshot })
}

/// Writes the records of runs, and their events.
async fn put_on_record<'a>(
    tx: &mut Writing,
    guests: &[Guest<'_>],
    runs: impl Iterator<Item = &'a Admitted<'a>> + Clone,
) -> Result<()> {
    let mut alike: BTreeMap<(usize, String), Vec<&Admitted<'_>>> = BTreeMap::new();
    for run in runs.clone() {
        alike.entry((run.guest, run.snapshot.id.to_string())).or_default().push(run);
    }
    for runs in alike.into_values() {
        let Guest { permit, .. } = &guests[runs[0].guest];
        let new = |run: &&'a Admitted<'_>| {
            let command = run.command.map(DisplayName::as_str);
            NewStart { id: run.id, host: Host::Elsewhere(run.host.as_str(), command) }
        };
        let records: Vec<NewStart<'_>> = runs.iter().map(new).collect();
        starts::insert(tx, permit, runs[0].snapshot.id, &records).await?;
    }
    let event = |run: &'a Admitted<'_>| {
        let command = run.command.map(DisplayName::as_str);
        let details = json!({ "command": command, "secrets": run.snapshot.summary() });
        (&guests[run.guest].permit, Event::new(AuditAction::RunStarted, "run", run.id, run.host.as_str()).with(details))
    };
    Ok(audit::record_all(tx, runs.map(event).collect()).await?)
}
