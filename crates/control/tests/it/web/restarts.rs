//! The page of a rolling restart. Every restart fails here before its stop: the program is missing.

use serde_json::json;

use super::{Browser, Page};
use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::eventually,
    },
    support::{House, LAB},
};

/// Three servers that differ because of the workspace's KEY.
async fn stale(house: &House) {
    let key = format!("{LAB}/secrets/KEY");
    house.owner.put(&key, json!({ "value": "first canary" })).await.expect(201);
    for name in ["a", "b", "c"] {
        let address = server(&house.owner, LAB, name).await;
        runs(house, &house.owner, &address).await;
    }
    house.owner.put(&key, json!({ "value": "second canary" })).await.expect(200);
}

/// The page once the restart has paused.
async fn paused(browser: &Browser, address: &str) -> Page {
    eventually("a pause", async || {
        let page = browser.get(address).await.expect(200);
        page.text.contains(">paused<").then_some(page)
    })
    .await
}

both! {
    async fn the_banner_s_button_restarts_what_differs_and_leads_to_its_progress(house) {
        stale(&house).await;
        let browser = Browser::of(&house, &house.collaborator).await;
        let list = browser.get(&format!("{LAB}/servers")).await.expect(200).says("Restart 3 servers");
        assert!(list.between("action=\"", "\"").contains(&format!("{LAB}/restarts")));
        let begun = browser.post(&format!("{LAB}/restarts"), &[]).await.leads("/organizations/acme/restarts/");
        let address = begun.location();
        let page = paused(&browser, &address).await.says("1 failed").says("max=\"3\" value=\"1\"");
        let page = page.says("failed</span> <span class=\"hint\">").says("Continue").says("Abort").does_not_say("canary");
        for leads in ["servers", "secrets", "servers/b"] {
            let page = browser.get(&format!("{LAB}/{leads}")).await.expect(200).says("is paused").says("lab/a");
            page.says(&format!("href=\"{address}\""));
        }
        // Its old process goes on with what it has, whatever the newest start record says.
        let held = browser.get(&format!("{LAB}/servers/a/secrets")).await.expect(200);
        held.says("<td data-label=\"Started with\">v1</td>").says("<span class=\"badge warning\">v2</span>");

        let seen = page.hidden("revision");
        browser.post(&format!("{address}/continuation"), &[("revision", "of yesterday")]).await.expect(412);
        browser.post(&format!("{address}/continuation"), &[("revision", &seen)]).await.leads(&address);
        let page = eventually("the second failure", async || {
            let page = paused(&browser, &address).await;
            page.text.contains("2 failed").then_some(page)
        })
        .await;
        browser.post(&format!("{address}/abortion"), &[("revision", &page.hidden("revision"))]).await.leads(&address);
        let ended = browser.get(&address).await.expect(200).says(">aborted<").says(">skipped<");
        ended.says("value=\"3\"").does_not_say("Continue</button>").does_not_say("Abort</button>");
        browser.post(&format!("{address}/abortion"), &[("revision", "x")]).await.expect(412);
        browser.get(&format!("{LAB}/servers")).await.expect(200).does_not_say(&address);
    }

    async fn a_restart_of_the_whole_organization_is_shown_to_those_who_may_know_of_it(house) {
        let key = "/organizations/acme/secrets/SHARED";
        house.administrator.put(key, json!({ "value": "first canary" })).await.expect(201);
        for name in ["a", "b"] {
            runs(&house, &house.owner, &server(&house.owner, LAB, name).await).await;
        }
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "Attic" })).await.expect(201);
        house.administrator.put(key, json!({ "value": "second canary" })).await.expect(200);
        let administrator = Browser::of(&house, &house.administrator).await;
        let secret = "/organizations/acme/settings/secrets/SHARED";
        let begun = administrator.post(&format!("{secret}/restarts"), &[]).await.leads("/organizations/acme/restarts/");
        let address = begun.location();
        paused(&administrator, &address).await;
        for shown in [secret, &format!("{LAB}/servers")] {
            administrator.get(shown).await.expect(200).says("because of <code>SHARED</code> is paused").says(&address);
        }
        let untouched = ["/organizations/acme/workspaces/attic/servers", "/organizations/acme/settings/secrets"];
        for shown in untouched {
            administrator.get(shown).await.expect(200).does_not_say(&address);
        }
        Browser::of(&house, &house.owner).await.get(&format!("{LAB}/servers")).await.expect(200).does_not_say(&address);
    }

    async fn what_was_deleted_is_taken_from_those_who_still_have_it(house) {
        house.owner.put(&format!("{LAB}/secrets/LEAKED"), json!({ "value": "a canary" })).await.expect(201);
        runs(&house, &house.owner, &server(&house.owner, LAB, "holds").await).await;
        let browser = Browser::of(&house, &house.owner).await;
        let deletion = format!("{LAB}/secrets/LEAKED/deletion");
        let revision = browser.get(&deletion).await.expect(200).hidden("revision");
        // Whether it is in use is not the form's to say.
        browser.post(&deletion, &[("revision", &revision)]).await.expect(422).says("Nothing was deleted");
        let deleted = browser.post(&deletion, &[("revision", &revision), ("name", "LEAKED")]).await;
        let deleted = deleted.leads(&format!("{LAB}/deleted-secrets/")).location();
        let page = browser.get(&deleted).await.expect(200).says("Deleted. It can be restored").says("1 running server still has it");
        let page = page.says("restart needed: deleted").does_not_say("canary");
        let address = deleted.split('?').next().expect("a path");
        let begun = browser.post(&format!("{address}/restarts"), &[]).await.leads("/organizations/acme/restarts/").location();
        let ended = eventually("its end", async || {
            let page = browser.get(&begun).await.expect(200);
            page.text.contains(">done<").then_some(page)
        })
        .await;
        ended.says("LEAKED").says("1 failed");
        let restore = page.between("action=\"", "\"").into_iter().find(|to| to.ends_with("/restoration")).expect("a form");
        browser.post(&restore, &[("revision", &page.hidden("revision"))]).await.leads(&format!("{LAB}/secrets/LEAKED"));
        browser.get(address).await.expect(404);
    }

    async fn what_is_saved_is_brought_to_exactly_the_servers_that_differ_because_of_it(house) {
        let own = format!("{LAB}/secrets/OWN");
        house.owner.put(&own, json!({ "value": "a first value" })).await.expect(201);
        for name in ["a", "b"] {
            let address = server(&house.owner, LAB, name).await;
            runs(&house, &house.owner, &address).await;
        }
        // Another server elsewhere, and one that is not running.
        house.member.post("/organizations/acme/workspaces", json!({ "name": "Else" })).await.expect(201);
        let elsewhere = "/organizations/acme/workspaces/else";
        runs(&house, &house.member, &server(&house.member, elsewhere, "far").await).await;
        server(&house.owner, LAB, "idle").await;

        let browser = Browser::of(&house, &house.owner).await;
        browser.get(&format!("{own}/value")).await.expect(200).says("Save and restart 2 servers…");
        let effect = format!("{LAB}/create-secret/effect");
        browser.post(&effect, &[("kind", "create"), ("name", "NEW")]).await.expect(200).says("Save and restart 2 servers…");
        browser.get(&format!("{own}/deletion")).await.expect(200).says("will need a restart").does_not_say("Save and restart");

        let typed = [("name", "NEW"), ("value", "a canary of a value"), ("restart", "yes")];
        let question = browser.post(&format!("{LAB}/create-secret"), &typed).await.leads(&format!("{LAB}/secrets/NEW/restarts?done=created"));
        let question = browser.get(&question.location()).await.expect(200).says("Saved.").says("Restart 2 servers").does_not_say("canary");
        let servers = question.between("<td><a href=\"", "\"");
        assert_eq!(servers, [format!("{LAB}/servers/a"), format!("{LAB}/servers/b")]);
        assert_eq!(house.owner.get(&format!("{LAB}/restarts")).await.each("id").len(), 0, "nothing is begun by a question");
        let begun = browser.post(&format!("{LAB}/secrets/NEW/restarts"), &[]).await.leads("/organizations/acme/restarts/");
        paused(&browser, &begun.location()).await.says("max=\"2\"");
        // Paused, it keeps no server from another one.
        browser.get(&format!("{LAB}/secrets/NEW/restarts")).await.expect(200).says("Restart 2 servers<");
        browser.get(&format!("{own}/restarts")).await.expect(200).says("No server to restart").does_not_say("Restart</button>");
        browser.get(&format!("{LAB}/secrets/NONE/restarts")).await.expect(404);
    }

    async fn the_question_is_there_after_an_edit_and_beside_what_is_worth_a_second_look(house) {
        for (person, place, name) in [(&house.owner, LAB, "a"), (&house.owner, LAB, "b")] {
            runs(&house, person, &server(person, place, name).await).await;
        }
        let settings = "/organizations/acme/settings";
        let body = json!({ "value": "x", "workspaces": [] });
        house.administrator.put("/organizations/acme/secrets/KEY", body).await.expect(201);
        let browser = Browser::of(&house, &house.administrator).await;
        let form = browser.get(&format!("{settings}/secrets/KEY/edit")).await.expect(200).does_not_say("Save and restart");
        let revision = form.hidden("revision");
        let wish = [("kind", "edit"), ("name", "KEY"), ("access", "selected"), ("workspaces", "lab"), ("revision", &revision), ("restart", "yes")];
        browser.post(&format!("{settings}/secrets/KEY/effect"), &wish).await.expect(200).says("Save and restart 2 servers…");
        let saved = browser.post(&format!("{settings}/secrets/KEY/edit"), &wish).await;
        let question = saved.leads(&format!("{settings}/secrets/KEY/restarts?done=edited")).location();
        browser.get(&question).await.expect(200).says("Restart 2 servers").says("<td data-label=\"Workspace\">lab</td>");
        let odd = [("name", "ODD"), ("value", "\"quoted\""), ("access", "all"), ("restart", "yes")];
        let warned = browser.post(&format!("{settings}/create-secret"), &odd).await.expect(200);
        warned.says("quotation marks").says(&format!("href=\"{settings}/secrets/ODD/restarts\""));
    }

    async fn a_restart_is_shown_to_those_who_see_its_workspace_and_changed_by_those_who_may(house) {
        stale(&house).await;
        let owner = Browser::of(&house, &house.owner).await;
        let begun = owner.post(&format!("{LAB}/secrets/KEY/restarts"), &[]).await.leads("/organizations/acme/restarts/");
        let address = begun.location();
        let page = paused(&owner, &address).await.says("<code>KEY</code>").says("Continue</button>");
        let revision = page.hidden("revision");
        Browser::of(&house, &house.administrator).await.get(&address).await.expect(200).says("Continue</button>");
        // Collaborators don't restart the holders of a secret.
        let collaborator = Browser::of(&house, &house.collaborator).await;
        collaborator.get(&address).await.expect(200).does_not_say("Continue</button>").does_not_say("Abort</button>");
        for act in ["continuation", "abortion"] {
            collaborator.post(&format!("{address}/{act}"), &[("revision", &revision)]).await.expect(403);
        }
        for person in [&house.member, &house.foreigner] {
            let browser = Browser::of(&house, person).await;
            browser.get(&address).await.expect(404);
            browser.post(&format!("{address}/abortion"), &[("revision", &revision)]).await.expect(404);
            browser.post(&format!("{LAB}/restarts"), &[]).await.expect(404);
        }
        assert_eq!(house.owner.get(&address).await.json()["state"], "paused");
    }
}
