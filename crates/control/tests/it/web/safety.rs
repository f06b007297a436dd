//! What holds for every page: who sees it, what its answers carry, and that nothing hostile or secret comes out of it.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Browser, Page};
use crate::{
    both,
    support::{House, LAB},
};

/// Texts that would do harm on a page that took them for its own.
const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "{{7*7}}</title><b>",
    "&lt;i&gt;&#x3c;",
];

/// What every answer carries.
#[track_caller]
fn assert_safe(address: &str, page: &Page) {
    let policy = page.headers["content-security-policy"].to_str().expect("ASCII");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{address}");
    assert_eq!(page.headers["x-content-type-options"], "nosniff", "{address}");
    assert_eq!(page.headers["referrer-policy"], "no-referrer", "{address}");
    let kept = if address.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-store" };
    assert_eq!(page.headers["cache-control"], kept, "{address}");
    if page.headers.get("content-type").is_none_or(|kind| kind != "text/html; charset=utf-8") {
        return;
    }
    for tag in page.between("<", ">") {
        // Every other piece stands within quotes: what remains are the names of the attributes.
        let names: String = tag.split('"').step_by(2).collect();
        let inline = names.split_whitespace().any(|name| name.starts_with("on") || name.starts_with("style="));
        assert!(!inline && !tag.starts_with("style"), "<{tag}> in {address}");
    }
    assert_eq!(
        page.text.matches("<script").count(),
        page.text.matches("<script type=\"module\" src=\"/assets/").count()
    );
    for place in ["href=\"", "src=\"", "action=\""].iter().flat_map(|begin| page.between(begin, "\"")) {
        assert!(place.starts_with('/') && !place.starts_with("//") || place.starts_with('#'), "{place} in {address}");
    }
}

/// Follows every link from the first page; the addresses it found, and those that forms go to.
async fn crawl(browser: &Browser) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut seen, mut actions) = (BTreeSet::new(), BTreeSet::new());
    let mut open = vec!["/".to_owned(), "/organizations/acme/settings".to_owned()];
    while let Some(address) = open.pop() {
        if address.starts_with("/api/") || !seen.insert(address.clone()) {
            continue;
        }
        let page = browser.get(&address).await;
        assert!(matches!(page.status.as_u16(), 200 | 303), "{} of {address}: {}", page.status, page.text);
        assert_safe(&address, &page);
        open.extend(page.between("href=\"", "\"").into_iter().filter(|to| to.starts_with('/')));
        open.extend((page.status == 303).then(|| page.location()));
        actions.extend(page.between("method=\"post\" action=\"", "\""));
    }
    (seen, actions)
}

async fn furnish(house: &House) {
    let owner = &house.owner;
    house
        .administrator
        .put("/organizations/acme/secrets/SHARED", json!({ "value": "organization-canary" }))
        .await
        .expect(201);
    owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": "workspace-canary" })).await.expect(201);
    owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": "workspace-canary-2" })).await.expect(200);
    owner.put(&format!("{LAB}/secrets/GONE"), json!({ "value": "deleted-canary" })).await.expect(201);
    owner.delete(&format!("{LAB}/secrets/GONE")).await.expect(204);
    owner.post(&format!("{LAB}/servers"), json!({ "name": "Web", "command": ["true"] })).await.expect(201);
}

both! {
    async fn every_link_leads_to_a_page_that_is_safe(house) {
        furnish(&house).await;
        for person in [&house.administrator, &house.owner, &house.collaborator, &house.member] {
            let browser = Browser::of(&house, person).await;
            let (pages, actions) = crawl(&browser).await;
            assert!(pages.len() > 5, "{pages:?}");
            assert!(actions.contains("/sign-out"), "{actions:?}");
            for address in &pages {
                browser.get(address).await.does_not_say("canary");
            }
        }
    }

    async fn no_form_does_anything_for_another_site(house) {
        furnish(&house).await;
        let mut all = BTreeSet::new();
        for person in [&house.administrator, &house.owner] {
            let browser = Browser::of(&house, person).await;
            let (_, actions) = crawl(&browser).await;
            for action in &actions {
                for site in ["cross-site", "same-site", "none", ""] {
                    let refused = browser.across_sites(site).post(action, &[("revision", "x")]).await;
                    assert_eq!(refused.status, 403, "{action} from {site}");
                }
                if !action.starts_with("/theme") {
                    Browser::new(&house).post(action, &[]).await.leads("/sign-in");
                }
            }
            all.extend(actions);
        }
        assert!(all.len() > 20, "{all:?}");
        house.owner.get(&format!("{LAB}/secrets/OWN")).await.expect(200);
        house.owner.get(&format!("{LAB}/servers/web")).await.expect(200);
        house.administrator.get("/me").await.expect(200);
    }

    async fn nothing_that_people_write_becomes_a_part_of_a_page(house) {
        let browser = Browser::of(&house, &house.owner).await;
        for (number, text) in HOSTILE.iter().enumerate() {
            let slug = format!("hostile-{number}");
            house.owner.post("/organizations/acme/workspaces", json!({ "name": text, "slug": slug, "description": text })).await.expect(201);
            let there = format!("/organizations/acme/workspaces/{slug}");
            house.owner.put(&format!("{there}/secrets/NAME"), json!({ "value": "x", "description": text })).await.expect(201);
            house.owner.put(&format!("{there}/secrets/NAME/suspension"), json!({ "reason": text })).await.expect(200);
            let server = json!({ "name": text, "slug": "s", "command": [text], "variables": { "V": text } });
            house.owner.post(&format!("{there}/servers"), server).await.expect(201);
            house.owner.post(&format!("{there}/tokens"), json!({ "name": text })).await.expect(201);
            for page in ["servers", "secrets", "members", "activity", "general", "secrets/NAME", "servers/s", "servers/s/secrets", "servers/s/edit", "secrets/NAME/edit"] {
                let address = format!("{there}/{page}");
                let page = browser.get(&address).await.expect(200);
                assert!(!page.text.contains(text), "{text} in {address}");
                assert_safe(&address, &page);
            }
            for field in ["q", "cursor", "sort", "show", "done", "then"] {
                let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
                for address in [format!("{there}/secrets"), "/organizations/acme/workspaces".to_owned(), "/account".to_owned()] {
                    let page = browser.get(&format!("{address}?{field}={encoded}")).await;
                    assert!(!page.text.contains(text), "{text} as {field} of {address}");
                }
            }
            let typed = [("name", *text), ("description", *text), ("value", "x"), ("slug", *text), ("kind", *text), ("command", *text)];
            for form in ["create-secret", "servers"] {
                let page = browser.post(&format!("{there}/{form}"), &typed).await;
                assert!(!page.text.contains(text), "{text} in {form}");
            }
        }
        let list = browser.get("/organizations/acme/workspaces").await.expect(200);
        assert!(HOSTILE.iter().all(|text| !list.text.contains(text)));
    }

    async fn each_page_is_for_those_whom_the_table_of_permissions_names(house) {
        furnish(&house).await;
        let people = [&house.administrator, &house.owner, &house.collaborator, &house.member, &house.foreigner];
        let mut browsers = Vec::new();
        for person in people {
            browsers.push(Browser::of(&house, person).await);
        }
        browsers.push(Browser::new(&house));
        // Administrator, owner, collaborator, member without access, administrator of another organization, nobody.
        let table = [
            ("/organizations/acme/workspaces", [200, 200, 200, 200, 404, 303]),
            ("/organizations/acme/settings/secrets", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/settings/create-secret", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/settings/secrets/SHARED", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/settings/secrets/SHARED/value", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/settings/secrets/SHARED/edit", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/settings/secrets/SHARED/deletion", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/settings/secrets/SHARED/suspension", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/settings/deleted-secrets", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/settings/import", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/settings/general", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/settings/members", [200, 200, 200, 200, 404, 303]),
            ("/organizations/acme/settings/audit-log", [200, 403, 403, 403, 404, 303]),
            ("/organizations/acme/workspaces/lab/servers", [200, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/servers/new", [403, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/servers/web", [200, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/servers/web/secrets", [200, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/servers/web/starts", [200, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/servers/web/edit", [403, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/secrets", [200, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/create-secret", [403, 200, 403, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/secrets/OWN", [200, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/secrets/OWN/value", [403, 200, 403, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/secrets/OWN/edit", [403, 200, 403, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/secrets/OWN/deletion", [403, 200, 403, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/secrets/OWN/suspension", [200, 200, 403, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/deleted-secrets", [200, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/import", [403, 200, 403, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/members", [200, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/activity", [200, 200, 200, 404, 404, 303]),
            ("/organizations/acme/workspaces/lab/general", [200, 200, 200, 404, 404, 303]),
            ("/organizations/nowhere/workspaces", [404, 404, 404, 404, 404, 303]),
            ("/organizations/acme/workspaces/nowhere/secrets", [404, 404, 404, 404, 404, 303]),
            ("/account", [200, 200, 200, 200, 200, 303]),
            ("/sign-in", [200, 200, 200, 200, 200, 200]),
            ("/nothing", [404, 404, 404, 404, 404, 404]),
        ];
        for (address, expected) in table {
            for (browser, expected) in browsers.iter().zip(expected) {
                let page = browser.get(address).await;
                assert_eq!(page.status.as_u16(), expected, "{address} as {expected:?}");
                assert_safe(address, &page);
            }
        }
    }
}
