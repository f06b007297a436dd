//! How a command ends: the exit codes, and failures with what happened and what to do next.

/// The exit codes of the command line, named after the BSD `sysexits.h` values that they use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// The command line was wrong.
    Usage = 64,
    /// What was given, or what it was applied to, is wrong.
    Data = 65,
    /// The control plane can't be reached.
    Unreachable = 69,
    /// Trying again helps.
    TryAgain = 75,
    /// The person may not do this.
    NotAllowed = 77,
    /// There is no address or no token to work with.
    NotConfigured = 78,
    /// `vestry run` failed before there was a command.
    BeforeStart = 125,
    /// `vestry run` found the command, but it can't be executed.
    NotExecutable = 126,
    /// `vestry run` found no such command.
    NoSuchCommand = 127,
    /// The person interrupted a question: 128 + SIGINT, as a shell reports it.
    Interrupted = 130,
}

impl Exit {
    /// Whether it says what became of a command that `vestry run` was given.
    pub(crate) fn is_of_command(self) -> bool {
        matches!(self, Self::NotExecutable | Self::NoSuchCommand)
    }
}

/// Why a command did not do what it was asked.
///
/// `message` says what happened and what was not done, `help` what to do next. Neither ever holds a value.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// After `error:`.
    pub(crate) message: String,
    /// After `help:`; may be several lines.
    pub(crate) help: Option<String>,
    /// The control plane's stable `code`, when it was the one who refused.
    pub(crate) code: Option<String>,
    /// The fields that the control plane named, when it refused what a request holds.
    pub(crate) fields: Vec<String>,
}

impl Failure {
    /// A failure without help.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, code: None, fields: Vec::new() }
    }

    /// The command line was wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// What was given is wrong.
    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::new(Exit::Data, message)
    }

    /// There is no address or no token, or a file with settings is wrong.
    pub(crate) fn not_configured(message: impl Into<String>) -> Self {
        Self::new(Exit::NotConfigured, message)
    }

    /// The same failure, with what to do next.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the control plane said that there is no such thing (or none that the person may know of).
    pub(crate) fn is_not_found(&self) -> bool {
        self.code.as_deref() == Some("not_found")
    }
}

/// The exit code for an answer of the control plane.
pub(crate) fn of_status(status: u16) -> Exit {
    match status {
        401 | 403 => Exit::NotAllowed,
        412 | 429 | 500..=599 => Exit::TryAgain,
        421 => Exit::NotConfigured,
        _ => Exit::Data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_exit_code() {
        let table = [
            (400, 65),
            (401, 77),
            (403, 77),
            (404, 65),
            (409, 65),
            (412, 75),
            (413, 65),
            (421, 78),
            (422, 65),
            (429, 75),
            (500, 75),
            (503, 75),
        ];
        for (status, exit) in table {
            assert_eq!(of_status(status) as u8, exit, "{status}");
        }
    }
}
