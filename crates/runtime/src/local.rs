//! The control plane's side: starting supervisors, asking them, finding them again.

mod found;
mod prepared;
mod wire;

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use domain::{ServerId, StartId, WorkspaceId};
use nix::unistd::geteuid;
use tokio::sync::Mutex;

pub use found::{Found, State};
pub use prepared::{Prepared, Started};

use crate::{
    Environment, Exit, InvalidSettings, Log, Lost, MemoryLimit, Reason, Sandbox, Settings, StartFailed, Unavailable,
    memory::{self, Group},
    parcel,
    protocol::{Ask, Order, Subject, VERSION},
    record::RunDirectory,
};

/// A machine that could make a sandbox is taken to be able to for so long.
const YES_HOLDS: Duration = Duration::from_secs(30);
/// One that could not is not tried again sooner, however often somebody asks.
const NO_HOLDS: Duration = Duration::from_secs(1);

/// What to start.
pub struct Launch {
    /// The start record it belongs to.
    pub start: StartId,
    /// The server, whose log it continues.
    pub server: ServerId,
    /// The workspace, whose home it sees.
    pub workspace: WorkspaceId,
    /// The workspace's number, from 1, never used for another workspace: its uid when the control plane runs as root.
    pub workspace_number: u32,
    /// The program and its arguments. A program without a slash is looked for in the environment's `PATH`.
    pub command: Vec<String>,
    /// All that its process gets as environment.
    pub environment: Environment,
}

/// Runs servers on this machine. Clones share what they know.
#[derive(Clone)]
pub struct Runtime {
    settings: Arc<Settings>,
    checked: Arc<Mutex<Option<Checked>>>,
    /// The control group below which each start gets one, or why not; looked for once it is needed.
    groups: Arc<OnceLock<Result<PathBuf, String>>>,
}

/// `Settings` that can't be used, or a data directory that can't be prepared. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// What is wrong with the settings.
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
    /// A folder in the data directory could not be made.
    #[error("{0} can't be made: {1}")]
    Folder(PathBuf, io::Error),
}

/// What was found out of the machine, and until when it holds.
struct Checked {
    found: Result<(), Unavailable>,
    until: Instant,
}

impl Runtime {
    /// Checks the settings and makes the runtime's folders in the data directory, which must exist.
    pub fn new(mut settings: Settings) -> Result<Self, NewError> {
        let directory = &mut settings.directory;
        *directory = directory.canonicalize().map_err(|error| NewError::Folder(directory.clone(), error))?;
        settings.validate()?;
        for name in ["run", "homes", "logs"] {
            let folder = settings.directory.join(name);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(|error| NewError::Folder(folder, error))?;
        }
        Ok(Self { settings: Arc::new(settings), checked: Arc::default(), groups: Arc::default() })
    }

    /// For a look from outside: whether servers could start with these settings. Makes nothing in the data directory,
    /// which need not exist.
    pub fn to_try(mut settings: Settings) -> Result<Self, NewError> {
        settings.directory = settings.directory.canonicalize().unwrap_or(settings.directory);
        settings.validate()?;
        Ok(Self { settings: Arc::new(settings), checked: Arc::default(), groups: Arc::default() })
    }

    /// Whether servers can start here, found out by making a sandbox and removing it. A yes holds for 30 seconds, a no
    /// for one.
    pub async fn check(&self) -> Result<(), Unavailable> {
        let mut checked = self.checked.lock().await;
        if let Some(known) = checked.as_ref().filter(|known| Instant::now() < known.until) {
            return known.found.clone();
        }
        let trial = self.trial().await;
        let found = trial.map_err(|StartFailed { reason, message, .. }| Unavailable { reason, message });
        let until = Instant::now() + if found.is_ok() { YES_HOLDS } else { NO_HOLDS };
        *checked = Some(Checked { found: found.clone(), until });
        found
    }

    /// Whether servers' memory is limited here. Where it is, the first call puts this process into a control group of its
    /// own, as the kernel demands: only for a control plane.
    pub fn memory_limit(&self) -> MemoryLimit {
        let Some(limit) = self.settings.memory else { return MemoryLimit::None };
        match self.groups() {
            Ok(_) => MemoryLimit::Enforced(limit),
            Err(why) => MemoryLimit::NotEnforced { limit, why },
        }
    }

    fn groups(&self) -> Result<PathBuf, String> {
        let find = || match &self.settings.control_group {
            Some(own) => memory::delegated(own),
            None => memory::delegated(&memory::own_group()?),
        };
        self.groups.get_or_init(find).clone()
    }

    /// The control group of a start, if it shall have one and can.
    fn group(&self, subject: &Subject) -> Option<Group> {
        let limit = self.settings.memory?;
        let path = self.groups().ok()?.join(&subject.start);
        Some(Group { path, limit })
    }

    async fn trial(&self) -> Result<(), StartFailed> {
        let parcel = parcel::pack(&["true".to_owned()], &Environment::new());
        let parcel = parcel.map_err(|what| StartFailed::new(Reason::Internal, what))?;
        prepared::prepare(&self.settings.program, &self.order(None, self.uid(0)?), parcel).await?.cancel().await;
        Ok(())
    }

    /// Makes everything ready for the command to be executed: its sandbox, its network, its environment. The old
    /// process of the same server, if any, is not touched. Dropping the result, or this future, removes all of it.
    pub async fn prepare(&self, launch: Launch) -> Result<Prepared, StartFailed> {
        let Launch { start, server, workspace, workspace_number, command, mut environment } = launch;
        if self.settings.sandbox == Sandbox::None {
            // There is no `/home/workspace` then.
            let home = self.settings.directory.join("homes").join(workspace.to_string());
            environment = environment.replace("HOME", &home.to_string_lossy());
        }
        let parcel = parcel::pack(&command, &environment);
        drop(environment);
        let parcel = parcel.map_err(|what| {
            StartFailed::new(
                Reason::Launch,
                format!("The server can't be started as it is: {what}. Nothing was executed."),
            )
        })?;
        let subject =
            Subject { start: start.to_string(), server: server.to_string(), workspace: workspace.to_string() };
        let order = self.order(Some(subject), self.uid(workspace_number)?);
        prepared::prepare(&self.settings.program, &order, parcel).await
    }

    /// Ends a server: SIGTERM to its process, and after 10 seconds SIGKILL to all of its processes. Returns when none
    /// is left; at once, with how it ended, if it has ended already. Needs no value and no key. A start that still waits
    /// at its gate is given up, and unknown then.
    pub async fn stop(&self, start: StartId) -> Result<Exit, Lost> {
        self.ask_for_exit(start, Ask::Stop).await
    }

    /// Waits until a server ends, for as long as it takes.
    pub async fn exited(&self, start: StartId) -> Result<Exit, Lost> {
        self.ask_for_exit(start, Ask::Exit).await
    }

    /// Waits until the way out of a server's network ends by itself, for as long as it takes; until then nothing else
    /// shows it. `false`: the server has ended first.
    pub async fn network_ended(&self, start: StartId) -> Result<bool, Lost> {
        self.ask_for_network(start).await
    }

    /// Removes what is recorded of a start that has ended; nothing if there is nothing. One that has not is left alone.
    pub async fn forget(&self, start: StartId) -> io::Result<()> {
        let run = self.run_directory(start);
        if run.exit()?.is_some() { run.remove() } else { Ok(()) }
    }

    /// A server's log.
    pub fn log(&self, server: ServerId) -> Log {
        Log::new(self.settings.directory.join("logs").join(server.to_string()))
    }

    /// Removes a server's log. Only for a server that has ended.
    pub fn remove(&self, server: ServerId) -> io::Result<()> {
        remove_folder(self.settings.directory.join("logs").join(server.to_string()))
    }

    /// Removes a workspace's home with all that is in it. Only for a workspace whose servers have ended.
    pub fn remove_home(&self, workspace: WorkspaceId) -> io::Result<()> {
        remove_folder(self.settings.directory.join("homes").join(workspace.to_string()))
    }

    fn run_directory(&self, start: StartId) -> RunDirectory {
        RunDirectory::of(&self.settings.directory, start)
    }

    /// The uid of a workspace; none when servers run as the control plane's own user.
    fn uid(&self, workspace_number: u32) -> Result<Option<u32>, StartFailed> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let uid = self.settings.first_uid.checked_add(workspace_number).filter(|uid| *uid != 0 && *uid < u32::MAX);
        // Each workspace's servers begin as its own uid, which executes the shim from this file.
        let executable = fs::metadata(&self.settings.program).is_ok_and(|file| file.mode() & 0o001 != 0);
        if !executable {
            let private = "The vestry program is not executable by other users, as each workspace's own uid is. Make \
                           it so (chmod 755), then restart the control plane. Nothing was executed.";
            return Err(StartFailed::new(Reason::Internal, private));
        }
        let used_up = "The range of uids for workspaces is used up. Set it lower. Nothing was executed.";
        uid.map(Some).ok_or_else(|| StartFailed::new(Reason::Internal, used_up))
    }

    fn order(&self, subject: Option<Subject>, uid: Option<u32>) -> Order {
        let settings = &*self.settings;
        Order {
            version: VERSION,
            group: subject.as_ref().and_then(|subject| self.group(subject)),
            subject,
            uid,
            directory: settings.directory.clone(),
            sandbox: settings.sandbox,
            network: settings.network,
            read_only_paths: settings.read_only_paths.clone(),
            hidden_paths: settings.hidden_paths.clone(),
            blocked_networks: settings.blocked_networks.clone(),
            tool_paths: settings.tool_paths.clone(),
        }
    }
}

fn remove_folder(folder: PathBuf) -> io::Result<()> {
    let remove = || match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    remove().or_else(|error| match error.kind() {
        // A server may have locked folders of its home, which are this user's too.
        io::ErrorKind::PermissionDenied => unlock(&folder).and_then(|()| remove()),
        _ => Err(error),
    })
}

/// Opens a folder, and all in it, to its owner. Nothing may change it meanwhile.
fn unlock(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}
