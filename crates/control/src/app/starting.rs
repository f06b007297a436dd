//! From the decision that a server shall run to its running process.

use std::sync::Arc;

use domain::{Available, Command, Held, Outcome, ServerId, ServerStatus, StartId, Variables};
use envelope::{Key, Plaintext};
use runtime::{Environment, Launch, Prepared, StartFailed};
use serde_json::{Value, json};

use super::{App, keyring::Belongs, processes, secrets::damaged, turn::Turn};
use crate::{
    clock,
    error::{Error, Result},
    random,
    store::{
        Permit, Writing, audit,
        available::{self, SealedSecret},
        servers::{self, Server, Transition},
        starts,
    },
};

/// Everything that a start needs, decided in one snapshot and on record before anything is unsealed.
pub(super) struct Plan {
    pub(super) start: StartId,
    server: Server,
    injected: Vec<Available<SealedSecret>>,
    keys: Vec<Arc<Key>>,
}

impl Plan {
    /// What the audit event says of the start: names and versions, never a value.
    pub(super) fn details(&self) -> Value {
        let secrets: Vec<Value> = self
            .injected
            .iter()
            .map(|s| json!({ "name": s.name.as_str(), "scope": s.scope.as_str(), "version": s.version }))
            .collect();
        json!({ "start": self.start.to_string(), "secrets": secrets })
    }
}

/// Takes the snapshot of the workspace's environment and writes the pending start record.
///
/// # Errors
/// [`Error::Sealed`] without keys; then nothing is on record.
pub(super) async fn plan(app: &App, tx: &mut Writing, permit: &Permit, server: &Server) -> Result<Plan> {
    let keys = app.keyring.unsealing_keys(tx, permit.organization()).await?;
    let available = available::sealed(tx, permit.organization(), permit.in_workspace()).await?;
    let environment = domain::resolve(available);
    let now = clock::now();
    let start = StartId::new(now, random::bytes());
    starts::insert(
        tx,
        permit,
        start,
        server.id,
        environment.injected().map(held),
        environment.left_out().map(held),
        now,
    )
    .await?;
    let injected =
        environment.into_names().into_iter().map(|resolved| resolved.winner).filter(|s| !s.suspended).collect();
    Ok(Plan { start, server: server.clone(), injected, keys })
}

fn held<T>(secret: &Available<T>) -> Held {
    Held { name: secret.name.clone(), scope: secret.scope, secret: secret.id, version: secret.version }
}

/// Starts a server that is marked as starting, and records what became of it.
pub(super) async fn start(app: App, permit: Permit, plan: Plan, turn: Turn) {
    let (start, server) = (plan.start, plan.server.id);
    let outcome = match prepare(&app, &permit, plan).await {
        Ok(prepared) => open(prepared).await,
        Err(why) => Err(why),
    };
    drop(turn);
    record(&app, &permit, server, start, outcome).await;
}

/// Prepares the new process to its gate, stops the old one, opens the gate.
pub(super) async fn restart(app: App, permit: Permit, old: Server, plan: Plan, turn: Turn) {
    let start = plan.start;
    let prepared = match prepare(&app, &permit, plan).await {
        Ok(prepared) => prepared,
        Err(why) => {
            drop(turn);
            refuse_restart(&app, &permit, &old, start, &why).await;
            return;
        }
    };
    let outcome = match replace(&app, &permit, &old, start).await {
        Ok(()) => open(prepared).await,
        Err(error) => {
            drop(prepared);
            drop(turn);
            refuse_restart(&app, &permit, &old, start, &error.to_string()).await;
            return;
        }
    };
    drop(turn);
    record(&app, &permit, old.id, start, outcome).await;
}

/// Unseals what is injected, all of it or nothing, and brings the sandbox to its gate.
async fn prepare(app: &App, permit: &Permit, plan: Plan) -> std::result::Result<Prepared, String> {
    let Plan { start, server, injected, keys } = plan;
    let (command, variables) = stored_settings(&server).map_err(|error| error.to_string())?;
    let mut environment = Environment::new();
    let base = domain::base_environment(permit.organization_slug(), permit.workspace_slug(), &server.slug);
    let secret = |name: &str| injected.iter().any(|s| s.name.as_str() == name);
    let plain = |name: &str| variables.iter().any(|(known, _)| known.as_str() == name);
    for (name, value) in base.iter().filter(|(name, _)| !plain(name) && !secret(name)) {
        environment = environment.plain(*name, value);
    }
    for (name, value) in variables.iter().filter(|(name, _)| !secret(name.as_str())) {
        environment = environment.plain(name.as_str(), value);
    }
    for secret in injected {
        let value = unseal(app, permit, &keys, &secret).ok_or_else(|| damaged(&secret.name).to_string())?;
        environment = environment.secret(secret.name.as_str(), value);
    }
    let launch = Launch {
        start,
        server: server.id,
        workspace: permit.in_workspace(),
        workspace_number: permit.workspace_number(),
        command: command.argv().to_vec(),
        environment,
    };
    app.runtime.prepare(launch).await.map_err(|failed| told(&failed))
}

fn unseal(app: &App, permit: &Permit, keys: &[Arc<Key>], secret: &Available<SealedSecret>) -> Option<Plaintext> {
    let belongs = Belongs {
        organization: permit.organization(),
        workspace: (secret.scope == domain::Scope::Workspace).then(|| permit.in_workspace()),
        secret: secret.id,
        name: &secret.name,
        version: secret.version,
    };
    app.keyring.unseal(keys, &belongs, secret.detail.as_ref().ok()?)
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

/// Stops the old process and puts the new start in its place, before the gate opens.
async fn replace(app: &App, permit: &Permit, old: &Server, start: StartId) -> Result<()> {
    let Some(old_start) = old.start else { return Ok(()) };
    let exit = app.runtime.stop(old_start).await.map_err(|error| Error::Unavailable(error.to_string()))?;
    let mut tx = app.store.write(permit.organization_slug().as_str()).await?;
    starts::end(&mut tx, permit, old_start, exit.code, exit.at).await?;
    let next = Transition { status: ServerStatus::Starting, detail: "", exit_code: None, start: Some(start) };
    if !servers::transition(&mut tx, permit, old, &next).await? {
        return Err(Error::Conflict("the server was stopped meanwhile; it was not restarted".into()));
    }
    audit::commit_observation(tx).await?;
    processes::forget(app, old_start).await;
    Ok(())
}

/// Records that a restart failed before the old process was stopped: that one runs on.
async fn refuse_restart(app: &App, permit: &Permit, old: &Server, start: StartId, why: &str) {
    let recorded = async {
        let mut tx = app.store.write(permit.organization_slug().as_str()).await?;
        starts::settle(&mut tx, permit, start, Outcome::Failed, why).await?;
        let detail = format!("the restart failed, and the process from before runs on: {why}");
        let kept = Transition { status: old.status, detail: &detail, exit_code: None, start: old.start };
        servers::transition(&mut tx, permit, old, &kept).await?;
        audit::commit_observation(tx).await
    };
    if let Err(error) = recorded.await {
        tracing::error!(%error, %start, "a failed restart could not be recorded");
    }
    // The old process may have ended by itself while its server's turn was taken.
    if let Some(old_start) = old.start {
        processes::watch(app, old.id, old_start);
    }
}

/// Records whether the program runs, and watches it if so.
async fn record(
    app: &App,
    permit: &Permit,
    server: ServerId,
    start: StartId,
    outcome: std::result::Result<(), String>,
) {
    let recorded = async {
        let mut tx = app.store.write(permit.organization_slug().as_str()).await?;
        let Some(seen) = servers::by_id(&mut tx, server).await?.filter(|seen| seen.start == Some(start)) else {
            return Ok(());
        };
        match &outcome {
            Ok(()) => {
                starts::settle(&mut tx, permit, start, Outcome::Delivered, "").await?;
                let runs =
                    Transition { status: ServerStatus::Running, detail: "", exit_code: None, start: Some(start) };
                servers::transition(&mut tx, permit, &seen, &runs).await?;
            }
            Err(why) => {
                starts::settle(&mut tx, permit, start, Outcome::Failed, why).await?;
                starts::end(&mut tx, permit, start, None, clock::now()).await?;
                let failed = Transition { status: ServerStatus::Failed, detail: why, exit_code: None, start: None };
                servers::transition(&mut tx, permit, &seen, &failed).await?;
            }
        }
        audit::commit_observation(tx).await
    };
    if let Err(error) = recorded.await {
        tracing::error!(%error, %start, "the outcome of a start could not be recorded");
    }
    if outcome.is_ok() {
        processes::watch(app, server, start);
    }
}

/// The command and variables as they are kept, as the types that were checked when they were written.
pub(super) fn stored_settings(server: &Server) -> Result<(Command, Variables)> {
    let command = Command::parse(server.command.clone()).map_err(|error| Error::Internal(error.into()))?;
    let variables = Variables::parse(server.variables.clone()).map_err(|error| Error::Internal(error.into()))?;
    Ok((command, variables))
}
