//! What was typed as a value, a password or a set-up code comes back in no page, whatever was wrong with the rest.

use super::{Browser, Page, crawl, html};
use crate::{
    both,
    canary::search::encodings,
    support::{House, LAB},
};

const SETTINGS: &str = "/organizations/acme/settings";
const CANARY: &str = "hunter2-canary-0123456789";

/// The fields that hold what nobody may see again.
const SECRET: [&str; 6] = ["value", "content", "password", "setup_code", "current", "new"];

#[track_caller]
fn assert_hidden(what: &str, page: &Page) {
    let told = format!("{:?} {}", page.headers, html::text_of(&page.text));
    for (encoding, text) in encodings(CANARY) {
        let text = String::from_utf8(text).expect("ASCII");
        assert!(!told.contains(&text) && !page.text.contains(&text), "{what} comes back as {encoding}: {}", page.text);
    }
}

/// Everything that can be wrong with a form for a secret.
fn wrongs() -> Vec<Vec<(&'static str, String)>> {
    let value = ("value", CANARY.to_owned());
    let with = |more: &[(&'static str, &str)]| {
        let more = more.iter().map(|(name, text)| (*name, (*text).to_owned()));
        std::iter::once(value.clone()).chain(more).collect()
    };
    let long = format!("{CANARY}{}", "x".repeat(50 * 1024));
    vec![
        with(&[]),
        with(&[("name", "")]),
        with(&[("name", "PATH"), ("access", "all")]),
        with(&[("name", "no name"), ("access", "all")]),
        // What was pasted into the wrong field.
        with(&[("name", &format!("API_KEY={CANARY}")), ("access", "all")]),
        with(&[("name", &format!("export API_KEY='{CANARY}'")), ("access", "all")]),
        with(&[("name", &format!("API_KEY: {CANARY}")), ("access", "all")]),
        with(&[("name", &format!("export API_KEY {CANARY}")), ("access", "all")]),
        with(&[("name", &format!("A=b\nAPI_KEY={CANARY}")), ("access", "all")]),
        with(&[("name", "OWN"), ("access", "all")]),
        with(&[("name", "NEW"), ("access", "nonsense")]),
        with(&[("name", "NEW"), ("access", "selected"), ("workspaces", "nowhere")]),
        with(&[("name", "NEW"), ("access", "selected"), ("more", "nowhere")]),
        with(&[("name", "NEW"), ("access", "all"), ("description", &"x".repeat(501))]),
        with(&[("name", "NEW"), ("access", "all"), ("revision", "of yesterday")]),
        with(&[("revision", "of yesterday")]),
        vec![("name", "NEW".to_owned()), ("access", "all".to_owned()), ("value", long)],
        vec![("name", "NEW".to_owned()), ("access", "all".to_owned()), ("value", format!("{CANARY}\u{0}"))],
    ]
}

async fn post(browser: &Browser, address: &str, fields: &[(&'static str, String)]) -> Page {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    browser.post(address, &fields).await
}

async fn nothing_on_any_page(house: &House) {
    for person in [&house.administrator, &house.owner, &house.collaborator] {
        for (address, page) in crawl::crawl(&Browser::of(house, person).await).await.pages {
            assert_hidden(&address, &page);
        }
    }
}

both! {
    async fn a_value_that_was_sent_never_comes_back(house) {
        crawl::furnish(&house).await;
        let mut answers = 0;
        for (person, place) in [(&house.administrator, SETTINGS), (&house.owner, LAB)] {
            let browser = Browser::of(&house, person).await;
            for fields in wrongs() {
                for form in ["create-secret", "create-secret/effect", "secrets/OWN/value", "secrets/OWN/edit", "secrets/OWN/effect", "secrets/NONE/value"] {
                    let page = post(&browser, &format!("{place}/{form}"), &fields).await;
                    assert!(page.status.as_u16() < 500, "{} of {form}: {}", page.status, page.text);
                    assert_hidden(&format!("{form} {:?}", &fields[1..]), &page);
                    answers += 1;
                }
            }
        }
        // And to those who may not write at all.
        for person in [&house.collaborator, &house.member, &house.foreigner] {
            let browser = Browser::of(&house, person).await;
            for place in [SETTINGS, LAB] {
                let refused = browser.post(&format!("{place}/create-secret"), &[("name", "NEW"), ("value", CANARY), ("access", "all")]).await;
                assert!(matches!(refused.status.as_u16(), 403 | 404), "{}", refused.status);
                assert_hidden(place, &refused);
            }
        }
        nothing_on_any_page(&house).await;
        house.report("browser", &format!("{answers} answers to forms with a value and something wrong: 0 hold the value"));
    }

    async fn what_was_imported_never_comes_back(house) {
        crawl::furnish(&house).await;
        let long = format!("API_KEY={CANARY}\n").repeat(60_000);
        let texts = [
            format!("API_KEY={CANARY}"),
            format!("API_KEY='{CANARY}"),
            CANARY.to_owned(),
            format!("1BAD={CANARY}\nPATH={CANARY}\n=\n{CANARY} x"),
            format!("OWN={CANARY}\nOWN={CANARY}"),
            format!("A=${{{CANARY}}}\nB=`{CANARY}`"),
            format!("A=\"{CANARY}\nB={CANARY}"),
            long,
        ];
        for (person, place) in [(&house.administrator, SETTINGS), (&house.owner, LAB)] {
            let browser = Browser::of(&house, person).await;
            for text in &texts {
                for mode in ["fail", "overwrite", "skip", "nonsense"] {
                    let sent = [("content", text.as_str()), ("mode", mode), ("access", "all")];
                    let review = browser.post(&format!("{place}/import"), &sent).await;
                    assert!(review.status.as_u16() < 500, "{}", review.text);
                    assert_hidden(&text[..text.len().min(60)], &review);
                    for form in html::forms(&review.text).iter().filter(|form| form.action.ends_with("/confirmation")) {
                        assert_hidden("the import's confirmation", &browser.submit(form, |_| String::new()).await);
                    }
                }
            }
        }
        nothing_on_any_page(&house).await;
    }

    async fn no_field_for_secrets_is_ever_filled(house) {
        crawl::furnish(&house).await;
        let mut fields = 0;
        for person in [&house.administrator, &house.owner] {
            let browser = Browser::of(&house, person).await;
            for form in crawl::crawl(&browser).await.forms.iter().filter(|form| form.fields.iter().any(|field| SECRET.contains(&field.name.as_str()))) {
                for wrong in ["", "x y", "PATH"] {
                    let typed = |field: &html::Field| if SECRET.contains(&field.name.as_str()) { CANARY } else { wrong };
                    let page = browser.submit(form, |field| typed(field).to_owned()).await;
                    assert_hidden(&form.action, &page);
                    fields += 1;
                }
            }
        }
        assert!(fields > 10, "{fields}");
    }

    async fn passwords_and_the_set_up_code_never_come_back(house) {
        let nobody = Browser::new(&house);
        for email in [house.owner.email.as_str(), "nobody@acme.test", "no address", ""] {
            let page = nobody.post("/sign-in", &[("email", email), ("password", CANARY), ("then", "/")]).await;
            assert_hidden("/sign-in", &page.expect(401));
        }
        let owner = Browser::of(&house, &house.owner).await;
        for new in [CANARY, "short"] {
            let page = owner.post("/account/password", &[("current", CANARY), ("new", new)]).await;
            assert_hidden("/account/password", &page.expect(422));
        }
        let set_up = [("setup_code", CANARY), ("name", ""), ("email", "x"), ("password", CANARY), ("organization", "")];
        assert_hidden("/setup", &nobody.post("/setup", &set_up).await.expect(409));
    }
}
