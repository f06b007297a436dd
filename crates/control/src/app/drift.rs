//! Which running servers differ from their workspace's environment now, and why. Nothing here unseals.

mod consequences;
mod handed;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use domain::{
    Available, Cause, Difference, Environment, Held, OrganizationId, Scope, SecretId, SecretName, ServerId, Slug,
    SnapshotId, WorkspaceId,
};

pub use consequences::Felt;
pub(super) use consequences::{as_they_are, consequences, foreseen};
use handed::Contents;
pub use handed::Handed;

use super::App;
use crate::{
    error::Result,
    store::{
        Connection, Permit, Who, available,
        servers::{self, Among, Running},
        snapshots, users,
    },
};

/// A running server that a restart would change.
pub struct StaleServer {
    /// Its workspace's slug.
    pub workspace: Slug,
    /// Its own slug.
    pub server: Slug,
}

impl From<Running> for StaleServer {
    fn from(server: Running) -> Self {
        Self { workspace: server.workspace_slug, server: server.slug }
    }
}

/// A difference with its reason.
pub struct Explained {
    /// The difference.
    pub difference: Difference,
    /// Why, and since when.
    pub cause: Cause,
    /// Who did it.
    pub by: Option<Who>,
}

/// A running server that differs, with the differences that it shares with all that were handed the same.
pub(super) type Stale = (Running, Arc<[Difference]>);

/// Running servers with what they started with, and the secrets that reach their workspaces.
pub(super) struct Fleet {
    running: Vec<Running>,
    held: Contents,
    available: HashMap<WorkspaceId, Vec<Available>>,
}

impl Fleet {
    /// Reads it in two queries, and a third for what was handed to starts since they were last looked at; however many
    /// servers and workspaces there are.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn read(
        app: &App,
        db: &mut Connection,
        organization: OrganizationId,
        among: Among<'_>,
    ) -> Result<Self> {
        let running = servers::running(db, among).await?;
        if running.is_empty() {
            return Ok(Self { running, held: Contents::new(), available: HashMap::new() });
        }
        let snapshots = running.iter().map(|server| server.snapshot).collect();
        let held = app.handed.of(db, &snapshots).await?;
        let workspaces = running.iter().map(|server| server.workspace).collect();
        let available = available::compared(db, organization, &workspaces).await?;
        Ok(Self { running, held, available })
    }

    /// Those that differ from what a start now would give them, in secrets or in their own settings, by workspace and slug.
    pub(super) fn stale(&self) -> Vec<Stale> {
        self.stale_after(|_, secrets| secrets)
    }

    /// Those that would differ once a change is made to the secrets that reach each workspace.
    pub(super) fn stale_after(&self, change: impl Fn(WorkspaceId, Vec<Available>) -> Vec<Available>) -> Vec<Stale> {
        let resolved = |(workspace, secrets): (&WorkspaceId, &Vec<Available>)| {
            (*workspace, domain::resolve(change(*workspace, secrets.clone())))
        };
        let then: HashMap<WorkspaceId, Environment> = self.available.iter().map(resolved).collect();
        // Servers that were handed the same differ in the same way: compared once for all of them.
        let mut compared: HashMap<SnapshotId, Arc<[Difference]>> = HashMap::new();
        let mut stale = Vec::new();
        for server in &self.running {
            let Some(now) = then.get(&server.workspace) else { continue };
            let differences = compared.entry(server.snapshot).or_insert_with(|| {
                domain::drift(self.held.get(&server.snapshot).map_or(&[][..], |held| held), now).into()
            });
            if !differences.is_empty() || server.settings_changed {
                stale.push((server.clone(), differences.clone()));
            }
        }
        stale
    }
}

/// Compares running servers of an organization with what a start now would give them; those that differ, by workspace
/// and slug.
///
/// # Errors
/// When the database fails.
pub(super) async fn stale(
    app: &App,
    db: &mut Connection,
    organization: OrganizationId,
    among: Among<'_>,
) -> Result<Vec<Stale>> {
    Ok(Fleet::read(app, db, organization, among).await?.stale())
}

/// The running servers that differ, of the permit's workspace or of the whole organization; because of one secret where
/// that is given.
///
/// # Errors
/// When the database fails.
pub(super) async fn differing(
    app: &App,
    db: &mut Connection,
    permit: &Permit,
    because_of: Option<SecretId>,
) -> Result<Vec<Running>> {
    let workspace = permit.workspace();
    let stale = because(app, db, permit.organization(), of_place(permit, workspace.as_slice()), because_of).await?;
    Ok(stale.into_iter().map(|(server, _)| server).collect())
}

/// The servers of the permit's place, where `workspace` is the one that it is for.
fn of_place<'a>(permit: &Permit, workspace: &'a [WorkspaceId]) -> Among<'a> {
    match workspace {
        [] => Among::Organization(permit.organization()),
        workspace => Among::Workspaces(workspace),
    }
}

/// The running servers that differ; because of one secret where that is given.
///
/// # Errors
/// When the database fails.
pub(super) async fn because(
    app: &App,
    db: &mut Connection,
    organization: OrganizationId,
    among: Among<'_>,
    because_of: Option<SecretId>,
) -> Result<Vec<Stale>> {
    let mut stale = stale(app, db, organization, among).await?;
    let Some(secret) = because_of else { return Ok(stale) };
    let covers = Covers::read(db, stale.iter().map(|(server, differences)| (server, &**differences))).await?;
    stale.retain(|(server, differences)| {
        let concerns =
            |one: &Difference| one.secrets().any(|one| one == secret) || covers.at_start(server, one) == Some(secret);
        differences.iter().any(concerns)
    });
    Ok(stale)
}

/// How each server of a workspace that differs does so, and why.
///
/// # Errors
/// When the database fails.
pub(super) async fn explained(
    app: &App,
    db: &mut Connection,
    organization: OrganizationId,
    workspace: WorkspaceId,
) -> Result<HashMap<ServerId, Vec<Explained>>> {
    let stale = stale(app, db, organization, Among::Workspaces(&[workspace])).await?;
    let mut stale: Vec<_> = stale.into_iter().map(|(server, differences)| (server, differences.to_vec())).collect();
    let covers = Covers::read(db, stale.iter().map(|(server, differences)| (server, &**differences))).await?;
    for (server, differences) in &mut stale {
        for one in differences.iter_mut().filter(|one| shows(one)) {
            one.held_back = covers.at_start(server, one);
        }
    }
    let secrets: HashSet<_> =
        stale.iter().flat_map(|(_, differences)| differences).flat_map(Difference::secrets).collect();
    if secrets.is_empty() {
        return Ok(HashMap::new());
    }
    let histories = available::histories(db, &HashSet::from([workspace]), &secrets).await?;
    let histories = histories.get(&workspace).cloned().unwrap_or_default();
    let mut explained: HashMap<ServerId, Vec<Explained>> = HashMap::new();
    for (server, differences) in stale {
        let explain = |difference: Difference| Explained { cause: difference.cause(&histories), difference, by: None };
        explained.insert(server.id, differences.into_iter().map(explain).collect());
    }
    let changed_by = |one: &Explained| one.cause.change.and_then(|change| change.by);
    let people = users::named(db, explained.values().flatten().filter_map(changed_by)).await?;
    for one in explained.values_mut().flatten() {
        one.by = changed_by(one).and_then(|id| people.get(&id).cloned());
    }
    Ok(explained)
}

/// The workspaces' own secrets that were suspended at starts, and so covered the organization's.
struct Covers(HashMap<SnapshotId, HashMap<SecretName, SecretId>>);

impl Covers {
    /// Those of the servers that lack one of the organization's now.
    async fn read<'a>(
        db: &mut Connection,
        stale: impl Iterator<Item = (&'a Running, &'a [Difference])>,
    ) -> Result<Self> {
        let concerned = stale.filter(|(_, differences)| differences.iter().any(shows));
        let snapshots: HashSet<SnapshotId> = concerned.map(|(server, _)| server.snapshot).collect();
        if snapshots.is_empty() {
            return Ok(Self(HashMap::new()));
        }
        let own = |left_out: Vec<Held>| {
            let own = left_out.into_iter().filter(|cover| cover.scope == Scope::Workspace);
            own.map(|cover| (cover.name, cover.secret)).collect()
        };
        let left_out = snapshots::left_out(db, &snapshots).await?;
        Ok(Self(left_out.into_iter().map(|(snapshot, left_out)| (snapshot, own(left_out))).collect()))
    }

    /// What covered, at a server's start, the organization's secret that it lacks now.
    fn at_start(&self, server: &Running, difference: &Difference) -> Option<SecretId> {
        self.0.get(&server.snapshot).filter(|_| shows(difference))?.get(&difference.name).copied()
    }
}

/// Whether one of the organization's secrets would come that the server lacks.
fn shows(one: &Difference) -> bool {
    one.from.is_none() && one.to.as_ref().is_some_and(|to| to.scope == Scope::Organization)
}
