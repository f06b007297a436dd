use serde::{Deserialize, Serialize};

/// Why a start failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No sandbox can be made on this machine as it is.
    Sandbox,
    /// The server's network could not be made.
    Network,
    /// The command, or an environment variable, can't be handed to a program.
    Launch,
    /// The command isn't there, or can't be executed.
    Command,
    /// The server ended, or was stopped, before its command was executed.
    Gate,
    /// Anything else.
    Internal,
}

/// A start that failed: nothing of it is left running, and its command got nothing.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StartFailed {
    /// The kind of failure.
    pub reason: Reason,
    /// What happened and what to do, for people. Never holds a value.
    pub message: String,
    /// The last that was written to the log by the sandbox, masked; often empty.
    pub log_tail: Vec<u8>,
}

impl StartFailed {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), log_tail: Vec::new() }
    }
}

/// No server can start here, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Unavailable {
    /// What is missing.
    pub reason: Reason,
    /// What happened and what to do, for people.
    pub message: String,
}

/// What became of a start can't be said.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// There is no such start here: it never was, its start failed, or it was forgotten.
    #[error("no start {0} is known here")]
    Unknown(domain::StartId),
    /// Its supervisor or record can't be read.
    #[error("the supervisor or the record of start {0} can't be read: {1}")]
    Unreadable(domain::StartId, std::io::Error),
}
