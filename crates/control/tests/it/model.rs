//! Random sequences of everything that can be done to secrets, against a reference that is as plain as can be: what
//! starts and runs get, what differs, who holds what, what a preview says and how a name is explained. No process runs
//! here: the database says so.

mod reference;

use std::collections::{BTreeMap, BTreeSet};

use assurance::{Dice, count_or};
use axum::http::Method;
use control::app::organizations;
use domain::{DisplayName, Role, Slug};
use serde_json::{Value, json};

use self::reference::{Given, NAMES, Reference, Secret, Server, WORKSPACES};
use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::Sql,
    },
    support::{Actor, Answer, House, add_person},
};

/// How many things each sequence does.
const STEPS: usize = 12;

/// The servers of each workspace.
const SERVERS: usize = 1;

/// One sequence in an organization of its own.
struct Story<'a> {
    house: &'a House,
    sql: Sql,
    dice: Dice,
    organization: String,
    reference: Reference,
    /// What was done so far, to be told where something is wrong.
    told: Vec<String>,
    values: usize,
}

/// What is about to be done to the secret of a name.
struct Change {
    secret: String,
    method: Method,
    body: Value,
    preview: Value,
}

impl<'a> Story<'a> {
    async fn begin(house: &'a House, number: usize, dice: Dice) -> Self {
        let slug = format!("story-{number}");
        let (parsed, name) = (Slug::parse(&slug).expect("a slug"), DisplayName::parse(&slug).expect("a name"));
        organizations::create_by_operator(&house.app, &parsed, &name).await.expect("an organization");
        add_person(&house.app, "administrator", &slug, Role::Administrator).await;
        add_person(&house.app, "owner", &slug, Role::Member).await;
        let organization = format!("/organizations/{slug}");
        let mut reference = Reference::default();
        for workspace in 0..WORKSPACES {
            let named = json!({ "name": format!("w{workspace}") });
            house.owner.post(&format!("{organization}/workspaces"), named).await.expect(201);
            for _ in 0..SERVERS {
                server(&house.owner, &format!("{organization}/workspaces/w{workspace}"), "web").await;
                reference.servers.push(Server { workspace, has: None });
            }
        }
        let sql = Sql::open(house).await;
        Self { house, sql, dice, organization, reference, told: Vec::new(), values: 0 }
    }

    fn place(&self, home: Option<usize>) -> (String, &'a Actor) {
        match home {
            None => (self.organization.clone(), &self.house.administrator),
            Some(workspace) => (format!("{}/workspaces/w{workspace}", self.organization), &self.house.owner),
        }
    }

    fn address(&self, secret: &Secret) -> (String, &'a Actor) {
        let (place, writer) = self.place(secret.home);
        match secret.deleted {
            true => (format!("{place}/deleted-secrets/{}", secret.id), writer),
            false => (format!("{place}/secrets/{}", secret.name), writer),
        }
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.dice.below(NAMES.len())]
    }

    fn home(&mut self) -> Option<usize> {
        self.dice.below(WORKSPACES + 1).checked_sub(1)
    }

    fn value(&mut self) -> String {
        self.values += 1;
        format!("value {} of {}", self.values, self.organization)
    }

    /// Some secret for which this holds.
    fn some(&mut self, holds: impl Fn(&Secret) -> bool) -> Option<usize> {
        let fitting: Vec<usize> =
            (0..self.reference.secrets.len()).filter(|at| holds(&self.reference.secrets[*at])).collect();
        (!fitting.is_empty()).then(|| fitting[self.dice.below(fitting.len())])
    }

    fn selection(&mut self) -> BTreeSet<usize> {
        (0..WORKSPACES).filter(|_| self.dice.below(2) == 0).collect()
    }

    /// Does one thing, to the control plane and to the reference.
    async fn step(&mut self) {
        match self.dice.below(16) {
            0..=3 => self.write().await,
            4 => self.change_access().await,
            5 => self.rename().await,
            6 => self.delete().await,
            7 => self.restore().await,
            8 => self.put_back().await,
            9 => self.destroy().await,
            10 => self.suspend().await,
            11 => self.lift().await,
            12 | 13 => self.start().await,
            14 => self.stop().await,
            _ => self.run().await,
        }
    }

    async fn write(&mut self) {
        let (home, name, value) = (self.home(), self.name(), self.value());
        let selection = (home.is_none() && self.dice.below(2) == 0).then(|| self.selection());
        let mut body = json!({ "value": value });
        let mut preview = json!({ "operation": "set" });
        if let Some(selection) = &selection {
            let slugs: Vec<String> = selection.iter().map(|workspace| format!("w{workspace}")).collect();
            body["workspaces"] = json!(slugs);
            preview["workspaces"] = json!(slugs);
        }
        let known = self.reference.named(home, name);
        let secret = format!("{}/secrets/{name}", self.place(home).0);
        let answer = self.change(home, Change { secret, method: Method::PUT, body, preview }).await;
        let at = known.unwrap_or_else(|| {
            let id = answer.expect(201).json()["id"].as_str().unwrap().to_owned();
            let (all, selected) = (selection.is_none(), BTreeSet::new());
            let (suspended, deleted, destroyed, versions) = (false, false, false, Vec::new());
            self.reference.secrets.push(Secret {
                id,
                home,
                name,
                all,
                selected,
                versions,
                suspended,
                deleted,
                destroyed,
            });
            self.reference.secrets.len() - 1
        });
        let secret = &mut self.reference.secrets[at];
        if let Some(selection) = selection {
            (secret.all, secret.selected) = (false, selection);
        }
        secret.write(value);
    }

    async fn change_access(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted && secret.home.is_none()) else { return };
        let all = self.dice.below(3) == 0;
        let selection = self.selection();
        let slugs: Vec<String> = selection.iter().map(|workspace| format!("w{workspace}")).collect();
        let body = if all { json!({ "access": "all" }) } else { json!({ "workspaces": slugs }) };
        let mut preview = body.clone();
        preview["operation"] = json!("set_access");
        let secret = self.address(&self.reference.secrets[at]).0;
        self.change(None, Change { secret, method: Method::PATCH, body, preview }).await;
        let secret = &mut self.reference.secrets[at];
        secret.all = all;
        if !all {
            secret.selected = selection;
        }
    }

    async fn rename(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let (name, home) = (self.name(), self.reference.secrets[at].home);
        let (secret, writer) = self.address(&self.reference.secrets[at]);
        let taken = self.reference.named(home, name).is_some_and(|other| other != at);
        let body = json!({ "name": name });
        if taken {
            self.told.push(format!("rename {secret} to {name}, which is taken"));
            writer.patch(&secret, body).await.expect(409);
            return;
        }
        let preview = json!({ "operation": "rename", "name": name });
        self.change(home, Change { secret, method: Method::PATCH, body, preview }).await;
        self.reference.secrets[at].name = name;
    }

    async fn delete(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let home = self.reference.secrets[at].home;
        let secret = self.address(&self.reference.secrets[at]).0;
        let preview = json!({ "operation": "delete" });
        self.change(home, Change { secret, method: Method::DELETE, body: Value::Null, preview }).await;
        self.reference.secrets[at].deleted = true;
    }

    async fn restore(&mut self) {
        let Some(at) = self.some(|secret| secret.deleted) else { return };
        let secret = &self.reference.secrets[at];
        let (address, writer) = self.address(secret);
        let refused = secret.destroyed || self.reference.named(secret.home, secret.name).is_some();
        self.told.push(format!("restore {address}"));
        let answer = writer.post(&format!("{address}/restoration"), Value::Null).await;
        answer.expect(if refused { 409 } else { 200 });
        self.reference.secrets[at].deleted = refused;
    }

    async fn put_back(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let (address, writer) = self.address(&self.reference.secrets[at]);
        let number = self.dice.below(self.reference.secrets[at].version()) + 1;
        let secret = &mut self.reference.secrets[at];
        let version = &secret.versions[number - 1];
        let refused = number == secret.versions.len() || !version.kept || version.suspended;
        self.told.push(format!("put version {number} of {address} back"));
        let answer = writer.post(&format!("{address}/versions/{number}/restoration"), Value::Null).await;
        answer.expect(if refused { 409 } else { 200 });
        if !refused {
            let value = version.value.clone();
            secret.write(value);
        }
    }

    async fn destroy(&mut self) {
        let Some(at) = self.some(|_| true) else { return };
        let (address, writer) = self.address(&self.reference.secrets[at]);
        let number = self.dice.below(self.reference.secrets[at].version()) + 1;
        let secret = &mut self.reference.secrets[at];
        if secret.deleted {
            self.told.push(format!("destroy {address}"));
            writer.delete(&address).await.expect(if secret.destroyed { 409 } else { 204 });
            secret.destroyed = true;
            return;
        }
        self.told.push(format!("destroy version {number} of {address}"));
        let refused = number == secret.versions.len() || !secret.versions[number - 1].kept;
        writer.delete(&format!("{address}/versions/{number}")).await.expect(if refused { 409 } else { 204 });
        if !refused {
            secret.versions[number - 1].kept = false;
        }
    }

    async fn suspend(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let number = self.dice.below(self.reference.secrets[at].version() + 1);
        let address = self.address(&self.reference.secrets[at]).0;
        let version = (number > 0).then_some(number);
        self.told.push(format!("suspend {address} {version:?}"));
        let body = json!({ "version": version, "reason": "leaked" });
        // Also the secret of a workspace: the administrator writes no value of it, and may do this.
        self.house.administrator.put(&format!("{address}/suspension"), body).await.expect(200);
        match version {
            None => self.reference.secrets[at].suspended = true,
            Some(number) => self.reference.secrets[at].versions[number - 1].suspended = true,
        }
    }

    async fn lift(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let number = self.dice.below(self.reference.secrets[at].version() + 1);
        let (address, writer) = self.address(&self.reference.secrets[at]);
        let secret = &mut self.reference.secrets[at];
        let (suspended, query) = match number {
            0 => (&mut secret.suspended, String::new()),
            number => (&mut secret.versions[number - 1].suspended, format!("?version={number}")),
        };
        self.told.push(format!("lift {address}{query}"));
        let answer = writer.delete(&format!("{address}/suspension{query}")).await;
        answer.expect(if *suspended { 200 } else { 409 });
        *suspended = false;
    }

    async fn start(&mut self) {
        let at = self.dice.below(self.reference.servers.len());
        let workspace = self.reference.servers[at].workspace;
        self.end(at).await;
        let address = format!("{}/workspaces/w{workspace}/servers/web", self.organization);
        self.told.push(format!("start {address}"));
        runs(self.house, &self.house.owner, &address).await;
        self.reference.servers[at].has = Some(self.reference.environment(workspace).0);
    }

    async fn stop(&mut self) {
        let at = self.dice.below(self.reference.servers.len());
        self.told.push(format!("stop the server of w{}", self.reference.servers[at].workspace));
        self.end(at).await;
    }

    /// The process of a server ends, as the database has it.
    async fn end(&mut self, at: usize) {
        if self.reference.servers[at].has.take().is_none() {
            return;
        }
        let slug = format!("w{}", self.reference.servers[at].workspace);
        let organization = self.organization.rsplit('/').next().unwrap();
        let its = format!(
            "(SELECT x.id FROM servers x JOIN workspaces w ON w.id = x.workspace_id JOIN organizations o \
             ON o.id = w.organization_id WHERE w.slug = '{slug}' AND o.slug = '{organization}')"
        );
        let ended = format!("UPDATE starts SET ended_at = started_at WHERE ended_at IS NULL AND server_id = {its}");
        self.sql.execute(&ended).await;
        let stopped = format!("UPDATE servers SET status = 'stopped', start_id = NULL WHERE id = {its}");
        self.sql.execute(&stopped).await;
    }

    /// A run gets exactly the values that it should.
    async fn run(&mut self) {
        let workspace = self.dice.below(WORKSPACES);
        let organization = self.organization.rsplit('/').next().unwrap();
        let wish = json!({ "organization": organization, "workspace": format!("w{workspace}"), "host": "laptop" });
        self.told.push(format!("run in w{workspace}"));
        let run = self.house.owner.post("/runs", wish).await.expect(201).json();
        let got: BTreeMap<String, (u64, String)> = run["variables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["name"]), (one["version"].as_u64().unwrap(), text(&one["value"]))))
            .collect();
        let (given, left_out) = self.reference.environment(workspace);
        let value = |(secret, version): Given| {
            (version as u64, self.reference.secrets[secret].versions[version - 1].value.clone())
        };
        let expected = given.iter().map(|(name, given)| ((*name).to_owned(), value(*given))).collect();
        assert_eq!(got, expected, "{:#?}", self.told);
        assert_eq!(run["left_out"], json!(left_out), "{:#?}", self.told);
        for (secret, version) in given.into_values() {
            self.reference.read.insert((workspace, secret), version);
        }
    }

    /// Asks for a preview, makes the change, and finds that the preview was right.
    async fn change(&mut self, home: Option<usize>, change: Change) -> Answer {
        let Change { secret, method, body, preview } = change;
        self.told.push(format!("{method} {secret} {preview}"));
        let writer = self.place(home).1;
        let said = writer.post(&format!("{secret}/preview"), preview).await.expect(200).json();
        let body = (!body.is_null()).then(|| body.to_string());
        let done = writer.send(method, &secret, body).await;
        assert!(done.status.is_success(), "{}: {:#?}", done.text, self.told);
        let named = |answer: &Value| {
            let servers = answer["restart_needed"].as_array().expect("servers").iter();
            servers.map(|one| (text(&one["workspace"]), text(&one["server"]))).collect::<Vec<_>>()
        };
        if !done.text.is_empty() {
            assert_eq!(named(&said), named(&done.json()), "{:#?}", self.told);
        }
        let stale = self.stale_servers().await;
        let within = |workspace: &str| home.is_none_or(|home| workspace == format!("w{home}"));
        let expected: Vec<_> = stale.into_iter().filter(|(workspace, _)| within(workspace)).collect();
        assert_eq!(named(&said), expected, "{:#?}", self.told);
        done
    }

    /// The servers that say that they need a restart.
    async fn stale_servers(&self) -> Vec<(String, String)> {
        let mut stale = Vec::new();
        for workspace in 0..WORKSPACES {
            let servers = self.house.owner.get(&format!("{}/workspaces/w{workspace}/servers", self.organization)).await;
            for server in servers.expect(200).json()["items"].as_array().unwrap() {
                if server["restart_needed"] == true {
                    stale.push((format!("w{workspace}"), text(&server["slug"])));
                }
            }
        }
        stale
    }

    /// Everything that can be asked is as the reference has it.
    async fn check(&mut self) {
        for workspace in 0..WORKSPACES {
            let place = format!("{}/workspaces/w{workspace}", self.organization);
            self.check_environment(workspace, &place).await;
            self.check_drift(workspace, &place).await;
            let name = self.name();
            self.check_explanation(workspace, &place, name).await;
        }
        if let Some(secret) = self.some(|_| true) {
            self.check_holders(secret).await;
        }
    }

    async fn check_environment(&self, workspace: usize, place: &str) {
        let listed = self.house.owner.get(&format!("{place}/secrets")).await.expect(200).json();
        let mut got = BTreeMap::new();
        let mut left_out = BTreeSet::new();
        for one in listed["items"].as_array().unwrap().iter().filter(|one| one["overridden"] == false) {
            if one["suspended"] == true {
                left_out.insert(text(&one["name"]));
            } else {
                got.insert(text(&one["name"]), (text(&one["id"]), one["version"].as_u64().unwrap()));
            }
        }
        let (given, without) = self.reference.environment(workspace);
        let expected = given.iter().map(|(name, given)| ((*name).to_owned(), self.known(*given))).collect();
        assert_eq!(got, expected, "{:#?}", self.told);
        assert!(left_out.iter().eq(without.iter().copied()), "{left_out:?} {without:?} {:#?}", self.told);
    }

    async fn check_drift(&self, workspace: usize, place: &str) {
        let seen = self.house.owner.get(&format!("{place}/servers/web")).await.expect(200).json();
        let side =
            |side: &Value| (!side.is_null()).then(|| (text(&side["secret_id"]), side["version"].as_u64().unwrap()));
        let said: BTreeMap<_, _> = seen["drift"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["name"]), (side(&one["from"]), side(&one["to"]))))
            .collect();
        let server = self.reference.servers.iter().find(|server| server.workspace == workspace).unwrap();
        let expected: BTreeMap<_, _> = self
            .reference
            .drift(server)
            .into_iter()
            .map(|(name, (from, to))| (name.to_owned(), (from.map(|of| self.known(of)), to.map(|of| self.known(of)))))
            .collect();
        assert_eq!(said, expected, "{:#?}", self.told);
        assert_eq!(seen["restart_needed"], !expected.is_empty(), "{:#?}", self.told);
        for one in seen["drift"].as_array().unwrap() {
            let kind = match (one["from"].is_null(), one["to"].is_null()) {
                (true, _) => "added",
                (_, true) => "removed",
                _ => "changed",
            };
            assert_eq!(one["kind"], kind);
            assert!(!one["at"].is_null() && !one["by"].is_null(), "{one:#} {:#?}", self.told);
        }
    }

    async fn check_explanation(&self, workspace: usize, place: &str, name: &str) {
        let explained = self.house.owner.get(&format!("{place}/explanations/{name}")).await.expect(200).json();
        let layers = explained["layers"].as_array().unwrap();
        let said: Vec<_> = layers.iter().map(|layer| (text(&layer["secret_id"]), text(&layer["state"]))).collect();
        let mut expected = Vec::new();
        if let Some((winner, overridden)) = self.reference.winner(workspace, name) {
            let winner = &self.reference.secrets[winner];
            let state = if winner.held_back() { "suspended" } else { "injected" };
            expected.push((winner.id.clone(), state.to_owned()));
            expected.extend(overridden.map(|at| (self.reference.secrets[at].id.clone(), "overridden".to_owned())));
        }
        assert_eq!(said, expected, "{:#?}", self.told);
    }

    async fn check_holders(&self, secret: usize) {
        let address = self.address(&self.reference.secrets[secret]).0;
        let told = self.house.administrator.get(&format!("{address}/holders")).await.expect(200).json();
        let said: BTreeSet<_> = told["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["workspace"]), one["version"].as_u64().unwrap(), one["stale"] == true))
            .collect();
        let holders = self.reference.holders(secret).into_iter();
        let expected: BTreeSet<_> = holders
            .map(|(at, version, stale)| (format!("w{}", self.reference.servers[at].workspace), version as u64, stale))
            .collect();
        assert_eq!(said, expected, "{address} {:#?}", self.told);
        let readers: BTreeSet<_> = told["also_read_by"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["workspace"]), one["version"].as_u64().unwrap()))
            .collect();
        let read = self.reference.read.iter().filter(|((_, of), _)| *of == secret);
        let expected: BTreeSet<_> =
            read.map(|((workspace, _), version)| (format!("w{workspace}"), *version as u64)).collect();
        assert_eq!(readers, expected, "{address} {:#?}", self.told);
    }

    /// A secret and version of the reference, as the control plane names them.
    fn known(&self, (secret, version): Given) -> (String, u64) {
        (self.reference.secrets[secret].id.clone(), version as u64)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

both! {
    async fn whatever_is_done_to_secrets_everybody_is_told_what_is_true(house) {
        let sequences = count_or(5_000, 40);
        for number in 0..sequences {
            let dice = Dice::of(&format!("the model on {:?}, sequence {number}", house.database));
            let mut story = Story::begin(&house, number, dice).await;
            for _ in 0..STEPS {
                story.step().await;
                story.check().await;
            }
        }
        house.report("model", &format!("{sequences} sequences of {STEPS} steps: 0 answers other than the reference's"));
    }
}
