//! Who has access to a workspace, and what happened in it.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;

use super::{
    form::Form,
    frame::{Frame, Reader, page, page_with, see},
    query::Query,
    servers::At,
    settings::EventRow,
    words::{Moment, moment},
    workspaces::{self, Head},
};
use crate::{
    app::{App, Input, audit, collaborators},
    error::{Error, FieldError, Result},
    http::{
        paging::{Params, cursor, shown},
        path::Path,
    },
};

#[derive(Template)]
#[template(path = "workspaces/members.html")]
struct MembersPage {
    frame: Frame,
    at: At,
    head: Head,
    query: Query,
    rows: Vec<Row>,
    next: Option<String>,
    user: String,
    errors: Vec<FieldError>,
}

struct Row {
    id: String,
    name: String,
    email: String,
    since: Moment,
}

impl MembersPage {
    async fn of(app: &App, reader: &Reader, at: At, query: Query) -> Result<Self> {
        let frame = Frame::of(app, reader, Some(&at.organization)).await?;
        let head = workspaces::head(app, reader, &at.organization, &at.workspace).await?;
        let (part, limit, order) = query.page();
        let found = collaborators::list(app, &reader.caller, &at.organization, &at.workspace, part).await?;
        let position =
            |one: &collaborators::Collaborator| cursor(order, &one.name, one.account_created_at.0, one.since.0, one.id);
        let (found, next) = shown(found, limit, position);
        let row = |one: collaborators::Collaborator| Row {
            id: one.id.to_string(),
            name: one.name,
            email: one.email,
            since: moment(one.since),
        };
        let rows = found.into_iter().map(row).collect();
        Ok(Self { frame, at, head, query, rows, next, user: String::new(), errors: Vec::new() })
    }

    fn wrong(&self) -> Option<&str> {
        self.errors.first().map(|error| error.message.as_str())
    }
}

/// The owner and the collaborators.
pub(super) async fn list(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    page(&MembersPage::of(&app, &reader, at, Query::of(query)).await?)
}

/// Gives a member access.
pub(super) async fn add(State(app): State<App>, reader: Reader, Path(at): Path<At>, form: Form) -> Result<Response> {
    let user = form.text("user").trim().to_owned();
    match collaborators::add(&app, &reader.caller, &at.organization, &at.workspace, &user).await {
        Ok(()) => Ok(see(&format!("{}/members?done=shared", at.base()))),
        Err(Error::Invalid(errors)) => {
            let page = MembersPage::of(&app, &reader, at, Query::default()).await?;
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &MembersPage { user, errors, ..page })
        }
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
pub(super) struct AtMember {
    #[serde(flatten)]
    at: At,
    member: String,
}

/// Takes a collaborator's access away.
pub(super) async fn remove(
    State(app): State<App>,
    reader: Reader,
    Path(AtMember { at, member }): Path<AtMember>,
) -> Result<Response> {
    collaborators::remove(&app, &reader.caller, &at.organization, &at.workspace, &member).await?;
    Ok(see(&format!("{}/members?done=unshared", at.base())))
}

#[derive(Template)]
#[template(path = "workspaces/activity.html")]
struct ActivityPage {
    frame: Frame,
    at: At,
    head: Head,
    query: Query,
    rows: Vec<EventRow>,
    next: Option<String>,
}

/// How many events a page shows.
const EVENTS: i64 = 50;

/// What happened in the workspace, newest first.
pub(super) async fn activity(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let head = workspaces::head(&app, &reader, &at.organization, &at.workspace).await?;
    let query = Query::of(query);
    let before = query.cursor.as_deref().and_then(|number| number.parse().ok());
    let part = Input::new(Ok((before, EVENTS + 1)));
    let events = audit::activity(&app, &reader.caller, &at.organization, &at.workspace, part).await?;
    let (events, next) = shown(events, EVENTS, |event| event.sequence.to_string());
    page(&ActivityPage { frame, at, head, query, rows: events.into_iter().map(EventRow::from).collect(), next })
}
