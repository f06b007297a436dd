//! Secrets.

pub(crate) mod import;
pub(crate) mod life;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Subcommand};

use self::{
    import::Import,
    life::{Destroy, Holders, Restore, Suspend},
};
use super::{InOrganization, restart::Rolling, target::Whose};
use crate::complete::{Noun, names_of};

#[derive(Subcommand)]
pub(crate) enum Secret {
    /// Write a value: asked for without showing it, or from stdin, or from a file
    Set(Set),
    /// Write the values of a .env file: all of them or none, after a look at what each line does
    Import(Import),
    /// List secrets; values are never shown
    List {
        #[command(flatten)]
        whose: Whose,
        /// The deleted ones that can be restored
        #[arg(long)]
        deleted: bool,
    },
    /// Print the names as a .env file without values, for whoever has to fill one in
    Example {
        #[command(flatten)]
        whose: Whose,
    },
    /// Show what is known of a secret, but for its value
    Show {
        /// The secret
        #[arg(add = names_of(Noun::Secret))]
        name: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// List a secret's versions, newest first
    History {
        /// The secret
        #[arg(add = names_of(Noun::Secret))]
        name: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Say which servers hold a secret now, and whose runs read it
    Holders(Holders),
    /// Keep a secret, or one version of it, from every start and run until that is lifted
    Suspend(Suspend),
    /// Change a secret's description, or which workspaces an organization secret reaches
    Edit(Edit),
    /// Give a secret another name
    Rename {
        /// The secret
        #[arg(add = names_of(Noun::Secret))]
        name: String,
        /// Its new name
        new_name: String,
        #[command(flatten)]
        whose: Whose,
        /// Only say what it would do: which workspaces and servers would feel it
        #[arg(long)]
        dry_run: bool,
    },
    /// Restart the running servers that differ because of a secret, batch by batch, also of a deleted one
    RestartHolders {
        /// The secret
        #[arg(add = names_of(Noun::Secret))]
        name: String,
        /// Only these of those servers [default: all of them]
        #[arg(value_name = "[WORKSPACE/]SERVER", add = names_of(Noun::Server))]
        servers: Vec<String>,
        /// The deleted secret with this id
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        rolling: Rolling,
    },
    /// Bring a deleted secret back, or with --version an older value of one that is there
    Restore(Restore),
    /// Erase the values of a deleted secret for good, or with --version an older one of one that is there
    Destroy(Destroy),
    /// Which secrets of an organization are used, and how old their values are (its administrators)
    Report(Report),
    /// Delete a secret; its name is free at once
    Delete {
        /// The secret
        #[arg(add = names_of(Noun::Secret))]
        name: String,
        #[command(flatten)]
        whose: Whose,
        /// Only if it still has this revision, as `show` says it
        #[arg(long, value_name = "REVISION")]
        if_match: Option<String>,
        /// Only say what it would do: which workspaces and servers would feel it
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) organization: InOrganization,
    /// Only those that no start or run was handed for so many days
    #[arg(long, value_name = "DAYS", num_args = 0..=1, default_missing_value = "90")]
    pub(crate) unused: Option<u16>,
    /// Only those whose value was not written for so many days
    #[arg(long, value_name = "DAYS", num_args = 0..=1, default_missing_value = "365")]
    pub(crate) unchanged: Option<u16>,
}

#[derive(Args)]
pub(crate) struct Set {
    /// The environment variable's name
    // Optional, so that `set --org NAME` gets an answer that helps.
    #[arg(add = names_of(Noun::Secret))]
    pub(crate) name: Option<String>,
    /// Catches a value on the command line
    #[arg(hide = true)]
    pub(crate) value: Vec<OsString>,
    /// Catches a value on the command line
    #[arg(long = "value", hide = true, num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "clap's way to tell `--value` from `--value X` and from neither")]
    pub(crate) value_flag: Option<Option<OsString>>,
    #[command(flatten)]
    pub(crate) whose: Whose,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Take the value from a file, byte for byte
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
    /// Keep the final newline of a single line from stdin
    #[arg(long)]
    pub(crate) verbatim: bool,
    /// What it is for
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// The value may be empty
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// Only if it still has this revision, as `show` says it
    #[arg(long, value_name = "REVISION", conflicts_with = "create_only")]
    pub(crate) if_match: Option<String>,
    /// Only if the name is free
    #[arg(long)]
    pub(crate) create_only: bool,
    /// Only say what it would do: which workspaces and servers would feel it. No value is asked for
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Which workspaces an organization secret reaches.
#[derive(Args)]
pub(crate) struct Reach {
    /// The organization secret reaches all workspaces, also those created later
    #[arg(long, conflicts_with = "workspaces")]
    pub(crate) all: bool,
    /// The organization secret reaches only these workspaces
    #[arg(long, value_name = "A,B", value_delimiter = ',', num_args = 0.., add = names_of(Noun::Workspace))]
    pub(crate) workspaces: Option<Vec<String>>,
}

#[derive(Args)]
pub(crate) struct Edit {
    /// The secret
    #[arg(add = names_of(Noun::Secret))]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) whose: Whose,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// One more workspace that it reaches
    #[arg(long, value_name = "WORKSPACE", conflicts_with_all = ["all", "workspaces"], add = names_of(Noun::Workspace))]
    pub(crate) add_workspace: Vec<String>,
    /// One workspace less
    #[arg(long, value_name = "WORKSPACE", conflicts_with_all = ["all", "workspaces"], add = names_of(Noun::Workspace))]
    pub(crate) remove_workspace: Vec<String>,
    /// What it is for
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Only if it still has this revision, as `show` says it
    #[arg(long, value_name = "REVISION")]
    pub(crate) if_match: Option<String>,
    /// Only say what another access would do: which workspaces and servers would feel it
    #[arg(long, conflicts_with_all = ["add_workspace", "remove_workspace", "description"])]
    pub(crate) dry_run: bool,
}
