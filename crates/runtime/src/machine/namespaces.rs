//! Whether user namespaces can be made, and what may forbid it.

use std::{
    fs, io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use nix::{errno::Errno, libc};

use super::number;
use crate::supervisor::{become_uid, unshare_network};

/// The subcommand that [`try_namespaces`] is called by.
const SUBCOMMAND: &str = "try-namespaces";

/// What came of trying to make a user namespace, and what may be behind a refusal.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct UserNamespaces {
    /// Why it was refused; `None` when it was not.
    pub refused: Option<String>,
    /// Debian's `kernel.unprivileged_userns_clone`.
    pub unprivileged_clone: Option<u64>,
    /// `user.max_user_namespaces`.
    pub most: Option<u64>,
    /// Ubuntu's `kernel.apparmor_restrict_unprivileged_userns`.
    pub apparmor_restricts: Option<u64>,
    /// SELinux enforces its policy.
    pub selinux_enforces: bool,
    /// This process is in a container, or its system calls are filtered as in one.
    pub contained: bool,
}

/// Makes user and network namespaces as servers get them, in a process that ends at once. `program`: the executable
/// whose `try-namespaces` subcommand calls [`try_namespaces`]. `uid`: the workspaces' own, when the control plane runs as
/// root.
///
/// # Errors
/// When it can't be tried.
pub fn user_namespaces(program: &Path, uid: Option<u32>) -> io::Result<UserNamespaces> {
    let status = fs::read_to_string("/proc/self/status")?;
    let filtered = field(&status, "Seccomp:") == Some("2");
    let marked = ["/run/.containerenv", "/.dockerenv"].iter().any(|mark| Path::new(mark).exists());
    Ok(UserNamespaces {
        refused: refusal(program, uid)?,
        unprivileged_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
        most: number("/proc/sys/user/max_user_namespaces"),
        apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        selinux_enforces: number("/sys/fs/selinux/enforce") == Some(1),
        contained: filtered || marked,
    })
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The process can be looked into while it makes them, so it is a program of its own, which was told nothing.
fn refusal(program: &Path, uid: Option<u32>) -> io::Result<Option<String>> {
    let tried = Command::new(program)
        .arg0("vestry")
        .arg(SUBCOMMAND)
        .args(uid.map(|uid| uid.to_string()))
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    match tried.code() {
        Some(0) => Ok(None),
        Some(error) => Ok(Some(Errno::from_raw(error).desc().to_owned())),
        None => Err(io::Error::other(format!("the attempt ended with {tried}"))),
    }
}

/// The `try-namespaces` subcommand, for [`user_namespaces`]: call it before anything else in the process, which must have
/// one thread. It ends with the number of the error.
pub fn try_namespaces() -> ExitCode {
    let uid = std::env::args().nth(2).map(|uid| uid.parse().map_err(io::Error::other)).transpose();
    let tried = uid.and_then(|uid| uid.map_or(Ok(()), become_uid)).and_then(|()| unshare_network());
    let error = tried.err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
    ExitCode::from(u8::try_from(error).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was a copy of the process that asked, with a root key in its environment, and could be looked into.
    #[test]
    fn who_tries_them_has_nothing_to_hide() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let script = format!(
            "#!/bin/sh\ncat /proc/$$/environ > {0}/environment\necho \"$@\" > {0}/arguments\nexit 28\n",
            folder.path().display()
        );
        fs::write(at("script"), script).unwrap();
        // Made by another process: while this one has it open for writing, a child of another test could too.
        let made = Command::new("install").args(["-m", "700"]).args([at("script"), at("program")]).status().unwrap();
        assert!(made.success());
        assert!(std::env::vars_os().next().is_some(), "there is something that it could get");
        let found = user_namespaces(&at("program"), Some(77)).unwrap();
        assert_eq!(found.refused.as_deref(), Some("No space left on device"));
        assert_eq!(fs::read_to_string(at("environment")).unwrap(), "");
        assert_eq!(fs::read_to_string(at("arguments")).unwrap(), "try-namespaces 77\n");
    }
}
