//! The supervisor's child, from the fork to the moment it becomes bubblewrap (or, without a sandbox, the shim). It has
//! no values: they come later, to the shim.

use std::{
    convert::Infallible,
    ffi::CString,
    fs, io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    fcntl::OFlag,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::prctl,
    unistd::{Gid, Uid, chdir, execve, getegid, geteuid, setgroups, setresgid, setresuid},
};

use super::{network, routes};
use crate::{
    Reason,
    memory::Group,
    os,
    protocol::{Failure, Step},
};

/// What the child needs, all made before the fork.
pub(super) struct Child<'a> {
    pub(super) channel: &'a os::Channel,
    /// Where what the server's processes write goes.
    pub(super) output: &'a OwnedFd,
    /// This executable.
    pub(super) program: &'a fs::File,
    /// The control group that limits its memory.
    pub(super) group: Option<&'a Group>,
    pub(super) uid: Option<u32>,
    pub(super) home: Option<&'a Path>,
    pub(super) sandbox: Option<SandboxParts<'a>>,
}

/// What bubblewrap is executed with.
pub(super) struct SandboxParts<'a> {
    pub(super) bwrap: &'a Path,
    pub(super) options: &'a OwnedFd,
    pub(super) files: &'a [OwnedFd],
    pub(super) network: Option<&'a network::Plan>,
}

/// Where bubblewrap finds the home when it runs as the workspace's own uid, which can't enter the data directory.
pub(super) const HOME_FOR_UID: &str = "/run/home";

impl Child<'_> {
    /// Becomes the next program; returns only to say why it could not.
    pub(super) fn run(&self) -> Failure {
        if let Err(error) = self.group.map_or(Ok(()), Group::enter) {
            return super::internal("The limit of the server's memory could not be set")(error);
        }
        let result = match &self.sandbox {
            Some(parts) => self.enter_sandbox(parts),
            None => self.enter_host(),
        };
        let Err(failure) = result;
        failure
    }

    fn enter_sandbox(&self, parts: &SandboxParts<'_>) -> Result<Infallible, Failure> {
        if let Some(uid) = self.uid {
            if let Some(home) = self.home {
                offer_home(home).map_err(|error| sandbox("showing it the workspace's home", error))?;
            }
            become_uid(uid).map_err(|error| sandbox("changing to the workspace's uid", error))?;
        }
        if let Some(plan) = parts.network {
            unshare_network().map_err(|error| sandbox("making namespaces", error))?;
            routes::block(&plan.blocked).map_err(|error| {
                let message =
                    format!("The way to blocked networks could not be closed: {error}. Nothing was executed.");
                Failure::new(Reason::Network, message)
            })?;
            self.connected().map_err(|error| sandbox("waiting for its network", error))?;
        }
        let pass = || -> io::Result<()> { parts.files.iter().chain([parts.options]).try_for_each(os::pass_to_program) };
        pass().map_err(|error| sandbox("handing over its options", error))?;
        let arguments =
            [c"bwrap".to_owned(), c"--args".to_owned(), number(parts.options.as_raw_fd()), c"--".to_owned()];
        self.execute(parts.bwrap, arguments.into_iter().chain(self.shim()).collect())
            .map_err(|error| sandbox("executing bubblewrap", error))
    }

    fn enter_host(&self) -> Result<Infallible, Failure> {
        let enter = || -> io::Result<Infallible> {
            if let Some(uid) = self.uid {
                if let Some(home) = self.home {
                    chdir(home)?;
                }
                become_uid(uid)?;
            } else if let Some(home) = self.home {
                chdir(home)?;
            }
            let shim: Vec<_> = self.shim().collect();
            self.execute(&self.program_path(), shim)
        };
        enter().map_err(super::internal("The server could not be started"))
    }

    /// Says that the namespace is there, and waits until it is connected.
    fn connected(&self) -> io::Result<()> {
        self.channel.send(&serde_json::to_vec(&Step::Unshared)?, None)?;
        self.channel.receive()?.map(drop).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// The shim is executed through a descriptor: it need not be visible, or at the same path, in the sandbox.
    fn program_path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.program.as_raw_fd()).into()
    }

    fn shim(&self) -> impl Iterator<Item = CString> {
        let program = CString::new(self.program_path().as_os_str().as_bytes()).expect("digits and slashes have no NUL");
        [program, c"shim".to_owned(), number(self.channel.as_fd().as_raw_fd())].into_iter()
    }

    fn execute(&self, program: &Path, arguments: Vec<CString>) -> io::Result<Infallible> {
        os::pass_to_program(self.channel)?;
        os::pass_to_program(self.program)?;
        os::replace_standard_streams(self.output)?;
        os::default_signals()?;
        let program = CString::new(program.as_os_str().as_bytes())?;
        Ok(execve(&program, &arguments, &[] as &[CString])?)
    }
}

fn number(fd: i32) -> CString {
    CString::new(fd.to_string()).expect("digits have no NUL")
}

/// Leaves the host's mounts and shows the home under a path that every uid can walk.
///
/// What was below `/run`, the sockets of the host among it, is gone from view already here.
fn offer_home(home: &Path) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    let home = fs::OpenOptions::new().read(true).custom_flags(flags.bits()).open(home)?;
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), safe, Some("mode=0755,size=64k"))?;
    fs::create_dir(HOME_FOR_UID)?;
    let source = format!("/proc/self/fd/{}", home.as_raw_fd());
    mount(Some(source.as_str()), HOME_FOR_UID, none, MsFlags::MS_BIND, none)?;
    Ok(())
}

pub(crate) fn become_uid(uid: u32) -> io::Result<()> {
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    setgroups(&[])?;
    setresgid(group, group, group)?;
    setresuid(user, user, user)?;
    Ok(())
}

/// Makes a user namespace, in which this process is root, and a network namespace that belongs to it.
pub(crate) fn unshare_network() -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    // Its own maps can be written, and slirp4netns can join it, only while it is dumpable. It has nothing to hide yet.
    prctl::set_dumpable(true)?;
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

fn sandbox(what: &str, error: io::Error) -> Failure {
    Failure::new(Reason::Sandbox, format!("The sandbox could not be made ({what}: {error}). {REMEDY}"))
}

/// What helps in nearly all cases.
pub(super) const REMEDY: &str = "Nothing was executed. User namespaces must be allowed: see `sysctl user.max_user_namespaces \
     kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns`.";
