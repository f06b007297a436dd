//! What people do with the pages, from form to form.

use serde_json::json;

use super::Browser;
use crate::{
    both,
    support::{House, LAB, PASSWORD},
};

const SETTINGS: &str = "/organizations/acme/settings";
const WORKSPACE: &str = "/organizations/acme/workspaces/lab";

both! {
    async fn an_administrator_creates_a_secret_for_selected_workspaces_and_finds_it_in_the_table(house) {
        let browser = Browser::of(&house, &house.administrator).await;
        browser.get("/").await.leads("/organizations/acme/workspaces");
        browser.get(&format!("{SETTINGS}/secrets")).await.expect(200).says("Create secret");
        let fields = [("name", "HF_TOKEN"), ("value", "a value\r\nof two lines"), ("access", "selected"), ("workspaces", "lab")];
        browser.post(&format!("{SETTINGS}/create-secret"), &fields).await.leads(&format!("{SETTINGS}/secrets/HF_TOKEN"));
        let table = browser.get(&format!("{SETTINGS}/secrets")).await.expect(200);
        let table = table.says("HF_TOKEN").says("Associated workspaces").says(">lab<").says("Created");
        table.does_not_say("of two lines");
        let secret = house.administrator.get("/organizations/acme/secrets/HF_TOKEN").await.expect(200).json();
        assert_eq!(secret["access"], "selected");
        assert_eq!(secret["workspaces"]["first"][0]["slug"], "lab");
    }

    async fn an_owner_adds_edits_and_deletes_a_secret_of_their_workspace(house) {
        let browser = Browser::of(&house, &house.owner).await;
        browser.get(&format!("{WORKSPACE}/secrets")).await.expect(200).says("Add Secret");
        let create = format!("{WORKSPACE}/create-secret");
        browser.post(&create, &[("name", "API_KEY"), ("value", "the first value")]).await.leads(&format!("{WORKSPACE}/secrets/API_KEY"));
        browser.get(&format!("{WORKSPACE}/secrets")).await.expect(200).says("API_KEY").says("Workspace</span>");

        let form = browser.get(&format!("{WORKSPACE}/secrets/API_KEY/value")).await.expect(200);
        let fields = [("revision", form.hidden("revision")), ("value", "the second value".to_owned())];
        let fields = fields.each_ref().map(|(name, text)| (*name, text.as_str()));
        browser.post(&format!("{WORKSPACE}/secrets/API_KEY/value"), &fields).await.leads(&format!("{WORKSPACE}/secrets/API_KEY"));
        assert_eq!(house.owner.get(&format!("{LAB}/secrets/API_KEY")).await.json()["version"], 2);
        let form = browser.post(&format!("{WORKSPACE}/secrets/API_KEY/value"), &fields).await;
        // Whoever was slower keeps the form, which writes over what is there now.
        let form = form.expect(412).says("Somebody changed this secret").says("has to be typed again").does_not_say("the second value");
        let fields = [("revision", form.hidden("revision")), ("value", "the third value".to_owned())];
        let fields = fields.each_ref().map(|(name, text)| (*name, text.as_str()));
        browser.post(&format!("{WORKSPACE}/secrets/API_KEY/value"), &fields).await.leads(&format!("{WORKSPACE}/secrets/API_KEY"));
        assert_eq!(house.owner.get(&format!("{LAB}/secrets/API_KEY")).await.json()["version"], 3);
        browser.post(&format!("{WORKSPACE}/secrets/API_KEY/value"), &[("value", "of nobody who saw the page")]).await.expect(412);

        let form = browser.get(&format!("{WORKSPACE}/secrets/API_KEY/edit")).await.expect(200);
        let fields = [("revision", form.hidden("revision")), ("name", "OTHER_KEY".to_owned()), ("description", "For tests".to_owned())];
        let fields = fields.each_ref().map(|(name, text)| (*name, text.as_str()));
        browser.post(&format!("{WORKSPACE}/secrets/API_KEY/edit"), &fields).await.leads(&format!("{WORKSPACE}/secrets/OTHER_KEY"));

        let question = browser.get(&format!("{WORKSPACE}/secrets/OTHER_KEY/deletion")).await.expect(200);
        let revision = question.hidden("revision");
        browser.post(&format!("{WORKSPACE}/secrets/OTHER_KEY/deletion"), &[("revision", &revision)]).await.leads(&format!("{WORKSPACE}/secrets?done=deleted"));
        let deleted = browser.get(&format!("{WORKSPACE}/deleted-secrets")).await.expect(200).says("OTHER_KEY");
        let restore = deleted.between("action=\"", "\"").into_iter().find(|to| to.ends_with("/restoration")).expect("a form");
        browser.post(&restore, &[("revision", &deleted.hidden("revision"))]).await.leads(&format!("{WORKSPACE}/secrets/OTHER_KEY"));
    }

    async fn what_is_worth_a_second_look_is_said_in_place_and_in_no_address(house) {
        let browser = Browser::of(&house, &house.administrator).await;
        let typed = [("name", "NODE_OPTIONS"), ("value", "\"quoted-canary\""), ("access", "all")];
        let saved = browser.post(&format!("{SETTINGS}/create-secret"), &typed).await.expect(200);
        saved.says("quotation marks").says("NODE_OPTIONS").does_not_say("canary");
        house.administrator.get("/organizations/acme/secrets/NODE_OPTIONS").await.expect(200);
    }

    async fn a_form_that_does_not_fit_keeps_what_was_typed_but_the_value(house) {
        let browser = Browser::of(&house, &house.administrator).await;
        let create = format!("{SETTINGS}/create-secret");
        let typed = [("name", "PATH"), ("value", "hunter2-hunter2"), ("description", "What it is for"), ("access", "all")];
        let again = browser.post(&create, &typed).await.expect(422);
        let again = again.says("value=\"PATH\"").says("What it is for").says("aria-invalid=\"true\"");
        again.says("typed again").does_not_say("hunter2");
        let typed = [("name", "GOOD_NAME"), ("value", "hunter2-hunter2"), ("access", "selected"), ("more", "nowhere, lab")];
        browser.post(&create, &typed).await.expect(422).says("value=\"nowhere\"").does_not_say("hunter2");
        house.administrator.get("/organizations/acme/secrets/GOOD_NAME").await.expect(404);
    }

    async fn an_import_is_looked_at_and_then_done_once_by_whoever_sent_it(house) {
        let browser = Browser::of(&house, &house.owner).await;
        let import = format!("{WORKSPACE}/import");
        let text = "# comment\r\nexport ONE='first-canary'\r\nTWO=second-canary\r\n";
        let review = browser.post(&import, &[("content", text), ("mode", "fail")]).await.expect(200);
        let review = review.says("added").says("Import 2 secrets").does_not_say("canary");
        let (pending, revision) = (review.hidden("pending"), review.hidden("revision"));
        let decided = [("pending", pending.as_str()), ("revision", revision.as_str())];
        let confirm = format!("{import}/confirmation");
        Browser::of(&house, &house.owner).await.post(&confirm, &decided).await.expect(409).says("not kept any more");
        house.owner.get(&format!("{LAB}/secrets/ONE")).await.expect(404);
        browser.post(&confirm, &decided).await.leads(&format!("{WORKSPACE}/secrets?done=imported"));
        house.owner.get(&format!("{LAB}/secrets/ONE")).await.expect(200);
        browser.post(&confirm, &decided).await.expect(409);

        let refused = browser.post(&import, &[("content", "BAD LINE\nPATH=third-canary"), ("mode", "fail")]).await.expect(200);
        refused.says("Nothing can be imported yet").does_not_say("canary").does_not_say("Import 1 secret");
    }

    async fn a_suspension_is_made_and_lifted_by_the_pages(house) {
        house.administrator.put("/organizations/acme/secrets/LEAKED", json!({ "value": "x" })).await.expect(201);
        let browser = Browser::of(&house, &house.administrator).await;
        let secret = format!("{SETTINGS}/secrets/LEAKED");
        let form = browser.get(&format!("{secret}/suspension")).await.expect(200);
        let fields = [("revision", form.hidden("revision")), ("version", String::new()), ("reason", "in a notebook".to_owned())];
        let fields = fields.each_ref().map(|(name, text)| (*name, text.as_str()));
        browser.post(&format!("{secret}/suspension"), &fields).await.leads(&secret);
        let shown = browser.get(&secret).await.expect(200).says("This secret is suspended").says("in a notebook");
        browser.post(&format!("{secret}/suspension/end"), &[("revision", &shown.hidden("revision"))]).await.leads(&secret);
        browser.get(&secret).await.expect(200).does_not_say("This secret is suspended");
    }

    async fn a_server_is_added_edited_and_deleted_by_the_pages(house) {
        let browser = Browser::of(&house, &house.collaborator).await;
        let add = format!("{WORKSPACE}/servers");
        let typed = [("name", "Train er"), ("kind", "command"), ("command", "python3 train.py"), ("variables", "NO ASSIGNMENT")];
        browser.post(&add, &typed).await.expect(422).says("as NAME=value").says("train.py");
        let typed = [("name", "Train er"), ("kind", "command"), ("command", "python3 train.py"), ("variables", "MODE=test")];
        browser.post(&add, &typed).await.leads(&format!("{WORKSPACE}/servers/train-er"));
        let server = house.owner.get(&format!("{LAB}/servers/train-er")).await.expect(200).json();
        assert_eq!((&server["command"], &server["variables"]), (&json!(["python3", "train.py"]), &json!({ "MODE": "test" })));

        let page = format!("{WORKSPACE}/servers/train-er");
        for (tab, said) in [("", "Download"), ("/secrets", "MODE"), ("/starts", "never started"), ("/edit", "train.py")] {
            browser.get(&format!("{page}{tab}")).await.expect(200).says(said);
        }
        let form = browser.get(&format!("{page}/deletion")).await.expect(200);
        browser.post(&format!("{page}/deletion"), &[("revision", &form.hidden("revision"))]).await.leads(&add);
        browser.get(&page).await.expect(404);
    }

    async fn access_is_given_taken_and_the_workspace_renamed_by_its_owner(house) {
        let browser = Browser::of(&house, &house.owner).await;
        let members = format!("{WORKSPACE}/members");
        browser.post(&members, &[("user", "nobody@acme.test")]).await.expect(422).says("nobody@acme.test");
        browser.post(&members, &[("user", &house.member.email)]).await.leads(&members);
        let page = browser.get(&members).await.expect(200).says(&house.member.email);
        let removals: Vec<String> = page.between("action=\"", "\"").into_iter().filter(|to| to.ends_with("/removal")).collect();
        assert_eq!(removals.len(), 2);
        for removal in &removals {
            browser.post(removal, &[]).await.leads(&members);
        }
        house.member.get(LAB).await.expect(404);
        browser.get(&format!("{WORKSPACE}/activity")).await.expect(200).says("collaborator removed");

        let general = format!("{WORKSPACE}/general");
        let form = browser.get(&general).await.expect(200);
        let revision = form.hidden("revision");
        let wrong = [("revision", revision.as_str()), ("confirmation", "labor")];
        browser.post(&format!("{WORKSPACE}/deletion"), &wrong).await.expect(422).says("Nothing was deleted");
        let fields = [("revision", revision.as_str()), ("name", "Laboratory"), ("slug", "laboratory"), ("description", "")];
        browser.post(&general, &fields).await.leads("/organizations/acme/workspaces/laboratory/general");
    }

    async fn a_secret_is_taken_from_every_workspace_only_once_that_was_asked(house) {
        let secret = "/organizations/acme/settings/secrets/KEY";
        let body = json!({ "value": "value", "workspaces": ["lab"] });
        house.administrator.put("/organizations/acme/secrets/KEY", body).await.expect(201);
        let browser = Browser::of(&house, &house.administrator).await;
        let edit = format!("{secret}/edit");
        let revision = browser.get(&edit).await.expect(200).does_not_say("name=\"nobody\"").hidden("revision");
        let wish = [("revision", revision.as_str()), ("name", "KEY"), ("access", "selected"), ("description", "")];
        browser.post(&edit, &wish).await.expect(422).says("will reach nobody").says("name=\"nobody\" value=\"yes\"");
        browser.get(&edit).await.expect(200).says("value=\"lab\" checked");
        browser.post(&edit, &[&wish[..], &[("nobody", "yes")]].concat()).await.leads(secret);
        let edited = browser.get(&edit).await.expect(200).does_not_say("value=\"lab\" checked");
        edited.says("name=\"nobody\" value=\"yes\" checked");
    }

    async fn a_token_is_shown_once_and_revoked(house) {
        let browser = Browser::of(&house, &house.owner).await;
        let wish = [("name", "laptop"), ("access", "full"), ("days", "30")];
        let shown = browser.post("/account/tokens", &wish).await.expect(303).location();
        let elsewhere = Browser::of(&house, &house.owner).await.get(&shown).await.expect(200).says("shown already");
        assert!(!elsewhere.text.contains("id=\"made\""), "it is for the session that made it");
        let made = browser.get(&shown).await.expect(200).says("shown this once");
        let text = made.between("<code id=\"made\">", "</code>").remove(0);
        assert!(text.starts_with("vst_p_"));
        house.anonymous.with_token(&text).get("/me").await.expect(200);
        let page = browser.get(&shown).await.expect(200).says("shown already").does_not_say(&text);
        assert_eq!(page.between("<b>laptop", "</b>").len(), 1, "reading the page again makes no second one");
        for revocation in page.between("action=\"", "\"").into_iter().filter(|to| to.ends_with("/revocation")) {
            browser.post(&revocation, &[]).await.leads("/account");
        }
        house.anonymous.with_token(&text).get("/me").await.expect(401);
    }

    async fn a_password_is_changed_on_the_account_page(house) {
        let browser = Browser::of(&house, &house.owner).await;
        let elsewhere = Browser::of(&house, &house.owner).await;
        let change = "/account/password";
        let wrong = browser.post(change, &[("current", "not it"), ("new", "a longer password")]).await.expect(422);
        wrong.says("not your current password").says("typed again").does_not_say("a longer password");
        let short = browser.post(change, &[("current", PASSWORD), ("new", "too short")]).await.expect(422);
        short.says("id=\"new-wrong\"").does_not_say("too short");
        elsewhere.get("/account").await.expect(200);
        browser.post(change, &[("current", PASSWORD), ("new", "a longer password")]).await.leads("/account?done=password");
        browser.get("/account?done=password").await.expect(200).says("Your password is changed");
        elsewhere.get("/account").await.leads("/sign-in");
        let pair = |password| [("email", house.owner.email.as_str()), ("password", password)];
        elsewhere.post("/sign-in", &pair(PASSWORD)).await.expect(401);
        elsewhere.post("/sign-in", &pair("a longer password")).await.leads("/");
    }

    async fn signing_out_ends_the_session_and_signing_in_leads_back(house) {
        let browser = Browser::of(&house, &house.owner).await;
        browser.get("/account").await.expect(200);
        browser.post("/sign-out", &[]).await.leads("/sign-in");
        browser.get("/account").await.leads("/sign-in?then=/account");
        let wrong = browser.post("/sign-in", &[("email", &house.owner.email), ("password", "wrong-canary")]).await.expect(401);
        wrong.says(&house.owner.email).does_not_say("wrong-canary");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_run_is_one_card_and_happens_once() {
    let house = House::build(crate::support::Database::Sqlite).await;
    let browser = Browser::new(&house);
    browser.get("/setup").await.leads("/");
    let again = [
        ("setup_code", "x"),
        ("name", "A"),
        ("email", "a@b.test"),
        ("password", "long-enough-canary"),
        ("organization", "C"),
    ];
    browser.post("/setup", &again).await.expect(409).does_not_say("canary");
}
