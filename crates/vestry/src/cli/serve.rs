//! The control plane and its operator's commands: they run on the machine and open the database themselves.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::Role;

/// Which installation.
#[derive(Args)]
pub(crate) struct Installation {
    /// A TOML file with these settings, for example: data_dir = "/srv/vestry" [default: /etc/vestry/vestry.toml, if it is there]
    #[arg(long, env = "VESTRY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The directory of everything that Vestry keeps
    #[arg(long, env = "VESTRY_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The database, like postgres://… [default: an embedded one in the data directory]
    #[arg(long, env = "VESTRY_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Where the root key comes from: file:PATH (outside the data directory) or env:NAME
    #[arg(long, env = "VESTRY_ROOT_KEY", value_name = "PROVIDER", hide_env_values = true)]
    pub(crate) root_key: Option<String>,
}

/// How the control plane is reached.
#[derive(Args)]
pub(crate) struct Reached {
    /// Where to listen [default: 127.0.0.1:8460]
    #[arg(long, env = "VESTRY_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// The https address that people and programs use; needed to listen beyond this machine
    #[arg(long, env = "VESTRY_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Do TLS with this certificate and its chain, in PEM form; read again when the file changes
    #[arg(long, env = "VESTRY_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM form
    #[arg(long, env = "VESTRY_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A proxy, or a network of proxies, to believe for whom it speaks (X-Forwarded-For); may be repeated
    #[arg(long, env = "VESTRY_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) installation: Installation,
    #[command(flatten)]
    pub(crate) reached: Reached,
    /// What to log on stderr: error, warn, info, debug or trace [default: info]
    #[arg(long, env = "VESTRY_LOG", value_name = "LEVEL")]
    pub(crate) log: Option<String>,
}

#[derive(Args)]
pub(crate) struct OrganizationCreate {
    /// The organization's name
    pub(crate) name: String,
    /// Its short name in addresses [default: made from its name]
    #[arg(long)]
    pub(crate) slug: Option<String>,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

#[derive(Args)]
pub(crate) struct MemberAdd {
    /// The person's e-mail address
    pub(crate) email: String,
    /// The organization's slug
    #[arg(long, value_name = "SLUG")]
    pub(crate) organization: String,
    /// The person's name, when they are new to this control plane [default: asked for]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The person's role
    #[arg(long, value_enum, default_value_t = Role::Member)]
    pub(crate) role: Role,
    /// Take a new person's password from stdin instead of asking
    #[arg(long)]
    pub(crate) password_stdin: bool,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// Whether a command of everybody's is meant for the installation itself, which only its operator can look into.
#[derive(Args)]
pub(crate) struct OfInstallation {
    /// The installation's own (the operator, on the control plane's machine)
    #[arg(long, conflicts_with = "organization")]
    pub(crate) installation: bool,
    #[command(flatten, next_help_heading = "With --installation")]
    pub(crate) which: Installation,
}
