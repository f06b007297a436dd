//! The history of a secret: `…/secrets/{name}/versions`.

use serde_json::{Value, json};

use crate::{
    both,
    store::sql::Sql,
    support::{Actor, House, LAB},
};

const ACME: &str = "/organizations/acme";

/// Writes these values one after the other; the secret's address.
async fn written(writer: &Actor, place: &str, values: &[&str]) -> String {
    let secret = format!("{place}/secrets/TOKEN");
    for value in values {
        writer.put(&secret, json!({ "value": value })).await;
    }
    secret
}

/// What a run in the workspace gets under the name, with its version.
async fn gets(house: &House) -> (String, u64) {
    let wish = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    let run = house.owner.post("/runs", wish).await.expect(201).json();
    let got = &run["variables"][0];
    assert_eq!(got["name"], "TOKEN");
    (got["value"].as_str().unwrap().to_owned(), got["version"].as_u64().unwrap())
}

async fn history(person: &Actor, secret: &str) -> Vec<Value> {
    person.get(&format!("{secret}/versions")).await.expect(200).json()["items"].as_array().unwrap().clone()
}

/// How many versions of the whole database have a value.
async fn kept(house: &House) -> usize {
    Sql::open(house).await.texts("SELECT secret_id FROM secret_versions WHERE sealed IS NOT NULL").await.len()
}

both! {
    async fn a_history_says_who_wrote_which_version_and_which_are_kept(house) {
        let values: Vec<String> = (1..=12).map(|n| format!("value number {n}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let secret = written(&house.owner, LAB, &values).await;
        let history = history(&house.collaborator, &secret).await;
        let number = |version: &Value| version["version"].as_u64().unwrap();
        assert_eq!(history.iter().map(number).collect::<Vec<_>>(), (1..=12).rev().collect::<Vec<_>>());
        for version in &history {
            let (kept, newest) = (number(version) > 2, number(version) == 12);
            assert_eq!((&version["kept"], &version["newest"]), (&json!(kept), &json!(newest)), "{version:#}");
            assert_eq!(version["created_by"]["name"], "owner");
            assert_eq!((version["erased_at"].is_null(), version["erased_by"].is_null()), (kept, kept));
        }
        let page = house.owner.get(&format!("{secret}/versions?limit=5")).await.expect(200).json();
        let cursor = page["next_cursor"].as_str().unwrap();
        let next = house.owner.get(&format!("{secret}/versions?limit=200&cursor={cursor}")).await.expect(200).json();
        assert_eq!(next["items"].as_array().unwrap().iter().map(number).collect::<Vec<_>>(), (1..=7).rev().collect::<Vec<_>>());
        assert!(next["next_cursor"].is_null());
        house.owner.get(&format!("{secret}/versions?cursor=x")).await.expect_refused("cursor", "cursor");
    }

    async fn an_older_version_put_back_is_a_new_version_with_its_value(house) {
        for (place, writer) in [(ACME, &house.administrator), (LAB, &house.owner)] {
            let secret = written(writer, place, &["the first value", "the second value"]).await;
            let back = writer.post(&format!("{secret}/versions/1/restoration"), Value::Null).await.expect(200).json();
            assert_eq!(back["version"], 3);
            assert_eq!(gets(&house).await, ("the first value".to_owned(), 3));
            let newest = &history(writer, &secret).await[0];
            assert_eq!((&newest["restored_from"], &newest["newest"]), (&json!(1), &json!(true)));
            let events = house.administrator.get("/organizations/acme/audit-events?limit=1").await.json();
            assert_eq!(events["items"][0]["action"], "run.started");
            let events = house.administrator.get("/organizations/acme/audit-events?action=secret.version_written&limit=1").await;
            assert_eq!(events.json()["items"][0]["details"]["restored_from"], 1);
        }
    }

    async fn what_can_not_be_put_back_is_said_and_writes_nothing(house) {
        let secret = written(&house.owner, LAB, &["one", "two", "three", "four"]).await;
        let back = async |n: &str| house.owner.post(&format!("{secret}/versions/{n}/restoration"), Value::Null).await;
        house.owner.delete(&format!("{secret}/versions/1")).await.expect(204);
        house.owner.put(&format!("{secret}/suspension"), json!({ "version": 2 })).await.expect(200);
        for (version, word) in [("4", "newest"), ("1", "no value"), ("2", "suspended")] {
            let said = back(version).await.expect(409).json();
            assert!(said["detail"].as_str().unwrap().contains(word), "{said:#}");
        }
        for missing in ["0", "5", "x", "-1", "99999999999"] {
            back(missing).await.expect(404);
        }
        let stale = house.owner.with("if-match", "\"another\"");
        stale.post(&format!("{secret}/versions/3/restoration"), Value::Null).await.expect(412);
        stale.delete(&format!("{secret}/versions/3")).await.expect(412);
        assert_eq!(history(&house.owner, &secret).await.len(), 4);
    }

    async fn a_destroyed_version_is_erased_and_stays_on_record(house) {
        let secret = written(&house.owner, LAB, &["one", "two"]).await;
        assert_eq!(kept(&house).await, 2);
        house.owner.delete(&format!("{secret}/versions/2")).await.expect(409);
        house.owner.delete(&format!("{secret}/versions/1")).await.expect(204);
        house.owner.delete(&format!("{secret}/versions/1")).await.expect(409);
        assert_eq!(kept(&house).await, 1);
        let first = &history(&house.owner, &secret).await[1];
        assert_eq!((&first["kept"], &first["erased_by"]["name"]), (&json!(false), &json!("owner")));
        assert_eq!(gets(&house).await, ("two".to_owned(), 2), "the newest is what it was");
    }
}
