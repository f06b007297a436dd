//! Stopping: the program first, then all that is left of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::*;

#[test]
fn a_program_that_ends_when_told_to_says_how() {
    let house = House::new();
    let server = house.server("tidy", "trap 'echo tidy; exit 5' TERM; echo up; while :; do sleep 0.05; done");
    server.start();
    server.logs("up");
    // An administrator who is not in the workspace may stop, and only that.
    house.administrator.post(&format!("{}/start", server.path()), json!({})).expect(403);
    house.administrator.post(&format!("{}/stop", server.path()), json!({})).expect(202);
    let stopped = server.becomes("stopped");
    assert_eq!((&stopped["exit_code"], &stopped["status_detail"]), (&json!(5), &json!("")));
    assert_eq!(server.newest_start()["exit_code"], 5);
    assert_eq!(server.log(), "up\ntidy\n");
    house.owner.post(&format!("{}/stop", server.path()), json!({})).expect(409);
    assert_eq!(house.control_plane.supervisors(), []);
    until("the end of what is kept of it", || (house.control_plane.runs() == 0).then_some(()));
}

#[test]
fn a_program_that_does_not_listen_is_killed_with_all_that_it_started() {
    let house = House::new();
    let script = "trap '' TERM; setsid sleep 1001 & sleep 1002 & (sleep 1003 &) & echo up; while :; do sleep 1; done";
    let server = house.server("deaf", script);
    server.start();
    server.logs("up");
    let tree = until("the whole tree", || {
        let tree = house.control_plane.programs_in_sandboxes();
        let sleeps = |pid: i32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let lines: BTreeSet<_> = tree.iter().map(|process| sleeps(process.pid)).collect();
        [b"sleep\x001001\0", b"sleep\x001002\0", b"sleep\x001003\0"]
            .iter()
            .all(|line| lines.contains(line.as_slice()))
            .then_some(tree)
    });
    house.owner.post(&format!("{}/stop", server.path()), json!({})).expect(202);
    assert_eq!(server.get()["status"], "stopping");
    // Stopping twice, or starting now, is refused rather than begun anew.
    for what in ["stop", "start", "restart"] {
        house.owner.post(&format!("{}/{what}", server.path()), json!({})).expect(409);
    }
    let stopped = server.becomes("stopped");
    assert_eq!(stopped["exit_code"], Value::Null);
    let left: Vec<_> = processes().into_iter().filter(|process| tree.contains(process)).collect();
    assert_eq!(left, []);
}

#[test]
fn a_server_whose_network_ended_by_itself_runs_on_and_says_so() {
    let house = House::new();
    let server = house.server("connected", "echo up; exec sleep 1000");
    server.start();
    server.logs("up");
    let supervisors: Vec<i32> = house.control_plane.supervisors().iter().map(|process| process.pid).collect();
    let network = |process: &Process| process.name == "slirp4netns" && supervisors.contains(&process.parent);
    let network = processes().into_iter().find(network).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(network.pid).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    let seen = until("what is said of it", || {
        let seen = server.get();
        (seen["status_detail"] != "").then_some(seen)
    });
    assert_eq!(
        (&seen["status"], &seen["status_detail"]),
        (&json!("running"), &json!("its network ended; restart the server"))
    );
    server.restart();
    assert_eq!(server.becomes("running")["status_detail"], "");
}
