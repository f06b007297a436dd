//! `…/secrets/{name}/holders` and `…/starts`: who has which version, and who ever had it.

use serde_json::{Value, json};

use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::Sql,
    },
    support::{Actor, House, LAB},
};

const KEY: &str = "/organizations/acme/secrets/KEY";

async fn set(house: &House, body: Value) {
    let mut value = json!({ "value": "a value of twelve" });
    value.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    house.administrator.put(KEY, value).await;
}

async fn items(person: &Actor, address: &str) -> Vec<Value> {
    person.get(address).await.expect(200).json()["items"].as_array().unwrap().clone()
}

/// Server, version, and how it differs: kind and reason, or nothing.
fn held(holder: &Value) -> (String, u64, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let drift = &holder["drift"];
    assert_eq!(holder["stale"], !drift.is_null());
    let differs = format!("{} {}", text(&drift["kind"]), text(&drift["reason"]));
    let server = format!("{}/{}", text(&holder["workspace"]), text(&holder["server"]));
    (server, holder["version"].as_u64().unwrap(), differs.trim().to_owned())
}

async fn ran(house: &House, host: &str) {
    let wish = json!({ "organization": "acme", "workspace": "lab", "host": host });
    house.owner.post("/runs", wish).await.expect(201);
}

both! {
    async fn holders_say_which_version_they_have_and_why_it_is_stale(house) {
        set(&house, json!({})).await;
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "North" })).await.expect(201);
        let north = "/organizations/acme/workspaces/north";
        let (one, two) = (server(&house.owner, LAB, "one").await, server(&house.owner, LAB, "two").await);
        let three = server(&house.owner, north, "three").await;
        for server in [&one, &three] {
            runs(&house, &house.owner, server).await;
        }
        set(&house, json!({})).await;
        runs(&house, &house.owner, &two).await;
        house.owner.put(&format!("{north}/secrets/KEY"), json!({ "value": "the workspace's" })).await.expect(201);
        let all: Vec<_> = items(&house.administrator, &format!("{KEY}/holders")).await.iter().map(held).collect();
        assert_eq!(all, [
            ("lab/two".to_owned(), 2, String::new()),
            ("north/three".to_owned(), 1, "changed overridden".to_owned()),
            ("lab/one".to_owned(), 1, "changed value".to_owned()),
        ]);
        let of = async |version: u32| {
            let holders = items(&house.administrator, &format!("{KEY}/holders?version={version}")).await;
            holders.iter().map(|holder| held(holder).0).collect::<Vec<_>>()
        };
        assert_eq!(of(1).await, ["north/three", "lab/one"]);
        assert_eq!(of(2).await, ["lab/two"]);
        assert_eq!(of(3).await, [""; 0]);
        house.administrator.get(&format!("{KEY}/holders?version=0")).await.expect_refused("version", "version");
        let page = house.administrator.get(&format!("{KEY}/holders?limit=2")).await.json();
        let cursor = page["next_cursor"].as_str().unwrap();
        let rest = items(&house.administrator, &format!("{KEY}/holders?limit=2&cursor={cursor}")).await;
        assert_eq!(rest.iter().map(|holder| held(holder).0).collect::<Vec<_>>(), ["lab/one"]);
        let own = items(&house.owner, &format!("{north}/secrets/KEY/holders")).await;
        assert_eq!(own, [Value::Null; 0], "no server has the workspace's own yet");
    }

    async fn holders_are_known_after_a_rename_a_narrowing_and_a_deletion(house) {
        set(&house, json!({})).await;
        let web = server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &web).await;
        let renamed = "/organizations/acme/secrets/RENAMED";
        house.administrator.patch(KEY, json!({ "name": "RENAMED" })).await.expect(200);
        let holders = items(&house.administrator, &format!("{renamed}/holders")).await;
        assert_eq!(held(&holders[0]).2, "removed renamed");
        assert_eq!(holders[0]["name"], "KEY", "it still has it under the old name");
        house.administrator.patch(renamed, json!({ "name": "KEY", "workspaces": [] })).await.expect(200);
        let holders = items(&house.administrator, &format!("{KEY}/holders")).await;
        assert_eq!((held(&holders[0]).2.as_str(), &holders[0]["drift"]["by"]["name"]), ("removed deselected", &json!("Administrator")));
        let id = house.administrator.get(KEY).await.json()["id"].as_str().unwrap().to_owned();
        house.administrator.delete(KEY).await.expect(204);
        let deleted = format!("/organizations/acme/deleted-secrets/{id}");
        let still = items(&house.administrator, &format!("{deleted}/holders")).await;
        assert_eq!(held(&still[0]).2, "removed deselected", "what first kept it away stays the reason");
        assert_eq!(items(&house.administrator, &format!("{deleted}/starts")).await[0]["server"], "web");
        house.administrator.get(&format!("{KEY}/holders")).await.expect(404);
    }

    async fn runs_are_told_beside_holders_by_person_and_machine(house) {
        set(&house, json!({})).await;
        ran(&house, "laptop").await;
        ran(&house, "laptop").await;
        set(&house, json!({})).await;
        ran(&house, "desktop").await;
        let token = house.owner.post(&format!("{LAB}/tokens"), json!({ "name": "build" })).await.expect(201).json();
        let build = house.anonymous.with_token(token["token"].as_str().unwrap());
        build.post("/runs", json!({ "host": "runner" })).await.expect(201);
        let told = house.administrator.get(&format!("{KEY}/holders")).await.expect(200).json();
        assert_eq!(told["items"], json!([]), "a run holds nothing that Vestry could see end");
        let read = |reader: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&reader["host"]), text(&reader["person"]["name"]), text(&reader["token"]), reader["reads"].clone(), reader["version"].clone())
        };
        let readers: Vec<_> = told["also_read_by"].as_array().unwrap().iter().map(read).collect();
        let expected = |host: &str, token: &str, reads: u32, version: u32| {
            (host.to_owned(), "owner".to_owned(), token.to_owned(), json!(reads), json!(version))
        };
        assert_eq!(readers, [expected("runner", "build", 1, 2), expected("desktop", "", 1, 2), expected("laptop", "", 2, 1)]);
        let first = house.administrator.get(&format!("{KEY}/holders?version=1")).await.json();
        assert_eq!(first["also_read_by"].as_array().unwrap().len(), 1);

        let starts = items(&house.administrator, &format!("{KEY}/starts")).await;
        assert_eq!(starts.len(), 4);
        assert_eq!((&starts[0]["kind"], &starts[0]["token"], &starts[0]["version"]), (&json!("run"), &json!("build"), &json!(2)));
        let page = house.administrator.get(&format!("{KEY}/starts?limit=3&version=1")).await.json();
        assert_eq!((page["items"].as_array().unwrap().len(), &page["next_cursor"]), (2, &Value::Null));
    }

    async fn a_process_that_ended_is_a_holder_no_more_and_stays_in_the_starts(house) {
        set(&house, json!({})).await;
        let web = server(&house.owner, LAB, "web").await;
        let start = runs(&house, &house.owner, &web).await;
        assert_eq!(items(&house.administrator, &format!("{KEY}/holders")).await.len(), 1);
        let ended = format!("UPDATE starts SET ended_at = started_at + 5 WHERE id = '{start}'");
        Sql::open(&house).await.execute(&ended).await;
        assert_eq!(items(&house.administrator, &format!("{KEY}/holders")).await.len(), 0);
        let starts = items(&house.administrator, &format!("{KEY}/starts")).await;
        assert_eq!((&starts[0]["server"], starts[0]["ended_at"].is_null()), (&json!("web"), false));
    }

    async fn a_suspended_secret_that_was_left_out_is_held_by_nobody(house) {
        set(&house, json!({})).await;
        house.administrator.put(&format!("{KEY}/suspension"), json!({})).await.expect(200);
        let web = server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &web).await;
        ran(&house, "laptop").await;
        let told = house.administrator.get(&format!("{KEY}/holders")).await.expect(200).json();
        assert_eq!((&told["items"], &told["also_read_by"]), (&json!([]), &json!([])));
        assert_eq!(items(&house.administrator, &format!("{KEY}/starts")).await, [Value::Null; 0]);
    }
}
