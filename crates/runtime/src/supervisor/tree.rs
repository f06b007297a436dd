//! Ending everything below this process.

use std::{fs, io};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        wait::{WaitStatus, waitpid},
    },
    unistd::{Pid, getpid},
};

use crate::record;

/// Kills every process below this one and waits until none is left.
///
/// This process must be a subreaper: the children of what is killed become its own, and are killed in their turn. The
/// first process of a pid namespace takes all others in it along.
pub(super) fn kill_everything() -> io::Result<()> {
    loop {
        for child in children()? {
            let _ = kill(child, Signal::SIGKILL);
        }
        match waitpid(None, None) {
            Err(Errno::ECHILD) => return Ok(()),
            Err(Errno::EINTR) | Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn children() -> io::Result<Vec<Pid>> {
    let own = getpid();
    let pids =
        fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Pid::from_raw));
    Ok(pids.filter(|pid| record::stat(*pid).is_ok_and(|stat| stat.parent == own)).collect())
}

/// How a process ended.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

impl Ending {
    pub(super) const KILLED: Self = Self { code: None, signal: Some(Signal::SIGKILL as i32) };

    /// Which child ended, and how; an exit code above 128 is taken as a signal, as bubblewrap and shells mean it.
    pub(super) fn of(status: WaitStatus) -> Option<(Pid, Self)> {
        match status {
            WaitStatus::Exited(pid, code) => match Signal::try_from(code - 128) {
                Ok(signal) if code > 128 => Some((pid, Self { code: None, signal: Some(signal as i32) })),
                _ => Some((pid, Self { code: Some(code), signal: None })),
            },
            WaitStatus::Signaled(pid, signal, _) => Some((pid, Self { code: None, signal: Some(signal as i32) })),
            _ => None,
        }
    }
}
