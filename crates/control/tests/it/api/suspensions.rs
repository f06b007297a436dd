//! `…/secrets/{name}/suspension`: no start or run gets it, and nobody writes a value.

use serde_json::{Value, json};

use crate::{
    both,
    store::drift::{runs, server},
    support::{House, LAB, ROOT_KEY, boot},
};

const KEY: &str = "/organizations/acme/secrets/KEY";

/// The names that a run in the workspace gets, and those that are left out.
async fn ran(house: &House) -> (Vec<String>, Value) {
    let wish = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    let run = house.owner.post("/runs", wish).await.expect(201).json();
    let name = |variable: &Value| variable["name"].as_str().unwrap().to_owned();
    (run["variables"].as_array().unwrap().iter().map(name).collect(), run["left_out"].clone())
}

async fn drift(house: &House) -> Vec<(String, String, String)> {
    let seen = house.owner.get(&format!("{LAB}/servers/web")).await.expect(200).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let said = |one: &Value| (text(&one["kind"]), text(&one["reason"]), text(&one["by"]["name"]));
    seen["drift"].as_array().unwrap().iter().map(said).collect()
}

fn one(kind: &str, reason: &str, by: &str) -> Vec<(String, String, String)> {
    vec![(kind.to_owned(), reason.to_owned(), by.to_owned())]
}

both! {
    async fn a_suspended_secret_is_left_out_until_it_is_lifted(house) {
        house.administrator.put(KEY, json!({ "value": "a value" })).await.expect(201);
        let web = server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &web).await;
        let reason = json!({ "reason": "leaked in a build log" });
        let said = house.administrator.put(&format!("{KEY}/suspension"), reason).await.expect(200).json();
        assert_eq!(said["suspended"], true);
        assert_eq!(said["suspension"]["reason"], "leaked in a build log");
        assert_eq!(said["suspension"]["by"]["name"], "Administrator");
        assert_eq!(said["suspension"]["version"], Value::Null);
        assert_eq!(said["version"], 1, "no value was written");
        assert_eq!(said["restart_needed"], json!([{ "workspace": "lab", "server": "web" }]));
        assert_eq!(drift(&house).await, one("removed", "suspended", "Administrator"));
        assert_eq!(ran(&house).await, (vec![], json!(["KEY"])));
        house.administrator.put(&format!("{KEY}/suspension"), json!({})).await.expect(200);
        let listed = house.owner.get(&format!("{LAB}/secrets")).await.json();
        assert_eq!(listed["items"][0]["suspension"]["reason"], "leaked in a build log");

        let lifted = house.administrator.delete(&format!("{KEY}/suspension")).await.expect(200).json();
        assert_eq!((&lifted["suspended"], &lifted["suspension"]), (&json!(false), &Value::Null));
        assert_eq!(lifted["restart_needed"], json!([]));
        assert_eq!(ran(&house).await, (vec!["KEY".to_owned()], json!([])));
        house.administrator.delete(&format!("{KEY}/suspension")).await.expect(409);
    }

    async fn what_was_stopped_because_of_it_is_on_record_and_told_once_it_is_lifted(house) {
        let key = house.administrator.put(KEY, json!({ "value": "a value" })).await.expect(201).json();
        let other = house.administrator.put("/organizations/acme/secrets/OTHER", json!({ "value": "a value" })).await.expect(201);
        for name in ["notebook", "web"] {
            let address = server(&house.owner, LAB, name).await;
            runs(&house, &house.owner, &address).await;
        }
        let late = house.administrator.put("/organizations/acme/secrets/LATE", json!({ "value": "a value" })).await.expect(201);
        let (key, web) = (key["id"].as_str().unwrap().to_owned(), format!("{LAB}/servers/web"));
        let stop = format!("{web}/stop?suspended={key}");
        house.administrator.post(&stop, json!({})).await.expect_refused("suspended", "not_suspended");
        house.administrator.post(&format!("{web}/stop?suspended=x"), json!({})).await.expect_refused("suspended", "id");
        house.member.post(&stop, json!({})).await.expect(404);
        for id in ["KEY", "LATE"] {
            let reason = json!({ "reason": "found in a log" });
            house.administrator.put(&format!("/organizations/acme/secrets/{id}/suspension"), reason).await.expect(200);
        }
        for not_suspended_or_not_held in [other, late] {
            let stop = format!("{web}/stop?suspended={}", not_suspended_or_not_held.json()["id"].as_str().unwrap());
            house.administrator.post(&stop, json!({})).await.expect_refused("suspended", "not_suspended");
        }
        let why = "stopped because KEY was suspended by Administrator";
        let stopping = house.administrator.post(&stop, json!({})).await.expect(202).json();
        assert_eq!((&stopping["status"], &stopping["status_detail"]), (&json!("stopping"), &json!(why)));
        let events = house.administrator.get("/organizations/acme/audit-events?action=server.stopped").await.json();
        let details = &events["items"][0]["details"];
        assert_eq!((&details["reason"], &details["secret"], &details["version"]), (&json!(why), &json!("KEY"), &Value::Null));
        house.owner.post(&format!("{LAB}/servers/notebook/stop"), json!({})).await.expect(202);

        // Their processes are gone, as the next control plane finds.
        let booted = boot(&house.directory, &house.database_url, ROOT_KEY).await;
        let there = control::router(booted.app.clone(), control::site::Site::loopback());
        let (administrator, owner) = (house.administrator.before(there.clone()), house.owner.before(there));
        let stopped = owner.get(&web).await.expect(200).json();
        assert_eq!((&stopped["status"], &stopped["status_detail"]), (&json!("stopped"), &json!(why)));
        assert_eq!(owner.get(&format!("{LAB}/servers/notebook")).await.json()["status_detail"], "");
        let lifted = administrator.delete(&format!("{KEY}/suspension")).await.expect(200).json();
        assert_eq!(lifted["still_stopped"], json!([{ "workspace": "lab", "server": "web" }]));
        let import = json!({ "format": "env", "content": "KEY=imported\n", "mode": "overwrite" });
        let imported = administrator.post("/organizations/acme/secret-imports", import.clone()).await.expect(200).json();
        assert_eq!(imported["still_stopped"], lifted["still_stopped"]);
        owner.post(&format!("{web}/start"), json!({})).await.expect(202);
        let imported = administrator.post("/organizations/acme/secret-imports", import).await.expect(200).json();
        assert_eq!(imported["still_stopped"], json!([]), "it was started again");
        let written = administrator.put(KEY, json!({ "value": "the next value" })).await.expect(200).json();
        assert_eq!(written["still_stopped"], json!([]), "it was started again");
    }

    async fn a_server_that_started_without_it_needs_a_restart_once_it_is_lifted(house) {
        house.administrator.put(KEY, json!({ "value": "a value" })).await.expect(201);
        house.administrator.put(&format!("{KEY}/suspension"), json!({})).await.expect(200);
        let web = server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &web).await;
        assert_eq!(drift(&house).await, []);
        house.administrator.delete(&format!("{KEY}/suspension")).await.expect(200);
        assert_eq!(drift(&house).await, one("added", "restored", "Administrator"));
    }

    async fn a_suspended_version_ends_with_the_next_one(house) {
        house.administrator.put(KEY, json!({ "value": "the leaked value" })).await.expect(201);
        house.administrator.put(&format!("{KEY}/suspension"), json!({ "version": 1 })).await.expect(200);
        assert_eq!(ran(&house).await, (vec![], json!(["KEY"])));
        let web = server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &web).await;
        let next = house.administrator.put(KEY, json!({ "value": "the next value" })).await.expect(200).json();
        assert_eq!(next["suspended"], false);
        assert_eq!(ran(&house).await, (vec!["KEY".to_owned()], json!([])));
        assert_eq!(drift(&house).await, one("added", "restored", "Administrator"));
        let versions = house.administrator.get(&format!("{KEY}/versions")).await.json();
        assert_eq!(versions["items"][1]["suspension"]["version"], 1, "the old version stays suspended");
        house.administrator.put(&format!("{KEY}/suspension"), json!({ "version": 3 })).await
            .expect_refused("version", "version_unknown");
    }

    async fn a_suspended_secret_that_is_written_is_given_again(house) {
        house.administrator.put(KEY, json!({ "value": "the leaked value" })).await.expect(201);
        house.administrator.put(&format!("{KEY}/suspension"), json!({})).await.expect(200);
        house.administrator.put(&format!("{KEY}/suspension"), json!({ "version": 1 })).await.expect(200);
        let said = house.administrator.delete(&format!("{KEY}/suspension")).await.expect(200).json();
        assert_eq!(said["suspension"]["version"], 1, "the version is suspended by itself");
        house.administrator.put(&format!("{KEY}/suspension"), json!({})).await.expect(200);
        house.administrator.put(KEY, json!({ "value": "the next value" })).await.expect(200);
        assert_eq!(ran(&house).await, (vec!["KEY".to_owned()], json!([])));
    }

    async fn an_administrator_suspends_any_secret_and_the_owner_is_told(house) {
        let own = format!("{LAB}/secrets/TOKEN");
        house.owner.put(&own, json!({ "value": "a value" })).await.expect(201);
        house.administrator.put(&own, json!({ "value": "another value" })).await.expect(403);
        house.collaborator.put(&format!("{own}/suspension"), json!({})).await.expect(403);
        house.administrator.put(&format!("{own}/suspension"), json!({ "reason": "leaked" })).await.expect(200);
        assert_eq!(ran(&house).await, (vec![], json!(["TOKEN"])));
        for reader in [&house.owner, &house.collaborator] {
            let told = reader.get(&format!("{LAB}/activity")).await.expect(200).json();
            let told = told["items"].as_array().unwrap();
            let suspended = told.iter().find(|event| event["action"] == "secret.suspended").expect("the owner is told");
            assert_eq!(suspended["actor"]["name"], "Administrator");
            assert_eq!((&suspended["target"]["name"], &suspended["details"]["reason"]), (&json!("TOKEN"), &json!("leaked")));
            assert!(suspended.get("address").is_none());
        }
        house.owner.delete(&format!("{own}/suspension")).await.expect(200);
        house.member.get(&format!("{LAB}/activity")).await.expect(404);
    }

    async fn an_activity_has_one_workspace_s_events_only(house) {
        house.administrator.post("/organizations/acme/workspaces", json!({ "name": "Attic" })).await.expect(201);
        let attic = "/organizations/acme/workspaces/attic";
        house.administrator.put(&format!("{attic}/secrets/A"), json!({ "value": "a value" })).await.expect(201);
        house.owner.put(&format!("{LAB}/secrets/B"), json!({ "value": "a value" })).await.expect(201);
        house.administrator.put(KEY, json!({ "value": "a value" })).await.expect(201);
        let names = async |place: &str, limit: &str| {
            let told = house.administrator.get(&format!("{place}/activity{limit}")).await.expect(200).json();
            let of = |event: &Value| event["target"]["name"].as_str().unwrap().to_owned();
            (told["items"].as_array().unwrap().iter().map(of).collect::<Vec<_>>(), told["next_cursor"].clone())
        };
        assert_eq!(names(attic, "").await.0, ["A", "attic"]);
        let (first, cursor) = names(LAB, "?limit=1").await;
        assert_eq!(first, ["B"]);
        let rest = names(LAB, &format!("?cursor={}", cursor.as_str().unwrap())).await.0;
        assert!(rest.contains(&"lab".to_owned()) && !rest.contains(&"B".to_owned()), "{rest:?}");
        let verified = house.administrator.get("/organizations/acme/audit-events/verification").await.json();
        assert_eq!(verified["intact"], true);
    }
}
