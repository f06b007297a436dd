//! Servers: what they run, and starting, stopping and restarting them.
//!
//! A use case here writes what shall happen and returns; `starting` does it, and `processes` records
//! how it ends.

mod at_start;

use std::collections::HashMap;

use domain::{
    AuditAction, Command, DisplayName, SecretId, ServerId, ServerStatus, Slug, StartId, Time, Variables, WorkspaceId,
    policy::Action,
};

use serde_json::json;

use super::{
    App, Input, Precondition,
    access::{authorize, workspace},
    drift,
    moves::Move,
    processes, starting,
};
use crate::{
    error::{Error, Result},
    random,
    store::{
        Caller, Connection, PageRequest, Permit, Who, Writing,
        access::Target,
        audit::{self, Event},
        servers::{self, Transition},
        starts, suspensions,
    },
};

pub use at_start::{AtStart, Now, SinceStart, at_start};

pub use crate::store::{servers::Server, starts::Start};
pub use runtime::Log;

/// A server as somebody sees it.
pub struct Seen {
    /// The server.
    pub server: Server,
    /// How it differs from its workspace's environment now, each with who changed that.
    pub drift: Vec<drift::Explained>,
}

impl Seen {
    /// Since when, and by whom, command or variables are other ones than the running process was started with.
    pub fn settings_changed(&self) -> Option<&(Time, Option<Who>)> {
        self.server.settings_changed.as_ref().filter(|_| self.server.status == ServerStatus::Running)
    }

    /// Whether a restart would change what the server has.
    pub fn needs_restart(&self) -> bool {
        !self.drift.is_empty() || self.settings_changed().is_some()
    }
}

/// Where a server is addressed.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The organization's slug.
    pub organization: &'a str,
    /// The workspace's slug.
    pub workspace: &'a str,
}

impl<'a> Place<'a> {
    fn target(self) -> Target<'a> {
        workspace(self.organization, self.workspace)
    }
}

/// A server about to be added.
pub struct NewServer {
    /// Its name.
    pub name: DisplayName,
    /// Its slug.
    pub slug: Slug,
    /// The program and its arguments.
    pub command: Command,
    /// Its plain variables.
    pub variables: Variables,
}

/// What an edit changes; what is not mentioned stays.
pub struct EditServer {
    /// Another name.
    pub name: Option<DisplayName>,
    /// Another slug.
    pub slug: Option<Slug>,
    /// Another command.
    pub command: Option<Command>,
    /// Other plain variables, all of them.
    pub variables: Option<Variables>,
}

/// A page of the workspace's servers with their drift.
///
/// # Errors
/// As the order of answers says.
pub async fn list(app: &App, caller: &Caller, place: Place<'_>, page: Input<PageRequest>) -> Result<Vec<Seen>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), Action::SeeWorkspace).await?;
    let found = servers::list(&mut db, &permit, &page.checked()?).await?;
    with_drift(app, &mut db, &permit, found).await
}

/// One server with its drift.
///
/// # Errors
/// As the order of answers says.
pub async fn get(app: &App, caller: &Caller, place: Place<'_>, slug: &str) -> Result<Seen> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), Action::SeeWorkspace).await?;
    found(app, &mut db, &permit, slug).await
}

/// Adds a server; it starts when somebody says so.
///
/// # Errors
/// [`Error::Conflict`] when the slug is taken; otherwise as the order of answers says.
pub async fn create(app: &App, caller: &Caller, place: Place<'_>, input: Input<NewServer>) -> Result<Seen> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), Action::UseServers).await?;
    let new = input.checked()?;
    let now = permit.now();
    let id = ServerId::new(now, random::bytes());
    servers::insert(&mut tx, &permit, id, &new.slug, new.name.as_str(), &new.command, &new.variables, now).await?;
    let event = Event::new(AuditAction::ServerCreated, "server", id, new.slug.as_str());
    let created = found(app, &mut tx, &permit, new.slug.as_str()).await?;
    audit::commit(tx, permit, event).await?;
    Ok(created)
}

/// Changes name, slug, command and variables; a running server has them after its next start.
///
/// # Errors
/// [`Error::Conflict`] when the slug is taken; otherwise as the order of answers says.
pub async fn edit(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    slug: &str,
    expected: Precondition,
    input: Input<EditServer>,
) -> Result<Seen> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), Action::UseServers).await?;
    let known = servers::find(&mut tx, &permit, slug).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    let input = input.checked()?;
    let new_slug = input.slug.unwrap_or(known.slug);
    let name = input.name.as_ref().map_or(known.name.as_str(), DisplayName::as_str);
    let command = input.command.unwrap_or(known.command);
    let variables = input.variables.unwrap_or(known.variables);
    let now = permit.now();
    servers::update(&mut tx, &permit, known.id, &new_slug, name, &command, &variables, now).await?;
    let event = Event::new(AuditAction::ServerEdited, "server", known.id, new_slug.as_str());
    let edited = found(app, &mut tx, &permit, new_slug.as_str()).await?;
    audit::commit(tx, permit, event).await?;
    Ok(edited)
}

/// Deletes a server softly, and its log.
///
/// # Errors
/// [`Error::Conflict`] while it may be alive; otherwise as the order of answers says.
pub async fn delete(app: &App, caller: &Caller, place: Place<'_>, slug: &str, expected: Precondition) -> Result<()> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), Action::UseServers).await?;
    let known = servers::find(&mut tx, &permit, slug).await?.ok_or(Error::NotFound)?;
    expected.check(Some(&known.revision))?;
    if known.status.may_be_alive() {
        return Err(Error::Conflict("the server is running; nothing was deleted; stop it first".into()));
    }
    let now = permit.now();
    servers::delete(&mut tx, &permit, known.id, now).await?;
    let event = Event::new(AuditAction::ServerDeleted, "server", known.id, slug);
    audit::commit(tx, permit, event).await?;
    if let Err(error) = app.runtime.remove(known.id) {
        tracing::warn!(%error, server = %known.id, "the log of a deleted server could not be removed");
    }
    Ok(())
}

/// Starts a server: its environment is decided and on record when this returns; the process follows.
///
/// # Errors
/// [`Error::Conflict`] unless it is stopped or failed, [`Error::Sealed`] without keys; otherwise as the order of answers
/// says.
pub async fn start(app: &App, caller: &Caller, place: Place<'_>, slug: &str) -> Result<Seen> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), Action::UseServers).await?;
    let server = servers::find(&mut tx, &permit, slug).await?.ok_or(Error::NotFound)?;
    if !matches!(server.status, ServerStatus::Stopped | ServerStatus::Failed) {
        return Err(not_now(server.status, "started"));
    }
    let moving = Move::begin(app, server.id)?;
    let launch = starting::plan(app, &mut tx, &permit, &server).await?;
    let begun = Transition { status: ServerStatus::Starting, detail: "", exit_code: None, start: Some(launch.start) };
    moved(servers::transition(&mut tx, &permit, &server, &begun).await?)?;
    let event = started(&server, &launch);
    let begun = found(app, &mut tx, &permit, slug).await?;
    let app = app.clone();
    processes::to_the_end(async move {
        let process = vec![(launch.server.id, launch.start)];
        let committed = audit::commit(tx, permit, event).await;
        committed.map_err(|error| processes::not_committed(&app, process, error))?;
        tokio::spawn(starting::start(app, launch, moving));
        Ok(begun)
    })
    .await
}

/// What is recorded of every start before anything is unsealed for it.
pub(super) fn started(server: &Server, launch: &starting::Plan) -> Event {
    Event::new(AuditAction::ServerStarted, "server", server.id, &server.slug).with(launch.details())
}

/// Stops a server: SIGTERM, and after ten seconds SIGKILL to whatever is left. Needs no key. Because of which suspended
/// secret is on record with the server and the event, where that is said.
///
/// # Errors
/// [`Error::Conflict`] unless it runs, [`Error::Invalid`] for a secret that it does not have or that is not suspended;
/// otherwise as the order of answers says.
pub async fn stop(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    slug: &str,
    because_of: Input<Option<SecretId>>,
) -> Result<Seen> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), Action::StopServers).await?;
    let server = servers::find(&mut tx, &permit, slug).await?.ok_or(Error::NotFound)?;
    // A stop wins over a restart, also once that has told the old process to end.
    let runs = server.status == ServerStatus::Running || processes::is_restarting(&server);
    let (true, Some(start)) = (runs, server.start) else {
        return Err(not_now(server.status, "stopped"));
    };
    let mut event = Event::new(AuditAction::ServerStopped, "server", server.id, slug);
    let mut detail = String::new();
    if let Some(secret) = because_of.checked()? {
        let held = suspensions::held(&mut tx, &permit, start, secret).await?.ok_or_else(not_held)?;
        detail = because(&held);
        servers::stopped_for(&mut tx, &permit, server.id, secret).await?;
        event = event.with(json!({ "reason": detail, "secret": held.name.as_str(), "version": held.version }));
    }
    let to = Transition { detail: &detail, ..stopping(start) };
    moved(servers::transition(&mut tx, &permit, &server, &to).await?)?;
    let stopped = found(app, &mut tx, &permit, slug).await?;
    let app = app.clone();
    processes::to_the_end(async move {
        let committed = audit::commit(tx, permit, event).await;
        committed.map_err(|error| processes::not_committed(&app, vec![(server.id, start)], error))?;
        processes::stop(&app, start);
        Ok(stopped)
    })
    .await
}

/// Why a server was stopped, like `stopped because API_KEY was suspended by Mina`.
fn because(held: &suspensions::Held) -> String {
    let version = held.version.map(|version| format!("v{version} of ")).unwrap_or_default();
    let by = held.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    format!("stopped because {version}{} was suspended{by}", held.name)
}

fn not_held() -> Error {
    let why = "This server has no suspended secret of this id. Nothing was stopped.";
    Error::invalid("suspended", "not_suspended", why)
}

/// Restarts a running server: the new process is prepared to its gate before the old one is stopped, so what fails
/// before that leaves the old one running.
///
/// # Errors
/// [`Error::Conflict`] unless it runs; otherwise as [`start`].
pub async fn restart(app: &App, caller: &Caller, place: Place<'_>, slug: &str) -> Result<Seen> {
    let mut tx = app.store.write(place.organization).await?;
    let permit = authorize(&mut tx, caller, place.target(), Action::StopServers).await?;
    let server = servers::find(&mut tx, &permit, slug).await?.ok_or(Error::NotFound)?;
    if server.status != ServerStatus::Running {
        return Err(not_now(server.status, "restarted"));
    }
    let moving = Move::begin(app, server.id)?;
    let launch = starting::plan(app, &mut tx, &permit, &server).await?;
    let event = started(&server, &launch);
    let restarted = found(app, &mut tx, &permit, slug).await?;
    let app = app.clone();
    processes::to_the_end(async move {
        let process = vec![(launch.server.id, launch.start)];
        let committed = audit::commit(tx, permit, event).await;
        committed.map_err(|error| processes::not_committed(&app, process, error))?;
        tokio::spawn(starting::restart(app, server, launch, moving));
        Ok(restarted)
    })
    .await
}

/// A page of a server's start records, newest first.
///
/// # Errors
/// As the order of answers says.
pub async fn starts(
    app: &App,
    caller: &Caller,
    place: Place<'_>,
    slug: &str,
    before: Option<&str>,
    limit: Input<i64>,
) -> Result<Vec<Start>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), Action::SeeWorkspace).await?;
    let server = servers::find(&mut db, &permit, slug).await?.ok_or(Error::NotFound)?;
    Ok(starts::of_server(&mut db, &permit, server.id, before, limit.checked()?).await?)
}

/// A log, and which server's it is whatever slugs it and its workspace get.
pub struct ServerLog {
    /// The log.
    pub log: Log,
    workspace: WorkspaceId,
    server: ServerId,
}

impl ServerLog {
    /// Its last lines.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn tail(self, lines: usize) -> Result<Vec<u8>> {
        let read = tokio::task::spawn_blocking(move || self.log.tail(lines)).await;
        let (bytes, _) =
            read.map_err(|error| Error::Internal(error.into()))?.map_err(|error| Error::Internal(error.into()))?;
        Ok(bytes)
    }
}

/// A server's log, for those who may use the server.
///
/// # Errors
/// As the order of answers says.
pub async fn log(app: &App, caller: &Caller, place: Place<'_>, slug: &str) -> Result<ServerLog> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), Action::ReadServerLogs).await?;
    let server = servers::find(&mut db, &permit, slug).await?.ok_or(Error::NotFound)?;
    Ok(ServerLog { log: app.runtime.log(server.id), workspace: permit.in_workspace(), server: server.id })
}

/// Whether the caller may still read the log that they follow, at the address where they asked for it.
///
/// # Errors
/// As the order of answers says; [`Error::NotFound`] when the address has come to mean another server.
pub async fn may_still_read(app: &App, caller: &Caller, place: Place<'_>, slug: &str, log: &ServerLog) -> Result<()> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), Action::ReadServerLogs).await?;
    let server = servers::find(&mut db, &permit, slug).await?.ok_or(Error::NotFound)?;
    if (permit.in_workspace(), server.id) == (log.workspace, log.server) { Ok(()) } else { Err(Error::NotFound) }
}

/// Marks every running server of the permit's workspace as stopping; their processes are stopped after the commit.
pub(super) async fn mark_all_stopping(
    app: &App,
    tx: &mut Writing,
    permit: &Permit,
) -> Result<Vec<(ServerId, StartId)>> {
    let mut starts = Vec::new();
    for server in servers::alive_in(tx, permit.in_workspace()).await? {
        let Some(start) = server.start else { continue };
        if Move::is_under_way(app, server.id) {
            return Err(Error::Conflict(
                "a server of this workspace is starting; nothing was deleted; try again in a moment".into(),
            ));
        }
        servers::transition(tx, permit, &server, &stopping(start)).await?;
        starts.push((server.id, start));
    }
    Ok(starts)
}

/// Why a server can't be `done` (started, stopped or restarted) as it is, and what would help.
fn not_now(status: ServerStatus, done: &str) -> Error {
    Error::Conflict(match (status, done) {
        (ServerStatus::Running, _) => "the server is running already; nothing was done; restart it instead".into(),
        (ServerStatus::Stopped, "stopped") => "the server is stopped already; nothing was done".into(),
        (ServerStatus::Failed, "stopped") => "the server has failed and runs no more; there is nothing to stop".into(),
        (ServerStatus::Stopping, "stopped") => "the server is being stopped already; nothing was done".into(),
        (ServerStatus::Starting, "started") => "the server is being started already; nothing was done".into(),
        (ServerStatus::Stopped | ServerStatus::Failed, _) => {
            "the server does not run, so it was not restarted; start it instead".into()
        }
        (moving, _) => format!("the server is {moving}; it was not {done}; try again in a moment").into(),
    })
}

fn stopping(start: StartId) -> Transition<'static> {
    Transition { status: ServerStatus::Stopping, detail: "", exit_code: None, start: Some(start) }
}

fn moved(moved: bool) -> Result<()> {
    if moved {
        return Ok(());
    }
    Err(Error::Conflict("the server changed in the same moment; nothing was done; look again, then repeat".into()))
}

/// One server as it is in this transaction. What a write answers is read before its commit: whoever loses access in the
/// same moment still learns what was done for them.
async fn found(app: &App, db: &mut Connection, permit: &Permit, slug: &str) -> Result<Seen> {
    let server = servers::find(db, permit, slug).await?.ok_or(Error::NotFound)?;
    with_drift(app, db, permit, vec![server]).await?.pop().ok_or(Error::NotFound)
}

async fn with_drift(app: &App, db: &mut Connection, permit: &Permit, found: Vec<Server>) -> Result<Vec<Seen>> {
    let mut drift = match found.iter().any(|server| server.status == ServerStatus::Running) {
        true => drift::explained(app, db, permit.organization(), permit.in_workspace()).await?,
        false => HashMap::new(),
    };
    let seen = |server: Server| Seen { drift: drift.remove(&server.id).unwrap_or_default(), server };
    Ok(found.into_iter().map(seen).collect())
}
