//! What shows by itself, and what is said when it can't.

use serde_json::json;

use crate::{
    chromium::Chromium,
    installation::{Installation, WORKSPACE},
    support::until,
};

/// The notice as it stands there, if it is shown.
fn notice(browser: &Chromium) -> Option<String> {
    let shown =
        browser.eval("(it => it.hidden ? null : it.textContent)(document.querySelector('[data-stream-notice]'))");
    shown.as_str().map(str::to_owned)
}

#[test]
fn a_broken_stream_is_said_and_what_happened_meanwhile_shows_once_it_is_back() {
    let mut installation = Installation::new();
    installation.secret("API_KEY", "the first value");
    installation.running_server("sleeper", &["sleep", "1000"]);
    let browser = Chromium::new();
    installation.signed_in(&browser);
    browser.open(&installation.page(&format!("{WORKSPACE}/servers")));
    browser.says("running");
    browser.eval("void (window.notReadAgain = true)");
    assert_eq!(notice(&browser), None);

    installation.control_plane.stop();
    let said = until("the notice", || notice(&browser));
    assert!(said.starts_with("Reconnecting… last update ") && said.ends_with(" s ago"), "{said}");
    // Its seconds go on.
    until("the next second", || notice(&browser).filter(|next| *next != said));

    installation.control_plane.start();
    installation.secret("API_KEY", "the second value");
    until("the notice to go", || notice(&browser).is_none().then_some(()));
    browser.says("sleeper needs a restart.");
    assert_eq!(browser.eval("window.notReadAgain"), true);
}

#[test]
fn a_server_s_log_grows_on_its_page_and_what_it_prints_is_text() {
    let installation = Installation::new();
    installation.secret("API_KEY", "sk-0123456789abcdef");
    let script = "echo key $API_KEY; echo '<img src=x onerror=document.title=1><b>bold</b>'; \
        while [ ! -e more ]; do sleep 0.1; done; echo that was more; exec sleep 1000";
    installation.running_server("talker", &["sh", "-c", script]);
    let browser = Chromium::new();
    installation.signed_in(&browser);
    browser.open(&installation.page(&format!("{WORKSPACE}/servers/talker")));
    browser.says("<img src=x onerror=document.title=1><b>bold</b>");
    browser.says("key ‹API_KEY›");
    assert!(!browser.text().contains("sk-0123456789abcdef"));
    let home = std::fs::read_dir(installation.control_plane.data().join("homes")).unwrap().flatten().next().unwrap();
    std::fs::write(home.path().join("more"), "").unwrap();
    browser.says("that was more");
    assert_eq!(browser.all(".log img, .log b").len(), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn what_is_typed_is_kept_while_the_page_changes_around_it() {
    let installation = Installation::new();
    installation.secret("API_KEY", "the first value");
    installation.running_server("sleeper", &["sleep", "1000"]);
    let browser = Chromium::new();
    installation.signed_in(&browser);
    browser.open(&installation.page(&format!("{WORKSPACE}/secrets")));
    browser.fill("q", "half a wor");
    installation.secret("API_KEY", "the second value");
    browser.says("sleeper needs a restart.");
    assert_eq!(browser.eval("document.querySelector('[name=q]').value"), "half a wor");
    assert_eq!(browser.eval("document.activeElement.name"), "q");
}

#[test]
fn ten_windows_share_one_stream() {
    let installation = Installation::new();
    installation.secret("API_KEY", "the first value");
    installation.running_server("sleeper", &["sleep", "1000"]);
    let browser = Chromium::new();
    installation.signed_in(&browser);
    browser.open(&installation.page(&format!("{WORKSPACE}/secrets")));
    let mut windows = Vec::new();
    for _ in 0..9 {
        let (_, window) = browser.second_window();
        browser.open(&installation.page(&format!("{WORKSPACE}/secrets")));
        windows.push(window);
    }
    // A browser has six connections to a host: ten streams would leave none for this page.
    installation.mina.put(&format!("{WORKSPACE}/secrets/API_KEY"), json!({ "value": "the second value" })).expect(200);
    for window in windows {
        browser.go_to(&window);
        browser.says("sleeper needs a restart.");
    }
}
