//! A real control plane, started once for all tests of this binary.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
};

use super::{Machine, Ran};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the control plane and removes its data once the test's process is gone, however it went: then `cat` ends.
const KEEPER: &str = r#"
"$@" <&3 >"$data/control-plane.log" 2>&1 3<&- &
control_plane=$!
cat >/dev/null
kill "$control_plane"
wait "$control_plane"
rm -rf "$data"
"#;

/// A control plane, its organization `acme-lab`, and its administrator Mina.
pub(crate) struct Installation {
    /// Where it listens.
    pub(crate) url: String,
    data: PathBuf,
    /// Its stdin is what keeps the control plane alive.
    _keeper: Child,
}

/// The installation of this test process.
pub(crate) fn installation() -> &'static Installation {
    static INSTALLATION: OnceLock<Installation> = OnceLock::new();
    INSTALLATION.get_or_init(Installation::start)
}

impl Installation {
    /// The address of the administrator; people's passwords are made from their addresses.
    pub(crate) const ADMINISTRATOR: &str = "mina@acme.example";

    fn start() -> Self {
        let data = tempfile::tempdir().unwrap().keep();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("exec 3</dev/null\n{KEEPER}"), "sh", env!("CARGO_BIN_EXE_vestry"), "serve"]);
        command.args(["--listen", &format!("127.0.0.1:{port}")]).args(arguments(&data));
        command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("HOME", &data).env("data", &data);
        let keeper = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let installation = Self { url: format!("http://127.0.0.1:{port}"), data, _keeper: keeper };
        installation.set_up();
        installation
    }

    fn set_up(&self) {
        let code = self.data.join("data/setup-code");
        let machine = Machine::new();
        let line = format!(
            "setup --url {} --setup-code-file {} --email {} --name Mina --organization 'Acme Lab' --password-stdin",
            self.url,
            code.display(),
            Self::ADMINISTRATOR,
        );
        let begun = Instant::now();
        loop {
            let ran = machine.run_with(&line, &password(Self::ADMINISTRATOR));
            if ran.code == Some(0) {
                return;
            }
            let log = || fs::read_to_string(self.data.join("control-plane.log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "not set up: {ran:#?}\n{}", log());
            sleep(Duration::from_millis(50));
        }
    }

    /// Adds a member, as the operator does.
    pub(crate) fn add_member(&self, email: &str, name: &str) {
        let mut line = format!("member add {email} --organization acme-lab --name {name} --password-stdin");
        for argument in arguments(&self.data) {
            line.push(' ');
            line.push_str(&argument);
        }
        let ran = Machine::new().run_with(&line, &password(email));
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    /// The machine of a person who is signed in.
    pub(crate) fn machine_of(&self, email: &str) -> Machine {
        let machine = Machine::new();
        let line = format!("login --url {} --email {email} --password-stdin", self.url);
        let ran = machine.run_with(&line, &password(email));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        machine
    }

    /// A session in which what differs from run to run has a name.
    pub(crate) fn session(&self, ran: &Ran) -> String {
        let text = ran.session().replace(&self.url, "http://CONTROL-PLANE");
        replace_runs(&replace_runs(&text, 36, "ID", |c| c.is_ascii_hexdigit() || c == '-'), 64, "HASH", |c| {
            c.is_ascii_hexdigit()
        })
    }
}

/// The settings that the control plane and the operator's commands share.
fn arguments(data: &Path) -> [String; 4] {
    let path = |name: &str| data.join(name).display().to_string();
    ["--data-dir".to_owned(), path("data"), "--root-key".to_owned(), format!("file:{}", path("key/root.key"))]
}

/// The password of the person with an address.
pub(crate) fn password(email: &str) -> String {
    format!("the long password of {email}\n")
}

/// Replaces runs of exactly `length` such characters.
fn replace_runs(text: &str, length: usize, name: &str, such: impl Fn(char) -> bool) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find(&such) {
        let (before, from) = rest.split_at(begin);
        let end = from.find(|c| !such(c)).unwrap_or(from.len());
        replaced.push_str(before);
        replaced.push_str(if end == length { name } else { &from[..end] });
        rest = &from[end..];
    }
    replaced + rest
}
