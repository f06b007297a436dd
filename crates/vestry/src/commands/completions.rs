//! `vestry completions`: what a shell needs to complete commands.

use clap_complete::{Shell, env::Shells};

use crate::{complete::VARIABLE, exit::Failure, output::Output};

/// Prints them. They ask this very program for what fits, so that it can look names up.
pub(crate) fn run(out: &Output, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let completer = shells.completer(&shell.to_string());
    let written =
        completer.map(|completer| completer.write_registration(VARIABLE, "vestry", "vestry", "vestry", &mut script));
    match written {
        Some(Ok(())) => out.data(&String::from_utf8_lossy(&script)),
        _ => Err(Failure::usage(format!("there are no completions for {shell}"))),
    }
}
