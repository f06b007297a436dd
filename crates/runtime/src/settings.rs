use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{HOME, Memory, cidr::Cidr};

/// What confines a server's processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// bubblewrap; a server that can't be confined doesn't start.
    Bubblewrap,
    /// Nothing: servers can read whatever the account they run as can read. The operator's explicit choice.
    None,
}

/// What network a server has. Without a sandbox it is always the host's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Its own, with a way out that reaches neither this machine nor the blocked networks.
    Isolated,
    /// Its own, without a way out.
    None,
    /// This machine's, with all that listens on it.
    Host,
}

/// How servers run here.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data directory. The runtime owns `run/`, `homes/` and `logs/` in it.
    pub directory: PathBuf,
    /// The executable whose `supervise` and `shim` subcommands call [`supervise()`](crate::supervise()) and
    /// [`shim()`](crate::shim()).
    pub program: PathBuf,
    /// What confines servers.
    pub sandbox: Sandbox,
    /// What network they have.
    pub network: Network,
    /// What servers may read besides `/usr` and what belongs to it, at the same path; for example `/opt`.
    pub read_only_paths: Vec<PathBuf>,
    /// What no server may ever see, besides the data directory: the root key, the configuration. Settings that would
    /// show one of them are refused.
    pub hidden_paths: Vec<PathBuf>,
    /// Networks (`192.0.2.0/24`) and addresses that servers can't reach, besides link-local and this machine's.
    pub blocked_networks: Vec<String>,
    /// Where the range of uids for workspaces begins; used only when the control plane runs as root.
    pub first_uid: u32,
    /// How much memory each server may take, where this machine can enforce it.
    pub memory: Option<Memory>,
    /// The control plane's own control group; `None`: the one that the kernel says it is in.
    pub control_group: Option<PathBuf>,
    /// The folders in which `bwrap` and `slirp4netns` are looked for.
    pub tool_paths: Vec<PathBuf>,
}

impl Settings {
    /// Sandboxed and isolated, with nothing extra to read and the uids from 2,000,000,000.
    pub fn new(directory: PathBuf, program: PathBuf) -> Self {
        Self {
            directory,
            program,
            sandbox: Sandbox::Bubblewrap,
            network: Network::Isolated,
            read_only_paths: Vec::new(),
            hidden_paths: Vec::new(),
            blocked_networks: Vec::new(),
            first_uid: 2_000_000_000,
            memory: None,
            control_group: None,
            tool_paths: ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from).into(),
        }
    }

    /// Checks that the settings keep hidden what must be hidden, and gives the blocked networks.
    pub(crate) fn validate(&self) -> Result<Vec<Cidr>, InvalidSettings> {
        for path in self.read_only_paths.iter().chain(&self.hidden_paths).chain([&self.directory, &self.program]) {
            let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
            if !path.is_absolute() || !plain || path.to_str().is_none_or(|text| text.contains(['\0', '\n'])) {
                return Err(InvalidSettings(format!(
                    "{} is not an absolute path in UTF-8 without `..`",
                    path.display()
                )));
            }
        }
        for path in &self.read_only_paths {
            let shows = |own: &&&str| path.starts_with(own) || Path::new(own).starts_with(path);
            let replaces = |own: &&&str| Path::new(own).starts_with(path);
            if let Some(own) = OWN_PATHS.iter().find(shows).or(OWN_FOLDERS.iter().find(replaces)) {
                return Err(InvalidSettings(format!(
                    "the read-only path {} can't be shown to servers, because each has its own {own}",
                    path.display()
                )));
            }
        }
        for hidden in self.hidden_paths.iter().chain([&self.directory]) {
            let shown = self.read_only_paths.iter().map(PathBuf::as_path).chain(SHOWN_PATHS.iter().map(Path::new));
            for shown in shown {
                if overlap(&resolved(hidden), &resolved(shown)) {
                    return Err(InvalidSettings(format!(
                        "{} would be visible to servers, which can read {}: move it",
                        hidden.display(),
                        shown.display()
                    )));
                }
            }
        }
        if self.directory.starts_with(HOME) {
            return Err(InvalidSettings(format!("the data directory can't be below {HOME}, the servers' own path")));
        }
        let parse = |text: &String| {
            text.parse().map_err(|()| InvalidSettings(format!("the blocked network `{text}` is not like 192.0.2.0/24")))
        };
        self.blocked_networks.iter().map(parse).collect()
    }
}

/// What every sandbox shows of the host.
pub(crate) const SHOWN_PATHS: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What every sandbox has of its own, with all that is in it.
const OWN_PATHS: &[&str] = &["/proc", "/dev", "/tmp", "/run", HOME];

/// What every sandbox has of its own, and where more of the host may be shown.
const OWN_FOLDERS: &[&str] = &["/etc", "/home"];

fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The path without symlinks where it exists; what doesn't exist yet is taken as it is written.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Settings under which servers could see what they must not, or that mean nothing. Nothing was started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSettings(pub(crate) String);

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut Settings)) -> Result<Vec<Cidr>, InvalidSettings> {
        let mut settings = Settings::new("/var/lib/vestry".into(), "/usr/bin/vestry".into());
        change(&mut settings);
        settings.validate()
    }

    #[test]
    fn the_default_is_valid() {
        assert!(with(|_| ()).is_ok());
        assert!(with(|settings| settings.read_only_paths = vec!["/opt".into(), "/etc/java-17-openjdk".into()]).is_ok());
    }

    #[test]
    fn nothing_hidden_may_be_shown() {
        for path in ["/", "/var", "/var/lib/vestry", "/var/lib/vestry/homes", "/srv/keys"] {
            let result = with(|settings| {
                settings.hidden_paths = vec!["/srv/keys/root".into()];
                settings.read_only_paths = vec![path.into()];
            });
            assert!(result.is_err(), "{path}");
        }
        assert!(with(|settings| settings.directory = "/usr/share/vestry".into()).is_err());
        assert!(with(|settings| settings.hidden_paths = vec!["/usr/etc/key".into()]).is_err());
    }

    #[test]
    fn paths_of_the_sandbox_itself_stay_its_own() {
        for path in ["/proc", "/run/secrets", "/etc", "/home/workspace/x", "/home", "relative", "/opt/../var"] {
            assert!(with(|settings| settings.read_only_paths = vec![path.into()]).is_err(), "{path}");
        }
    }

    #[test]
    fn blocked_networks_are_read_or_refused() {
        assert_eq!(with(|settings| settings.blocked_networks = vec!["10.0.0.0/8".into()]).unwrap().len(), 1);
        assert!(with(|settings| settings.blocked_networks = vec!["ten".into()]).is_err());
    }
}
