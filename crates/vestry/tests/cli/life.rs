//! A secret after it was written: history, holders, suspension, deletion; what is asked, sent and said.

use serde_json::{Value, json};

use crate::support::{Answer, Machine, Stub};

const SECRET: &str = "GET /organizations/acme/workspaces/nlp/secrets/API_KEY";
const VERSIONS: &str = "GET /organizations/acme/workspaces/nlp/secrets/API_KEY/versions";
const HOLDERS: &str = "GET /organizations/acme/workspaces/nlp/secrets/API_KEY/holders";
const STARTS: &str = "GET /organizations/acme/workspaces/nlp/secrets/API_KEY/starts";
const SUSPEND: &str = "PUT /organizations/acme/workspaces/nlp/secrets/API_KEY/suspension";
const LIFT: &str = "DELETE /organizations/acme/workspaces/nlp/secrets/API_KEY/suspension";
const PUT_BACK: &str = "POST /organizations/acme/workspaces/nlp/secrets/API_KEY/versions/2/restoration";
const DELETED: &str = "GET /organizations/acme/workspaces/nlp/deleted-secrets";
const RESTORE: &str = "POST /organizations/acme/workspaces/nlp/deleted-secrets/d1/restoration";
const DESTROY: &str = "DELETE /organizations/acme/workspaces/nlp/deleted-secrets/d1";

fn mina() -> Value {
    json!({"id": "u1", "name": "Mina"})
}

fn with(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

fn secret(more: Value) -> Value {
    let base = json!({
        "id": "s1", "name": "API_KEY", "scope": "workspace", "version": 4, "description": "", "suspended": false,
        "suspension": null, "updated_at": "2020-01-02T10:00:00Z", "updated_by": mina(), "warnings": [],
        "restart_needed": [],
    });
    with(base, more)
}

fn suspension(version: Value) -> Value {
    json!({"suspended": true, "suspension":
        {"at": "2020-01-05T10:00:00Z", "by": mina(), "reason": "found in a log", "version": version}})
}

fn version(number: u32, more: Value) -> Value {
    let base = json!({
        "version": number, "newest": false, "kept": true, "created_at": "2020-01-02T10:00:00Z", "created_by": mina(),
        "restored_from": null, "suspension": null, "erased_at": null, "erased_by": null,
    });
    with(base, more)
}

fn holder(server: &str, more: Value) -> Value {
    let base = json!({
        "workspace": "nlp", "server": server, "status": "running", "name": "API_KEY", "version": 4,
        "started_at": "2020-01-03T10:00:00Z", "started_by": mina(), "start": "r1", "stale": false, "drift": null,
    });
    with(base, more)
}

fn reader(more: Value) -> Value {
    let base = json!({"workspace": "nlp", "person": mina(), "token": null, "host": "laptop", "version": 3,
        "last_read_at": "2020-01-04T10:00:00Z", "reads": 7});
    with(base, more)
}

fn held(items: Value, readers: Value) -> Value {
    json!({"items": items, "next_cursor": null, "also_read_by": readers})
}

fn deleted(id: &str, version: u32) -> Value {
    json!({"id": id, "name": "API_KEY", "version": version, "deleted_at": "2020-01-06T10:00:00Z", "deleted_by": mina(),
        "destroyed_from": "2020-02-05T10:00:00Z"})
}

fn list(items: Value) -> Value {
    json!({"items": items, "next_cursor": null})
}

fn nlp(answers: Vec<Answer>) -> (Stub, Machine) {
    let stub = Stub::answering(answers);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    (stub, machine)
}

fn assert_nothing_was_written(stub: &Stub) {
    assert!(stub.requests().iter().all(|request| request.line.starts_with("GET ")), "{:#?}", stub.requests());
}

#[test]
fn a_history_says_what_became_of_each_version() {
    let erased = json!({"kept": false, "erased_at": "2020-01-04T10:00:00Z", "erased_by": mina()});
    let by_itself = json!({"suspension": suspension(json!(2))["suspension"]});
    let versions = json!([
        version(4, json!({"newest": true, "restored_from": 2})),
        version(3, json!({})),
        version(2, by_itself),
        version(1, with(erased, json!({"created_by": null}))),
    ]);
    let (_stub, machine) = nlp(vec![
        Answer::json(VERSIONS, 200, list(versions)),
        Answer::json(SECRET, 200, secret(suspension(Value::Null))),
    ]);
    insta::assert_snapshot!(machine.run("secret history API_KEY").session(), @r"
    stdout:
      Version  Written             State
      v4       2 Jan 2020 by Mina  newest, from v2
      v3       2 Jan 2020 by Mina  kept
      v2       2 Jan 2020 by Mina  kept, suspended (5 Jan 2020 by Mina: found in a log)
      v1       2 Jan 2020          erased 4 Jan 2020 by Mina
    stderr:
      API_KEY is suspended (5 Jan 2020 by Mina: found in a log): no start gets any version
    exit 0
    ");
}

#[test]
fn holders_are_shown_with_what_a_restart_would_bring_and_who_else_read_it() {
    let version = |number: u32| json!({"scope": "workspace", "secret_id": "s1", "version": number});
    let drift = json!({"name": "OLD_NAME", "kind": "changed", "reason": "value", "from": version(3), "to": version(4),
        "by": mina(), "at": "2020-01-04T10:00:00Z"});
    let stale = json!({"version": 3, "name": "OLD_NAME", "stale": true, "drift": drift});
    let readers = json!([
        reader(json!({})),
        reader(json!({"token": "ci", "host": "builder", "reads": 1})),
        reader(json!({"token": "ci", "person": null})),
    ]);
    let items = json!([holder("jupyter", json!({})), holder("trainer", stale)]);
    let (stub, machine) =
        nlp(vec![Answer::json(SECRET, 200, secret(json!({}))), Answer::json(HOLDERS, 200, held(items, readers))]);
    insta::assert_snapshot!(machine.run("secret holders API_KEY").session(), @r"
    stdout:
      API_KEY of acme/nlp: 2 servers hold it
      Server       Version  As        Status   Started             Restart needed
      nlp/jupyter  v4                 running  3 Jan 2020 by Mina
      nlp/trainer  v3       OLD_NAME  running  3 Jan 2020 by Mina  v3→v4, new version (Mina, 4 Jan 2020)
      1 running server needs a restart:  vestry secret restart-holders API_KEY -w acme/nlp
      
      also read by runs, of which nobody knows whether they go on:
      Who                      Workspace  Host     Version  Last read   Times
      Mina                     nlp        laptop   v3       4 Jan 2020  7
      token ci (made by Mina)  nlp        builder  v3       4 Jan 2020  1
      token ci                 nlp        laptop   v3       4 Jan 2020  7
    exit 0
    ");
    machine.run("secret holders API_KEY --version 3");
    assert_eq!(stub.requests().last().unwrap().line, format!("{HOLDERS}?version=3"));
}

#[test]
fn holders_of_several_pages_are_one_document_with_the_readers_of_the_first() {
    let page = |server: &str, cursor: Value, readers: Value| {
        let body = json!({"items": [holder(server, json!({}))], "next_cursor": cursor, "also_read_by": readers});
        Answer::json(HOLDERS, 200, body)
    };
    let readers = json!([reader(json!({}))]);
    let (_stub, machine) = nlp(vec![
        Answer::json(SECRET, 200, secret(json!({}))),
        page("one", json!("c1"), readers.clone()),
        page("one", json!("c1"), readers.clone()),
        page("two", Value::Null, json!([])),
    ]);
    let answer: Value = serde_json::from_str(&machine.run("secret holders API_KEY --json").stdout).unwrap();
    assert_eq!(answer["items"], json!([holder("one", json!({})), holder("two", json!({}))]));
    assert_eq!(answer["also_read_by"], readers);
}

#[test]
fn every_start_that_ever_got_it_is_listed_with_its_interval() {
    let one = |more: Value| {
        let base = json!({"id": "r1", "kind": "server", "workspace": "nlp", "server": "jupyter", "host": null,
            "command": null, "name": "API_KEY", "version": 4, "outcome": "delivered",
            "started_at": "2020-01-03T10:00:00Z", "started_by": mina(), "token": null, "ended_at": null});
        with(base, more)
    };
    let run = json!({"id": "r2", "kind": "run", "server": null, "host": "laptop", "command": "python3", "token": "ci"});
    let starts = json!([
        one(json!({})),
        one(run),
        one(json!({"id": "r3", "ended_at": "2020-01-03T11:30:00Z", "name": "OLD_NAME", "version": 3})),
        one(json!({"id": "r4", "outcome": "failed"})),
    ]);
    let (_stub, machine) =
        nlp(vec![Answer::json(SECRET, 200, secret(json!({}))), Answer::json(STARTS, 200, list(starts))]);
    insta::assert_snapshot!(machine.run("secret holders API_KEY --past").session(), @r"
    stdout:
      From                  Until                 Version  As        What                      By        Outcome  Start
      2020-01-03 10:00:00Z  now                   v4                 nlp/jupyter               Mina               r1
      2020-01-03 10:00:00Z  nobody knows          v4                 python3 on laptop in nlp  token ci           r2
      2020-01-03 10:00:00Z  2020-01-03 11:30:00Z  v3       OLD_NAME  nlp/jupyter               Mina               r3
      2020-01-03 10:00:00Z                        v4                 nlp/jupyter               Mina      failed   r4
    exit 0
    ");
}

#[test]
fn who_holds_a_deleted_secret_is_found_by_its_name() {
    let of_deleted = "GET /organizations/acme/workspaces/nlp/deleted-secrets/d1/holders";
    let (_stub, machine) = nlp(vec![
        Answer::json(DELETED, 200, list(json!([deleted("d1", 4)]))),
        Answer::json(of_deleted, 200, held(json!([holder("jupyter", json!({}))]), json!([]))),
    ]);
    insta::assert_snapshot!(machine.run("secret holders API_KEY").session(), @r"
    stdout:
      API_KEY of acme/nlp: 1 server holds it
      Server       Version  Status   Started
      nlp/jupyter  v4       running  3 Jan 2020 by Mina
    stderr:
      API_KEY is deleted: v4, deleted 6 Jan 2020 by Mina
    exit 0
    ");
    insta::assert_snapshot!(machine.run("secret holders API_KEY --id d9").session(), @r"
    stderr:
      error: there is no deleted secret of acme/nlp with the id `d9`; nothing was done
      help:  those that can be restored:  vestry secret list --deleted -w acme/nlp
    exit 65
    ");
    insta::assert_snapshot!(machine.run("secret show API_KEY").session(), @r"
    stderr:
      error: there is no secret API_KEY in acme/nlp any more: v4, deleted 6 Jan 2020 by Mina
      help:  bring it back:  vestry secret restore API_KEY -w acme/nlp
             who still has it:  vestry secret holders API_KEY -w acme/nlp
             restart those:  vestry secret restart-holders API_KEY -w acme/nlp
    exit 65
    ");
}

#[test]
fn who_still_holds_a_deleted_secret_is_restarted_by_its_name_or_id() {
    let restarts = "POST /organizations/acme/workspaces/nlp/deleted-secrets/d1/restarts";
    let would = json!({"servers": [{"workspace": "nlp", "server": "jupyter"}]});
    let (stub, machine) =
        nlp(vec![Answer::json(DELETED, 200, list(json!([deleted("d1", 4)]))), Answer::json(restarts, 200, would)]);
    insta::assert_snapshot!(machine.run("secret restart-holders API_KEY --dry-run").session(), @r"
    stdout:
      Server
      nlp/jupyter
    stderr:
      API_KEY is deleted: v4, deleted 6 Jan 2020 by Mina
      1 server would be restarted; nothing was done
    exit 0
    ");
    assert_eq!(stub.only(restarts).json(), json!({"dry_run": true}));
    insta::assert_snapshot!(machine.run("secret restart-holders API_KEY --id d9 --dry-run").session(), @r"
    stderr:
      error: there is no deleted secret of acme/nlp with the id `d9`; nothing was done
      help:  those that can be restored:  vestry secret list --deleted -w acme/nlp
    exit 65
    ");
}

#[test]
fn of_several_deleted_secrets_of_a_name_none_is_picked() {
    let (stub, machine) = nlp(vec![
        Answer::json(DELETED, 200, list(json!([deleted("d1", 4), deleted("d0", 2)]))),
        Answer::json(RESTORE, 200, secret(json!({}))),
    ]);
    for line in ["restore API_KEY", "destroy API_KEY --yes", "holders API_KEY", "holders API_KEY --deleted"] {
        let ran = machine.run(&format!("secret {line}"));
        assert_eq!(ran.code, Some(64), "{line}: {ran:?}");
        assert!(ran.stderr.contains("--id d0  v2, deleted 6 Jan 2020 by Mina"), "{line}: {ran:?}");
    }
    assert_nothing_was_written(&stub);
    insta::assert_snapshot!(machine.run("secret restore API_KEY").session(), @r"
    stderr:
      error: 2 deleted secrets of acme/nlp had the name API_KEY: which?
      help:  --id d1  v4, deleted 6 Jan 2020 by Mina
             --id d0  v2, deleted 6 Jan 2020 by Mina
    exit 64
    ");
    insta::assert_snapshot!(machine.run("secret restore API_KEY --id d1").session(), @r"
    stderr:
      restored API_KEY v4 in acme/nlp
    exit 0
    ");
    stub.only(RESTORE);
}

#[test]
fn a_suspension_shows_who_holds_it_and_asks_first() {
    let servers: Vec<Value> = (1..=12).map(|number| holder(&format!("s{number}"), json!({}))).collect();
    let needed = json!({"restart_needed": [{"workspace": "nlp", "server": "s1"}]});
    let (stub, machine) = nlp(vec![
        Answer::json(SECRET, 200, secret(json!({}))),
        Answer::json(HOLDERS, 200, held(json!(servers), json!([reader(json!({}))]))),
        Answer::json(SUSPEND, 200, secret(with(suspension(Value::Null), needed))),
    ]);
    insta::assert_snapshot!(machine.run("secret suspend API_KEY --reason leaked").session(), @r#"
    stderr:
      12 servers hold it:
        nlp/s1 v4, started 3 Jan 2020 by Mina
        nlp/s2 v4, started 3 Jan 2020 by Mina
        nlp/s3 v4, started 3 Jan 2020 by Mina
        nlp/s4 v4, started 3 Jan 2020 by Mina
        nlp/s5 v4, started 3 Jan 2020 by Mina
        nlp/s6 v4, started 3 Jan 2020 by Mina
        nlp/s7 v4, started 3 Jan 2020 by Mina
        nlp/s8 v4, started 3 Jan 2020 by Mina
        nlp/s9 v4, started 3 Jan 2020 by Mina
        nlp/s10 v4, started 3 Jan 2020 by Mina
        and 2 more
      also read by a run of Mina
      error: nothing was done: there is no terminal to ask "Suspend API_KEY in acme/nlp?"
      help:  answer on the command line:  --yes
    exit 64
    "#);
    assert_nothing_was_written(&stub);
    let ran = machine.run("secret suspend API_KEY --reason 'found in a log' --yes");
    let said: Vec<&str> = ran.stderr.lines().skip_while(|line| !line.starts_with("suspended")).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    suspended API_KEY in acme/nlp
    no start or run gets it until that is lifted, or a new version is written
    lift it:  vestry secret suspend API_KEY -w acme/nlp --lift
    what runs keeps it until it is restarted or stopped
    1 running server needs a restart:  vestry secret restart-holders API_KEY -w acme/nlp
    ");
    assert_eq!(ran.code, Some(0));
    assert_eq!(stub.only(SUSPEND).json(), json!({"version": null, "reason": "found in a log"}));
}

#[test]
fn an_older_version_that_is_suspended_changes_nothing_for_starts() {
    let (stub, machine) = nlp(vec![
        Answer::json(SECRET, 200, secret(json!({}))),
        Answer::json(HOLDERS, 200, held(json!([]), json!([]))),
        Answer::json(SUSPEND, 200, secret(json!({}))),
    ]);
    insta::assert_snapshot!(machine.run("secret suspend API_KEY --version 2 --yes").session(), @r"
    stderr:
      no server holds it
      suspended v2 of API_KEY in acme/nlp
      it can't be put back until that is lifted; starts get v4 as before
      lift it:  vestry secret suspend API_KEY -w acme/nlp --version 2 --lift
    exit 0
    ");
    assert_eq!(stub.only(SUSPEND).json(), json!({"version": 2, "reason": null}));
}

#[test]
fn stopping_all_holders_goes_on_after_a_failure_and_says_it() {
    let server = |slug: &str, status: &str| json!({"name": slug, "slug": slug, "command": [], "status": status, "status_detail": ""});
    let items = json!([holder("a", json!({})), holder("b", json!({})), holder("c", json!({}))]);
    let (stub, machine) = nlp(vec![
        Answer::json(SECRET, 200, secret(json!({}))),
        Answer::json(HOLDERS, 200, held(items, json!([]))),
        Answer::json(SUSPEND, 200, secret(suspension(Value::Null))),
        Answer::problem(
            "POST /organizations/acme/workspaces/nlp/servers/a/stop",
            503,
            "unavailable",
            "The database is away.",
        ),
        Answer::json("POST /organizations/acme/workspaces/nlp/servers/b/stop", 202, server("b", "stopping")),
        Answer::json("GET /organizations/acme/workspaces/nlp/servers/b", 200, server("b", "stopped")),
        // It ended by itself in between.
        Answer::problem("POST /organizations/acme/workspaces/nlp/servers/c/stop", 409, "conflict", "It is stopped."),
        Answer::json("GET /organizations/acme/workspaces/nlp/servers/c", 200, server("c", "stopped")),
    ]);
    let ran = machine.run("secret suspend API_KEY --stop --yes");
    let said: Vec<&str> = ran.stderr.lines().skip_while(|line| !line.starts_with("suspended")).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    suspended API_KEY in acme/nlp
    no start or run gets it until that is lifted, or a new version is written
    lift it:  vestry secret suspend API_KEY -w acme/nlp --lift
    warning: a in acme/nlp: The database is away
    stopped b in acme/nlp
    stopped c in acme/nlp
    error: API_KEY is suspended, but 1 of the 3 servers that held it did not stop
    help:  who holds it:  vestry secret holders API_KEY -w acme/nlp
    ");
    assert_eq!(ran.code, Some(75), "{ran:?}");
    stub.only("POST /organizations/acme/workspaces/nlp/servers/b/stop?suspended=s1");
}

#[test]
fn a_second_suspension_keeps_the_reason_of_the_first() {
    let (stub, machine) = nlp(vec![
        Answer::json(SECRET, 200, secret(suspension(Value::Null))),
        Answer::json(HOLDERS, 200, held(json!([]), json!([]))),
        Answer::json(SUSPEND, 200, secret(suspension(Value::Null))),
    ]);
    let said = machine.run("secret suspend API_KEY --stop --yes").stderr;
    assert!(said.starts_with("API_KEY is suspended (5 Jan 2020 by Mina: found in a log) already\n"), "{said}");
    assert_eq!(stub.only(SUSPEND).json()["reason"], "found in a log");
    machine.run("secret suspend API_KEY --reason other --yes");
    machine.run("secret suspend API_KEY --version 4 --yes");
    let reasons: Vec<Value> =
        stub.requests().iter().filter(|one| one.line == SUSPEND).map(|one| one.json()["reason"].clone()).collect();
    assert_eq!(reasons[1..], [json!("other"), Value::Null]);
}

#[test]
fn what_can_not_be_lifted_is_met_with_what_can() {
    let (_stub, machine) = nlp(vec![
        Answer::problem(LIFT, 409, "conflict", "not API_KEY but its version 4 is suspended; nothing was changed."),
        Answer::json(LIFT, 200, secret(suspension(Value::Null))),
        Answer::json(SECRET, 200, secret(suspension(json!(4)))),
    ]);
    insta::assert_snapshot!(machine.run("secret suspend API_KEY --lift").session(), @r"
    stderr:
      error: not API_KEY but its version 4 is suspended; nothing was changed
      help:  vestry secret suspend API_KEY -w acme/nlp --version 4 --lift
    exit 65
    ");
    insta::assert_snapshot!(machine.run("secret suspend API_KEY --version 4 --lift").session(), @r"
    stderr:
      lifted the suspension of v4 of API_KEY in acme/nlp: it is still suspended (5 Jan 2020 by Mina: found in a log)
    exit 0
    ");
}

#[test]
fn an_older_version_put_back_says_that_it_lifted_a_suspension() {
    let get = "GET /organizations/acme/workspaces/nlp/secrets/API_KEY";
    let told = |before: Value, after: Value| {
        let (_stub, machine) = nlp(vec![
            Answer::json(get, 200, secret(before)),
            Answer::json(PUT_BACK, 200, secret(with(json!({"version": 5}), after))),
        ]);
        machine.run("secret restore API_KEY --version 2").stderr
    };
    insta::assert_snapshot!(told(suspension(Value::Null), json!({})), @r"
    put v2 of API_KEY back as v5 in acme/nlp
    it was suspended (5 Jan 2020 by Mina: found in a log): that is lifted, and starts and runs get it again
    ");
    for (before, after) in [(json!({}), json!({})), (suspension(Value::Null), suspension(Value::Null))] {
        assert_eq!(told(before, after), "put v2 of API_KEY back as v5 in acme/nlp\n");
    }
}

#[test]
fn a_version_that_can_not_be_put_back_is_met_with_what_helps() {
    let refused = |more: Value| {
        let versions = json!([version(4, json!({"newest": true})), version(2, more)]);
        let (_stub, machine) = nlp(vec![
            Answer::problem(PUT_BACK, 409, "conflict", "version 2 of API_KEY can't be; nothing was written"),
            Answer::json(VERSIONS, 200, list(versions)),
        ]);
        machine.run("secret restore API_KEY --version 2").stderr
    };
    insta::assert_snapshot!(refused(json!({"kept": false})), @r"
    error: version 2 of API_KEY can't be; nothing was written
    help:  its versions:  vestry secret history API_KEY -w acme/nlp
           write another value:  vestry secret set API_KEY -w acme/nlp
    ");
    insta::assert_snapshot!(refused(json!({"suspension": suspension(json!(2))["suspension"]})), @r"
    error: version 2 of API_KEY can't be; nothing was written
    help:  vestry secret suspend API_KEY -w acme/nlp --version 2 --lift
    ");
    let (_stub, machine) = nlp(vec![Answer::json(VERSIONS, 200, list(json!([version(4, json!({"newest": true}))])))]);
    insta::assert_snapshot!(machine.run("secret restore API_KEY --version 9").session(), @r"
    stderr:
      error: there is no v9 of API_KEY in acme/nlp; the newest is v4
      help:  its versions:  vestry secret history API_KEY -w acme/nlp
    exit 65
    ");
}

#[test]
fn a_restore_whose_name_is_taken_says_how_to_free_it() {
    let taken = "there is another secret API_KEY by now; nothing was restored; rename or delete that one first";
    let (_stub, machine) = nlp(vec![
        Answer::json(DELETED, 200, list(json!([deleted("d1", 4)]))),
        Answer::problem(RESTORE, 409, "conflict", taken),
        Answer::json(SECRET, 200, secret(json!({}))),
    ]);
    insta::assert_snapshot!(machine.run("secret restore API_KEY").session(), @r"
    stderr:
      error: there is another secret API_KEY by now; nothing was restored; rename or delete that one first
      help:  give that one another name:  vestry secret rename API_KEY NEW_NAME -w acme/nlp
    exit 65
    ");
}

#[test]
fn what_is_not_deleted_is_neither_restored_nor_destroyed() {
    let (stub, machine) = nlp(vec![
        Answer::json(DELETED, 200, list(json!([]))),
        Answer::json(SECRET, 200, secret(json!({}))),
        Answer::json(DESTROY, 204, Value::Null),
    ]);
    insta::assert_snapshot!(machine.run("secret restore API_KEY").session(), @r"
    stderr:
      error: API_KEY in acme/nlp is not deleted; nothing was done
      help:  its versions:  vestry secret history API_KEY -w acme/nlp
             put one back:  vestry secret restore API_KEY -w acme/nlp --version N
             erase one:  vestry secret destroy API_KEY -w acme/nlp --version N
             delete it:  vestry secret delete API_KEY -w acme/nlp
    exit 65
    ");
    assert_eq!(machine.run("secret destroy API_KEY --yes").code, Some(65));
    insta::assert_snapshot!(machine.run("secret destroy API_KYE --id d7 --yes").session(), @r"
    stderr:
      error: there is no deleted secret of acme/nlp with the id `d7`; nothing was done
      help:  those that can be restored:  vestry secret list --deleted -w acme/nlp
    exit 65
    ");
    assert_nothing_was_written(&stub);
}

#[test]
fn an_erasure_says_who_still_has_it_and_asks() {
    let of_deleted = "GET /organizations/acme/workspaces/nlp/deleted-secrets/d1/holders";
    let erase = "DELETE /organizations/acme/workspaces/nlp/secrets/API_KEY/versions/2";
    let holders = held(json!([holder("jupyter", json!({"version": 2}))]), json!([]));
    let (stub, machine) = nlp(vec![
        Answer::json(DELETED, 200, list(json!([deleted("d1", 4)]))),
        Answer::json(of_deleted, 200, holders.clone()),
        Answer::json(DESTROY, 204, Value::Null),
        Answer::json(HOLDERS, 200, holders),
        Answer::json(erase, 204, Value::Null),
    ]);
    insta::assert_snapshot!(machine.run("secret destroy API_KEY").session(), @r#"
    stderr:
      API_KEY of acme/nlp: v4, deleted 6 Jan 2020 by Mina
      1 server holds it:
        nlp/jupyter v2, started 3 Jan 2020 by Mina
      servers keep it until they are restarted or stopped
      error: nothing was done: there is no terminal to ask "Erase every value of the deleted API_KEY for good? This can't be undone."
      help:  answer on the command line:  --yes
    exit 64
    "#);
    insta::assert_snapshot!(machine.run("secret destroy API_KEY --version 2").session(), @r#"
    stderr:
      1 server holds it:
        nlp/jupyter v2, started 3 Jan 2020 by Mina
      they keep it: what was handed over can't be taken back
      error: nothing was done: there is no terminal to ask "Erase the value of v2 of API_KEY in acme/nlp for good? This can't be undone."
      help:  answer on the command line:  --yes
    exit 64
    "#);
    assert_nothing_was_written(&stub);
    assert_eq!(machine.run("secret destroy API_KEY --yes").code, Some(0));
    stub.only(DESTROY);
    assert_eq!(machine.run("secret destroy API_KEY --version 2 --yes").code, Some(0));
    stub.only(erase);
}

#[test]
fn a_suspended_secret_is_shown_with_who_did_it_and_how_to_lift_it() {
    let (_stub, machine) = nlp(vec![Answer::json(SECRET, 200, secret(suspension(json!(4))))]);
    insta::assert_snapshot!(machine.run("secret show API_KEY").session(), @r"
    stdout:
      API_KEY in acme/nlp
      Version      v4
      Scope        workspace
      State        v4 is suspended (5 Jan 2020 by Mina: found in a log), left out of starts and runs
      Updated      2 Jan 2020 by Mina
      its versions:  vestry secret history API_KEY -w acme/nlp
      who holds it:  vestry secret holders API_KEY -w acme/nlp
      lift that:  vestry secret suspend API_KEY -w acme/nlp --version 4 --lift
    exit 0
    ");
}

#[test]
fn a_workspace_s_activity_is_told_in_the_words_of_the_audit_log() {
    let event = |action: &str, details: Value| {
        json!({"id": "e1", "at": "2020-01-05T10:00:00Z", "actor": {"kind": "user", "id": "u1", "name": "Mina"},
            "action": action, "target": {"kind": "secret", "id": "s1", "name": "API_KEY"}, "details": details})
    };
    let events = json!([
        event("secret.suspended", json!({"scope": "workspace", "version": 4, "reason": "found in a log"})),
        event("secret.version_written", json!({"scope": "organization", "version": 4})),
    ]);
    let activity = "GET /organizations/acme/workspaces/nlp/activity";
    let (stub, machine) = nlp(vec![Answer::json(activity, 200, list(events))]);
    insta::assert_snapshot!(machine.run("workspace activity --limit 2").session(), @r"
    stdout:
      Time                  Actor  Action                  Target
      2020-01-05 10:00:00Z  Mina   secret.suspended        secret API_KEY v4: found in a log
      2020-01-05 10:00:00Z  Mina   secret.version_written  organization secret API_KEY v4
    exit 0
    ");
    stub.only(&format!("{activity}?limit=2"));
}
