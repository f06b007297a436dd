//! The whole story, by the pages alone: from the first run to a restart after a change.

use crate::{
    chromium::{Chromium, ENTER},
    installation::{EMAIL, Installation, ORGANIZATION, PASSWORD, SHOW, WORKSPACE, environment},
    support::until,
};

#[test]
fn from_the_first_run_to_the_restart_after_a_change() {
    let mut control_plane = Installation::untouched();
    let url = control_plane.url();
    let browser = Chromium::new();

    // First run.
    browser.open(&url);
    assert_eq!(browser.address(), format!("{url}/setup"));
    browser.fill("setup_code", control_plane.setup_code().trim());
    browser.fill("name", "Mina Kim");
    browser.fill("email", EMAIL);
    browser.fill("password", PASSWORD);
    browser.fill("organization", "Acme Lab");
    browser.called("Set up").click();
    browser.says("Back its root key up now");
    assert!(browser.address().starts_with(&format!("{url}{ORGANIZATION}/workspaces")), "{}", browser.address());
    browser.called("New workspace").click();
    browser.fill("name", "nlp-sandbox");
    browser.called("Create workspace").click();
    browser.says("No secret reaches this workspace");

    // Sign in again.
    browser.find("details.menu.up > summary").click();
    browser.called("Sign out").click();
    browser.sign_in(&url, EMAIL, PASSWORD);

    // Settings > Secrets > Create secret, for a selected workspace.
    browser.called("Settings").click();
    browser.called("Create secret").click();
    browser.fill("name", "HF_TOKEN");
    browser.fill("value", "the-first-value-of-all");
    browser.find("#access-selected").click();
    browser.fill("more", "nlp");
    until("the workspace to choose", || browser.all("#workspaces-found option").pop());
    browser.fill("more", "nlp-sandbox");
    browser.find("input[name=more]").type_in(ENTER);
    browser.says("Reaches 1 workspace.");
    browser.called("Save").click();
    browser.says("Saved. Its value won’t be shown again.");
    browser.open(&format!("{url}{ORGANIZATION}/settings/secrets"));
    let row = browser.find("tbody tr").text().unwrap();
    assert!(row.contains("HF_TOKEN") && row.contains("nlp-sandbox") && row.contains("never"), "{row}");
    browser.says("Associated workspaces");

    // The workspace's Secrets > Add Secret.
    browser.open(&format!("{url}{WORKSPACE}/secrets"));
    browser.says("HF_TOKEN");
    browser.called("Add Secret").click();
    browser.fill("name", "DATABASE_URL");
    browser.fill("value", "postgres://first");
    browser.called("Save").click();
    browser.says("Saved.");

    // A server, which gets both.
    browser.open(&format!("{url}{WORKSPACE}/servers"));
    browser.called("Add server").click();
    browser.fill("name", "show");
    browser.find("#kind-command").click();
    browser.fill("command", SHOW);
    browser.called("Add and start").click();
    browser.says("running");
    let got = environment(&control_plane);
    assert_eq!((&*got["HF_TOKEN"], &*got["DATABASE_URL"]), ("the-first-value-of-all", "postgres://first"));

    // What changes in one window shows in the other without a reload.
    let (first, second) = browser.second_window();
    browser.open(&format!("{url}{WORKSPACE}/secrets"));
    browser.says("HF_TOKEN");
    assert!(!browser.text().contains("needs a restart"));
    browser.eval("void (window.notReadAgain = true)");
    browser.go_to(&first);
    browser.open(&format!("{url}{WORKSPACE}/secrets/DATABASE_URL/value"));
    browser.says("1 running server will need a restart: show.");
    browser.fill("value", "postgres://second");
    browser.called("Save").click();
    browser.says("Saved as a new version.");
    browser.go_to(&second);
    browser.says("show needs a restart.");
    browser.says("DATABASE_URL v1 → v2");
    assert_eq!(browser.eval("window.notReadAgain"), true);

    // One click mends it.
    browser.called("Restart show").click();
    browser.says("1 of 1 done");
    assert_eq!(environment(&control_plane)["DATABASE_URL"], "postgres://second");
    browser.open(&format!("{url}{WORKSPACE}/secrets"));
    browser.says("1 running");
    assert!(!browser.text().contains("needs a restart"));
    assert_eq!(browser.complaints(), [""; 0]);
}
