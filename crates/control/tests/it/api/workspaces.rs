//! Workspaces and their owners: `/organizations/{organization}/workspaces`.

use serde_json::{Value, json};

use crate::{
    both,
    support::{House, LAB},
};

const WORKSPACES: &str = "/organizations/acme/workspaces";

/// The newest event of an action, with the name of who did it.
async fn newest(house: &House, action: &str) -> Value {
    let events = house.administrator.get(&format!("/organizations/acme/audit-events?action={action}&limit=1")).await;
    events.expect(200).json()["items"][0].clone()
}

both! {
    async fn whoever_creates_a_workspace_owns_it(house) {
        let wish = json!({ "name": "Æther & Öl", "description": "an experiment" });
        let made = house.member.post(WORKSPACES, wish).await.expect(201);
        assert!(!made.etag().is_empty());
        let body = made.json();
        assert_eq!((&body["slug"], &body["role"]), (&json!("aether-oel"), &json!("owner")));
        assert_eq!(body["owner"]["name"], "member");
        assert_eq!(body["description"], "an experiment");
        assert_eq!(body["servers"], json!({ "total": 0, "running": 0, "restart_needed": 0 }));
        assert_eq!(house.member.get(&format!("{WORKSPACES}/aether-oel")).await.expect(200).json(), body);
        assert_eq!(newest(&house, "workspace.created").await["target"]["name"], "aether-oel");
    }

    async fn an_address_is_one_workspaces_only_and_never_a_reserved_word(house) {
        assert_eq!(house.member.post(WORKSPACES, json!({ "name": "Lab" })).await.expect(409).code(), "conflict");
        for (body, field, code) in [
            (json!({ "name": "X", "slug": "new" }), "slug", "slug_reserved"),
            (json!({ "name": "X", "slug": "Upper" }), "slug", "slug_malformed"),
            (json!({ "name": "X", "slug": "-x" }), "slug", "slug_malformed"),
            (json!({ "name": "X", "slug": "x".repeat(41) }), "slug", "slug_too_long"),
            (json!({ "name": "…" }), "slug", "slug_missing"),
            (json!({ "name": "  " }), "name", "text_missing"),
            (json!({ "name": "two\nlines" }), "name", "text_control_character"),
            (json!({ "name": "X", "description": "x".repeat(501) }), "description", "text_too_long"),
        ] {
            house.member.post(WORKSPACES, body).await.expect_refused(field, code);
        }
        house.member.post(WORKSPACES, json!({ "name": "Lab", "slug": "x".repeat(40) })).await.expect(201);
    }

    async fn the_organization_decides_who_creates_workspaces(house) {
        let only = json!({ "workspace_creation": "administrators" });
        house.administrator.patch("/organizations/acme", only).await.expect(200);
        for person in [&house.owner, &house.collaborator, &house.member] {
            person.post(WORKSPACES, json!({ "name": "New" })).await.expect(403);
        }
        house.foreigner.post(WORKSPACES, json!({ "name": "New one" })).await.expect(404);
        house.administrator.post(WORKSPACES, json!({ "name": "New one" })).await.expect(201);
        house.administrator.patch("/organizations/acme", json!({ "workspace_creation": "members" })).await.expect(200);
        house.member.post(WORKSPACES, json!({ "name": "Newest" })).await.expect(201);
    }

    async fn a_workspace_counts_its_people_and_the_secrets_that_reach_it(house) {
        let secrets = "/organizations/acme/secrets";
        for (name, more) in [
            ("EVERYWHERE", json!({})),
            ("OVERRIDDEN", json!({})),
            ("HERE", json!({ "workspaces": ["lab"] })),
            ("NOWHERE", json!({ "workspaces": [] })),
            ("NARROWED", json!({ "workspaces": ["lab"] })),
            ("GONE", json!({})),
        ] {
            let mut body = json!({ "value": "x" });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            house.administrator.put(&format!("{secrets}/{name}"), body).await.expect(201);
        }
        house.administrator.delete(&format!("{secrets}/NARROWED/workspaces/lab")).await.expect(200);
        house.administrator.delete(&format!("{secrets}/GONE")).await.expect(204);
        for name in ["OVERRIDDEN", "OWN", "OWN_GONE"] {
            house.owner.put(&format!("{LAB}/secrets/{name}"), json!({ "value": "x" })).await.expect(201);
        }
        house.owner.delete(&format!("{LAB}/secrets/OWN_GONE")).await.expect(204);
        let seen = house.owner.get(LAB).await.expect(200).json();
        assert_eq!(seen["secrets"], json!({ "workspace": 2, "organization": 3 }));
        assert_eq!(seen["people"], 2, "the owner and the collaborator");
        let listed = house.administrator.get(WORKSPACES).await.expect(200).json();
        let lab = listed["items"].as_array().unwrap().iter().find(|one| one["slug"] == "lab").unwrap();
        assert_eq!((&lab["secrets"], &lab["people"]), (&seen["secrets"], &seen["people"]));
    }

    async fn a_workspace_is_private_to_those_with_access_and_administrators(house) {
        for (person, role) in
            [(&house.owner, "owner"), (&house.collaborator, "collaborator"), (&house.administrator, "administrator")]
        {
            assert_eq!(person.get(LAB).await.expect(200).json()["role"], role);
            assert_eq!(person.get(WORKSPACES).await.each("role"), [role]);
        }
        let hidden = house.member.get(LAB).await.expect(404);
        assert_eq!(hidden.told(), house.member.get(&format!("{WORKSPACES}/nowhere")).await.told());
        assert!(house.member.get(WORKSPACES).await.expect(200).each("slug").is_empty());
        house.foreigner.get(WORKSPACES).await.expect(404);
        assert_ne!(house.foreigner.get("/organizations/other/workspaces/lab").await.json()["id"],
            house.owner.get(LAB).await.json()["id"], "the same address in another organization is another workspace");
    }

    async fn only_the_owner_edits_and_a_rename_moves_the_address(house) {
        for (person, status) in [(&house.administrator, 403), (&house.collaborator, 403), (&house.member, 404)] {
            person.patch(LAB, json!({ "name": "Theirs" })).await.expect(status);
        }
        let known = house.owner.get(LAB).await.json();
        let edited = house.owner.patch(LAB, json!({ "name": "Laboratory" })).await.expect(200).json();
        assert_eq!((&edited["slug"], &edited["name"]), (&json!("lab"), &json!("Laboratory")));
        let moved = house.owner.patch(LAB, json!({ "slug": "workshop", "description": "moved" })).await.expect(200).json();
        assert_eq!((&moved["id"], &moved["name"]), (&known["id"], &json!("Laboratory")));
        house.owner.get(LAB).await.expect(404);
        let workshop = format!("{WORKSPACES}/workshop");
        house.collaborator.get(&workshop).await.expect(200);
        house.owner.post(WORKSPACES, json!({ "name": "Lab" })).await.expect(201);
        assert_eq!(house.owner.patch(&workshop, json!({ "slug": "lab" })).await.expect(409).code(), "conflict");
        house.owner.patch(&workshop, json!({ "slug": "settings" })).await.expect_refused("slug", "slug_reserved");
        assert_eq!(house.owner.get(&workshop).await.expect(200).json()["description"], "moved");
    }

    async fn an_owner_gives_a_workspace_to_a_member_and_stays_a_collaborator(house) {
        let owner = format!("{LAB}/owner");
        house.owner.put(&owner, json!({ "user": house.member.email })).await.expect(204);
        assert_eq!(house.member.get(LAB).await.expect(200).json()["role"], "owner");
        assert_eq!(house.owner.get(LAB).await.expect(200).json()["role"], "collaborator");
        let people = house.owner.get(&format!("{LAB}/collaborators")).await.each("name");
        assert_eq!(people, ["collaborator", "owner"]);

        let value = json!({ "value": "k-1234567890" });
        house.owner.put(&format!("{LAB}/secrets/API_KEY"), value.clone()).await.expect(403);
        house.member.put(&format!("{LAB}/secrets/API_KEY"), value).await.expect(201);
        house.owner.put(&owner, json!({ "user": house.owner.email })).await.expect(403);
        let event = newest(&house, "workspace.given").await;
        assert_eq!((&event["actor"]["name"], &event["details"]["to"]), (&json!("owner"), &json!("member")));
        assert_eq!(event["details"]["by_owner"], true);
    }

    async fn the_new_owner_is_a_collaborator_no_more(house) {
        let people = house.owner.get(&format!("{LAB}/collaborators")).await.json();
        let person = json!({ "user": people["items"][0]["id"] });
        house.owner.put(&format!("{LAB}/owner"), person).await.expect(204);
        assert_eq!(house.collaborator.get(&format!("{LAB}/collaborators")).await.each("name"), ["owner"]);
        assert_eq!(house.collaborator.get(LAB).await.json()["role"], "owner");
    }

    async fn an_administrator_gives_a_workspace_away_when_the_owner_is_gone_and_that_is_on_record(house) {
        let owner = format!("{LAB}/owner");
        for (person, status) in [(&house.collaborator, 403), (&house.member, 404), (&house.foreigner, 404)] {
            person.put(&owner, json!({ "user": person.email })).await.expect(status);
        }
        house.administrator.put(&owner, json!({ "user": house.administrator.email })).await.expect(204);
        let event = newest(&house, "workspace.given").await;
        assert_eq!((&event["actor"]["name"], &event["details"]["from"]), (&json!("Administrator"), &json!("owner")));
        assert_eq!(event["details"]["by_owner"], false);
        house.administrator.put(&format!("{LAB}/secrets/API_KEY"), json!({ "value": "k-1234567890" })).await.expect(201);
    }

    async fn a_workspace_is_given_to_members_only(house) {
        let owner = format!("{LAB}/owner");
        let foreign = house.owner.put(&owner, json!({ "user": house.foreigner.email })).await;
        let unknown = house.owner.put(&owner, json!({ "user": "nobody@acme.test" })).await;
        assert_eq!(foreign.told(), unknown.told());
        foreign.expect_refused("user", "not_a_member");
        let before = house.owner.get(LAB).await.etag();
        house.owner.put(&owner, json!({ "user": house.owner.email })).await.expect(204);
        assert_eq!(house.owner.get(LAB).await.etag(), before, "giving it to oneself changes nothing");
        assert_eq!(house.owner.get(&format!("{LAB}/collaborators")).await.each("name"), ["collaborator"]);
    }

    async fn a_deleted_workspace_is_gone_for_everybody_and_its_address_is_free(house) {
        house.owner.put(&format!("{LAB}/secrets/API_KEY"), json!({ "value": "k-1234567890" })).await.expect(201);
        let server = json!({ "name": "Notebook", "command": ["true"] });
        house.owner.post(&format!("{LAB}/servers"), server).await.expect(201);
        for (person, status) in [(&house.collaborator, 403), (&house.member, 404), (&house.foreigner, 404)] {
            person.delete(LAB).await.expect(status);
        }
        let known = house.owner.get(LAB).await.json();
        assert_eq!(house.owner.delete(LAB).await.expect(204).text, "");
        for person in [&house.owner, &house.collaborator, &house.administrator] {
            person.get(LAB).await.expect(404);
            person.get(&format!("{LAB}/secrets")).await.expect(404);
            person.get(&format!("{LAB}/servers/notebook")).await.expect(404);
            assert!(person.get(WORKSPACES).await.each("slug").is_empty());
        }
        house.owner.delete(LAB).await.expect(404);

        let next = house.member.post(WORKSPACES, json!({ "name": "Lab" })).await.expect(201).json();
        assert_ne!(next["id"], known["id"]);
        assert!(house.member.get(&format!("{LAB}/secrets")).await.expect(200).each("name").is_empty());
        assert!(house.member.get(&format!("{LAB}/collaborators")).await.expect(200).each("name").is_empty());
        house.member.get(&format!("{LAB}/servers/notebook")).await.expect(404);
        house.owner.get(LAB).await.expect(404);
    }

    async fn an_administrator_deletes_a_workspace_too(house) {
        house.administrator.delete(LAB).await.expect(204);
        assert_eq!(newest(&house, "workspace.deleted").await["actor"]["name"], "Administrator");
        house.owner.get(LAB).await.expect(404);
    }

    async fn a_deletion_with_an_unknown_wish_deletes_nothing(house) {
        for query in ["force=true", "stop=perhaps"] {
            house.owner.delete(&format!("{LAB}?{query}")).await.expect_refused("query", "query");
        }
        house.owner.get(LAB).await.expect(200);
        house.owner.delete(&format!("{LAB}?stop=true")).await.expect(204);
    }
}
