//! The one binary of Vestry: control plane, supervisor, shim and command line.

mod address;
mod cli;
mod client;
mod commands;
mod complete;
mod credentials;
mod exit;
mod models;
mod output;
mod place;
mod problem;
mod project;
mod prompt;
mod settings;
mod suggest;
mod text;
mod time;
mod token;
mod value;

use std::{ffi::OsStr, process::ExitCode};

use clap::{CommandFactory, error::ErrorKind};

use crate::{cli::Cli, exit::Exit, output::Output, settings::Environment};

fn main() -> ExitCode {
    // These run before anything else: while there is one thread, and nothing was read or said.
    match std::env::args_os().nth(1).as_deref().and_then(OsStr::to_str) {
        Some("supervise") => runtime::supervise(),
        Some("shim") => runtime::shim(),
        Some("try-namespaces") => runtime::machine::try_namespaces(),
        _ => command_line(),
    }
}

fn command_line() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("nothing in this process has chosen another provider before");
    complete::answer_shell();
    let environment = Environment::of_process();
    let cli = match Cli::read(&std::env::args_os().collect::<Vec<_>>()) {
        Ok(cli) => cli,
        Err(error) => return explain_usage(&error),
    };
    let out = Output::new(cli.global.json, environment.colour());
    match commands::run(cli, &environment, &out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Lets clap say what it has to say. A request for help is data and no failure; anything else is a wrong usage.
fn explain_usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell when the stream is closed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ if is_run() => ExitCode::from(Exit::BeforeStart as u8),
        _ => ExitCode::from(Exit::Usage as u8),
    }
}

/// Whether it was `vestry run` that was typed wrongly: its other exit codes are its command's.
fn is_run() -> bool {
    let lenient = Cli::command().ignore_errors(true).try_get_matches();
    lenient.is_ok_and(|matches| matches.subcommand_name() == Some("run"))
}
