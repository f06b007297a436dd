//! What a workspace's next start would get, by names and versions; and waiting until that is something else.

use std::time::Duration;

use domain::{Available, policy::Action};
use tokio::time::Instant;

use super::{App, Input, access::authorize_runner, snapshots::revision_of, waiting};
use crate::{
    error::Result,
    store::{Runner, available, secrets::Secret},
};

/// What a workspace's next start would get.
pub struct Environment {
    /// What moves when it changes.
    pub revision: String,
    /// The secrets by name; suspended ones are left out of starts.
    pub secrets: Vec<Available<Secret>>,
}

/// Reads it; with a known revision waits for another one, `None` if there was none by then.
///
/// # Errors
/// As the order of answers says, also while it waits.
pub async fn get(
    app: &App,
    runner: &Runner,
    organization: &str,
    slug: &str,
    known: Option<&str>,
    wait: Input<Duration>,
) -> Result<Option<Environment>> {
    let (mut wait, mut end, mut seen) = (Some(wait), Instant::now(), None);
    loop {
        let written = app.store.written();
        let mut db = app.store.read().await?;
        let permit = authorize_runner(&mut db, runner, organization, Some(slug), Action::SeeEnvironment).await?;
        if let Some(wait) = wait.take() {
            end += wait.checked()?;
        }
        if seen != Some(permit.secrets_revision()) {
            seen = Some(permit.secrets_revision());
            let listed = available::listed(&mut db, permit.organization(), permit.in_workspace()).await?;
            let environment = domain::resolve(listed);
            let revision = revision_of(&environment);
            if known != Some(&revision) {
                let secrets = environment.into_names().into_iter().map(|name| name.winner).collect();
                return Ok(Some(Environment { revision, secrets }));
            }
        }
        drop(db);
        if !waiting::look_again(written, end).await {
            return Ok(None);
        }
    }
}
