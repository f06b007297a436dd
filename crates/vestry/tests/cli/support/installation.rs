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
        let keeper = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
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

    /// Adds a person to an organization, as the operator does.
    pub(crate) fn add_member(&self, organization: &str, email: &str, name: &str, role: &str) -> Ran {
        let line =
            format!("member add {email} --organization {organization} --name {name} --role {role} --password-stdin");
        self.operate(&line, &password(email))
    }

    /// Runs an operator's command on the machine of the control plane.
    pub(crate) fn operate(&self, line: &str, stdin: &str) -> Ran {
        let ran = self.as_operator(line, stdin);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran
    }

    /// The same, also for what is refused.
    pub(crate) fn as_operator(&self, line: &str, stdin: &str) -> Ran {
        Machine::new().run_with(&format!("{line} {}", arguments(&self.data).join(" ")), stdin)
    }

    /// The machine of a person who is signed in.
    pub(crate) fn machine_of(&self, email: &str) -> Machine {
        let machine = Machine::new();
        let line = format!("login --url {} --email {email} --password-stdin", self.url);
        let ran = machine.run_with(&line, &password(email));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        machine
    }

    /// A session in which what differs from run to run has a name. Columns, whose width follows from it, are closed up.
    pub(crate) fn session(&self, ran: &Ran) -> String {
        let text = ran.session().replace(&self.url, "http://CONTROL-PLANE");
        let text = replaced(&text, &["########-####-####-####-############"], "ID");
        let text = replaced(&text, &["################################################################"], "HASH");
        let text = replaced(&text, &["################################"], "REVISION");
        let text = replaced(&text, &["####-##-## ##:##:##Z"], "TIME");
        let text = replaced(&text, &["## min ago", "# min ago"], "just now");
        text.lines().map(closed_up).collect()
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

/// Replaces what looks like one of the patterns, in which `#` is a hexadecimal digit.
fn replaced(text: &str, patterns: &[&str], name: &str) -> String {
    let fits = |text: &str, pattern: &str| {
        let same = |(c, p): (char, char)| if p == '#' { c.is_ascii_hexdigit() } else { c == p };
        text.len() >= pattern.len() && text.chars().zip(pattern.chars()).all(same)
    };
    let mut result = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match patterns.iter().find(|pattern| fits(rest, pattern)) {
            Some(pattern) => {
                result.push_str(name);
                rest = &rest[pattern.len()..];
            }
            None => {
                result.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    result
}

/// A line with at most two spaces together, but for those it begins with.
fn closed_up(line: &str) -> String {
    let text = line.trim_start();
    let mut closed = format!("{}{text}\n", &line[..line.len() - text.len()]);
    let indent = line.len() - text.len();
    while let Some(place) = closed[indent..].find("   ") {
        closed.remove(indent + place);
    }
    closed
}
