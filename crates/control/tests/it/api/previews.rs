//! `…/secrets/{name}/preview`: what it says is what then happens.

use serde_json::{Value, json};

use crate::{
    both,
    store::drift::{runs, server},
    support::{Actor, House, LAB},
};

const KEY: &str = "/organizations/acme/secrets/KEY";
const NORTH: &str = "/organizations/acme/workspaces/north";

async fn preview(person: &Actor, secret: &str, ask: Value) -> Value {
    person.post(&format!("{secret}/preview"), ask).await.expect(200).json()
}

/// Counts of reached, gaining, losing, changing and overridden workspaces.
fn counts(preview: &Value) -> [u64; 5] {
    ["reaches", "gains", "loses", "changes", "overridden"].map(|of| preview[of]["count"].as_u64().unwrap())
}

/// The servers that need a restart, as a preview or a write's answer names them.
fn stale(answer: &Value) -> Vec<String> {
    let servers = answer["restart_needed"].as_array().unwrap();
    let name = |one: &Value| format!("{}/{}", one["workspace"].as_str().unwrap(), one["server"].as_str().unwrap());
    servers.iter().map(name).collect()
}

/// Two workspaces with a running server each; north overrides KEY.
async fn furnish(house: &House) {
    house.owner.post("/organizations/acme/workspaces", json!({ "name": "North" })).await.expect(201);
    house.administrator.put(KEY, json!({ "value": "a value" })).await.expect(201);
    house.owner.put(&format!("{NORTH}/secrets/KEY"), json!({ "value": "north's own" })).await.expect(201);
    for (place, name) in [(LAB, "web"), (NORTH, "web")] {
        let server = server(&house.owner, place, name).await;
        runs(house, &house.owner, &server).await;
    }
}

both! {
    async fn a_preview_says_what_each_operation_on_an_organization_secret_then_does(house) {
        furnish(&house).await;
        let admin = &house.administrator;
        let seen = preview(admin, KEY, json!({ "operation": "set" })).await;
        assert_eq!(counts(&seen), [2, 0, 0, 2, 1]);
        assert_eq!(seen["overridden"]["first"], json!([{ "slug": "north", "name": "North" }]));
        assert_eq!(seen["restart_needed"], json!([{ "workspace": "lab", "server": "web", "already": false, "because_of_it": true }]));
        let done = admin.put(KEY, json!({ "value": "the next value" })).await.expect(200).json();
        assert_eq!(stale(&done), stale(&seen));

        let seen = preview(admin, KEY, json!({ "operation": "set_access", "workspaces": ["north"] })).await;
        assert_eq!(counts(&seen), [1, 0, 1, 0, 1]);
        let both = json!([{ "workspace": "lab", "server": "web", "already": true, "because_of_it": true }]);
        assert_eq!(seen["restart_needed"], both, "it has the old value, and shall lose it");
        let done = admin.patch(KEY, json!({ "workspaces": ["north"] })).await.expect(200).json();
        assert_eq!(stale(&done), stale(&seen));

        let seen = preview(admin, KEY, json!({ "operation": "set_access", "access": "all" })).await;
        assert_eq!(counts(&seen), [2, 1, 0, 0, 1]);
        let seen = preview(admin, KEY, json!({ "operation": "rename", "name": "NEW_KEY" })).await;
        assert_eq!(counts(&seen), [1, 0, 0, 1, 0], "under the new name nothing overrides it");
        assert_eq!(stale(&seen), ["lab/web", "north/web"]);
        let done = admin.patch(KEY, json!({ "name": "NEW_KEY" })).await.expect(200).json();
        assert_eq!(stale(&done), ["north/web"], "lab's server had lost it before");

        let seen = preview(admin, "/organizations/acme/secrets/NEW_KEY", json!({ "operation": "delete" })).await;
        assert_eq!(counts(&seen), [0, 0, 1, 0, 0]);
        assert_eq!(stale(&seen), ["lab/web"], "north's server never had it");
        let seen = preview(admin, "/organizations/acme/secrets/ANOTHER", json!({ "operation": "set" })).await;
        assert_eq!(counts(&seen), [2, 2, 0, 0, 0]);
        assert_eq!(stale(&seen), ["lab/web", "north/web"]);
        let seen = preview(admin, "/organizations/acme/secrets/ANOTHER", json!({ "operation": "set", "access": "selected" })).await;
        assert_eq!((counts(&seen), stale(&seen)), ([0; 5], vec!["lab/web".to_owned(), "north/web".to_owned()]));
        let why = |one: &Value| (one["already"] == true, one["because_of_it"] == true);
        assert_eq!(seen["restart_needed"].as_array().unwrap().iter().map(why).collect::<Vec<_>>(), [(true, false); 2]);
        admin.get("/organizations/acme/secrets/ANOTHER").await.expect(404);
    }

    // Those that have nothing of their own to do with a change are not looked at one by one.
    async fn a_preview_counts_every_workspace_and_names_the_first_five_by_slug(house) {
        furnish(&house).await;
        for name in ["a", "m", "p", "q", "z"] {
            house.owner.post("/organizations/acme/workspaces", json!({ "name": name })).await.expect(201);
        }
        let admin = &house.administrator;
        // One workspace alone has something of the budget besides.
        admin.put("/organizations/acme/secrets/OTHER", json!({ "value": "a value", "workspaces": ["p"] })).await.expect(201);
        let seen = async |ask: Value, what: &str| {
            let part = preview(admin, KEY, ask).await[what].clone();
            let first: Vec<String> =
                part["first"].as_array().unwrap().iter().map(|one| one["slug"].as_str().unwrap().to_owned()).collect();
            (part["count"].as_u64().unwrap(), first.join(" "))
        };
        let set = json!({ "operation": "set" });
        assert_eq!(seen(set.clone(), "changes").await, (7, "a lab m north p".to_owned()));
        assert_eq!(seen(set, "overridden").await, (1, "north".to_owned()));
        let narrow = json!({ "operation": "set_access", "workspaces": ["m", "z"] });
        assert_eq!(seen(narrow.clone(), "reaches").await, (2, "m z".to_owned()));
        assert_eq!(seen(narrow, "loses").await, (5, "a lab north p q".to_owned()));
        assert_eq!(seen(json!({ "operation": "delete" }), "loses").await, (7, "a lab m north p".to_owned()));

        admin.patch(KEY, json!({ "workspaces": ["m", "z"] })).await.expect(200);
        let widen = json!({ "operation": "set_access", "access": "all" });
        assert_eq!(seen(widen.clone(), "gains").await, (5, "a lab north p q".to_owned()));
        assert_eq!(seen(widen, "reaches").await, (7, "a lab m north p".to_owned()));
        assert_eq!(seen(json!({ "operation": "set" }), "changes").await, (2, "m z".to_owned()));
        house.owner.delete("/organizations/acme/workspaces/z").await.expect(204);
        assert_eq!(seen(json!({ "operation": "delete" }), "loses").await, (1, "m".to_owned()), "the other one is gone");
    }

    async fn a_preview_of_a_workspace_s_own_says_what_it_covers_and_uncovers(house) {
        furnish(&house).await;
        let own = format!("{NORTH}/secrets/KEY");
        let seen = preview(&house.owner, &own, json!({ "operation": "delete" })).await;
        assert_eq!((&seen["uncovers"], &seen["overrides"]), (&json!(1), &Value::Null));
        assert_eq!(stale(&seen), ["north/web"]);
        let seen = preview(&house.owner, &format!("{LAB}/secrets/KEY"), json!({ "operation": "set" })).await;
        assert_eq!((&seen["overrides"], counts(&seen), stale(&seen)), (&json!(1), [1, 1, 0, 0, 0], vec!["lab/web".to_owned()]));
        let seen = preview(&house.owner, &own, json!({ "operation": "rename", "name": "MINE" })).await;
        assert_eq!((&seen["uncovers"], &seen["overrides"]), (&json!(1), &Value::Null));
        house.owner.delete(&own).await.expect(204);
        let after = house.owner.get(&format!("{NORTH}/servers/web")).await.json();
        assert_eq!(after["drift"][0]["reason"], "uncovered");
    }

    async fn a_preview_says_what_would_exceed_the_budget_as_the_write_does(house) {
        let large = "x".repeat(48 * 1024);
        for name in ["A", "B", "C", "D"] {
            let body = json!({ "value": large, "workspaces": ["lab"] });
            house.administrator.put(&format!("/organizations/acme/secrets/{name}"), body).await.expect(201);
        }
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "North" })).await.expect(201);
        let fifth = "/organizations/acme/secrets/E";
        let fits = preview(&house.administrator, fifth, json!({ "operation": "set", "value_bytes": 4_000 })).await;
        assert_eq!((&fits["budget"]["refused"], &fits["budget"]["secrets"]), (&Value::Null, &json!(5)));
        let large_one = json!({ "operation": "set", "value_bytes": large.len() });
        let over = preview(&house.administrator, fifth, large_one).await["budget"].clone();
        assert_eq!(over["exceeded"], json!({ "count": 1, "first": [{ "slug": "lab", "name": "Lab" }] }));
        let refused = house.administrator.put(fifth, json!({ "value": large })).await.expect_refused("budget", "budget_size");
        assert_eq!(over["refused"], refused.json()["errors"][0]["message"]);
        let elsewhere = json!({ "operation": "set", "value_bytes": large.len(), "workspaces": ["north"] });
        assert_eq!(preview(&house.administrator, fifth, elsewhere).await["budget"]["refused"], Value::Null);
    }

    async fn a_preview_meets_what_the_change_would_meet(house) {
        furnish(&house).await;
        let ask = async |person: &Actor, secret: &str, ask: Value| person.post(&format!("{secret}/preview"), ask).await;
        let admin = &house.administrator;
        admin.put("/organizations/acme/secrets/TAKEN", json!({ "value": "a value" })).await.expect(201);
        ask(admin, KEY, json!({ "operation": "rename", "name": "TAKEN" })).await.expect(409);
        ask(admin, KEY, json!({ "operation": "rename", "name": "KEY" })).await.expect(200);
        ask(admin, KEY, json!({ "operation": "rename", "name": "PATH" })).await.expect_refused("name", "name_reserved");
        ask(admin, KEY, json!({ "operation": "rename" })).await.expect(422);
        ask(admin, KEY, json!({ "operation": "burn" })).await.expect_refused("operation", "unknown_word");
        ask(admin, KEY, json!({ "operation": "delete", "access": "all" })).await.expect_refused("access", "no_access");
        ask(admin, KEY, json!({ "operation": "set", "workspaces": ["nowhere"] })).await
            .expect_refused("workspaces", "workspace_unknown");
        ask(admin, "/organizations/acme/secrets/NONE", json!({ "operation": "delete" })).await.expect(404);
        let own = format!("{NORTH}/secrets/KEY");
        ask(&house.owner, &own, json!({ "operation": "set_access" })).await.expect_refused("operation", "unknown_word");
        ask(&house.owner, &own, json!({ "operation": "set", "access": "all" })).await.expect_refused("access", "no_access");
        ask(&house.collaborator, &format!("{LAB}/secrets/KEY"), json!({ "operation": "set" })).await.expect(403);
        ask(&house.owner, KEY, json!({ "operation": "set" })).await.expect(403);
    }
}
