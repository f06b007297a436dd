use std::{net::TcpListener, os::unix::fs::MetadataExt};

use runtime::{Network, Sandbox};

use crate::support::*;

#[tokio::test]
async fn read_only_paths_are_shown_and_stay_read_only() {
    // Not below /tmp, which is the server's own.
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::write(folder.path().join("data"), "shared").unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let machine = Machine::with(|settings| settings.read_only_paths = vec![folder.path().to_owned()]);
    let path = folder.path().display();
    let (_, output) = machine.output(Place::new(), &format!("cat {path}/data; touch {path}/new 2>&1 || echo no")).await;
    assert!(output.starts_with("shared") && output.contains("Read-only") && output.ends_with("no\n"), "{output}");
}

#[tokio::test]
async fn without_a_network_there_is_only_the_servers_own_loopback() {
    let machine = Machine::with(|settings| settings.network = Network::None);
    let (_, output) = machine.output(Place::new(), "tail -n +3 /proc/net/dev | cut -d: -f1 | grep -v '0$'").await;
    assert_eq!(output.trim(), "lo");
}

#[tokio::test]
async fn an_isolated_server_has_a_way_out_and_a_resolver() {
    let machine = Machine::new();
    let script = "grep -c tap0 /proc/net/route; cut -d. -f4 /etc/resolv.conf; grep -c : /proc/net/tcp";
    let (_, output) = machine.output(Place::new(), script).await;
    // Its own network and the default route; the resolver is slirp4netns; none of the host's sockets.
    assert_eq!(output, "2\n3\n0\n");
}

#[tokio::test]
async fn the_host_network_is_shared_when_the_operator_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let machine = Machine::with(|settings| settings.network = Network::Host);
    let script =
        format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}' && echo reached", listener.local_addr().unwrap().port());
    assert_eq!(machine.output(Place::new(), &script).await.1, "reached\n");
}

#[tokio::test]
async fn without_a_sandbox_a_server_runs_in_its_home_and_is_stopped_all_the_same() {
    let machine = Machine::with(|settings| settings.sandbox = Sandbox::None);
    // The workspace's uid, when there is one, must reach its home.
    std::fs::set_permissions(machine.data(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let place = Place::new();
    let environment = base().secret("KEY", value("a-secret-value"));
    let script = "echo $KEY; pwd; echo $HOME; (trap '' TERM; setsid sleep 1000 &); sleep 1000 & echo up; wait";
    let start = machine.start(place.shell_with(script, environment)).await;
    machine.logged(place, "up").await;
    let home = machine.home(place).canonicalize().unwrap();
    let log = String::from_utf8(read_from(&machine.log(place), 0)).unwrap();
    assert_eq!(log, format!("‹KEY›\n{0}\n{0}\nup\n", home.display()));
    let family = machine.family(start);
    assert_eq!(machine.runtime.stop(start).await.unwrap().signal, Some(15));
    gone(&family).await;
    machine.runtime.check().await.unwrap();
}

#[tokio::test]
async fn a_data_directory_may_have_a_long_path() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let long = folder.path().join("x".repeat(200));
    std::fs::create_dir(&long).unwrap();
    let machine = Machine::with(|settings| settings.directory = long);
    let start = machine.start(Place::new().shell("sleep 1000")).await;
    assert_eq!(machine.rebooted().stop(start).await.unwrap().signal, Some(15));
}

/// Only root can give workspaces uids of their own; an ordinary user's servers run as that user.
#[tokio::test]
async fn each_workspace_has_a_uid_of_its_own_on_the_host() {
    let machine = Machine::with(|settings| settings.first_uid = 2_100_000_000);
    let uids = async |place: Place| {
        let start = machine.start(place.shell("sleep 1000")).await;
        let family = machine.family(start);
        let owner = |path: String| std::fs::metadata(path).unwrap().uid();
        let below = family.iter().filter(|process| process.pid != machine.supervisor(start));
        let mut uids: Vec<u32> = below.map(|process| owner(format!("/proc/{}", process.pid))).collect();
        uids.push(owner(machine.home(place).to_str().unwrap().to_owned()));
        machine.runtime.stop(start).await.unwrap();
        uids.sort_unstable();
        uids.dedup();
        uids
    };
    let own = nix::unistd::geteuid();
    let expected = |place: Place| if own.is_root() { 2_100_000_000 + place.number } else { own.as_raw() };
    for place in [Place::new(), Place::new()] {
        assert_eq!(uids(place).await, [expected(place)]);
    }
}
