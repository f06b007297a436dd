//! A home directory, a project directory, and nothing else of the machine that the tests run on.

use std::{
    fmt::Write as _,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// The token with which [`Machine::signed_in`] is signed in.
pub(crate) const TOKEN: &str = "vst_p_0test_0secret0token_e185a95e";

/// One person's machine.
pub(crate) struct Machine {
    root: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Machine {
    /// One that knows no control plane.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("home/project")).unwrap();
        Self { root, environment: Vec::new() }
    }

    /// One whose person is signed in to a control plane.
    pub(crate) fn signed_in(url: &str) -> Self {
        let machine = Self::new();
        let directory = machine.root.path().join("home/.config/vestry");
        fs::create_dir_all(&directory).unwrap();
        let entry = serde_json::json!({ "url": url, "token": TOKEN, "token_id": "t1" });
        let file = serde_json::json!({ "current": url, "control_planes": [entry] });
        fs::write(machine.credentials(), file.to_string()).unwrap();
        fs::set_permissions(machine.credentials(), fs::Permissions::from_mode(0o600)).unwrap();
        machine
    }

    /// The same machine with one more environment variable.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// The same machine, whose project directory belongs to a workspace.
    pub(crate) fn using(self, organization: &str, workspace: &str) -> Self {
        let text = format!("organization = \"{organization}\"\nworkspace = \"{workspace}\"\n");
        fs::write(self.project().join(".vestry.toml"), text).unwrap();
        self
    }

    /// The file of kept tokens.
    pub(crate) fn credentials(&self) -> PathBuf {
        self.root.path().join("home/.config/vestry/credentials.json")
    }

    /// The directory in which commands run.
    pub(crate) fn project(&self) -> PathBuf {
        self.root.path().join("home/project")
    }

    /// A command with its arguments, ready to run here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestry"));
        command.args(arguments);
        self.at_home(command)
    }

    /// The same behind what a shell does first.
    pub(crate) fn command_behind(&self, first: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{first}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_vestry")]).args(arguments);
        self.at_home(command)
    }

    fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(self.project()).env_clear();
        command.env("HOME", self.root.path().join("home")).envs(self.environment.iter().map(|(n, v)| (*n, v)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command without anything on stdin. The command is written like `secret list -w nlp`.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.ran(line, self.command(&words(line)).output().unwrap())
    }

    /// Runs a command with something on stdin.
    pub(crate) fn run_with(&self, line: &str, stdin: &str) -> Ran {
        self.feed(line, self.command(&words(line)), stdin)
    }

    /// Runs a prepared command with something on stdin.
    pub(crate) fn feed(&self, line: &str, mut command: Command, stdin: &str) -> Ran {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // A command that refuses before it reads closes its end.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        self.ran(line, child.wait_with_output().unwrap())
    }

    fn ran(&self, line: &str, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(self.root.path().to_str().unwrap(), "");
        let ran = Ran { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() };
        assert!(!format!("{ran:?}").contains(TOKEN), "the token was printed by: {line}");
        ran
    }
}

/// Splits at spaces; 'quoted words' stay together.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 { words.push(part) } else { words.extend(part.split_whitespace()) }
    }
    words
}

impl Ran {
    /// As a terminal session would show it, for a snapshot.
    pub(crate) fn session(&self) -> String {
        let mut text = String::new();
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                writeln!(text, "{name}:").unwrap();
                for line in stream.lines() {
                    writeln!(text, "  {line}").unwrap();
                }
            }
        }
        writeln!(text, "exit {}", self.code.unwrap()).unwrap();
        text
    }
}
