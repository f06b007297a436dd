//! What a program finds under a name: `…/workspaces/{workspace}/explanations/{name}`.

use serde_json::{Value, json};

use crate::{both, support::LAB};

const EXPLANATIONS: &str = "/organizations/acme/workspaces/lab/explanations";
const ORGANIZATIONS_KEY: &str = "/organizations/acme/secrets/API_KEY";

/// The layers as (layer, scope or value, state).
fn layers(explanation: &Value) -> Vec<(&str, &str, &str)> {
    let text = |layer: &'_ Value, field: &str| layer[field].as_str().map(str::len);
    let layers = explanation["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| {
            let second = if text(layer, "scope").is_some() { "scope" } else { "value" };
            (
                layer["layer"].as_str().unwrap(),
                layer[second].as_str().unwrap(),
                layer["state"].as_str().unwrap_or_default(),
            )
        })
        .collect()
}

both! {
    async fn a_secret_that_does_not_reach_the_workspace_is_none_like_one_that_does_not_exist(house) {
        let explain = async || {
            let mut told = house.owner.get(&format!("{EXPLANATIONS}/API_KEY")).await.told();
            assert_eq!(told.1.as_object_mut().unwrap().remove("name"), Some(json!("API_KEY")));
            told
        };
        let nonexistent = explain().await;
        assert_eq!((nonexistent.0, &nonexistent.1["winner"]), (200, &json!("none")));
        assert_eq!(nonexistent.1["layers"], json!([]));
        let body = json!({ "value": "o-1234567890", "workspaces": [] });
        house.administrator.put(ORGANIZATIONS_KEY, body).await.expect(201);
        assert_eq!(explain().await, nonexistent);
        house.administrator.put(&format!("{ORGANIZATIONS_KEY}/workspaces/lab"), json!({})).await.expect(200);
        assert_eq!(explain().await.1["winner"], "secret");
        house.administrator.put(&format!("{ORGANIZATIONS_KEY}/suspension"), json!({ "reason": "leaked" })).await.expect(200);
        house.administrator.delete(&format!("{ORGANIZATIONS_KEY}/workspaces/lab")).await.expect(200);
        assert_eq!(explain().await, nonexistent);
        let collaborator = async || {
            let mut told = house.collaborator.get(&format!("{EXPLANATIONS}/API_KEY")).await.told();
            told.1.as_object_mut().unwrap().remove("name");
            told
        };
        assert_eq!(collaborator().await, nonexistent);
        house.administrator.delete(ORGANIZATIONS_KEY).await.expect(204);
        assert_eq!((explain().await, collaborator().await), (nonexistent.clone(), nonexistent.clone()));
        let deleted = house.administrator.get("/organizations/acme/deleted-secrets").await.json()["items"][0]["id"].clone();
        let deleted = format!("/organizations/acme/deleted-secrets/{}", deleted.as_str().unwrap());
        house.administrator.delete(&deleted).await.expect(204);
        assert_eq!((explain().await, collaborator().await), (nonexistent.clone(), nonexistent));
    }

    async fn an_administrator_is_told_why_the_organization_s_does_not_reach(house) {
        let explain = async || {
            let told = house.administrator.get(&format!("{EXPLANATIONS}/API_KEY")).await.expect(200).json();
            assert_eq!(told["winner"], "none");
            told
        };
        let nothing = explain().await;
        assert_eq!(nothing["absent"], json!([]));
        let created = house.administrator.put(ORGANIZATIONS_KEY, json!({ "value": "o-1234567890", "workspaces": [] })).await;
        let id = created.expect(201).json()["id"].clone();
        let mut told = explain().await["absent"].take();
        assert_eq!(told.as_array().unwrap().len(), 1);
        assert_eq!(told[0], json!({
            "scope": "organization", "secret_id": id, "why": "not_selected", "at": null, "by": null, "suspension": null,
        }), "it never reached it");

        house.administrator.put(&format!("{ORGANIZATIONS_KEY}/workspaces/lab"), json!({})).await.expect(200);
        house.administrator.delete(&format!("{ORGANIZATIONS_KEY}/workspaces/lab")).await.expect(200);
        house.administrator.put(&format!("{ORGANIZATIONS_KEY}/suspension"), json!({ "reason": "leaked" })).await.expect(200);
        told = explain().await;
        assert!(told["reason"].as_str().unwrap().contains("not selected"), "{told:#}");
        let absent = &told["absent"][0];
        assert_eq!((&absent["why"], &absent["by"]["name"]), (&json!("not_selected"), &json!("Administrator")));
        assert!(absent["at"].is_string());
        assert_eq!((&absent["suspension"]["reason"], &absent["suspension"]["by"]["name"]), (&json!("leaked"), &json!("Administrator")));

        house.administrator.delete(ORGANIZATIONS_KEY).await.expect(204);
        let absent = explain().await["absent"][0].take();
        assert_eq!((&absent["secret_id"], &absent["why"], &absent["by"]["name"]), (&id, &json!("deleted"), &json!("Administrator")));
        // The one that is there tells more than one that was deleted.
        house.administrator.put(ORGANIZATIONS_KEY, json!({ "value": "o-0987654321", "workspaces": [] })).await.expect(201);
        let absent = explain().await["absent"].take();
        assert_eq!((absent.as_array().unwrap().len(), &absent[0]["why"]), (1, &json!("not_selected")));
        assert_ne!(absent[0]["secret_id"], id);
    }

    async fn whoever_sees_the_workspace_is_told_of_its_own_deleted_or_suspended_secret(house) {
        let own = format!("{LAB}/secrets/API_KEY");
        house.owner.put(&own, json!({ "value": "k-1234567890" })).await.expect(201);
        house.administrator.put(&format!("{own}/suspension"), json!({ "reason": "leaked" })).await.expect(200);
        let people = [&house.owner, &house.collaborator, &house.administrator];
        for person in people {
            let told = person.get(&format!("{EXPLANATIONS}/API_KEY")).await.expect(200).json();
            assert_eq!((&told["winner"], &told["layers"][0]["state"]), (&json!("none"), &json!("suspended")));
            let suspension = &told["layers"][0]["suspension"];
            assert_eq!((&suspension["by"]["name"], &suspension["reason"]), (&json!("Administrator"), &json!("leaked")));
            assert!(suspension["at"].is_string());
            assert_eq!(told["absent"], json!([]));
        }
        house.owner.delete(&own).await.expect(204);
        for person in people {
            let told = person.get(&format!("{EXPLANATIONS}/API_KEY")).await.expect(200).json();
            assert_eq!((&told["winner"], told["absent"].as_array().unwrap().len()), (&json!("none"), 1));
            let absent = &told["absent"][0];
            assert_eq!((&absent["scope"], &absent["why"], &absent["by"]["name"]), (&json!("workspace"), &json!("deleted"), &json!("owner")));
            assert!(told["reason"].as_str().unwrap().contains("was deleted"));
        }
        // Where something else gives a value, nothing is absent.
        house.administrator.put(ORGANIZATIONS_KEY, json!({ "value": "o-1234567890" })).await.expect(201);
        assert_eq!(house.owner.get(&format!("{EXPLANATIONS}/API_KEY")).await.json()["absent"], json!([]));
    }

    async fn all_three_layers_are_shown_from_the_one_that_wins(house) {
        let path = format!("{EXPLANATIONS}/API_KEY");
        let body = json!({ "name": "Notebook", "command": ["x"], "variables": { "API_KEY": "plain", "PATH": "/opt" } });
        house.owner.post(&format!("{LAB}/servers"), body).await.expect(201);
        let seen = house.owner.get(&path).await.expect(200).json();
        assert_eq!((&seen["winner"], layers(&seen)), (&json!("variable"), vec![("variable", "plain", "")]));
        assert_eq!(seen["layers"][0]["server"], "notebook");

        house.administrator.put(ORGANIZATIONS_KEY, json!({ "value": "o-1234567890" })).await.expect(201);
        let seen = house.owner.get(&path).await.json();
        assert_eq!(layers(&seen), [("secret", "organization", "injected"), ("variable", "plain", "")]);

        house.owner.put(&format!("{LAB}/secrets/API_KEY"), json!({ "value": "k-1234567890" })).await.expect(201);
        let seen = house.owner.get(&path).await;
        let explanation = seen.json();
        assert_eq!(explanation["winner"], "secret");
        assert_eq!(
            layers(&explanation),
            [("secret", "workspace", "injected"), ("secret", "organization", "overridden"), ("variable", "plain", "")]
        );
        assert_eq!(explanation["layers"][1]["version"], 1);
        assert_eq!(explanation["layers"][1]["updated_by"]["name"], "Administrator");
        assert!(!seen.text.contains("1234567890"));

        let seen = house.owner.get(&format!("{EXPLANATIONS}/PATH")).await.expect(200).json();
        assert_eq!((&seen["winner"], layers(&seen)[0]), (&json!("variable"), ("variable", "/opt", "")));
        assert_eq!((layers(&seen).len(), layers(&seen)[1].0), (2, "base"));
        let own = house.owner.get(&format!("{EXPLANATIONS}/api_key")).await.json();
        assert_eq!(own["winner"], "none", "case matters");
    }

    async fn the_base_is_explained(house) {
        for (name, value) in [
            ("HOME", "/home/workspace"), ("VESTRY_ORGANIZATION", "acme"), ("VESTRY_WORKSPACE", "lab"),
            ("VESTRY_SERVER", "<server>"),
        ] {
            let seen = house.owner.get(&format!("{EXPLANATIONS}/{name}")).await.expect(200).json();
            assert_eq!((&seen["winner"], layers(&seen)), (&json!("base"), vec![("base", value, "")]), "{name}");
        }
    }

    async fn a_name_that_no_secret_can_have_says_why(house) {
        let seen = house.owner.get(&format!("{EXPLANATIONS}/LD_PRELOAD")).await.expect(200).json();
        assert_eq!(seen["winner"], "none");
        assert!(seen["reason"].as_str().unwrap().contains("reserved"));
        let seen = house.owner.get(&format!("{EXPLANATIONS}/1ST")).await.expect(200).json();
        assert!(seen["reason"].as_str().unwrap().contains("digit"));
    }

    async fn whoever_sees_the_workspace_may_ask(house) {
        let path = format!("{EXPLANATIONS}/HOME");
        house.collaborator.get(&path).await.expect(200);
        house.administrator.get(&path).await.expect(200);
        house.member.get(&path).await.expect(404);
        house.foreigner.get(&path).await.expect(404);
        house.anonymous.get(&path).await.expect(401);
    }

    async fn another_workspaces_variables_are_not_told(house) {
        house.member.post("/organizations/acme/workspaces", json!({ "name": "Den" })).await.expect(201);
        let body = json!({ "name": "Notebook", "command": ["x"], "variables": { "API_KEY": "plain" } });
        house.member.post("/organizations/acme/workspaces/den/servers", body).await.expect(201);
        house.member.put("/organizations/acme/workspaces/den/secrets/API_KEY", json!({ "value": "d-1234567890" })).await
            .expect(201);
        let seen = house.owner.get(&format!("{EXPLANATIONS}/API_KEY")).await.json();
        assert_eq!((&seen["winner"], &seen["layers"]), (&json!("none"), &json!([])));
    }
}
