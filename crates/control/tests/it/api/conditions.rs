//! Revisions and preconditions, and the order of answers.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{
    both,
    support::{Actor, House, LAB},
};

const SECRET: &str = "/organizations/acme/secrets/HF_TOKEN";

fn value() -> Value {
    json!({ "value": "hf-1234567890" })
}

/// One of everything that has a revision, with somebody who may write it and a field of it.
async fn everything(house: &House) -> Vec<(&Actor, String, Value)> {
    house.administrator.put(SECRET, value()).await.expect(201);
    let own = format!("{LAB}/secrets/API_KEY");
    house.owner.put(&own, value()).await.expect(201);
    house.owner.post(&format!("{LAB}/servers"), json!({ "name": "Notebook", "command": ["x"] })).await.expect(201);
    vec![
        (&house.administrator, SECRET.to_owned(), json!({ "description": "x" })),
        (&house.owner, own, json!({ "description": "x" })),
        (&house.owner, format!("{LAB}/servers/notebook"), json!({ "name": "X" })),
        (&house.owner, LAB.to_owned(), json!({ "name": "X" })),
        (&house.administrator, "/organizations/acme".to_owned(), json!({ "name": "X" })),
    ]
}

both! {
    async fn the_first_thing_that_is_wrong_is_answered(house) {
        house.administrator.put(SECRET, value()).await.expect(201);
        house.owner.put(&format!("{LAB}/secrets/API_KEY"), value()).await.expect(201);
        let reader = house.owner.post("/me/tokens", json!({ "name": "r", "access": "read" })).await.expect(201).json();
        let reader = house.owner.with_token(reader["token"].as_str().unwrap());
        // Everything about these requests is wrong; what is answered depends on how far somebody gets.
        let wrong = json!({ "value": ["hunter2"], "surprise": "hunter2" });
        let stale = |person: &Actor| person.with("if-match", "\"stale\"");
        let key = format!("{LAB}/secrets/API_KEY");
        for (person, path, status) in [
            (&house.anonymous, key.as_str(), 401),
            (&house.anonymous.with_token("x"), &key, 401),
            (&house.foreigner, &key, 404),
            (&house.member, &key, 404),
            (&house.member, "/organizations/nowhere/secrets/A-B", 404),
            (&house.collaborator, &key, 403),
            (&house.administrator, &key, 403),
            (&reader, &key, 403),
            (&reader, "/organizations/acme/workspaces/nowhere/secrets/A-B", 404),
            (&house.owner, &key, 412),
            (&house.owner, "/organizations/acme/workspaces/lab/secrets/A-B", 412),
            (&house.owner, SECRET, 403),
            (&house.administrator, SECRET, 412),
        ] {
            let answer = stale(person).put(path, wrong.clone()).await.expect(status);
            assert!(!answer.text.contains("hunter2"));
            if status != 412 {
                person.put(path, wrong.clone()).await.expect(status);
            }
        }
        house.owner.put(&key, wrong.clone()).await.expect(422);
        // What is not there can't be edited, whatever is wrong about the request.
        stale(&house.owner).patch(&format!("{LAB}/secrets/MISSING"), wrong.clone()).await.expect(404);
        stale(&house.owner).delete(&format!("{LAB}/secrets/MISSING")).await.expect(404);
        house.owner.with("if-none-match", "*").put(&key, wrong).await.expect(409);
        // Nor does somebody without access learn from a body or query that nobody could read.
        house.member.put(&key, json!("x".repeat(600 * 1024))).await.expect(404);
        house.member.get(&format!("{LAB}/servers?limit=x&surprise=1")).await.expect(404);
        house.owner.get(&format!("{LAB}/servers?limit=x")).await.expect(422);
    }

    async fn a_stale_revision_overwrites_nothing(house) {
        for (person, path, change) in everything(&house).await {
            let fresh = person.get(&path).await.expect(200).etag();
            for wrong in ["\"stale\"", "", &format!("W/{fresh}")] {
                let stale = person.with("if-match", wrong);
                assert_eq!(stale.patch(&path, change.clone()).await.expect(412).code(), "version_mismatch");
                if path.contains("/secrets/") {
                    stale.put(&path, value()).await.expect(412);
                }
                if path != "/organizations/acme" {
                    stale.delete(&path).await.expect(412);
                }
            }
            assert_eq!(person.get(&path).await.expect(200).etag(), fresh, "{path}");
            let list = format!("\"other\", {fresh}");
            let moved = person.with("if-match", &list).patch(&path, change.clone()).await.expect(200).etag();
            person.with("if-match", &fresh).patch(&path, change.clone()).await.expect(412);
            person.with("if-match", &moved).patch(&path, change.clone()).await.expect(200);
            person.with("if-match", "*").patch(&path, change).await.expect(200);
        }
        let owner = format!("{LAB}/owner");
        let person = json!({ "user": house.member.email });
        house.owner.with("if-match", "\"stale\"").put(&owner, person).await.expect(412);
        let lab = format!("{SECRET}/workspaces/lab");
        house.administrator.with("if-match", "\"stale\"").put(&lab, json!({})).await.expect(412);
        house.administrator.with("if-match", "\"stale\"").delete(&lab).await.expect(412);
        let role = format!("/organizations/acme/members/{}", house.member.email);
        let role_change = json!({ "role": "administrator" });
        house.administrator.with("if-match", "\"stale\"").patch(&role, role_change).await.expect(412);
    }

    async fn what_is_not_there_matches_no_revision(house) {
        for tag in ["\"x\"", "*"] {
            house.administrator.with("if-match", tag).put(SECRET, value()).await.expect(412);
        }
        house.administrator.get(SECRET).await.expect(404);
        let made = house.administrator.put(SECRET, value()).await.expect(201).etag();
        house.administrator.delete(SECRET).await.expect(204);
        house.administrator.put(SECRET, value()).await.expect(201);
        house.administrator.with("if-match", &made).put(SECRET, value()).await.expect(412);
    }

    async fn create_only_never_overwrites(house) {
        let create = house.administrator.with("if-none-match", "*");
        create.put(SECRET, value()).await.expect(201);
        let before = house.administrator.get(SECRET).await.etag();
        assert_eq!(create.put(SECRET, value()).await.expect(409).code(), "conflict");
        assert_eq!(house.administrator.get(SECRET).await.etag(), before);
        house.administrator.delete(SECRET).await.expect(204);
        create.put(SECRET, value()).await.expect(201);
    }

    async fn a_revision_moves_with_every_write_and_is_never_used_again(house) {
        let mut seen = HashSet::new();
        let mut moved = async |person: &Actor, path: &str| {
            assert!(seen.insert(person.get(path).await.expect(200).etag()), "{path}");
        };
        let admin = &house.administrator;
        for (person, path, change) in everything(&house).await {
            moved(person, &path).await;
            person.patch(&path, change.clone()).await.expect(200);
            moved(person, &path).await;
            person.patch(&path, change).await.expect(200);
            moved(person, &path).await;
        }
        for _ in 0..2 {
            assert_eq!(admin.put(SECRET, value()).await.expect(200).etag(), admin.get(SECRET).await.etag());
            moved(admin, SECRET).await;
        }
        for change in [json!({ "access": "selected" }), json!({ "workspaces": ["lab"] }), json!({ "workspaces": [] }),
            json!({ "workspaces": ["lab"] })]
        {
            admin.patch(SECRET, change).await.expect(200);
            moved(admin, SECRET).await;
        }
        admin.delete(&format!("{SECRET}/workspaces/lab")).await.expect(200);
        moved(admin, SECRET).await;
        admin.put(&format!("{SECRET}/workspaces/lab"), json!({})).await.expect(200);
        moved(admin, SECRET).await;
        admin.patch(SECRET, json!({ "name": "OTHER" })).await.expect(200);
        moved(admin, "/organizations/acme/secrets/OTHER").await;

        let server = format!("{LAB}/servers/notebook");
        for change in [json!({ "command": ["y"] }), json!({ "variables": { "A": "1" } }), json!({ "slug": "notebook" })] {
            house.owner.patch(&server, change).await.expect(200);
            moved(&house.owner, &server).await;
        }
        house.owner.post(&format!("{server}/start"), json!({})).await.expect(202);
        moved(&house.owner, &server).await;
        house.owner.put(&format!("{LAB}/owner"), json!({ "user": house.collaborator.email })).await.expect(204);
        moved(&house.owner, LAB).await;
        let role = format!("/organizations/acme/members/{}", house.member.email);
        for word in ["administrator", "member", "administrator"] {
            assert!(seen.insert(admin.patch(&role, json!({ "role": word })).await.expect(200).etag()));
        }
    }

    async fn of_two_writers_with_the_same_revision_one_wins(house) {
        house.administrator.put(SECRET, value()).await.expect(201);
        for version in 2..=11 {
            let writer = house.administrator.with("if-match", &house.administrator.get(SECRET).await.etag());
            let (one, other) = tokio::join!(writer.put(SECRET, value()), writer.put(SECRET, value()));
            let mut both = [one.status.as_u16(), other.status.as_u16()];
            both.sort_unstable();
            assert_eq!(both, [200, 412]);
            assert_eq!(house.administrator.get(SECRET).await.json()["version"], version);
        }
    }
}
