//! Whether user namespaces can be made, and what may forbid it.

use std::{fs, io, path::Path};

use nix::{
    errno::Errno,
    libc,
    sys::wait::{WaitStatus, waitpid},
};

use super::number;
use crate::{
    os::{self, Side},
    supervisor::{become_uid, unshare_network},
};

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

/// Makes user and network namespaces as servers get them, in a process that ends at once. `uid`: the workspaces' own,
/// when the control plane runs as root.
///
/// # Errors
/// When it can't be tried. Only a process with a single thread can.
pub fn user_namespaces(uid: Option<u32>) -> io::Result<UserNamespaces> {
    let status = fs::read_to_string("/proc/self/status")?;
    if field(&status, "Threads:") != Some("1") {
        return Err(io::Error::other("this process has more than one thread"));
    }
    let filtered = field(&status, "Seccomp:") == Some("2");
    let marked = ["/run/.containerenv", "/.dockerenv"].iter().any(|mark| Path::new(mark).exists());
    Ok(UserNamespaces {
        refused: refusal(uid)?,
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

fn refusal(uid: Option<u32>) -> io::Result<Option<String>> {
    let child = match os::fork()? {
        Side::Parent(child) => child,
        Side::Child => {
            let tried = uid.map_or(Ok(()), become_uid).and_then(|()| unshare_network());
            os::exit_now(tried.err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO)))
        }
    };
    match waitpid(child, None)? {
        WaitStatus::Exited(_, 0) => Ok(None),
        WaitStatus::Exited(_, error) => Ok(Some(Errno::from_raw(error).desc().to_owned())),
        other => Err(io::Error::other(format!("the attempt ended with {other:?}"))),
    }
}
