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
            fs::copy(Path::new("/usr/bin").join(name), folder.join(name)).unwrap();
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
        fs::write(self.folder.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    }

    /// Puts something in a program's place that becomes it only once [`go`](Self::go) is called.
    pub(crate) fn hold(&self, name: &str) {
        let (real, go) = (self.folder.join("held"), self.folder.join("go"));
        fs::copy(self.folder.join(name), &real).unwrap();
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
