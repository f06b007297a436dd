//! Random sequences with real servers: at every moment each program has just what the model of the rules says, and is
//! said to differ as the model says.

#[allow(unreachable_pub, reason = "nobody but tests uses it")]
#[path = "../../../control/tests/it/model/causes.rs"]
mod causes;
#[allow(unreachable_pub, reason = "nobody but tests uses it")]
#[path = "../../../control/tests/it/model/reference.rs"]
#[expect(dead_code, reason = "what this test does not ask of the model, the one without processes does")]
mod reference;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use assurance::{Dice, count_or, report};
use serde_json::json;

use self::reference::{NAMES, Reference, Secret, Server as Known, Stamp, WORKSPACES};
use crate::{environments::BASE, support::*};

/// How many things each sequence does.
const STEPS: usize = 12;

/// Writes its whole environment, as it was handed to it, into its home, and runs on with it; says when two of it run at
/// once.
const SHOW: &str = r#"
exec 9>lock; flock -n 9 || { echo twice >twice; exit 1; }
cat /proc/$$/environ > .new; mv .new "environment of $VESTRY_SERVER"; exec sleep 1000
"#;

const ACME: &str = "/organizations/acme";

/// One sequence in workspaces of its own.
struct Story {
    house: House,
    number: usize,
    dice: Dice,
    reference: Reference,
    told: Vec<String>,
    step: usize,
    starts: usize,
    kills: usize,
}

impl Story {
    /// Forgets the sequence before: its servers are stopped, and the organization's secrets are deleted.
    fn begin(&mut self, number: usize, about: &str) {
        (self.number, self.dice) = (number, Dice::of(&format!("real servers on {about}, sequence {number}")));
        (self.reference, self.told, self.step) = (Reference::default(), Vec::new(), 0);
        for workspace in 0..WORKSPACES {
            let name = format!("s{number}-w{workspace}");
            self.house.owner.post(&format!("{ACME}/workspaces"), json!({ "name": name })).expect(201);
            let server = json!({ "name": "show", "command": ["sh", "-c", SHOW] });
            self.house.server_in(&self.place(Some(workspace)), server);
            self.reference.servers.push(Known { workspace, process: None });
        }
    }

    fn end(&mut self) {
        for at in 0..WORKSPACES {
            if self.reference.servers[at].process.is_some() {
                self.server(at).stop();
            }
            assert!(!self.house.home(&self.place(Some(at))).join("twice").exists(), "{:#?}", self.told);
        }
        for secret in self.reference.secrets.iter().filter(|secret| !secret.deleted && secret.home.is_none()) {
            self.house.administrator.delete(&self.address(secret)).expect(204);
        }
    }

    fn place(&self, home: Option<usize>) -> String {
        home.map_or_else(|| ACME.to_owned(), |home| format!("{ACME}/workspaces/s{}-w{home}", self.number))
    }

    fn address(&self, secret: &Secret) -> String {
        format!("{}/secrets/{}", self.place(secret.home), secret.name)
    }

    fn writer(&self, home: Option<usize>) -> &Actor {
        if home.is_some() { &self.house.owner } else { &self.house.administrator }
    }

    fn now(&self, home: Option<usize>) -> Stamp {
        Stamp { step: self.step, by: if home.is_some() { "owner" } else { "Administrator" } }
    }

    fn server(&self, at: usize) -> Server<'_> {
        self.house.known_server(&self.place(Some(at)), "show")
    }

    fn some(&mut self, holds: impl Fn(&Secret) -> bool) -> Option<usize> {
        let fitting: Vec<usize> =
            (0..self.reference.secrets.len()).filter(|at| holds(&self.reference.secrets[*at])).collect();
        (!fitting.is_empty()).then(|| fitting[self.dice.below(fitting.len())])
    }

    /// Does one thing, to the control plane and to the reference.
    fn go_on(&mut self) {
        self.step += 1;
        match self.dice.below(20) {
            0..=4 => self.write(),
            5..=6 => self.select(),
            7 => self.rename(),
            8 => self.delete(),
            9 => self.suspend(),
            10..=13 => self.start(),
            14..=15 => self.restart(),
            16..=17 => self.restart_stale(),
            18 => self.stop(),
            _ => self.kill(),
        }
    }

    fn write(&mut self) {
        let home = self.dice.below(WORKSPACES + 1).checked_sub(1);
        let name = NAMES[self.dice.below(NAMES.len())];
        let value = format!("value {} of sequence {}", self.step, self.number);
        let at = self.reference.named(home, name);
        let secret = format!("{}/secrets/{name}", self.place(home));
        self.told.push(format!("write {secret}"));
        let answer = self.writer(home).put(&secret, json!({ "value": value }));
        let answer = answer.expect(if at.is_some() { 200 } else { 201 }).json();
        let now = self.now(home);
        let at = at.unwrap_or_else(|| {
            let id = answer["id"].as_str().unwrap().to_owned();
            self.reference.secrets.push(Secret::new(id, home, name, now));
            self.reference.secrets.len() - 1
        });
        self.reference.secrets[at].write(value, now);
    }

    fn select(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted && secret.home.is_none()) else { return };
        let all = self.dice.below(3) == 0;
        let selection: BTreeSet<usize> = (0..WORKSPACES).filter(|_| self.dice.below(2) == 0).collect();
        let slugs: Vec<String> = selection.iter().map(|workspace| format!("s{}-w{workspace}", self.number)).collect();
        let body = if all { json!({ "access": "all" }) } else { json!({ "workspaces": slugs }) };
        let (secret, now) = (self.address(&self.reference.secrets[at]), self.now(None));
        self.told.push(format!("{secret} {body}"));
        self.house.administrator.patch(&secret, body).expect(200);
        let secret = &mut self.reference.secrets[at];
        secret.set_access(all, now);
        if !all {
            secret.select(selection, now);
        }
    }

    fn rename(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let (name, home) = (NAMES[self.dice.below(NAMES.len())], self.reference.secrets[at].home);
        if self.reference.named(home, name).is_some() {
            return;
        }
        let (secret, now) = (self.address(&self.reference.secrets[at]), self.now(home));
        self.told.push(format!("rename {secret} to {name}"));
        self.writer(home).patch(&secret, json!({ "name": name })).expect(200);
        let secret = &mut self.reference.secrets[at];
        (secret.name, secret.past.renamed) = (name, Some(now));
    }

    fn delete(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let home = self.reference.secrets[at].home;
        let (secret, now) = (self.address(&self.reference.secrets[at]), self.now(home));
        self.told.push(format!("delete {secret}"));
        self.writer(home).delete(&secret).expect(204);
        let secret = &mut self.reference.secrets[at];
        (secret.deleted, secret.past.deleted) = (true, Some(now));
    }

    /// Suspends a secret, or lifts its suspension.
    fn suspend(&mut self) {
        let Some(at) = self.some(|secret| !secret.deleted) else { return };
        let home = self.reference.secrets[at].home;
        let (secret, now) = (self.address(&self.reference.secrets[at]), self.now(home));
        let (address, writer) = (format!("{secret}/suspension"), self.writer(home));
        if self.reference.secrets[at].suspended.is_some() {
            writer.delete(&address).expect(200);
            self.told.push(format!("lift {address}"));
            let secret = &mut self.reference.secrets[at];
            (secret.suspended, secret.past.lifted) = (None, Some(now));
        } else {
            writer.put(&address, json!({ "reason": "leaked" })).expect(200);
            self.told.push(format!("suspend {address}"));
            self.reference.secrets[at].suspended = Some(now);
        }
    }

    fn start(&mut self) {
        let at = self.dice.below(WORKSPACES);
        if self.reference.servers[at].process.is_none() {
            self.told.push(format!("start w{at}"));
            self.server(at).start();
            self.began(at);
        }
    }

    fn restart(&mut self) {
        let at = self.dice.below(WORKSPACES);
        if self.reference.servers[at].process.is_some() {
            self.told.push(format!("restart w{at}"));
            let record = self.server(at).restart();
            assert_eq!(record["outcome"], "delivered", "{record:#}");
            self.began(at);
        }
    }

    fn restart_stale(&mut self) {
        let home = self.dice.below(WORKSPACES);
        let stale = self.reference.stale().contains(&home);
        self.told.push(format!("restart what differs of w{home}"));
        let begun =
            self.house.owner.post(&format!("{}/restarts", self.place(Some(home))), json!({})).expect(202).json();
        let restart = format!("{ACME}/restarts/{}", begun["id"].as_str().unwrap());
        let done = until("the end of the rolling restart", || {
            let seen = self.house.owner.get(&restart).expect(200).json();
            (seen["state"] != "running").then_some(seen)
        });
        let servers = usize::from(stale);
        assert_eq!(
            (&done["counts"]["servers"], &done["counts"]["done"]),
            (&json!(servers), &json!(servers)),
            "{done:#}"
        );
        if stale {
            self.began(home);
        }
    }

    fn stop(&mut self) {
        let at = self.dice.below(WORKSPACES);
        if self.reference.servers[at].process.take().is_some() {
            self.told.push(format!("stop w{at}"));
            self.server(at).stop();
        }
    }

    /// The control plane dies and comes back; servers run on.
    fn kill(&mut self) {
        self.told.push("kill -9 of the control plane".to_owned());
        self.house.crash();
        self.kills += 1;
    }

    /// A new process runs: it tells from inside what it got.
    fn began(&mut self, at: usize) {
        self.reference.servers[at].process = Some(self.reference.process(at, self.step));
        self.starts += 1;
        assert_eq!(secrets_of(self.server(at).environment()), self.values(at), "{:#?}", self.told);
    }

    /// What a server's program should have.
    fn values(&self, at: usize) -> BTreeMap<String, String> {
        let process = self.reference.servers[at].process.as_ref().expect("it runs");
        let value =
            |(secret, version): (usize, usize)| self.reference.secrets[secret].versions[version - 1].value.clone();
        process.has.iter().map(|(name, given)| ((*name).to_owned(), value(*given))).collect()
    }

    /// Every program that runs has what the reference says, there is no other one, and what differs is told.
    fn check(&self) {
        let running: Vec<usize> = (0..WORKSPACES).filter(|at| self.reference.servers[*at].process.is_some()).collect();
        let expected: BTreeMap<String, _> =
            running.iter().map(|at| (format!("s{}-w{at}", self.number), self.values(*at))).collect();
        let what = format!("{expected:#?} in the programs that run, after {:#?}", self.told);
        until(&what, || (in_programs(&self.house)? == expected).then_some(()));
        for at in 0..WORKSPACES {
            let seen = self.server(at).becomes(if running.contains(&at) { "running" } else { "stopped" });
            let told: Vec<_> =
                self.reference.told(&self.reference.servers[at]).into_iter().map(|(told, _)| told).collect();
            assert_eq!(causes::said(&seen), told, "{:#?}", self.told);
            assert_eq!(seen["restart_needed"], !told.is_empty(), "{:#?}", self.told);
        }
    }
}

/// What a program has beside the base.
fn secrets_of(mut environment: BTreeMap<String, String>) -> BTreeMap<String, String> {
    // The shell's own, and the base.
    for name in BASE.iter().map(|(name, _)| *name).chain(["PWD", "OLDPWD", "SHLVL", "_"]) {
        environment.remove(name);
    }
    environment
}

/// What each program has that runs here, by its workspace; `None` while one is about to end.
fn in_programs(house: &House) -> Option<BTreeMap<String, BTreeMap<String, String>>> {
    let mut seen = BTreeMap::new();
    for process in house.control_plane.programs_in_sandboxes() {
        let environment = environment_of(&fs::read(format!("/proc/{}/environ", process.pid)).ok()?);
        let workspace = environment.get("VESTRY_WORKSPACE")?.clone();
        if seen.insert(workspace, secrets_of(environment)).is_some() {
            return None;
        }
    }
    Some(seen)
}

fn programs_have_what_the_model_says(database: Database, about: &str) {
    let sequences = count_or(50, 3);
    let house = House::with(Options { database, ..Options::default() });
    let dice = Dice::of("none yet");
    let (reference, told) = (Reference::default(), Vec::new());
    let mut story = Story { house, number: 0, dice, reference, told, step: 0, starts: 0, kills: 0 };
    for number in 0..sequences {
        story.begin(number, about);
        for _ in 0..STEPS {
            story.go_on();
            story.check();
        }
        story.end();
    }
    let Story { starts, kills, .. } = story;
    assert!(starts > 0, "a program that never started shows nothing");
    let done = format!(
        "{sequences} sequences of {STEPS} steps with real servers, {starts} starts, {kills} kills of the control plane: \
         0 programs with anything else than the reference says, 0 other differences told"
    );
    report("model", about, &done);
}

#[test]
fn real_programs_have_what_the_model_says_on_sqlite() {
    programs_have_what_the_model_says(Database::Sqlite, "SQLite");
}

#[test]
fn real_programs_have_what_the_model_says_on_postgresql() {
    programs_have_what_the_model_says(Database::Postgres, "PostgreSQL");
}
