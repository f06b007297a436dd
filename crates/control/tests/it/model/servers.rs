//! What is done to servers, to their workspace, and what runs get. The database says whether a process runs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{
    OWNERS, Story,
    reference::{Given, WORKSPACES},
    text,
};
use crate::store::sql::eventually;

impl Story<'_> {
    fn some_server(&mut self) -> (usize, usize, String) {
        let at = self.dice.below(self.reference.servers.len());
        let workspace = self.reference.servers[at].workspace;
        (at, workspace, format!("{}/servers/web", self.place(Some(workspace))))
    }

    pub async fn start(&mut self) {
        let (at, workspace, address) = self.some_server();
        self.told.push(format!("start {address}"));
        let runs = self.reference.servers[at].process.is_some();
        let answer = self.writer(Some(workspace)).0.post(&format!("{address}/start"), json!({})).await;
        answer.expect(if runs { 409 } else { 202 });
        if !runs {
            self.comes_up(at, &address).await;
        }
    }

    /// One server is restarted, by its workspace's owner or by an administrator.
    pub async fn restart(&mut self) {
        let (at, workspace, address) = self.some_server();
        self.told.push(format!("restart {address}"));
        let runs = self.reference.servers[at].process.is_some();
        let home = Some(workspace).filter(|_| self.dice.below(2) == 0);
        let answer = self.writer(home).0.post(&format!("{address}/restart"), json!({})).await;
        answer.expect(if runs { 202 } else { 409 });
        if runs {
            self.comes_up(at, &address).await;
        }
    }

    /// All that differ are restarted: of a workspace, or because of one secret; and no others.
    pub async fn restart_stale(&mut self) {
        let secret = match self.dice.below(2) {
            0 => self.some(|secret| !secret.deleted),
            _ => None,
        };
        let workspace = self.dice.below(WORKSPACES);
        let home = secret.map_or(Some(workspace), |at| self.reference.secrets[at].home);
        let place = secret.map_or_else(|| self.place(home), |at| self.address(at));
        self.told.push(format!("restart what differs of {place}"));
        let wish = json!({ "pause_on_failure": false, "batch_size": 1 + self.dice.below(WORKSPACES) });
        let begun = self.writer(home).0.post(&format!("{place}/restarts"), wish).await.expect(202).json();
        let address = format!("{}/restarts/{}", self.organization, text(&begun["id"]));
        let done = eventually("the end of the rolling restart", async || {
            let seen = self.house.administrator.get(&address).await.expect(200).json();
            (seen["state"] != "running").then_some(seen)
        })
        .await;
        let expected: Vec<usize> =
            self.reference.stale().into_iter().filter(|at| self.concerned(*at, secret, home)).collect();
        let named = |at: &usize| (format!("w{}", self.reference.servers[*at].workspace), "web".to_owned());
        let said: Vec<_> = done["servers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["workspace"]), text(&one["server"])))
            .collect();
        assert_eq!(said, expected.iter().map(named).collect::<Vec<_>>(), "{:#?}", self.told);
        for at in expected {
            let address = format!("{}/servers/web", self.place(Some(self.reference.servers[at].workspace)));
            self.comes_up(at, &address).await;
        }
    }

    /// Whether a server that differs is one to be restarted for a secret, or for a workspace.
    fn concerned(&self, at: usize, secret: Option<usize>, home: Option<usize>) -> bool {
        let server = &self.reference.servers[at];
        let because = |secret: usize| {
            self.reference.drift(server).into_iter().any(|(name, (from, to))| {
                let sides = [from, to].into_iter().flatten().map(|(of, _)| of);
                sides.chain(self.reference.cover(server, name, from, to)).any(|of| of == secret)
            })
        };
        home.is_none_or(|home| home == server.workspace) && secret.is_none_or(because)
    }

    /// Here every process fails for want of its program; then the database is made to say that it runs. What it was given
    /// is on record by then.
    async fn comes_up(&mut self, at: usize, address: &str) {
        let server = &self.servers[at];
        let known = self.starts[at].clone();
        let newest = format!(
            "SELECT t.id FROM starts t JOIN servers x ON x.id = t.server_id WHERE t.server_id = '{server}' \
             AND t.outcome = 'failed' AND t.id > '{known}' AND x.status IN ('failed', 'running') ORDER BY t.id DESC LIMIT 1"
        );
        let sql = &mut self.sql;
        let start = eventually("the failed start", async || sql.texts(&newest).await.pop()).await;
        for statement in [
            format!("UPDATE starts SET ended_at = started_at WHERE id = '{known}'"),
            format!("UPDATE starts SET outcome = 'delivered', ended_at = NULL WHERE id = '{start}'"),
            format!("UPDATE servers SET status = 'running', start_id = '{start}' WHERE id = '{server}'"),
        ] {
            sql.execute(&statement).await;
        }
        self.starts[at] = start;
        let workspace = self.reference.servers[at].workspace;
        let process = self.reference.process(workspace, self.step);
        let record = self.house.administrator.get(&format!("{address}/starts?limit=1")).await.expect(200).json();
        let record = &record["items"][0];
        assert_eq!(record["id"], self.starts[at], "{:#?}", self.told);
        let side = |side: &str| {
            let held = record[side].as_array().unwrap().iter();
            held.map(|one| (text(&one["name"]), (text(&one["secret_id"]), one["version"].as_u64().unwrap()))).collect()
        };
        let expected: BTreeMap<_, _> =
            process.has.iter().map(|(name, given)| ((*name).to_owned(), self.known(*given))).collect();
        assert_eq!(expected, side("injected"), "{:#?}", self.told);
        let newest = |secret: usize| self.known((secret, self.reference.secrets[secret].version()));
        let left_out: BTreeMap<_, _> =
            process.left_out.iter().map(|(name, secret)| ((*name).to_owned(), newest(*secret))).collect();
        assert_eq!(left_out, side("left_out"), "{:#?}", self.told);
        self.reference.servers[at].process = Some(process);
    }

    /// The process of a server ends, as the database has it.
    pub async fn stop(&mut self) {
        let (at, workspace, _) = self.some_server();
        self.told.push(format!("stop the server of w{workspace}"));
        if self.reference.servers[at].process.take().is_none() {
            return;
        }
        let (server, start) = (&self.servers[at], &self.starts[at]);
        self.sql.execute(&format!("UPDATE starts SET ended_at = started_at WHERE id = '{start}'")).await;
        self.sql
            .execute(&format!("UPDATE servers SET status = 'stopped', start_id = NULL WHERE id = '{server}'"))
            .await;
    }

    /// A server gets another command.
    pub async fn edit(&mut self) {
        let (at, workspace, address) = self.some_server();
        self.told.push(format!("edit {address}"));
        let command = json!({ "command": ["true", format!("of step {}", self.step)] });
        self.writer(Some(workspace)).0.patch(&address, command).await.expect(200);
        if let Some(process) = &mut self.reference.servers[at].process {
            process.edited = true;
        }
    }

    /// A workspace is given away, by its owner or by an administrator. From then on the new owner writes, and the old one
    /// collaborates.
    pub async fn give(&mut self) {
        let (workspace, to) = (self.dice.below(WORKSPACES), self.dice.below(OWNERS.len()));
        let (place, before) = (self.place(Some(workspace)), self.owners[workspace]);
        self.told.push(format!("give w{workspace} to {}", OWNERS[to]));
        let home = Some(workspace).filter(|_| self.dice.below(2) == 0);
        let new = json!({ "user": self.owner(to).email });
        self.writer(home).0.put(&format!("{place}/owner"), new).await.expect(204);
        self.owners[workspace] = to;
        let seen = self.owner(to).get(&place).await.expect(200).json();
        assert_eq!((text(&seen["owner"]["name"]).as_str(), &seen["role"]), (OWNERS[to], &json!("owner")));
        if to != before {
            let write = format!("{place}/secrets/{}", self.name());
            self.owner(before).put(&write, json!({ "value": "not theirs any more" })).await.expect(403);
        }
    }

    /// A run gets exactly the values that it should.
    pub async fn run(&mut self) {
        let workspace = self.dice.below(WORKSPACES);
        let organization = self.organization.rsplit('/').next().unwrap();
        let wish = json!({ "organization": organization, "workspace": format!("w{workspace}"), "host": "laptop" });
        self.told.push(format!("run in w{workspace}"));
        let runner = self.owner(self.owners[workspace]);
        let run = runner.post("/runs", wish).await.expect(201).json();
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
        let left_out: BTreeSet<_> = left_out.keys().collect();
        assert_eq!(run["left_out"], json!(left_out), "{:#?}", self.told);
        for (secret, version) in given.into_values() {
            self.reference.read.insert((workspace, secret, OWNERS[self.owners[workspace]]), version);
        }
    }
}
