//! Going on with rolling restarts: one worker for each, from batch to batch, until it pauses or ends.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::{AuditAction, NextBatch, RestartId, RestartState, RestartStep, next_batch};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::timeout};

use super::{counts, event, step};
use crate::{
    app::{App, processes::AGAIN},
    clock,
    error::{Error, Result},
    store::{
        Permit, Writing,
        access::SystemReason,
        audit,
        restarts::{self, Restart, Step},
    },
};

/// Which rolling restarts have a worker, and whether it was asked to look again before it leaves.
#[derive(Default)]
pub(in crate::app) struct Workers(Mutex<HashMap<RestartId, bool>>);

impl Workers {
    /// Whether there was no worker; one that is there looks again.
    fn needs_one(&self, id: RestartId) -> bool {
        let mut working = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there = working.contains_key(&id);
        working.insert(id, there);
        !there
    }

    /// Whether a worker that found nothing more to do may leave.
    fn may_leave(&self, id: RestartId) -> bool {
        let mut working = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let again = working.insert(id, false).unwrap_or_default();
        if !again {
            working.remove(&id);
        }
        !again
    }
}

/// Goes on with every rolling restart that the control plane's end interrupted.
///
/// # Errors
/// When the database fails.
pub(in crate::app) async fn take_up(app: &App) -> Result<()> {
    for id in restarts::unfinished(&mut *app.store.read().await?).await? {
        work(app, id);
    }
    Ok(())
}

/// Goes on with a rolling restart in the background, until it pauses or ends.
pub(super) fn work(app: &App, id: RestartId) {
    if !app.restarts.needs_one(id) {
        return;
    }
    let app = app.clone();
    tokio::spawn(async move {
        loop {
            roll(&app, id).await;
            if app.restarts.may_leave(id) {
                return;
            }
        }
    });
}

enum Rolled {
    /// A batch is settled.
    On,
    /// Something of a batch that was cut off is not settled yet.
    Unsettled,
    /// It pauses or has ended.
    Over,
}

async fn roll(app: &App, id: RestartId) {
    loop {
        let mut written = app.store.written();
        match go_on(app, id).await {
            Ok(Rolled::On) => {}
            Ok(Rolled::Over) => return,
            // Whoever settles it writes. Either way it is looked at again.
            Ok(Rolled::Unsettled) => drop(timeout(AGAIN, written.changed()).await),
            Err(_) if app.store.is_closed() => return,
            Err(error) => {
                tracing::error!(error = error.in_full(), restart = %id, "a rolling restart could not go on yet");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Settles what was cut off, decides what is next, and does a batch of it.
async fn go_on(app: &App, id: RestartId) -> Result<Rolled> {
    for left in restarts::steps(&mut *app.store.read().await?, id).await? {
        if left.state == RestartStep::Restarting {
            step::settle(app, id, left.position, true).await?;
        }
    }
    let batch = match decide(app, id).await? {
        NextBatch::Begin(batch) => batch,
        NextBatch::Wait => return Ok(Rolled::Unsettled),
        NextBatch::Pause | NextBatch::End => return Ok(Rolled::Over),
    };
    let mut stepping = JoinSet::new();
    for position in batch {
        stepping.spawn(step::take(app.clone(), id, u32::try_from(position).unwrap_or(u32::MAX)));
    }
    let mut all = Ok(Rolled::On);
    while let Some(stepped) = stepping.join_next().await {
        let stepped = stepped.map_err(|ended| Error::Internal(ended.into()));
        if let Err(error) | Ok(Err(error)) = stepped {
            all = Err(error);
        }
    }
    all
}

/// What comes next, on record where that is a pause or the end.
async fn decide(app: &App, id: RestartId) -> Result<NextBatch> {
    let Some((mut tx, restart)) = begin(app, id).await? else { return Ok(NextBatch::End) };
    let steps = restarts::steps(&mut tx, id).await?;
    let states: Vec<RestartStep> = steps.iter().map(|step| step.state).collect();
    let next = match (restart.state, next_batch(&states, restart.rules)) {
        (_, NextBatch::Wait) => NextBatch::Wait,
        (RestartState::Running, next) => next,
        _ => return Ok(NextBatch::End),
    };
    match next {
        NextBatch::Pause => pause(tx, &restart, &failed(&steps)).await?,
        NextBatch::End => {
            let permit = by_itself(&restart);
            restarts::set_state(&mut tx, &permit, id, RestartState::Done, "").await?;
            audit::commit(
                tx,
                permit,
                placed(event(AuditAction::RestartDone, &restart), &restart, counts(restart.tally)),
            )
            .await?;
        }
        NextBatch::Begin(_) | NextBatch::Wait => {}
    }
    Ok(next)
}

/// Which servers failed, the first few by name.
fn failed(steps: &[Step]) -> String {
    const NAMED: usize = 3;
    let failed = steps.iter().filter(|step| step.state == RestartStep::Failed);
    let mut names: Vec<String> = failed.map(|step| format!("{}/{}", step.workspace.1, step.slug)).collect();
    let count = names.len();
    if count > NAMED {
        names.truncate(NAMED);
        names.push(format!("{} more", count - NAMED));
    }
    let servers = if count == 1 { "1 server" } else { &format!("{count} servers") };
    format!("{servers} could not be restarted: {}", names.join(", "))
}

/// Begins a write in the organization of a rolling restart, and reads it there; `None` when there is none.
pub(super) async fn begin(app: &App, id: RestartId) -> Result<Option<(Writing, Restart)>> {
    let known = restarts::by_id(&mut *app.store.read().await?, id).await?;
    let Some(known) = known else { return Ok(None) };
    let mut tx = app.store.write(known.organization.1.as_str()).await?;
    Ok(restarts::by_id(&mut tx, id).await?.map(|restart| (tx, restart)))
}

/// A permit for what a rolling restart does by itself.
pub(super) fn by_itself(restart: &Restart) -> Permit {
    Permit::system_at(SystemReason::RollingRestart, restart.home(), clock::now())
}

/// Lets a rolling restart wait for somebody, for this reason.
pub(super) async fn pause(mut tx: Writing, restart: &Restart, why: &str) -> Result<()> {
    let permit = by_itself(restart);
    restarts::set_state(&mut tx, &permit, restart.id, RestartState::Paused, why).await?;
    let mut details = counts(restart.tally);
    details["why"] = json!(why);
    let event = placed(event(AuditAction::RestartPaused, restart), restart, details);
    Ok(audit::commit(tx, permit, event).await?)
}

/// The event with the workspace that the rolling restart keeps to, as those of people have it.
fn placed(event: audit::Event, restart: &Restart, mut details: Value) -> audit::Event {
    if let Some((id, slug)) = &restart.workspace {
        details["workspace"] = json!({ "id": id.to_string(), "slug": slug.as_str() });
    }
    event.with(details)
}
