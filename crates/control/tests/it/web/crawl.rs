//! Every page that links lead to: it is there, its answer carries what it must, and nothing in it is inline or from
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Browser, Page, html, routes};
use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::eventually,
    },
    support::{House, LAB},
};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The only tags that load or run something.
const LOADING: &[(&str, &str)] = &[("script", "src"), ("link", "href")];

/// What every answer to a browser carries and what no page holds.
#[track_caller]
pub fn assert_safe(address: &str, page: &Page) {
    let asset = page.status == 200 && address.starts_with("/assets/");
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", if asset { "public, max-age=31536000, immutable" } else { "no-store" }),
    ] {
        let all: Vec<_> = page.headers.get_all(name).iter().collect();
        assert_eq!(all, [value], "{name} of {address}");
    }
    if page.headers.get("content-type").is_none_or(|kind| kind != "text/html; charset=utf-8") {
        return;
    }
    for tag in html::tags(&page.text) {
        let (name, is) = (tag.name.as_str(), format!("<{} {:?}> in {address}", tag.name, tag.attributes));
        let inert = !["style", "iframe", "object", "embed", "base", "applet", "meta http-equiv"].contains(&name);
        assert!(inert && tag.get("http-equiv").is_none() && tag.get("style").is_none(), "{is}");
        assert!(tag.attributes.iter().all(|(name, _)| !name.starts_with("on")), "{is}");
        if let Some((_, source)) = LOADING.iter().find(|(loading, _)| *loading == name) {
            assert!(tag.get(source).is_some_and(|place| place.starts_with("/assets/")), "{is}");
        }
        if name == "form" {
            assert!(
                tag.get("method") == Some("post")
                    || tag.get("method") == Some("get")
                    || tag.get("role") == Some("search"),
                "{is}"
            );
        }
        for place in ["href", "src", "action", "formaction", "data-events", "data-log", "data-find", "data-effect"] {
            let own = |to: &str| to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\");
            assert!(tag.get(place).is_none_or(|to| own(to) || to.starts_with('#') || to.starts_with('?')), "{is}");
        }
    }
    let scripts = page.text.matches("<script").count();
    assert_eq!(scripts, page.text.matches("></script>").count(), "a script holds something in {address}");
}

/// What a walk over all links found.
#[derive(Default)]
pub struct Found {
    pub pages: BTreeMap<String, Page>,
    /// Every form that sends something, once.
    pub forms: BTreeSet<html::Form>,
}

/// Follows every link from the first page on.
pub async fn crawl(browser: &Browser) -> Found {
    let mut found = Found::default();
    let mut open = vec!["/".to_owned()];
    while let Some(address) = open.pop() {
        if found.pages.contains_key(&address) {
            continue;
        }
        let page = browser.get(&address).await;
        assert!(matches!(page.status.as_u16(), 200 | 303), "{} of {address}: {}", page.status, page.text);
        assert_safe(&address, &page);
        open.extend((page.status == 303).then(|| page.location()));
        if page.headers.get("content-type").is_some_and(|kind| kind == "text/html; charset=utf-8") {
            let tags = html::tags(&page.text);
            let to = tags
                .iter()
                .flat_map(|tag| ["href", "src", "data-events", "data-log", "data-find"].map(|name| tag.get(name)));
            let to = to.flatten().map(|to| to.split('#').next().unwrap_or_default()).filter(|to| to.starts_with('/'));
            open.extend(to.map(str::to_owned));
            found.forms.extend(html::forms(&page.text).into_iter().filter(|form| form.method == "post"));
        }
        found.pages.insert(address, page);
    }
    found
}

/// One of everything that pages show: secrets of both scopes with versions, deleted, suspended and overriding ones;
/// servers that run, differ and failed; a restart, a run, tokens.
pub async fn furnish(house: &House) {
    let (administrator, owner) = (&house.administrator, &house.owner);
    for (name, body) in [
        ("SHARED", json!({ "value": "first canary" })),
        ("SELECTED", json!({ "value": "second canary", "workspaces": ["lab"], "description": "For the lab" })),
        ("OWN", json!({ "value": "third canary" })),
        ("LEFT", json!({ "value": "fourth canary", "workspaces": ["lab"] })),
    ] {
        administrator.put(&format!("/organizations/acme/secrets/{name}"), body).await.expect(201);
    }
    for name in ["OWN", "GONE", "LEAKED"] {
        owner.put(&format!("{LAB}/secrets/{name}"), json!({ "value": "fifth canary" })).await.expect(201);
    }
    owner.put(&format!("{LAB}/secrets/LEAKED/suspension"), json!({ "reason": "in a notebook" })).await.expect(200);
    for name in ["stale", "fresh"] {
        let address = server(owner, LAB, name).await;
        runs(house, owner, &address).await;
    }
    owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": "sixth canary" })).await.expect(200);
    // Deleted, and still held.
    administrator.delete("/organizations/acme/secrets/LEFT").await.expect(204);
    owner.delete(&format!("{LAB}/secrets/GONE")).await.expect(204);
    server(owner, LAB, "idle").await;
    owner.post(&format!("{LAB}/tokens"), json!({ "name": "Pipeline" })).await.expect(201);
    let run = json!({ "organization": "acme", "workspace": "lab", "host": "laptop", "command": "train" });
    owner.post("/runs", run).await.expect(201);
    administrator.put("/organizations/acme/secrets/OWN", json!({ "value": "seventh canary" })).await.expect(200);
    let begun = administrator.post(&format!("{LAB}/secrets/OWN/restarts"), json!({})).await.expect(202).json();
    let restart = format!("/organizations/acme/restarts/{}", begun["id"].as_str().expect("an id"));
    eventually("a pause", async || {
        let restart = administrator.get(&restart).await.expect(200).json();
        (restart["state"] == "paused").then_some(())
    })
    .await;
}

both! {
    async fn every_link_leads_to_a_page_that_is_safe(house) {
        furnish(&house).await;
        let known = routes::all(&house);
        let mut seen = BTreeSet::new();
        let mut pages = 0;
        for person in [&house.administrator, &house.owner, &house.collaborator, &house.member] {
            let found = crawl(&Browser::of(&house, person).await).await;
            for (address, page) in &found.pages {
                assert!(!page.text.contains("canary") || address.starts_with("/assets/"), "a value in {address}");
                seen.extend(routes::of(address, &known));
            }
            for form in &found.forms {
                assert!(routes::of(&form.action, &known).is_some_and(|path| known.contains(&format!("POST {path}"))), "{form:?}");
            }
            pages += found.pages.len();
        }
        // Pages that are reached by what people do, not by a link.
        let by_hand = [
            "/organizations/{organization}/workspaces/{workspace}","/setup", "/sign-in", "/organizations/{organization}", "/organizations/{organization}/restarts/{restart}",
            "/organizations/{organization}/settings/secrets/{name}/restarts", "/organizations/{organization}/workspaces/{workspace}/secrets/{name}/restarts"];
        let missed = known.iter().filter_map(|route| route.strip_prefix("GET ")).filter(|path| !seen.contains(path) && !by_hand.contains(path));
        assert_eq!(missed.collect::<Vec<_>>(), [""; 0], "no link leads there");
        house.report("browser", &format!("{pages} pages by following every link as 4 people: 0 broken, 0 unsafe"));
    }

    async fn what_is_not_there_is_said_as_safely(house) {
        let browser = Browser::of(&house, &house.owner).await;
        let nothing = ["/organizations/%0a", "/organizations/acme/workspaces/%0a", "/organizations/..%2f..", "/organizations/a%20b"];
        for address in nothing {
            assert_eq!(browser.get(address).await.status, 404, "{address}");
        }
        let elsewhere = ["/nothing", "/assets/0/vestry.css", "/organizations/none/workspaces", "/organizations/acme/workspaces/none/secrets"];
        for address in nothing.into_iter().chain(elsewhere) {
            for browser in [&browser, &Browser::new(&house)] {
                let page = browser.get(address).await;
                assert!(matches!(page.status.as_u16(), 303 | 404), "{} of {address}", page.status);
                assert_safe(address, &page);
            }
        }
    }
}
