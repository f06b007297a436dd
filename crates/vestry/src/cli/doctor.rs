//! Looking for what is wrong.

use clap::Args;

use super::serve::Serve;

#[derive(Args)]
#[command(after_help = "\
Without --installation and --client, both are looked at as far as they are here: the installation where there is a \
setting, a settings file or a data directory of vestry serve; the client where an address or a token is known, or \
there is no installation.

Examples:
  vestry doctor                                  as the account that runs the control plane, or anywhere else
  vestry doctor --config /etc/vestry/vestry.toml
  vestry doctor --client --url https://vestry.example.org
  vestry doctor --json")]
pub(crate) struct Doctor {
    /// Look only at what the control plane of this machine needs
    #[arg(long, conflicts_with = "client")]
    pub(crate) installation: bool,
    /// Look only at what the command line needs to reach a control plane
    #[arg(long)]
    pub(crate) client: bool,
    #[command(flatten, next_help_heading = "The settings of vestry serve")]
    pub(crate) serve: Serve,
}
