use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use runtime::{Network, Reason, StartFailed};
use tempfile::TempDir;

use crate::support::*;

/// A folder with programs in place of bubblewrap and slirp4netns: a script, or the real one.
fn tools(bwrap: Option<&str>, slirp4netns: Option<&str>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, content) in [("bwrap", bwrap), ("slirp4netns", slirp4netns)] {
        let path = folder.path().join(name);
        match content {
            Some("real") => symlink(Path::new("/usr/bin").join(name), path).unwrap(),
            Some(script) => {
                write_program(&path, &format!("#!/bin/sh\n{script}\n"));
            }
            None => {}
        }
    }
    folder
}

/// Tries a start, sees to it that it leaves nothing, and gives the failure.
async fn failure(tools: &TempDir, network: Network) -> StartFailed {
    adopt_orphans();
    let machine = Machine::with(|settings| {
        settings.tool_paths = vec![tools.path().to_owned()];
        settings.network = network;
    });
    let place = Place::new();
    let launch = place.shell_with("echo ran > ran", base().secret("KEY", value("a-value-that-must-stay-here")));
    let failed = match machine.runtime.prepare(launch).await {
        Ok(_) => panic!("it was prepared"),
        Err(failed) => failed,
    };
    assert!(machine.runtime.check().await.is_err());
    assert_eq!(machine.runs(), 0);
    assert!(!machine.home(place).join("ran").exists());
    no_orphans().await;
    failed
}

#[tokio::test]
async fn without_bubblewrap_nothing_starts() {
    let failed = failure(&tools(None, Some("real")), Network::Isolated).await;
    assert_eq!(failed.reason, Reason::Sandbox);
    assert!(failed.to_string().contains("apt install bubblewrap"), "{failed}");
}

#[tokio::test]
async fn without_slirp4netns_nothing_starts() {
    let failed = failure(&tools(Some("real"), None), Network::Isolated).await;
    assert_eq!(failed.reason, Reason::Network);
    assert!(failed.to_string().contains("apt install slirp4netns"), "{failed}");
}

#[tokio::test]
async fn a_sandbox_that_can_not_be_made_says_why() {
    let complaint = "echo 'bwrap: No permissions to create new namespace' >&2; exit 1";
    let failed = failure(&tools(Some(complaint), Some("real")), Network::Isolated).await;
    assert_eq!(failed.reason, Reason::Sandbox);
    assert!(failed.to_string().contains("No permissions to create"), "{failed}");
    assert!(failed.to_string().contains("max_user_namespaces"), "{failed}");
    assert!(tail(&failed).contains("No permissions to create"));
}

#[tokio::test]
async fn a_sandbox_that_leaves_children_behind_when_it_fails_is_cleaned_up() {
    let failed =
        failure(&tools(Some("setsid sleep 1000 & sleep 1001 & exit 1"), Some("real")), Network::Isolated).await;
    assert_eq!(failed.reason, Reason::Sandbox);
}

#[tokio::test]
async fn a_network_that_can_not_be_made_says_why() {
    let failed = failure(&tools(Some("real"), Some("echo 'no such luck' >&2; exit 1")), Network::Isolated).await;
    assert_eq!(failed.reason, Reason::Network);
    assert!(failed.to_string().contains("no such luck"), "{failed}");
    let failed =
        failure(&tools(Some("real"), Some("echo 'open(\"/dev/net/tun\"): denied'; exit 1")), Network::Isolated).await;
    assert!(failed.to_string().contains("chmod 0666 /dev/net/tun"), "{failed}");
}

/// Whatever stands in bubblewrap's place: no environment goes where it would not be confined.
#[tokio::test]
async fn a_program_that_is_not_confined_gets_no_environment() {
    let no_sandbox = "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"";
    for network in [Network::Isolated, Network::None, Network::Host] {
        let failed = failure(&tools(Some(no_sandbox), Some("real")), network).await;
        assert_eq!(failed.reason, Reason::Sandbox);
        assert!(failed.to_string().contains("not tight"), "{failed}");
    }
}

#[tokio::test]
async fn each_weakness_of_a_sandbox_is_noticed() {
    let with = |more: &str| format!("args=$1 fd=$2; shift 2; exec /usr/bin/bwrap $args $fd {more} \"$@\"");
    let descriptor = "exec bash -c 'exec 77</etc/passwd; exec /usr/bin/bwrap \"$@\"' bash \"$@\"";
    // The options without those that name a filter.
    let unfiltered = "exec perl -e 'use Fcntl; open(A, \"<&=\", $ARGV[1]); local $/; \
                      ($o = <A>) =~ s/--add-seccomp-fd\\0\\d+\\0//g; open(B, \"+>\", undef); print B $o; \
                      seek(B, 0, 0); sysseek(B, 0, 0); fcntl(B, F_SETFD, 0); \
                      exec(\"/usr/bin/bwrap\", \"--args\", fileno(B), @ARGV[2 .. $#ARGV])' -- \"$@\"";
    let cases = [
        (unfiltered.to_owned(), "any system call"),
        (with("--cap-add ALL"), "capabilities"),
        (with("--tmpfs /etc"), "/etc is writable"),
        (with("--uid 1001"), "own user"),
        (with("--chdir /"), "not the workspace's home"),
        (descriptor.to_owned(), "descriptor 77 is open"),
    ];
    for (script, expected) in cases {
        let failed = failure(&tools(Some(&script), Some("real")), Network::None).await;
        assert_eq!(failed.reason, Reason::Sandbox, "{failed}");
        assert!(failed.to_string().contains(expected), "{expected}: {failed}");
    }
}

#[tokio::test]
async fn a_sandbox_that_shows_the_data_directory_is_noticed() {
    let mut folder = None;
    let machine = Machine::with(|settings| {
        let script = format!("exec /usr/bin/bwrap --dir {} \"$@\"", settings.directory.display());
        let tools = folder.insert(tools(Some(&script), Some("real")));
        settings.tool_paths = vec![tools.path().to_owned()];
        settings.network = Network::None;
    });
    let failed = machine.runtime.prepare(Place::new().shell("true")).await.err().unwrap();
    assert!(failed.to_string().contains("is visible"), "{failed}");
}

#[tokio::test]
async fn settings_that_would_show_what_is_hidden_are_refused() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let mut settings = runtime::Settings::new(folder.path().to_owned(), program());
    assert!(runtime::Runtime::new(settings.clone()).is_ok());
    settings.read_only_paths = vec![folder.path().to_owned()];
    assert!(runtime::Runtime::new(settings).is_err());
}

#[tokio::test]
async fn a_program_that_the_workspaces_own_uid_can_not_execute_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("vestry");
    copy_program(&program(), &private, "700");
    let machine = Machine::with(|settings| settings.program = private.clone());
    let prepared = machine.runtime.prepare(Place::new().shell("true")).await;
    match (nix::unistd::geteuid().is_root(), prepared) {
        (true, Err(failed)) => assert!(failed.to_string().contains("chmod 755"), "{failed}"),
        (false, Ok(prepared)) => prepared.cancel().await,
        (true, Ok(_)) => panic!("it was prepared"),
        (false, Err(failed)) => panic!("its own user may execute it: {failed}"),
    }
}

#[tokio::test]
async fn however_often_somebody_asks_a_machine_without_a_sandbox_is_tried_once_in_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let (program, tried) = (folder.path().join("vestry"), folder.path().join("tried"));
    write_program(&program, &format!("#!/bin/sh\necho once >> {}\nexit 1\n", tried.display()));
    let machine = Machine::with(|settings| settings.program = program);
    let trials = || fs::read_to_string(&tried).map_or(0, |tried| tried.lines().count());
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let runtime = machine.runtime.clone();
        asked.spawn(async move { runtime.check().await });
    }
    for answer in asked.join_all().await {
        answer.unwrap_err();
    }
    // One, but for a machine that is too slow to ask so often within a second.
    assert!((1..20).contains(&trials()), "{} trials", trials());
    let before = trials();
    let again = async {
        while trials() == before {
            machine.runtime.check().await.unwrap_err();
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a machine that was mended is noticed");
}
