//! The processes of servers: watching them end, ending them, and recording it.

use domain::{ServerId, ServerStatus, StartId};
use runtime::Exit;

use super::{App, turn::Turn};
use crate::{
    clock,
    error::Error,
    store::{
        Permit,
        access::SystemReason,
        audit,
        servers::{self, Transition},
        starts, workspaces,
    },
};

/// Ends the process of a start in the background; whoever watches it records its end.
pub(super) fn stop(app: &App, start: StartId) {
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = app.runtime.stop(start).await {
            tracing::error!(%error, %start, "a server's process could not be stopped");
            lost(&app, start).await;
        }
    });
}

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
    let found = async { Ok::<_, Error>(servers::alive(&mut *app.store.read().await?).await?) };
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

/// Records the end of a process; `None` where how it ended is lost. Whether it is on record.
pub(super) async fn record(app: &App, server: ServerId, start: StartId, exit: Option<Exit>) -> bool {
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
        Ok::<_, Error>(true)
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
