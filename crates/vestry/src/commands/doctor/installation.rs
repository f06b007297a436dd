//! The operator's half: what a control plane on this machine needs, observed as the account that runs this.

use std::{
    fs, io,
    net::{SocketAddr, TcpStream},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use control::{
    app::inspection::{self, Database, Schema},
    keys::KeyProvider,
    store::server_of,
};
use runtime::{LimitFound, Network, NewError, Reason, Runtime, Sandbox, Unavailable, machine};
use rustix::{
    fs::{Access, AtFlags, CWD, accessat},
    process::geteuid,
};

use super::{
    super::installation::{self, DATABASE, Parts},
    judge::{
        self,
        database::Place,
        directories::{DataDirectory, written},
        encryption::Certificate,
        sandbox::Trial,
    },
    report::{Part, Report, Verdict},
};
use crate::{
    address::Address,
    cli::serve::Serve,
    client::now,
    exit::Failure,
    settings::{
        Environment,
        network::NetworkSettings,
        serve::{self, ServeSettings},
    },
    time::When,
};

/// How long something on this machine may take to answer a connection.
const ANSWER: Duration = Duration::from_secs(2);

/// What needs the settings, and can't be looked at without them.
const WITH_SETTINGS: &[&str] = &[
    "data_directory",
    "control_plane",
    "database",
    "root_key",
    "encryption",
    "user_namespaces",
    "bubblewrap",
    "sandbox",
    "slirp4netns",
    "servers_network",
    "uid_range",
    "memory_limit",
    "disk_space",
];

/// Looks at everything that a control plane needs here.
pub(super) fn look(args: Serve, environment: &Environment, report: &mut Report) {
    let running = match settings(args, environment) {
        Ok(found) => {
            report.add(Part::Installation, "settings", Verdict::ok("they fit together"));
            found.look(report)
        }
        Err(failure) => {
            report.add(Part::Installation, "settings", Verdict::failed(&failure));
            for name in WITH_SETTINGS {
                report.add(Part::Installation, name, Verdict::unknown("the settings can't be used"));
            }
            None
        }
    };
    let swaps = machine::swaps().map_err(|error| error.to_string());
    let mut add = |name, verdict| report.add(Part::Installation, name, verdict);
    add("swap", judge::swap::judge(&swaps));
    add("core_dumps", judge::dumps::judge(&machine::core_dumps(running)));
    add("clock", judge::clock::judge(machine::clock()));
}

struct Found {
    settings: ServeSettings,
    parts: Parts,
    data_dir: PathBuf,
}

fn settings(args: Serve, environment: &Environment) -> Result<Found, Failure> {
    let settings = serve::resolve(args, environment)?;
    let given = &settings.installation.data_dir;
    let data_dir = given.canonicalize().or_else(|_| std::path::absolute(given));
    let data_dir = data_dir.map_err(|error| Failure::not_configured(format!("the data directory: {error}")))?;
    let mut parts = installation::parts(&settings.installation, environment, &data_dir)?;
    // What can't be found is said of the certificate.
    parts.runtime.hidden_paths.extend(settings.network.key_file().ok().flatten());
    Ok(Found { settings, parts, data_dir })
}

impl Found {
    /// Adds the checks in the order of what rests on what; gives the process of the control plane, if one runs.
    fn look(&self, report: &mut Report) -> Option<u32> {
        let root = geteuid().is_root();
        let servers = &self.parts.runtime;
        let namespaces = machine::user_namespaces(&servers.program, root.then_some(servers.first_uid));
        let namespaces = namespaces.map_err(|error| error.to_string());
        let holder = machine::holder(&self.data_dir.join("lock")).map_err(|error| error.to_string());
        let running = holder.as_ref().ok().copied().flatten();
        let account = machine::account(geteuid().as_raw());
        let mut add = |name, verdict| report.add(Part::Installation, name, verdict);

        let directory = directory(&self.data_dir);
        add("data_directory", judge::directories::judge(&self.data_dir, &directory));
        let network = &self.settings.network;
        add("control_plane", judge::running::judge(&holder, network.listen, answers(network.listen)));
        let (findings, trial) = match tokio::runtime::Runtime::new() {
            Ok(tokio) => tokio.block_on(async { (Ok(self.inspect().await), self.try_sandbox().await) }),
            Err(error) => (Err(error.to_string()), self.untried(error.to_string())),
        };
        match &findings {
            // What this account may read says nothing of what the control plane's may.
            _ if directory.is_others() => {
                let unknown = || Verdict::unknown("the data directory is another account's");
                ["database", "root_key"].into_iter().for_each(|name| add(name, unknown()));
            }
            Ok(found) => {
                let (file, server) = (self.data_dir.join(DATABASE), server_of(&self.parts.database_url));
                let place = match (&self.settings.installation.database_url, &server) {
                    (None, _) => Place::File(&file),
                    (Some(_), Some((host, port))) => Place::Server(host, *port),
                    (Some(_), None) => Place::Elsewhere,
                };
                add("database", judge::database::judge(&found.database, place, running));
                let place = match &self.parts.key_provider {
                    KeyProvider::File { path, .. } => Some(path.as_path()),
                    KeyProvider::Env(_) => None,
                };
                // What a running control plane has sealed is elsewhere.
                let nothing =
                    matches!(found.database, Database::Missing | Database::Found { schema: Schema::None, .. });
                let elsewhere = running.is_some() && nothing;
                let data_keys = found.data_keys.filter(|_| !elsewhere);
                add("root_key", judge::root_key::judge(&found.root_key, place, data_keys, &account));
            }
            Err(why) => ["database", "root_key"].into_iter().for_each(|name| add(name, Verdict::unknown(why))),
        }
        add("encryption", encryption(network));

        let needed = servers.sandbox == Sandbox::Bubblewrap;
        let tool = |name| machine::tool(name, &servers.tool_paths);
        let unneeded = || Verdict::unknown("not needed, since servers have no sandbox");
        add("user_namespaces", if needed { judge::namespaces::judge(&namespaces) } else { unneeded() });
        add("bubblewrap", judge::sandbox::judge_bubblewrap(servers, tool("bwrap").as_ref()));
        add("slirp4netns", judge::sandbox::judge_slirp4netns(servers, tool("slirp4netns").as_ref()));
        add("sandbox", self.program(root).unwrap_or_else(|| judge::sandbox::judge(&trial)));
        add("servers_network", judge::sandbox::judge_network(&trial));
        let claims = machine::claims(servers.first_uid).map_err(|error| error.to_string());
        add("uid_range", judge::uids::judge((!root).then_some(&account), servers.first_uid, &claims));
        add("memory_limit", judge::memory::judge(&LimitFound::look(servers.memory, running)));
        let room = written(&self.data_dir);
        let room = room.map(|(what, path)| (what, machine::disk(&path).map_err(|error| error.to_string())));
        add("disk_space", judge::directories::judge_room(&room));
        running
    }

    async fn inspect(&self) -> inspection::Findings {
        inspection::look(&self.parts.database_url, &self.parts.key_provider).await
    }

    /// Starts a program as servers are started, with the settings that they have.
    async fn try_sandbox(&self) -> Trial {
        let settings = &self.parts.runtime;
        let attempt = async |network: Network| {
            let runtime = Runtime::to_try(runtime::Settings { network, ..settings.clone() });
            // With such settings no control plane starts.
            let refused = |error: NewError| Unavailable { reason: Reason::Internal, message: error.to_string() };
            runtime.map_err(refused)?.check().await
        };
        let tried = attempt(settings.network).await;
        let of_network = matches!(&tried, Err(failure) if failure.reason == Reason::Network);
        let without_network = if of_network { Some(attempt(Network::None).await) } else { None };
        Trial { sandbox: settings.sandbox, network: settings.network, tried: Ok(tried), without_network }
    }

    fn untried(&self, why: String) -> Trial {
        let runtime::Settings { sandbox, network, .. } = self.parts.runtime;
        Trial { sandbox, network, tried: Err(why), without_network: None }
    }

    /// What keeps workspaces' own uids from beginning with this program.
    fn program(&self, root: bool) -> Option<Verdict> {
        let program = std::env::current_exe().ok().filter(|_| root)?;
        judge::sandbox::judge_program(&program, program.metadata().ok()?.mode())
    }
}

fn directory(path: &Path) -> DataDirectory {
    match fs::metadata(path) {
        Ok(found) => DataDirectory::Found {
            mode: found.mode() & 0o7777,
            owner: machine::account(found.uid()),
            own: found.uid() == geteuid().as_raw(),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DataDirectory::Missing { unusable: unusable_above(path) }
        }
        Err(error) => DataDirectory::Unreadable(error.to_string()),
    }
}

/// The nearest directory above a path that is there, if this account can't make anything in it.
fn unusable_above(path: &Path) -> Option<PathBuf> {
    let above = path.ancestors().skip(1).find(|above| above.exists())?;
    let makes = above.is_dir() && accessat(CWD, above, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok();
    (!makes).then(|| above.to_owned())
}

/// Whether something listens at the control plane's address, reached from this machine.
fn answers(listen: SocketAddr) -> bool {
    let here = match listen {
        SocketAddr::V4(at) if at.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], at.port())),
        SocketAddr::V6(at) if at.ip().is_unspecified() => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], at.port())),
        other => other,
    };
    here.port() != 0 && TcpStream::connect_timeout(&here, ANSWER).is_ok()
}

fn encryption(network: &NetworkSettings) -> Verdict {
    let Some(files) = &network.tls else {
        return judge::encryption::judge_without(network.public_url.is_some(), network.warning());
    };
    let tls = match files.read() {
        Ok(tls) => tls,
        Err(failure) => return Verdict::failed(&failure),
    };
    let host = network.public_url.as_ref().and_then(Address::host);
    let host = host.map(|host| (host.clone(), tls.is_for(&host)));
    let found = Certificate {
        path: &files.certificate,
        key: &files.key,
        key_mode: files.key.metadata().ok().map(|file| file.mode() & 0o7777),
        validity: tls.validity().and_then(|(begins, ends)| Some((When::of(begins)?, When::of(ends)?))),
        host: host.as_ref().map(|(host, fits)| (host.as_str(), *fits)),
    };
    judge::encryption::judge(&found, now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_can_only_be_made_in_one() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(unusable_above(&home.path().join("a/b/c")), None);
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(unusable_above(&file.join("a/b")), Some(file));
    }
}
