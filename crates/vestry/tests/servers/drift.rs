//! Restart needed: what a running server's program has and a start now would not give it, or the other way round.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::*;

/// What is said of a difference: kind, reason, from and to (scope and version), by whom.
fn said(difference: &Value) -> String {
    let held = |side: &Value| match side {
        Value::Null => "nothing".to_owned(),
        held => format!("{} v{}", held["scope"].as_str().unwrap(), held["version"]),
    };
    let text = |field: &str| difference[field].as_str().unwrap().to_owned();
    let by = difference["by"]["name"].as_str().unwrap();
    let (from, to) = (held(&difference["from"]), held(&difference["to"]));
    format!("{} {}: {from} → {to}, {by}", text("kind"), text("reason"))
}

#[test]
fn every_change_is_shown_with_its_reason_and_a_restart_brings_them_all() {
    let house = House::new();
    let organization = |name: &str, body: Value| house.organization_secret(name, body);
    organization("VALUE", json!({ "value": "first" }));
    organization("EQUAL", json!({ "value": "the same" }));
    let covered = organization("OVERRIDDEN", json!({ "value": "the organization's" }));
    organization("UNCOVERED", json!({ "value": "the organization's" }));
    organization("SELECTED", json!({ "value": "chosen", "workspaces": [] }));
    organization("DESELECTED", json!({ "value": "taken away", "workspaces": ["lab"] }));
    organization("NARROWED", json!({ "value": "for all at first" }));
    organization("UNTOUCHED", json!({ "value": "stays" }));
    house.workspace_secret("UNCOVERED", "the workspace's");
    house.workspace_secret("OLD_NAME", "renamed");
    house.workspace_secret("DELETED", "goes");
    house.workspace_secret("RECREATED", "the first of the name");
    let server = house.showing_server(json!({}));
    let started = server.start();
    server.environment();
    assert_eq!(server.drift(), BTreeMap::new());

    let of_organization = |name: &str| format!("/organizations/acme/secrets/{name}");
    let of_lab = |name: &str| format!("{LAB}/secrets/{name}");
    organization("VALUE", json!({ "value": "second" }));
    organization("VALUE", json!({ "value": "third" }));
    organization("EQUAL", json!({ "value": "the same" }));
    let covers = house.workspace_secret("OVERRIDDEN", "the workspace's");
    house.owner.delete(&of_lab("UNCOVERED")).expect(204);
    house.administrator.put(&format!("{}/workspaces/lab", of_organization("SELECTED")), json!({})).expect(200);
    house.administrator.delete(&format!("{}/workspaces/lab", of_organization("DESELECTED"))).expect(200);
    house.administrator.patch(&of_organization("NARROWED"), json!({ "access": "selected" })).expect(200);
    house.administrator.patch(&of_organization("UNTOUCHED"), json!({ "description": "not its value" })).expect(200);
    house.owner.patch(&of_lab("OLD_NAME"), json!({ "name": "NEW_NAME" })).expect(200);
    house.workspace_secret("CREATED", "new");
    house.owner.delete(&of_lab("DELETED")).expect(204);
    house.owner.delete(&of_lab("RECREATED")).expect(204);
    house.workspace_secret("RECREATED", "the second of the name");

    let drift = server.drift();
    let all: Vec<String> = drift.iter().map(|(name, difference)| format!("{name} {}", said(difference))).collect();
    let expected = [
        "CREATED added created: nothing → workspace v1, owner",
        "DELETED removed deleted: workspace v1 → nothing, owner",
        "DESELECTED removed deselected: organization v1 → nothing, Administrator",
        "EQUAL changed value: organization v1 → organization v2, Administrator",
        "NARROWED removed deselected: organization v1 → nothing, Administrator",
        "NEW_NAME added renamed: nothing → workspace v1, owner",
        "OLD_NAME removed renamed: workspace v1 → nothing, owner",
        "OVERRIDDEN changed overridden: organization v1 → workspace v1, owner",
        "RECREATED changed created: workspace v1 → workspace v1, owner",
        "SELECTED added selected: nothing → organization v1, Administrator",
        "UNCOVERED changed uncovered: workspace v1 → organization v1, owner",
        "VALUE changed value: organization v1 → organization v3, Administrator",
    ];
    assert_eq!(all, expected);
    let overridden = &drift["OVERRIDDEN"];
    assert_eq!((&overridden["from"]["secret_id"], &overridden["to"]["secret_id"]), (&covered["id"], &covers["id"]));
    for difference in drift.values() {
        assert!(difference["at"].as_str() > started["started_at"].as_str(), "{difference:#}");
    }

    assert_eq!(server.restart()["outcome"], "delivered");
    assert_eq!(server.drift(), BTreeMap::new());
    let environment = server.environment();
    let has = |name: &str| environment.get(name).map(String::as_str);
    assert_eq!(has("VALUE"), Some("third"));
    assert_eq!(has("OVERRIDDEN"), Some("the workspace's"));
    assert_eq!(has("UNCOVERED"), Some("the organization's"));
    assert_eq!(has("SELECTED"), Some("chosen"));
    assert_eq!(has("NEW_NAME"), Some("renamed"));
    assert_eq!(has("CREATED"), Some("new"));
    assert_eq!(has("RECREATED"), Some("the second of the name"));
    for gone in ["DESELECTED", "NARROWED", "OLD_NAME", "DELETED"] {
        assert_eq!(has(gone), None, "{gone}");
    }
}

#[test]
fn what_is_changed_back_is_no_difference_and_a_stopped_server_has_none() {
    let house = House::new();
    house.organization_secret("SELECTED", json!({ "value": "chosen", "workspaces": ["lab"] }));
    let server = house.showing_server(json!({}));
    server.start();
    let selection = "/organizations/acme/secrets/SELECTED/workspaces/lab";
    house.administrator.delete(selection).expect(200);
    assert_eq!(server.drift().len(), 1);
    house.administrator.put(selection, json!({})).expect(200);
    assert_eq!(server.drift().len(), 0);
    house.administrator.delete(selection).expect(200);
    server.stop();
    assert_eq!(server.drift().len(), 0);
}
