//! Everything by keys alone: each step is reached by Tab, and is in sight where it is.

use crate::{
    chromium::{Chromium, ENTER, ESCAPE, SPACE, TAB},
    installation::{EMAIL, Installation, ORGANIZATION, PASSWORD, WORKSPACE},
};

/// Where the focus is: what it is called, as far as that is written on it.
const FOCUSED: &str =
    "(at => at.labels?.[0]?.textContent.trim() || at.ariaLabel || at.textContent.trim())(document.activeElement)";

/// Whether one sees where the focus is.
const IN_SIGHT: &str = "(at => { const box = at.getBoundingClientRect(), look = getComputedStyle(at); \
    return box.width > 0 && box.height > 0 && (look.outlineStyle !== 'none' || at.matches('.skip')); })(document.activeElement)";

fn focused(browser: &Chromium) -> String {
    browser.eval(FOCUSED).as_str().unwrap_or_default().to_owned()
}

/// Presses Tab until the focus is on what is called so.
#[track_caller]
fn tab_to(browser: &Chromium, name: &str) {
    let mut passed = Vec::new();
    for _ in 0..60 {
        let here = focused(browser);
        if here.starts_with(name) {
            return;
        }
        passed.push(here);
        browser.press(TAB);
        assert_eq!(browser.eval(IN_SIGHT), true, "the focus is out of sight on {:?}", focused(browser));
    }
    panic!("Tab never came to {name:?}, only to {passed:#?}");
}

#[test]
fn a_secret_is_created_a_server_started_and_restarted_by_keys_alone() {
    let installation = Installation::new();
    let browser = Chromium::new();
    browser.open(&installation.url());
    // The cursor stands in the first field.
    browser.press(EMAIL);
    tab_to(&browser, "Password");
    browser.press(PASSWORD);
    browser.press(ENTER);
    browser.says("nlp-sandbox");

    browser.open(&installation.page(&format!("{ORGANIZATION}/settings/secrets")));
    tab_to(&browser, "Create secret");
    browser.press(ENTER);
    browser.says("You won’t see this value again");
    browser.press("API_KEY");
    tab_to(&browser, "Value");
    browser.press("typed by hand");
    tab_to(&browser, "Save");
    browser.press(ENTER);
    browser.says("Saved.");

    browser.open(&installation.page(&format!("{WORKSPACE}/servers")));
    tab_to(&browser, "Add server");
    browser.press(ENTER);
    browser.says("A start now gives it 1 secret");
    browser.press("sleeper");
    let preset = browser.eval("document.querySelector('[name=kind]:checked')?.value ?? ''");
    tab_to(&browser, if preset == "command" { "A command of your own" } else { "JupyterLab" });
    while focused(&browser) != "A command of your own" {
        browser.press("\u{e015}");
    }
    browser.press(SPACE);
    tab_to(&browser, "Command");
    browser.press("sleep 1000");
    tab_to(&browser, "Add and start");
    browser.press(ENTER);
    browser.says("running");

    // Where the focus is, it stays, whatever changes around it.
    tab_to(&browser, "Restart");
    installation.organization_secret("API_KEY", serde_json::json!({ "value": "another value" }));
    browser.says("Restart needed");
    assert_eq!(focused(&browser), "Restart");
    browser.press(ENTER);
    browser.says("Restarting.");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn slash_goes_to_the_filter_and_escape_closes_a_menu_and_gives_the_focus_back() {
    let installation = Installation::new();
    installation.secret("FIRST_KEY", "a value");
    installation.secret("SECOND_KEY", "a value");
    let browser = Chromium::new();
    installation.signed_in(&browser);
    browser.open(&installation.page(&format!("{WORKSPACE}/secrets")));
    browser.press("/");
    browser.press("second");
    browser.press(ENTER);
    crate::support::until("the filtered list", || browser.address().ends_with("?q=second").then_some(()));
    browser.says("SECOND_KEY");
    assert!(!browser.text().contains("FIRST_KEY"));

    tab_to(&browser, "MK");
    browser.press(ENTER);
    assert_eq!(browser.eval("document.activeElement.closest('details').open"), true);
    tab_to(&browser, "Dark");
    browser.press(ENTER);
    assert_eq!(browser.eval("document.documentElement.dataset.theme"), "dark");
    browser.press(ESCAPE);
    assert_eq!(browser.eval("document.activeElement.closest('details').open"), false);
    assert_eq!(browser.eval("document.activeElement.localName"), "summary");
    // The next page is dark from its first moment.
    crate::support::until("the cookie", || {
        browser.reload();
        (browser.eval("document.documentElement.dataset.theme") == "dark").then_some(())
    });
}

#[test]
fn the_first_tab_leads_past_the_navigation() {
    let installation = Installation::new();
    let browser = Chromium::new();
    installation.signed_in(&browser);
    browser.open(&installation.page(&format!("{WORKSPACE}/secrets")));
    browser.press(TAB);
    assert_eq!(focused(&browser), "Skip to the content");
    browser.press(ENTER);
    assert_eq!(browser.eval("document.activeElement.id"), "main");
}
