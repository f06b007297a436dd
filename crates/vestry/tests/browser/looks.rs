//! Every page in light and dark, wide and narrow: axe-core finds nothing, nothing runs over the edge, the browser
//! complains of nothing. With a folder in `VESTRY_PICTURES` (`make screenshots`) it is drawn, too.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    chromium::Chromium,
    installation::{Installation, ORGANIZATION, WORKSPACE},
};

/// Runs axe-core with all its rules, and gives each violation with the elements that it is of.
const AXE: &str = "const done = arguments[arguments.length - 1]; axe.run(document, { resultTypes: ['violations'] }).then(\
    ({ violations }) => done(violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 120) + ' ' \
    + (node.any[0]?.message ?? '')).join(' | ')}`)), (why) => done([`axe: ${why}`]))";

/// What is wider than the window, though nothing in it may be scrolled.
const TOO_WIDE: &str = "(() => { const wide = document.documentElement.scrollWidth; if (wide <= innerWidth) return []; \
    return [`${wide} of ${innerWidth}`, ...[...document.querySelectorAll('body *')].filter((one) => \
    one.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map((one) => one.outerHTML.slice(0, 120))]; })()";

/// What is to be pressed and too small for it (WCAG 2.2, 2.5.8): links within a sentence are free to be.
const TOO_SMALL: &str = "[...document.querySelectorAll('button, summary, a.button, a.nav, .tabs a, input:not([type=hidden]), select')].filter((one) => \
    { const box = one.getBoundingClientRect(); return box.width > 0 && (box.height < 24 || box.width < 24) && !['radio', 'checkbox'].includes(one.type) \
    && one.checkVisibility() && box.right > 0; }).map((one) => one.outerHTML.slice(0, 120))";

const SIZES: [(&str, u32, u32); 3] = [("wide", 1280, 800), ("narrow", 320, 640), ("vast", 2560, 1440)];
const THEMES: [&str; 2] = ["light", "dark"];

fn axe() -> String {
    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("browser/node_modules/axe-core/axe.min.js");
    fs::read_to_string(&file)
        .unwrap_or_else(|_| panic!("{} is missing: `scripts/setup test` installs it", file.display()))
}

/// A team in the middle of its work.
fn furnish(installation: &Installation) {
    let mina = &installation.mina;
    let workspace = json!({ "name": "Genomics production", "slug": "genomics-prod", "description": "Variant calling" });
    mina.post(&format!("{ORGANIZATION}/workspaces"), workspace).expect(201);
    for (name, body) in [
        ("AWS_ACCESS_KEY_ID", json!({ "value": "value-of-12345" })),
        ("OPENAI_API_KEY", json!({ "value": "value-of-12345" })),
        (
            "HF_TOKEN",
            json!({ "value": "value-of-12345", "workspaces": ["nlp-sandbox", "genomics-prod"], "description": "Hugging Face, read only" }),
        ),
        ("LEGACY_SMTP_PASSWORD", json!({ "value": "value-of-12345", "workspaces": [] })),
        ("OLD_TOKEN", json!({ "value": "value-of-12345" })),
    ] {
        installation.organization_secret(name, body);
    }
    for name in ["DATABASE_URL", "OPENAI_API_KEY", "WANDB_API_KEY", "OLD_KEY"] {
        installation.secret(name, &format!("value-of-{name}"));
    }
    let script = "n=0; while true; do n=$((n + 1)); echo \"document $n embedded with $OPENAI_API_KEY\"; sleep 1; done";
    installation.running_server("jupyter", &["sh", "-c", script]);
    // Deleted, and still held.
    mina.delete(&format!("{ORGANIZATION}/secrets/OLD_TOKEN")).expect(204);
    mina.delete(&format!("{WORKSPACE}/secrets/OLD_KEY")).expect(204);
    let trainer = json!({ "name": "trainer", "command": ["sh", "-c", "echo no data >&2; exit 3"] });
    mina.post(&format!("{WORKSPACE}/servers"), trainer).expect(201);
    mina.post(&format!("{WORKSPACE}/servers/trainer/start"), json!({})).expect(202);
    crate::support::until("the trainer's failure", || {
        let server = mina.get(&format!("{WORKSPACE}/servers/trainer")).json();
        (server["status"] == "failed" || server["status"] == "stopped").then_some(())
    });
    installation.secret("OPENAI_API_KEY", "another-value-of-OPENAI_API_KEY");
    installation.organization_secret("NEW_TOKEN", json!({ "value": "value-of-12345" }));
    mina.put(&format!("{WORKSPACE}/secrets/WANDB_API_KEY/suspension"), json!({ "reason": "leaked in a notebook" }))
        .expect(200);
    mina.post(&format!("{WORKSPACE}/tokens"), json!({ "name": "Pipeline" })).expect(201);
}

/// Every page that a link leads to: of those that differ in what they are about only, the first. Each with a name.
fn pages(installation: &Installation, browser: &Chromium) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut open = VecDeque::from([format!("{ORGANIZATION}/workspaces"), "/no-such-page".to_owned()]);
    while let Some(path) = open.pop_front() {
        let name = name(&path);
        if pages.contains_key(&name) {
            continue;
        }
        browser.open(&installation.page(&path));
        let links = browser.eval("[...document.querySelectorAll('a[href]')].map((link) => link.getAttribute('href'))");
        let links = links.as_array().unwrap().iter().map(|link| link.as_str().unwrap());
        let pages_of = links.filter(|link| link.starts_with('/') && !link.starts_with("/api/"));
        // Workspace pages are looked at where something runs.
        open.extend(pages_of.filter(|link| !link.contains("genomics-prod")).map(str::to_owned));
        pages.insert(name, path);
    }
    pages
}

/// An address without what it is about: `/organizations/acme-lab/workspaces/nlp-sandbox/secrets` is `workspace-secrets`.
fn name(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_start_matches(ORGANIZATION);
    let path = path.replace("/workspaces/nlp-sandbox", "/workspace").replace("/workspaces/genomics-prod", "/workspace");
    let mut parts = Vec::new();
    let mut rest = path.split('/').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = rest.next() {
        let one =
            part.strip_suffix('s').filter(|_| ["secrets", "deleted-secrets", "servers", "restarts"].contains(&part));
        match (one, rest.peek()) {
            (Some(one), Some(next)) if *next != "new" => {
                parts.push(one.to_owned());
                rest.next();
            }
            _ => parts.push(part.to_owned()),
        }
    }
    if parts.is_empty() { "first".to_owned() } else { parts.join("-") }
}

struct Eye<'a> {
    browser: &'a Chromium,
    axe: String,
    pictures: Option<PathBuf>,
    wrong: Vec<String>,
}

impl Eye<'_> {
    /// Looks at what is open now.
    fn look(&mut self, name: &str) {
        for (size, width, height) in SIZES {
            let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
            self.browser.devtools("Emulation.setDeviceMetricsOverride", metrics);
            for theme in THEMES {
                let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }, { "name": "prefers-reduced-motion", "value": "reduce" }] });
                self.browser.devtools("Emulation.setEmulatedMedia", media);
                self.browser.eval("document.fonts.ready && null");
                let found = [
                    ("too wide", self.browser.eval(TOO_WIDE)),
                    ("too small", self.browser.eval(TOO_SMALL)),
                    ("axe", {
                        self.browser.eval(&format!("(() => {{ {} }})()", self.axe));
                        self.browser.run_async(AXE)
                    }),
                ];
                for (what, found) in found {
                    let found: BTreeSet<&str> = found.as_array().unwrap().iter().filter_map(Value::as_str).collect();
                    self.wrong.extend(found.iter().map(|one| format!("{name}, {size}, {theme}: {what}: {one}")));
                }
                if let Some(folder) = &self.pictures {
                    fs::write(folder.join(format!("{name}-{size}-{theme}.png")), self.browser.picture()).unwrap();
                }
            }
        }
        let complaints = self.browser.complaints();
        // A page that is not there is told to the console, as it should be.
        let complaints = complaints.iter().filter(|complaint| !complaint.contains("no-such-page"));
        self.wrong.extend(complaints.map(|complaint| format!("{name}: {complaint}")));
        self.browser.devtools("Emulation.clearDeviceMetricsOverride", json!({}));
    }
}

#[test]
fn what_is_wrong_with_a_page_is_seen() {
    let browser = Chromium::new();
    let installation = Installation::new();
    browser.open(&installation.url());
    let mut eye = Eye { browser: &browser, axe: axe(), pictures: None, wrong: Vec::new() };
    browser.eval(
        "document.body.insertAdjacentHTML('beforeend', '<button class=small>x</button><img src=/no-such-picture>'\
         + '<p class=faint>faint</p><div class=broad>x</div>')",
    );
    let style = "Object.assign(document.querySelector";
    browser.eval(&format!("void {style}('.small').style, {{ height: '9px', padding: 0 }})"));
    browser.eval(&format!("void {style}('.faint').style, {{ color: '#ccc', background: '#fff' }})"));
    browser.eval(&format!("void {style}('.broad').style, {{ width: '2000px' }})"));
    eye.look("sign-in");
    let wrong = eye.wrong.join("\n");
    for seen in ["image-alt", "color-contrast", "too small: <button", "too wide: 20", "no-such-picture"] {
        assert!(wrong.contains(seen), "{seen} was not seen: {wrong}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where to is said by `make screenshots` alone")]
fn every_page_is_for_everybody_in_both_themes_and_at_every_width() {
    let browser = Chromium::new();
    let pictures = std::env::var("VESTRY_PICTURES").ok().map(PathBuf::from);
    let mut eye = Eye { browser: &browser, axe: axe(), pictures, wrong: Vec::new() };

    let untouched = Installation::untouched();
    browser.open(&untouched.url());
    eye.look("setup");
    drop(untouched);

    let installation = Installation::new();
    browser.open(&installation.url());
    eye.look("sign-in");
    installation.signed_in(&browser);
    browser.open(&installation.page(&format!("{WORKSPACE}/secrets")));
    eye.look("workspace-secrets-empty");
    browser.open(&installation.page(&format!("{WORKSPACE}/servers")));
    eye.look("workspace-servers-empty");
    furnish(&installation);
    let pages = pages(&installation, &browser);
    assert!(pages.len() > 25, "{pages:#?}");
    browser.complaints();
    for (name, path) in &pages {
        browser.open(&installation.page(path));
        eye.look(name);
    }

    // What shows only after something was done: a form that does not fit, a review, a token, a restart.
    browser.open(&installation.page(&format!("{WORKSPACE}/create-secret")));
    browser.fill("name", "PATH");
    browser.called("Save").click();
    browser.says("typed again");
    browser.complaints();
    eye.look("workspace-create-secret-refused");
    browser.open(&installation.page(&format!("{WORKSPACE}/import")));
    browser.fill("content", "OPENAI_API_KEY=one\nNEW_KEY='two'\nPATH=three\n4=\n");
    browser.called("Review…").click();
    browser.says("refused");
    eye.look("workspace-import-review");
    browser.open(&installation.page("/account"));
    browser.fill("name", "laptop");
    browser.find("form[action='/account/tokens'] button").click();
    browser.says("vst_p_");
    eye.look("account-token");
    browser.open(&installation.page(&format!("{WORKSPACE}/servers")));
    browser.called("Restart jupyter").click();
    browser.says("1 of 1 done");
    eye.look("restart-done");
    let wrong = &eye.wrong;
    assert!(wrong.is_empty(), "{} things:\n{}", wrong.len(), wrong.join("\n"));
}
