//! Who watches an organization, and what they are told: that something changed, if they may know of it.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use domain::{CredentialId, Difference, Held, OrganizationId, SnapshotId, WorkspaceId, policy::Action};
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
    drift::{self, Stale},
};
use crate::{
    clock,
    error::Result,
    store::{Caller, access::Audience, servers::Among},
};

pub use crate::store::Hint;

/// The most changes that are told one by one; of more, a listener is told to look at everything.
const MOST_TOLD: usize = 64;

/// How often a listener that is slow may be told something before it has read the first; then it is told to look at
/// everything.
const WAITING: usize = 16;

/// How long commits are gathered after some were told. One that comes alone is told at once.
const GATHER: Duration = Duration::from_millis(20);

/// How often it is asked whether those who listen still may: a leaver's stream ends within a second.
const ASK_AGAIN: Duration = Duration::from_millis(900);

/// What a listener is told.
pub enum Told {
    /// Some things changed.
    News(Arc<News>),
    /// Much changed: everything that is shown may be old.
    Reset,
}

/// What changed, at least one thing: all who may know the same of it share this and its text.
pub struct News {
    hints: Vec<Hint>,
    text: OnceLock<Arc<[u8]>>,
}

impl News {
    /// How the changes are written to those who listen, by `write` for the first who asks.
    pub fn text(&self, write: impl FnOnce(&[Hint]) -> String) -> Arc<[u8]> {
        self.text.get_or_init(|| write(&self.hints).into_bytes().into()).clone()
    }
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
        let quiet = gathered.as_ref().is_ok_and(Vec::is_empty);
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
            if missed || news.len() > MOST_TOLD {
                app.listeners.fall_behind(organization);
            }
            if let Err(error) = tell_organization(&app, organization, news.clone()).await {
                tracing::debug!(%error, "changes can't be told now; tried again in a moment");
                untold.insert(organization, news);
            }
        }
        if !quiet {
            tokio::time::sleep(GATHER).await;
        }
    }
}

/// Waits for commits, but not for long, and gathers what those that came have changed: nothing if none did, an error if
/// some were missed. `None` when there will be no more.
async fn gather(hints: &mut broadcast::Receiver<Vec<Hint>>) -> Option<std::result::Result<Vec<Hint>, TooMany>> {
    let mut gathered = match timeout(ASK_AGAIN, hints.recv()).await {
        Ok(Ok(first)) => first,
        Ok(Err(RecvError::Lagged(_))) => return Some(Err(TooMany)),
        Ok(Err(RecvError::Closed)) => return None,
        Err(_quiet) => return Some(Ok(Vec::new())),
    };
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
        false => drift::stale(app, &mut db, organization, Among::Organization(organization)).await?,
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

/// Another one where servers differ otherwise.
fn digest_of(differences: &[Difference]) -> u64 {
    let mut digest = DefaultHasher::new();
    for Difference { name, from, to, .. } in differences {
        let version = |held: &Option<Held>| held.as_ref().map(|held| (held.secret, held.version));
        (name.as_str(), version(from), version(to)).hash(&mut digest);
    }
    digest.finish()
}

/// Those of the changes that are known; `None` if none is.
fn news_of(hints: &[Hint], known: &[bool]) -> Option<Arc<News>> {
    let hints = hints.iter().zip(known).filter(|(_, known)| **known).map(|(hint, _)| hint.clone());
    let hints: Vec<Hint> = hints.collect();
    (!hints.is_empty()).then(|| Arc::new(News { hints, text: OnceLock::new() }))
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
    fn new_drift(&self, organization: OrganizationId, stale: &[Stale]) -> Vec<Hint> {
        let mut digests: HashMap<WorkspaceId, DefaultHasher> = HashMap::new();
        // Servers that were handed the same differ in the same way.
        let mut alike: HashMap<SnapshotId, u64> = HashMap::new();
        for (server, differences) in stale {
            let differences = *alike.entry(server.snapshot).or_insert_with(|| digest_of(differences));
            let digest = digests.entry(server.workspace).or_default();
            (server.id, server.start, server.settings_changed, differences).hash(digest);
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
    fn send(&self, organization: OrganizationId, hints: &[Hint], audience: &Audience) {
        // Decided once for a credential, and written once for all who may know the same.
        let mut decided: HashMap<CredentialId, Option<Arc<News>>> = HashMap::new();
        let mut alike: HashMap<Vec<bool>, Option<Arc<News>>> = HashMap::new();
        let mut news_for = |credential: CredentialId| {
            let decide = || {
                let may = |hint: &Hint| audience.may(credential, needs(hint), hint.workspace);
                let known: Vec<bool> = hints.iter().map(may).collect();
                alike.entry(known).or_insert_with_key(|known| news_of(hints, known)).clone()
            };
            decided.entry(credential).or_insert_with(decide).clone()
        };
        self.with(|rooms| {
            let Some(room) = rooms.get_mut(&organization) else { return };
            room.listeners.retain_mut(|listener| {
                if audience.has_lost(listener.credential) {
                    return false;
                }
                if let Some(news) = news_for(listener.credential)
                    && !listener.behind
                {
                    let too_much = news.hints.len() > MOST_TOLD;
                    listener.behind = too_much || listener.line.try_send(Told::News(news)).is_err();
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
