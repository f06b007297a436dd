//! A restart prepares everything first, then stops the old process, then opens the gate.

use std::{fs, thread};

use serde_json::json;

use crate::support::*;

/// Ends on SIGTERM only once the file `go` is there; says when two of it run at once.
const SLOW: &str = r#"
exec 9>lock; flock -n 9 || { echo two at once; exit 1; }
trap 'while [ ! -e go ]; do sleep 0.05; done; exit 0' TERM
echo up; while :; do sleep 0.05; done
"#;

/// The restart failed, but the old program runs on, has all it had, and that is said.
#[track_caller]
fn runs_on(server: &Server<'_>, house: &House, before: &[Process], why: &str) {
    let record = server.restart();
    assert_eq!(record["outcome"], "failed", "{record:#}");
    assert!(record["ended_at"].is_string(), "{record:#}");
    assert!(record["detail"].as_str().unwrap().contains(why), "{record:#}");
    let seen = server.becomes("running");
    let detail = seen["status_detail"].as_str().unwrap();
    assert!(detail.contains("the process from before runs on") && detail.contains(why), "{detail}");
    assert_eq!(seen["restart_needed"], true);
    assert_eq!(house.control_plane.programs_in_sandboxes(), before);
    until("the end of the new supervisor", || (house.control_plane.supervisors().len() == 1).then_some(()));
}

/// A file that only its execution shows to be no program; as servers of the workspace see it.
fn no_program(house: &House) -> &'static str {
    let file = house.home(LAB).join("no-program");
    write_program(&file, "no program");
    "/home/workspace/no-program"
}

/// A running server that a restart would change, and its processes.
fn stale_server(house: &House) -> (Server<'_>, Vec<Process>) {
    house.workspace_secret("KEY", "the old value");
    house.workspace_secret("OTHER", "another value");
    let server = house.showing_server(json!({}));
    server.start();
    server.environment();
    house.workspace_secret("KEY", "the new value");
    let before = house.control_plane.programs_in_sandboxes();
    assert_eq!(before.len(), 1, "{before:?}");
    (server, before)
}

#[test]
fn a_restart_whose_value_does_not_open_leaves_the_old_process_running_and_names_the_secret() {
    let house = House::new();
    let (server, before) = stale_server(&house);
    house.control_plane.tamper(
        "UPDATE secret_versions SET sealed = (SELECT v.sealed FROM secret_versions v JOIN secrets s \
         ON s.id = v.secret_id WHERE s.name = 'OTHER') \
         WHERE version = 2 AND secret_id = (SELECT id FROM secrets WHERE name = 'KEY')",
    );
    runs_on(&server, &house, &before, "KEY");
    house.workspace_secret("KEY", "written anew");
    assert_eq!(server.restart()["outcome"], "delivered");
    assert_eq!(server.environment()["KEY"], "written anew");
    assert_eq!(server.becomes("running")["status_detail"], "");
}

#[test]
fn a_restart_without_a_sandbox_leaves_the_old_process_running() {
    let house = House::with(Options { own_programs: true, ..Options::default() });
    let (server, before) = stale_server(&house);
    let programs = house.control_plane.programs.as_ref().unwrap();
    programs.remove("bwrap");
    runs_on(&server, &house, &before, "apt install bubblewrap");
    programs.restore("bwrap");
    programs.remove("slirp4netns");
    runs_on(&server, &house, &before, "apt install slirp4netns");
    programs.restore("slirp4netns");
    assert_eq!(server.restart()["outcome"], "delivered");
    assert_eq!(server.environment()["KEY"], "the new value");
}

#[test]
fn a_restart_into_a_command_that_is_not_there_leaves_the_old_process_running() {
    let house = House::new();
    let (server, before) = stale_server(&house);
    house.owner.patch(&server.path(), json!({ "command": ["no-such-program"] })).expect(200);
    runs_on(&server, &house, &before, "no-such-program");
}

#[test]
fn a_restart_into_a_file_that_is_no_program_has_failed_and_nothing_runs_with_old_values() {
    let house = House::new();
    let (server, before) = stale_server(&house);
    house.owner.patch(&server.path(), json!({ "command": [no_program(&house)] })).expect(200);
    let record = server.restart();
    assert_eq!(record["outcome"], "failed", "{record:#}");
    assert!(record["ended_at"].is_string());
    let seen = until("the failure", || Some(server.get()).filter(|seen| seen["status"] == "failed"));
    assert!(seen["status_detail"].as_str().unwrap().contains("is not a program"), "{seen:#}");
    let starts = server.starts();
    assert_eq!(starts.len(), 2, "{starts:#?}");
    assert!(starts[1]["ended_at"].is_string());
    assert!(processes().iter().all(|process| !before.contains(process)), "the old process is gone");
    assert_eq!(house.control_plane.supervisors(), []);
}

#[test]
fn of_restarts_at_the_same_time_one_is_done() {
    let house = House::new();
    let server = house.server("slow", SLOW);
    house.owner.post(&format!("{}/restart", server.path()), json!({})).expect(409);
    server.start();
    server.logs("up\n");
    let restart = || house.owner.post(&format!("{}/restart", server.path()), json!({})).status;
    let mut answers: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(restart)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    answers.sort();
    assert_eq!(answers, [202, 409, 409, 409, 409, 409]);
    fs::write(house.home(LAB).join("go"), "").unwrap();
    assert_eq!(server.newest_start()["outcome"], "delivered");
    assert_eq!(server.starts().len(), 2);
    assert_eq!(server.logs("up\nup\n"), "up\nup\n");
    assert_eq!(house.control_plane.supervisors().len(), 1);
    server.stop();
    house.owner.post(&format!("{}/restart", server.path()), json!({})).expect(409);
}

#[test]
fn a_stop_wins_over_a_restart_that_is_under_way() {
    let house = House::new();
    let server = house.server("slow", SLOW);
    server.start();
    server.logs("up\n");
    house.owner.post(&format!("{}/restart", server.path()), json!({})).expect(202);
    // The new process waits at its gate, the old one has been told to end.
    until("the second supervisor", || (house.control_plane.supervisors().len() == 2).then_some(()));
    house.owner.post(&format!("{}/stop", server.path()), json!({})).expect(202);
    fs::write(house.home(LAB).join("go"), "").unwrap();
    let stopped = server.becomes("stopped");
    assert_eq!(stopped["exit_code"], 0);
    let record = server.newest_start();
    assert_eq!(record["outcome"], "failed", "{record:#}");
    until("the end of both", || house.control_plane.supervisors().is_empty().then_some(()));
    assert_eq!(server.log(), "up\n");
}
