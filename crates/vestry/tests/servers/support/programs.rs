//! bubblewrap and slirp4netns as one control plane sees them: a test can take them away from it, and from nobody else.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

const NAMES: [&str; 2] = ["bwrap", "slirp4netns"];

/// Puts the copies in place of the programs, in a mount namespace of the control plane's own. Its privileges for that
/// end with it.
const ENTER: &str = r#"
folder=$1; shift
for name in bwrap slirp4netns; do mount --bind "$folder/$name" "/usr/bin/$name"; done
exec setpriv --ambient-caps=-all --inh-caps=-all "$@"
"#;

/// A folder with copies of the two programs.
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    pub(super) fn copy_to(folder: PathBuf) -> Self {
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        for name in NAMES {
            copy_program(&Path::new("/usr/bin").join(name), &folder.join(name), "755");
        }
        Self { folder }
    }

    /// Takes a program away: it is as good as not installed.
    pub(crate) fn remove(&self, name: &str) {
        self.set_mode(name, 0o644);
    }

    /// Gives it back.
    pub(crate) fn restore(&self, name: &str) {
        self.set_mode(name, 0o755);
    }

    /// Puts a script in a program's place, while no server runs.
    pub(crate) fn replace(&self, name: &str, script: &str) {
        write_program(&self.folder.join(name), &format!("#!/bin/sh\n{script}\n"));
    }

    /// Puts something in a program's place that becomes it only once [`go`](Self::go) is called.
    pub(crate) fn hold(&self, name: &str) {
        let (real, go) = (self.folder.join("held"), self.folder.join("go"));
        copy_program(&self.folder.join(name), &real, "755");
        let (real, go) = (real.display(), go.display());
        self.replace(name, &format!("while [ ! -e {go} ]; do sleep 0.02; done; exec {real} \"$@\""));
    }

    /// Lets a held program begin.
    pub(crate) fn go(&self) {
        fs::write(self.folder.join("go"), "").unwrap();
    }

    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A command that sees the copies.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        if !nix::unistd::geteuid().is_root() {
            command.args(["--user", "--map-current-user", "--keep-caps"]);
        }
        command.args(["--mount", "sh", "-ec", ENTER, "sh"]).arg(&self.folder).arg(program);
        command
    }
}

/// Writes a program: a copy of another one, or a script. Another process does it: one that a test starts meanwhile would
/// inherit what this one has open, and what is open for writing can't be executed.
fn copy_program(from: &Path, to: &Path, mode: &str) {
    let copied = std::process::Command::new("install").args(["-m", mode]).arg(from).arg(to).status();
    assert!(copied.unwrap().success(), "{} to {}", from.display(), to.display());
}

/// The same of a script.
pub(crate) fn write_program(to: &Path, text: &str) {
    let write = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let written = std::process::Command::new("sh").args(["-c", write, "sh", text]).arg(to).status();
    assert!(written.unwrap().success(), "{}", to.display());
}
