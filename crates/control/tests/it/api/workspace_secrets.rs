//! A workspace's secrets: `/organizations/{organization}/workspaces/{workspace}/secrets`.

use serde_json::{Value, json};

use crate::{both, support::LAB};

const SECRETS: &str = "/organizations/acme/workspaces/lab/secrets";
const KEY: &str = "/organizations/acme/workspaces/lab/secrets/API_KEY";
const ORGANIZATIONS_KEY: &str = "/organizations/acme/secrets/API_KEY";

/// The rows of a list as (name, scope, overrides, overridden, editable).
fn marks(list: &Value) -> Vec<(&str, &str, bool, bool, bool)> {
    let text = |row: &'_ Value, field: &str| row[field].as_bool().unwrap();
    let rows = list["items"].as_array().unwrap().iter();
    rows.map(|row| {
        let (name, scope) = (row["name"].as_str().unwrap(), row["scope"].as_str().unwrap());
        (name, scope, text(row, "overrides"), text(row, "overridden"), text(row, "editable"))
    })
    .collect()
}

both! {
    async fn the_owner_creates_edits_and_deletes(house) {
        let made = house.owner.put(KEY, json!({ "value": "k-1234567890", "description": "ours" })).await.expect(201).json();
        assert_eq!((&made["scope"], &made["version"]), (&json!("workspace"), &json!(1)));
        assert!(made.get("access").is_none() && made.get("workspaces").is_none());
        assert_eq!(house.owner.put(KEY, json!({ "value": "k-1234567890" })).await.expect(200).json()["version"], 2);
        let edited = house.owner.patch(KEY, json!({ "description": "only ours" })).await.expect(200).json();
        assert_eq!((&edited["version"], &edited["description"]), (&json!(2), &json!("only ours")));
        assert_eq!(house.owner.delete(KEY).await.expect(204).text, "");
        house.owner.get(KEY).await.expect(404);
        house.owner.delete(KEY).await.expect(404);
        let next = house.owner.put(KEY, json!({ "value": "k-1234567890" })).await.expect(201).json();
        assert_eq!(next["version"], 1);
        assert_ne!(next["id"], made["id"]);
    }

    async fn nobody_but_the_owner_writes_not_even_an_administrator(house) {
        house.owner.put(KEY, json!({ "value": "k-1234567890" })).await.expect(201);
        let before = house.owner.get(KEY).await.etag();
        for (person, status) in [(&house.administrator, 403), (&house.collaborator, 403), (&house.member, 404),
            (&house.foreigner, 404), (&house.anonymous, 401)]
        {
            person.put(KEY, json!({ "value": "another one" })).await.expect(status);
            person.put(&format!("{SECRETS}/NEW_ONE"), json!({ "value": "another one" })).await.expect(status);
            person.patch(KEY, json!({ "name": "OTHER_NAME" })).await.expect(status);
            person.delete(KEY).await.expect(status);
        }
        assert_eq!(house.owner.get(KEY).await.expect(200).etag(), before);
        assert_eq!(house.owner.get(SECRETS).await.each("name"), ["API_KEY"]);
    }

    async fn an_administrator_who_owns_a_workspace_writes_its_secrets(house) {
        house.administrator.post("/organizations/acme/workspaces", json!({ "name": "Mine" })).await.expect(201);
        let path = "/organizations/acme/workspaces/mine/secrets/API_KEY";
        house.administrator.put(path, json!({ "value": "k-1234567890" })).await.expect(201);
        house.owner.get(path).await.expect(404);
    }

    async fn whoever_has_access_sees_what_its_servers_get_and_others_nothing(house) {
        house.owner.put(KEY, json!({ "value": "k-1234567890" })).await.expect(201);
        for (person, editable) in [(&house.owner, true), (&house.collaborator, false), (&house.administrator, false)] {
            let list = person.get(SECRETS).await.expect(200).json();
            assert_eq!(marks(&list), [("API_KEY", "workspace", false, false, editable)]);
            person.get(KEY).await.expect(200);
        }
        for person in [&house.member, &house.foreigner] {
            let hidden = person.get(SECRETS).await.expect(404);
            let nonexistent = person.get("/organizations/acme/workspaces/nowhere/secrets").await;
            assert_eq!(hidden.told(), nonexistent.told());
            person.get(KEY).await.expect(404);
        }
    }

    async fn a_workspace_secret_overrides_the_organizations_until_it_is_deleted(house) {
        house.administrator.put(ORGANIZATIONS_KEY, json!({ "value": "o-1234567890" })).await.expect(201);
        house.owner.put(KEY, json!({ "value": "k-1234567890" })).await.expect(201);
        let list = house.owner.get(SECRETS).await.json();
        assert_eq!(
            marks(&list),
            [("API_KEY", "workspace", true, false, true), ("API_KEY", "organization", false, true, false)]
        );
        let overridden = house.administrator.get(ORGANIZATIONS_KEY).await.expect(200).json();
        assert_eq!(overridden["scope"], "organization", "each address leads to its own secret");
        assert_eq!(house.owner.get(KEY).await.json()["scope"], "workspace");

        house.owner.delete(KEY).await.expect(204);
        let list = house.owner.get(SECRETS).await.json();
        assert_eq!(marks(&list), [("API_KEY", "organization", false, false, false)]);
        house.owner.get(KEY).await.expect(404);
    }

    async fn overriding_needs_the_same_spelling(house) {
        house.administrator.put(ORGANIZATIONS_KEY, json!({ "value": "o-1234567890" })).await.expect(201);
        let other_case = format!("{SECRETS}/Api_Key");
        let made = house.owner.put(&other_case, json!({ "value": "k-1234567890" })).await.expect(201).json();
        assert_eq!(made["warnings"][0]["code"], "name_differs_only_in_case");
        let list = house.owner.get(SECRETS).await.json();
        assert_eq!(
            marks(&list),
            [("API_KEY", "organization", false, false, false), ("Api_Key", "workspace", false, false, true)]
        );
        let renamed = house.owner.patch(&other_case, json!({ "name": "API_KEY" })).await.expect(200).json();
        assert_eq!(renamed["warnings"], json!([]));
        assert!(marks(&house.owner.get(SECRETS).await.json())[0].2, "now it overrides");
    }

    async fn the_list_never_shows_where_else_a_secret_goes(house) {
        house.member.post("/organizations/acme/workspaces", json!({ "name": "Greenhouse" })).await.expect(201);
        let body = json!({ "value": "o-1234567890", "workspaces": ["lab", "greenhouse"] });
        house.administrator.put(ORGANIZATIONS_KEY, body).await.expect(201);
        let list = house.owner.get(SECRETS).await.expect(200);
        let row = list.json()["items"][0].clone();
        let fields: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(
            fields,
            ["description", "editable", "id", "name", "overridden", "overrides", "scope", "suspended", "suspension",
             "updated_at", "updated_by", "version"]
        );
        assert!(!list.text.to_lowercase().contains("greenhouse"), "{}", list.text);
    }

    async fn an_organization_secret_that_does_not_reach_the_workspace_is_not_there(house) {
        house.member.post("/organizations/acme/workspaces", json!({ "name": "Den" })).await.expect(201);
        let body = json!({ "value": "o-1234567890", "workspaces": ["den"] });
        house.administrator.put(ORGANIZATIONS_KEY, body).await.expect(201);
        assert!(house.owner.get(SECRETS).await.expect(200).each("name").is_empty());
        assert_eq!(house.owner.get(KEY).await.told(), house.owner.get(&format!("{SECRETS}/NO_SUCH")).await.told());
        // Neither does a new name warn of it.
        let other_case = json!({ "value": "k-1234567890" });
        let made = house.owner.put(&format!("{SECRETS}/Api_Key"), other_case).await.expect(201).json();
        assert_eq!(made["warnings"], json!([]));
        assert_eq!(house.member.get("/organizations/acme/workspaces/den/secrets").await.each("name"), ["API_KEY"]);
    }

    async fn a_workspaces_secret_is_nowhere_else(house) {
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "Den" })).await.expect(201);
        house.owner.put(KEY, json!({ "value": "k-1234567890" })).await.expect(201);
        assert!(house.owner.get("/organizations/acme/workspaces/den/secrets").await.expect(200).each("name").is_empty());
        house.owner.get("/organizations/acme/workspaces/den/secrets/API_KEY").await.expect(404);
        assert!(house.administrator.get("/organizations/acme/secrets").await.expect(200).each("name").is_empty());
        house.administrator.get(ORGANIZATIONS_KEY).await.expect(404);
    }

    async fn a_workspace_secret_has_no_access_to_choose(house) {
        for field in ["access", "workspaces"] {
            let mut body = json!({ "value": "k-1234567890" });
            body[field] = json!("all");
            house.owner.put(KEY, body).await.expect_refused("body", "json");
        }
        house.owner.get(KEY).await.expect(404);
    }

    async fn refused_names_are_refused_here_too(house) {
        house.owner.put(&format!("{SECRETS}/LD_PRELOAD"), json!({ "value": "k-1234567890" })).await
            .expect_refused("name", "name_reserved");
        house.owner.put(KEY, json!({ "value": "k-1234567890" })).await.expect(201);
        house.owner.patch(KEY, json!({ "name": "path" })).await.expect_refused("name", "name_reserved");
    }

    async fn a_workspace_has_at_most_a_hundred_secrets_and_blocks_no_organization_secret(house) {
        let value = json!({ "value": "k-1234567890" });
        for number in 0..100 {
            house.owner.put(&format!("{SECRETS}/KEY_{number}"), value.clone()).await.expect(201);
        }
        let refused = house.owner.put(KEY, value.clone()).await.expect(422).json();
        let message = refused["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("101") && message.contains("100"), "{message}");
        house.owner.get(KEY).await.expect(404);
        house.owner.put(&format!("{SECRETS}/KEY_0"), value.clone()).await.expect(200);
        house.administrator.put(ORGANIZATIONS_KEY, value).await.expect(201);
        house.owner.delete(&format!("{SECRETS}/KEY_0")).await.expect(204);
        house.owner.put(KEY, json!({ "value": "k-1234567890" })).await.expect(201);
    }

    async fn a_workspaces_secrets_follow_it_when_its_address_changes(house) {
        let made = house.owner.put(KEY, json!({ "value": "k-1234567890" })).await.expect(201).json();
        house.owner.patch(LAB, json!({ "slug": "workshop" })).await.expect(200);
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "Lab" })).await.expect(201);
        house.owner.get(KEY).await.expect(404);
        let moved = "/organizations/acme/workspaces/workshop/secrets/API_KEY";
        assert_eq!(house.owner.get(moved).await.expect(200).json()["id"], made["id"]);
        house.owner.patch(moved, json!({ "name": "API_KEY_2" })).await.expect(200);
    }
}
