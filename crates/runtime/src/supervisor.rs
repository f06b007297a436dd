//! The supervisor: one small process for each start, which makes the sandbox, keeps the log, stops the server and
//! records how it ended. It outlives the control plane.

mod bwrap;
mod child;
mod deadline;
mod home;
mod network;
mod output;
mod prepare;
mod routes;
mod serve;
mod tree;

use std::{
    fs::File,
    io,
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::ExitCode,
};

use nix::{
    sys::{
        prctl,
        resource::{Resource, setrlimit},
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        stat::{Mode, umask},
    },
    unistd::{AccessFlags, access, dup2_stdin, getpid, setsid},
};

use crate::{
    Exit, Reason, os,
    protocol::{self, Answer, Ask, Failure, Order, Progress, Subject, VERSION},
    record::{Facts, ProcessName, RunDirectory},
};
use output::Output;

pub(crate) use child::{become_uid, unshare_network};

/// The `supervise` subcommand: call it before anything else in the process, which must have one thread. Its standard
/// input leads to the control plane. Returns when the server has ended, or its start failed.
pub fn supervise() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run() -> io::Result<()> {
    let (mut control, signals) = settle()?;
    let order: Order = protocol::receive(&mut control)?;
    let mut supervisor =
        Supervisor { order, control: Some(control), signals, record: None, output: None, clients: Vec::new() };
    match supervisor.prepare().and_then(|server| supervisor.serve(&server)) {
        Ok(exit) => supervisor.leave_record(exit),
        Err(failure) => supervisor.leave_nothing(failure),
    }
    Ok(())
}

/// What the supervisor has to take care of when it goes.
struct Supervisor {
    order: Order,
    /// To the control plane that ordered the start, until the command is executed.
    control: Option<UnixStream>,
    signals: SignalFd,
    /// Where a later control plane finds it; none for a trial.
    record: Option<Record>,
    output: Option<Output>,
    /// Who waits for an end, and for which.
    clients: Vec<(Ask, UnixStream)>,
}

struct Record {
    folder: RunDirectory,
    listener: UnixListener,
}

impl Supervisor {
    fn tell(&mut self, progress: &Progress) -> Result<(), Failure> {
        let Some(control) = &mut self.control else { return Ok(()) };
        protocol::send(control, progress).map_err(|_| given_up())
    }

    /// What a later control plane must know of this start.
    fn facts(&self, subject: &Subject, sandbox: Option<ProcessName>) -> io::Result<Facts> {
        let supervisor = ProcessName::of(getpid())?;
        let group = self.order.group.as_ref().map(|group| group.path.clone());
        Ok(Facts { version: VERSION, subject: subject.clone(), supervisor, sandbox, group })
    }

    /// The server ran and ended: everything of it is gone but its log and this record.
    fn leave_record(&mut self, exit: Exit) {
        if let Some(record) = &self.record {
            // Should the disk be full, a control plane still learns that it ended, only not how.
            let _ = record.folder.write_exit(&exit);
            record.folder.remove_socket();
        }
        for (_, client) in &mut self.clients {
            let _ = protocol::send(client, &Answer::Exited(exit));
        }
    }

    /// The start failed: kills and removes all that was made for it, then says why.
    fn leave_nothing(&mut self, mut failure: Failure) {
        let _ = tree::kill_everything();
        if let Some(output) = &mut self.output {
            failure.log_tail = output.held();
        }
        if let Some(record) = self.record.take() {
            let _ = record.folder.remove();
        }
        let _ = self.tell(&Progress::Failed(failure));
    }
}

/// Makes this process what a supervisor must be; gives the way to the control plane, and the signals it listens to.
fn settle() -> io::Result<(UnixStream, SignalFd)> {
    prctl::set_dumpable(false)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    os::close_from(3)?;
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    dup2_stdin(File::open("/dev/null")?)?;
    // Out of the control plane's session, so that what ends that one doesn't end this one.
    let _ = setsid();
    std::env::set_current_dir("/")?;
    umask(Mode::from_bits_truncate(0o077));
    prctl::set_child_subreaper(true)?;
    os::ignore(Signal::SIGHUP)?;
    os::ignore(Signal::SIGINT)?;
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    signals.add(Signal::SIGTERM);
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    Ok((control, signals))
}

pub(crate) fn find_tool(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file() && access(path, AccessFlags::X_OK).is_ok())
}

fn check_version(order: &Order) -> Result<(), Failure> {
    if order.version == VERSION {
        return Ok(());
    }
    let message = format!(
        "The control plane and the supervisor are of different versions (protocol {} and {VERSION}). Restart the \
         control plane. Nothing was executed.",
        order.version
    );
    Err(Failure::new(Reason::Internal, message))
}

fn given_up() -> Failure {
    Failure::new(Reason::Gate, "The start was given up before its command was executed.")
}

fn internal(what: &str) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::new(Reason::Internal, format!("{what}: {error}. Nothing was executed."))
}

fn log_folder(data: &Path, server: &str) -> PathBuf {
    data.join("logs").join(server)
}
