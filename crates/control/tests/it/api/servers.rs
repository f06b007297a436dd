//! Servers without their processes: `…/workspaces/{workspace}/servers`. Every start fails here: the program is missing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    both,
    store::sql::Sql,
    support::{House, LAB},
};

const SERVERS: &str = "/organizations/acme/workspaces/lab/servers";
const NOTEBOOK: &str = "/organizations/acme/workspaces/lab/servers/notebook";

async fn notebook(house: &House) -> Value {
    let body = json!({ "name": "Notebook", "command": ["jupyter", "lab"], "variables": { "THEME": "dark" } });
    house.owner.post(SERVERS, body).await.expect(201).json()
}

/// Starts the server and waits until the failure is on record.
async fn fail_to_start(house: &House) -> Value {
    house.owner.post(&format!("{NOTEBOOK}/start"), json!({})).await.expect(202);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let seen = house.owner.get(NOTEBOOK).await.expect(200).json();
        if seen["status"] == "failed" {
            return seen;
        }
        assert!(seen["status"] == "starting" && Instant::now() < deadline, "{seen}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

both! {
    async fn whoever_works_in_a_workspace_creates_edits_and_deletes_servers(house) {
        let made = house.collaborator.post(SERVERS, json!({ "name": "Note Book", "command": ["x"] })).await.expect(201);
        let body = made.json();
        assert_eq!((&body["slug"], &body["status"]), (&json!("note-book"), &json!("stopped")));
        assert_eq!((&body["restart_needed"], &body["drift"]), (&json!(false), &json!([])));
        assert_eq!(body["variables"], json!({}));
        let path = format!("{SERVERS}/note-book");
        let wish = json!({ "name": "Book", "slug": "book", "command": ["y", ""], "variables": { "A": "1" } });
        let edited = house.owner.patch(&path, wish).await.expect(200).json();
        assert_eq!((&edited["id"], &edited["command"]), (&body["id"], &json!(["y", ""])));
        house.owner.get(&path).await.expect(404);
        let path = format!("{SERVERS}/book");
        let kept = house.owner.patch(&path, json!({ "command": ["z"] })).await.expect(200).json();
        assert_eq!((&kept["name"], &kept["variables"]), (&json!("Book"), &json!({ "A": "1" })));
        let cleared = house.owner.patch(&path, json!({ "variables": {} })).await.expect(200).json();
        assert_eq!((&cleared["variables"], &cleared["command"]), (&json!({}), &json!(["z"])));
        assert_eq!(house.owner.get(LAB).await.json()["servers"]["total"], 1);
        assert_eq!(house.collaborator.delete(&path).await.expect(204).text, "");
        house.owner.delete(&path).await.expect(404);
        assert!(house.owner.get(SERVERS).await.each("slug").is_empty());
        assert_ne!(house.owner.post(SERVERS, json!({ "name": "Book", "command": ["x"] })).await.expect(201).json()["id"],
            body["id"], "the address is free");
    }

    async fn a_server_that_was_allowed_once_is_still_read_started_and_edited(house) {
        notebook(&house).await;
        let kept = r#"UPDATE servers SET variables = '{"VESTRY_OWN_NOW":"text"}'"#;
        Sql::open(&house).await.execute(kept).await;
        let seen = house.owner.get(NOTEBOOK).await.expect(200).json();
        assert_eq!(seen["variables"], json!({ "VESTRY_OWN_NOW": "text" }));
        let detail = fail_to_start(&house).await["status_detail"].as_str().unwrap().to_owned();
        assert!(!detail.contains("allowed"), "only the program is missing: {detail}");
        let edited = house.owner.patch(NOTEBOOK, json!({ "name": "Book" })).await.expect(200).json();
        assert_eq!(edited["variables"], json!({ "VESTRY_OWN_NOW": "text" }));
        house.owner.patch(NOTEBOOK, json!({ "variables": { "VESTRY_OWN_NOW": "text" } })).await.expect(422);
    }

    async fn an_administrator_sees_and_stops_servers_but_never_uses_them(house) {
        notebook(&house).await;
        house.administrator.get(NOTEBOOK).await.expect(200);
        house.administrator.get(&format!("{NOTEBOOK}/starts")).await.expect(200);
        house.administrator.get(&format!("{NOTEBOOK}/logs")).await.expect(403);
        house.administrator.post(SERVERS, json!({ "name": "X", "command": ["x"] })).await.expect(403);
        house.administrator.patch(NOTEBOOK, json!({ "command": ["sh"] })).await.expect(403);
        house.administrator.post(&format!("{NOTEBOOK}/start"), json!({})).await.expect(403);
        house.administrator.delete(NOTEBOOK).await.expect(403);
        // There is nothing to stop: that is a matter of the state, no longer of who asks.
        house.administrator.post(&format!("{NOTEBOOK}/stop"), json!({})).await.expect(409);
        house.administrator.post(&format!("{NOTEBOOK}/restart"), json!({})).await.expect(409);
        assert_eq!(house.owner.get(NOTEBOOK).await.json()["status"], "stopped");
    }

    async fn nobody_without_access_learns_of_a_server(house) {
        notebook(&house).await;
        for person in [&house.member, &house.foreigner] {
            person.get(SERVERS).await.expect(404);
            for rest in ["", "/starts", "/logs"] {
                person.get(&format!("{NOTEBOOK}{rest}")).await.expect(404);
            }
            for action in ["start", "stop", "restart"] {
                person.post(&format!("{NOTEBOOK}/{action}"), json!({})).await.expect(404);
            }
            person.patch(NOTEBOOK, json!({ "name": "X" })).await.expect(404);
            person.delete(NOTEBOOK).await.expect(404);
        }
        house.foreigner.get("/organizations/other/workspaces/lab/servers/notebook").await.expect(404);
        house.owner.get(NOTEBOOK).await.expect(200);
    }

    async fn plain_variables_may_set_everything_but_vestrys_own(house) {
        let with = |name: &str, value: &str| json!({ "name": "X", "command": ["x"], "variables": { name: value } });
        for name in ["VESTRY_SERVER", "vestry_x", "1ST", "A-B", "A=B", ""] {
            let answer = house.owner.post(SERVERS, with(name, "hunter2")).await.expect(422);
            assert_eq!(answer.refused()[0].0, "variables", "{name}");
            assert!(!answer.text.contains("hunter2"));
        }
        house.owner.post(SERVERS, with("A", "x\0")).await.expect_refused("variables", "variable_has_nul");
        house.owner.post(SERVERS, with("A", &"x".repeat(128 * 1024))).await
            .expect_refused("variables", "variable_too_long");
        let allowed = json!({ "PATH": "/opt/bin", "LD_LIBRARY_PATH": "/opt/lib", "Mixed": "", "HOME": "/x" });
        let body = json!({ "name": "X1", "command": ["x"], "variables": allowed });
        assert_eq!(house.owner.post(SERVERS, body).await.expect(201).json()["variables"], allowed);
    }

    async fn a_server_that_does_not_fit_is_not_added(house) {
        notebook(&house).await;
        house.owner.post(SERVERS, json!({ "name": "Notebook", "command": ["x"] })).await.expect(409);
        for (body, field, code) in [
            (json!({ "name": "X", "command": [] }), "command", "command_missing"),
            (json!({ "name": "X", "command": [""] }), "command", "command_missing"),
            (json!({ "name": "X", "command": ["x\0"] }), "command", "command_has_nul"),
            (json!({ "name": "X", "command": "sh -c x" }), "body", "json"),
            (json!({ "name": "X" }), "body", "json"),
            (json!({ "name": "X", "slug": "logout", "command": ["x"] }), "slug", "slug_reserved"),
        ] {
            house.owner.post(SERVERS, body).await.expect_refused(field, code);
        }
        house.owner.post(SERVERS, json!({ "name": "Other", "command": ["x"] })).await.expect(201);
        assert_eq!(house.owner.patch(NOTEBOOK, json!({ "slug": "other" })).await.expect(409).code(), "conflict");
        assert_eq!(house.owner.get(SERVERS).await.each("slug"), ["notebook", "other"]);
    }

    async fn a_start_is_on_record_with_what_it_was_to_get_even_when_it_fails(house) {
        for name in ["SHARED", "API_KEY"] {
            let path = format!("/organizations/acme/secrets/{name}");
            house.administrator.put(&path, json!({ "value": "o-1234567890" })).await.expect(201);
        }
        house.owner.put(&format!("{LAB}/secrets/API_KEY"), json!({ "value": "k-1234567890" })).await.expect(201);
        house.owner.put(&format!("{LAB}/secrets/API_KEY"), json!({ "value": "k-2345678901" })).await.expect(200);
        notebook(&house).await;

        let failed = fail_to_start(&house).await;
        assert_ne!(failed["status_detail"], "", "it says why");
        assert_eq!((&failed["restart_needed"], &failed["exit_code"]), (&json!(false), &Value::Null));
        let record = house.owner.get(&format!("{NOTEBOOK}/starts")).await.expect(200).json()["items"][0].clone();
        assert_eq!((&record["kind"], &record["outcome"]), (&json!("server"), &json!("failed")));
        assert_eq!(record["started_by"]["name"], "owner");
        assert!(record["ended_at"].is_string());
        let injected: Vec<_> = record["injected"].as_array().unwrap().iter()
            .map(|i| (i["name"].as_str().unwrap(), i["scope"].as_str().unwrap(), i["version"].as_u64().unwrap())).collect();
        assert_eq!(injected, [("API_KEY", "workspace", 2), ("SHARED", "organization", 1)]);

        let events = house.administrator.get("/organizations/acme/audit-events?action=server.started").await.json();
        assert_eq!(events["items"][0]["details"]["start"], record["id"]);
        assert_eq!(house.owner.get(LAB).await.json()["servers"], json!({ "total": 1, "running": 0, "restart_needed": 0 }));
    }

    async fn a_failed_server_starts_again_and_its_records_are_paged_newest_first(house) {
        notebook(&house).await;
        for _ in 0..3 {
            fail_to_start(&house).await;
        }
        let all = house.owner.get(&format!("{NOTEBOOK}/starts")).await.each("id");
        assert!(all.len() == 3 && all.is_sorted_by(|a, b| a > b));
        let first = house.owner.get(&format!("{NOTEBOOK}/starts?limit=2")).await.expect(200);
        assert_eq!(first.each("id"), all[..2]);
        let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
        let rest = house.owner.get(&format!("{NOTEBOOK}/starts?limit=2&cursor={cursor}")).await.expect(200);
        assert_eq!(rest.each("id"), all[2..]);
        assert_eq!(rest.json()["next_cursor"], Value::Null);
        house.owner.get(&format!("{NOTEBOOK}/starts?cursor=x")).await.expect_refused("cursor", "cursor");
    }

    async fn a_state_that_does_not_allow_an_action_is_a_conflict(house) {
        notebook(&house).await;
        for action in ["stop", "restart"] {
            assert_eq!(house.owner.post(&format!("{NOTEBOOK}/{action}"), json!({})).await.expect(409).code(), "conflict");
        }
        fail_to_start(&house).await;
        for action in ["stop", "restart"] {
            house.owner.post(&format!("{NOTEBOOK}/{action}"), json!({})).await.expect(409);
        }
        assert_eq!(house.owner.get(&format!("{NOTEBOOK}/starts")).await.each("id").len(), 1, "they leave no record");
        house.owner.post(&format!("{SERVERS}/nowhere/start"), json!({})).await.expect(404);
        house.owner.delete(NOTEBOOK).await.expect(204);
        house.owner.post(&format!("{NOTEBOOK}/start"), json!({})).await.expect(404);
    }

    async fn the_log_of_a_server_that_never_ran_is_empty(house) {
        notebook(&house).await;
        let log = house.collaborator.get(&format!("{NOTEBOOK}/logs")).await.expect(200);
        assert_eq!((log.text.as_str(), &log.headers["content-type"]), ("", &"text/plain; charset=utf-8".parse().unwrap()));
        for lines in ["0", "10001", "x"] {
            house.owner.get(&format!("{NOTEBOOK}/logs?lines={lines}")).await.expect(422);
        }
        house.owner.get(&format!("{SERVERS}/nowhere/logs")).await.expect(404);
    }
}
