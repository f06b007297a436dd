//! The same story in a browser that runs no script: what is live needs a reload, all else works.

use crate::{
    chromium::Chromium,
    installation::{EMAIL, Installation, ORGANIZATION, PASSWORD, SHOW, WORKSPACE, environment},
    support::until,
};

/// Reads the page again until it says something.
#[track_caller]
fn says_once_reloaded(browser: &Chromium, text: &str) {
    until(&format!("“{text}” at {}", browser.address()), || {
        browser.reload();
        browser.text().contains(text).then_some(())
    });
}

#[test]
fn secrets_are_created_a_server_started_and_restarted_without_scripts() {
    let installation = Installation::new();
    let url = installation.url();
    let browser = Chromium::without_scripts();
    browser.sign_in(&url, EMAIL, PASSWORD);

    browser.open(&format!("{url}{ORGANIZATION}/settings/secrets"));
    browser.called("Create secret").click();
    browser.fill("name", "HF_TOKEN");
    browser.fill("value", "the-first-value-of-all");
    browser.find("#access-selected").click();
    browser.fill("more", "nlp-sandbox");
    assert_eq!(browser.all("#workspaces-found option").len(), 0, "a script ran");
    browser.called("Save").click();
    browser.says("Saved. Its value won’t be shown again.");

    browser.open(&format!("{url}{WORKSPACE}/secrets"));
    browser.called("Add Secret").click();
    browser.fill("name", "PATH");
    browser.fill("value", "postgres://first");
    browser.called("Save").click();
    // What is wrong stands at its field; the value is gone and has to be typed again.
    browser.says("typed again");
    assert_eq!(browser.eval("document.querySelector('[name=value]').value"), "");
    browser.fill("name", "DATABASE_URL");
    browser.fill("value", "postgres://first");
    browser.called("Save").click();
    browser.says("Saved.");

    browser.open(&format!("{url}{WORKSPACE}/servers/new"));
    browser.fill("name", "show");
    browser.find("#kind-command").click();
    browser.fill("command", SHOW);
    browser.called("Add and start").click();
    says_once_reloaded(&browser, "running");
    let got = environment(&installation.control_plane);
    assert_eq!((&*got["HF_TOKEN"], &*got["DATABASE_URL"]), ("the-first-value-of-all", "postgres://first"));

    browser.open(&format!("{url}{WORKSPACE}/secrets/DATABASE_URL/value"));
    browser.says("1 running server will need a restart: show.");
    browser.fill("value", "postgres://second");
    browser.called("Save").click();
    browser.says("Saved as a new version.");
    browser.open(&format!("{url}{WORKSPACE}/secrets"));
    browser.says("show needs a restart.");
    browser.called("Restart show").click();
    says_once_reloaded(&browser, "1 of 1 done");
    assert_eq!(environment(&installation.control_plane)["DATABASE_URL"], "postgres://second");

    browser.find("details.menu.up > summary").click();
    browser.called("Dark").click();
    assert_eq!(browser.find("html").attribute("data-theme"), "dark");
    browser.find("details.menu.up > summary").click();
    browser.called("Sign out").click();
    browser.says("Sign in to Vestry");
}
