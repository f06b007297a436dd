//! Secrets out of a file, and their names into one.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::Reach;
use crate::cli::target::Whose;

#[derive(Args)]
pub(crate) struct Import {
    /// A file of .env text; `-` or nothing for stdin
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) whose: Whose,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// What to do with names that are taken
    #[arg(long, default_value = "fail")]
    pub(crate) mode: Mode,
    /// Import empty values too, instead of leaving their lines out
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// Only say what each line would do
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What an import does with names that are taken.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Import nothing at all
    Fail,
    /// Leave those that are there as they are
    Skip,
    /// Write a new version of those that are there
    Overwrite,
}

impl Mode {
    /// As the API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Overwrite => "overwrite",
        }
    }
}
