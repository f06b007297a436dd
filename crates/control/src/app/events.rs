//! Who watches an organization, and what they are told: that something changed, if they may know of it.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use domain::{CredentialId, Difference, OrganizationId, WorkspaceId, policy::Action};
use tokio::{
    sync::{
        broadcast::{
            self,
            error::{RecvError, TryRecvError},
        },
        mpsc,
    },
    time::timeout,
};

use super::{
    App,
    access::{authorize, organization},
    drift,
};
use crate::{
    clock,
    error::Result,
    store::{
        Caller, Hint,
        access::Audience,
        servers::{Among, Running},
    },
};

/// How many hints may wait for a listener that is slow; then it is told to look at everything.
const WAITING: usize = 64;

/// How long commits are gathered before they are told.
const GATHER: Duration = Duration::from_millis(20);

/// How often it is asked whether those who listen still may: a leaver's stream ends within a second.
const ASK_AGAIN: Duration = Duration::from_millis(900);

/// What a listener is told.
#[derive(Clone, Debug)]
pub enum Told {
    /// Something changed.
    Hint(Hint),
    /// Much changed: everything that is shown may be old.
    Reset,
}

/// Everybody who listens, by organization.
#[derive(Default)]
pub struct Listeners(Mutex<HashMap<OrganizationId, Room>>);

/// Those who listen to one organization.
#[derive(Default)]
struct Room {
    listeners: Vec<Listener>,
    /// What was told of the drift of each workspace.
    drift: HashMap<WorkspaceId, String>,
}

struct Listener {
    credential: CredentialId,
    line: mpsc::Sender<Told>,
    /// Whether it missed something that did not fit.
    behind: bool,
}

/// Begins to listen to an organization; ends when the receiver is dropped or the caller may no more.
///
/// # Errors
/// As the order of answers says.
pub async fn listen(app: &App, caller: &Caller, slug: &str) -> Result<mpsc::Receiver<Told>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, organization(slug), Action::SeeOrganization).await?;
    let (line, told) = mpsc::channel(WAITING);
    let listener = Listener { credential: caller.credential(), line, behind: false };
    app.listeners.with(|rooms| rooms.entry(permit.organization()).or_default().listeners.push(listener));
    Ok(told)
}

/// Tells what commits changed, for as long as the control plane runs. What can't be told while the database is away is
/// told later.
pub(super) async fn tell(app: App) {
    let mut hints = app.store.hints();
    let mut untold: HashMap<OrganizationId, Vec<Hint>> = HashMap::new();
    while !app.store.is_closed() {
        let Some(gathered) = gather(&mut hints).await else { return };
        let missed = gathered.is_err();
        for hint in gathered.unwrap_or_default() {
            let news = untold.entry(hint.organization).or_default();
            // Of several changes of one thing the last is told.
            news.retain(|other| (other.kind, &other.id) != (hint.kind, &hint.id));
            news.push(hint);
        }
        let listened_to = app.listeners.organizations();
        untold.retain(|organization, _| listened_to.contains(organization));
        for organization in listened_to {
            let news = untold.remove(&organization).unwrap_or_default();
            if missed || news.len() > WAITING {
                app.listeners.fall_behind(organization);
            }
            if let Err(error) = tell_organization(&app, organization, news.clone()).await {
                tracing::debug!(%error, "changes can't be told now; tried again in a moment");
                untold.insert(organization, news);
            }
        }
    }
}

/// Waits for commits, but not for long, and gathers what they changed: nothing if none came, an error if some were
/// missed. `None` when there will be no more.
async fn gather(hints: &mut broadcast::Receiver<Vec<Hint>>) -> Option<std::result::Result<Vec<Hint>, TooMany>> {
    let mut gathered = match timeout(ASK_AGAIN, hints.recv()).await {
        Ok(Ok(first)) => first,
        Ok(Err(RecvError::Lagged(_))) => return Some(Err(TooMany)),
        Ok(Err(RecvError::Closed)) => return None,
        Err(_quiet) => return Some(Ok(Vec::new())),
    };
    tokio::time::sleep(GATHER).await;
    loop {
        match hints.try_recv() {
            Ok(more) => gathered.extend(more),
            Err(TryRecvError::Lagged(_)) => return Some(Err(TooMany)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(Ok(gathered)),
        }
    }
}

/// More commits came than were kept.
struct TooMany;

async fn tell_organization(app: &App, organization: OrganizationId, mut news: Vec<Hint>) -> Result<()> {
    let mut db = app.store.read().await?;
    let stale = match news.is_empty() {
        true => Vec::new(),
        false => drift::stale(&mut db, organization, Among::Organization(organization)).await?,
    };
    let workspaces =
        news.iter().filter_map(|hint| hint.workspace).chain(stale.iter().map(|(server, _)| server.workspace));
    let workspaces = workspaces.chain(app.listeners.drifting(organization)).collect::<HashSet<_>>();
    let credentials = app.listeners.credentials(organization);
    let audience = Audience::read(&mut db, organization, credentials, workspaces, clock::now()).await?;
    drop(db);
    if !news.is_empty() {
        news.extend(app.listeners.new_drift(organization, &stale));
    }
    app.listeners.send(organization, &news, &audience);
    Ok(())
}

/// What somebody must be allowed to do to be told of a change.
fn needs(hint: &Hint) -> Action {
    match (hint.workspace, hint.kind) {
        (Some(_), _) => Action::SeeWorkspace,
        (None, "organization" | "member") => Action::SeeOrganization,
        (None, _) => Action::ListOrganizationSecrets,
    }
}

impl Listeners {
    fn with<T>(&self, done: impl FnOnce(&mut HashMap<OrganizationId, Room>) -> T) -> T {
        done(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Those that somebody listens to; rooms that all have left are given up.
    fn organizations(&self) -> Vec<OrganizationId> {
        self.with(|rooms| {
            rooms.retain(|_, room| {
                room.listeners.retain(|listener| !listener.line.is_closed());
                !room.listeners.is_empty()
            });
            rooms.keys().copied().collect()
        })
    }

    fn credentials(&self, organization: OrganizationId) -> HashSet<CredentialId> {
        self.with(|rooms| {
            let listeners = rooms.get(&organization).map(|room| &room.listeners[..]).unwrap_or_default();
            listeners.iter().map(|listener| listener.credential).collect()
        })
    }

    /// The workspaces of whose drift was told last.
    fn drifting(&self, organization: OrganizationId) -> Vec<WorkspaceId> {
        self.with(|rooms| rooms.get(&organization).map(|room| room.drift.keys().copied().collect()).unwrap_or_default())
    }

    /// A hint for each workspace whose servers differ otherwise than was told last.
    fn new_drift(&self, organization: OrganizationId, stale: &[(Running, Vec<Difference>)]) -> Vec<Hint> {
        let mut digests: HashMap<WorkspaceId, DefaultHasher> = HashMap::new();
        for (server, differences) in stale {
            let digest = digests.entry(server.workspace).or_default();
            (server.id.to_string(), server.start.to_string(), server.settings_changed).hash(digest);
            for Difference { name, from, to, .. } in differences {
                let version =
                    |held: &Option<domain::Held>| held.as_ref().map(|held| (held.secret.to_string(), held.version));
                (name.as_str(), version(from), version(to)).hash(digest);
            }
        }
        let digests: HashMap<WorkspaceId, String> =
            digests.into_iter().map(|(workspace, digest)| (workspace, format!("{:016x}", digest.finish()))).collect();
        self.with(|rooms| {
            let Some(room) = rooms.get_mut(&organization) else { return Vec::new() };
            let told = std::mem::replace(&mut room.drift, digests);
            let workspaces: HashSet<WorkspaceId> = told.keys().chain(room.drift.keys()).copied().collect();
            let changed = workspaces.into_iter().filter(|workspace| told.get(workspace) != room.drift.get(workspace));
            let hint = |workspace: WorkspaceId| Hint {
                organization,
                workspace: Some(workspace),
                kind: "drift",
                id: workspace.to_string(),
                revision: room.drift.get(&workspace).cloned().unwrap_or_default(),
            };
            changed.map(hint).collect()
        })
    }

    /// Notes that all who listen to an organization have missed something.
    fn fall_behind(&self, organization: OrganizationId) {
        self.with(|rooms| {
            let room = rooms.get_mut(&organization).into_iter();
            room.flat_map(|room| &mut room.listeners).for_each(|listener| listener.behind = true);
        });
    }

    /// Tells each listener what it may know; those who may not listen any more are gone afterwards.
    fn send(&self, organization: OrganizationId, news: &[Hint], audience: &Audience) {
        self.with(|rooms| {
            let Some(room) = rooms.get_mut(&organization) else { return };
            room.listeners.retain_mut(|listener| {
                if audience.has_lost(listener.credential) {
                    return false;
                }
                for hint in news {
                    if !listener.behind && audience.may(listener.credential, needs(hint), hint.workspace) {
                        listener.behind = listener.line.try_send(Told::Hint(hint.clone())).is_err();
                    }
                }
                // It is told so as soon as there is room again.
                if listener.behind && listener.line.try_send(Told::Reset).is_ok() {
                    listener.behind = false;
                }
                true
            });
        });
    }
}
