//! A workspace's own pages: who has access, what happened, and its settings.

use serde_json::json;

use super::Browser;
use crate::{
    both,
    store::drift::{runs, server},
    support::LAB,
};

both! {
    async fn a_workspace_s_address_leads_to_its_servers(house) {
        let browser = Browser::of(&house, &house.collaborator).await;
        browser.get(LAB).await.leads(&format!("{LAB}/servers"));
        browser.get(&format!("{LAB}/servers")).await.expect(200).says("No server yet").says("Add server");
        let administrator = Browser::of(&house, &house.administrator).await;
        administrator.get(&format!("{LAB}/servers")).await.expect(200).says("No server yet").does_not_say("Add server");
    }

    async fn only_the_owner_s_members_page_has_forms(house) {
        for (person, forms) in [(&house.owner, true), (&house.collaborator, false), (&house.administrator, false)] {
            let browser = Browser::of(&house, person).await;
            let page = browser.get(&format!("{LAB}/members")).await.expect(200);
            let page = page.says("can read").says("collaborator@acme.test").says(">owner<");
            assert_eq!(page.text.contains("/removal\""), forms);
            assert_eq!(page.text.contains("id=\"user\""), forms);
        }
        for person in [&house.collaborator, &house.administrator] {
            let browser = Browser::of(&house, person).await;
            browser.post(&format!("{LAB}/members"), &[("user", &house.member.email)]).await.expect(403);
        }
        house.member.get(LAB).await.expect(404);
    }

    async fn each_form_of_the_settings_keeps_what_was_typed(house) {
        server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &format!("{LAB}/servers/web")).await;
        let browser = Browser::of(&house, &house.owner).await;
        let general = format!("{LAB}/general");
        let revision = browser.get(&general).await.expect(200).says("value=\"Lab\"").hidden("revision");
        let sent = |rest: &[(&'static str, &'static str)]| {
            let revision: &'static str = revision.clone().leak();
            [&[("revision", revision)], rest].concat()
        };
        let names = sent(&[("name", ""), ("slug", "Not A Slug"), ("description", "Kept text")]);
        let again = browser.post(&general, &names).await.expect(422).says("aria-invalid=\"true\"");
        again.says("name=\"name\" required value=\"\"").says("Not A Slug").says("Kept text");
        let owner = browser.post(&format!("{LAB}/owner"), &sent(&[("user", "nobody@acme.test"), ("sure", "yes")])).await.expect(422);
        owner.says("value=\"nobody@acme.test\"").says("not in the organization").says("value=\"Lab\"");
        let token = [("token", "bad\u{202e}name"), ("days", "365")];
        let token = browser.post(&format!("{LAB}/tokens"), &token).await.expect(422);
        token.says("bad\u{202e}name").says("<option value=\"365\" selected>").says("value=\"Lab\"");
        browser.post(&format!("{LAB}/tokens"), &[("token", "ci"), ("days", "many")]).await.expect(422).says("Choose after how many");
        let wrong = sent(&[("confirmation", "labor"), ("stop", "yes")]);
        let wrong = browser.post(&format!("{LAB}/deletion"), &wrong).await.expect(422).says("Nothing was deleted.");
        wrong.says("value=\"labor\"").says("name=\"stop\" value=\"yes\" checked");
        let runs = browser.post(&format!("{LAB}/deletion"), &sent(&[("confirmation", "lab")])).await.expect(409);
        runs.says("value=\"lab\"").says("web").says("Stop the server that runs");
        house.owner.get(LAB).await.expect(200);
        browser.post(&format!("{LAB}/deletion"), &sent(&[("confirmation", "lab"), ("stop", "yes")])).await
            .leads("/organizations/acme/workspaces?done=deleted-workspace");
        house.owner.get(LAB).await.expect(404);
    }

    async fn what_somebody_may_not_is_refused_before_what_does_not_fit(house) {
        let collaborator = Browser::of(&house, &house.collaborator).await;
        let member = Browser::of(&house, &house.member).await;
        for (form, fields) in [
            ("general", &[("name", "")][..]),
            ("owner", &[("user", "nobody@acme.test")]),
            ("deletion", &[("confirmation", "wrong")]),
            ("tokens", &[("token", "")]),
            ("tokens/x/revocation", &[]),
            ("members", &[("user", "nobody@acme.test")]),
            ("members/x/removal", &[]),
        ] {
            collaborator.post(&format!("{LAB}/{form}"), fields).await.expect(403);
            member.post(&format!("{LAB}/{form}"), fields).await.expect(404);
        }
        for form in ["servers", "servers/x/edit", "servers/x/start"] {
            member.post(&format!("{LAB}/{form}"), &[("name", "")]).await.expect(404);
        }
        collaborator.get(&format!("{LAB}/general")).await.expect(200).does_not_say("<form class=\"form\"");
    }

    async fn a_workspace_token_is_shown_once_starts_runs_and_is_revoked(house) {
        let browser = Browser::of(&house, &house.owner).await;
        let made = browser.post(&format!("{LAB}/tokens"), &[("token", "ci"), ("days", "")]).await;
        let made = browser.get(&made.expect(303).location()).await.expect(200);
        let text = made.between("<code id=\"made\">", "</code>").remove(0);
        assert!(text.starts_with("vst_w_"), "its kind is told");
        let run = json!({ "organization": "acme", "workspace": "lab", "host": "ci", "command": "true" });
        house.anonymous.with_token(&text).post("/runs", run.clone()).await.expect(201);
        let page = browser.get(&format!("{LAB}/general")).await.expect(200).says("<b>ci</b>").does_not_say(&text);
        let revocation = page.between("action=\"", "\"").into_iter().find(|to| to.ends_with("/revocation"));
        browser.post(&revocation.expect("a button"), &[]).await.leads(&format!("{LAB}/general?done=revoked"));
        house.anonymous.with_token(&text).post("/runs", run).await.expect(401);
        browser.get(&format!("{LAB}/general")).await.expect(200).does_not_say("<b>ci</b>");
    }

    async fn an_administrator_gives_a_workspace_away_and_the_old_owner_stays(house) {
        let browser = Browser::of(&house, &house.administrator).await;
        let page = browser.get(&format!("{LAB}/general")).await.expect(200).does_not_say("New token");
        let fields = [("revision", page.hidden("revision")), ("user", house.member.email.clone()), ("sure", "yes".to_owned())];
        let fields = fields.each_ref().map(|(name, text)| (*name, text.as_str()));
        let unsure = browser.post(&format!("{LAB}/owner"), &fields[..2]).await.expect(422).says("Tick this");
        assert_eq!(house.owner.get(LAB).await.json()["owner"]["name"], "owner", "{}", unsure.text);
        browser.post(&format!("{LAB}/owner"), &fields).await.leads(&format!("{LAB}/members?done=given"));
        let members = Browser::of(&house, &house.member).await.get(&format!("{LAB}/members")).await.expect(200);
        members.says("<b>member</b>").says("owner@acme.test").says("/removal\"");
        Browser::of(&house, &house.owner).await.get(&format!("{LAB}/general")).await.expect(200).does_not_say("Give away");
    }

    async fn activity_is_paged_newest_first(house) {
        for number in 0..60 {
            house.owner.patch(LAB, json!({ "description": format!("number {number}") })).await.expect(200);
        }
        let browser = Browser::of(&house, &house.collaborator).await;
        let first = browser.get(&format!("{LAB}/activity")).await.expect(200);
        assert_eq!(first.text.matches("data-label=\"Did\"").count(), 50);
        let next = first.between("rel=\"next\" href=\"", "\"").remove(0);
        browser.get(&next).await.expect(200).says("workspace created").says("collaborator added");
    }
}
