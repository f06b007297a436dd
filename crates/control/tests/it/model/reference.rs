//! What should be, told in the plainest way: lists that are walked through anew for every question.

use std::collections::{BTreeMap, BTreeSet};

/// The names that secrets have here: few, so that they meet.
pub const NAMES: [&str; 3] = ["A", "B", "C"];

/// How many workspaces there are.
pub const WORKSPACES: usize = 2;

/// How many versions keep their value.
const KEPT: usize = 10;

/// Who did something, and in which step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stamp {
    pub step: usize,
    pub by: &'static str,
}

#[derive(Clone)]
pub struct Version {
    pub value: String,
    pub kept: bool,
    pub suspended: Option<Stamp>,
}

/// When things were last done to a secret, and by whom.
#[derive(Clone)]
pub struct Past {
    pub created: Stamp,
    pub written: Stamp,
    pub renamed: Option<Stamp>,
    /// Its access, or whether it is selected for a workspace, became another one: by workspace.
    pub reach: BTreeMap<usize, Stamp>,
    pub deleted: Option<Stamp>,
    pub restored: Option<Stamp>,
    pub lifted: Option<Stamp>,
}

#[derive(Clone)]
pub struct Secret {
    pub id: String,
    /// The workspace that it belongs to; `None` for the organization's.
    pub home: Option<usize>,
    pub name: &'static str,
    pub all: bool,
    pub selected: BTreeSet<usize>,
    pub versions: Vec<Version>,
    pub suspended: Option<Stamp>,
    pub deleted: bool,
    pub destroyed: bool,
    pub past: Past,
}

impl Secret {
    pub fn new(id: String, home: Option<usize>, name: &'static str, now: Stamp) -> Self {
        let past = Past {
            created: now,
            written: now,
            renamed: None,
            reach: BTreeMap::new(),
            deleted: None,
            restored: None,
            lifted: None,
        };
        let (selected, versions) = (BTreeSet::new(), Vec::new());
        Self { id, home, name, all: true, selected, versions, suspended: None, deleted: false, destroyed: false, past }
    }

    pub fn version(&self) -> usize {
        self.versions.len()
    }

    pub fn write(&mut self, value: String, now: Stamp) {
        if self.held_back().is_some() {
            self.past.lifted = Some(now);
        }
        self.suspended = None;
        self.past.written = now;
        self.versions.push(Version { value, kept: true, suspended: None });
        let fallen_out = self.versions.len().saturating_sub(KEPT);
        self.versions.iter_mut().take(fallen_out).for_each(|version| version.kept = false);
    }

    pub fn set_access(&mut self, all: bool, now: Stamp) {
        if self.all != all {
            self.past.reach.extend((0..WORKSPACES).map(|workspace| (workspace, now)));
        }
        self.all = all;
    }

    pub fn select(&mut self, selection: BTreeSet<usize>, now: Stamp) {
        self.past.reach.extend(self.selected.symmetric_difference(&selection).map(|workspace| (*workspace, now)));
        self.selected = selection;
    }

    /// Whether its access and selection let it reach a workspace, be it deleted or not.
    pub fn aims_at(&self, workspace: usize) -> bool {
        match self.home {
            Some(home) => home == workspace,
            None => self.all || self.selected.contains(&workspace),
        }
    }

    pub fn reaches(&self, workspace: usize) -> bool {
        !self.deleted && self.aims_at(workspace)
    }

    /// Since when no start gets it, where none does.
    pub fn held_back(&self) -> Option<Stamp> {
        self.suspended.or_else(|| self.versions.last()?.suspended)
    }
}

/// A secret, by its place in the list, and one of its versions.
pub type Given = (usize, usize);

/// What a server's process was started with.
#[derive(Clone)]
pub struct Process {
    pub has: BTreeMap<&'static str, Given>,
    /// What it was left without, because of a suspension: the secret by its name.
    pub left_out: BTreeMap<&'static str, usize>,
    /// The step in which it was started.
    pub since: usize,
    /// Whether its server got another command since then.
    pub edited: bool,
}

pub struct Server {
    pub workspace: usize,
    /// `None` while none runs.
    pub process: Option<Process>,
}

#[derive(Default)]
pub struct Reference {
    pub secrets: Vec<Secret>,
    pub servers: Vec<Server>,
    /// What runs got: workspace, secret and who ran it, with the newest version.
    pub read: BTreeMap<(usize, usize, &'static str), usize>,
}

impl Reference {
    /// The secret that is there under a name: a workspace's own, or the organization's.
    pub fn named(&self, home: Option<usize>, name: &str) -> Option<usize> {
        self.secrets.iter().position(|secret| !secret.deleted && secret.home == home && secret.name == name)
    }

    /// The secret that decides a name in a workspace, and the organization's that it overrides.
    pub fn winner(&self, workspace: usize, name: &str) -> Option<(usize, Option<usize>)> {
        let organization = self.named(None, name).filter(|at| self.secrets[*at].reaches(workspace));
        match self.named(Some(workspace), name) {
            Some(own) => Some((own, organization)),
            None => organization.map(|at| (at, None)),
        }
    }

    /// The secrets of a name that do not reach a workspace, as somebody is told who may know of the organization's or
    /// not: which, why, and because of whom. The one that is there, or else the one that was deleted last.
    pub fn absent(&self, workspace: usize, name: &str, all: bool) -> Vec<(String, String, String)> {
        let newest = |home: Option<usize>| {
            let of = self.secrets.iter().filter(|secret| secret.home == home && secret.name == name);
            of.max_by_key(|secret| (!secret.deleted, secret.past.deleted))
        };
        let own = newest(Some(workspace)).filter(|own| own.deleted);
        let told = |secret: &Secret| {
            let (why, stamp) = match secret.deleted {
                true => ("deleted", secret.past.deleted),
                false => ("not_selected", secret.past.reach.get(&workspace).copied()),
            };
            (secret.id.clone(), why.to_owned(), stamp.map(|stamp| stamp.by.to_owned()).unwrap_or_default())
        };
        own.into_iter().chain(newest(None).filter(|_| all)).map(told).collect()
    }

    /// What a start gets now, and what it is left without because of a suspension.
    pub fn environment(&self, workspace: usize) -> (BTreeMap<&'static str, Given>, BTreeMap<&'static str, usize>) {
        let (mut given, mut left_out) = (BTreeMap::new(), BTreeMap::new());
        for name in NAMES {
            let Some((winner, _)) = self.winner(workspace, name) else { continue };
            if self.secrets[winner].held_back().is_some() {
                left_out.insert(name, winner);
            } else {
                given.insert(name, (winner, self.secrets[winner].version()));
            }
        }
        (given, left_out)
    }

    /// What a process that is started now has.
    pub fn process(&self, workspace: usize, since: usize) -> Process {
        let (has, left_out) = self.environment(workspace);
        Process { has, left_out, since, edited: false }
    }

    /// How a server differs: by name what it has, and what it would get.
    pub fn drift(&self, server: &Server) -> BTreeMap<&'static str, (Option<Given>, Option<Given>)> {
        let Some(process) = &server.process else { return BTreeMap::new() };
        let (gets, _) = self.environment(server.workspace);
        let both = |name: &'static str| (name, (process.has.get(name).copied(), gets.get(name).copied()));
        NAMES.into_iter().map(both).filter(|(_, (from, to))| from != to).collect()
    }

    /// The servers that a restart would change.
    pub fn stale(&self) -> BTreeSet<usize> {
        let edited = |server: &Server| server.process.as_ref().is_some_and(|process| process.edited);
        let stale = |server: &Server| edited(server) || !self.drift(server).is_empty();
        (0..self.servers.len()).filter(|at| stale(&self.servers[*at])).collect()
    }

    /// The servers that have a secret: which, in which version, and whether a restart would change that.
    pub fn holders(&self, secret: usize) -> BTreeSet<(usize, usize, bool)> {
        let holds = |(at, server): (usize, &Server)| {
            let has = &server.process.as_ref()?.has;
            let (name, (_, version)) = has.iter().find(|(_, (of, _))| *of == secret)?;
            Some((at, *version, self.drift(server).contains_key(name)))
        };
        self.servers.iter().enumerate().filter_map(holds).collect()
    }
}
