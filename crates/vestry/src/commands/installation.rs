//! What `vestry serve` and the operator's commands open: data directory, database, root key, runtime.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};

use control::{
    app::{Passwords, boot},
    keys::KeyProvider,
};

use crate::{
    exit::Failure,
    settings::{Environment, serve::InstallationSettings},
};

/// The embedded database's file in the data directory.
pub(super) const DATABASE: &str = "vestry.sqlite";
/// This program, also after its file was replaced by a newer one.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// The same for an installation that must be there already: nothing is made.
///
/// # Errors
/// When it is not there; otherwise as [`settings`].
pub(super) fn existing(given: &InstallationSettings, environment: &Environment) -> Result<boot::Settings, Failure> {
    let database = given.data_dir.join(DATABASE);
    let needed = if given.database_url.is_some() { &given.data_dir } else { &database };
    match needed.metadata() {
        Ok(_) => settings(given, environment),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(none_there(given)),
        Err(error) => Err(Failure::not_configured(format!("{} can't be used: {error}", needed.display()))),
    }
}

/// There is no installation to work on.
pub(super) fn none_there(given: &InstallationSettings) -> Failure {
    let place = match given.database_url {
        Some(_) => "in this database".to_owned(),
        None => format!("in {}", given.data_dir.display()),
    };
    Failure::not_configured(format!("there is no installation {place}; nothing was done"))
        .help("give the settings that `vestry serve` has:  --data-dir, --database-url or --config")
}

/// Makes the data directory if it is missing, and puts together what the control plane is opened with.
///
/// # Errors
/// When the directory can't be made, or the root key's provider is unknown.
pub(super) fn settings(given: &InstallationSettings, environment: &Environment) -> Result<boot::Settings, Failure> {
    let unusable = |error| {
        Failure::not_configured(format!("the data directory {} can't be used: {error}", given.data_dir.display()))
            .help("choose another one with --data-dir")
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&given.data_dir).map_err(unusable)?;
    let data_dir = given.data_dir.canonicalize().map_err(unusable)?;
    let directory = data_dir.metadata().map_err(unusable)?;
    if directory.mode() & 0o022 != 0 || directory.uid() != rustix::process::geteuid().as_raw() {
        let message = format!("others may write into the data directory {}; nothing was done", data_dir.display());
        return Err(Failure::not_configured(message).help("make it yours alone (chmod 700), or use --data-dir"));
    }
    let Parts { database_url, key_provider, runtime } = parts(given, environment, &data_dir)?;
    let passwords = Passwords::new().map_err(|error| Failure::not_configured(error.to_string()))?;
    Ok(boot::Settings { database_url, data_dir, key_provider, runtime, passwords })
}

/// What an installation is made of, before anything of it is opened.
pub(super) struct Parts {
    /// `sqlite:…` or `postgres://…`.
    pub(super) database_url: String,
    /// Where the root key comes from.
    pub(super) key_provider: KeyProvider,
    /// Where servers run.
    pub(super) runtime: runtime::Settings,
}

/// Reads the settings; touches nothing. The data directory is an absolute path.
///
/// # Errors
/// When the root key's provider is unknown.
pub(super) fn parts(
    given: &InstallationSettings,
    environment: &Environment,
    data_dir: &Path,
) -> Result<Parts, Failure> {
    let (key_provider, key_file) = match given.root_key.split_once(':') {
        Some(("file", path)) => {
            let path = std::path::absolute(path)
                .map_err(|error| Failure::not_configured(format!("the root key's path can't be used: {error}")))?;
            (KeyProvider::File { path: path.clone(), data_dir: data_dir.to_owned() }, Some(path))
        }
        Some(("env", name)) => (KeyProvider::Env(environment.root_key(name)), None),
        _ => {
            return Err(Failure::not_configured("the root key's provider is unknown; nothing was started")
                .help("use --root-key file:PATH or --root-key env:NAME"));
        }
    };
    let mut runtime = runtime::Settings::new(data_dir.to_owned(), THIS_PROGRAM.into());
    runtime.hidden_paths.extend(key_file);
    let servers = &given.servers;
    runtime.sandbox = servers.sandbox.unwrap_or(runtime.sandbox);
    runtime.network = servers.network.unwrap_or(runtime.network);
    runtime.first_uid = servers.first_uid.unwrap_or(runtime.first_uid);
    runtime.memory = servers.memory;
    runtime.read_only_paths.extend(servers.read_only_paths.iter().cloned());
    runtime.blocked_networks.extend(servers.blocked_networks.iter().cloned());
    let database_url = given.database_url.clone().unwrap_or_else(|| embedded(data_dir));
    Ok(Parts { database_url, key_provider, runtime })
}

/// The embedded database's address: its path with everything escaped that an address could misread.
fn embedded(data_dir: &Path) -> String {
    let path = data_dir.join(DATABASE);
    let escaped: String = path
        .to_string_lossy()
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("sqlite://{escaped}?mode=rwc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_directory_makes_a_database_address() {
        assert_eq!(embedded(Path::new("/srv/my data?#%")), "sqlite:///srv/my%20data%3F%23%25/vestry.sqlite?mode=rwc");
    }
}
