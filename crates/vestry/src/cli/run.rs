//! Running a command with a workspace's secrets.

use std::ffi::OsString;

use clap::Args;

use super::target::InWorkspace;

#[derive(Args)]
#[command(override_usage = "vestry run [OPTIONS] [--] <CMD>...")]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) workspace: InWorkspace,
    /// Only these secrets [default: all that the workspace's servers get]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Where both set a variable, keep this environment's
    #[arg(long)]
    pub(crate) keep_env: bool,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}
