//! `/organizations/{organization}/reports`: what is used, and what is old.

use serde_json::{Value, json};

use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::Sql,
    },
    support::{House, LAB},
};

const REPORT: &str = "/organizations/acme/reports/secrets";
const DAY: i64 = 86_400_000_000;

async fn names(house: &House, query: &str) -> Vec<String> {
    house.administrator.get(&format!("{REPORT}{query}")).await.expect(200).each("name")
}

/// As if everything had been done so many days earlier.
async fn earlier(house: &House, days: i64) {
    let mut sql = Sql::open(house).await;
    for column in [
        "secrets SET created_at = created_at",
        "secret_versions SET created_at = created_at",
        "starts SET started_at = started_at",
    ] {
        sql.execute(&format!("UPDATE {column} - {}", days * DAY)).await;
    }
}

both! {
    async fn every_secret_is_told_with_the_last_start_that_it_was_handed_to(house) {
        house.administrator.put("/organizations/acme/secrets/SHARED", json!({ "value": "a value" })).await.expect(201);
        house.owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": "a value" })).await.expect(201);
        house.administrator.put("/organizations/acme/secrets/NOWHERE", json!({ "value": "a value", "workspaces": [] })).await;
        house.foreigner.put("/organizations/other/secrets/FOREIGN", json!({ "value": "a value" })).await.expect(201);
        let web = server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &web).await;
        house.owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": "the next" })).await.expect(200);
        let wish = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
        house.owner.post("/runs", wish).await.expect(201);
        house.administrator.patch("/organizations/acme/secrets/SHARED", json!({ "workspaces": [] })).await.expect(200);
        runs(&house, &house.owner, &server(&house.owner, LAB, "other").await).await;

        let told = house.administrator.get(REPORT).await.expect(200).json();
        let used = |one: &Value| {
            let last = &one["last_use"];
            (one["name"].clone(), one["workspace"].clone(), last["server"].clone(), last["host"].clone())
        };
        let told: Vec<_> = told["items"].as_array().unwrap().iter().map(used).collect();
        assert_eq!(told, [
            (json!("SHARED"), Value::Null, Value::Null, json!("laptop")),
            (json!("OWN"), json!("lab"), json!("other"), Value::Null),
            (json!("NOWHERE"), Value::Null, Value::Null, Value::Null),
        ]);
        let page = house.administrator.get(&format!("{REPORT}?limit=2")).await.json();
        assert_eq!(names(&house, &format!("?cursor={}", page["next_cursor"].as_str().unwrap())).await, ["NOWHERE"]);
    }

    async fn what_no_start_was_handed_and_what_nobody_changed_is_found(house) {
        for name in ["OLD", "USED", "CHANGED"] {
            house.owner.put(&format!("{LAB}/secrets/{name}"), json!({ "value": "a value" })).await.expect(201);
        }
        earlier(&house, 400).await;
        assert_eq!(names(&house, "?unused_days=90").await, ["OLD", "USED", "CHANGED"]);
        house.owner.delete(&format!("{LAB}/secrets/OLD")).await.expect(204);
        runs(&house, &house.owner, &server(&house.owner, LAB, "web").await).await;
        house.owner.put(&format!("{LAB}/secrets/CHANGED"), json!({ "value": "the next" })).await.expect(200);
        house.owner.put(&format!("{LAB}/secrets/NEW"), json!({ "value": "a value" })).await.expect(201);
        assert_eq!(names(&house, "?unused_days=90").await, [""; 0], "what is new was not there to be used");
        assert_eq!(names(&house, "?unchanged_days=365").await, ["USED"]);
        earlier(&house, 91).await;
        assert_eq!(names(&house, "?unused_days=90").await, ["USED", "CHANGED", "NEW"]);
        assert_eq!(names(&house, "?unused_days=90&unchanged_days=365").await, ["USED"]);
        house.administrator.get(&format!("{REPORT}?unused_days=x")).await.expect(422);
    }
}
