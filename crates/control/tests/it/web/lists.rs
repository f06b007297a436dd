//! Which rows of a list are shown, as its address says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Browser, Page};
use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::Sql,
    },
    support::{House, LAB},
};

const SECRETS: &str = "/organizations/acme/settings/secrets";
const WORKSPACES: &str = "/organizations/acme/workspaces";

/// The names of a table's rows: what the first link of each leads to.
fn rows(page: &Page, list: &str) -> BTreeSet<String> {
    let rows = page.between("<tr>\n<td><a href=\"", "\"").into_iter();
    rows.filter_map(|to| to.strip_prefix(list).map(|rest| rest.trim_matches('/').replace("/servers", ""))).collect()
}

#[track_caller]
fn assert_rows(page: &Page, list: &str, names: &[&str]) {
    assert_eq!(rows(page, list), names.iter().map(|name| (*name).to_owned()).collect());
}

/// Four secrets: one that a server of lab holds, one that a server had that has ended, one that is suspended and so left
/// out, and one that nobody ever got.
async fn secrets(house: &House) {
    let administrator = &house.administrator;
    for (name, body) in [
        ("HELD", json!({ "value": "x" })),
        ("LEFT_OUT", json!({ "value": "x" })),
        ("ONCE", json!({ "value": "x", "workspaces": ["lab"] })),
        ("NEVER", json!({ "value": "x", "workspaces": [] })),
    ] {
        administrator.put(&format!("/organizations/acme/secrets/{name}"), body).await.expect(201);
    }
    runs(house, &house.owner, &server(&house.owner, LAB, "once").await).await;
    ended(house, "once").await;
    administrator.delete("/organizations/acme/secrets/ONCE/workspaces/lab").await.expect(200);
    let leaked = json!({ "reason": "leaked" });
    administrator.put("/organizations/acme/secrets/LEFT_OUT/suspension", leaked).await.expect(200);
    let holds = server(&house.owner, LAB, "holds").await;
    runs(house, &house.owner, &holds).await;
}

/// The process of a server is over.
async fn ended(house: &House, slug: &str) {
    let mut sql = Sql::open(house).await;
    let server = format!("(SELECT id FROM servers WHERE slug = '{slug}')");
    sql.execute(&format!("UPDATE starts SET ended_at = started_at WHERE server_id = {server}")).await;
    sql.execute(&format!("UPDATE servers SET start_id = NULL, status = 'stopped' WHERE slug = '{slug}'")).await;
}

both! {
    async fn an_administrator_sees_which_secrets_are_selected_and_which_no_server_holds(house) {
        let browser = Browser::of(&house, &house.administrator).await;
        browser.get(&format!("{SECRETS}?show=unused")).await.expect(200).says("No organization secret yet");
        secrets(&house).await;
        let all = browser.get(SECRETS).await.expect(200).says(">All 4<").says(">Selected 2<").says(">Unused 3<");
        assert_rows(&all, SECRETS, &["HELD", "LEFT_OUT", "NEVER", "ONCE"]);
        let selected = browser.get(&format!("{SECRETS}?show=selected")).await.expect(200);
        assert_rows(&selected.says("show=selected\" aria-current=\"true\""), SECRETS, &["NEVER", "ONCE"]);
        let unused = browser.get(&format!("{SECRETS}?show=unused")).await.expect(200);
        assert_rows(&unused, SECRETS, &["LEFT_OUT", "NEVER", "ONCE"]);
        // What is looked for stays when the filter changes, and the other way round.
        let found = browser.get(&format!("{SECRETS}?q=ne&show=unused")).await.expect(200);
        assert_rows(&found.says("?q=ne&#38;show=selected").says("name=\"show\" value=\"unused\""), SECRETS, &["NEVER"]);
        browser.get(&format!("{SECRETS}?q=held&show=unused")).await.expect(200).says("No secret fits the filter");
    }

    async fn a_name_is_explained_through_all_its_layers_to_whoever_sees_the_workspace(house) {
        let explanation = format!("{LAB}/explanation");
        let address = server(&house.owner, LAB, "web").await;
        house.owner.patch(&address, json!({ "variables": { "PATH": "/opt/bin", "KEY": "plain text" } })).await.expect(200);
        for (person, place) in [(&house.administrator, "/organizations/acme"), (&house.owner, LAB)] {
            person.put(&format!("{place}/secrets/KEY"), json!({ "value": "a canary of a value" })).await.expect(201);
        }
        let browser = Browser::of(&house, &house.collaborator).await;
        browser.get(&format!("{LAB}/secrets")).await.expect(200).says(&format!("href=\"{explanation}\""));
        browser.get(&explanation).await.expect(200).says("Explain</button>").does_not_say("data-live=\"layers\"");
        let key = browser.get(&format!("{explanation}?q=KEY")).await.expect(200).says("plain text").does_not_say("canary");
        let states = key.between("<td data-label=\"Who gets it\">", "</td>");
        assert_eq!(states, ["every start gets it", "overridden", "overridden"]);
        let path = browser.get(&format!("{explanation}?q=PATH")).await.expect(200).says("/opt/bin").says("Base");
        assert_eq!(path.between("<td data-label=\"Who gets it\">", "</td>"), ["on this server", "on every other server"]);
        let reason = json!({ "reason": "in a notebook" });
        house.owner.put(&format!("{LAB}/secrets/KEY/suspension"), reason).await.expect(200);
        browser.get(&format!("{explanation}?q=KEY")).await.says("The secret is suspended").says("by owner: in a notebook");
    }

    async fn an_organization_secret_that_does_not_reach_is_explained_to_administrators_alone(house) {
        let hidden = json!({ "value": "x", "workspaces": [] });
        house.administrator.put("/organizations/acme/secrets/HIDDEN", hidden).await.expect(201);
        let asked = format!("{LAB}/explanation?q=HIDDEN");
        let told = Browser::of(&house, &house.administrator).await.get(&asked).await.expect(200);
        told.says("not selected for this workspace");
        for person in [&house.owner, &house.collaborator] {
            let page = Browser::of(&house, person).await.get(&asked).await.expect(200).does_not_say("not selected");
            let of_nothing = Browser::of(&house, person).await.get(&asked.replace("HIDDEN", "NEVERS")).await.expect(200);
            assert_eq!(page.text.replace("HIDDEN", "NEVERS"), of_nothing.text, "as if there were none");
        }
        Browser::of(&house, &house.member).await.get(&asked).await.expect(404);
    }

    async fn a_filtered_list_goes_on_on_its_next_page(house) {
        for number in 100..160 {
            let (name, everywhere) = (format!("/organizations/acme/secrets/KEY_{number}"), number % 10 == 0);
            let body = if everywhere { json!({ "value": "x" }) } else { json!({ "value": "x", "workspaces": [] }) };
            house.administrator.put(&name, body).await.expect(201);
        }
        let browser = Browser::of(&house, &house.administrator).await;
        let first = browser.get(&format!("{SECRETS}?show=selected&q=key_")).await.expect(200).says(">Selected 54<");
        let mut all = rows(&first, SECRETS);
        assert_eq!(all.len(), 50);
        let next = first.between("rel=\"next\" href=\"", "\"").remove(0).replace("&amp;", "&");
        let second = browser.get(&next).await.expect(200).says("name=\"show\" value=\"selected\"");
        let rest = rows(&second, SECRETS);
        assert_eq!(rest.len(), 4);
        all.extend(rest);
        assert!(all.len() == 54 && all.iter().all(|name| !name.ends_with('0')), "{all:?}");
        let back = second.between("<a class=\"button\" href=\"", "\"").into_iter().find(|to| to.contains("show="));
        assert_eq!(rows(&browser.get(&back.expect("First page")).await, SECRETS).len(), 50);
    }

    async fn each_field_and_line_of_a_page_fits_what_its_reader_does(house) {
        house.administrator.put("/organizations/acme/secrets/SHARED", json!({ "value": "value" })).await.expect(201);
        house.owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": "value" })).await.expect(201);
        let administrator = Browser::of(&house, &house.administrator).await;
        let settings = "/organizations/acme/settings";
        let log = administrator.get(&format!("{settings}/audit-log")).await.expect(200);
        log.says("From <input name=\"from\"").says("To <input name=\"to\"").says("vestry audit verify --org acme");
        administrator.get(&format!("{settings}/general")).await.expect(200)
            .says("vestry organization edit acme --name NAME --workspace-creation ");
        administrator.get(&format!("{settings}/create-secret")).await.expect(200).says("Paste <code>NAME=value</code>");
        administrator.get(&format!("{settings}/secrets/SHARED/edit")).await.expect(200).does_not_say("Paste <code>")
            .says("vestry secret edit SHARED --org acme --description TEXT");
        administrator.get("/organizations/acme/workspaces/new").await.expect(200).says("vestry workspace create NAME --org acme");
        for (person, may) in [(&house.owner, true), (&house.collaborator, false)] {
            let page = Browser::of(&house, person).await.get(&format!("{LAB}/secrets/OWN")).await.expect(200);
            assert_eq!(page.text.contains("vestry secret holders OWN -w acme/lab"), may);
        }
    }

    async fn everybody_sees_which_of_their_workspaces_run_differ_or_are_theirs(house) {
        for (person, name) in [(&house.owner, "Quiet"), (&house.member, "Others"), (&house.member, "Differs")] {
            person.post(WORKSPACES, json!({ "name": name })).await.expect(201);
        }
        for (person, workspace) in [(&house.owner, "lab"), (&house.member, "others"), (&house.member, "differs")] {
            let place = format!("{WORKSPACES}/{workspace}");
            runs(&house, person, &server(person, &place, "web").await).await;
        }
        house.member.put(&format!("{WORKSPACES}/differs/secrets/NEW"), json!({ "value": "x" })).await.expect(201);
        for (person, show, names) in [
            (&house.administrator, "", &["differs", "lab", "others", "quiet"][..]),
            (&house.administrator, "running", &["differs", "lab", "others"]),
            (&house.administrator, "restart-needed", &["differs"]),
            (&house.administrator, "mine", &[]),
            (&house.member, "running", &["differs", "others"]),
            (&house.member, "restart-needed", &["differs"]),
            (&house.owner, "", &["lab", "quiet"]),
            (&house.owner, "running", &["lab"]),
            (&house.owner, "restart-needed", &[]),
            (&house.owner, "mine", &["lab", "quiet"]),
            (&house.collaborator, "", &["lab"]),
            (&house.collaborator, "running", &["lab"]),
            (&house.collaborator, "mine", &[]),
        ] {
            let browser = Browser::of(&house, person).await;
            let page = browser.get(&format!("{WORKSPACES}?show={show}")).await.expect(200);
            assert_rows(&page, WORKSPACES, names);
            assert_eq!(page.text.contains("No workspace fits the filter"), names.is_empty(), "{show}");
        }
        let owner = Browser::of(&house, &house.owner).await;
        assert_rows(&owner.get(&format!("{WORKSPACES}?show=mine&q=qui")).await, WORKSPACES, &["quiet"]);
    }

    async fn settings_say_where_a_secret_is_overridden(house) {
        let (administrator, owner) = (&house.administrator, &house.owner);
        for (name, access) in [("SHARED", "all"), ("SELECTED", "selected"), ("ELSEWHERE", "selected"), ("PLAIN", "all")] {
            let workspaces = if name == "SELECTED" { json!(["lab"]) } else { json!([]) };
            let mut body = json!({ "value": "x", "access": access });
            if access == "selected" {
                body["workspaces"] = workspaces;
            }
            administrator.put(&format!("/organizations/acme/secrets/{name}"), body).await.expect(201);
        }
        owner.post("/organizations/acme/workspaces", json!({ "name": "Den" })).await.expect(201);
        for name in ["SHARED", "SELECTED", "ELSEWHERE"] {
            for workspace in ["lab", "den"] {
                let own = format!("/organizations/acme/workspaces/{workspace}/secrets/{name}");
                owner.put(&own, json!({ "value": "y" })).await.expect(201);
            }
        }
        let said = async || {
            let all = administrator.get("/organizations/acme/secrets?sort=name").await.expect(200).json();
            let all = all["items"].as_array().expect("secrets");
            let one = |secret: &Value| (secret["name"].as_str().unwrap().to_owned(), secret["overridden_in"].as_u64().unwrap());
            all.iter().map(one).collect::<Vec<_>>()
        };
        let expected = |shared, selected| {
            let all = [("ELSEWHERE", 0), ("PLAIN", 0), ("SELECTED", selected), ("SHARED", shared)];
            all.map(|(name, number)| (name.to_owned(), number)).to_vec()
        };
        assert_eq!(said().await, expected(2, 1), "only where it reaches");
        let browser = Browser::of(&house, administrator).await;
        let page = browser.get(SECRETS).await.expect(200).says("overridden in 2").says("overridden in 1<");
        assert_eq!(page.text.matches("overridden in").count(), 2);
        owner.delete(&format!("{LAB}/secrets/SHARED")).await.expect(204);
        assert_eq!(said().await, expected(1, 1), "a deleted one overrides nothing");
        owner.delete("/organizations/acme/workspaces/den").await.expect(204);
        assert_eq!(said().await, expected(0, 1), "nor does a deleted workspace's");
    }
}
