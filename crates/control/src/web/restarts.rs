//! Rolling restarts: where those of a workspace are begun, and how far one is.

use askama::Template;
use axum::{extract::State, response::Response};
use domain::{RestartState, RestartStep, SecretId};
use serde::Deserialize;

use super::{
    form::Form,
    frame::{Frame, Reader, page, see},
    problem::sentence,
    servers::At,
    words::{Moment, moment},
};
use crate::{
    app::{
        App, Input, Precondition,
        restarts::{self, Progress, Restart, Step, Wish},
        secrets::Place,
    },
    error::{Error, Result},
    http::path::Path,
};

/// Restarts the servers of a workspace that differ.
pub(super) async fn of_workspace(State(app): State<App>, reader: Reader, Path(at): Path<At>) -> Result<Response> {
    let wish = Input::new(Ok(Wish::default()));
    let place = Place { organization: &at.organization, workspace: Some(&at.workspace) };
    let begun = restarts::of_workspace(&app, &reader.caller, place, wish).await?;
    Ok(see(&address(&at.organization, &begun)))
}

/// The address of a rolling restart.
pub(super) fn address(organization: &str, begun: &Progress) -> String {
    format!("/organizations/{organization}/restarts/{}", begun.restart.id)
}

/// A rolling restart that runs or is paused, as other pages lead to it.
pub(super) struct Open {
    pub(super) address: String,
    /// The secret that it is for, where it is for one.
    pub(super) secret: Option<(SecretId, String)>,
    pub(super) paused: bool,
    pub(super) detail: String,
    pub(super) done: u32,
    pub(super) all: u32,
}

impl Open {
    /// Those that the reader may know of, newest first.
    ///
    /// # Errors
    /// As the order of answers says.
    pub(super) async fn of(app: &App, reader: &Reader, place: Place<'_>) -> Result<Vec<Self>> {
        let found = restarts::open(app, &reader.caller, place).await?;
        let shown = |restart: Restart| Self {
            address: format!("/organizations/{}/restarts/{}", place.organization, restart.id),
            secret: restart.secret.map(|(id, name)| (id, name.to_string())),
            paused: restart.state == RestartState::Paused,
            detail: sentence(&restart.detail),
            done: restart.tally.done + restart.tally.skipped + restart.tally.failed,
            all: restart.tally.servers(),
        };
        Ok(found.into_iter().map(shown).collect())
    }
}

#[derive(Deserialize)]
pub(super) struct AtRestart {
    organization: String,
    restart: String,
}

#[derive(Template)]
#[template(path = "restarts/show.html")]
struct ShowPage {
    frame: Frame,
    id: String,
    revision: String,
    secret: Option<String>,
    workspace: Option<String>,
    state: RestartState,
    detail: String,
    begun: Moment,
    by: String,
    done: u32,
    failed: u32,
    all: u32,
    rows: Vec<Row>,
    /// Whether the reader may begin one like it, and so continue and abort this one.
    may_change: bool,
}

struct Row {
    server: String,
    workspace: String,
    deleted: bool,
    state: &'static str,
    look: &'static str,
    detail: String,
}

impl From<Step> for Row {
    fn from(step: Step) -> Self {
        Self {
            server: step.slug.to_string(),
            workspace: step.workspace.1.to_string(),
            deleted: step.deleted,
            state: step.state.as_str(),
            look: match step.state {
                RestartStep::Done => "success",
                RestartStep::Failed => "danger",
                RestartStep::Restarting => "warning",
                RestartStep::Waiting | RestartStep::Skipped => "",
            },
            detail: sentence(&step.detail),
        }
    }
}

impl ShowPage {
    fn is(&self, state: &str) -> bool {
        self.state.as_str() == state
    }
}

/// How far it is.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Path(AtRestart { organization, restart }): Path<AtRestart>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&organization)).await?;
    let now = Input::new(Ok(std::time::Duration::ZERO));
    let found = restarts::get(&app, &reader.caller, &organization, &restart, None, now).await?;
    let Progress { restart, steps } = found.ok_or(Error::NotFound)?;
    let tally = restart.tally;
    let may_change = restarts::may_change(&app, &reader.caller, &organization, &restart.id.to_string()).await?;
    page(&ShowPage {
        frame,
        id: restart.id.to_string(),
        revision: restart.revision,
        secret: restart.secret.map(|(_, name)| name.to_string()),
        workspace: restart.workspace.map(|(_, slug)| slug.to_string()),
        state: restart.state,
        detail: sentence(&restart.detail),
        begun: moment(restart.created_at),
        by: restart.created_by.name,
        done: tally.done + tally.skipped,
        failed: tally.failed,
        all: tally.servers(),
        rows: steps.into_iter().map(Row::from).collect(),
        may_change,
    })
}

/// Lets a paused one go on.
pub(super) async fn resume(
    State(app): State<App>,
    reader: Reader,
    Path(AtRestart { organization, restart }): Path<AtRestart>,
    form: Form,
) -> Result<Response> {
    restarts::resume(&app, &reader.caller, &organization, &restart, expected(&form)).await?;
    Ok(see(&format!("/organizations/{organization}/restarts/{restart}")))
}

/// Ends one before its end.
pub(super) async fn abort(
    State(app): State<App>,
    reader: Reader,
    Path(AtRestart { organization, restart }): Path<AtRestart>,
    form: Form,
) -> Result<Response> {
    restarts::abort(&app, &reader.caller, &organization, &restart, expected(&form)).await?;
    Ok(see(&format!("/organizations/{organization}/restarts/{restart}")))
}

fn expected(form: &Form) -> Precondition {
    Precondition { if_match: Some(vec![form.text("revision")]), create_only: false }
}
