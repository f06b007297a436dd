//! A PostgreSQL server of the tests' own, on a temporary directory and a Unix socket, gone when the tests are.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The shell waits for the end of its input, which comes when this process ends, however it ends.
const HOLDER: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c full_page_writes=off \
    -c synchronous_commit=off -c max_connections=400 >"$2/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -INT $server
wait $server
rm -rf "$2"
"#;

struct Server {
    directory: PathBuf,
    _holder: Child,
}

/// The address of an empty database that no other test has.
pub(super) fn new_database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let directory = &SERVER.get_or_init(start).directory;
    let name = format!("test_{}", control::random::revision());
    let socket = directory.display();
    let created = as_ordinary_user(&programs().join("psql"))
        .args(["-h", &socket.to_string(), "-U", "vestry", "-d", "postgres", "-qc"])
        .arg(format!("CREATE DATABASE {name}"))
        .output()
        .expect("psql is there");
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    format!("postgres://vestry@localhost/{name}?host={socket}")
}

/// A new folder with an empty cluster in its `data`; whoever has it removes it.
pub(super) fn new_cluster() -> PathBuf {
    let programs = programs();
    let directory = TempDir::new().expect("a temporary directory").keep();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("own directory");
    if is_root() {
        let own = Command::new("chown").arg("nobody").arg(&directory).status().expect("chown");
        assert!(own.success());
    }
    let made = as_ordinary_user(&programs.join("initdb"))
        .args(["-U", "vestry", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "-D"])
        .arg(directory.join("data"))
        .output()
        .expect("initdb is there");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    directory
}

fn start() -> Server {
    let (programs, directory) = (programs(), new_cluster());
    let holder = as_ordinary_user(Path::new("sh"))
        .args(["-c", HOLDER, "sh"])
        .args([&programs, &directory])
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_ready(&directory) {
        let log = || fs::read_to_string(directory.join("log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "PostgreSQL does not come up: {}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
    Server { directory, _holder: holder }
}

/// Runs a statement and gives the rows it answers, as text.
#[allow(dead_code, reason = "not every binary that shares this asks")]
pub(super) fn query(url: &str, sql: &str) -> String {
    let output =
        Command::new(programs().join("psql")).args(["-XAtq", "-v", "ON_ERROR_STOP=1", url, "-c", sql]).output();
    let output = output.expect("psql is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Whether the server behind the socket in this folder takes connections.
pub(super) fn is_ready(directory: &Path) -> bool {
    let answer = as_ordinary_user(&programs().join("pg_isready")).args(["-q", "-h"]).arg(directory).status();
    answer.is_ok_and(|status| status.success())
}

/// PostgreSQL refuses to run as root.
pub(super) fn as_ordinary_user(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "nobody", "--"]).arg(program).current_dir("/");
        command
    } else {
        Command::new(program)
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Where PostgreSQL's programs are.
pub(super) fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    found.retain(|programs| programs.join("postgres").exists());
    found.sort();
    found.pop().expect("PostgreSQL's own programs: apt-get install postgresql")
}
