//! The sandbox and the servers' network, both tried; and the programs that they are made with.

use std::path::Path;

use runtime::{Network, Reason, Sandbox, Settings, Unavailable, machine::Tool};

use super::{super::report::Verdict, shell};

/// What came of starting a program as servers are started.
pub(in super::super) struct Trial {
    /// What the settings say.
    pub(in super::super) sandbox: Sandbox,
    /// What the settings say.
    pub(in super::super) network: Network,
    /// With these settings; the text: it could not be tried, and why.
    pub(in super::super) tried: Result<Result<(), Unavailable>, String>,
    /// The same without a network, where it was the network that failed.
    pub(in super::super) without_network: Option<Result<(), Unavailable>>,
}

/// The oldest bubblewrap that can forbid further user namespaces (`--disable-userns`).
const OLDEST_BUBBLEWRAP: (u32, u32) = (0, 8);

/// Whether servers can start.
pub(in super::super) fn judge(trial: &Trial) -> Verdict {
    let outcome = match (&trial.tried, &trial.without_network) {
        (Err(why), _) => return Verdict::unknown(why),
        (Ok(Ok(())), _) => Ok(()),
        (Ok(Err(_)), Some(without)) => without.as_ref().map(drop),
        (Ok(Err(failure)), None) => Err(failure),
    };
    match outcome {
        Ok(()) if trial.sandbox == Sandbox::None => Verdict::warning("[servers] sandbox = \"none\"")
            .because(crate::settings::serve::WITHOUT_SANDBOX)
            .remedy(["set [servers] sandbox = \"bubblewrap\" in the settings file, then restart the control plane"]),
        Ok(()) => Verdict::ok("a program was started in one, as servers are"),
        Err(failure) => Verdict::problem(&failure.message).because("No server starts."),
    }
}

/// Whether servers get the network that is set for them.
pub(in super::super) fn judge_network(trial: &Trial) -> Verdict {
    let failure = match &trial.tried {
        Err(why) => return Verdict::unknown(why),
        Ok(outcome) => outcome.as_ref().err(),
    };
    match (trial.sandbox, trial.network, failure) {
        (Sandbox::None, ..) => Verdict::unknown("not needed, since servers have no sandbox and share this machine's"),
        (_, Network::Host, _) => Verdict::warning("[servers] network = \"host\"")
            .because(crate::settings::serve::ON_HOST_NETWORK)
            .remedy(["set [servers] network = \"isolated\" in the settings file, then restart the control plane"]),
        (_, Network::Isolated, Some(failure)) if failure.reason == Reason::Network => {
            let tun = failure.message.contains("/dev/net/tun");
            let remedy: &[&str] = if tun { &["modprobe tun", "chmod 0666 /dev/net/tun"] } else { &[] };
            Verdict::problem(&failure.message).because("No server starts.").remedy(remedy)
        }
        (.., Some(_)) => Verdict::unknown("there is no sandbox to try it in"),
        (_, Network::None, None) => Verdict::ok("[servers] network = \"none\": servers have no way out"),
        (_, Network::Isolated, None) => Verdict::ok("a server's own network was made and connected with slirp4netns"),
    }
}

/// Whether bubblewrap is there, new enough, and no more powerful than it need be.
pub(in super::super) fn judge_bubblewrap(servers: &Settings, tool: Option<&Tool>) -> Verdict {
    if servers.sandbox == Sandbox::None {
        return Verdict::unknown("not needed, since servers have no sandbox");
    }
    let Some(tool) = tool else {
        return Verdict::problem(format!("bubblewrap is not installed: there is no bwrap in {}", folders(servers)))
            .because("The sandbox is made with it; without it no server starts. As root:")
            .remedy(["apt install bubblewrap"]);
    };
    let Some(version) = &tool.version else {
        return Verdict::unknown(format!("{} doesn't say its version", tool.path.display()));
    };
    let found = format!("{version} ({})", tool.path.display());
    if number(version).is_some_and(|version| version < OLDEST_BUBBLEWRAP) {
        return Verdict::problem(format!("{found} is too old"))
            .because(
                "Sandboxes need bubblewrap 0.8.0 or newer, which is in Debian 12. As root, on a system that has it:",
            )
            .remedy(["apt update && apt install bubblewrap"]);
    }
    if tool.setuid {
        return Verdict::warning(format!("{found} is setuid"))
            .because("It runs with root's rights, which Vestry doesn't need where user namespaces work. As root:")
            .remedy([format!("chmod u-s {}", shell(&tool.path))]);
    }
    Verdict::ok(found)
}

/// Whether slirp4netns is there.
pub(in super::super) fn judge_slirp4netns(servers: &Settings, tool: Option<&Tool>) -> Verdict {
    if servers.sandbox == Sandbox::None || servers.network != Network::Isolated {
        return Verdict::unknown("not needed with these settings");
    }
    match tool {
        Some(Tool { path, version, .. }) => {
            let version = version.as_deref().unwrap_or("of an unknown version");
            Verdict::ok(format!("{version} ({})", path.display()))
        }
        None => Verdict::problem(format!("slirp4netns is not installed: it is not in {}", folders(servers)))
            .because("It is the way out of a server's own network; without it no server starts. As root:")
            .remedy(["apt install slirp4netns"]),
    }
}

/// Where the runtime looks for programs, in words.
fn folders(servers: &Settings) -> String {
    let names: Vec<_> = servers.tool_paths.iter().map(|folder| folder.display().to_string()).collect();
    names.join(", ")
}

fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether the program itself can be executed by the uids that servers begin as; only asked when they have their own.
pub(in super::super) fn judge_program(program: &Path, mode: u32) -> Option<Verdict> {
    (mode & 0o001 == 0).then(|| {
        Verdict::problem(format!("{} can't be executed by other users", program.display()))
            .because("Each workspace's own uid begins with it, so no server starts.")
            .remedy([format!("chmod 755 {}", shell(program))])
    })
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    fn unavailable(reason: Reason, message: &str) -> Unavailable {
        Unavailable { reason, message: message.to_owned() }
    }

    fn trial(tried: Result<(), Unavailable>, without_network: Option<Result<(), Unavailable>>) -> Trial {
        Trial { sandbox: Sandbox::Bubblewrap, network: Network::Isolated, tried: Ok(tried), without_network }
    }

    fn both(trial: &Trial) -> (Status, Status) {
        (judge(trial).status, judge_network(trial).status)
    }

    #[test]
    fn a_sandbox_without_its_network_is_told_from_no_sandbox() {
        let no_network = || unavailable(Reason::Network, "no network");
        let no_sandbox = || unavailable(Reason::Sandbox, "no sandbox");
        assert_eq!(both(&trial(Ok(()), None)), (Status::Ok, Status::Ok));
        assert_eq!(both(&trial(Err(no_network()), Some(Ok(())))), (Status::Ok, Status::Problem));
        assert_eq!(both(&trial(Err(no_network()), Some(Err(no_sandbox())))), (Status::Problem, Status::Problem));
        assert_eq!(both(&trial(Err(no_sandbox()), None)), (Status::Problem, Status::Unknown));
        let untried = Trial { tried: Err("no".into()), ..trial(Ok(()), None) };
        assert_eq!(both(&untried), (Status::Unknown, Status::Unknown));
    }

    #[test]
    fn a_device_that_is_missing_has_its_own_remedy() {
        let failure = unavailable(Reason::Network, "slirp4netns can't use /dev/net/tun (open: No such file)");
        assert_eq!(
            judge_network(&trial(Err(failure), Some(Ok(())))).remedy,
            ["modprobe tun", "chmod 0666 /dev/net/tun"]
        );
    }

    #[test]
    fn what_the_settings_give_up_is_said() {
        let none = Trial { sandbox: Sandbox::None, ..trial(Ok(()), None) };
        assert_eq!(both(&none), (Status::Warning, Status::Unknown));
        assert!(judge(&none).why.contains("WITHOUT a sandbox"));
        let host = Trial { network: Network::Host, ..trial(Ok(()), None) };
        assert_eq!(both(&host), (Status::Ok, Status::Warning));
        let closed = Trial { network: Network::None, ..trial(Ok(()), None) };
        assert_eq!(both(&closed), (Status::Ok, Status::Ok));
    }

    fn servers(sandbox: Sandbox, network: Network) -> Settings {
        Settings { sandbox, network, ..Settings::new("/var/lib/vestry".into(), "/usr/bin/vestry".into()) }
    }

    #[test]
    fn bubblewrap_is_judged_by_its_version_and_its_rights() {
        let tool = |version: Option<&str>, setuid| Tool {
            path: "/usr/bin/bwrap".into(),
            setuid,
            version: version.map(str::to_owned),
        };
        let status =
            |tool: Option<Tool>| judge_bubblewrap(&servers(Sandbox::Bubblewrap, Network::None), tool.as_ref()).status;
        assert_eq!(status(None), Status::Problem);
        for (version, expected) in
            [("0.4.1", Status::Problem), ("0.8.0", Status::Ok), ("0.11.0", Status::Ok), ("1.0", Status::Ok)]
        {
            assert_eq!(status(Some(tool(Some(version), false))), expected, "{version}");
        }
        assert_eq!(status(Some(tool(None, false))), Status::Unknown);
        let setuid = judge_bubblewrap(&servers(Sandbox::Bubblewrap, Network::None), Some(&tool(Some("0.8.0"), true)));
        assert_eq!((setuid.status, setuid.remedy), (Status::Warning, vec!["chmod u-s /usr/bin/bwrap".to_owned()]));
        assert_eq!(judge_bubblewrap(&servers(Sandbox::None, Network::None), None).status, Status::Unknown);
    }

    #[test]
    fn slirp4netns_is_needed_only_for_a_network_of_its_own() {
        let status = |sandbox, network| judge_slirp4netns(&servers(sandbox, network), None).status;
        assert_eq!(status(Sandbox::Bubblewrap, Network::Isolated), Status::Problem);
        assert_eq!(status(Sandbox::Bubblewrap, Network::None), Status::Unknown);
        assert_eq!(status(Sandbox::None, Network::Isolated), Status::Unknown);
        let tool = Tool { path: "/usr/bin/slirp4netns".into(), setuid: false, version: None };
        assert_eq!(judge_slirp4netns(&servers(Sandbox::Bubblewrap, Network::Isolated), Some(&tool)).status, Status::Ok);
    }

    #[test]
    fn who_misses_a_program_is_told_where_it_was_looked_for() {
        let tool_paths = vec!["/opt/vestry/bin".into(), "/usr/bin".into()];
        let servers = Settings { tool_paths, ..servers(Sandbox::Bubblewrap, Network::Isolated) };
        for verdict in [judge_bubblewrap(&servers, None), judge_slirp4netns(&servers, None)] {
            assert!(verdict.found.ends_with("in /opt/vestry/bin, /usr/bin"), "{verdict:?}");
        }
    }

    #[test]
    fn a_private_program_starts_nothing_as_root() {
        assert_eq!(judge_program(Path::new("/root/vestry"), 0o700).unwrap().remedy, ["chmod 755 /root/vestry"]);
        assert_eq!(judge_program(Path::new("/usr/bin/vestry"), 0o755), None);
    }
}
