//! `…/deleted-secrets`: restored for a while, then gone for good.

use control::app::deleted_secrets::destroy_overdue;
use domain::Time;
use serde_json::{Value, json};

use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::Sql,
    },
    support::{Actor, House, LAB},
};

const ACME: &str = "/organizations/acme";

/// Writes and deletes a secret; its id.
async fn deleted(writer: &Actor, place: &str, name: &str) -> String {
    let secret = format!("{place}/secrets/{name}");
    let made = writer.put(&secret, json!({ "value": format!("the value of {name}") })).await.expect(201).json();
    writer.delete(&secret).await.expect(204);
    made["id"].as_str().unwrap().to_owned()
}

async fn kept(house: &House) -> usize {
    Sql::open(house).await.texts("SELECT secret_id FROM secret_versions WHERE sealed IS NOT NULL").await.len()
}

/// What a run in the workspace gets.
async fn gets(house: &House) -> Vec<(String, String)> {
    let wish = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    let run = house.owner.post("/runs", wish).await.expect(201).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    run["variables"].as_array().unwrap().iter().map(|one| (text(&one["name"]), text(&one["value"]))).collect()
}

both! {
    async fn a_deleted_secret_is_restored_as_it_was(house) {
        for (place, writer) in [(ACME, &house.administrator), (LAB, &house.owner)] {
            let id = deleted(writer, place, "TOKEN").await;
            assert_eq!(gets(&house).await, []);
            let listed = writer.get(&format!("{place}/deleted-secrets")).await.expect(200).json();
            assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["name"]), (&json!(id), &json!("TOKEN")));
            let restored = writer.post(&format!("{place}/deleted-secrets/{id}/restoration"), Value::Null).await;
            assert_eq!(restored.expect(200).json()["id"], json!(id));
            assert_eq!(gets(&house).await, [("TOKEN".to_owned(), "the value of TOKEN".to_owned())]);
            writer.post(&format!("{place}/deleted-secrets/{id}/restoration"), Value::Null).await.expect(404);
            writer.delete(&format!("{place}/secrets/TOKEN")).await.expect(204);
        }
    }

    async fn a_taken_name_is_a_conflict_and_restores_nothing(house) {
        let id = deleted(&house.owner, LAB, "TOKEN").await;
        house.owner.put(&format!("{LAB}/secrets/TOKEN"), json!({ "value": "another value" })).await.expect(201);
        house.owner.post(&format!("{LAB}/deleted-secrets/{id}/restoration"), Value::Null).await.expect(409);
        assert_eq!(gets(&house).await, [("TOKEN".to_owned(), "another value".to_owned())]);
        house.owner.delete(&format!("{LAB}/secrets/TOKEN")).await.expect(204);
        house.owner.post(&format!("{LAB}/deleted-secrets/{id}/restoration"), Value::Null).await.expect(200);
        assert_eq!(gets(&house).await, [("TOKEN".to_owned(), "the value of TOKEN".to_owned())]);
    }

    async fn a_budget_holds_for_what_is_restored(house) {
        let large = "x".repeat(48 * 1024);
        for name in ["A", "B", "C", "D"] {
            house.owner.put(&format!("{LAB}/secrets/{name}"), json!({ "value": large })).await.expect(201);
        }
        let id = house.owner.get(&format!("{LAB}/secrets/A")).await.json()["id"].as_str().unwrap().to_owned();
        house.owner.delete(&format!("{LAB}/secrets/A")).await.expect(204);
        house.owner.put(&format!("{LAB}/secrets/F"), json!({ "value": large })).await.expect(201);
        let restored = house.owner.post(&format!("{LAB}/deleted-secrets/{id}/restoration"), Value::Null).await;
        restored.expect_refused("budget", "budget_size");
        assert_eq!(house.owner.get(&format!("{LAB}/deleted-secrets")).await.each("name"), ["A"]);
    }

    async fn what_is_destroyed_never_comes_back_and_its_holders_stay_known(house) {
        let secret = format!("{LAB}/secrets/TOKEN");
        house.owner.put(&secret, json!({ "value": "a value" })).await.expect(201);
        let web = server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &web).await;
        gets(&house).await;
        let id = house.owner.get(&secret).await.json()["id"].as_str().unwrap().to_owned();
        house.owner.delete(&secret).await.expect(204);
        let address = format!("{LAB}/deleted-secrets/{id}");
        house.owner.delete(&address).await.expect(204);
        assert_eq!(kept(&house).await, 0);
        assert_eq!(house.owner.get(&format!("{LAB}/deleted-secrets")).await.each("name"), [""; 0]);
        house.owner.delete(&address).await.expect(409);
        house.owner.post(&format!("{address}/restoration"), Value::Null).await.expect(409);
        let holders = house.administrator.get(&format!("{address}/holders")).await.expect(200).json();
        assert_eq!((&holders["items"][0]["server"], &holders["items"][0]["stale"]), (&json!("web"), &json!(true)));
        assert_eq!(holders["items"][0]["drift"]["reason"], "deleted");
        assert_eq!(holders["also_read_by"][0]["host"], "laptop");
    }

    async fn what_was_deleted_thirty_days_ago_is_destroyed_by_itself(house) {
        const DAY: i64 = 86_400_000_000;
        deleted(&house.administrator, ACME, "OLD").await;
        deleted(&house.owner, LAB, "OLD").await;
        deleted(&house.owner, LAB, "YOUNG").await;
        house.owner.put(&format!("{LAB}/secrets/ALIVE"), json!({ "value": "a value" })).await.expect(201);
        let mut sql = Sql::open(&house).await;
        sql.execute(&format!("UPDATE secrets SET deleted_at = deleted_at - {DAY} WHERE name = 'OLD'")).await;
        let now = control::clock::now();
        assert_eq!(destroy_overdue(&house.app, Time(now.0 + 28 * DAY)).await.unwrap(), 0);
        assert_eq!(destroy_overdue(&house.app, Time(now.0 + 29 * DAY + DAY / 2)).await.unwrap(), 2);
        assert_eq!(destroy_overdue(&house.app, Time(now.0 + 29 * DAY + DAY / 2)).await.unwrap(), 0);
        assert_eq!(kept(&house).await, 2);
        assert_eq!(house.owner.get(&format!("{LAB}/deleted-secrets")).await.each("name"), ["YOUNG"]);
        let events = house.administrator.get("/organizations/acme/audit-events?action=secret.destroyed").await.json();
        let events = events["items"].as_array().unwrap();
        assert_eq!(events.len(), 2);
        assert!(events.iter().all(|event| event["actor"]["kind"] == "system" && event["target"]["name"] == "OLD"));
    }

    async fn deleted_secrets_come_in_pages_last_deleted_first(house) {
        for name in ["A", "B", "C"] {
            deleted(&house.owner, LAB, name).await;
        }
        let first = house.owner.get(&format!("{LAB}/deleted-secrets?limit=2")).await.expect(200);
        assert_eq!(first.each("name"), ["C", "B"]);
        let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
        let next = house.owner.get(&format!("{LAB}/deleted-secrets?limit=2&cursor={cursor}")).await.expect(200);
        assert_eq!(next.each("name"), ["A"]);
        assert!(next.json()["next_cursor"].is_null());
        house.owner.get(&format!("{LAB}/deleted-secrets?cursor=x")).await.expect_refused("cursor", "cursor");
        let elsewhere = deleted(&house.administrator, ACME, "D").await;
        house.owner.post(&format!("{LAB}/deleted-secrets/{elsewhere}/restoration"), Value::Null).await.expect(404);
    }
}
