//! A machine elsewhere, on which somebody types `vestry`.

use std::{
    fs,
    io::Read,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::House;

/// A home directory, a token, and nothing else of the machine that the tests run on.
pub(crate) struct Laptop {
    home: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<Signal>,
}

impl Laptop {
    /// One that shows a token to the control plane of a house.
    pub(crate) fn new(house: &House, token: &str) -> Self {
        Self::at(&house.control_plane.url(), token)
    }

    /// One that shows a token at an address.
    pub(crate) fn at(url: &str, token: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let laptop = Self { home, environment: Vec::new() };
        laptop.with("PATH", "/usr/bin:/bin").with("VESTRY_URL", url).with("VESTRY_TOKEN", token)
    }

    /// The same with one more environment variable.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Its environment without what is Vestry's own: what any command here finds.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        let home = ("HOME", self.home.path().to_str().unwrap());
        let own = self.environment.iter().map(|(name, value)| (*name, value.as_str()));
        own.filter(|(name, _)| !name.starts_with("VESTRY_")).chain([home])
    }

    /// Its home directory, in which commands run.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Whether a file of this name is in the home directory.
    pub(crate) fn has(&self, file: &str) -> bool {
        self.home.path().join(file).exists()
    }

    /// Makes a file in the home directory.
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.home.path().join(file), text).unwrap();
    }

    /// Any program with its arguments, ready to run here.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.home.path()).env_clear().env("HOME", self.home.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `vestry` with its arguments, ready to run here.
    pub(crate) fn vestry(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_vestry"), arguments)
    }

    /// Runs `vestry run` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.vestry(&[&["run"], arguments].concat()).output().unwrap())
    }

    /// Begins `vestry run` with a shell's script, and waits until that has begun. What it prints then nobody reads.
    pub(crate) fn begin(&self, arguments: &[&str], script: &str) -> Child {
        let script = format!("echo begun; {script}");
        let mut command = self.vestry(&[&["run"], arguments, &["--", "sh", "-c", &script]].concat());
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut said = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"begun\n");
        child
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let signal = output.status.signal().map(|signal| Signal::try_from(signal).unwrap());
        let stderr = String::from_utf8(output.stderr).unwrap();
        Self { stdout: output.stdout, stderr, code: output.status.code(), signal }
    }
}
