//! The main job: a program gets exactly its workspace's environment.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::*;

/// What every program gets of the server `show` in the workspace `lab` of `acme`.
pub(crate) const BASE: &[(&str, &str)] = &[
    ("HOME", "/home/workspace"),
    ("LANG", "C.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"),
    ("TERM", "dumb"),
    ("TMPDIR", "/tmp"),
    ("USER", "workspace"),
    ("VESTRY_ORGANIZATION", "acme"),
    ("VESTRY_SERVER", "show"),
    ("VESTRY_WORKSPACE", "lab"),
];

fn base_and(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    BASE.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Names, scopes and versions of what a start handed over.
fn injected(start: &Value) -> Vec<String> {
    let one = |held: &Value| format!("{} {} v{}", held["name"], held["scope"], held["version"]).replace('"', "");
    start["injected"].as_array().unwrap().iter().map(one).collect()
}

fn the_main_job(options: Options) {
    let house = House::with(options);
    house.owner.post("/organizations/acme/workspaces", json!({ "name": "Other" })).expect(201);
    house.organization_secret("EVERYWHERE", json!({ "value": "the organization's" }));
    house.organization_secret("OVERRIDDEN", json!({ "value": "covered" }));
    house.organization_secret("SELECTED", json!({ "value": "chosen", "workspaces": ["lab"] }));
    house.organization_secret("ELSEWHERE", json!({ "value": "not for lab", "workspaces": ["other"] }));
    house.organization_secret("NOWHERE", json!({ "value": "for nobody", "workspaces": [] }));
    house.workspace_secret("OVERRIDDEN", "the workspace's");
    let multi_line = "-----BEGIN KEY-----\nAAAA=\n\n\"quoted\" $HOME 'single' \\ ünï\n-----END KEY-----\n";
    house.workspace_secret("OWN", multi_line);
    house.workspace_secret("HIDES", "the secret wins");
    let other = format!("{}/secrets/OF_OTHER", LAB.replace("lab", "other"));
    house.owner.put(&other, json!({ "value": "of the other workspace" })).expect(201);

    let plain = json!({ "PLAIN": "as it is", "HIDES": "hidden", "LANG": "de_DE.UTF-8", "EMPTY": "" });
    let server = house.showing_server(plain);
    let running = server.start();
    assert_eq!(
        server.environment(),
        base_and(&[
            ("LANG", "de_DE.UTF-8"),
            ("PLAIN", "as it is"),
            ("EMPTY", ""),
            ("EVERYWHERE", "the organization's"),
            ("SELECTED", "chosen"),
            ("OVERRIDDEN", "the workspace's"),
            ("OWN", multi_line),
            ("HIDES", "the secret wins"),
        ])
    );
    assert_eq!(running["restart_needed"], false);
    let first = server.newest_start();
    let expected = [
        "EVERYWHERE organization v1",
        "HIDES workspace v1",
        "OVERRIDDEN workspace v1",
        "OWN workspace v1",
        "SELECTED organization v1",
    ];
    assert_eq!(injected(&first), expected);
    assert_eq!((&first["outcome"], &first["started_by"]["name"]), (&json!("delivered"), &json!("owner")));
    assert_eq!((&first["ended_at"], &first["exit_code"]), (&Value::Null, &Value::Null));

    let written = house.organization_secret("EVERYWHERE", json!({ "value": "its next value" }));
    assert_eq!(written["restart_needed"], json!([{ "workspace": "lab", "server": "show" }]));
    house.workspace_secret("NEW", "brought by the restart");
    assert_eq!(server.drift().into_keys().collect::<Vec<_>>(), ["EVERYWHERE", "NEW"]);
    let second = server.restart();
    assert_eq!(second["outcome"], "delivered", "{second:#}");
    let environment = server.environment();
    assert_eq!(environment["EVERYWHERE"], "its next value");
    assert_eq!(environment["NEW"], "brought by the restart");
    assert_eq!(environment.len(), BASE.len() + 8);
    assert_eq!(server.becomes("running")["restart_needed"], false);

    server.stop();
    let starts = server.starts();
    assert_eq!(starts.len(), 2);
    assert_eq!(starts[1]["id"], first["id"]);
    assert!(starts.iter().all(|start| start["ended_at"].is_string()), "{starts:#?}");
}

#[test]
fn a_program_gets_exactly_its_workspaces_environment_and_a_restart_brings_what_changed() {
    the_main_job(Options::default());
}

#[test]
fn the_main_job_is_done_on_postgresql_too() {
    the_main_job(Options { database: Database::Postgres, ..Options::default() });
}

#[test]
fn the_main_job_is_done_by_an_ordinary_user_too() {
    the_main_job(Options { account: Account::Ordinary, ..Options::default() });
}

#[test]
fn a_start_is_pending_until_its_program_has_it_and_the_record_says_how_it_ended() {
    let house = House::new();
    house.workspace_secret("KEY", "a value that it gets");
    let server = house.server("ends", "test -n \"$KEY\"; exit 7");
    // What the request itself answers is before the process: the record is there and says nothing was delivered yet.
    let asked = house.owner.post(&format!("{}/start", server.path()), json!({})).expect(202).json();
    assert_eq!(asked["status"], "starting");
    let failed = until("its end", || Some(server.get()).filter(|server| server["exit_code"].is_number()));
    assert_eq!((&failed["status"], &failed["exit_code"]), (&json!("failed"), &json!(7)), "{failed:#}");
    let start = server.newest_start();
    assert_eq!((&start["outcome"], &start["exit_code"]), (&json!("delivered"), &json!(7)), "{start:#}");
    assert!(start["ended_at"].as_str() >= start["started_at"].as_str(), "{start:#}");

    let server = house.server("goes well", "exit 0");
    house.owner.post(&format!("{}/start", server.path()), json!({})).expect(202);
    let stopped = server.becomes("stopped");
    assert_eq!(stopped["exit_code"], 0);
}
