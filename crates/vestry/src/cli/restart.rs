//! Rolling restarts.

use clap::{Args, Subcommand};

use super::{
    InOrganization,
    target::{InWorkspace, WorkspaceArg},
};
use crate::complete::{Noun, names_of};

#[derive(Subcommand)]
pub(crate) enum Restart {
    /// List rolling restarts, newest first
    List {
        #[command(flatten)]
        workspace: InWorkspace,
        /// All of the organization (its administrators)
        #[arg(long, value_name = "ORG", num_args = 0..=1, conflicts_with = "workspace", add = names_of(Noun::Organization))]
        #[expect(clippy::option_option, reason = "clap's way to tell `--org` from `--org ORG` and from neither")]
        org: Option<Option<String>>,
    },
    /// Show how far one is, server by server
    Show(One),
    /// Watch one until it pauses or ends
    Watch(One),
    /// Let a paused one go on
    Continue(One),
    /// End one: what is being restarted comes to its end, the rest is left as it is
    Abort(One),
}

/// One rolling restart.
#[derive(Args)]
pub(crate) struct One {
    /// Its id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) organization: InOrganization,
}

/// How a rolling restart shall go on.
#[derive(Args, Default, PartialEq)]
pub(crate) struct Rolling {
    /// How many servers are restarted at once, 1 to 100 [default: a tenth of them]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) batch: Option<u32>,
    /// Go on also after a server could not be restarted
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Only say which servers that would be; restart nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Which servers of a workspace to restart.
#[derive(Args)]
pub(crate) struct Which {
    /// The server; with --stale only these of those that need it
    #[arg(value_name = "SERVER", add = names_of(Noun::Server))]
    pub(crate) servers: Vec<String>,
    /// Every running server of the workspace that needs it, batch by batch
    #[arg(long)]
    pub(crate) stale: bool,
    #[command(flatten)]
    pub(crate) rolling: Rolling,
    /// The workspace [default: this directory's]
    #[arg(long, short, value_name = "[ORG/]WORKSPACE", add = names_of(Noun::Place))]
    pub(crate) workspace: Option<WorkspaceArg>,
}
