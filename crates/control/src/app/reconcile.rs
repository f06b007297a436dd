//! Finding the servers again when the control plane starts.

use std::{collections::HashMap, sync::Arc};

use domain::{Outcome, ServerId, ServerStatus, StartId};
use runtime::{Exit, State};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{App, processes, restarts};
use crate::{
    error::Result,
    store::{
        access::SystemReason,
        audit,
        servers::{self, Transition},
        starts,
    },
};

/// So many servers are compared at once.
const AT_ONCE: usize = 16;

/// Compares the servers on record with the processes that are there, at the control plane's own start, until that has
/// gone well once; then requests may see them.
pub(super) async fn begin(app: App) {
    while let Err(error) = all(&app).await {
        tracing::error!(error = format!("{error:#}"), "the servers could not be found again yet");
        tokio::time::sleep(processes::AGAIN).await;
    }
    app.reconciled.send_replace(true);
}

async fn all(app: &App) -> anyhow::Result<()> {
    let mut there: HashMap<StartId, (ServerId, State)> =
        app.runtime.found().await?.into_iter().map(|found| (found.start, (found.server, found.state))).collect();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut comparing = JoinSet::new();
    for server in servers::alive(&mut *app.store.read().await?).await? {
        let Some(start) = server.start else { continue };
        let state = there.remove(&start).map(|(_, state)| state);
        let (app, turns) = (app.clone(), turns.clone());
        comparing.spawn(async move {
            let _turn = turns.acquire_owned().await?;
            anyhow::Ok(one(&app, &server, start, state).await?)
        });
    }
    for (start, _) in there {
        let (app, turns) = (app.clone(), turns.clone());
        comparing.spawn(async move {
            let _turn = turns.acquire_owned().await?;
            end_stray(&app, start).await;
            Ok(())
        });
    }
    while let Some(compared) = comparing.join_next().await {
        compared??;
    }
    settle_pending(app).await?;
    Ok(restarts::take_up(app).await?)
}

/// Corrects the row of one server by what its process does, and watches it on.
async fn one(app: &App, server: &servers::Server, start: StartId, state: Option<State>) -> Result<()> {
    match state {
        Some(State::Running) => {
            mark_running(app, server, start).await?;
            processes::watch(app, server.id, start);
            if server.status == ServerStatus::Stopping {
                processes::stop(app, start);
            }
        }
        Some(State::Exited(exit)) => processes::record(app, server.id, start, Some(exit)).await,
        // It never got to its command: its environment was handed to nobody who runs.
        Some(State::Waiting) => {
            let exit = end_stray(app, start).await;
            processes::record(app, server.id, start, exit).await;
        }
        None => processes::record(app, server.id, start, None).await,
    }
    Ok(())
}

/// Ends a process that nobody waits for any more, such as the other half of a restart that was cut off. How it ended,
/// if its command ran after all: the gate may have been opened in the last moment.
async fn end_stray(app: &App, start: StartId) -> Option<Exit> {
    let exit = app.runtime.stop(start).await;
    if let Err(error) = &exit {
        tracing::warn!(%error, %start, "a process without a server could not be stopped");
    }
    processes::forget(app, start).await;
    exit.ok().filter(|exit| exit.code.is_some() || exit.signal.is_some())
}

/// A start that was cut off between its record and its process delivered nothing.
async fn settle_pending(app: &App) -> Result<()> {
    for (start, server) in starts::pending(&mut *app.store.read().await?).await? {
        let begun = processes::by_itself(app, SystemReason::Starting, server).await?;
        let Some((mut tx, permit)) = begun else { continue };
        let why = "the control plane ended before the start was finished";
        starts::settle(&mut tx, &permit, [start], Outcome::Failed, why).await?;
        starts::end(&mut tx, &permit, start, None, permit.now()).await?;
        audit::commit_observation(tx, permit).await?;
    }
    Ok(())
}

async fn mark_running(app: &App, server: &servers::Server, start: StartId) -> Result<()> {
    if server.status != ServerStatus::Starting {
        return Ok(());
    }
    let begun = processes::by_itself(app, SystemReason::Starting, server.id).await?;
    let Some((mut tx, permit)) = begun else { return Ok(()) };
    starts::settle(&mut tx, &permit, [start], Outcome::Delivered, "").await?;
    let runs = Transition { status: ServerStatus::Running, detail: "", exit_code: None, start: Some(start) };
    servers::transition(&mut tx, &permit, server, &runs).await?;
    Ok(audit::commit_observation(tx, permit).await?)
}
