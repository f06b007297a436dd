//! Which running servers differ from their workspace's environment now, and why. Nothing here unseals.

use std::collections::{HashMap, HashSet};

use domain::{Cause, Difference, OrganizationId, ServerId, Slug, WorkspaceId};

use crate::{
    error::Result,
    store::{
        Connection, Permit, Who, available,
        servers::{self, Among, Running},
        starts, users,
    },
};

/// A running server that a restart would change.
pub struct StaleServer {
    /// Its workspace's slug.
    pub workspace: Slug,
    /// Its own slug.
    pub server: Slug,
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

/// Compares running servers of an organization with what a start now would give them; those that differ, by workspace
/// and slug. Always three queries, however many servers and workspaces there are.
///
/// # Errors
/// When the database fails.
pub async fn stale(
    db: &mut Connection,
    organization: OrganizationId,
    among: Among<'_>,
) -> Result<Vec<(Running, Vec<Difference>)>> {
    let running = servers::running(db, among).await?;
    if running.is_empty() {
        return Ok(Vec::new());
    }
    let held = starts::held(db, running.iter().map(|server| server.start)).await?;
    let workspaces = running.iter().map(|server| server.workspace).collect();
    let now = available::compared(db, organization, &workspaces).await?;
    let now: HashMap<_, _> = now.into_iter().map(|(workspace, found)| (workspace, domain::resolve(found))).collect();
    let compared = running.into_iter().filter_map(|server| {
        let started_with = held.get(&server.start).map_or(&[][..], Vec::as_slice);
        let differences = domain::drift(started_with, now.get(&server.workspace)?);
        (!differences.is_empty()).then_some((server, differences))
    });
    Ok(compared.collect())
}

/// The running servers that differ, of the permit's workspace or of the whole organization.
///
/// # Errors
/// When the database fails.
pub(super) async fn stale_servers(db: &mut Connection, permit: &Permit) -> Result<Vec<StaleServer>> {
    let workspace = permit.workspace();
    let among = match &workspace {
        Some(workspace) => Among::Workspaces(std::slice::from_ref(workspace)),
        None => Among::Organization(permit.organization()),
    };
    let stale = stale(db, permit.organization(), among).await?;
    let named = |(server, _): (Running, _)| StaleServer { workspace: server.workspace_slug, server: server.slug };
    Ok(stale.into_iter().map(named).collect())
}

/// How each server of a workspace that differs does so, and why.
///
/// # Errors
/// When the database fails.
pub(super) async fn explained(
    db: &mut Connection,
    organization: OrganizationId,
    workspace: WorkspaceId,
) -> Result<HashMap<ServerId, Vec<Explained>>> {
    let stale = stale(db, organization, Among::Workspaces(&[workspace])).await?;
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
