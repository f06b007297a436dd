//! A browser of a test's own, driven over the WebDriver protocol (<https://www.w3.org/TR/webdriver2/>).
//!
//! Of a WebDriver library these tests would use a dozen commands, and it would bring an asynchronous HTTP client for them;
//! the one of `vestry` itself is here already.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use ureq::{Agent, http::Request};

use crate::support::{PATIENCE, until};

/// Nothing but what a test asks for: no connection to anywhere, no profile but a fresh one.
const ARGUMENTS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
    "--hide-scrollbars",
    "--window-size=1280,860",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// How WebDriver names an element in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const ESCAPE: &str = "\u{e00c}";
pub(crate) const SPACE: &str = " ";

/// A running browser.
pub(crate) struct Chromium {
    driver: Child,
    agent: Agent,
    session: String,
}

/// Something on a page.
pub(crate) struct Element<'a> {
    browser: &'a Chromium,
    id: String,
}

impl Chromium {
    pub(crate) fn new() -> Self {
        Self::with(true)
    }

    /// One in which no page's script runs, as its user has set it.
    pub(crate) fn without_scripts() -> Self {
        Self::with(false)
    }

    fn with(scripts: bool) -> Self {
        let mut command = Command::new("chromedriver");
        let driver = command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut driver = driver.expect("chromedriver: `scripts/setup test` installs it");
        let said = BufReader::new(driver.stdout.take().unwrap());
        let port = said.lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let config = Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(PATIENCE));
        let agent: Agent = config.build().into();
        let session = format!("http://127.0.0.1:{}/session", port.expect("a port"));
        let mut browser = Self { driver, agent, session };
        let javascript = if scripts { 1 } else { 2 };
        let wish = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "binary": "/usr/bin/chromium",
                "args": ARGUMENTS,
                "prefs": { "profile.managed_default_content_settings.javascript": javascript },
            },
        } } });
        let made = browser.send("POST", "", wish).expect("a session");
        browser.session = format!("{}/{}", browser.session, made["sessionId"].as_str().unwrap());
        browser
    }

    fn send(&self, method: &str, path: &str, body: Value) -> Result<Value, String> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.session));
        let answer = match method {
            "POST" => {
                self.agent.run(request.header("content-type", "application/json").body(body.to_string()).unwrap())
            }
            _ => self.agent.run(request.body(()).unwrap()),
        };
        let text = answer.map_err(|why| why.to_string())?.body_mut().with_config().limit(64 << 20).read_to_string();
        let mut answer: Value =
            serde_json::from_str(&text.map_err(|why| why.to_string())?).map_err(|why| why.to_string())?;
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", value["message"].as_str().unwrap_or_default())),
            None => Ok(value),
        }
    }

    #[track_caller]
    fn post(&self, path: &str, body: Value) -> Value {
        self.send("POST", path, body).unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    /// Opens an address.
    #[track_caller]
    pub(crate) fn open(&self, address: &str) {
        self.post("/url", json!({ "url": address }));
    }

    /// Reads the page again.
    #[track_caller]
    pub(crate) fn reload(&self) {
        self.post("/refresh", json!({}));
    }

    /// The address of the page.
    #[track_caller]
    pub(crate) fn address(&self) -> String {
        self.send("GET", "/url", Value::Null).unwrap().as_str().unwrap().to_owned()
    }

    /// What an expression on the page gives.
    #[track_caller]
    pub(crate) fn eval(&self, expression: &str) -> Value {
        self.post("/execute/sync", json!({ "script": format!("return {expression}"), "args": [] }))
    }

    /// Runs a script on the page and waits until it calls the last of its arguments with a result.
    #[track_caller]
    pub(crate) fn run_async(&self, script: &str) -> Value {
        self.post("/execute/async", json!({ "script": script, "args": [] }))
    }

    /// A command of the DevTools protocol (<https://chromedevtools.github.io/devtools-protocol/>).
    #[track_caller]
    pub(crate) fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
    }

    /// The elements that a selector finds now.
    #[track_caller]
    pub(crate) fn all(&self, selector: &str) -> Vec<Element<'_>> {
        let found = self.post("/elements", json!({ "using": "css selector", "value": selector }));
        let ids = found.as_array().unwrap().iter().map(|one| one[ELEMENT].as_str().unwrap().to_owned());
        ids.map(|id| Element { browser: self, id }).collect()
    }

    /// Waits for what a selector finds first.
    #[track_caller]
    pub(crate) fn find(&self, selector: &str) -> Element<'_> {
        until(&format!("{selector} at {}", self.address()), || self.all(selector).into_iter().next())
    }

    /// Waits for a link or button that is called so.
    #[track_caller]
    pub(crate) fn called(&self, name: &str) -> Element<'_> {
        until(&format!("“{name}” at {}", self.address()), || {
            let named = |element: &Element<'_>| element.name().is_ok_and(|found| found == name);
            self.all("a, button, summary").into_iter().find(named)
        })
    }

    /// Waits until the page says something.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        until(&format!("“{text}” at {}: {}", self.address(), self.text()), || {
            self.text().contains(text).then_some(())
        });
    }

    /// What the page says, without what is hidden.
    pub(crate) fn text(&self) -> String {
        let body = self.all("body");
        body.first().and_then(|body| body.text().ok()).unwrap_or_default()
    }

    /// Types into the field with this name, in the place of what stands there.
    #[track_caller]
    pub(crate) fn fill(&self, field: &str, text: &str) {
        let field = self.find(&format!("input[name={field}], textarea[name={field}]"));
        field.clear();
        field.type_in(text);
    }

    /// Presses keys, one after the other, wherever the focus is.
    #[track_caller]
    pub(crate) fn press(&self, keys: &str) {
        let each = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|what| json!({ "type": what, "value": key.to_string() })));
        let actions: Vec<Value> = each.collect();
        self.post("/actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    /// Opens a second window and goes there; its handle and that of the first.
    #[track_caller]
    pub(crate) fn second_window(&self) -> (String, String) {
        let first = self.send("GET", "/window", Value::Null).unwrap();
        let second = self.post("/window/new", json!({ "type": "window" }))["handle"].clone();
        let text = |handle: Value| handle.as_str().unwrap().to_owned();
        let (first, second) = (text(first), text(second));
        self.go_to(&second);
        (first, second)
    }

    /// Goes on in another window.
    #[track_caller]
    pub(crate) fn go_to(&self, window: &str) {
        self.post("/window", json!({ "handle": window }));
    }

    /// What is seen of the page, as PNG.
    #[track_caller]
    pub(crate) fn picture(&self) -> Vec<u8> {
        let picture = self.devtools("Page.captureScreenshot", json!({ "format": "png" }));
        decoded(picture["data"].as_str().unwrap())
    }

    /// What pages complained of since the last call: broken scripts, what the policy kept out, what did not load.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" }));
        let severe = log.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Signs in by the form.
    #[track_caller]
    pub(crate) fn sign_in(&self, url: &str, email: &str, password: &str) {
        self.open(&format!("{url}/sign-in"));
        self.fill("email", email);
        self.fill("password", password);
        self.called("Sign in").click();
        self.find("#main");
    }
}

impl Element<'_> {
    fn path(&self, rest: &str) -> String {
        format!("/element/{}/{rest}", self.id)
    }

    /// Clicks on it as people do: it must be in sight and not under anything.
    #[track_caller]
    pub(crate) fn click(&self) {
        self.browser.post(&self.path("click"), json!({}));
    }

    /// Types into it.
    #[track_caller]
    pub(crate) fn type_in(&self, text: &str) {
        self.browser.post(&self.path("value"), json!({ "text": text }));
    }

    #[track_caller]
    fn clear(&self) {
        self.browser.post(&self.path("clear"), json!({}));
    }

    /// What it says.
    pub(crate) fn text(&self) -> Result<String, String> {
        let text = self.browser.send("GET", &self.path("text"), Value::Null)?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// One of its attributes; empty where it has none.
    #[track_caller]
    pub(crate) fn attribute(&self, name: &str) -> String {
        let value = self.browser.send("GET", &self.path(&format!("attribute/{name}")), Value::Null).unwrap();
        value.as_str().unwrap_or_default().to_owned()
    }

    /// What it is called for those who hear the page.
    fn name(&self) -> Result<String, String> {
        let name = self.browser.send("GET", &self.path("computedlabel"), Value::Null)?;
        Ok(name.as_str().unwrap_or_default().to_owned())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.text()));
            eprintln!("the page says:\n{}", text.unwrap_or_default());
        }
        // The browser ends with its session, and whoever drives it with the signal.
        let _ = self.send("DELETE", "", Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The bytes of a text in base64 (RFC 4648).
fn decoded(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|letter| ALPHABET.iter().position(|known| *known == letter));
    let digits: Vec<usize> = digits.collect();
    let four = digits.chunks(4).flat_map(|four| {
        let number = (0..4).fold(0, |number, at| number << 6 | four.get(at).copied().unwrap_or_default());
        number.to_be_bytes()[5..].to_vec().into_iter().take(four.len() - 1)
    });
    four.collect()
}
