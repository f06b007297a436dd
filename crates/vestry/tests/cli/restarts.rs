//! Rolling restarts: begun, watched, and what is said of them.

use serde_json::{Value, json};

use crate::support::{Answer, Machine, Stub};

const OF_WORKSPACE: &str = "POST /organizations/acme/workspaces/nlp/restarts";
const OF_SECRET: &str = "POST /organizations/acme/secrets/API_KEY/restarts";
const ONE: &str = "GET /organizations/acme/restarts/r1";

/// A rolling restart with a server in each of these states.
fn restart(state: &str, steps: &[&str]) -> Value {
    let count = |wanted: &str| steps.iter().filter(|step| **step == wanted).count();
    let why = |state: &str| match state {
        "failed" => "no memory\nand more",
        "skipped" => "it was stopped",
        _ => "",
    };
    let step = |(at, state): (usize, &&str)| json!({ "workspace": "nlp", "server": format!("s{at}"), "state": state, "detail": why(state) });
    let mina = json!({ "id": "u1", "name": "Mina" });
    json!({
        "id": "r1", "state": state, "detail": if state == "paused" { "1 server could not be restarted: nlp/s0" } else { "" },
        "secret": "API_KEY", "workspace": null, "batch_size": 2, "pause_on_failure": true,
        "created_at": "2020-01-02T10:00:00Z", "created_by": mina, "asked_by": mina, "ended_at": null,
        "counts": {
            "servers": steps.len(), "waiting": count("waiting"), "restarting": count("restarting"),
            "done": count("done"), "skipped": count("skipped"), "failed": count("failed"),
        },
        "servers": steps.iter().enumerate().map(step).collect::<Vec<_>>(),
    })
}

fn nlp(answers: Vec<Answer>) -> (Stub, Machine) {
    let stub = Stub::answering(answers);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    (stub, machine)
}

#[test]
fn a_rolling_restart_is_told_server_by_server_as_it_comes() {
    let (stub, machine) = nlp(vec![
        Answer::json(OF_WORKSPACE, 202, restart("running", &["waiting"; 3])).with("etag", "\"1\""),
        Answer::json(ONE, 200, restart("running", &["done", "restarting", "waiting"])).with("etag", "\"2\""),
        Answer::json(ONE, 304, Value::Null).with("etag", "\"2\""),
        Answer::json(ONE, 200, restart("done", &["done", "skipped", "done"])).with("etag", "\"3\""),
    ]);
    insta::assert_snapshot!(machine.run("server restart --stale --batch 2 --keep-going").session(), @r"
    stderr:
      restarting 3 servers, 2 at a time; interrupted here it goes on all the same:
        vestry restart watch r1
        vestry restart abort r1
      restarted nlp/s0 (1 of 3)
      left nlp/s1 as it is: it was stopped (2 of 3)
      restarted nlp/s2 (3 of 3)
      restarted 2 servers, 1 left as they are
    exit 0
    ");
    assert_eq!(stub.only(OF_WORKSPACE).json(), json!({ "pause_on_failure": false, "batch_size": 2 }));
    let waits: Vec<_> = stub.requests().into_iter().filter(|request| request.line.starts_with(ONE)).collect();
    let tags: Vec<_> = waits.iter().map(|request| request.header("if-none-match").unwrap()).collect();
    assert_eq!(tags, ["\"1\"", "\"2\"", "\"2\""], "each waits for news");
    assert!(waits.iter().all(|request| request.line.ends_with("?wait=30")), "{waits:#?}");
}

#[test]
fn one_server_alone_is_said_in_one_line_and_none_at_all_is_no_failure() {
    let (_stub, machine) = nlp(vec![
        Answer::json(OF_WORKSPACE, 202, restart("running", &["waiting"])).with("etag", "\"1\""),
        Answer::json(OF_WORKSPACE, 202, restart("done", &[])),
        Answer::json(ONE, 200, restart("done", &["done"])),
    ]);
    let ran = machine.run("server restart --stale");
    assert_eq!((ran.stderr.as_str(), ran.code), ("restarted nlp/s0\n", Some(0)));
    let ran = machine.run("server restart --stale");
    assert_eq!((ran.stderr.as_str(), ran.code), ("no running server of acme/nlp needs a restart\n", Some(0)));
}

#[test]
fn a_dry_run_says_which_servers_those_are_and_asks_nothing() {
    let servers = |all: &[&str]| json!({ "servers": all.iter().map(|one| json!({ "workspace": "nlp", "server": one })).collect::<Vec<_>>() });
    let (stub, machine) = nlp(vec![
        Answer::json(OF_SECRET, 200, servers(&["jupyter", "web"])),
        Answer::json(OF_WORKSPACE, 200, servers(&[])),
    ]);
    insta::assert_snapshot!(machine.run("secret restart-holders API_KEY --org --dry-run").session(), @r"
    stdout:
      Server
      nlp/jupyter
      nlp/web
    stderr:
      2 servers would be restarted; nothing was done
    exit 0
    ");
    assert_eq!(stub.only(OF_SECRET).json(), json!({ "dry_run": true }));
    let ran = machine.run("server restart --stale --dry-run");
    assert_eq!((ran.stderr.as_str(), ran.code), ("no running server of acme/nlp needs a restart\n", Some(0)));
    let ran = machine.run("secret restart-holders API_KEY --org --dry-run --json");
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap(), servers(&["jupyter", "web"]));
    assert_eq!(machine.run("server restart web --dry-run").code, Some(64));
}

#[test]
fn only_the_servers_that_are_named_are_restarted() {
    let would = json!({ "servers": [{ "workspace": "nlp", "server": "web" }] });
    let (stub, machine) =
        nlp(vec![Answer::json(OF_SECRET, 200, would.clone()), Answer::json(OF_WORKSPACE, 200, would)]);
    assert_eq!(machine.run("secret restart-holders API_KEY nlp/web --org --dry-run").code, Some(0));
    let named = json!([{ "workspace": "nlp", "server": "web" }]);
    assert_eq!(stub.only(OF_SECRET).json(), json!({ "servers": named, "dry_run": true }));
    assert_eq!(machine.run("server restart --stale web --dry-run").code, Some(0));
    assert_eq!(stub.only(OF_WORKSPACE).json(), json!({ "servers": named, "dry_run": true }));
    insta::assert_snapshot!(machine.run("secret restart-holders API_KEY web --org --dry-run").session(), @r"
    stderr:
      error: in which workspace is web? Nothing was restarted
      help:  write WORKSPACE/SERVER, as --dry-run does
    exit 64
    ");
    assert_eq!(machine.run("server restart web trainer").code, Some(64));
}

#[test]
fn a_pause_says_what_failed_why_and_what_can_be_typed() {
    let (_stub, machine) = nlp(vec![
        Answer::json(OF_SECRET, 202, restart("running", &["restarting", "waiting"])).with("etag", "\"1\""),
        Answer::json(ONE, 200, restart("paused", &["failed", "waiting"])),
    ]);
    insta::assert_snapshot!(machine.run("secret restart-holders API_KEY --org --yes").session(), @r"
    stderr:
      restarting 2 servers, 2 at a time; interrupted here it goes on all the same:
        vestry restart watch r1
        vestry restart abort r1
      could not restart nlp/s0: no memory (1 of 2)
      error: paused: 1 server could not be restarted: nlp/s0; 1 server still to come
      help:  vestry restart show r1
             vestry restart continue r1
             vestry restart abort r1
    exit 65
    ");
}

#[test]
fn failures_and_an_abort_are_told_by_the_exit_code() {
    let (_stub, machine) = nlp(vec![
        Answer::json(OF_SECRET, 202, restart("done", &["failed", "done"])),
        Answer::json(ONE, 200, restart("aborted", &["done", "skipped"])),
    ]);
    let ran = machine.run("secret restart-holders API_KEY --org --yes --json");
    assert_eq!(ran.code, Some(65), "{ran:?}");
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["counts"]["failed"], 1);
    assert!(ran.stderr.contains("error: 1 of 2 servers could not be restarted"), "{ran:?}");
    let ran = machine.run("restart watch r1");
    assert_eq!(ran.code, Some(65), "{ran:?}");
    assert!(ran.stderr.contains("error: aborted; 1 of 2 servers restarted"), "{ran:?}");
}

#[test]
fn what_a_control_plane_goes_on_with_while_it_can_not_be_reached_is_said() {
    let (_stub, machine) = nlp(vec![
        Answer::json(OF_WORKSPACE, 202, restart("running", &["waiting", "waiting"])).with("etag", "\"1\""),
        Answer::text(ONE, "not of vestry"),
    ]);
    let ran = machine.run("server restart --stale");
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.stderr.contains("it goes on by itself; look again:  vestry restart watch r1"), "{ran:?}");
}

#[test]
fn nothing_is_restarted_for_a_secret_without_a_yes() {
    let (stub, machine) = nlp(vec![]);
    let ran = machine.run("secret restart-holders API_KEY");
    assert_eq!(ran.code, Some(64), "{ran:?}");
    assert!(ran.stderr.contains("nothing was done") && ran.stderr.contains("--yes"), "{ran:?}");
    assert!(stub.requests().is_empty());
    for wrong in ["server restart s --batch 2", "server restart s --keep-going", "server restart --stale --batch 0"] {
        assert_eq!(machine.run(wrong).code, Some(64), "{wrong}");
    }
    assert!(stub.requests().is_empty());
}

#[test]
fn rolling_restarts_are_listed_shown_continued_and_aborted() {
    let (stub, machine) = nlp(vec![
        Answer::json(
            "GET /organizations/acme/workspaces/nlp/restarts",
            200,
            json!({ "items": [restart("paused", &["failed", "waiting"])], "next_cursor": null }),
        ),
        Answer::json("GET /organizations/acme/restarts", 200, json!({ "items": [], "next_cursor": null })),
        Answer::json(ONE, 200, restart("paused", &["failed", "skipped", "waiting"])).with("etag", "\"1\""),
        Answer::json(ONE, 200, restart("done", &["failed", "skipped", "done"])),
        Answer::json(
            "POST /organizations/acme/restarts/r1/continuation",
            202,
            restart("running", &["failed", "skipped", "waiting"]),
        ),
        Answer::json("DELETE /organizations/acme/restarts/r1", 204, Value::Null),
    ]);
    let none = machine.run("restart list --org");
    assert_eq!((none.stderr.as_str(), none.code), ("no rolling restart in acme yet\n", Some(0)));
    let list = machine.run("restart list");
    assert!(list.stdout.contains("API_KEY") && list.stdout.contains("2 servers: 1 failed, 1 waiting"), "{list:?}");
    insta::assert_snapshot!(machine.run("restart show r1").session(), @r"
    stdout:
      rolling restart for API_KEY, begun 2 Jan 2020 by Mina: paused, 3 servers: 1 failed, 1 left as they are, 1 waiting
      1 server could not be restarted: nlp/s0
      Server  State    Why
      nlp/s0  failed   no memory
      nlp/s1  skipped  it was stopped
      nlp/s2  waiting
    stderr:
      vestry restart continue r1
      vestry restart abort r1
    exit 0
    ");
    let ran = machine.run("restart continue r1");
    assert!(ran.stderr.contains("restarted nlp/s2 (3 of 3)") && ran.code == Some(65), "{ran:?}");
    assert!(!ran.stderr.contains("nlp/s0") && !ran.stderr.contains("nlp/s1"), "said when it paused: {ran:?}");
    assert_eq!(machine.run("restart abort r1").code, Some(0));
    stub.only("DELETE /organizations/acme/restarts/r1");
    let ran = machine.run("restart show r2");
    assert!(ran.stderr.contains("there is no rolling restart `r2` that you can see"), "{ran:?}");
}
