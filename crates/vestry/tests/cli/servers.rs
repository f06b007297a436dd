//! Servers: told, watched, and what is said of it.

use serde_json::{Value, json};

use crate::support::{Answer, Machine, Stub};

const SHOW: &str = "GET /organizations/acme/workspaces/nlp/servers/jupyter";
const START: &str = "POST /organizations/acme/workspaces/nlp/servers/jupyter/start";
const RESTART: &str = "POST /organizations/acme/workspaces/nlp/servers/jupyter/restart";
const STARTS: &str = "GET /organizations/acme/workspaces/nlp/servers/jupyter/starts";
const LOGS: &str = "GET /organizations/acme/workspaces/nlp/servers/jupyter/logs";
const LIST: &str = "GET /organizations/acme/workspaces/nlp/servers";

fn server(more: Value) -> Value {
    let mut server = json!({
        "id": "1", "name": "Jupyter", "slug": "jupyter", "command": ["sh", "-c", "echo 'hi'"],
        "variables": {"MODE": "test"}, "status": "running", "status_detail": "", "started_at": "2020-01-02T10:00:00Z",
        "started_by": {"id": "u1", "name": "Mina"}, "exit_code": null, "restart_needed": false, "drift": [],
    });
    server.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server
}

fn is(status: &str) -> Answer {
    Answer::json(SHOW, 200, server(json!({"status": status})))
}

fn start_record(outcome: &str) -> Answer {
    let start = json!({"id": "s2", "kind": "server", "started_at": "2020-01-02T10:00:00Z", "started_by": null,
        "ended_at": null, "exit_code": null, "outcome": outcome, "injected": []});
    Answer::json(STARTS, 200, json!({"items": [start], "next_cursor": null}))
}

fn nlp(answers: Vec<Answer>) -> (Stub, Machine) {
    let stub = Stub::answering(answers);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    (stub, machine)
}

#[test]
fn a_start_is_watched_until_the_server_runs() {
    let (stub, machine) =
        nlp(vec![Answer::json(START, 202, server(json!({}))), is("starting"), is("starting"), is("running")]);
    let ran = machine.run("server start jupyter");
    assert_eq!((ran.stderr.as_str(), ran.code), ("started jupyter in acme/nlp\n", Some(0)));
    assert!(stub.requests().len() >= 4);
}

#[test]
fn a_failed_start_shows_the_end_of_its_log() {
    let failed = server(json!({
        "status": "failed", "status_detail": "The command could not be started.\nsh: no such file",
    }));
    let (_stub, machine) = nlp(vec![
        Answer::json(START, 202, server(json!({}))),
        Answer::json(SHOW, 200, failed),
        Answer::text(LOGS, "first line\nerror: not vestry's\n"),
    ]);
    insta::assert_snapshot!(machine.run("server start jupyter").session(), @r"
    stderr:
      the last it said:
        | sh: no such file
        | first line
        | error: not vestry's
      error: jupyter failed: The command could not be started
      help:  the whole log:  vestry server logs jupyter
    exit 65
    ");
}

#[test]
fn a_program_that_ends_at_once_is_not_just_called_started() {
    let ended = |status: &str, code: Value, detail: &str| {
        Answer::json(SHOW, 200, server(json!({"status": status, "exit_code": code, "status_detail": detail})))
    };
    let told = |line: &str, ended: Answer| {
        let (_stub, machine) = nlp(vec![
            Answer::json(START, 202, server(json!({}))),
            Answer::json(RESTART, 202, server(json!({}))),
            start_record("delivered"),
            is("running"),
            is("running"),
            ended,
            Answer::text(LOGS, "python3: can't open file 'train.py'\n"),
        ]);
        machine.run(line).session()
    };
    insta::assert_snapshot!(told("server start jupyter", ended("failed", json!(2), "exited with code 2")), @r"
    stderr:
      the last it said:
        | python3: can't open file 'train.py'
      error: started jupyter, and it ended at once with exit code 2
      help:  the whole log:  vestry server logs jupyter
    exit 65
    ");
    insta::assert_snapshot!(told("server restart jupyter", ended("failed", Value::Null, "ended by signal 9")), @r"
    stderr:
      the last it said:
        | python3: can't open file 'train.py'
      error: restarted jupyter, and it ended at once: ended by signal 9
      help:  the whole log:  vestry server logs jupyter
    exit 65
    ");
    insta::assert_snapshot!(told("server start jupyter", ended("stopped", json!(0), "")), @r"
    stderr:
      started jupyter in acme/nlp, and it ended at once with exit code 0:  vestry server logs jupyter
    exit 0
    ");
}

#[test]
fn a_restart_of_no_server_names_both_ways() {
    let (stub, machine) = nlp(vec![]);
    insta::assert_snapshot!(machine.run("server restart").session(), @r"
    stderr:
      error: which server? Nothing was restarted
      help:  vestry server restart SERVER
             every one that needs it:  vestry server restart --stale
             only these of them:  vestry server restart --stale A B
    exit 64
    ");
    assert!(stub.requests().is_empty());
}

#[test]
fn a_failed_server_is_shown_with_the_way_to_its_log() {
    let failed = server(json!({"status": "failed", "exit_code": 2, "status_detail": "exited with code 2"}));
    let (_stub, machine) = nlp(vec![Answer::json(SHOW, 200, failed)]);
    let ran = machine.run("server show jupyter");
    assert!(ran.stdout.ends_with("\nits log:  vestry server logs jupyter\n"), "{ran:?}");
    let (_stub, machine) = nlp(vec![is("stopped")]);
    assert!(!machine.run("server show jupyter").stdout.contains("its log"));
}

#[test]
fn a_restart_that_fails_before_the_stop_is_told_apart() {
    let kept = server(json!({"status_detail": "the restart failed, and the process from before runs on: no memory"}));
    let (_stub, machine) = nlp(vec![
        Answer::json(RESTART, 202, server(json!({}))),
        start_record("pending"),
        start_record("failed"),
        Answer::json(SHOW, 200, kept),
    ]);
    insta::assert_snapshot!(machine.run("server restart jupyter").session(), @r"
    stderr:
      error: jupyter was not restarted: the restart failed, and the process from before runs on: no memory
      help:  its starts:  vestry server starts jupyter
    exit 65
    ");
}

#[test]
fn drift_is_shown_with_the_command_that_ends_it() {
    let held = |version: u32| json!({"scope": "workspace", "secret_id": "1", "version": version});
    let mina = json!({"id": "u1", "name": "Mina"});
    let drift = json!([
        {"name": "OPENAI_API_KEY", "kind": "changed", "reason": "value", "from": held(3), "to": held(4), "by": mina,
         "at": "2020-01-03T10:00:00Z"},
        {"name": "HF_TOKEN", "kind": "added", "reason": "created", "from": null, "to": held(1), "by": mina,
         "at": "2020-01-03T10:00:00Z"},
    ]);
    let stale = server(json!({"restart_needed": true, "drift": drift}));
    let list = json!({"items": [stale, server(json!({"slug": "other", "status": "stopped", "started_at": null}))],
        "next_cursor": null});
    let (_stub, machine) =
        nlp(vec![Answer::json(SHOW, 200, stale), start_record("delivered"), Answer::json(LIST, 200, list)]);
    insta::assert_snapshot!(machine.run("server show jupyter").session(), @r"
    stdout:
      jupyter in acme/nlp
      Name       Jupyter
      Status     running
      Started    2 Jan 2020 by Mina
      Command    sh -c 'echo '\''hi'\'''
      Variable   MODE=test
      
      restart needed: started before 2 changes
        OPENAI_API_KEY  v3→v4  new version (Mina, 3 Jan 2020)
        HF_TOKEN        new    created (Mina, 3 Jan 2020)
      bring them:  vestry server restart jupyter
    exit 0
    ");
    insta::assert_snapshot!(machine.run("server list").session(), @r"
    stdout:
      Server   Name     Status   Started             Drift                                               Command
      jupyter  Jupyter  running  2 Jan 2020 by Mina  restart needed: OPENAI_API_KEY v3→v4, HF_TOKEN new  sh -c 'echo '\''hi'\'''
      other    Jupyter  stopped                                                                          sh -c 'echo '\''hi'\'''
    exit 0
    ");
}

#[test]
fn what_the_start_that_runs_left_out_is_named() {
    let left_out = |name: &str| json!([{"name": name, "scope": "workspace", "secret_id": "1", "version": 3}]);
    let start = |outcome: &str, ended_at: Value, left_out: Value| {
        json!({"id": "s", "kind": "server", "started_at": "2020-01-02T10:00:00Z", "ended_at": ended_at,
            "outcome": outcome, "injected": [], "left_out": left_out})
    };
    let starts = json!({"items": [
        start("failed", Value::Null, left_out("OF_A_FAILED_RESTART")),
        start("delivered", Value::Null, left_out("API_KEY")),
        start("delivered", json!("2020-01-02T10:00:00Z"), left_out("OF_AN_EARLIER_START")),
    ], "next_cursor": null});
    let (_stub, machine) = nlp(vec![is("running"), Answer::json(STARTS, 200, starts)]);
    insta::assert_snapshot!(machine.run("server show jupyter").session(), @r"
    stdout:
      jupyter in acme/nlp
      Name       Jupyter
      Status     running
      Started    2 Jan 2020 by Mina
      Command    sh -c 'echo '\''hi'\'''
      Variable   MODE=test
      Left out   API_KEY workspace v3, which was suspended when it started
    exit 0
    ");
    let shown: Value = serde_json::from_str(&machine.run("server show jupyter --json").stdout).unwrap();
    assert_eq!(shown["left_out"], left_out("API_KEY"));
}

#[test]
fn a_followed_log_is_taken_up_where_it_broke_off() {
    let first = "event: log\nid: 4\ndata: \"one\\ntw\"\n\n";
    let second = "event: log\nid: 8\ndata: \"o\\nthree\"\n\n";
    let (stub, machine) =
        nlp(vec![Answer::text(LOGS, first), Answer::text(LOGS, second), is("running"), is("stopped")]);
    let ran = machine.run("server logs -f jupyter");
    assert_eq!((ran.stdout.as_str(), ran.code), ("one\ntwo\nthree\n", Some(0)));
    let last_ids: Vec<_> =
        stub.requests().iter().map(|request| request.header("last-event-id").map(str::to_owned)).collect();
    assert_eq!(last_ids, [None, None, Some("4".to_owned()), None]);
}

#[test]
fn plain_variables_that_are_not_mentioned_stay() {
    let edit = "PATCH /organizations/acme/workspaces/nlp/servers/jupyter";
    let (stub, machine) = nlp(vec![
        Answer::json(SHOW, 200, server(json!({}))).with("etag", "\"r3\""),
        Answer::json(edit, 200, server(json!({}))),
    ]);
    let ran = machine.run("server edit jupyter -e API_TOKEN=a=b -- python3 -c 'print(1)'");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("for a secret:  vestry secret set API_TOKEN"), "{ran:?}");
    let sent = stub.only(edit);
    assert_eq!(
        sent.json(),
        json!({"command": ["python3", "-c", "print(1)"], "variables": {"MODE": "test", "API_TOKEN": "a=b"}})
    );
    assert_eq!(sent.header("if-match"), Some("\"r3\""));
    let ran = machine.run("server edit jupyter --unset NOPE");
    assert_eq!(ran.code, Some(65), "{ran:?}");
}

#[test]
fn an_organization_secret_can_be_looked_at_from_its_workspace() {
    let secret = json!({"id": "1", "name": "HF_TOKEN", "scope": "organization", "version": 2, "description": "",
        "suspended": false, "updated_at": "2020-01-02T10:00:00Z", "updated_by": null, "overrides": false,
        "overridden": false, "editable": false});
    let list = json!({"items": [secret], "next_cursor": null});
    let (_stub, machine) = nlp(vec![Answer::json("GET /organizations/acme/workspaces/nlp/secrets", 200, list)]);
    insta::assert_snapshot!(machine.run("secret show HF_TOKEN").session(), @r"
    stdout:
      HF_TOKEN in acme/nlp
      Version      v2
      Scope        organization
      Updated      2 Jan 2020
    exit 0
    ");
    insta::assert_snapshot!(machine.run("secret delete HF_TOKEN --yes").session(), @r"
    stderr:
      error: HF_TOKEN is the organization's; in a workspace it can only be looked at
      help:  its administrators use --org acme
    exit 65
    ");
}
