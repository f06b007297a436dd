//! The shim: the first program in the sandbox. It proves that it is confined before it gets any value, waits at the
//! gate, and becomes the server's command.

pub(crate) mod confinement;
mod program;
pub(crate) mod seccomp;

use std::{
    fs::File,
    io::{self, Read, Seek},
    process::ExitCode,
};

use envelope::Plaintext;
use nix::{
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::resource::{Resource, getrlimit, setrlimit},
    sys::stat::{Mode, umask},
};

use crate::{
    Reason, Sandbox, os,
    parcel::Parcel,
    protocol::{Confinement, Failure, Step},
};

/// The `shim` subcommand: call it before anything else in the process. Its one argument is the number of the
/// descriptor that leads to the supervisor. Returns only when the command was not executed.
pub fn shim() -> ExitCode {
    let number = std::env::args().nth(2).and_then(|number| number.parse().ok());
    let Some(channel) = number.and_then(|number| os::inherited(number).ok()) else {
        return ExitCode::FAILURE;
    };
    let channel = os::Channel::new(channel);
    let Err(failure) = run(&channel);
    let _ = say(&channel, &Step::Failed(failure));
    ExitCode::FAILURE
}

fn run(channel: &os::Channel) -> Result<std::convert::Infallible, Failure> {
    let confinement: Confinement = serde_json::from_slice(&hear(channel)?.bytes).map_err(internal)?;
    confinement::close_program(channel).map_err(internal)?;
    limit_resources().map_err(internal)?;
    umask(Mode::from_bits_truncate(0o022));
    if confinement.sandbox == Sandbox::Bubblewrap {
        confinement::check(&confinement, channel).map_err(|what| {
            Failure::new(Reason::Sandbox, format!("The sandbox is not tight: {what}. Nothing was executed."))
        })?;
        seccomp::apply().map_err(|error| {
            Failure::new(
                Reason::Sandbox,
                format!("The system call filter could not be set: {error}. Nothing was executed."),
            )
        })?;
    }
    say(channel, &Step::Confined).map_err(internal)?;

    let packet = hear(channel)?;
    let mut file = File::from(packet.descriptor.ok_or_else(|| internal("the environment did not come"))?);
    let parcel = unpack(&mut file).map_err(internal)?;
    let parcel = Parcel::read(parcel.expose()).ok_or_else(|| internal("the environment is damaged"))?;
    drop(file);
    // A restart stops what runs once this is ready: what can be known before is said before.
    program::find(&parcel.command, &parcel.environment).map_err(|why| Failure::new(Reason::Command, why))?;
    say(channel, &Step::Ready).map_err(internal)?;

    hear(channel)?;
    // A Rust program ignores SIGPIPE; the command must not inherit that.
    os::default_signals().map_err(internal)?;
    let error = program::execute(&parcel.command, &parcel.environment);
    Err(Failure::new(Reason::Command, error))
}

/// Reads the sealed memory file: unsealed, another process could still change it.
fn unpack(file: &mut File) -> io::Result<Plaintext> {
    let seals = SealFlag::from_bits_retain(fcntl(&*file, FcntlArg::F_GET_SEALS)?);
    if !seals.contains(SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW) {
        return Err(io::Error::other("the environment is not sealed"));
    }
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.rewind()?;
    file.read_exact(&mut bytes)?;
    Ok(Plaintext::new(bytes))
}

/// Bytes of a core dump, processes of a server, open files of each of its processes.
///
/// One byte is less than any dump has. With 0, Linux would still pipe dumps, and the values in them, to a program that
/// collects them on the host; with 1 it doesn't (core(5) and the kernel's `fs/coredump.c`).
const LIMITS: &[(Resource, u64)] =
    &[(Resource::RLIMIT_CORE, 1), (Resource::RLIMIT_NPROC, 8192), (Resource::RLIMIT_NOFILE, 65_536)];

fn limit_resources() -> nix::Result<()> {
    for (resource, limit) in LIMITS {
        let (soft, hard) = getrlimit(*resource)?;
        setrlimit(*resource, soft.min(*limit), hard.min(*limit))?;
    }
    Ok(())
}

fn hear(channel: &os::Channel) -> Result<os::Packet, Failure> {
    let packet = channel.receive().map_err(internal)?;
    packet.ok_or_else(|| Failure::new(Reason::Gate, "The start was given up before its command was executed."))
}

fn say(channel: &os::Channel, step: &Step) -> io::Result<()> {
    channel.send(&serde_json::to_vec(step)?, None)
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::new(Reason::Internal, format!("The server could not be prepared: {error}. Nothing was executed."))
}
