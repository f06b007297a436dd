//! The processes of servers: watching them end, ending them, and recording it.

use std::time::Duration;

use domain::{Outcome, ServerId, ServerStatus, StartId};
use runtime::{Exit, Lost};

use super::{App, moves::Move};
use crate::{
    clock,
    error::{Error, Result},
    store::{
        Permit, Store, StoreError, Writing,
        access::SystemReason,
        audit,
        servers::{self, Transition},
        starts, workspaces,
    },
};

/// How long to wait before asking a supervisor or the database again that did not answer.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// How long a process that was just started is watched before the next one's turn: a program that can't work with what it
/// was handed mostly ends at once.
const FIRST_MOMENT: Duration = Duration::from_secs(1);

/// What a server's status says while its old process is stopped for a new one.
pub(super) const RESTARTING: &str = "being restarted";

/// What is said of a start that nobody went on with.
const UNCONFIRMED: &str = "the database did not confirm the start, so nothing was started; start the server again";

/// What is said of a start of which nothing came to be.
const CUT_OFF: &str = "the start was cut off: the control plane ended before it was finished; start the server again";

/// What a server's status says when its network ended without it.
const NETWORK_ENDED: &str = "its network ended; restart the server";

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

/// Writes what a process did, again and again as long as the database is away or full: nobody else will before the
/// control plane's next start. Whether it is on record; what fails otherwise fails each time, and so does all once the
/// store is closed.
pub(super) async fn insist<W>(store: &Store, what: &str, start: StartId, write: impl Fn() -> W) -> bool
where
    W: Future<Output = Result<()>>,
{
    loop {
        match write().await {
            Ok(()) => return true,
            Err(error @ Error::Unavailable(_)) if !store.is_closed() => {
                tracing::error!(error = error.in_full(), %start, "{what} could not be recorded yet");
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => {
                let error = error.in_full();
                tracing::error!(error, %start, "{what} is not on record; the control plane's next start looks again");
                return false;
            }
        }
    }
}

/// The error of a commit that processes should have followed. Where the database did not confirm it, somebody finds out
/// whether it was done: otherwise a server could be starting or stopping for ever.
pub(super) fn not_committed(app: &App, processes: Vec<(ServerId, StartId)>, error: StoreError) -> Error {
    if let StoreError::Unconfirmed(_) = &error {
        for (server, start) in processes {
            let app = app.clone();
            tokio::spawn(async move {
                insist(&app.store, "what an unconfirmed commit did", start, || follow(&app, server, start)).await;
            });
        }
    }
    error.into()
}

/// Does the stop that is on record, if there is one. A start on record has failed: nobody went on with it.
async fn follow(app: &App, server: ServerId, start: StartId) -> Result<()> {
    let begun = by_itself(app, SystemReason::Starting, server).await?;
    let Some((mut tx, permit)) = begun else { return Ok(()) };
    let seen = servers::by_id(&mut tx, server).await?.filter(|seen| seen.start == Some(start));
    match seen {
        Some(seen) if seen.status == ServerStatus::Starting => {
            let failed = Transition { status: ServerStatus::Failed, detail: UNCONFIRMED, exit_code: None, start: None };
            servers::transition(&mut tx, &permit, &seen, &failed).await?;
        }
        Some(seen) if seen.status == ServerStatus::Stopping => {
            stop(app, start);
            return Ok(());
        }
        Some(_) => return Ok(()),
        None => {}
    }
    starts::settle(&mut tx, &permit, [start], Outcome::Failed, UNCONFIRMED).await?;
    starts::end(&mut tx, &permit, start, None, permit.now()).await?;
    Ok(audit::commit_observation(tx, permit).await?)
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
        let network = tokio::spawn(watch_network(app.clone(), server, start));
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
        network.abort();
        Move::is_over(&app, server).await;
        record(&app, server, start, exit).await;
    });
}

/// Begins a write of the system in the workspace of a server; `None` when there is no such server.
pub(super) async fn by_itself(app: &App, reason: SystemReason, server: ServerId) -> Result<Option<(Writing, Permit)>> {
    let location = workspaces::location_of(&mut *app.store.read().await?, server).await?;
    let Some(location) = location else { return Ok(None) };
    let tx = app.store.write(location.organization_slug().as_str()).await?;
    Ok(Some((tx, Permit::system(reason, &location, clock::now()))))
}

/// Waits for the end of a server's network and says so with the server, which runs on without it.
async fn watch_network(app: App, server: ServerId, start: StartId) {
    loop {
        match app.runtime.network_ended(start).await {
            Ok(true) => break,
            Ok(false) | Err(Lost::Unknown(_)) => return,
            Err(Lost::Unreadable(..)) => tokio::time::sleep(AGAIN).await,
        }
    }
    tracing::warn!(%server, %start, "the network of a server ended");
    insist(&app.store, "the end of a server's network", start, || write_network_ended(&app, server, start)).await;
}

async fn write_network_ended(app: &App, server: ServerId, start: StartId) -> Result<()> {
    let begun = by_itself(app, SystemReason::ServerEnded, server).await?;
    let Some((mut tx, permit)) = begun else { return Ok(()) };
    let runs = |seen: &servers::Server| seen.start == Some(start) && seen.status == ServerStatus::Running;
    if let Some(seen) = servers::by_id(&mut tx, server).await?.filter(runs) {
        let cut_off = Transition { detail: NETWORK_ENDED, status: seen.status, exit_code: None, start: seen.start };
        servers::transition(&mut tx, &permit, &seen, &cut_off).await?;
    }
    Ok(audit::commit_observation(tx, permit).await?)
}

/// Records the end of a process, and forgets it; `None` where the runtime knows nothing of it.
pub(super) async fn record(app: &App, server: ServerId, start: StartId, exit: Option<Exit>) {
    if insist(&app.store, "the end of a server's process", start, || write_end(app, server, start, exit)).await {
        forget(app, start).await;
    }
}

async fn write_end(app: &App, server: ServerId, start: StartId, exit: Option<Exit>) -> Result<()> {
    let begun = by_itself(app, SystemReason::ServerEnded, server).await?;
    let Some((mut tx, permit)) = begun else { return Ok(()) };
    let (code, at) = exit.map_or((None, permit.now()), |exit| (exit.code, exit.at));
    // What ended may have had its environment; only a start of which nothing is known never came to be.
    match exit {
        Some(_) => starts::settle(&mut tx, &permit, [start], Outcome::Delivered, "").await?,
        None => starts::settle(&mut tx, &permit, [start], Outcome::Failed, "its process never came to be").await?,
    }
    starts::end(&mut tx, &permit, start, code, at).await?;
    if let Some(seen) = servers::by_id(&mut tx, server).await?.filter(|seen| seen.start == Some(start)) {
        let (status, detail) = became(&seen, exit);
        let ended = Transition { status, detail: &detail, exit_code: code, start: None };
        servers::transition(&mut tx, &permit, &seen, &ended).await?;
    }
    Ok::<_, Error>(audit::commit_observation(tx, permit).await?)
}

/// Watches the first moment of a process; if it ended in it, that is on record afterwards.
pub(super) async fn watch_first_moment(app: &App, server: ServerId, start: StartId) {
    if let Ok(Ok(exit)) = tokio::time::timeout(FIRST_MOMENT, app.runtime.exited(start)).await {
        record(app, server, start, Some(exit)).await;
    }
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
    match (seen.status, exit) {
        // Why it was told to stop, where that is known.
        (ServerStatus::Stopping, _) => (ServerStatus::Stopped, seen.status_detail.clone()),
        (_, Some(Exit { code: Some(0), .. })) => (ServerStatus::Stopped, String::new()),
        (ServerStatus::Starting, None) => (ServerStatus::Failed, CUT_OFF.to_owned()),
        (_, exit) => (ServerStatus::Failed, how_it_ended(exit)),
    }
}

fn how_it_ended(exit: Option<Exit>) -> String {
    match exit {
        Some(Exit { out_of_memory: Some(limit), .. }) => format!("ended: out of memory (limit {limit})"),
        Some(Exit { signal: Some(signal), .. }) => format!("ended by signal {signal}"),
        Some(Exit { code: Some(code), .. }) => format!("exited with code {code}"),
        _ => "its process is gone, and how it ended is not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Whether it got on record, and after how many tries.
    async fn insisted(store: &Store, outcome: impl Fn(u32) -> Result<()>) -> (bool, u32) {
        let tries = Cell::new(0);
        let write = || async {
            tries.set(tries.get() + 1);
            outcome(tries.get())
        };
        let recorded = insist(store, "an end", StartId::new(domain::Time(0), [0; 10]), write).await;
        (recorded, tries.get())
    }

    fn away() -> Result<()> {
        Err(Error::Unavailable("the database does not answer".to_owned()))
    }

    async fn store(folder: &tempfile::TempDir) -> Store {
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("database").display());
        let store = Store::open(&url).await.unwrap();
        tokio::time::pause();
        store
    }

    /// After two minutes without a database nobody recorded the ends of servers any more.
    #[tokio::test]
    async fn what_a_process_did_is_recorded_however_long_the_database_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let long_away = |tried| if tried < 10_000 { away() } else { Ok(()) };
        assert_eq!(insisted(&store(&folder).await, long_away).await, (true, 10_000));
    }

    /// It was tried each second for as long as the control plane ran.
    #[tokio::test]
    async fn what_can_never_be_recorded_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        for never in [|| StoreError::NotPermitted.into(), || StoreError::Swallowed.into(), || Error::NotFound] {
            let passing_first = |tried| if tried < 3 { away() } else { Err(never()) };
            assert_eq!(insisted(&store, passing_first).await, (false, 3));
        }
        store.close().await;
        assert_eq!(insisted(&store, |_| away()).await, (false, 1));
    }

    #[test]
    fn an_end_says_how() {
        let exit = |code, signal, limit: Option<&str>| {
            let out_of_memory = limit.map(|limit| limit.parse().expect("an amount of memory"));
            how_it_ended(Some(Exit { code, signal, out_of_memory, at: domain::Time(0) }))
        };
        assert_eq!(exit(Some(7), None, None), "exited with code 7");
        assert_eq!(exit(None, Some(9), None), "ended by signal 9");
        assert_eq!(exit(None, Some(9), Some("4 GiB")), "ended: out of memory (limit 4 GiB)");
        assert!(exit(None, None, None).contains("not known"));
    }
}
