//! `POST /runs`, a workspace's runs and its environment.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    both,
    store::sql::{Sql, eventually},
    support::{Actor, House, LAB},
};

const SECRETS: &str = "/organizations/acme/secrets";
const RUNS: &str = "/organizations/acme/workspaces/lab/runs";
const ENVIRONMENT: &str = "/organizations/acme/workspaces/lab/environment";

fn of_lab(more: Value) -> Value {
    let mut body = json!({ "organization": "acme", "workspace": "lab", "host": "laptop", "command": "python3" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// One secret of the organization, one of the workspace, and one of both.
async fn furnish(house: &House) {
    for (name, value) in [("SHARED", "of the organization"), ("BOTH", "hidden below")] {
        house.administrator.put(&format!("{SECRETS}/{name}"), json!({ "value": value })).await.expect(201);
    }
    for (name, value) in [("OWN", "line\n\"two\" ü\u{1}"), ("BOTH", "on top")] {
        house.owner.put(&format!("{LAB}/secrets/{name}"), json!({ "value": value })).await.expect(201);
    }
}

async fn begun(person: &Actor) -> Value {
    person.post("/runs", of_lab(json!({}))).await.expect(201).json()
}

both! {
    async fn a_run_gets_what_a_server_would_get_and_leaves_its_record(house) {
        furnish(&house).await;
        let answer = house.collaborator.post("/runs", of_lab(json!({}))).await.expect(201);
        assert_eq!(answer.headers["cache-control"], "no-store");
        let begun = answer.json();
        assert_eq!(begun["workspace"], json!({ "organization": "acme", "slug": "lab" }));
        assert_eq!(begun["left_out"], json!([]));
        let variable = |name, value, scope| json!({ "name": name, "value": value, "scope": scope, "version": 1 });
        assert_eq!(begun["variables"], json!([
            variable("BOTH", "on top", "workspace"),
            variable("OWN", "line\n\"two\" ü\u{1}", "workspace"),
            variable("SHARED", "of the organization", "organization"),
        ]));
        let listed = house.administrator.get(RUNS).await.expect(200).json();
        let record = &listed["items"][0];
        assert_eq!((&record["id"], &record["kind"], &record["server"]), (&begun["id"], &json!("run"), &Value::Null));
        assert_eq!((&record["host"], &record["command"]), (&json!("laptop"), &json!("python3")));
        assert_eq!(record["started_by"]["name"], "collaborator");
        assert_eq!(record["injected"].as_array().unwrap().len(), 3);
        assert!(!listed.to_string().contains("on top"));
        eventually("the outcome", async || {
            let record = house.owner.get(RUNS).await.json()["items"][0].clone();
            (record["outcome"] == "delivered").then_some(())
        }).await;
        let events = house.administrator.get("/organizations/acme/audit-events?action=run.started").await.json();
        assert_eq!(events["items"][0]["target"]["id"], begun["id"], "{events}");
        assert!(!events.to_string().contains("on top"));
    }

    async fn only_owner_and_collaborators_start_runs(house) {
        furnish(&house).await;
        begun(&house.owner).await;
        begun(&house.collaborator).await;
        house.administrator.post("/runs", of_lab(json!({}))).await.expect(403);
        house.member.post("/runs", of_lab(json!({}))).await.expect(404);
        house.foreigner.post("/runs", of_lab(json!({}))).await.expect(404);
        house.anonymous.post("/runs", of_lab(json!({}))).await.expect(401);
        house.owner.post("/runs", of_lab(json!({ "workspace": "nowhere" }))).await.expect(404);
        assert_eq!(house.owner.get(RUNS).await.json()["items"].as_array().unwrap().len(), 2);
    }

    async fn what_does_not_fit_starts_nothing(house) {
        furnish(&house).await;
        for (more, field) in [
            (json!({ "host": "" }), "host"),
            (json!({ "host": "a\u{1b}[2J" }), "host"),
            (json!({ "command": "x".repeat(200) }), "command"),
            (json!({ "only": ["1X"] }), "only"),
            (json!({ "only": ["OWN", "MISSING"] }), "only"),
            (json!({ "workspace": null }), "workspace"),
            (json!({ "organization": null }), "organization"),
            (json!({ "value": 1 }), "body"),
        ] {
            let refused = house.owner.post("/runs", of_lab(more)).await.expect(422).json();
            assert_eq!(refused["errors"][0]["field"], field, "{refused}");
        }
        assert_eq!(house.owner.get(RUNS).await.json()["items"], json!([]));
    }

    async fn a_run_may_ask_for_some_secrets_only_and_gets_no_others(house) {
        furnish(&house).await;
        let part = house.owner.post("/runs", of_lab(json!({ "only": ["OWN"] }))).await.expect(201).json();
        assert_eq!(part["variables"].as_array().unwrap().len(), 1);
        let record = house.owner.get(RUNS).await.json()["items"][0].clone();
        assert_eq!(record["injected"].as_array().unwrap().len(), 1);
        assert_eq!(begun(&house.owner).await["variables"].as_array().unwrap().len(), 3);
    }

    // Each wrote the whole environment beside its part, and one that was refused left it behind with the next outcome.
    async fn runs_with_only_some_secrets_share_the_snapshot_of_all_and_a_refused_one_leaves_none(house) {
        furnish(&house).await;
        let mut sql = Sql::open(&house).await;
        let rows = "SELECT COUNT(*) FROM snapshot_secrets";
        let only = async |name: &str, status| {
            house.owner.post("/runs", of_lab(json!({ "only": [name] }))).await.expect(status);
        };
        only("SHARED", 201).await;
        assert_eq!(sql.number(rows).await, 3 + 1);
        for _ in 0..3 {
            only("BOTH", 201).await;
        }
        begun(&house.owner).await;
        assert_eq!(sql.number(rows).await, 3 + 4);
        // What is refused goes along with the outcome of the run before.
        house.owner.delete(&format!("{LAB}/secrets/OWN")).await.expect(204);
        only("OWN", 422).await;
        eventually("the outcomes", async || {
            (sql.number("SELECT COUNT(*) FROM starts WHERE outcome = 'delivered'").await == 5).then_some(())
        }).await;
        assert_eq!(sql.number(rows).await, 3 + 4);
    }

    async fn a_suspended_secret_is_left_out_and_said_and_can_not_be_asked_for(house) {
        furnish(&house).await;
        let before = begun(&house.owner).await;
        Sql::open(&house).await.execute("UPDATE secrets SET suspended_at = 1, suspended_by = created_by \
            WHERE name = 'BOTH' AND scope = 'workspace'").await;
        let begun = begun(&house.owner).await;
        assert_eq!(begun["left_out"], json!(["BOTH"]));
        let names: Vec<&str> = begun["variables"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["OWN", "SHARED"], "it keeps overriding");
        assert_ne!(begun["revision"], before["revision"]);
        house.owner.post("/runs", of_lab(json!({ "only": ["OWN", "BOTH"] }))).await.expect_refused("only", "suspended");
        let both = json!({ "only": ["BOTH", "MISSING"] });
        let refused = house.owner.post("/runs", of_lab(both)).await.expect_refused("only", "missing");
        assert!(!refused.text.contains("BOTH"), "{}", refused.text);
    }

    async fn every_change_reaches_the_next_run(house) {
        furnish(&house).await;
        let names = async || {
            let begun = begun(&house.owner).await;
            let pairs = begun["variables"].as_array().unwrap().iter();
            pairs.map(|v| format!("{}={} v{}", v["name"].as_str().unwrap(), v["value"].as_str().unwrap(), v["version"])).collect::<Vec<_>>()
        };
        names().await;
        house.owner.put(&format!("{LAB}/secrets/BOTH"), json!({ "value": "newer" })).await.expect(200);
        assert_eq!(names().await[0], "BOTH=newer v2");
        house.owner.delete(&format!("{LAB}/secrets/BOTH")).await.expect(204);
        assert_eq!(names().await[0], "BOTH=hidden below v1");
        house.administrator.patch(&format!("{SECRETS}/BOTH"), json!({ "access": "selected" })).await.expect(200);
        assert!(names().await[0].starts_with("OWN="));
        house.administrator.put(&format!("{SECRETS}/BOTH/workspaces/lab"), json!({})).await.expect(200);
        assert_eq!(names().await[0], "BOTH=hidden below v1");
        house.administrator.patch(&format!("{SECRETS}/BOTH"), json!({ "name": "RENAMED" })).await.expect(200);
        assert!(names().await.contains(&"RENAMED=hidden below v1".to_owned()));
    }

    async fn a_value_that_was_changed_in_the_database_starts_no_run(house) {
        furnish(&house).await;
        begun(&house.owner).await;
        let mut sql = Sql::open(&house).await;
        sql.execute("UPDATE secret_versions SET sealed = (SELECT v.sealed FROM secret_versions v JOIN secrets s \
            ON s.id = v.secret_id WHERE s.name = 'SHARED') WHERE secret_id = (SELECT id FROM secrets WHERE name = 'OWN')").await;
        let refused = house.owner.post("/runs", of_lab(json!({}))).await.expect(409);
        assert!(refused.text.contains("OWN") && !refused.text.contains("of the organization"), "{}", refused.text);
        eventually("the outcome", async || {
            (house.owner.get(RUNS).await.json()["items"][0]["outcome"] == "failed").then_some(())
        }).await;
    }

    async fn runs_at_once_each_have_their_record_and_their_event(house) {
        furnish(&house).await;
        let people: Vec<Actor> = [&house.owner, &house.collaborator, &house.member, &house.administrator]
            .into_iter().cycle().take(40).cloned().collect();
        let mut asked = JoinSet::new();
        for person in people {
            asked.spawn(async move { person.post("/runs", of_lab(json!({}))).await });
        }
        let answers = asked.join_all().await;
        let begun = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(begun, 20);
        let listed = house.owner.get(&format!("{RUNS}?limit=200")).await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 20);
        let mut sql = Sql::open(&house).await;
        assert_eq!(sql.number("SELECT COUNT(*) FROM audit_events WHERE action = 'run.started'").await, 20);
        let verified = house.administrator.get("/organizations/acme/audit-events/verification").await.json();
        assert_eq!(verified["intact"], true);
        eventually("the outcomes", async || {
            (sql.number("SELECT COUNT(*) FROM starts WHERE outcome = 'delivered'").await == 20).then_some(())
        }).await;
    }

    async fn runs_come_in_pages(house) {
        for _ in 0..5 {
            begun(&house.owner).await;
        }
        let first = house.owner.get(&format!("{RUNS}?limit=3")).await.json();
        let rest = house.owner.get(&format!("{RUNS}?limit=3&cursor={}", first["next_cursor"].as_str().unwrap())).await.json();
        assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_cursor"]), (2, &Value::Null));
        house.owner.get(&format!("{RUNS}?cursor=x")).await.expect(422);
        house.member.get(RUNS).await.expect(404);
    }

    async fn an_environment_is_told_without_values_and_waited_for(house) {
        furnish(&house).await;
        let seen = house.administrator.get(ENVIRONMENT).await.expect(200);
        let body = seen.json();
        assert_eq!(body["revision"], begun(&house.owner).await["revision"]);
        assert_eq!(seen.etag(), body["revision"].to_string());
        assert!(!seen.text.contains("on top"));
        let names: Vec<&str> = body["secrets"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["BOTH", "OWN", "SHARED"]);
        let watcher = house.owner.with("if-none-match", &seen.etag());
        watcher.get(ENVIRONMENT).await.expect(304);
        watcher.get(&format!("{ENVIRONMENT}?wait=46")).await.expect(422);
        // What changes elsewhere in the organization is nothing to this workspace.
        house.administrator.put(&format!("{SECRETS}/ELSEWHERE"), json!({ "value": "elsewhere here", "workspaces": [] })).await.expect(201);
        watcher.get(ENVIRONMENT).await.expect(304);
        let path = format!("{ENVIRONMENT}?wait=45");
        let own = format!("{LAB}/secrets/OWN");
        let (told, _) = tokio::join!(watcher.get(&path), house.owner.delete(&own));
        assert_ne!(told.expect(200).json()["revision"], body["revision"]);
        house.member.get(ENVIRONMENT).await.expect(404);
    }

    async fn who_loses_access_while_waiting_is_told_nothing_more(house) {
        furnish(&house).await;
        let etag = house.collaborator.get(ENVIRONMENT).await.etag();
        let watcher = house.collaborator.with("if-none-match", &etag);
        let collaborator = format!("{LAB}/collaborators/{}", house.collaborator.email);
        let path = format!("{ENVIRONMENT}?wait=45");
        let (told, _) = tokio::join!(watcher.get(&path), house.owner.delete(&collaborator));
        told.expect(404);
    }
}
