//! A small disk of one control plane's own, in a mount namespace that nobody else sees.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use nix::unistd::geteuid;

/// Keeps the namespace, and does in it what it is told, line by line.
const KEEPER: &str = r#"
mount -t tmpfs -o size="$2",mode=0755 none "$1"
cd "$1"
echo there
while read -r line; do eval "$line" 2>/dev/null; echo; echo done; done
"#;

/// The disk; all on it is gone with it.
pub(crate) struct Disk {
    keeper: Child,
    said: BufReader<ChildStdout>,
}

impl Disk {
    /// Puts one of this size over a folder, for those who are started by [`command`](Self::command).
    pub(super) fn over(folder: &Path, size: &str) -> Self {
        let mut keeper = Command::new("unshare");
        if !geteuid().is_root() {
            keeper.args(["--user", "--map-current-user", "--keep-caps"]);
        }
        keeper.args(["--mount", "sh", "-ec", KEEPER, "sh"]).arg(folder).arg(size);
        let mut keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(keeper.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "there\n");
        Self { keeper, said }
    }

    /// Does something on the disk, in its root; what that writes.
    fn tell(&mut self, line: &str) -> String {
        writeln!(self.keeper.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\ndone\n") {
            assert_ne!(self.said.read_line(&mut answer).unwrap(), 0, "the disk's keeper ended");
        }
        answer.trim_end_matches("done\n").trim_end_matches('\n').to_owned()
    }

    /// Leaves no room.
    pub(crate) fn fill(&mut self) {
        self.tell("cat /dev/zero >filler || :");
    }

    /// Makes room again.
    pub(crate) fn clear(&mut self) {
        self.tell("rm -f filler");
    }

    /// A file on it.
    pub(super) fn read(&mut self, name: &str) -> String {
        self.tell(&format!("cat {name}"))
    }

    /// A command that sees it. Its privileges for that end with it.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.keeper.id())).arg("--mount");
        if !geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--", "setpriv", "--ambient-caps=-all", "--inh-caps=-all"]).arg(program);
        command
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
