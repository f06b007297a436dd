use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Once,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{ServerId, StartId, WorkspaceId};
use envelope::Plaintext;
use runtime::{Environment, Exit, Launch, Log, Prepared, Runtime, Settings, StartFailed};
use tempfile::TempDir;
use uuid::Uuid;

/// Whatever is waited for in a test has long happened by then, on a machine under load too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A control plane's view of one machine: a data directory of its own and a runtime on it.
pub(crate) struct Machine {
    folder: TempDir,
    settings: Settings,
    pub(crate) runtime: Runtime,
}

/// A workspace with one server.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) server: ServerId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) number: u32,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        open_tunnel_device();
        // Not below /tmp, where every server's own would hide it.
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        // As the control plane makes it: no workspace's uid can walk through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let mut settings = Settings::new(folder.path().to_owned(), program());
        change(&mut settings);
        let runtime = Runtime::new(settings.clone()).unwrap();
        Self { folder, settings, runtime }
    }

    pub(crate) fn data(&self) -> &Path {
        self.folder.path()
    }

    /// A control plane that has just come up on this machine.
    pub(crate) fn rebooted(&self) -> Runtime {
        Runtime::new(self.settings.clone()).unwrap()
    }

    pub(crate) fn home(&self, place: Place) -> PathBuf {
        self.data().join("homes").join(place.workspace.to_string())
    }

    pub(crate) async fn prepare(&self, launch: Launch) -> Prepared {
        self.runtime.prepare(launch).await.unwrap_or_else(|failed| panic!("{}: {}", failed, tail(&failed)))
    }

    pub(crate) async fn start(&self, launch: Launch) -> StartId {
        let start = launch.start;
        if let Err(failed) = self.prepare(launch).await.open().await {
            panic!("{}: {}", failed, tail(&failed));
        }
        start
    }

    /// Starts a shell with this script, waits for its end, and gives that and all it wrote.
    pub(crate) async fn output(&self, place: Place, script: &str) -> (Exit, String) {
        let from = self.log(place).end().unwrap();
        let start = self.start(place.shell(script)).await;
        let exit = self.runtime.exited(start).await.unwrap();
        (exit, String::from_utf8(read_from(&self.log(place), from)).unwrap())
    }

    pub(crate) fn log(&self, place: Place) -> Log {
        self.runtime.log(place.server)
    }

    /// Waits until the server's log contains a text.
    pub(crate) async fn logged(&self, place: Place, text: &str) {
        let log = self.log(place);
        until(&format!("`{text}` in the log"), || String::from_utf8_lossy(&read_from(&log, 0)).contains(text)).await;
    }
}

/// Ends what a test left running, also when it failed.
impl Drop for Machine {
    fn drop(&mut self) {
        for pid in processes_naming(self.data()) {
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        }
    }
}

/// The supervisors of this data directory.
fn processes_naming(data: &Path) -> Vec<nix::unistd::Pid> {
    let facts = fs::read_dir(data.join("run")).into_iter().flatten().filter_map(|entry| {
        let text = fs::read_to_string(entry.ok()?.path().join("facts.json")).ok()?;
        let facts: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(nix::unistd::Pid::from_raw(facts["supervisor"]["pid"].as_i64()?.try_into().ok()?))
    });
    facts.filter(|pid| command_line(*pid).contains("supervise")).collect()
}

pub(crate) fn command_line(pid: nix::unistd::Pid) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

static COUNTER: AtomicU64 = AtomicU64::new(1);

fn id() -> Uuid {
    Uuid::from_u128(u128::from(std::process::id()) << 64 | u128::from(COUNTER.fetch_add(1, Ordering::Relaxed)))
}

impl Place {
    pub(crate) fn new() -> Self {
        let number = u32::try_from(COUNTER.fetch_add(1, Ordering::Relaxed)).unwrap();
        Self { server: id().into(), workspace: id().into(), number }
    }

    pub(crate) fn launch(self, command: &[&str], environment: Environment) -> Launch {
        Launch {
            start: id().into(),
            server: self.server,
            workspace: self.workspace,
            workspace_number: self.number,
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            environment,
        }
    }

    pub(crate) fn shell(self, script: &str) -> Launch {
        self.launch(&["sh", "-c", script], base())
    }

    pub(crate) fn shell_with(self, script: &str, environment: Environment) -> Launch {
        self.launch(&["sh", "-c", script], environment)
    }
}

pub(crate) fn base() -> Environment {
    Environment::new().plain("HOME", runtime::HOME).plain("PATH", "/usr/local/bin:/usr/bin:/bin")
}

pub(crate) fn value(text: &str) -> Plaintext {
    Plaintext::new(text.as_bytes().to_vec())
}

pub(crate) fn read_from(log: &Log, mut offset: u64) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let chunk = log.read_from(offset, 1024 * 1024).unwrap();
        if chunk.bytes.is_empty() {
            return all;
        }
        offset = chunk.next;
        all.extend(chunk.bytes);
    }
}

pub(crate) fn tail(failed: &StartFailed) -> String {
    String::from_utf8_lossy(&failed.log_tail).into_owned()
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The stand-in for `vestry`: beside the tests when they were copied, else where it was built.
pub(crate) fn program() -> PathBuf {
    let beside = std::env::current_exe().unwrap().with_file_name("runtime-host");
    if beside.exists() { beside } else { env!("CARGO_BIN_EXE_runtime-host").into() }
}

/// Writes a program: a copy of another one, or a script. Another process does it: one that a test starts meanwhile would
/// inherit what this one has open, and what is open for writing can't be executed.
pub(crate) fn copy_program(from: &Path, to: &Path, mode: &str) {
    let copied = std::process::Command::new("install").args(["-m", mode]).arg(from).arg(to).status();
    assert!(copied.unwrap().success(), "{} to {}", from.display(), to.display());
}

/// The same of a script.
pub(crate) fn write_program(to: &Path, text: &str) {
    let write = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let written = std::process::Command::new("sh").args(["-c", write, "sh", text]).arg(to).status();
    assert!(written.unwrap().success(), "{}", to.display());
}

/// Gives the device the mode it has on every Debian, which a bare machine may lack.
pub(crate) fn open_tunnel_device() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let device = fs::metadata("/dev/net/tun").unwrap();
        if nix::unistd::geteuid().is_root() && device.mode() & 0o006 != 0o006 {
            fs::set_permissions("/dev/net/tun", fs::Permissions::from_mode(0o666)).unwrap();
        }
    });
}

/// A process that is not taken for another one that got its number.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) name: String,
    started: u64,
}

/// It stays the same when it executes another program, which renames it, or gets another parent.
impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        (self.pid, self.started) == (other.pid, other.started)
    }
}

/// Every process that is there, without zombies.
pub(crate) fn processes() -> Vec<Process> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let text = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?).into_owned();
        let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let (parent, started) = (fields[1].parse().ok()?, fields[19].parse().ok()?);
        (fields[0] != "Z").then(|| Process { pid, parent, name: name.to_owned(), started })
    })
    .collect()
}

/// A process and all below it.
pub(crate) fn family(root: i32) -> Vec<Process> {
    let all = processes();
    let mut family: Vec<Process> = all.iter().filter(|process| process.pid == root).cloned().collect();
    let mut at = 0;
    while let Some(parent) = family.get(at).map(|process| process.pid) {
        family.extend(all.iter().filter(|process| process.parent == parent).cloned());
        at += 1;
    }
    family
}

impl Machine {
    /// The supervisor of a start and all that is below it.
    pub(crate) fn family(&self, start: StartId) -> Vec<Process> {
        family(self.supervisor(start))
    }

    pub(crate) fn supervisor(&self, start: StartId) -> i32 {
        let facts = fs::read_to_string(self.data().join(format!("run/{start}/facts.json"))).unwrap();
        let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
        i32::try_from(facts["supervisor"]["pid"].as_i64().unwrap()).unwrap()
    }

    pub(crate) fn runs(&self) -> usize {
        fs::read_dir(self.data().join("run")).unwrap().count()
    }
}

/// Waits until none of these processes is there.
pub(crate) async fn gone(family: &[Process]) {
    until("the end of all processes", || processes().iter().all(|process| !family.contains(process))).await;
}

/// Waits until no sandbox or network helper has lost its supervisor. Such a process would come to this one, which
/// adopts orphans from the first call on; other tests' have supervisors.
pub(crate) async fn no_orphans() {
    let own = i32::try_from(std::process::id()).unwrap();
    let orphan = |process: &Process| process.parent == own && process.name != "runtime-host";
    until("the end of orphans", || !processes().iter().any(orphan)).await;
}

pub(crate) fn adopt_orphans() {
    nix::sys::prctl::set_child_subreaper(true).unwrap();
}
