//! The command of a server.

/// The most strings in a command.
pub const MOST_ARGUMENTS: usize = 256;
/// The most that a command takes, in bytes.
pub const LARGEST_COMMAND: usize = 64 * 1024;

/// What a server runs: a program and its arguments, as one list of strings; no shell in between.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command(Vec<String>);

impl Command {
    /// The command of these strings: 1 to 256, no NUL, at most 64 KiB together; the first, the program, not empty.
    pub fn parse(argv: Vec<String>) -> Result<Self, CommandRefused> {
        check(&argv).map(|()| Self(argv))
    }

    /// A command that was accepted before: the limits may have become smaller since, and what exists stays readable.
    pub fn parse_kept(argv: Vec<String>) -> Result<Self, CommandRefused> {
        match check(&argv) {
            Ok(()) | Err(CommandRefused::TooMany | CommandRefused::TooLong) => Ok(Self(argv)),
            Err(refused) => Err(refused),
        }
    }

    /// The program and its arguments; never empty.
    pub fn argv(&self) -> &[String] {
        &self.0
    }
}

/// What no command can be comes first, then what none may be.
fn check(argv: &[String]) -> Result<(), CommandRefused> {
    if argv.first().is_none_or(|program| program.is_empty()) {
        return Err(CommandRefused::NoProgram);
    }
    if argv.iter().any(|argument| argument.contains('\0')) {
        return Err(CommandRefused::Nul);
    }
    if argv.len() > MOST_ARGUMENTS {
        return Err(CommandRefused::TooMany);
    }
    if argv.iter().map(|argument| argument.len() + 1).sum::<usize>() > LARGEST_COMMAND {
        return Err(CommandRefused::TooLong);
    }
    Ok(())
}

/// Why a command was refused. The messages don't repeat it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommandRefused {
    /// No strings, or the first is empty.
    #[error("The command is missing. Give the program and its arguments, each as its own string.")]
    NoProgram,
    /// More than [`MOST_ARGUMENTS`].
    #[error("The command has too many arguments: at most {MOST_ARGUMENTS} strings are allowed. Put it into a script.")]
    TooMany,
    /// A NUL byte.
    #[error("The command contains a NUL byte, which no argument can carry. Remove it.")]
    Nul,
    /// More than [`LARGEST_COMMAND`].
    #[error(
        "The command is too long: at most {} KiB are allowed. Put it into a script.",
        LARGEST_COMMAND / 1024
    )]
    TooLong,
}

impl CommandRefused {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoProgram => "command_missing",
            Self::TooMany => "command_too_many_arguments",
            Self::Nul => "command_has_nul",
            Self::TooLong => "command_too_long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_program_and_its_arguments() {
        let argv = |count: usize| vec!["x".to_owned(); count];
        assert_eq!(Command::parse(argv(2)).unwrap().argv(), ["x", "x"]);
        assert!(Command::parse(vec!["x".to_owned(), String::new()]).is_ok());
        assert!(Command::parse(argv(256)).is_ok());
        assert!(Command::parse(vec!["x".repeat(64 * 1024 - 1)]).is_ok());
        for (argv, why) in [
            (argv(0), CommandRefused::NoProgram),
            (vec![String::new(), "x".to_owned()], CommandRefused::NoProgram),
            (argv(257), CommandRefused::TooMany),
            (vec!["x\0".to_owned()], CommandRefused::Nul),
            (vec!["x".repeat(64 * 1024)], CommandRefused::TooLong),
        ] {
            assert_eq!(Command::parse(argv), Err(why));
        }
    }

    #[test]
    fn a_kept_command_is_readable_when_the_limits_have_become_smaller() {
        let long = vec!["x".repeat(64 * 1024)];
        let many = vec!["x".to_owned(); 257];
        for argv in [long, many] {
            assert!(Command::parse(argv.clone()).is_err());
            assert_eq!(Command::parse_kept(argv.clone()).unwrap().argv(), argv);
        }
        let mut no_command = vec!["x".to_owned(); 257];
        no_command[256] = "\0".to_owned();
        assert_eq!(Command::parse_kept(no_command), Err(CommandRefused::Nul));
        assert_eq!(Command::parse_kept(Vec::new()), Err(CommandRefused::NoProgram));
    }
}
