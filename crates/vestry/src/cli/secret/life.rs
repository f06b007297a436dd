//! A secret after it was written: its versions, holders, suspension and deletion.

use clap::{Args, value_parser};

use crate::{
    cli::target::Whose,
    complete::{Noun, names_of},
};

#[derive(Args)]
pub(crate) struct Holders {
    /// The secret
    #[arg(add = names_of(Noun::Secret))]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// Only who has this version
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) version: Option<u32>,
    /// Every start and run that it was handed to, also those that are over
    #[arg(long)]
    pub(crate) past: bool,
    /// The deleted secret of this name, also when there is another by now
    #[arg(long)]
    pub(crate) deleted: bool,
    /// The deleted secret with this id, as `list --deleted` says it
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
}

#[derive(Args)]
pub(crate) struct Suspend {
    /// The secret
    #[arg(add = names_of(Noun::Secret))]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// Only this version
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) version: Option<u32>,
    /// Why, for whoever finds it suspended
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Stop every server that holds it
    #[arg(long)]
    pub(crate) stop: bool,
    /// Restart every running server that holds it, batch by batch: they go on without it
    #[arg(long, conflicts_with = "stop")]
    pub(crate) restart: bool,
    /// Lift the suspension: starts and runs get it again
    #[arg(long, conflicts_with_all = ["reason", "stop", "restart"])]
    pub(crate) lift: bool,
}

#[derive(Args)]
pub(crate) struct Restore {
    /// The deleted secret; with --version one that is there
    #[arg(add = names_of(Noun::DeletedSecret))]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// Put the value of this older version back, as a new version
    #[arg(long, value_name = "N", conflicts_with = "id", value_parser = value_parser!(u32).range(1..))]
    pub(crate) version: Option<u32>,
    /// Which one, where several had the name: its id, as `list --deleted` says it
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
}

#[derive(Args)]
pub(crate) struct Destroy {
    /// The deleted secret; with --version one that is there
    #[arg(add = names_of(Noun::DeletedSecret))]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// Only the value of this older version
    #[arg(long, value_name = "N", conflicts_with = "id", value_parser = value_parser!(u32).range(1..))]
    pub(crate) version: Option<u32>,
    /// Which one, where several had the name: its id, as `list --deleted` says it
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
}
