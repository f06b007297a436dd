//! Setting up, signing in, tokens.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::target::WorkspaceArg;

#[derive(Args)]
pub(crate) struct Setup {
    /// The setup code that `vestry serve` printed (it works once) [default: asked for]
    #[arg(long, value_name = "CODE")]
    pub(crate) setup_code: Option<String>,
    /// A file that holds the setup code, like setup-code in the data directory
    #[arg(long, value_name = "FILE", conflicts_with = "setup_code")]
    pub(crate) setup_code_file: Option<PathBuf>,
    /// The administrator's e-mail address [default: asked for]
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// The administrator's name [default: asked for]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The organization's name [default: asked for]
    #[arg(long)]
    pub(crate) organization: Option<String>,
    /// The organization's short name in addresses [default: made from its name]
    #[arg(long, value_name = "SLUG")]
    pub(crate) organization_slug: Option<String>,
    /// Take the password from stdin instead of asking
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Args)]
pub(crate) struct Login {
    /// The person's e-mail address [default: asked for]
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Take the password from stdin instead of asking
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Keep a token that already exists, from stdin
    #[arg(long, conflicts_with_all = ["email", "password_stdin"])]
    pub(crate) token_stdin: bool,
}

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Make a token; it is printed once
    Create {
        /// What it is for
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value_t = Access::Read, conflicts_with = "workspace")]
        access: Access,
        /// It may also write organization secrets
        #[arg(long, conflicts_with = "workspace")]
        organization_secrets: bool,
        /// When it ends, like 12h, 30d or 6w [default: never]
        #[arg(long, value_name = "SPAN")]
        expires_in: Option<String>,
        #[command(flatten)]
        whose: WhoseTokens,
    },
    /// List tokens
    List(WhoseTokens),
    /// Revoke a token; it ends at once
    Revoke {
        /// The token's id or name, as the list shows them
        #[arg(value_name = "TOKEN")]
        token_id: String,
        #[command(flatten)]
        whose: WhoseTokens,
    },
}

/// A workspace's tokens, or the person's own.
#[derive(Args)]
pub(crate) struct WhoseTokens {
    /// A workspace's own tokens, which may only start its runs [default: your personal tokens]
    #[arg(long, short, value_name = "[ORG/]WORKSPACE")]
    pub(crate) workspace: Option<WorkspaceArg>,
}

/// What a personal token may do.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Access {
    /// Look
    Read,
    /// Everything that the person may do, but for organization secrets
    Full,
}

impl Access {
    /// As the API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Full => "full",
        }
    }
}
