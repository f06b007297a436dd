//! `vestry serve` as a process with its own directories, killed and started again as a test likes.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Once,
        atomic::{AtomicU32, Ordering},
    },
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    Cluster, Disk, Process, Programs, Wire,
    actor::{self, Line},
    family, postgres, processes, until,
};

/// Who runs the control plane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// Whoever runs the tests.
    Own,
    /// An account without any privilege, of this control plane alone. When an ordinary user runs the tests, that user.
    Ordinary,
}

/// Which database is below.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
    /// A PostgreSQL that no other control plane uses.
    OwnPostgres,
    /// The same, with a way there that can be cut.
    WiredPostgres,
}

/// What kind of control plane.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) account: Account,
    pub(crate) database: Database,
    /// The level of its log.
    pub(crate) log: &'static str,
    /// Whether it sees its own copies of the sandbox's programs.
    pub(crate) own_programs: bool,
    /// Whether its data directory lies on a small disk of its own.
    pub(crate) own_disk: bool,
    /// Whether it may make user namespaces.
    pub(crate) user_namespaces: bool,
    /// Whether a test sets its clock.
    pub(crate) own_clock: bool,
    /// Whether it comes back where it listened before, because somebody waits for it there.
    pub(crate) same_address: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            account: Account::Own,
            database: Database::Sqlite,
            log: "info",
            own_programs: false,
            own_disk: false,
            user_namespaces: true,
            own_clock: false,
            same_address: false,
        }
    }
}

/// A control plane. Dropping it ends it and all its servers, and removes its directories.
pub(crate) struct ControlPlane {
    folder: TempDir,
    uid: Option<u32>,
    user_namespaces: bool,
    own_clock: bool,
    same_address: bool,
    database_url: Option<String>,
    /// Its own PostgreSQL, if it has one.
    pub(crate) cluster: Option<Cluster>,
    /// The way there, if it can be cut.
    pub(crate) wire: Option<Wire>,
    log: &'static str,
    /// The sandbox's programs, if it has its own.
    pub(crate) programs: Option<Programs>,
    /// The disk of its data directory, if that has one.
    pub(crate) disk: Option<Disk>,
    line: Arc<Line>,
    process: Option<Child>,
}

impl ControlPlane {
    /// A new one that is not running yet.
    pub(crate) fn new(options: Options, line: Arc<Line>) -> Self {
        prepare_machine();
        // Not below /tmp, where every server's own would hide it.
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        // A program of its own tells its processes from those of others.
        let program = folder.path().join("vestry");
        let built = env!("CARGO_BIN_EXE_vestry");
        fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
        let uid = (options.account == Account::Ordinary && geteuid().is_root()).then(new_uid);
        chown(&folder, uid, uid).unwrap();
        let own = matches!(options.database, Database::OwnPostgres | Database::WiredPostgres);
        let cluster = own.then(Cluster::new);
        if options.own_clock {
            fs::write(folder.path().join("clock"), "+0").unwrap();
        }
        let wire = cluster.as_ref().filter(|_| options.database == Database::WiredPostgres).map(Cluster::wire);
        let database_url = match options.database {
            Database::Sqlite => None,
            Database::Postgres => Some(postgres::new_database()),
            Database::OwnPostgres => cluster.as_ref().map(Cluster::url),
            Database::WiredPostgres => wire.as_ref().map(Wire::url),
        };
        let programs = options.own_programs.then(|| Programs::copy_to(folder.path().join("programs")));
        let disk = options.own_disk.then(|| {
            let data = folder.path().join("data");
            fs::create_dir(&data).unwrap();
            Disk::over(&data, "16m")
        });
        Self {
            folder,
            uid,
            user_namespaces: options.user_namespaces,
            own_clock: options.own_clock,
            same_address: options.same_address,
            database_url,
            cluster,
            wire,
            log: options.log,
            programs,
            disk,
            line,
            process: None,
        }
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("vestry")
    }

    /// Where it keeps everything.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The file of its settings, if a test writes one.
    pub(crate) fn settings_file(&self) -> PathBuf {
        self.folder.path().join("vestry.toml")
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        self.line.url.lock().unwrap().clone()
    }

    /// The file of its root key.
    pub(crate) fn root_key(&self) -> PathBuf {
        self.folder.path().join("key/root.key")
    }

    /// All that it ever logged.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The code to set it up with.
    pub(crate) fn setup_code(&mut self) -> String {
        let file = self.data().join("setup-code");
        self.disk.as_mut().map_or_else(|| fs::read_to_string(file).unwrap(), |disk| disk.read("setup-code"))
    }

    /// A command of `vestry` on this installation, by the account that runs it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match (self.uid, &self.programs, &self.disk) {
            (_, Some(programs), _) => programs.command(&self.program()),
            (_, _, Some(disk)) => disk.command(&self.program()),
            (Some(uid), ..) => {
                let uid = uid.to_string();
                let mut command = Command::new("setpriv");
                command.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "--inh-caps=-all"]);
                if self.user_namespaces {
                    command.arg("--bounding-set=-all").arg(self.program());
                } else {
                    command.args(NO_USER_NAMESPACES).arg(self.program());
                }
                command
            }
            (None, ..) if !self.user_namespaces => {
                let mut command = Command::new("env");
                command.args(NO_USER_NAMESPACES).arg(self.program());
                command
            }
            (None, ..) => Command::new(self.program()),
        };
        command.args(arguments).arg("--data-dir").arg(self.data()).arg("--root-key");
        command.arg(format!("file:{}", self.root_key().display()));
        if self.settings_file().exists() {
            command.arg("--config").arg(self.settings_file());
        }
        command.args(self.database_url.iter().flat_map(|url| ["--database-url", url]));
        command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("HOME", self.folder.path());
        if self.own_clock {
            // Debian's libfaketime: what people call the time is read from a file; what is waited by goes its way.
            command.env("LD_PRELOAD", faketime()).env("FAKETIME_TIMESTAMP_FILE", self.clock());
            command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    fn clock(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// Sets its own clock: so far from that of the machine.
    pub(crate) fn set_clock(&self, offset: &str) {
        let new = self.clock().with_extension("new");
        fs::write(&new, offset).unwrap();
        fs::rename(new, self.clock()).unwrap();
    }

    /// Runs an operator's command with something on stdin.
    pub(super) fn operate(&self, arguments: &[&str], stdin: &str) {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start(&mut self) {
        if let Err((code, said)) = self.try_start() {
            panic!("the control plane ended with {code:?}:\n{said}");
        }
    }

    /// Starts it, and waits until it listens or has ended: then with which code, and what it said.
    pub(crate) fn try_start(&mut self) -> Result<(), (Option<i32>, String)> {
        assert!(self.process.is_none(), "it runs already");
        let file = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let before = self.logged().len();
        let known = self.url();
        let listen = known.strip_prefix("http://").filter(|_| self.same_address).unwrap_or("127.0.0.1:0");
        let mut command = self.command(&["serve", "--listen", listen, "--log", self.log]);
        let child = self.process.insert(command.stdout(Stdio::null()).stderr(file).spawn().unwrap());
        let log = self.folder.path().join("log");
        let url = until("the control plane", || {
            let ended = child.try_wait().unwrap();
            let text = String::from_utf8_lossy(&fs::read(&log).unwrap()[before..]).into_owned();
            if let Some(ended) = ended {
                return Some(Err((ended.code(), text)));
            }
            let (_, address) = text.split_once("Vestry listens on http://")?;
            Some(Ok(format!("http://{}", address.split_once('\n')?.0)))
        });
        match url {
            Ok(url) => *self.line.url.lock().unwrap() = url,
            Err(ended) => {
                self.process = None;
                return Err(ended);
            }
        }
        Ok(())
    }

    fn logged(&self) -> Vec<u8> {
        fs::read(self.log_file()).unwrap_or_default()
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.process.take().expect("it runs");
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGKILL as i32));
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        let mut child = self.process.take().expect("it runs");
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// The supervisors of its installation, at work or on their way.
    pub(crate) fn supervisors(&self) -> Vec<Process> {
        let known: Vec<i32> = self.facts().iter().filter_map(|facts| pid_of(&facts["supervisor"])).collect();
        let below = self.process.as_ref().map(|child| family(i32::try_from(child.id()).unwrap())).unwrap_or_default();
        // Only root may look at the file that another's supervisor, or its own, executes.
        let is_own = |process: &Process| match fs::read_link(format!("/proc/{}/exe", process.pid)) {
            Ok(executed) => executed == self.program(),
            Err(_) => known.contains(&process.pid) || below.contains(process),
        };
        let supervises = |process: &Process| {
            fs::read(format!("/proc/{}/cmdline", process.pid))
                .is_ok_and(|line| line.starts_with(b"vestry\0supervise\0"))
        };
        processes().into_iter().filter(supervises).filter(is_own).collect()
    }

    /// What a start left on record for the next control plane.
    fn facts(&self) -> Vec<Value> {
        let runs = fs::read_dir(self.data().join("run")).into_iter().flatten().flatten();
        let facts = runs.filter_map(|run| fs::read(run.path().join("facts.json")).ok());
        facts.filter_map(|facts| serde_json::from_slice(&facts).ok()).collect()
    }

    /// How many starts are on record in the runtime's own folder.
    pub(crate) fn runs(&self) -> usize {
        fs::read_dir(self.data().join("run")).map_or(0, Iterator::count)
    }

    /// The processes of the programs that run in sandboxes here: all below the first one of each sandbox.
    pub(crate) fn programs_in_sandboxes(&self) -> Vec<Process> {
        let roots = self.facts().into_iter().filter_map(|facts| pid_of(&facts["sandbox"]));
        roots.flat_map(|root| family(root).into_iter().skip(1)).collect()
    }

    /// Each part that it needs, `ok` or what is wrong with it.
    pub(crate) fn readiness(&self) -> Value {
        serde_json::from_str(&self.probe("/readyz").1).unwrap()
    }

    /// What it answers to somebody who asks how it is.
    pub(crate) fn probe(&self, path: &str) -> (u16, String) {
        let mut answer = actor::agent().get(format!("{}{path}", self.url())).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// Asks its database, embedded or not, behind its back: the rows' first columns. Of the embedded one also whether it
    /// is whole in itself.
    pub(crate) fn query(&self, sql: &str) -> String {
        const SCRIPT: &str = "import sqlite3, sys\n\
            db = sqlite3.connect(sys.argv[1], timeout=30)\n\
            assert [('ok',)] == db.execute('PRAGMA integrity_check').fetchall()\n\
            assert [] == db.execute('PRAGMA foreign_key_check').fetchall()\n\
            print('\\n'.join(str(row[0]) for row in db.execute(sys.argv[2])))\n";
        if let Some(url) = &self.database_url {
            return postgres::query(url, sql);
        }
        let python = Path::new("/usr/bin/python3");
        let mut python = self.disk.as_ref().map_or_else(|| Command::new(python), |disk| disk.command(python));
        let output = python.args(["-c", SCRIPT]).arg(self.data().join("vestry.sqlite")).arg(sql).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Changes the embedded database behind the control plane's back.
    pub(crate) fn tamper(&self, sql: &str) {
        const SCRIPT: &str = "import sqlite3, sys\n\
            with sqlite3.connect(sys.argv[1], timeout=30) as db:\n    assert db.execute(sys.argv[2]).rowcount != 0\n";
        let database = self.data().join("vestry.sqlite");
        let output = Command::new("/usr/bin/python3").args(["-c", SCRIPT]).arg(database).arg(sql).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Keeps everybody else from writing to the embedded database while it is there.
pub(crate) struct Lock(Child);

impl ControlPlane {
    /// Takes the embedded database's write lock.
    pub(crate) fn lock_database(&self) -> Lock {
        const SCRIPT: &str = "import sqlite3, sys\n\
            db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)\ndb.execute('BEGIN IMMEDIATE')\n\
            print('locked', flush=True)\nsys.stdin.read()\n";
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", SCRIPT]).arg(self.data().join("vestry.sqlite"));
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = [0; 7];
        child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        Lock(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        // The first process of a sandbox takes all others in it along; then its supervisor goes.
        let end = || {
            let supervisors = self.supervisors();
            let below = supervisors.iter().flat_map(|supervisor| family(supervisor.pid).into_iter().skip(1));
            for process in below {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            supervisors.is_empty().then_some(())
        };
        if std::thread::panicking() {
            eprintln!("the control plane's log:\n{}", last_lines(&self.logged()));
            // A second panic would hide the first.
            let _ = std::panic::catch_unwind(|| until("the end of all servers", end));
        } else {
            until("the end of all servers", end);
        }
    }
}

/// The pid of a process that is named in a record.
fn pid_of(named: &Value) -> Option<i32> {
    named["pid"].as_i64()?.try_into().ok()
}

fn last_lines(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

/// Where Debian has libfaketime, below the name of the machine's kind.
fn faketime() -> PathBuf {
    let kinds = fs::read_dir("/usr/lib").unwrap().flatten();
    let mut found = kinds.map(|kind| kind.path().join("faketime/libfaketimeMT.so.1")).filter(|file| file.exists());
    found.next().expect("libfaketime: apt-get install libfaketime")
}

/// Enters a user namespace that allows none below itself, and keeps no privileges in it.
const NO_USER_NAMESPACES: [&str; 8] = [
    "unshare",
    "--user",
    "--map-current-user",
    "--keep-caps",
    "sh",
    "-ec",
    "echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --ambient-caps=-all --inh-caps=-all \"$@\"",
    "sh",
];

/// An account that nobody has, below those of workspaces.
fn new_uid() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    1_900_000_000 + std::process::id() % 90_000 * 1000 + NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Gives the network device the mode that it has on every Debian, and makes this process the one that orphans come to.
fn prepare_machine() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        nix::sys::prctl::set_child_subreaper(true).unwrap();
        let device = Path::new("/dev/net/tun");
        let mode = fs::metadata(device).unwrap().permissions().mode();
        if geteuid().is_root() && mode & 0o006 != 0o006 {
            fs::set_permissions(device, fs::Permissions::from_mode(0o666)).unwrap();
        }
    });
}
