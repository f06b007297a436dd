//! The processes of servers: watching them end, ending them, and recording it.

use std::time::Duration;

use domain::{Outcome, ServerId, ServerStatus, StartId};
use runtime::{Exit, Lost};

use super::{App, turn::Turn};
use crate::{
    clock,
    error::{Error, Result},
    store::{
        Permit,
        access::SystemReason,
        audit,
        servers::{self, Transition},
        starts, workspaces,
    },
};

/// How long to wait before asking a supervisor or the database again that did not answer.
pub(super) const AGAIN: Duration = Duration::from_secs(1);
/// How often a write about a process is tried; after that the next start of the control plane finds out.
const TRIES: u32 = 120;

/// What a server's status says while its old process is stopped for a new one.
pub(super) const RESTARTING: &str = "being restarted";

/// Whether a server's old process is being stopped for a new one, and nobody has asked for a stop since.
pub(super) fn is_restarting(server: &servers::Server) -> bool {
    server.status == ServerStatus::Stopping && server.status_detail == RESTARTING
}

/// Does a commit and what must follow it, also when whoever asked hangs up in between: a request that nobody waits for is
/// dropped where it stands, and would leave a server starting or stopping for ever.
pub(super) async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
}

/// Writes what a process did, again and again while the database does not answer: nobody else will.
pub(super) async fn insist<W>(what: &str, start: StartId, write: impl Fn() -> W) -> bool
where
    W: Future<Output = Result<()>>,
{
    for _ in 0..TRIES {
        match write().await {
            Ok(()) => return true,
            Err(error) => tracing::error!(%error, %start, "{what} could not be recorded yet"),
        }
        tokio::time::sleep(AGAIN).await;
    }
    false
}

/// Ends the process of a start in the background; whoever watches it records its end.
pub(super) fn stop(app: &App, start: StartId) {
    let app = app.clone();
    tokio::spawn(async move {
        // Unknown: it has ended already, and its watcher knows. A supervisor that does not answer may still have it.
        while let Err(Lost::Unreadable(_, error)) = app.runtime.stop(start).await {
            tracing::error!(%error, %start, "a server's process could not be stopped yet");
            tokio::time::sleep(AGAIN).await;
        }
    });
}

/// Waits in the background for the end of a process and records it, once nobody is moving its server.
pub(super) fn watch(app: &App, server: ServerId, start: StartId) {
    let app = app.clone();
    tokio::spawn(async move {
        let exit = loop {
            match app.runtime.exited(start).await {
                Ok(exit) => break Some(exit),
                Err(Lost::Unknown(_)) => break None,
                Err(error @ Lost::Unreadable(..)) => {
                    tracing::warn!(%error, %start, "a supervisor does not answer; it is asked again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        Turn::is_free(&app, server).await;
        record(&app, server, start, exit).await;
    });
}

/// Records the end of a process, and forgets it; `None` where the runtime knows nothing of it.
pub(super) async fn record(app: &App, server: ServerId, start: StartId, exit: Option<Exit>) {
    if insist("the end of a server's process", start, || write_end(app, server, start, exit)).await {
        forget(app, start).await;
    }
}

async fn write_end(app: &App, server: ServerId, start: StartId, exit: Option<Exit>) -> Result<()> {
    let Some(place) = workspaces::place_of(&mut *app.store.read().await?, server).await? else { return Ok(()) };
    let permit = Permit::system(SystemReason::ServerEnded, &place);
    let mut tx = app.store.write(place.organization_slug.as_str()).await?;
    let (code, at) = exit.map_or((None, clock::now()), |exit| (exit.code, exit.at));
    // What ended may have had its environment; only a start of which nothing is known never came to be.
    match exit {
        Some(_) => starts::settle(&mut tx, &permit, start, Outcome::Delivered, "").await?,
        None => starts::settle(&mut tx, &permit, start, Outcome::Failed, "its process never came to be").await?,
    }
    starts::end(&mut tx, &permit, start, code, at).await?;
    if let Some(seen) = servers::by_id(&mut tx, server).await?.filter(|seen| seen.start == Some(start)) {
        let (status, detail) = became(&seen, exit);
        let ended = Transition { status, detail: &detail, exit_code: code, start: None };
        servers::transition(&mut tx, &permit, &seen, &ended).await?;
    }
    Ok::<_, Error>(audit::commit_observation(tx).await?)
}

/// Removes what the runtime keeps of an ended start, once its end is on record here.
pub(super) async fn forget(app: &App, start: StartId) {
    if let Err(error) = app.runtime.forget(start).await {
        tracing::warn!(%error, %start, "what is left of an ended process could not be removed");
    }
}

/// What a server is after its process ended: stopped when that was wished or went well, failed otherwise.
fn became(seen: &servers::Server, exit: Option<Exit>) -> (ServerStatus, String) {
    if is_restarting(seen) {
        let cut_off = "the restart was cut off after the old process was told to stop; start the server again";
        return (ServerStatus::Failed, cut_off.to_owned());
    }
    let (code, signal) = exit.map_or((None, None), |exit| (exit.code, exit.signal));
    match (seen.status, code, signal) {
        (ServerStatus::Stopping, ..) | (_, Some(0), None) => (ServerStatus::Stopped, String::new()),
        (_, _, Some(signal)) => (ServerStatus::Failed, format!("ended by signal {signal}")),
        (_, Some(code), None) => (ServerStatus::Failed, format!("exited with code {code}")),
        (_, None, None) => (ServerStatus::Failed, "its process is gone, and how it ended is not known".to_owned()),
    }
}
