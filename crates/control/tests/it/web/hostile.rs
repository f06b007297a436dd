//! Texts that would do harm on a page that took them for its own: in every field, every address and every name they stay
//! text, or are refused.

use control::app::organizations;
use domain::{DisplayName, Role, Slug};
use serde_json::json;

use super::{Browser, Page, crawl, encode, html, routes};
use crate::{
    both,
    store::drift::runs,
    support::{House, LAB, add_person, sign_in},
};

/// What a page may show only as text: a tag or an attribute with this name is one that somebody smuggled in.
const SMUGGLED: &str = "x-smuggled";

/// Each tries to leave the place where it stands.
const HOSTILE: [&str; 9] = [
    "<x-smuggled>",
    "\"><x-smuggled a=\"",
    "' x-smuggled='1",
    "\" x-smuggled=\"1",
    "</textarea><x-smuggled>",
    "</title></style></script><x-smuggled>",
    "--><![CDATA[<x-smuggled>]]>",
    "{{1787*1789}}{% x %}${1787*1789}<x-smuggled>",
    "&lt;x-smuggled&gt;&#60;x-smuggled&#62;",
];

/// Each would drive a terminal, turn the direction of what follows, or be more than a page should hold.
const ODD: [&str; 5] = [
    "\u{1b}[31mred\u{1b}]0;title\u{7}",
    "\u{202e}desrever\u{2066}",
    "a\u{0}b\u{8}\u{7f}\u{9b}",
    "a\u{200b}\u{feff}b",
    "javascript:alert(1)",
];

/// Checks that whatever stands there is text.
#[track_caller]
fn assert_tame(what: &str, page: &Page) {
    crawl::assert_safe(what, page);
    if page.headers.get("content-type").is_none_or(|kind| kind != "text/html; charset=utf-8") {
        return;
    }
    for tag in html::tags(&page.text) {
        let smuggled = tag.name == SMUGGLED || tag.attributes.iter().any(|(name, _)| name == SMUGGLED);
        assert!(!smuggled, "<{} {:?}> in the page of {what}", tag.name, tag.attributes);
        for place in ["href", "src", "action"] {
            let script = |to: &str| to.trim().to_lowercase().starts_with("javascript:");
            assert!(!tag.get(place).is_some_and(script), "<{} {:?}> in the page of {what}", tag.name, tag.attributes);
        }
    }
    // An escaped text that was escaped once too little is a tag again in the next one.
    assert!(!page.text.contains("<x-smuggled") && !page.text.contains("<![CDATA["), "{what}");
    // A template that ran what people wrote.
    assert!(!page.text.contains("3196943"), "{what}");
}

/// Everything that has a name or a text of somebody's, with this text, as far as it is taken.
async fn furnish(house: &House, text: &str, number: usize) {
    let there = format!("/organizations/acme/workspaces/hostile-{number}");
    let owner = &house.owner;
    let workspace = json!({ "name": text, "slug": format!("hostile-{number}"), "description": text });
    owner.post("/organizations/acme/workspaces", workspace).await.expect(201);
    for name in ["NAME", "OTHER"] {
        let secret = json!({ "value": "x", "description": text });
        owner.put(&format!("{there}/secrets/{name}"), secret.clone()).await.expect(201);
        house.administrator.put(&format!("/organizations/acme/secrets/{name}_{number}"), secret).await.expect(201);
    }
    owner.put(&format!("{there}/secrets/NAME/suspension"), json!({ "reason": text })).await.expect(200);
    owner.delete(&format!("{there}/secrets/OTHER")).await.expect(204);
    let server = json!({ "name": text, "slug": "s", "command": ["sh", "-c", text], "variables": { "V": text } });
    owner.post(&format!("{there}/servers"), server).await.expect(201);
    owner.post(&format!("{there}/tokens"), json!({ "name": text })).await.expect(201);
    owner.post("/me/tokens", json!({ "name": text, "access": "read" })).await.expect(201);
    let run =
        json!({ "organization": "acme", "workspace": format!("hostile-{number}"), "host": text, "command": text });
    owner.post("/runs", run).await.expect(201);
    runs(house, owner, &format!("{there}/servers/s")).await;
    owner.put(&format!("{there}/secrets/NAME"), json!({ "value": "y" })).await.expect(200);
    owner.post(&format!("{there}/restarts"), json!({})).await.expect(202);
}

both! {
    async fn nothing_that_people_write_becomes_a_part_of_a_page(house) {
        for (number, text) in HOSTILE.iter().enumerate() {
            furnish(&house, text, number).await;
        }
        // A person and an organization with such names; the person reads the pages too.
        let hostile = Slug::parse("hostile").expect("a slug");
        let name = DisplayName::parse(HOSTILE[1]).expect("a name");
        organizations::create_by_operator(&house.app, &hostile, &name).await.expect("an organization");
        add_person(&house.app, "hostile", "hostile", Role::Administrator).await;
        let person = sign_in(&house.anonymous, "hostile").await;
        person.patch("/organizations/hostile", json!({ "name": HOSTILE[5] })).await.expect(200);
        let mut pages = 0;
        for person in [&house.administrator, &house.owner, &person] {
            for (address, page) in crawl::crawl(&Browser::of(&house, person).await).await.pages {
                assert_tame(&address, &page);
                pages += 1;
            }
        }
        house.report("browser", &format!("{} hostile texts in every name and text, on {pages} pages: 0 became a part of one", HOSTILE.len()));
    }

    async fn no_address_puts_anything_into_a_page(house) {
        crawl::furnish(&house).await;
        let browser = Browser::of(&house, &house.administrator).await;
        let known = routes::all(&house);
        let mut one_of_each = std::collections::BTreeMap::new();
        for address in crawl::crawl(&browser).await.pages.into_keys().filter(|address| !address.starts_with("/api/")) {
            let route = routes::of(&address, &known).map_or_else(|| address.clone(), str::to_owned);
            one_of_each.entry(route).or_insert(address);
        }
        one_of_each.insert("/sign-in".to_owned(), "/sign-in".to_owned());
        const FIELDS: [&str; 13] = ["q", "cursor", "sort", "show", "done", "made", "then", "actor", "action", "target", "from", "to", "warned"];
        for address in one_of_each.values() {
            let begin = address.split('?').next().expect("a path");
            for text in HOSTILE.iter().chain(&ODD) {
                let text = encode(text);
                let all: Vec<String> = FIELDS.iter().map(|field| format!("{field}={text}")).collect();
                for asked in [format!("{begin}?{}", all.join("&")), format!("{begin}?{text}"), format!("{begin}/{text}")] {
                    let page = browser.get(&asked).await;
                    assert!(page.status.as_u16() < 500, "{} of {asked}", page.status);
                    assert_tame(&asked, &page);
                    assert!(!page.text.contains(['\u{0}', '\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}']), "{asked} disguises the page");
                    let to = page.location();
                    assert!(to.is_empty() || to.starts_with('/') && !to.starts_with("//"), "{asked} leads to {to}");
                }
            }
        }
        let page = browser.get(&format!("{LAB}/secrets?q={}", "x-smuggled".repeat(5_000))).await;
        assert!(page.status.as_u16() < 500);
    }

    async fn whatever_is_typed_into_a_form_stays_text(house) {
        crawl::furnish(&house).await;
        let long = "long ".repeat(20_000);
        let mut sent = 0;
        let mut late = 0;
        for person in [&house.administrator, &house.owner] {
            let browser = Browser::of(&house, person).await;
            for text in HOSTILE.iter().chain(&ODD).copied().chain([long.as_str()]) {
                // Read anew for each text: what the last one changed is refused to whoever has not seen it.
                let mut forms = crawl::crawl(&browser).await.forms;
                forms.retain(|form| form.action != "/sign-out" && !form.action.ends_with("/end"));
                for form in &forms {
                    let page = browser.submit(form, |_| text.to_owned()).await;
                    late += usize::from(page.status == 412);
                    assert!(page.status.as_u16() < 500, "{} of {}: {}", page.status, form.action, page.text);
                    assert_tame(&form.action, &page);
                    sent += 1;
                }
            }
            for (address, page) in crawl::crawl(&browser).await.pages {
                assert_tame(&address, &page);
            }
        }
        assert!(sent > 500 && late * 10 < sent, "{late} of {sent} were refused before they were looked at");
        house.report("browser", &format!("{sent} forms with hostile texts in every field: 0 became a part of a page"));
    }

    async fn what_is_typed_wrong_at_the_door_stays_text(house) {
        let nobody = Browser::new(&house);
        for text in HOSTILE.iter().chain(&ODD) {
            let page = nobody.post("/sign-in", &[("email", text), ("password", "wrong"), ("then", text)]).await;
            assert_tame("/sign-in", &page);
            let again = [("setup_code", *text), ("name", *text), ("email", *text), ("password", *text), ("organization", *text)];
            assert_tame("/setup", &nobody.post("/setup", &again).await);
            assert_tame("/theme", &nobody.post("/theme", &[("theme", text), ("then", text)]).await);
        }
    }
}
