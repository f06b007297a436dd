//! What processes do by themselves: watching them end, and finding them again when the control plane starts.

use std::collections::HashMap;

use domain::{Outcome, ServerId, ServerStatus, StartId};
use runtime::{Exit, State};

use super::{App, starting::Turn};
use crate::{
    clock,
    error::Result,
    store::{
        Permit,
        access::SystemReason,
        audit,
        servers::{self, Transition},
        starts, workspaces,
    },
};

/// Waits in the background for the end of a process and records it.
pub(super) fn watch(app: &App, server: ServerId, start: StartId) {
    let app = app.clone();
    tokio::spawn(async move {
        match app.runtime.exited(start).await {
            Ok(exit) => {
                if !Turn::is_taken(&app, server) && record(&app, server, start, Some(exit)).await {
                    forget(&app, start).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, %start, "a server's process is gone without a trace");
                if !Turn::is_taken(&app, server) {
                    record(&app, server, start, None).await;
                }
            }
        }
    });
}

/// Records that nothing is known of a start any more.
pub(super) async fn lost(app: &App, start: StartId) {
    let found = async { Ok::<_, crate::error::Error>(servers::alive(&mut *app.store.read().await?).await?) };
    match found.await {
        Ok(alive) => {
            if let Some(server) = alive.into_iter().find(|server| server.start == Some(start)) {
                record(app, server.id, start, None).await;
            }
        }
        Err(error) => tracing::error!(%error, %start, "a lost server could not be looked up"),
    }
}

/// Removes what the runtime keeps of an ended start, once its end is on record here.
pub(super) async fn forget(app: &App, start: StartId) {
    if let Err(error) = app.runtime.forget(start).await {
        tracing::warn!(%error, %start, "what is left of an ended process could not be removed");
    }
}

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
                watch(app, server.id, start);
                if server.status == ServerStatus::Stopping {
                    super::servers::stop_process(app, start);
                }
            }
            Some(State::Exited(exit)) => {
                if record(app, server.id, start, Some(exit)).await {
                    forget(app, start).await;
                }
            }
            // It never got to its command: its environment was handed to nobody who runs.
            Some(State::Waiting) => {
                end_stray(app, start).await;
                record(app, server.id, start, None).await;
            }
            None => {
                record(app, server.id, start, None).await;
            }
        }
    }
    for (start, _) in there {
        end_stray(app, start).await;
    }
    Ok(settle_pending(app).await?)
}

/// Ends a process that no server's row names, such as the other half of a restart that was cut off.
async fn end_stray(app: &App, start: StartId) {
    if let Err(error) = app.runtime.stop(start).await {
        tracing::warn!(%error, %start, "a process without a server could not be stopped");
    }
    forget(app, start).await;
}

/// A start that was cut off between its record and its process delivered nothing.
async fn settle_pending(app: &App) -> Result<()> {
    for (start, server) in starts::pending(&mut *app.store.read().await?).await? {
        let Some(place) = workspaces::place_of(&mut *app.store.read().await?, server).await? else { continue };
        let permit = Permit::system(SystemReason::ServerEnded, &place);
        let mut tx = app.store.write(place.organization_slug.as_str()).await?;
        let why = "the control plane ended before the start was finished";
        starts::settle(&mut tx, &permit, start, Outcome::Failed, why).await?;
        starts::end(&mut tx, &permit, start, None, clock::now()).await?;
        audit::commit_observation(tx).await?;
    }
    Ok(())
}

async fn mark_running(app: &App, server: &servers::Server, start: StartId) -> Result<()> {
    if server.status != ServerStatus::Starting {
        return Ok(());
    }
    let Some(place) = workspaces::place_of(&mut *app.store.read().await?, server.id).await? else { return Ok(()) };
    let permit = Permit::system(SystemReason::ServerEnded, &place);
    let mut tx = app.store.write(place.organization_slug.as_str()).await?;
    starts::settle(&mut tx, &permit, start, Outcome::Delivered, "").await?;
    let runs = Transition { status: ServerStatus::Running, detail: "", exit_code: None, start: Some(start) };
    servers::transition(&mut tx, &permit, server, &runs).await?;
    Ok(audit::commit_observation(tx).await?)
}

/// Records the end of a process; `None` where how it ended is lost. Whether it is on record.
async fn record(app: &App, server: ServerId, start: StartId, exit: Option<Exit>) -> bool {
    let recorded = async {
        let Some(place) = workspaces::place_of(&mut *app.store.read().await?, server).await? else { return Ok(true) };
        let permit = Permit::system(SystemReason::ServerEnded, &place);
        let mut tx = app.store.write(place.organization_slug.as_str()).await?;
        let (code, at) = exit.map_or((None, clock::now()), |exit| (exit.code, exit.at));
        starts::end(&mut tx, &permit, start, code, at).await?;
        if let Some(seen) = servers::by_id(&mut tx, server).await?.filter(|seen| seen.start == Some(start)) {
            let (status, detail) = became(seen.status, exit);
            let ended = Transition { status, detail: &detail, exit_code: code, start: None };
            servers::transition(&mut tx, &permit, &seen, &ended).await?;
        }
        audit::commit_observation(tx).await?;
        Ok::<_, crate::error::Error>(true)
    };
    recorded.await.unwrap_or_else(|error| {
        tracing::error!(%error, %start, "the end of a server's process could not be recorded");
        false
    })
}

/// What a server is after its process ended: stopped when that was wished or went well, failed otherwise.
fn became(status: ServerStatus, exit: Option<Exit>) -> (ServerStatus, String) {
    let (code, signal) = exit.map_or((None, None), |exit| (exit.code, exit.signal));
    match (status, code, signal) {
        (ServerStatus::Stopping, ..) | (_, Some(0), None) => (ServerStatus::Stopped, String::new()),
        (_, _, Some(signal)) => (ServerStatus::Failed, format!("ended by signal {signal}")),
        (_, Some(code), None) => (ServerStatus::Failed, format!("exited with code {code}")),
        (_, None, None) => (ServerStatus::Failed, "its process is gone, and how it ended is not known".to_owned()),
    }
}
