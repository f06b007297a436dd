//! From the decision that a server shall run to its running process.

use std::sync::Arc;

use domain::{Layer, Outcome, ServerId, ServerStatus, StartId};
use runtime::{Environment, Exit, Launch, Prepared, StartFailed};
use serde_json::{Value, json};

use super::{
    App,
    moves::Move,
    processes,
    snapshots::{self, Snapshot},
};
use crate::{
    clock,
    error::{Error, Result},
    random,
    store::{
        Location, Permit, Writing,
        access::SystemReason,
        audit,
        servers::{self, Server, Transition},
        starts::{self, Host, NewStart},
    },
};

/// Everything that a start needs, decided in one snapshot and on record before anything is unsealed.
pub(super) struct Plan {
    pub(super) start: StartId,
    pub(super) server: Server,
    location: Location,
    snapshot: Arc<Snapshot>,
}

impl Plan {
    /// What the audit event says of the start: names and versions, never a value.
    pub(super) fn details(&self) -> Value {
        json!({ "start": self.start.to_string(), "secrets": self.snapshot.described() })
    }
}

/// Takes the snapshot of the workspace's environment and writes the pending start record.
///
/// # Errors
/// [`Error::Sealed`] without keys; then nothing is on record.
pub(super) async fn plan(app: &App, tx: &mut Writing, permit: &Permit, server: &Server) -> Result<Plan> {
    let snapshot = snapshots::take(app, tx, permit).await?;
    let start = StartId::new(permit.now(), random::bytes());
    let record = NewStart { id: start, host: Host::Server(server.id) };
    starts::insert(tx, permit, snapshot.id, &[record]).await?;
    Ok(Plan { start, server: server.clone(), location: permit.location(), snapshot })
}

/// Starts a server that is marked as starting, and records what became of it.
pub(super) async fn start(app: App, plan: Plan, moving: Move) {
    let (start, server, location) = (plan.start, plan.server.id, plan.location.clone());
    let outcome = match prepare(&app, plan).await {
        Ok(prepared) => open(prepared).await,
        Err(why) => Err(why),
    };
    record(&app, &location, server, start, outcome).await;
    drop(moving);
}

/// Prepares the new process to its gate, stops the old one, opens the gate. What fails before the stop leaves the old
/// process running; what fails after it is `failed`.
pub(super) async fn restart(app: App, old: Server, plan: Plan, moving: Move) {
    let (start, location) = (plan.start, plan.location.clone());
    let prepared = match prepare(&app, plan).await {
        Ok(prepared) => prepared,
        Err(why) => return keep_old(&app, &location, &old, start, &why).await,
    };
    let old = match mark_restarting(&app, &location, old.clone()).await {
        Ok(old) => old,
        Err(why) => {
            prepared.cancel().await;
            return keep_old(&app, &location, &old, start, &why.to_string()).await;
        }
    };
    let exit = match stop_old(&app, &old).await {
        Ok(exit) => exit,
        Err(why) => {
            prepared.cancel().await;
            return keep_old(&app, &location, &old, start, &why).await;
        }
    };
    match take_place(&app, &location, &old, start, exit).await {
        Ok(true) => {
            let outcome = open(prepared).await;
            record(&app, &location, old.id, start, outcome).await;
        }
        Ok(false) => {
            prepared.cancel().await;
            fail(&app, &location, &old, start, "the server was stopped meanwhile; it was not restarted", None).await;
        }
        Err(why) => {
            prepared.cancel().await;
            give_up(&app, &location, &old, start, &why.to_string()).await;
        }
    }
    drop(moving);
}

/// Unseals what is injected, all of it or nothing, and brings the sandbox to its gate.
async fn prepare(app: &App, plan: Plan) -> std::result::Result<Prepared, String> {
    let Plan { start, server, location, snapshot } = plan;
    app.snapshots.keep(&snapshot);
    let base = domain::base_environment(location.organization_slug(), location.workspace_slug(), &server.slug);
    let mut environment = Environment::new();
    for (name, layer) in domain::layers(&base, &server.variables, &snapshot.secrets) {
        environment = match layer {
            Layer::Base(value) | Layer::Variable(value) => environment.plain(name, value),
            Layer::Secret(secret) => {
                environment.secret(name, snapshot.unseal(app, secret).map_err(|damaged| damaged.to_string())?)
            }
            Layer::Suspended(_) => environment,
        };
    }
    let launch = Launch {
        start,
        server: server.id,
        workspace: location.workspace(),
        workspace_number: location.workspace_number(),
        command: server.command.argv().to_vec(),
        environment,
    };
    app.runtime.prepare(launch).await.map_err(|failed| told(&failed))
}

async fn open(prepared: Prepared) -> std::result::Result<(), String> {
    prepared.open().await.map(|_| ()).map_err(|failed| told(&failed))
}

/// What a failed start says to people: the reason, and the last that its sandbox wrote.
fn told(failed: &StartFailed) -> String {
    let tail = String::from_utf8_lossy(&failed.log_tail);
    match tail.trim_end() {
        "" => failed.message.clone(),
        tail => format!("{}\n{tail}", failed.message),
    }
}

/// Begins a write in which the system goes on with what the start record says that somebody asked for.
async fn go_on(app: &App, location: &Location) -> Result<(Writing, Permit)> {
    let tx = app.store.write(location.organization_slug().as_str()).await?;
    Ok((tx, Permit::system(SystemReason::Starting, location, clock::now())))
}

/// Puts on record that the old process is about to be stopped for a new one, so that whatever cuts the restart off from
/// here on leaves a server that is `failed`, not one that looks as if somebody had stopped it.
async fn mark_restarting(app: &App, location: &Location, old: Server) -> Result<Server> {
    let (mut tx, permit) = go_on(app, location).await?;
    let next =
        Transition { status: ServerStatus::Stopping, detail: processes::RESTARTING, exit_code: None, start: old.start };
    if !servers::transition(&mut tx, &permit, &old, &next).await? {
        return Err(Error::Conflict("it ended or was stopped meanwhile".into()));
    }
    audit::commit_observation(tx, permit).await?;
    Ok(Server { status: next.status, ..old })
}

async fn stop_old(app: &App, old: &Server) -> std::result::Result<Option<Exit>, String> {
    match old.start {
        None => Ok(None),
        Some(start) => app.runtime.stop(start).await.map(Some).map_err(|error| error.to_string()),
    }
}

/// Puts the new start in the place of the old one, which has ended; not if somebody has asked for a stop since.
async fn take_place(app: &App, location: &Location, old: &Server, start: StartId, exit: Option<Exit>) -> Result<bool> {
    let (mut tx, permit) = go_on(app, location).await?;
    if let (Some(old_start), Some(exit)) = (old.start, exit) {
        starts::end(&mut tx, &permit, old_start, exit.code, exit.at).await?;
    }
    let next = Transition { status: ServerStatus::Starting, detail: "", exit_code: None, start: Some(start) };
    let seen = servers::by_id(&mut tx, old.id).await?.filter(processes::is_restarting);
    let moved = match seen {
        Some(seen) => servers::transition(&mut tx, &permit, &seen, &next).await?,
        None => false,
    };
    audit::commit_observation(tx, permit).await?;
    Ok(moved)
}

/// Records that a restart failed before the old process was stopped: that one runs on.
async fn keep_old(app: &App, location: &Location, old: &Server, start: StartId, why: &str) {
    let detail = format!("the restart failed, and the process from before runs on: {why}");
    let kept = Transition { status: ServerStatus::Running, detail: &detail, exit_code: None, start: old.start };
    fail(app, location, old, start, why, Some(&kept)).await;
}

/// Records that a restart failed after the old process was stopped.
async fn give_up(app: &App, location: &Location, old: &Server, start: StartId, why: &str) {
    let detail = format!("the old process was stopped, but the new one was not started: {why}; start the server again");
    let failed = Transition { status: ServerStatus::Failed, detail: &detail, exit_code: None, start: None };
    fail(app, location, old, start, &detail, Some(&failed)).await;
}

/// Records that a start handed nothing over, and what its server is now. That is left alone if somebody has asked for a
/// stop since; a step of the restart that the database did not confirm may be on record or not.
async fn fail(app: &App, location: &Location, old: &Server, start: StartId, why: &str, now: Option<&Transition<'_>>) {
    let of_this_restart = |seen: &Server| {
        let before = seen.status == ServerStatus::Running || processes::is_restarting(seen);
        seen.start == Some(start) || (seen.start == old.start && before)
    };
    processes::insist(&app.store, "a failed restart", start, || async move {
        let (mut tx, permit) = go_on(app, location).await?;
        starts::settle(&mut tx, &permit, [start], Outcome::Failed, why).await?;
        starts::end(&mut tx, &permit, start, None, permit.now()).await?;
        let seen = servers::by_id(&mut tx, old.id).await?.filter(of_this_restart);
        if let (Some(now), Some(seen)) = (now, seen) {
            servers::transition(&mut tx, &permit, &seen, now).await?;
        }
        Ok(audit::commit_observation(tx, permit).await?)
    })
    .await;
}

/// Records whether the program runs, and watches it if so.
async fn record(
    app: &App,
    location: &Location,
    server: ServerId,
    start: StartId,
    outcome: std::result::Result<(), String>,
) {
    let ended = &outcome;
    processes::insist(&app.store, "the outcome of a start", start, || async move {
        let (mut tx, permit) = go_on(app, location).await?;
        let (settled, why) = match ended {
            Ok(()) => (Outcome::Delivered, ""),
            Err(why) => (Outcome::Failed, why.as_str()),
        };
        starts::settle(&mut tx, &permit, [start], settled, why).await?;
        let next = match settled {
            Outcome::Delivered => {
                Transition { status: ServerStatus::Running, detail: "", exit_code: None, start: Some(start) }
            }
            _ => {
                starts::end(&mut tx, &permit, start, None, permit.now()).await?;
                Transition { status: ServerStatus::Failed, detail: why, exit_code: None, start: None }
            }
        };
        let starting = |seen: &Server| seen.start == Some(start) && seen.status == ServerStatus::Starting;
        if let Some(seen) = servers::by_id(&mut tx, server).await?.filter(starting) {
            servers::transition(&mut tx, &permit, &seen, &next).await?;
        }
        Ok(audit::commit_observation(tx, permit).await?)
    })
    .await;
    if outcome.is_ok() {
        processes::watch(app, server, start);
    }
}
