//! Tokens of a workspace: `…/workspaces/{workspace}/tokens`. What they may do at all is in the access matrix.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    both,
    store::sql::{Sql, eventually},
    support::{Actor, House, LAB},
};

const TOKENS: &str = "/organizations/acme/workspaces/lab/tokens";

/// A new token of `lab`, and whoever shows it.
async fn token_of_lab(house: &House, mut wish: Value) -> (Value, Actor) {
    wish["name"] = json!("pipeline");
    let made = house.owner.post(TOKENS, wish).await.expect(201).json();
    let robot = house.anonymous.with_token(made["token"].as_str().unwrap());
    (made, robot)
}

async fn begins(robot: &Actor) -> StatusCode {
    robot.post("/runs", json!({ "host": "builder" })).await.status
}

both! {
    async fn a_workspace_tokens_text_is_shown_once(house) {
        let (made, _) = token_of_lab(&house, json!({ "expires_at": "2999-01-01T00:00:00Z" })).await;
        let text = made["token"].as_str().unwrap();
        assert!(text.starts_with("vst_w_"));
        let list = house.owner.get(TOKENS).await.expect(200);
        assert!(!list.text.contains(text.rsplit('_').nth(1).unwrap()));
        let listed = &list.json()["items"][0];
        assert_eq!((&listed["id"], &listed["name"]), (&made["id"], &json!("pipeline")));
        assert_eq!((&listed["created_by"]["name"], &listed["last_used_at"]), (&json!("owner"), &Value::Null));
        assert_eq!(listed["expires_at"], "2999-01-01T00:00:00.000000Z");
        assert_eq!(house.owner.get("/me/tokens").await.each("name"), ["tests"], "it is nobody's own");
    }

    async fn a_run_of_a_workspace_token_names_the_token_and_nobody(house) {
        house.owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": "twelve bytes" })).await.expect(201);
        let (made, robot) = token_of_lab(&house, json!({})).await;
        let begun = robot.post("/runs", json!({ "host": "builder" })).await.expect(201).json();
        assert_eq!(begun["variables"][0]["value"], "twelve bytes");
        let record = house.owner.get(&format!("{LAB}/runs")).await.expect(200).json()["items"][0].clone();
        assert_eq!((&record["token"], &record["started_by"]), (&json!("pipeline"), &Value::Null));
        let events = house.administrator.get("/organizations/acme/audit-events?action=run.started").await;
        let actor = events.expect(200).json()["items"][0]["actor"].clone();
        assert_eq!((&actor["kind"], &actor["id"], &actor["name"]), (&json!("token"), &made["id"], &json!("pipeline")));
        eventually("its use is noted", async || {
            let listed = house.owner.get(TOKENS).await.expect(200).json();
            listed["items"][0]["last_used_at"].is_string().then_some(())
        }).await;
    }

    async fn a_workspace_token_is_refused_before_anything_is_looked_for(house) {
        let (_, robot) = token_of_lab(&house, json!({})).await;
        let there = robot.get(LAB).await.expect(403).told();
        for path in ["/organizations/acme/workspaces/nowhere", "/organizations/other/workspaces/lab", "/me", TOKENS] {
            assert_eq!(robot.get(path).await.told(), there, "{path}");
        }
        for (organization, workspace) in [("acme", "nowhere"), ("other", "lab"), ("nowhere", "lab")] {
            let run = json!({ "host": "builder", "organization": organization, "workspace": workspace });
            assert_eq!(robot.post("/runs", run).await.told(), there, "{organization}/{workspace}");
        }
        robot.post(TOKENS, json!({ "name": "another" })).await.expect(403);
        assert_eq!(house.owner.get(TOKENS).await.each("name"), ["pipeline"]);
        robot.get(&format!("{LAB}/environment")).await.expect(200);
    }

    async fn only_the_owner_makes_sees_and_revokes_workspace_tokens(house) {
        let (made, robot) = token_of_lab(&house, json!({})).await;
        let token = format!("{TOKENS}/{}", made["id"].as_str().unwrap());
        for (person, status) in [(&house.administrator, 403), (&house.collaborator, 403), (&house.member, 404),
            (&house.foreigner, 404), (&house.anonymous, 401)]
        {
            person.get(TOKENS).await.expect(status);
            person.post(TOKENS, json!({ "name": "x" })).await.expect(status);
            person.delete(&token).await.expect(status);
        }
        // Nor by the address of another workspace, or as one's own.
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "Attic" })).await.expect(201);
        house.owner.delete(&token.replace("/lab/", "/attic/")).await.expect(404);
        house.owner.delete(&format!("/me/tokens/{}", made["id"].as_str().unwrap())).await.expect(404);
        assert_eq!(begins(&robot).await, 201);
    }

    async fn a_revoked_workspace_token_starts_nothing_after_the_answer(house) {
        let (made, robot) = token_of_lab(&house, json!({})).await;
        assert_eq!(begins(&robot).await, 201);
        let token = format!("{TOKENS}/{}", made["id"].as_str().unwrap());
        house.owner.delete(&token).await.expect(204);
        assert_eq!(begins(&robot).await, 401);
        // Neither is it told what is wrong with its request: it was known a moment ago.
        robot.post("/runs", json!({ "nonsense": true })).await.expect(401);
        robot.get(LAB).await.expect(401);
        house.owner.delete(&token).await.expect(404);
        assert!(house.owner.get(TOKENS).await.each("name").is_empty());
        let actions = house.administrator.get("/organizations/acme/audit-events").await.expect(200).each("action");
        let tokens: Vec<_> = actions.iter().filter(|action| action.starts_with("token.")).collect();
        assert_eq!(tokens, ["token.revoked", "token.created"]);
    }

    async fn a_workspace_token_ends_at_its_time_and_with_its_workspace(house) {
        let (_, short) = token_of_lab(&house, json!({ "expires_at": "2999-01-01T00:00:00Z" })).await;
        assert_eq!(begins(&short).await, 201);
        Sql::open(&house).await.execute("UPDATE credentials SET expires_at = 1 WHERE kind = 'workspace'").await;
        assert_eq!(begins(&short).await, 401);
        assert!(house.owner.get(TOKENS).await.each("name").is_empty());
        let (_, robot) = token_of_lab(&house, json!({})).await;
        assert_eq!(begins(&robot).await, 201);
        house.owner.delete(LAB).await.expect(204);
        assert_eq!(begins(&robot).await, 401);
        robot.get(&format!("{LAB}/environment")).await.expect(401);
    }

    async fn a_workspace_token_that_does_not_fit_is_not_made(house) {
        for (wish, field, code) in [
            (json!({ "name": "x", "expires_at": "2001-01-01T00:00:00Z" }), "expires_at", "in_the_past"),
            (json!({ "name": "x", "expires_at": "tomorrow" }), "expires_at", "time"),
            (json!({ "name": "" }), "name", "text_missing"),
            (json!({ "name": "x", "access": "full" }), "body", "json"),
        ] {
            house.owner.post(TOKENS, wish).await.expect_refused(field, code);
        }
        assert!(house.owner.get(TOKENS).await.each("name").is_empty());
    }
}
