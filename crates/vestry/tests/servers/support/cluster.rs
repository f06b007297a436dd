//! A PostgreSQL of one control plane alone, which a test may stop, kill and hang.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Wire, family, postgres, until};

/// Ends the server and removes all of it when the test's process ends, however it ends: then `cat` does.
const HOLDER: &str = r#"
cat >/dev/null
read -r server <"$1/data/postmaster.pid" && kill -9 "$server"
sleep 1; rm -rf "$1"
"#;

/// The server with its folder.
pub(crate) struct Cluster {
    folder: PathBuf,
    server: Option<Child>,
    _holder: Child,
}

impl Cluster {
    /// A running one with the database `vestry`.
    pub(super) fn new() -> Self {
        let folder = postgres::new_cluster();
        let mut holder = Command::new("sh");
        holder.args(["-c", HOLDER, "sh"]).arg(&folder).stdin(Stdio::piped()).stdout(Stdio::null());
        let holder = holder.stderr(Stdio::null()).spawn().unwrap();
        let mut cluster = Self { folder, server: None, _holder: holder };
        cluster.start();
        cluster.query("postgres", "CREATE DATABASE vestry");
        cluster
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        format!("postgres://vestry@localhost/vestry?host={}", self.folder.display())
    }

    /// Another way to it.
    pub(super) fn wire(&self) -> Wire {
        Wire::to(self.folder.join(".s.PGSQL.5432"))
    }

    /// Runs a statement, and gives the rows it answers.
    pub(crate) fn query(&self, database: &str, sql: &str) -> String {
        postgres::query(&format!("postgres://vestry@localhost/{database}?host={}", self.folder.display()), sql)
    }

    /// The folder with its files.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts it, and waits until it takes connections. It is killed, not the machine: what it has written is safe without
    /// a flush to the disk.
    pub(crate) fn start(&mut self) {
        until("PostgreSQL", || {
            let gone = self.server.as_mut().is_none_or(|server| server.try_wait().unwrap().is_some());
            if gone {
                // The processes of the one before may still be on their way out; then it refuses.
                self.server = Some(self.launch());
            }
            postgres::is_ready(&self.folder).then_some(())
        });
    }

    fn launch(&self) -> Child {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut server = postgres::as_ordinary_user(&postgres::programs().join("postgres"));
        server.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        server.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40"]);
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Its first process.
    fn postmaster(&self) -> i32 {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        file.lines().next().unwrap().trim().parse().unwrap()
    }

    /// Tells all its processes, and whoever started it as an ordinary user: that one stops with it, and waits for it.
    fn signal(&self, signal: Signal) {
        let first = self.server.as_ref().expect("it runs").id();
        for process in family(i32::try_from(first).unwrap()) {
            let _gone = kill(Pid::from_raw(process.pid), signal);
        }
    }

    /// Kills all its processes as a crash would. Not whoever started it: that one sees to it that no zombie keeps the
    /// number of its first process.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::SIGCONT);
        for process in family(self.postmaster()) {
            let _gone = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        self.ended();
    }

    /// Tells it to stop at once, and waits until it has.
    pub(crate) fn stop(&mut self) {
        kill(Pid::from_raw(self.postmaster()), Signal::SIGINT).unwrap();
        self.ended();
    }

    /// Lets all its processes hang: they keep their connections and answer nothing.
    pub(crate) fn hang(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets them go on.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn ended(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.wait().unwrap();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.server.is_some() && self.data().join("postmaster.pid").exists() {
            self.kill();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
