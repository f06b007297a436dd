//! The pages of servers. No process runs here: the database says so, and what it wrote lies where it would.

use std::fs;

use serde_json::json;

use super::{Browser, Page};
use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::{Sql, eventually},
    },
    support::{House, LAB},
};

const SERVERS: &str = "/organizations/acme/workspaces/lab/servers";
const WEB: &str = "/organizations/acme/workspaces/lab/servers/web";

/// Makes the server one that ended with an exit code after it wrote this.
async fn failed(house: &House, log: &str) {
    runs(house, &house.owner, WEB).await;
    let id = house.owner.get(WEB).await.expect(200).json()["id"].as_str().unwrap().to_owned();
    let folder = house.directory.path().join("logs").join(id);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{:020}.log", 0)), log).unwrap();
    let ended =
        "UPDATE servers SET status = 'failed', status_detail = 'its program ended', exit_code = 3, start_id = NULL";
    Sql::open(house).await.execute(ended).await;
}

async fn status(house: &House) -> String {
    house.owner.get(WEB).await.expect(200).json()["status"].as_str().unwrap().to_owned()
}

/// Sends the form for an edit as a browser shows it, with these fields changed.
async fn edit(browser: &Browser, changed: &[(&str, &str)]) -> Page {
    let form = browser.get(&format!("{WEB}/edit")).await.expect(200);
    let shown = |name: &str| {
        let field = form.text.split(&format!("<textarea id=\"{name}\"")).nth(1).expect("a field");
        let text = field.split_once('>').unwrap().1.split_once("</textarea>").unwrap().0;
        let text = text.replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<").replace("&#62;", ">");
        text.replace("&#38;", "&").replace("\r\n", "\n").replace(['\r', '\n'], "\r\n")
    };
    let (command, variables, revision) = (shown("command"), shown("variables"), form.hidden("revision"));
    let mut fields = vec![("name", "Web"), ("command", &command), ("variables", &variables), ("revision", &revision)];
    fields.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
    fields.extend(changed);
    browser.post(&format!("{WEB}/edit"), &fields).await
}

both! {
    async fn a_failed_server_shows_why_and_the_end_of_its_log_to_those_who_use_it(house) {
        server(&house.owner, LAB, "web").await;
        let mut log: String = (1..=25).map(|number| format!("line-{number}.\n")).collect();
        log.push_str("\u{1b}[31mred\u{1b}[0m \u{1b}[2J \u{202e}desrever <b>bold</b> ‹API_KEY›\n");
        failed(&house, &log).await;
        let collaborator = Browser::of(&house, &house.collaborator).await;
        for page in [collaborator.get(SERVERS).await, collaborator.get(WEB).await] {
            let page = page.expect(200).says("failed").says("exit code 3").says("Its program ended.").says("line-25.");
            let page = page.says("red \\u{1b}[2J \\u{202e}desrever &#60;b&#62;bold");
            let page = page.says("<span class=\"masked\">‹API_KEY›</span>");
            page.does_not_say("\u{1b}").does_not_say("\u{202e}");
        }
        collaborator.get(SERVERS).await.says("line-7.").does_not_say("line-6.");
        let administrator = Browser::of(&house, &house.administrator).await;
        for page in [administrator.get(SERVERS).await, administrator.get(WEB).await] {
            page.expect(200).says("exit code 3").does_not_say("line-25.").does_not_say("API_KEY");
        }
    }

    async fn each_sees_the_buttons_that_do_something_for_them_now(house) {
        server(&house.owner, LAB, "web").await;
        let owner = Browser::of(&house, &house.owner).await;
        let administrator = Browser::of(&house, &house.administrator).await;
        let buttons = |page: &Page| -> Vec<String> {
            let to = format!("action=\"{WEB}/");
            page.between(&to, "\"").into_iter().collect()
        };
        for address in [SERVERS, WEB] {
            assert_eq!(buttons(&owner.get(address).await.expect(200)), ["start"], "{address}");
            assert!(buttons(&administrator.get(address).await.expect(200)).is_empty(), "{address}");
        }
        administrator.get(SERVERS).await.does_not_say("Add server").does_not_say("/servers/new");
        administrator.get(WEB).await.does_not_say("/edit");
        runs(&house, &house.owner, WEB).await;
        for address in [SERVERS, WEB] {
            for browser in [&owner, &administrator] {
                assert_eq!(buttons(&browser.get(address).await.expect(200)), ["restart", "stop"], "{address}");
            }
        }
        for (page, question) in [(&owner, 200), (&administrator, 403)] {
            page.get(&format!("{WEB}/deletion")).await.expect(question);
        }
    }

    async fn the_buttons_do_what_they_say_and_lead_back(house) {
        server(&house.owner, LAB, "web").await;
        let browser = Browser::of(&house, &house.collaborator).await;
        browser.post(&format!("{WEB}/stop"), &[]).await.expect(409).says("stopped already");
        browser.post(&format!("{WEB}/start"), &[("list", "yes")]).await.leads(&format!("{SERVERS}?done=started"));
        eventually("the failed start", async || (status(&house).await == "failed").then_some(())).await;
        browser.get(WEB).await.expect(200).says("banner danger");

        runs(&house, &house.owner, WEB).await;
        browser.post(&format!("{WEB}/restart"), &[]).await.leads(&format!("{WEB}?done=restarted"));
        browser.get(&format!("{WEB}?done=restarted")).await.expect(200).says("Restarting.");
        let administrator = Browser::of(&house, &house.administrator).await;
        eventually("a restart that comes to its end", async || {
            let stopped = administrator.post(&format!("{WEB}/stop"), &[]).await;
            (stopped.status == 303).then_some(())
        })
        .await;
        assert_ne!(status(&house).await, "running");
        administrator.post(&format!("{WEB}/start"), &[]).await.expect(403);
        Browser::of(&house, &house.member).await.post(&format!("{WEB}/stop"), &[]).await.expect(404);
    }

    async fn a_command_is_typed_as_in_a_shell_and_what_needs_one_is_refused_with_what_was_typed(house) {
        house.owner.put(&format!("{LAB}/secrets/ONE"), json!({ "value": "a value" })).await.expect(201);
        let browser = Browser::of(&house, &house.collaborator).await;
        let form = browser.get(&format!("{SERVERS}/new")).await.expect(200);
        form.says("<b>1 secret</b>").says("jupyter lab --ip=127.0.0.1 --no-browser");
        for (command, variables, said) in [
            ("echo $HOME | wc", "", "No shell reads the command"),
            ("echo 'open", "", "A quote is not closed"),
            ("cd a\r\npython3 b", "", "These are several lines"),
            ("", "", "The command is missing"),
            ("true", "A=b\r\nA=c", "Line 2 of the variables: Its name was given before."),
            ("true", "MODE", "Line 1 of the variables: Write it as NAME=value."),
            ("true", "VESTRY_X=1", "VESTRY_"),
        ] {
            let typed = [("name", "Good name"), ("kind", "command"), ("command", command), ("variables", variables)];
            let again = browser.post(SERVERS, &typed).await.expect(422).says(said).says("value=\"Good name\"");
            let kept = command.split(['\'', '\r']).next().unwrap();
            again.says(kept).says(variables.split('\r').next().unwrap()).says("aria-invalid=\"true\"");
        }
        assert!(house.owner.get(&format!("{LAB}/servers")).await.each("slug").is_empty());
        let typed = [("name", "Web"), ("kind", "command"), ("command", "sh -c 'echo \"$A\" | wc'"), ("variables", "A= b=c\r\nB=\"two\\nlines\"")];
        browser.post(SERVERS, &typed).await.leads(&format!("{WEB}?done=added"));
        let made = house.owner.get(WEB).await.expect(200).json();
        assert_eq!(made["command"], json!(["sh", "-c", "echo \"$A\" | wc"]));
        assert_eq!(made["variables"], json!({ "A": " b=c", "B": "two\nlines" }));
        browser.post(SERVERS, &typed).await.expect(409).says("Web").says("two\\nlines");
        let preset = [("name", "Lab"), ("kind", "jupyterlab"), ("command", "is not looked at"), ("start", "yes")];
        browser.post(SERVERS, &preset).await.leads(&format!("{SERVERS}/lab?done=started"));
        let lab = house.owner.get(&format!("{LAB}/servers/lab")).await.expect(200).json();
        assert_eq!(lab["command"], json!(["jupyter", "lab", "--ip=127.0.0.1", "--no-browser"]));
    }

    async fn what_nobody_touched_stays_to_the_letter_when_a_form_is_saved(house) {
        let command = json!(["sh", "-c", "one\r\ntwo\rthree\n<'é'>\t$A", "", " "]);
        let variables = json!({ "A": "two\nlines", "B": "\"quoted\"", "C": " blank ", "D": "", "E": "cr\rlf" });
        let made = json!({ "name": "Web", "command": command, "variables": variables });
        house.owner.post(&format!("{LAB}/servers"), made).await.expect(201);
        let browser = Browser::of(&house, &house.owner).await;
        edit(&browser, &[("name", "Other name")]).await.leads(&format!("{WEB}?done=edited"));
        let kept = house.owner.get(WEB).await.expect(200).json();
        assert_eq!((&kept["name"], &kept["command"], &kept["variables"]), (&json!("Other name"), &command, &variables));
        edit(&browser, &[("command", "true")]).await.leads(WEB);
        let kept = house.owner.get(WEB).await.expect(200).json();
        assert_eq!((&kept["command"], &kept["variables"]), (&json!(["true"]), &variables));
        edit(&browser, &[("revision", "of yesterday")]).await.expect(412);
        edit(&browser, &[("variables", "NO ASSIGNMENT")]).await.expect(422).says("NO ASSIGNMENT");
        assert_eq!(house.owner.get(WEB).await.json()["variables"], variables);
    }

    async fn a_server_s_page_says_what_differs_and_what_it_started_with(house) {
        let key = format!("{LAB}/secrets/API_KEY");
        house.owner.put(&key, json!({ "value": "first canary" })).await.expect(201);
        server(&house.owner, LAB, "web").await;
        house.owner.patch(WEB, json!({ "variables": { "MODE": "te\u{202e}st" } })).await.expect(200);
        runs(&house, &house.owner, WEB).await;
        let browser = Browser::of(&house, &house.collaborator).await;
        browser.get(WEB).await.expect(200).says("running").does_not_say("Restart needed");
        house.owner.put(&key, json!({ "value": "second canary" })).await.expect(200);
        for address in [WEB.to_owned(), format!("{WEB}/secrets"), format!("{WEB}/starts")] {
            let page = browser.get(&address).await.expect(200).says("Restart needed.").says("API_KEY v1 → v2");
            page.says("(value, by owner)").does_not_say("canary");
        }
        browser.get(SERVERS).await.expect(200).says("restart needed");
        let held = browser.get(&format!("{WEB}/secrets")).await.says("<td data-label=\"Started with\">v1</td>");
        let held = held.says("<span class=\"badge warning\">v2</span>").says("te\\u{202e}st").says("VESTRY_WORKSPACE");
        held.does_not_say("\u{202e}");
        house.owner.put(&format!("{LAB}/secrets/NEW_KEY"), json!({ "value": "third canary" })).await.expect(201);
        browser.get(&format!("{WEB}/secrets")).await.says("<code>NEW_KEY</code>").says("<span class=\"muted\">without</span>");
        house.owner.delete(&key).await.expect(204);
        browser.get(&format!("{WEB}/secrets")).await.says("<span class=\"badge warning\">gone</span>");
    }

    async fn starts_are_paged_newest_first(house) {
        server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, WEB).await;
        let mut sql = Sql::open(&house).await;
        for number in 1..=60 {
            let copy = format!(
                "INSERT INTO starts (id, organization_id, workspace_id, kind, server_id, snapshot_id, settings, outcome, \
                 started_at, started_by, detail) SELECT '01900000-0000-7000-8000-0000000000{number:02}', organization_id, workspace_id, \
                 kind, server_id, snapshot_id, settings, 'failed', started_at, started_by, '' FROM starts \
                 WHERE outcome = 'delivered'"
            );
            sql.execute(&copy).await;
        }
        let browser = Browser::of(&house, &house.administrator).await;
        let first = browser.get(&format!("{WEB}/starts")).await.expect(200);
        let next = first.between("rel=\"next\" href=\"", "\"").remove(0);
        assert_eq!(first.text.matches("data-label=\"Outcome\"").count(), 50);
        let rest = browser.get(&next).await.expect(200);
        assert_eq!(rest.text.matches("data-label=\"Outcome\"").count(), 11);
        assert!(rest.between("rel=\"next\" href=\"", "\"").is_empty());
    }
}
