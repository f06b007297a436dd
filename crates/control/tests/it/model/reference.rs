//! What should be, told in the plainest way: lists that are walked through anew for every question.

use std::collections::{BTreeMap, BTreeSet};

/// The names that secrets have here: few, so that they meet.
pub const NAMES: [&str; 3] = ["A", "B", "C"];

/// How many workspaces there are.
pub const WORKSPACES: usize = 2;

/// How many versions keep their value.
const KEPT: usize = 10;

pub struct Version {
    pub value: String,
    pub kept: bool,
    pub suspended: bool,
}

pub struct Secret {
    pub id: String,
    /// The workspace that it belongs to; `None` for the organization's.
    pub home: Option<usize>,
    pub name: &'static str,
    pub all: bool,
    pub selected: BTreeSet<usize>,
    pub versions: Vec<Version>,
    pub suspended: bool,
    pub deleted: bool,
    pub destroyed: bool,
}

impl Secret {
    pub fn version(&self) -> usize {
        self.versions.len()
    }

    pub fn write(&mut self, value: String) {
        self.suspended = false;
        self.versions.push(Version { value, kept: true, suspended: false });
        let fallen_out = self.versions.len().saturating_sub(KEPT);
        self.versions.iter_mut().take(fallen_out).for_each(|version| version.kept = false);
    }

    pub fn reaches(&self, workspace: usize) -> bool {
        match self.home {
            _ if self.deleted => false,
            Some(home) => home == workspace,
            None => self.all || self.selected.contains(&workspace),
        }
    }

    /// Whether no start gets it.
    pub fn held_back(&self) -> bool {
        self.suspended || self.versions.last().is_some_and(|newest| newest.suspended)
    }
}

/// A secret, by its place in the list, and one of its versions.
pub type Given = (usize, usize);

pub struct Server {
    pub workspace: usize,
    /// What its process was started with; `None` while none runs.
    pub has: Option<BTreeMap<&'static str, Given>>,
}

#[derive(Default)]
pub struct Reference {
    pub secrets: Vec<Secret>,
    pub servers: Vec<Server>,
    /// What runs got: workspace and secret, with the newest version.
    pub read: BTreeMap<(usize, usize), usize>,
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

    /// What a start gets now, and the names that it is left without because of a suspension.
    pub fn environment(&self, workspace: usize) -> (BTreeMap<&'static str, Given>, BTreeSet<&'static str>) {
        let (mut given, mut left_out) = (BTreeMap::new(), BTreeSet::new());
        for name in NAMES {
            let Some((winner, _)) = self.winner(workspace, name) else { continue };
            if self.secrets[winner].held_back() {
                left_out.insert(name);
            } else {
                given.insert(name, (winner, self.secrets[winner].version()));
            }
        }
        (given, left_out)
    }

    /// How a server differs: by name what it has, and what it would get.
    pub fn drift(&self, server: &Server) -> BTreeMap<&'static str, (Option<Given>, Option<Given>)> {
        let Some(has) = &server.has else { return BTreeMap::new() };
        let (gets, _) = self.environment(server.workspace);
        let both = |name: &'static str| (name, (has.get(name).copied(), gets.get(name).copied()));
        NAMES.into_iter().map(both).filter(|(_, (from, to))| from != to).collect()
    }

    /// The servers that have a secret: which, in which version, and whether a restart would change that.
    pub fn holders(&self, secret: usize) -> BTreeSet<(usize, usize, bool)> {
        let holds = |(at, server): (usize, &Server)| {
            let (name, (_, version)) = server.has.as_ref()?.iter().find(|(_, (of, _))| *of == secret)?;
            Some((at, *version, self.drift(server).contains_key(name)))
        };
        self.servers.iter().enumerate().filter_map(holds).collect()
    }
}
