//! Which running servers differ from their workspace's environment now, and why. Nothing here unseals.

use std::collections::HashMap;

use domain::{Difference, OrganizationId, ServerId, ServerStatus, Slug, WorkspaceId};

use crate::{
    error::Result,
    store::{Connection, Permit, available, servers, starts, workspaces},
};

/// A running server that a restart would change.
pub struct StaleServer {
    /// Its workspace's slug.
    pub workspace: Slug,
    /// Its own slug.
    pub server: Slug,
}

/// The differences of every running server of a workspace; no entry for a server that does not run.
///
/// # Errors
/// When the database fails.
pub async fn of_workspace(
    db: &mut Connection,
    organization: OrganizationId,
    workspace: WorkspaceId,
) -> Result<HashMap<ServerId, Vec<Difference>>> {
    let running = running_in(db, workspace).await?;
    if running.is_empty() {
        return Ok(HashMap::new());
    }
    let held = starts::held_in(db, workspace).await?;
    let now = domain::resolve(available::listed(db, organization, workspace).await?);
    let histories = available::histories(db, organization, workspace).await?;
    Ok(running
        .into_iter()
        .filter_map(|server| {
            let started_with = held.get(&server.start?).map_or(&[][..], Vec::as_slice);
            Some((server.id, domain::drift(started_with, &now, &histories)))
        })
        .collect())
}

/// The running servers that differ, of the permit's workspace or of the whole organization.
///
/// # Errors
/// When the database fails.
pub(super) async fn stale_servers(db: &mut Connection, permit: &Permit) -> Result<Vec<StaleServer>> {
    let places = match permit.workspace() {
        Some(workspace) => vec![(workspace, permit.workspace_slug().clone())],
        None => workspaces::with_live_servers(db, permit.organization()).await?,
    };
    let mut stale = Vec::new();
    for (workspace, slug) in places {
        let drift = of_workspace(db, permit.organization(), workspace).await?;
        for server in running_in(db, workspace).await? {
            if drift.get(&server.id).is_some_and(|differences| !differences.is_empty()) {
                stale.push(StaleServer { workspace: slug.clone(), server: server.slug });
            }
        }
    }
    Ok(stale)
}

async fn running_in(db: &mut Connection, workspace: WorkspaceId) -> Result<Vec<servers::Server>> {
    let alive = servers::alive_in(db, workspace).await?;
    Ok(alive.into_iter().filter(|server| server.status == ServerStatus::Running).collect())
}
