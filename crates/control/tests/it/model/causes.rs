//! Why a server differs, since when, and because of whom: from what was done, in its order.

use serde_json::Value;

use super::reference::{Given, Process, Reference, Server, Stamp};

/// A difference as people are told it: name, kind, reason; from and to by id and version; by whom.
pub type Told = ([String; 3], Option<(String, u64)>, Option<(String, u64)>, String);

/// What an answer says of a server's differences.
pub fn said(server: &Value) -> Vec<Told> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let side = |side: &Value| Some((text(&side["secret_id"]), side["version"].as_u64()?));
    let one = |one: &Value| {
        let words = ["name", "kind", "reason"].map(|field| text(&one[field]));
        (words, side(&one["from"]), side(&one["to"]), text(&one["by"]["name"]))
    };
    server["drift"].as_array().expect("differences").iter().map(one).collect()
}

impl Reference {
    /// What should be said of a server's differences, each with the step that made it.
    pub fn told(&self, server: &Server) -> Vec<(Told, usize)> {
        let known = |(secret, version): Given| (self.secrets[secret].id.clone(), version as u64);
        let one = |(name, (from, to)): (&'static str, (Option<Given>, Option<Given>))| {
            let kind = match (from, to) {
                (None, _) => "added",
                (_, None) => "removed",
                _ => "changed",
            };
            let (reason, stamp) = self.cause(server, name, (from, to));
            (
                (([name, kind, reason].map(str::to_owned)), from.map(known), to.map(known), stamp.by.to_owned()),
                stamp.step,
            )
        };
        self.drift(server).into_iter().map(one).collect()
    }

    /// Why a server differs under a name: what it has, and what it would get.
    fn cause(&self, server: &Server, name: &str, (from, to): (Option<Given>, Option<Given>)) -> (&'static str, Stamp) {
        let process = server.process.as_ref().expect("it runs");
        let workspace = server.workspace;
        let own = |secret: usize| self.secrets[secret].home.is_some();
        let (reason, stamp) = match (from, to) {
            (Some((from, _)), Some((to, _))) if from == to => ("value", self.secrets[to].past.written),
            (Some((from, _)), Some((to, _))) => match (own(from), own(to)) {
                (false, true) => ("overridden", self.came(to, workspace).1),
                (true, false) => ("uncovered", self.uncovered(from, name).expect("it is gone")),
                _ => self.came(to, workspace),
            },
            (None, Some((to, _))) => self.appeared(process, to, name, workspace),
            (Some((secret, _)), None) => match self.cover(server, name, from, to) {
                Some(cover) => ("overridden", self.came(cover, workspace).1),
                None => self.went(secret, name, workspace),
            },
            (None, None) => unreachable!("that is no difference"),
        };
        assert!(stamp.step > process.since, "{name}: {reason} was before the start");
        (reason, stamp)
    }

    /// The workspace's own suspended secret that covers now what the server has of the organization.
    pub fn cover(&self, server: &Server, name: &str, from: Option<Given>, to: Option<Given>) -> Option<usize> {
        let (has, None) = (self.secrets.get(from?.0)?, to) else { return None };
        let (winner, _) = self.winner(server.workspace, name)?;
        (has.home.is_none() && self.secrets[winner].home.is_some()).then_some(winner)
    }

    /// A name that the process does not have: its secret came, or what covered that at the start went.
    fn appeared(&self, process: &Process, to: usize, name: &str, workspace: usize) -> (&'static str, Stamp) {
        let came = self.came(to, workspace);
        let cover = process.left_out.get(name).filter(|cover| self.secrets[**cover].home.is_some());
        let uncovered = cover.filter(|_| self.secrets[to].home.is_none()).and_then(|own| self.uncovered(*own, name));
        match uncovered {
            Some(stamp) if stamp.step > came.1.step => ("uncovered", stamp),
            _ => came,
        }
    }

    /// The last that brought a secret where it is; of what one step did, the first of these.
    fn came(&self, secret: usize, workspace: usize) -> (&'static str, Stamp) {
        let past = &self.secrets[secret].past;
        let (mut why, mut last) = ("created", past.created);
        for (reason, stamp) in [
            ("selected", past.reach.get(&workspace).copied()),
            ("renamed", past.renamed),
            ("restored", past.restored),
            ("restored", past.lifted),
        ] {
            if let Some(stamp) = stamp.filter(|stamp| stamp.step > last.step) {
                (why, last) = (reason, stamp);
            }
        }
        (why, last)
    }

    /// The first of what keeps a secret away now from where it was.
    fn went(&self, secret: usize, name: &str, workspace: usize) -> (&'static str, Stamp) {
        let secret = &self.secrets[secret];
        let mut reasons = Vec::new();
        reasons.extend(secret.past.deleted.filter(|_| secret.deleted).map(|stamp| (stamp, "deleted")));
        reasons.extend(secret.past.renamed.filter(|_| secret.name != name).map(|stamp| (stamp, "renamed")));
        reasons.extend(secret.held_back().map(|stamp| (stamp, "suspended")));
        if !secret.aims_at(workspace) {
            reasons.push((secret.past.reach[&workspace], "deselected"));
        }
        let (stamp, reason) = reasons.into_iter().min().expect("something keeps it away");
        (reason, stamp)
    }

    /// Since when a workspace's own secret, also a suspended one, is not there under this name any more, if it is not.
    fn uncovered(&self, secret: usize, name: &str) -> Option<Stamp> {
        let secret = &self.secrets[secret];
        let deleted = secret.past.deleted.filter(|_| secret.deleted);
        let renamed = secret.past.renamed.filter(|_| secret.name != name);
        deleted.into_iter().chain(renamed).min()
    }
}
