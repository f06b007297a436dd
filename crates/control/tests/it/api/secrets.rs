//! Organization secrets: `/organizations/{organization}/secrets`.

use serde_json::json;

use crate::{both, support::LAB};

const SECRETS: &str = "/organizations/acme/secrets";

both! {
    async fn an_administrator_creates_a_secret_that_reaches_every_workspace(house) {
        let made = house.administrator.put(&format!("{SECRETS}/HF_TOKEN"), json!({ "value": "hf-1234567890" })).await;
        let made = made.expect(201).json();
        assert_eq!(made["access"], "all");
        assert_eq!(made["version"], 1);
        assert_eq!(made["created_by"]["name"], "Administrator");
        assert!(made.get("value").is_none());

        let seen = house.owner.get(&format!("{LAB}/secrets")).await.expect(200).json();
        assert_eq!(seen["items"][0]["name"], "HF_TOKEN");
        assert_eq!(seen["items"][0]["scope"], "organization");
        assert_eq!(seen["items"][0]["editable"], false);
        assert!(seen["items"][0].get("workspaces").is_none(), "where else it goes is nobody's business here");
    }

    async fn a_new_version_is_counted_even_when_the_value_is_equal(house) {
        let path = format!("{SECRETS}/HF_TOKEN");
        let value = json!({ "value": "the same value" });
        house.administrator.put(&path, value.clone()).await.expect(201);
        let second = house.administrator.put(&path, value).await.expect(200).json();
        assert_eq!(second["version"], 2);
    }
}
