//! Finding the servers again when the control plane starts.

use std::collections::HashMap;

use domain::{Outcome, ServerId, ServerStatus, StartId};
use runtime::{Exit, State};

use super::{App, processes};
use crate::{
    error::Result,
    store::{
        access::SystemReason,
        audit,
        servers::{self, Transition},
        starts,
    },
};

/// Compares the servers on record with the processes that are there, once, at the control plane's own start.
///
/// # Errors
/// When the database or the runtime can't be asked.
pub(super) async fn all(app: &App) -> anyhow::Result<()> {
    let mut there: HashMap<StartId, (ServerId, State)> =
        app.runtime.found().await?.into_iter().map(|found| (found.start, (found.server, found.state))).collect();
    let alive = servers::alive(&mut *app.store.read().await?).await?;
    for server in alive {
        let Some(start) = server.start else { continue };
        match there.remove(&start).map(|(_, state)| state) {
            Some(State::Running) => {
                mark_running(app, &server, start).await?;
                processes::watch(app, server.id, start);
                if server.status == ServerStatus::Stopping {
                    processes::stop(app, start);
                }
            }
            Some(State::Exited(exit)) => {
                processes::record(app, server.id, start, Some(exit)).await;
            }
            // It never got to its command: its environment was handed to nobody who runs.
            Some(State::Waiting) => {
                let exit = end_stray(app, start).await;
                processes::record(app, server.id, start, exit).await;
            }
            None => {
                processes::record(app, server.id, start, None).await;
            }
        }
    }
    for (start, _) in there {
        end_stray(app, start).await;
    }
    Ok(settle_pending(app).await?)
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
        starts::settle(&mut tx, &permit, start, Outcome::Failed, why).await?;
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
    starts::settle(&mut tx, &permit, start, Outcome::Delivered, "").await?;
    let runs = Transition { status: ServerStatus::Running, detail: "", exit_code: None, start: Some(start) };
    servers::transition(&mut tx, &permit, server, &runs).await?;
    Ok(audit::commit_observation(tx, permit).await?)
}
