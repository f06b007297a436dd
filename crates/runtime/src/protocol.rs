//! What the control plane, the supervisor and the shim say to each other.
//!
//! Control plane and supervisor: frames on a stream, each a length (u32, little endian) and so many bytes: JSON, except
//! for the packed command and environment. Supervisor and shim: one JSON message per packet.

use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Exit, Network, Reason, Sandbox, StartFailed, memory::Group};

/// The version of everything in this module and in the records on disk. A supervisor outlives the control plane that
/// started it, so whoever changes a message raises it and keeps reading the older ones.
pub(crate) const VERSION: u32 = 1;

/// No frame is longer.
const LONGEST_FRAME: u32 = 16 * 1024 * 1024;

/// What the supervisor is to start: the first frame on its standard input.
#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) version: u32,
    /// What to record it as; `None` for a trial, which leaves no record, home or log.
    pub(crate) subject: Option<Subject>,
    /// The uid and gid of everything below the supervisor; `None`: the supervisor's own.
    pub(crate) uid: Option<u32>,
    pub(crate) directory: PathBuf,
    pub(crate) sandbox: Sandbox,
    pub(crate) network: Network,
    pub(crate) read_only_paths: Vec<PathBuf>,
    pub(crate) hidden_paths: Vec<PathBuf>,
    pub(crate) blocked_networks: Vec<String>,
    pub(crate) tool_paths: Vec<PathBuf>,
    /// The control group to make for it, if its memory is limited.
    pub(crate) group: Option<Group>,
}

/// Ids, as text.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) start: String,
    pub(crate) server: String,
    pub(crate) workspace: String,
}

/// From the supervisor to the control plane that started it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Progress {
    /// The shim is confined: the packed command and environment may come, as the next frame.
    Confined,
    /// The shim has them and waits at its gate, which [`Gate::Open`] opens.
    Prepared,
    /// The command was executed.
    Started,
    /// Nothing of the start is left.
    Failed(Failure),
}

/// The one thing that the control plane says after the environment.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gate {
    Open,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) log_tail: String,
}

impl Failure {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), log_tail: String::new() }
    }
}

impl From<Failure> for StartFailed {
    fn from(failure: Failure) -> Self {
        Self { reason: failure.reason, message: failure.message, log_tail: failure.log_tail.into_bytes() }
    }
}

/// On the supervisor's socket: one question per connection, answered once.
#[derive(Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) version: u32,
    pub(crate) ask: Ask,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// What it does now; answered at once.
    Status,
    /// To stop; answered when it has ended.
    Stop,
    /// How it ends; answered when it has ended.
    Exit,
    /// When its network ends; answered when that, or the server itself, has ended.
    Network,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Waiting,
    Running,
    /// The server runs, but has no way out of its network any more.
    NetworkEnded,
    Exited(Exit),
}

/// From the supervisor's child, and later the shim, to the supervisor.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// The child is in its network namespace, whose routes out are blocked as they must be.
    Unshared,
    /// The shim has checked its confinement.
    Confined,
    /// The shim has its environment and waits at the gate.
    Ready,
    /// It ended instead.
    Failed(Failure),
}

/// From the supervisor to the shim: what to check before anything else.
#[derive(Serialize, Deserialize)]
pub(crate) struct Confinement {
    pub(crate) sandbox: Sandbox,
    /// The host's namespaces that must not be the shim's own, by kind.
    pub(crate) host_namespaces: Vec<(String, u64)>,
    /// What must not be visible.
    pub(crate) hidden_paths: Vec<PathBuf>,
}

/// Writes one JSON frame.
pub(crate) fn send(stream: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    send_bytes(stream, &serde_json::to_vec(message)?)
}

/// Writes one frame of bytes.
pub(crate) fn send_bytes(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(&length(bytes)?)?;
    stream.write_all(bytes)
}

/// The length that goes before a frame of these bytes.
pub(crate) fn length(bytes: &[u8]) -> io::Result<[u8; 4]> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LONGEST_FRAME);
    Ok(length.ok_or(io::ErrorKind::FileTooLarge)?.to_le_bytes())
}

/// The number of bytes of the frame that begins with these four.
pub(crate) fn frame_length(prefix: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(prefix);
    if length > LONGEST_FRAME { Err(io::ErrorKind::InvalidData.into()) } else { Ok(length as usize) }
}

/// Reads one JSON frame.
pub(crate) fn receive<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<T> {
    Ok(serde_json::from_slice(&receive_bytes(stream)?)?)
}

/// Reads one frame of bytes into memory of exactly its size.
pub(crate) fn receive_bytes(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix)?;
    let mut bytes = vec![0; frame_length(prefix)?];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
