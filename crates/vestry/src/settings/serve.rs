//! The settings of the control plane itself.

use std::{
    fs, io, mem,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    Environment,
    network::{self, NetworkSettings},
};
use crate::{
    cli::serve::{Installation, Reached, Serve},
    exit::Failure,
};

/// The settings file that is read when no other is named; it may be missing.
const FILE: &str = "/etc/vestry/vestry.toml";

/// Which installation: where its data and its root key are.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct InstallationSettings {
    /// The directory of everything that Vestry keeps.
    pub(crate) data_dir: PathBuf,
    /// The database; `None` for the embedded one in the data directory.
    pub(crate) database_url: Option<String>,
    /// Where the root key comes from: `file:PATH` or `env:NAME`.
    pub(crate) root_key: String,
    /// How servers run.
    pub(crate) servers: ServersSettings,
}

/// How servers run: the `[servers]` table of the settings file. Each of these widens or narrows what servers reach, so
/// they stand in a file that is reviewed and kept, not in a flag.
#[derive(Default, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServersSettings {
    /// `bubblewrap` or `none`.
    pub(crate) sandbox: Option<runtime::Sandbox>,
    /// `isolated`, `none` or `host`.
    pub(crate) network: Option<runtime::Network>,
    /// Folders of this machine that servers may read besides `/usr`.
    pub(crate) read_only_paths: Vec<PathBuf>,
    /// Networks and addresses that servers can't reach, besides this machine's, link-local ones and the database's.
    pub(crate) blocked_networks: Vec<String>,
    /// Where the range of uids for workspaces begins, when the control plane runs as root.
    pub(crate) first_uid: Option<u32>,
    /// How much memory each server may take, like `4 GiB`.
    pub(crate) memory: Option<runtime::Memory>,
}

impl ServersSettings {
    /// What the operator should be reminded of at every start.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = &'static str> {
        let sandbox = (self.sandbox == Some(runtime::Sandbox::None)).then_some(WITHOUT_SANDBOX);
        let network = (self.network == Some(runtime::Network::Host)).then_some(ON_HOST_NETWORK);
        sandbox.into_iter().chain(network)
    }
}

/// What `sandbox = "none"` means.
pub(crate) const WITHOUT_SANDBOX: &str =
    "Servers run WITHOUT a sandbox: each can read whatever its account can, other workspaces' too.";
/// What `network = "host"` means.
pub(crate) const ON_HOST_NETWORK: &str = "Servers share this machine's network: they reach all that listens on it.";

/// Everything that `vestry serve` works with.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct ServeSettings {
    /// Data and root key.
    pub(crate) installation: InstallationSettings,
    /// How it is reached.
    pub(crate) network: NetworkSettings,
    /// What is logged: a level, or directives like `info,sqlx=debug`.
    pub(crate) log: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    public_url: Option<String>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    #[serde(default)]
    trusted_proxies: Vec<String>,
    log: Option<String>,
    data_dir: Option<PathBuf>,
    database_url: Option<String>,
    root_key: Option<String>,
    #[serde(default)]
    servers: ServersSettings,
}

/// Resolves what `vestry serve` was called with (clap has already put the environment behind the flags).
///
/// # Errors
/// When the settings file can't be used, no place for the data is known, or other machines could read along.
pub(crate) fn resolve(args: Serve, environment: &Environment) -> Result<ServeSettings, Failure> {
    let mut file = read(args.installation.config.as_deref())?;
    let reached = args.reached;
    let network = network::resolve(Reached {
        listen: reached.listen.or(file.listen),
        public_url: reached.public_url.filter(|url| !url.is_empty()).or(file.public_url.take()),
        tls_cert: reached.tls_cert.or(file.tls_cert.take()),
        tls_key: reached.tls_key.or(file.tls_key.take()),
        trusted_proxy: match reached.trusted_proxy.concat().is_empty() {
            true => mem::take(&mut file.trusted_proxies),
            false => reached.trusted_proxy,
        },
    })?;
    let log = args.log.or_else(|| file.log.clone()).unwrap_or_else(|| "info".to_owned());
    Ok(ServeSettings { installation: installation(args.installation, file, environment)?, network, log })
}

/// Whether these settings are of somebody who runs a control plane here: one is given, or there is a settings file or a
/// data directory where they are without being told.
pub(crate) fn is_here(args: &Serve, environment: &Environment) -> bool {
    let Installation { config, data_dir, database_url, root_key } = &args.installation;
    let Reached { listen, public_url, tls_cert, tls_key, trusted_proxy } = &args.reached;
    let paths = [config, data_dir, tls_cert, tls_key].iter().any(|path| path.is_some());
    let texts = [database_url, root_key, public_url].iter().any(|text| text.is_some());
    let given = paths || texts || listen.is_some() || !trusted_proxy.is_empty();
    given || Path::new(FILE).exists() || environment.data_directory().is_ok_and(|directory| directory.exists())
}

/// Resolves which installation an operator's command is for.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn resolve_installation(
    args: Installation,
    environment: &Environment,
) -> Result<InstallationSettings, Failure> {
    let file = read(args.config.as_deref())?;
    installation(args, file, environment)
}

fn installation(args: Installation, file: File, environment: &Environment) -> Result<InstallationSettings, Failure> {
    let data_dir = match args.data_dir.or(file.data_dir) {
        Some(directory) => directory,
        None => environment.data_directory()?,
    };
    let root_key = match args.root_key.or(file.root_key) {
        Some(root_key) => root_key,
        None => format!("file:{}", environment.config_directory()?.join("root.key").display()),
    };
    let database_url = args.database_url.or(file.database_url);
    Ok(InstallationSettings { data_dir, database_url, root_key, servers: file.servers })
}

fn read(named: Option<&Path>) -> Result<File, Failure> {
    let path = named.unwrap_or(Path::new(FILE));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => return Ok(File::default()),
        Err(error) => return Err(Failure::not_configured(format!("{} can't be read: {error}", path.display()))),
    };
    // The parser's own message shows the line, and a database address may hold a password.
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Failure::not_configured(format!("{}, line {line}: {}", path.display(), error.message()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment {
            token: None,
            home: Some("/home/ada".into()),
            config_home: None,
            data_home: None,
            no_color: false,
            dumb: false,
        }
    }

    fn serve(config: Option<PathBuf>) -> Serve {
        let installation = Installation { config, data_dir: None, database_url: None, root_key: None };
        let reached =
            Reached { listen: None, public_url: None, tls_cert: None, tls_key: None, trusted_proxy: Vec::new() };
        Serve { installation, reached, log: None }
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vestry.toml");
        let text = "listen = \"127.0.0.1:1\"\ndata_dir = \"/srv/vestry\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n";
        fs::write(&path, text).unwrap();
        let mut args = serve(Some(path));
        args.reached.listen = Some("127.0.0.1:2".parse().unwrap());
        let settings = resolve(args, &environment()).unwrap();
        assert_eq!(settings.network.listen.port(), 2);
        assert_eq!(settings.network.trusted_proxies, ["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(settings.installation.data_dir, Path::new("/srv/vestry"));
        assert_eq!(settings.installation.root_key, "file:/home/ada/.config/vestry/root.key");
        assert_eq!(settings.log, "info");
    }

    #[test]
    fn how_servers_run_stands_in_the_file_and_what_is_dangerous_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vestry.toml");
        fs::write(&path, "[servers]\nsandbox = \"none\"\nnetwork = \"host\"\nblocked_networks = [\"192.0.2.0/24\"]\nmemory = \"4 GiB\"\n")
            .unwrap();
        let servers = resolve(serve(Some(path.clone())), &environment()).unwrap().installation.servers;
        assert_eq!(servers.blocked_networks, ["192.0.2.0/24"]);
        assert_eq!(servers.memory.unwrap().to_string(), "4 GiB");
        assert_eq!(servers.warnings().count(), 2);
        for wrong in ["sandbox = \"loose\"", "memory = \"4 gigabytes\"", "memory = 4096"] {
            fs::write(&path, format!("[servers]\n{wrong}\n")).unwrap();
            let failure = resolve(serve(Some(path.clone())), &environment()).unwrap_err();
            assert!(failure.message.contains("line 2"), "{}", failure.message);
        }
        assert_eq!(ServersSettings::default().warnings().count(), 0);
    }

    #[test]
    fn a_wrong_settings_file_is_told_by_line_without_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vestry.toml");
        fs::write(&path, "listen = \"127.0.0.1:1\"\ndatabase_urll = \"postgres://u:hunter2@db/v\"\n").unwrap();
        let failure = resolve(serve(Some(path)), &environment()).unwrap_err();
        assert!(failure.message.contains("line 2"), "{}", failure.message);
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        assert!(resolve(serve(Some(directory.path().join("missing"))), &environment()).is_err());
    }
}
