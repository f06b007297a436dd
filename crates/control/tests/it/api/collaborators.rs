//! A workspace's collaborators.

use serde_json::json;

use crate::{both, support::LAB};

const PEOPLE: &str = "/organizations/acme/workspaces/lab/collaborators";

both! {
    async fn the_owner_gives_a_member_access_by_address_or_id(house) {
        let address = house.member.email.to_uppercase();
        house.owner.put(&format!("{PEOPLE}/{address}"), json!({})).await.expect(204);
        house.member.get(LAB).await.expect(200);
        let people = house.member.get(PEOPLE).await.expect(200);
        assert_eq!(people.each("name"), ["collaborator", "member"]);
        assert_eq!(people.each("email")[1], house.member.email);

        let id = people.each("id")[1].clone();
        house.owner.delete(&format!("{PEOPLE}/{id}")).await.expect(204);
        house.member.get(LAB).await.expect(404);
        house.owner.put(&format!("{PEOPLE}/{id}"), json!({})).await.expect(204);
        house.member.get(LAB).await.expect(200);
    }

    async fn giving_access_twice_is_giving_it_once(house) {
        let person = format!("{PEOPLE}/{}", house.collaborator.email);
        let since = house.owner.get(PEOPLE).await.json();
        house.owner.put(&person, json!({})).await.expect(204);
        assert_eq!(house.owner.get(PEOPLE).await.json(), since);
        let added = "/organizations/acme/audit-events?action=collaborator.added";
        assert_eq!(house.administrator.get(added).await.each("id").len(), 1);
    }

    async fn only_the_owner_decides_who_collaborates(house) {
        let member = format!("{PEOPLE}/{}", house.member.email);
        let collaborator = format!("{PEOPLE}/{}", house.collaborator.email);
        for (person, status) in [(&house.administrator, 403), (&house.collaborator, 403), (&house.member, 404),
            (&house.foreigner, 404), (&house.anonymous, 401)]
        {
            person.put(&member, json!({})).await.expect(status);
            person.delete(&collaborator).await.expect(status);
        }
        assert_eq!(house.owner.get(PEOPLE).await.each("name"), ["collaborator"]);
        house.member.get(PEOPLE).await.expect(404);
        house.administrator.get(PEOPLE).await.expect(200);
    }

    async fn access_ends_with_its_removal(house) {
        let person = format!("{PEOPLE}/{}", house.collaborator.email);
        house.owner.delete(&person).await.expect(204);
        house.collaborator.get(LAB).await.expect(404);
        house.collaborator.get(&format!("{LAB}/secrets")).await.expect(404);
        house.collaborator.post(&format!("{LAB}/servers"), json!({ "name": "X", "command": ["x"] })).await.expect(404);
        house.owner.delete(&person).await.expect(404);
        let removed = "/organizations/acme/audit-events?action=collaborator.removed";
        assert_eq!(house.administrator.get(removed).await.json()["items"][0]["target"]["name"], "collaborator");
    }

    async fn only_members_who_are_not_the_owner_get_access(house) {
        let foreign = house.owner.put(&format!("{PEOPLE}/{}", house.foreigner.email), json!({})).await;
        let unknown = house.owner.put(&format!("{PEOPLE}/nobody@acme.test"), json!({})).await;
        assert_eq!(foreign.told(), unknown.told(), "nobody learns who has an account elsewhere");
        foreign.expect_refused("user", "not_a_member");
        house.owner.put(&format!("{PEOPLE}/{}", house.owner.email), json!({})).await.expect_refused("user", "is_owner");
        house.owner.delete(&format!("{PEOPLE}/{}", house.owner.email)).await.expect(404);
        house.owner.delete(&format!("{PEOPLE}/{}", house.foreigner.email)).await.expect(404);
    }
}
