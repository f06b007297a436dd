//! The audit log: `/organizations/{organization}/audit-events`.

use serde_json::{Value, json};

use crate::{both, support::LAB};

const EVENTS: &str = "/organizations/acme/audit-events";
const SECRET: &str = "/organizations/acme/secrets/HF_TOKEN";

both! {
    async fn every_write_is_on_record_with_who_did_it_and_never_a_value(house) {
        let secret = format!("{LAB}/secrets/API_KEY");
        house.owner.put(&secret, json!({ "value": "k-hunter2-first" })).await.expect(201);
        house.owner.put(&secret, json!({ "value": "k-hunter2-second" })).await.expect(200);
        house.owner.patch(&secret, json!({ "description": "ours" })).await.expect(200);
        house.owner.patch(&secret, json!({ "name": "API_KEY_2" })).await.expect(200);
        house.owner.delete(&format!("{LAB}/secrets/API_KEY_2")).await.expect(204);
        let server = json!({ "name": "Notebook", "command": ["x"], "variables": { "PLAIN": "hunter2" } });
        house.owner.post(&format!("{LAB}/servers"), server).await.expect(201);
        house.owner.patch(&format!("{LAB}/servers/notebook"), json!({ "command": ["y"] })).await.expect(200);
        house.owner.delete(&format!("{LAB}/servers/notebook")).await.expect(204);
        house.owner.patch(LAB, json!({ "description": "moved" })).await.expect(200);
        house.administrator.patch("/organizations/acme", json!({ "name": "Acme Labs" })).await.expect(200);

        let log = house.administrator.get(&format!("{EVENTS}?limit=200")).await.expect(200);
        let actions = log.each("action");
        assert_eq!(
            actions[..11],
            ["organization.edited", "workspace.edited", "server.deleted", "server.edited", "server.created",
             "secret.deleted", "secret.renamed", "secret.edited", "secret.edited", "secret.version_written",
             "secret.created"]
        );
        assert!(!log.text.contains("hunter2"));
        let items = log.json()["items"].as_array().unwrap().clone();
        assert!(items[1..11].iter().all(|event| event["actor"]["name"] == "owner"));
        assert!(items[1..11].iter().all(|event| event["details"]["workspace"]["slug"] == "lab"));
        assert!(items[5..11].iter().all(|event| event["details"]["scope"] == "workspace"));
        assert_eq!(items[10]["target"]["name"], "API_KEY");
        assert_eq!(items[9]["details"]["version"], 2);
        let numbers: Vec<i64> = items.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
        assert_eq!(numbers, (1..=i64::try_from(items.len()).unwrap()).rev().collect::<Vec<_>>(), "without gaps, from 1");
    }

    async fn what_is_refused_changes_nothing_and_is_no_event(house) {
        let count = async || house.administrator.get(&format!("{EVENTS}/verification")).await.json()["events"].clone();
        let before = count().await;
        house.member.put(SECRET, json!({ "value": "k-1234567890" })).await.expect(403);
        house.administrator.put(SECRET, json!({ "value": "" })).await.expect(422);
        house.administrator.with("if-match", "\"x\"").put(SECRET, json!({ "value": "k-1234567890" })).await.expect(412);
        house.administrator.put(SECRET, json!({ "value": "k-1234567890", "workspaces": ["nowhere"] })).await.expect(422);
        house.administrator.delete(SECRET).await.expect(404);
        assert_eq!(count().await, before);
    }

    async fn only_administrators_read_it(house) {
        for rest in ["", "/verification"] {
            let path = format!("{EVENTS}{rest}");
            house.administrator.get(&path).await.expect(200);
            for person in [&house.owner, &house.collaborator, &house.member] {
                person.get(&path).await.expect(403);
            }
            house.foreigner.get(&path).await.expect(404);
            house.anonymous.get(&path).await.expect(401);
        }
    }

    async fn each_organization_has_its_own_chain(house) {
        let own = house.administrator.get(&format!("{EVENTS}?limit=200")).await.expect(200);
        let foreign = house.foreigner.get("/organizations/other/audit-events?limit=200").await.expect(200);
        assert_eq!(foreign.json()["items"].as_array().unwrap().last().unwrap()["sequence"], 1);
        assert!(own.each("id").iter().all(|id| !foreign.each("id").contains(id)));
        assert!(!foreign.text.contains("acme\""));
        for (person, organization) in [(&house.administrator, "acme"), (&house.foreigner, "other")] {
            let path = format!("/organizations/{organization}/audit-events");
            let found = person.get(&format!("{path}/verification")).await.expect(200).json();
            let newest = person.get(&path).await.json()["items"][0].clone();
            assert_eq!((&found["intact"], &found["first_broken"]), (&json!(true), &Value::Null));
            assert_eq!((&found["events"], &found["head"]), (&newest["sequence"], &newest["hash"]));
        }
    }

    async fn the_log_is_searched_by_person_action_target_and_time(house) {
        house.administrator.put(SECRET, json!({ "value": "k-1234567890" })).await.expect(201);
        let all = house.administrator.get(EVENTS).await.json()["items"].as_array().unwrap().clone();
        let newest = &all[0];
        let search = async |query: &str| house.administrator.get(&format!("{EVENTS}?{query}")).await.expect(200);
        let id = |event: &Value, part: &str| event[part]["id"].as_str().unwrap().to_owned();

        let by_owner = search(&format!("actor={}", id(&all[1], "actor"))).await;
        assert_eq!(by_owner.each("action"), ["collaborator.added", "workspace.created"]);
        for address in ["owner@acme.test", "Owner@Acme.test"] {
            assert_eq!(search(&format!("actor={address}")).await.each("id"), by_owner.each("id"));
        }
        assert!(search("actor=nobody@acme.test").await.each("id").is_empty());
        assert_eq!(search("action=secret.created").await.each("id"), [newest["id"].as_str().unwrap()]);
        for target in [id(newest, "target"), "HF_TOKEN".to_owned()] {
            assert_eq!(search(&format!("target={target}")).await.each("action"), ["secret.created"]);
        }
        assert!(search("target=HF_").await.each("id").is_empty());
        let at = newest["at"].as_str().unwrap();
        assert_eq!(search(&format!("from={at}")).await.each("id").len(), 1, "from is inclusive");
        assert_eq!(search(&format!("to={at}")).await.each("id").len(), all.len() - 1, "to is exclusive");
        for (query, field) in [("actor=x", "actor"), ("actor=x@", "actor"), ("action=x", "action"), ("from=x", "from"), ("to=yesterday", "to"),
            ("cursor=x", "cursor"), ("limit=0", "limit"), ("limit=201", "limit"), ("until=x", "query"),
            ("target=%00", "query")]
        {
            let refused = house.administrator.get(&format!("{EVENTS}?{query}")).await.expect(422).refused();
            assert_eq!(refused[0].0, field, "{query}");
        }
    }

    async fn the_log_is_read_in_pages(house) {
        let all = house.administrator.get(EVENTS).await.each("id");
        let (mut read, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = house.administrator.get(&format!("{EVENTS}?limit=2{cursor}")).await.expect(200);
            read.extend(page.each("id"));
            let Some(next) = page.json()["next_cursor"].as_str().map(str::to_owned) else { break };
            assert_eq!(page.each("id").len(), 2);
            cursor = format!("&cursor={next}");
        }
        assert_eq!(read, all);
    }
}
