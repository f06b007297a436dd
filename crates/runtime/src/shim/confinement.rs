//! The shim's own look at where it is: whatever went wrong outside, no value goes to a process that isn't confined.

use std::{
    fs, io,
    os::{
        fd::{AsFd, AsRawFd},
        unix::fs::MetadataExt,
    },
    path::Path,
    thread::sleep,
    time::Duration,
};

use nix::{
    sched::{CloneFlags, unshare},
    unistd::{AccessFlags, access, getegid, geteuid, getppid},
};

use crate::{HOME, os, protocol::Confinement};

/// Sees to it that the descriptors bubblewrap executed this program through end with it.
pub(super) fn close_program(channel: &os::Channel) -> io::Result<()> {
    let own = fs::metadata("/proc/self/exe")?;
    for number in open_descriptors()? {
        let same = fs::metadata(format!("/proc/self/fd/{number}"))
            .is_ok_and(|found| (found.dev(), found.ino()) == (own.dev(), own.ino()));
        if same && number > 2 && number != channel.as_fd().as_raw_fd() {
            drop(os::inherited(number)?);
        }
    }
    Ok(())
}

/// Checks the confinement; the error says what is wrong with it.
pub(super) fn check(expected: &Confinement, channel: &os::Channel) -> Result<(), String> {
    privileges()?;
    if (geteuid().as_raw(), getegid().as_raw()) != (1000, 1000) {
        return Err("it doesn't run as its own user".to_owned());
    }
    if getppid().as_raw() != 1 {
        return Err("it sees processes that are not its own".to_owned());
    }
    if unshare(CloneFlags::CLONE_NEWUSER).is_ok() {
        return Err("it could make user namespaces".to_owned());
    }
    home()?;
    for path in &expected.hidden_paths {
        if path.symlink_metadata().is_ok() {
            return Err(format!("{} is visible", path.display()));
        }
    }
    for number in open_descriptors().map_err(|error| format!("its descriptors can't be listed ({error})"))? {
        if number > 2 && number != channel.as_fd().as_raw_fd() {
            return Err(format!("descriptor {number} is open"));
        }
    }
    namespaces(&expected.host_namespaces)
}

/// `SECCOMP_MODE_FILTER` (proc(5)).
const FILTERED: u64 = 2;

/// bubblewrap sets the filter in the first process of the sandbox while the shim runs already: it looks again after this
/// time, so many times.
const LOOK_AGAIN: (Duration, u32) = (Duration::from_millis(10), 500);

fn privileges() -> Result<(), String> {
    let own = status("self")?;
    let is = |name: &str, expected: u64| has(&own, name, expected);
    if !is("Seccomp", FILTERED) || !first_process_is_filtered()? {
        return Err("it could make any system call".to_owned());
    }
    if !is("NoNewPrivs", 1) {
        return Err("it could gain privileges".to_owned());
    }
    match ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].iter().find(|set| !is(set, 0)) {
        Some(set) => Err(format!("it has capabilities ({set})")),
        None => Ok(()),
    }
}

fn first_process_is_filtered() -> Result<bool, String> {
    let (pause, times) = LOOK_AGAIN;
    for _ in 0..times {
        if has(&status("1")?, "Seccomp", FILTERED) {
            return Ok(true);
        }
        sleep(pause);
    }
    Ok(false)
}

fn status(process: &str) -> Result<String, String> {
    fs::read_to_string(format!("/proc/{process}/status")).map_err(|error| format!("/proc is missing ({error})"))
}

/// Whether a process's status says this, in hexadecimal.
fn has(status: &str, name: &str, expected: u64) -> bool {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| u64::from_str_radix(value.trim(), 16).ok()) == Some(expected)
}

/// The home must be where it should be, a mount of its own, and its parent not the server's to change.
fn home() -> Result<(), String> {
    let metadata = |path: &str| fs::symlink_metadata(path).map_err(|error| format!("{path} is missing ({error})"));
    let (home, parent) = (metadata(HOME)?, metadata("/home")?);
    if !home.is_dir() || home.dev() == parent.dev() || std::env::current_dir().ok().as_deref() != Some(Path::new(HOME))
    {
        return Err(format!("{HOME} is not the workspace's home"));
    }
    for path in ["/", "/home", "/etc", "/usr"] {
        if access(path, AccessFlags::W_OK).is_ok() {
            return Err(format!("{path} is writable"));
        }
    }
    Ok(())
}

/// None of the host's namespaces may be its own.
fn namespaces(hosts: &[(String, u64)]) -> Result<(), String> {
    for (kind, host) in hosts {
        let own = namespace(kind).map_err(|error| format!("its {kind} namespace is unknown ({error})"))?;
        if own == *host {
            return Err(format!("it shares the host's {kind} namespace"));
        }
    }
    Ok(())
}

/// What identifies this process's namespace of a kind (namespaces(7)).
pub(crate) fn namespace(kind: &str) -> io::Result<u64> {
    Ok(fs::metadata(format!("/proc/self/ns/{kind}"))?.ino())
}

fn open_descriptors() -> io::Result<Vec<i32>> {
    let listing = fs::read_dir("/proc/self/fd")?;
    let numbers = listing.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let numbers: Vec<i32> = numbers.collect();
    // One of them was the listing itself, which is closed now.
    Ok(numbers.into_iter().filter(|number| fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok()).collect())
}
