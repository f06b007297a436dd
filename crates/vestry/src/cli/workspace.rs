//! Workspaces.

use clap::Subcommand;

use super::{InOrganization, target::WorkspaceArg};
use crate::complete::{Noun, names_of};

#[derive(Subcommand)]
pub(crate) enum Workspace {
    /// List the workspaces that you can see
    List(InOrganization),
    /// Create one; you become its owner
    Create {
        /// Its name
        name: String,
        /// Its short name in addresses [default: made from its name]
        #[arg(long)]
        slug: Option<String>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        organization: InOrganization,
    },
    /// Show one, and who has access to it
    Show {
        /// The workspace [default: this directory's]
        #[arg(value_name = "[ORG/]WORKSPACE", add = names_of(Noun::Place))]
        workspace: Option<WorkspaceArg>,
    },
    /// List what happened in one, newest first
    Activity {
        /// The workspace [default: this directory's]
        #[arg(value_name = "[ORG/]WORKSPACE", add = names_of(Noun::Place))]
        workspace: Option<WorkspaceArg>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
    },
    /// List the commands that were run with a workspace's secrets: who, when, where, and what became of it
    Runs {
        /// The workspace [default: this directory's]
        #[arg(value_name = "[ORG/]WORKSPACE", add = names_of(Noun::Place))]
        workspace: Option<WorkspaceArg>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
    },
    /// Give a member access: who can use its servers can read its secrets
    #[command(allow_missing_positional = true)]
    Share {
        /// The workspace [default: this directory's]
        #[arg(value_name = "[ORG/]WORKSPACE", add = names_of(Noun::Place))]
        workspace: Option<WorkspaceArg>,
        /// The member's e-mail address or id
        #[arg(value_name = "EMAIL")]
        member: String,
    },
    /// Take a collaborator's access away
    #[command(allow_missing_positional = true)]
    Unshare {
        /// The workspace [default: this directory's]
        #[arg(value_name = "[ORG/]WORKSPACE", add = names_of(Noun::Place))]
        workspace: Option<WorkspaceArg>,
        /// The collaborator's e-mail address or id
        #[arg(value_name = "EMAIL")]
        member: String,
    },
    /// Make a member its owner; the old owner becomes a collaborator
    #[command(allow_missing_positional = true)]
    Give {
        /// The workspace [default: this directory's]
        #[arg(value_name = "[ORG/]WORKSPACE", add = names_of(Noun::Place))]
        workspace: Option<WorkspaceArg>,
        /// The new owner's e-mail address or id
        #[arg(value_name = "EMAIL")]
        member: String,
    },
    /// Change its name, short name or description
    Rename {
        /// The workspace
        #[arg(value_name = "[ORG/]WORKSPACE", add = names_of(Noun::Place))]
        workspace: WorkspaceArg,
        /// The new name
        #[arg(required_unless_present_any = ["slug", "description"])]
        name: Option<String>,
        /// The new short name; addresses and .vestry.toml files with the old one stop working
        #[arg(long)]
        slug: Option<String>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
    },
    /// Delete one
    Delete {
        /// The workspace
        #[arg(value_name = "[ORG/]WORKSPACE", add = names_of(Noun::Place))]
        workspace: WorkspaceArg,
        /// Stop its running servers first
        #[arg(long)]
        stop: bool,
    },
}
