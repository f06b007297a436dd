//! A control plane of a team that has begun to work with it.

use std::{fs, path::PathBuf, sync::Arc};

use serde_json::{Value, json};

use crate::{
    chromium::Chromium,
    support::{Actor, ControlPlane, Options, actor::Line, environment_of, until},
};

pub(crate) const EMAIL: &str = "mina@acme.test";
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const ORGANIZATION: &str = "/organizations/acme-lab";
pub(crate) const WORKSPACE: &str = "/organizations/acme-lab/workspaces/nlp-sandbox";

/// Writes its whole environment, as it was handed to it, into its home, and runs on.
pub(crate) const SHOW: &str = "sh -c 'cat /proc/$$/environ > .new; mv .new environment; exec sleep 1000'";

/// A control plane, and whoever administers its organization and owns its first workspace.
pub(crate) struct Installation {
    pub(crate) control_plane: ControlPlane,
    pub(crate) mina: Actor,
}

impl Installation {
    /// One that nobody has set up.
    pub(crate) fn untouched() -> ControlPlane {
        let mut control_plane = ControlPlane::new(Options::default(), Arc::<Line>::default());
        control_plane.start();
        control_plane
    }

    /// One with the organization `Acme Lab` and the workspace `nlp-sandbox`.
    pub(crate) fn new() -> Self {
        let line = Arc::<Line>::default();
        let anonymous = Actor::new(line.clone());
        let mut control_plane = ControlPlane::new(Options { same_address: true, ..Options::default() }, line);
        control_plane.start();
        let set_up = json!({
            "setup_code": control_plane.setup_code().trim(), "email": EMAIL, "name": "Mina Kim",
            "password": PASSWORD, "organization": { "name": "Acme Lab" },
        });
        anonymous.post("/setup", set_up).expect(201);
        let session = anonymous.post("/sessions", json!({ "email": EMAIL, "password": PASSWORD })).expect(201);
        let cookie = session.cookie.expect("a session's cookie");
        let mina = anonymous.with("cookie", cookie.split(';').next().unwrap()).with("sec-fetch-site", "same-origin");
        mina.post(&format!("{ORGANIZATION}/workspaces"), json!({ "name": "nlp-sandbox" })).expect(201);
        Self { control_plane, mina }
    }

    pub(crate) fn url(&self) -> String {
        self.control_plane.url()
    }

    /// A page of this installation.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("{}{path}", self.url())
    }

    /// Signs a browser in.
    pub(crate) fn signed_in(&self, browser: &Chromium) {
        browser.sign_in(&self.url(), EMAIL, PASSWORD);
    }

    /// Writes a secret of the organization.
    pub(crate) fn organization_secret(&self, name: &str, body: Value) {
        self.mina.put(&format!("{ORGANIZATION}/secrets/{name}"), body);
    }

    /// Writes a secret of the workspace.
    pub(crate) fn secret(&self, name: &str, value: &str) {
        self.mina.put(&format!("{WORKSPACE}/secrets/{name}"), json!({ "value": value }));
    }

    /// Adds a server to the workspace, and starts it.
    pub(crate) fn running_server(&self, name: &str, command: &[&str]) {
        let server = json!({ "name": name, "command": command, "variables": { "MODE": "test" } });
        self.mina.post(&format!("{WORKSPACE}/servers"), server).expect(201);
        self.mina.post(&format!("{WORKSPACE}/servers/{name}/start"), json!({})).expect(202);
        until("a running server", || {
            let server = self.mina.get(&format!("{WORKSPACE}/servers/{name}")).json();
            (server["status"] == "running").then_some(())
        });
    }
}

/// What the one workspace's server that [`SHOW`]s it got at its newest start.
#[track_caller]
pub(crate) fn environment(control_plane: &ControlPlane) -> std::collections::BTreeMap<String, String> {
    let homes = control_plane.data().join("homes");
    let shown = || -> Option<PathBuf> {
        let home = fs::read_dir(&homes).ok()?.flatten().next()?.path().join("environment");
        home.exists().then_some(home)
    };
    let file = until("the environment", shown);
    let block = fs::read(&file).unwrap();
    fs::remove_file(file).unwrap();
    environment_of(&block)
}
