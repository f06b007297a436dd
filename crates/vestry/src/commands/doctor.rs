//! `vestry doctor`: looks for what is wrong, says what to type, and changes nothing.

mod client;
mod installation;
mod judge;
mod report;

use self::report::Report;
use crate::{
    cli::{Global, doctor::Doctor},
    exit::Failure,
    output::Output,
    settings::{Environment, serve},
};

/// Looks at the installation, at the client, or at both, and prints what was found.
///
/// # Errors
/// When there is a problem, with the exit code that fits all of them.
pub(crate) fn run(args: Doctor, global: Global, environment: &Environment, out: &Output) -> Result<(), Failure> {
    // The root key is read to see what it opens.
    super::serve::forbid_dumps()
        .map_err(|error| Failure::not_configured(format!("this process's memory can't be kept private: {error}")))?;
    let installation = args.installation || !args.client && serve::is_here(&args.serve, environment);
    let mut report = Report::default();
    if installation {
        installation::look(args.serve, environment, &mut report);
    }
    if !args.installation {
        client::look(global, environment, args.client || !installation, &mut report);
    }
    report.print(out)?;
    if !installation && !args.client {
        out.say("No installation was found here. With the settings of its vestry serve:  vestry doctor --installation");
    }
    report.end()
}
