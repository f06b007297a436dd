//! Without the right root key: servers are listed and stopped, nothing is sealed or unsealed, and no key is made.

use std::fs;

use assurance::report;
use serde_json::{Value, json};

use crate::support::*;

/// Everything that must work without a key works, and everything that needs one is refused.
fn lists_and_stops_and_no_more(house: &House, running: &str) {
    let list = house.owner.get(&format!("{LAB}/servers")).expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
    let sealed = |answer: Answer| assert_eq!(answer.expect(503).json()["code"], "sealed");
    let server = house.known_server(LAB, running);
    assert_eq!(server.get()["status"], "running");
    assert_eq!(server.drift()["KEY"]["reason"], "value");
    let programs = house.control_plane.programs_in_sandboxes();
    let records = |slug: &str| house.known_server(LAB, slug).starts().len();
    let before = (records(running), records("third"));
    sealed(house.owner.post(&format!("{}/restart", server.path()), json!({})));
    sealed(house.owner.post(&format!("{LAB}/servers/third/start"), json!({})));
    sealed(house.owner.put(&format!("{LAB}/secrets/KEY"), json!({ "value": "not sealed" })));
    sealed(house.administrator.put("/organizations/acme/secrets/NEW", json!({ "value": "not sealed" })));
    let run = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    sealed(house.owner.post("/runs", run));
    assert_eq!(house.owner.get(&format!("{LAB}/runs")).expect(200).json()["items"], json!([]));
    assert_eq!((records(running), records("third")), before);
    assert_eq!(house.control_plane.programs_in_sandboxes(), programs);
    server.stop();
    assert_eq!(house.owner.get(&format!("{LAB}/servers/third")).expect(200).json()["status"], "stopped");
}

#[test]
fn with_a_wrong_or_missing_root_key_servers_are_listed_and_stopped_and_no_key_is_made() {
    let mut house = House::new();
    let other = House::new();
    house.workspace_secret("KEY", "sealed under the right key");
    for name in ["first", "second"] {
        house.server(name, "exec sleep 1000").start();
    }
    house.server("third", "echo \"the length is ${#KEY}\"; exec sleep 1000");
    house.workspace_secret("KEY", "sealed under it too");
    let file = house.control_plane.root_key();
    let aside = file.with_extension("aside");
    fs::rename(&file, &aside).unwrap();

    fs::copy(other.control_plane.root_key(), &file).unwrap();
    house.crash();
    lists_and_stops_and_no_more(&house, "first");

    fs::remove_file(&file).unwrap();
    house.crash();
    lists_and_stops_and_no_more(&house, "second");
    assert!(!file.exists());

    fs::rename(&aside, &file).unwrap();
    house.crash();
    let third = house.known_server(LAB, "third");
    third.start();
    third.logs("the length is 19");
    assert_eq!(third.newest_start()["ended_at"], Value::Null);
    report("fail closed", "root key missing or wrong", "start, restart and run: 503 sealed, no new key, stops go on");
}
