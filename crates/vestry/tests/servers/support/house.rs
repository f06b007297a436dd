//! An organization with an administrator and the owner of a workspace, and the workspace's servers.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use serde_json::{Value, json};

use super::{Actor, ControlPlane, Options, actor::Line, environment_of, until};

const PASSWORD: &str = "a password for tests";

/// The workspace's address below `/api/v1`.
pub(crate) const LAB: &str = "/organizations/acme/workspaces/lab";

/// Writes its whole environment, as it was handed to it, into its home, and runs on.
const SHOW: &str = r#"cat /proc/$$/environ > .new; mv .new "environment of $VESTRY_SERVER"; exec sleep 1000"#;

/// A control plane with the organization `acme` and the owner's workspace `lab`.
pub(crate) struct House {
    pub(crate) anonymous: Actor,
    pub(crate) administrator: Actor,
    pub(crate) owner: Actor,
    pub(crate) control_plane: ControlPlane,
    line: Arc<Line>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let line = Arc::<Line>::default();
        let anonymous = Actor::new(line.clone());
        let mut control_plane = ControlPlane::new(options, line.clone());
        control_plane.start();
        let code = control_plane.setup_code();
        let setup = json!({
            "setup_code": code.trim(), "email": email("administrator"), "name": "Administrator",
            "password": PASSWORD, "organization": { "name": "Acme" },
        });
        anonymous.post("/setup", setup).expect(201);
        add_person(&control_plane, "owner");
        let house = Self {
            administrator: sign_in(&anonymous, "administrator"),
            owner: sign_in(&anonymous, "owner"),
            anonymous,
            control_plane,
            line,
        };
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "Lab" })).expect(201);
        house
    }

    /// A person to whom the owner has given access to `lab`.
    pub(crate) fn collaborator(&self) -> Actor {
        add_person(&self.control_plane, "collaborator");
        let collaborator = sign_in(&self.anonymous, "collaborator");
        self.owner.put(&format!("{LAB}/collaborators/{}", collaborator.email), json!({})).expect(204);
        collaborator
    }

    /// Another member, without access to `lab` and without a token; their address.
    pub(crate) fn member(&self, name: &str) -> String {
        add_person(&self.control_plane, name);
        email(name)
    }

    /// Kills the control plane as a crash would, and starts it again.
    pub(crate) fn crash(&mut self) {
        self.control_plane.kill();
        self.control_plane.start();
    }

    /// The administrator writes an organization secret.
    pub(crate) fn organization_secret(&self, name: &str, body: Value) -> Value {
        written(self.administrator.put(&format!("/organizations/acme/secrets/{name}"), body))
    }

    /// The owner writes a secret of `lab`.
    pub(crate) fn workspace_secret(&self, name: &str, value: &str) -> Value {
        written(self.owner.put(&format!("{LAB}/secrets/{name}"), json!({ "value": value })))
    }

    /// The owner adds a server to `lab` that runs a script.
    pub(crate) fn server(&self, name: &str, script: &str) -> Server<'_> {
        self.server_in(LAB, json!({ "name": name, "command": ["sh", "-c", script] }))
    }

    /// The owner adds a server to `lab` that shows its environment.
    pub(crate) fn showing_server(&self, variables: Value) -> Server<'_> {
        self.server_in(LAB, json!({ "name": "show", "command": ["sh", "-c", SHOW], "variables": variables }))
    }

    /// The owner adds a server to a workspace.
    pub(crate) fn server_in(&self, workspace: &str, body: Value) -> Server<'_> {
        let slug = self.owner.post(&format!("{workspace}/servers"), body).expect(201).json()["slug"].clone();
        self.known_server(workspace, slug.as_str().unwrap())
    }

    /// A server that is there already.
    pub(crate) fn known_server(&self, workspace: &str, slug: &str) -> Server<'_> {
        Server { house: self, workspace: workspace.to_owned(), slug: slug.to_owned() }
    }

    /// A workspace's home directory on this machine.
    pub(crate) fn home(&self, workspace: &str) -> PathBuf {
        let id = self.owner.get(workspace).expect(200).json()["id"].clone();
        self.control_plane.data().join("homes").join(id.as_str().unwrap())
    }

    /// All that the control plane ever answered.
    pub(crate) fn transcript(&self) -> Vec<u8> {
        self.line.transcript.lock().unwrap().clone()
    }
}

/// A server with its house.
pub(crate) struct Server<'a> {
    house: &'a House,
    workspace: String,
    slug: String,
}

impl Server<'_> {
    /// Its address below `/api/v1`.
    pub(crate) fn path(&self) -> String {
        format!("{}/servers/{}", self.workspace, self.slug)
    }

    /// As its owner sees it.
    pub(crate) fn get(&self) -> Value {
        self.house.owner.get(&self.path()).expect(200).json()
    }

    /// Waits until it has a status, and gives it.
    #[track_caller]
    pub(crate) fn becomes(&self, status: &str) -> Value {
        let server = until(status, || {
            let server = self.get();
            let settled = server["status"] == status || server["status"] == "failed";
            settled.then_some(server)
        });
        assert_eq!(server["status"], status, "{server:#}");
        server
    }

    /// The owner starts it; waits until it runs.
    #[track_caller]
    pub(crate) fn start(&self) -> Value {
        self.house.owner.post(&format!("{}/start", self.path()), json!({})).expect(202);
        self.becomes("running")
    }

    /// The owner stops it; waits until it has stopped.
    #[track_caller]
    pub(crate) fn stop(&self) -> Value {
        self.house.owner.post(&format!("{}/stop", self.path()), json!({})).expect(202);
        self.becomes("stopped")
    }

    /// The owner restarts it; waits for what became of that, and gives the new start record.
    #[track_caller]
    pub(crate) fn restart(&self) -> Value {
        self.house.owner.post(&format!("{}/restart", self.path()), json!({})).expect(202);
        self.newest_start()
    }

    /// Its newest start record, once its outcome is known.
    #[track_caller]
    pub(crate) fn newest_start(&self) -> Value {
        until("the outcome of a start", || {
            let newest = self.starts().swap_remove(0);
            (newest["outcome"] != "pending").then_some(newest)
        })
    }

    /// Its start records, newest first.
    pub(crate) fn starts(&self) -> Vec<Value> {
        let starts = self.house.owner.get(&format!("{}/starts", self.path())).expect(200).json();
        starts["items"].as_array().unwrap().clone()
    }

    /// What differs: for each name, its difference.
    pub(crate) fn drift(&self) -> BTreeMap<String, Value> {
        let server = self.get();
        let drift = server["drift"].as_array().unwrap();
        assert_eq!(server["restart_needed"], !drift.is_empty());
        drift.iter().map(|difference| (difference["name"].as_str().unwrap().to_owned(), difference.clone())).collect()
    }

    /// The last lines of its log, at most 10,000.
    pub(crate) fn log(&self) -> String {
        self.house.owner.get(&format!("{}/logs?lines=10000", self.path())).expect(200).text
    }

    /// Waits until its log has a text, and gives it.
    #[track_caller]
    pub(crate) fn logs(&self, text: &str) -> String {
        until(&format!("`{text}` in the log"), || Some(self.log()).filter(|log| log.contains(text)))
    }

    /// The environment that a [showing server](House::showing_server) wrote since the last call.
    #[track_caller]
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let file = self.house.home(&self.workspace).join(format!("environment of {}", self.slug));
        let block = until("the environment", || fs::read(&file).ok());
        fs::remove_file(file).unwrap();
        environment_of(&block)
    }
}

fn written(answer: super::Answer) -> Value {
    assert!([200, 201].contains(&answer.status), "{}", answer.text);
    answer.json()
}

fn email(person: &str) -> String {
    format!("{person}@acme.test")
}

/// Adds a member as the operator does.
fn add_person(control_plane: &ControlPlane, person: &str) {
    let add = ["member", "add", &email(person), "--organization", "acme", "--name", person, "--password-stdin"];
    control_plane.operate(&add, &format!("{PASSWORD}\n"));
}

/// Signs a person in and gives them a token with every permission.
fn sign_in(anonymous: &Actor, person: &str) -> Actor {
    let email = email(person);
    let session = anonymous.post("/sessions", json!({ "email": email, "password": PASSWORD })).expect(201);
    let cookie = session.cookie.expect("a session's cookie");
    let browser = anonymous.with("cookie", cookie.split(';').next().unwrap()).with("sec-fetch-site", "same-origin");
    let wish = json!({ "name": "tests", "access": "full", "organization_secrets": true });
    let made = browser.post("/me/tokens", wish).expect(201).json();
    let mut person = anonymous.with("authorization", &format!("Bearer {}", made["token"].as_str().unwrap()));
    person.email = email;
    person
}
