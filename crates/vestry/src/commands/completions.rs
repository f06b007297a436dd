//! `vestry completions`: what a shell needs to complete commands.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{cli::Cli, exit::Failure, output::Output};

/// Prints them.
pub(crate) fn run(out: &Output, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "vestry", &mut script);
    out.data(&String::from_utf8_lossy(&script))
}
