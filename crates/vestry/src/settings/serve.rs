//! The settings of the control plane itself.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    cli::serve::{Installation, Serve},
    exit::Failure,
    settings::Environment,
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
        let sandbox = (self.sandbox == Some(runtime::Sandbox::None))
            .then_some("Servers run WITHOUT a sandbox: each can read whatever its account can, other workspaces' too.");
        let network = (self.network == Some(runtime::Network::Host))
            .then_some("Servers share this machine's network: they reach all that listens on it.");
        sandbox.into_iter().chain(network)
    }
}

/// Everything that `vestry serve` works with.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct ServeSettings {
    /// Data and root key.
    pub(crate) installation: InstallationSettings,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// What is logged: a level, or directives like `info,sqlx=debug`.
    pub(crate) log: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
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
/// When the settings file can't be used, or no place for the data is known.
pub(crate) fn resolve(args: Serve, environment: &Environment) -> Result<ServeSettings, Failure> {
    let file = read(args.installation.config.as_deref())?;
    let listen = args.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8460)));
    if !listen.ip().is_loopback() {
        return Err(Failure::not_configured(format!(
            "{listen} can be reached from other machines, and Vestry does not encrypt connections yet; nothing was \
             started"
        ))
        .help("listen on 127.0.0.1, and reach it through an SSH tunnel"));
    }
    let log = args.log.or_else(|| file.log.clone()).unwrap_or_else(|| "info".to_owned());
    Ok(ServeSettings { installation: installation(args.installation, file, environment)?, listen, log })
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
        Serve { installation, listen: None, log: None }
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vestry.toml");
        fs::write(&path, "listen = \"127.0.0.1:1\"\ndata_dir = \"/srv/vestry\"\n").unwrap();
        let mut args = serve(Some(path));
        args.listen = Some("127.0.0.1:2".parse().unwrap());
        let settings = resolve(args, &environment()).unwrap();
        assert_eq!(settings.listen.port(), 2);
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
    fn it_never_listens_where_other_machines_could_read_along() {
        for address in ["0.0.0.0:8460", "[::]:8460", "192.0.2.1:8460"] {
            let mut args = serve(None);
            args.listen = Some(address.parse().unwrap());
            assert!(resolve(args, &environment()).is_err(), "{address}");
        }
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
