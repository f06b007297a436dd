//! The people of an organization: `/organizations/{organization}/members`.

use serde_json::json;

use crate::{
    both,
    support::{Actor, LAB},
};

const MEMBERS: &str = "/organizations/acme/members";

fn at(person: &Actor) -> String {
    format!("{MEMBERS}/{}", person.email)
}

both! {
    async fn every_member_sees_who_is_in_the_organization_and_nobody_else_does(house) {
        for person in [&house.administrator, &house.owner, &house.collaborator, &house.member] {
            let people = person.get(MEMBERS).await.expect(200);
            assert_eq!(people.each("name"), ["Administrator", "collaborator", "member", "owner"]);
            assert_eq!(people.each("role"), ["administrator", "member", "member", "member"]);
        }
        house.foreigner.get(MEMBERS).await.expect(404);
        house.anonymous.get(MEMBERS).await.expect(401);
    }

    async fn administrators_see_what_each_owns_and_when_they_were_last_there(house) {
        let own = json!({ "name": "Attic" });
        house.owner.post("/organizations/acme/workspaces", own).await.expect(201);
        house.owner.delete("/organizations/acme/workspaces/attic").await.expect(204);
        let people = house.administrator.get(MEMBERS).await.expect(200).json();
        let owner = &people["items"][3];
        assert_eq!((&owner["name"], &owner["workspaces_owned"]), (&json!("owner"), &json!(1)), "the deleted one is nobody's");
        assert_eq!(people["items"][0]["workspaces_owned"], 0);
        assert!(owner["last_seen_at"].is_string(), "{owner}");
        crate::support::add_person(&house.app, "newcomer", "acme", domain::Role::Member).await;
        let people = house.administrator.get(&format!("{MEMBERS}?q=newcomer")).await.expect(200).json();
        assert_eq!(people["items"][0]["last_seen_at"], json!(null));
        let people = house.owner.get(MEMBERS).await.expect(200).json();
        let told = people["items"][3].as_object().unwrap();
        assert!(!told.contains_key("workspaces_owned") && !told.contains_key("last_seen_at"), "{told:?}");
    }

    async fn an_administrator_changes_roles_and_rights_follow_at_once(house) {
        house.member.get(LAB).await.expect(404);
        let promoted = house.administrator.patch(&at(&house.member), json!({ "role": "administrator" })).await.expect(200);
        assert_eq!(promoted.json()["role"], "administrator");
        house.member.get(LAB).await.expect(200);
        house.member.put("/organizations/acme/secrets/HF_TOKEN", json!({ "value": "hf-1234567890" })).await.expect(201);

        let id = promoted.json()["id"].as_str().unwrap().to_owned();
        house.member.patch(&format!("{MEMBERS}/{id}"), json!({ "role": "member" })).await.expect(200);
        house.member.get(LAB).await.expect(404);
        house.member.get("/organizations/acme/secrets").await.expect(403);
        let changes = house.administrator.get("/organizations/acme/audit-events?action=member.role_changed").await.json();
        assert_eq!(changes["items"][0]["details"], json!({ "from": "administrator", "to": "member" }));
        assert_eq!(changes["items"][0]["actor"]["name"], "member");
    }

    async fn nobody_else_changes_roles_not_even_their_own(house) {
        for (person, status) in [(&house.owner, 403), (&house.collaborator, 403), (&house.member, 403),
            (&house.foreigner, 404), (&house.anonymous, 401)]
        {
            person.patch(&at(&house.member), json!({ "role": "administrator" })).await.expect(status);
        }
        assert_eq!(house.owner.get(MEMBERS).await.each("role")[2], "member");
    }

    async fn the_last_administrator_stays_one(house) {
        let own = at(&house.administrator);
        let refused = house.administrator.patch(&own, json!({ "role": "member" })).await.expect(409);
        assert_eq!(refused.code(), "conflict");
        house.administrator.patch(&own, json!({ "role": "administrator" })).await.expect(200);
        house.administrator.patch(&at(&house.owner), json!({ "role": "administrator" })).await.expect(200);
        house.administrator.patch(&own, json!({ "role": "member" })).await.expect(200);
        house.owner.patch(&at(&house.owner), json!({ "role": "member" })).await.expect(409);
    }

    async fn somebody_who_is_no_member_has_no_role_to_change(house) {
        let id = house.foreigner.get("/me").await.json()["id"].as_str().unwrap().to_owned();
        for person in [id.as_str(), house.foreigner.email.as_str(), "nobody@acme.test", "x"] {
            house.administrator.patch(&format!("{MEMBERS}/{person}"), json!({ "role": "member" })).await.expect(404);
        }
        let word = json!({ "role": "king" });
        house.administrator.patch(&at(&house.member), word).await.expect_refused("role", "unknown_word");
        house.administrator.patch(&at(&house.member), json!({})).await.expect_refused("body", "json");
    }
}
