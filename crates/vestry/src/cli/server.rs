//! Servers.

use std::str::FromStr;

use clap::{Args, Subcommand};

use super::{restart::Which, target::InWorkspace};
use crate::complete::{Noun, names_of};

#[derive(Subcommand)]
pub(crate) enum Server {
    /// List the servers of a workspace
    List(InWorkspace),
    /// Add a server: a command that gets the workspace's secrets as environment variables
    Add(Add),
    /// Change a server; it takes effect at its next start
    Edit(Edit),
    /// Start a server
    Start(One),
    /// Stop a server
    Stop(One),
    /// Restart a server with the secrets of now
    Restart(Which),
    /// Print a server's log; values in it are masked
    Logs {
        #[command(flatten)]
        one: One,
        /// Go on as it grows, until interrupted
        #[arg(long, short)]
        follow: bool,
        /// How many lines from its end
        #[arg(long, short = 'n', value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        lines: u16,
    },
    /// List a server's start records: who started it when, and with which secrets
    Starts(One),
    /// Show a server, and what it would get by a restart
    Show(One),
    /// Delete a server
    Delete(One),
}

/// One server.
#[derive(Args)]
pub(crate) struct One {
    /// The server
    #[arg(add = names_of(Noun::Server))]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) workspace: InWorkspace,
}

#[derive(Args)]
pub(crate) struct Add {
    /// Its name
    pub(crate) name: String,
    /// Its short name in addresses [default: made from its name]
    #[arg(long)]
    pub(crate) slug: Option<String>,
    /// A plain variable, which everyone with access sees; for secrets:  vestry secret set
    #[arg(short = 'e', long = "env", value_name = "NAME=PLAIN")]
    pub(crate) variables: Vec<Variable>,
    #[command(flatten)]
    pub(crate) workspace: InWorkspace,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Edit {
    /// The server
    #[arg(add = names_of(Noun::Server))]
    pub(crate) server: String,
    /// Its new name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Set a plain variable
    #[arg(short = 'e', long = "env", value_name = "NAME=PLAIN")]
    pub(crate) variables: Vec<Variable>,
    /// Take a plain variable away
    #[arg(long, value_name = "NAME")]
    pub(crate) unset: Vec<String>,
    #[command(flatten)]
    pub(crate) workspace: InWorkspace,
    /// The new command and its arguments
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// A plain variable, `NAME=text`.
#[derive(Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Variable {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err("it is not like NAME=text"),
        }
    }
}
