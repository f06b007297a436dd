//! Forms that another site's page sends: nothing happens, whoever the browser has signed in.

use std::collections::BTreeSet;

use super::{Browser, crawl, routes};
use crate::{
    access_matrix::digest::{Digester, changed},
    both,
    browser::{comes_from_vestry, pairs},
    support::{House, LAB},
};

/// What nobody needs to be signed in for: also whoever is no browser may send it.
const OPEN: [&str; 3] = ["/setup", "/sign-in", "/theme"];

/// Where each form goes: those that pages show to the administrator and the owner, and those that scripts send.
async fn actions(house: &House, routes: &BTreeSet<String>) -> Vec<(Browser, Vec<String>)> {
    let mut all = Vec::new();
    let mut covered = BTreeSet::new();
    for person in [&house.administrator, &house.owner] {
        let browser = Browser::of(house, person).await;
        let found = crawl::crawl(&browser).await;
        let mut actions: BTreeSet<String> = found.forms.into_iter().map(|form| form.action).collect();
        actions.extend(["/setup", "/sign-in"].map(str::to_owned));
        for place in ["/organizations/acme/settings", LAB] {
            let more = [
                "create-secret/effect",
                "secrets/OWN/effect",
                "import/confirmation",
                "secrets/OWN/restarts",
                "secrets/OWN/suspension/end",
            ];
            actions.extend(more.map(|more| format!("{place}/{more}")));
        }
        let none = "00000000-0000-7000-8000-000000000000";
        actions.extend(["continuation", "abortion"].map(|word| format!("/organizations/acme/restarts/{none}/{word}")));
        covered.extend(actions.iter().filter_map(|action| routes::of(action, routes)));
        all.push((browser, actions.into_iter().collect()));
    }
    let missed: Vec<&String> =
        routes.iter().filter(|route| route.strip_prefix("POST ").is_some_and(|path| !covered.contains(path))).collect();
    assert!(missed.is_empty(), "no form was tried of {missed:#?}");
    all
}

both! {
    async fn no_form_does_anything_for_another_site(house) {
        crawl::furnish(&house).await;
        let routes = routes::all(&house);
        let everybody = actions(&house, &routes).await;
        let mut digester = Digester::open(&house).await;
        digester.runs_settled().await;
        let mut sent = 0;
        for (browser, actions) in everybody {
            for action in actions {
                let before = digester.now().await;
                for (site, origin) in pairs().filter(|(site, origin)| !comes_from_vestry(*site, *origin)) {
                    if (site, origin) == (None, None) && OPEN.contains(&action.as_str()) {
                        continue;
                    }
                    let says = [("sec-fetch-site", site), ("origin", origin)];
                    let says: Vec<_> = says.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
                    let refused = browser.saying(&says).post(&action, &[("revision", "x"), ("confirmation", "lab")]).await;
                    assert_eq!(refused.status, 403, "{action} from {site:?} {origin:?}");
                    assert!(!refused.headers.contains_key("set-cookie"), "{action} from {site:?} {origin:?}");
                    crawl::assert_safe(&action, &refused);
                    sent += 1;
                }
                let after = digester.now().await;
                assert!(before == after, "{action} changed {}", changed(&before, &after));
            }
        }
        house.report("browser", &format!("{sent} forms from other sites' pages, by every pair of headers: 0 did anything"));
    }

    async fn a_session_does_not_help_a_token_that_may_not(house) {
        crawl::furnish(&house).await;
        let browser = Browser::of(&house, &house.administrator).await;
        let made = house.owner.post(&format!("{LAB}/tokens"), serde_json::json!({ "name": "made" })).await.expect(201).json();
        let token = browser.with_token(made["token"].as_str().expect("the token's text"));
        let mut digester = Digester::open(&house).await;
        digester.runs_settled().await;
        let before = digester.now().await;
        for address in ["/account", "/organizations/acme/workspaces", "/organizations/acme/settings/secrets"] {
            token.get(address).await.expect(403);
            browser.with_token("nonsense").get(address).await.leads("/sign-in?then=/");
        }
        for form in crawl::crawl(&browser).await.forms {
            if form.action != "/theme" {
                assert_eq!(token.post(&form.action, &[]).await.status, 403, "{}", form.action);
                browser.with_token("nonsense").post(&form.action, &[]).await.leads("/sign-in");
            }
        }
        let after = digester.now().await;
        assert!(before == after, "changed: {}", changed(&before, &after));
    }

    async fn the_own_page_s_forms_work_by_either_header(house) {
        let browser = Browser::of(&house, &house.owner).await;
        for (number, says) in [[("sec-fetch-site", "same-origin")], [("origin", "http://localhost")]].iter().enumerate() {
            let name = format!("Made {number}");
            let made = browser.saying(says).post("/organizations/acme/workspaces", &[("name", &name)]).await;
            made.leads(&format!("/organizations/acme/workspaces/made-{number}/"));
        }
    }
}
