//! When anything that protects a start fails, no program gets anything.

use std::fs;

use assurance::report;
use serde_json::{Value, json};

use crate::support::*;

/// Leaves a trace in its workspace's home if it ever runs.
const TRACE: &str = "echo ran > ran; exec sleep 1000";

/// The start failed and says why; nothing ran, and nothing of it is left.
#[track_caller]
fn fails(house: &House, why: &str) {
    let server = house.known_server(LAB, "traced");
    house.owner.post(&format!("{}/start", server.path()), json!({})).expect(202);
    let record = server.newest_start();
    assert_eq!(record["outcome"], "failed", "{record:#}");
    assert!(record["detail"].as_str().unwrap().contains(why), "{record:#}");
    let seen = until("the failure", || Some(server.get()).filter(|seen| seen["status"] == "failed"));
    assert!(seen["status_detail"].as_str().unwrap().contains(why), "{seen:#}");
    assert!(seen["drift"].as_array().unwrap().is_empty());
    assert_eq!(house.control_plane.supervisors(), []);
    assert_eq!(house.control_plane.runs(), 0);
    assert!(!house.home(LAB).join("ran").exists(), "it ran");
    assert_eq!(server.log(), "");
}

#[test]
fn without_a_working_sandbox_no_server_starts() {
    let house = House::with(Options { own_programs: true, ..Options::default() });
    house.workspace_secret("KEY", "a value that stays here");
    house.server("traced", TRACE);
    let programs = house.control_plane.programs.as_ref().unwrap();
    for (name, remedy) in [("bwrap", "apt install bubblewrap"), ("slirp4netns", "apt install slirp4netns")] {
        programs.remove(name);
        fails(&house, remedy);
        programs.restore(name);
    }
    programs.replace("bwrap", "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"");
    fails(&house, "not tight");
    programs.replace("bwrap", "echo 'no permissions' >&2; exit 1");
    fails(&house, "no permissions");
    programs.replace("slirp4netns", "echo 'no such luck' >&2; exit 1");
    fails(&house, "no such luck");
    report("fail closed", "bubblewrap or slirp4netns missing or broken", "5 ways: failed and said why, nothing ran");
}

#[test]
fn a_value_that_does_not_open_is_named_and_nothing_starts_with_the_rest() {
    let house = House::new();
    house.organization_secret("FIRST", json!({ "value": "is all right" }));
    house.workspace_secret("BROKEN", "will be damaged");
    house.server("traced", TRACE);
    let sealed = "UPDATE secret_versions SET sealed";
    let of_broken = "WHERE secret_id = (SELECT id FROM secrets WHERE name = 'BROKEN')";
    for damage in ["zeroblob(length(sealed))", "CAST(substr(sealed, 1, length(sealed) - 1) AS BLOB)", "x''"] {
        house.control_plane.tamper(&format!("{sealed} = {damage} {of_broken}"));
        fails(&house, "BROKEN");
    }
    // A renamed row is another place too: what was sealed as one name opens as no other.
    house.workspace_secret("BROKEN", "whole again");
    house.control_plane.tamper("UPDATE secrets SET name = 'RENAMED' WHERE name = 'BROKEN'");
    fails(&house, "RENAMED");
    house.owner.delete(&format!("{LAB}/secrets/RENAMED")).expect(204);
    house.known_server(LAB, "traced").start();
    until("its trace", || house.home(LAB).join("ran").exists().then_some(()));
    report("fail closed", "unseal fails", "4 damages: the start failed and named the secret, nothing ran");
}

#[test]
fn what_can_not_be_audited_is_not_done() {
    let house = House::new();
    house.workspace_secret("KEY", "a value that stays here");
    let server = house.server("traced", TRACE);
    let runs = house.server("keeps", "echo up; exec sleep 1000");
    runs.start();
    let before = house.control_plane.supervisors();
    house.control_plane.tamper(
        "CREATE TRIGGER no_audit BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    );
    for path in [format!("{}/start", server.path()), format!("{}/restart", runs.path())] {
        let answer = house.owner.post(&path, json!({})).expect(500);
        assert!(!answer.text.contains("disk"), "{}", answer.text);
    }
    assert_eq!(server.get()["status"], "stopped");
    assert!(server.starts().is_empty());
    assert_eq!((runs.get()["status"].clone(), runs.starts().len()), (json!("running"), 1));
    assert_eq!(house.control_plane.supervisors(), before);
    let run = || json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    let answer = house.owner.post("/runs", run()).expect(503);
    assert!(answer.text.contains("nothing was handed over") && !answer.text.contains("stays here"), "{}", answer.text);
    assert_eq!(house.owner.get(&format!("{LAB}/runs")).expect(200).json()["items"], json!([]));
    house.control_plane.tamper("DROP TRIGGER no_audit");
    server.start();
    until("its trace", || house.home(LAB).join("ran").exists().then_some(()));
    assert_eq!(runs.restart()["outcome"], "delivered");
    house.owner.post("/runs", run()).expect(201);
    report(
        "fail closed",
        "audit insert fails",
        "start, restart and run: refused, nothing on record, nothing handed over",
    );
}

/// As on a machine where they are switched off: the kernel itself refuses them.
#[test]
fn without_user_namespaces_no_server_starts_and_readiness_says_so() {
    let house = House::with(Options { account: Account::Ordinary, user_namespaces: false, ..Options::default() });
    house.workspace_secret("KEY", "a value that stays here");
    house.server("traced", TRACE);
    fails(&house, "max_user_namespaces");
    assert_ne!(house.control_plane.readiness()["sandbox"], "ok");
    // What needs no sandbox goes on.
    let run = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    house.owner.post("/runs", run).expect(201);
    report("fail closed", "user namespaces off", "start: failed and said why, nothing ran");
}

/// The exception: a limit that this machine can't enforce keeps no server from running, but it is said.
#[test]
fn a_memory_limit_is_enforced_or_said_not_to_be_and_servers_start() {
    let mut house = House::new();
    fs::write(house.control_plane.settings_file(), "[servers]\nmemory = \"1 GiB\"\n").unwrap();
    house.crash();
    let server = house.server("limited", "echo up; exec sleep 1000");
    server.start();
    server.logs("up");
    let mut answer = ureq::get(format!("{}/readyz", house.control_plane.url())).call().unwrap();
    let ready: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    let warned = fs::read_to_string(house.control_plane.log_file()).unwrap().contains("1 GiB, is NOT enforced");
    let enforced = ready["memory_limit"] == "ok";
    assert_eq!(warned, !enforced, "{ready:#}");
    assert!(enforced || ready["memory_limit"].as_str().unwrap().starts_with("not enforced"), "{ready:#}");
}
