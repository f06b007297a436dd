//! Organizations and the caller themself: `/organizations` and `/me`.

use serde_json::json;

use crate::both;

const ACME: &str = "/organizations/acme";

both! {
    async fn people_see_the_organizations_they_are_in(house) {
        assert_eq!(house.member.get("/organizations").await.expect(200).each("slug"), ["acme"]);
        assert_eq!(house.foreigner.get("/organizations").await.expect(200).each("slug"), ["other"]);
        house.anonymous.get("/organizations").await.expect(401);
        let me = house.administrator.get("/me").await.expect(200).json();
        assert_eq!(me["email"], "administrator@acme.test");
        assert_eq!(me["organizations"], json!([{ "slug": "acme", "name": "Acme", "role": "administrator" }]));
    }

    async fn a_member_sees_the_organization_and_a_foreigner_does_not(house) {
        let seen = house.member.get(ACME).await.expect(200);
        assert_eq!((&seen.json()["name"], &seen.json()["workspace_creation"]), (&json!("Acme"), &json!("members")));
        assert_eq!(house.foreigner.get(ACME).await.expect(404).told(),
            house.foreigner.get("/organizations/nowhere").await.told());
    }

    async fn only_an_administrator_changes_the_settings(house) {
        for (person, status) in
            [(&house.owner, 403), (&house.member, 403), (&house.foreigner, 404), (&house.anonymous, 401)]
        {
            person.patch(ACME, json!({ "name": "Theirs" })).await.expect(status);
        }
        let wish = json!({ "name": "Acme Labs" });
        let edited = house.administrator.patch(ACME, wish).await.expect(200).json();
        assert_eq!((&edited["name"], &edited["slug"]), (&json!("Acme Labs"), &json!("acme")));
        assert_eq!(edited["workspace_creation"], "members", "what is not mentioned stays");
        house.administrator.patch(ACME, json!({ "workspace_creation": "administrators" })).await.expect(200);
        let seen = house.member.get(ACME).await.json();
        assert_eq!((&seen["name"], &seen["workspace_creation"]), (&json!("Acme Labs"), &json!("administrators")));
    }

    async fn settings_that_do_not_fit_are_refused(house) {
        let wrong = json!({ "workspace_creation": "everybody" });
        house.administrator.patch(ACME, wrong).await.expect_refused("workspace_creation", "unknown_word");
        house.administrator.patch(ACME, json!({ "name": "" })).await.expect_refused("name", "text_missing");
        house.administrator.patch(ACME, json!({ "slug": "acme-2" })).await.expect_refused("body", "json");
        assert_eq!(house.member.get(ACME).await.json()["name"], "Acme");
    }
}
