//! Runs: commands that somebody starts elsewhere with a workspace's environment.
//!
//! A run's record is committed before anything is unsealed. Runs of one organization that are asked for at the same
//! time share one commit; none is answered before it.

mod commit;
mod desk;

use domain::{DisplayName, Outcome, SecretName, Slug, StartId, policy::Action};
use envelope::Plaintext;

use super::{
    App, Input,
    access::{authorize, authorize_runner, workspace},
};
use crate::{
    error::{Error, Result},
    store::{Caller, Runner, starts},
};

pub use super::snapshots::{Variable, Written};
pub use crate::store::starts::Start;
pub use desk::Desk;
pub(in crate::app) use desk::close;

/// What somebody wants to run.
pub struct NewRun {
    /// How the machine calls itself.
    pub host: DisplayName,
    /// The program's name, without its directory and arguments.
    pub command: Option<DisplayName>,
    /// Only these secrets; `None` for all that the workspace's servers get.
    pub only: Option<Vec<SecretName>>,
}

/// Where a run belongs.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The organization's slug.
    pub organization: String,
    /// The workspace's slug; a workspace's token need not say it.
    pub workspace: Option<String>,
}

/// A run on record, and what it gets.
pub struct Begun {
    /// Its start record.
    pub id: StartId,
    /// The organization.
    pub organization: Slug,
    /// The workspace.
    pub workspace: Slug,
    /// What moves when the workspace's environment changes.
    pub revision: String,
    /// What it is told of the secrets and their values, which are in the order of their names.
    pub variables: Plaintext,
    /// The secrets that are left out because they are suspended.
    pub left_out: Vec<SecretName>,
}

/// Puts a run on record, then unseals what it gets: all of it or nothing. `written` makes the text that it is told.
///
/// # Errors
/// [`Error::Sealed`] without keys; [`Error::Conflict`] when a value does not open, and the record says `failed`; otherwise
/// as the order of answers says.
pub async fn begin(app: &App, runner: Runner, place: Place, input: Input<NewRun>, written: Written) -> Result<Begun> {
    let new = match input.checked() {
        Ok(new) => new,
        Err(unfit) => return Err(refused(app, &runner, &place, unfit).await),
    };
    let mut recorded = desk::record(app, runner, place, new).await?;
    let snapshot = &recorded.snapshot;
    let begun = snapshot.told(app, written).map(|variables| Begun {
        variables,
        id: recorded.id,
        organization: recorded.location.organization_slug().clone(),
        workspace: recorded.location.workspace_slug().clone(),
        revision: snapshot.environment_revision.clone(),
        left_out: snapshot.secrets.left_out().map(|secret| secret.name.clone()).collect(),
    });
    // From here on the values are on their way, and nobody can know how far they come.
    match &begun {
        Ok(_) => recorded.settle(Outcome::Delivered, String::new()),
        Err(why) => recorded.settle(Outcome::Failed, why.to_string()),
    }
    begun
}

/// Why a request that does not fit starts nothing: told only to somebody who may start runs there.
async fn refused(app: &App, runner: &Runner, place: &Place, unfit: Error) -> Error {
    let may = async {
        let mut db = app.store.read().await?;
        let (organization, slug) = (&place.organization, place.workspace.as_deref());
        authorize_runner(&mut db, runner, organization, slug, Action::StartRuns).await
    };
    may.await.err().unwrap_or(unfit)
}

/// A workspace's runs, newest first, before an id.
///
/// # Errors
/// As the order of answers says.
pub async fn list(
    app: &App,
    caller: &Caller,
    organization: &str,
    slug: &str,
    before: Option<&str>,
    limit: Input<i64>,
) -> Result<Vec<Start>> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, workspace(organization, slug), Action::SeeWorkspace).await?;
    Ok(starts::runs(&mut db, &permit, before, limit.checked()?).await?)
}
