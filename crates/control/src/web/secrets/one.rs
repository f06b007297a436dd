//! One secret: its versions, who holds it, and what can be done about it.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use domain::Access;
use serde::Deserialize;

use super::{
    At,
    form::Effect,
    held_by::{HolderRow, ReaderRow},
};
use crate::{
    app::{
        App, Input, Precondition,
        drift::StaleServer,
        holders::{self, Which},
        previews::{self, Ask, Operation},
        restarts::{self, Wish},
        secrets::{self, Listed, Reach, Rights, Suspension},
        suspensions::{self, Suspend},
        versions::{self, Version},
    },
    error::{FieldError, Result},
    http::{fields, paging::Params, path::Path},
    web::{
        form::Form,
        frame::{Frame, Reader, page, page_with, see},
        query::Query,
        restarts::{Open, address},
        words::{self, Moment, moment},
    },
};

/// How many versions and holders a page shows.
const SHOWN: i64 = 100;

#[derive(Template)]
#[template(path = "secrets/show.html")]
struct ShowPage {
    frame: Frame,
    at: At,
    rights: Rights,
    query: Query,
    secret: Shown,
    versions: Vec<VersionRow>,
    holders: Vec<HolderRow>,
    readers: Vec<ReaderRow>,
    stale: usize,
    /// The rolling restarts because of it that are not over.
    restarts: Vec<Open>,
}

/// The secret itself.
struct Shown {
    version: u32,
    description: String,
    revision: String,
    everywhere: bool,
    selected: Vec<(String, String)>,
    more: u32,
    suspension: Option<Suspended>,
    created: Moment,
    created_by: String,
    updated: Moment,
    updated_by: String,
}

struct Suspended {
    at: Moment,
    by: String,
    reason: String,
    version: Option<u32>,
}

impl From<Suspension> for Suspended {
    fn from(suspension: Suspension) -> Self {
        let Suspension { at, by, reason, version } = suspension;
        Self { at: moment(at), by: words::by(by.as_ref()), reason, version }
    }
}

struct VersionRow {
    number: u32,
    created: Moment,
    by: String,
    restored_from: Option<u32>,
    suspended: bool,
    kept: bool,
    newest: bool,
}

/// A secret's page.
pub(in crate::web) async fn show(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let listed = secrets::get(&app, &reader.caller, at.place(), &at.name).await?;
    let rights = secrets::rights(&app, &reader.caller, at.place()).await?;
    let part = Input::new(Ok(versions::Part { before: u32::MAX, limit: SHOWN }));
    let (versions, newest) = versions::list(&app, &reader.caller, at.place(), &at.name, part).await?;
    let (holders, readers) = if rights.suspend {
        let part = Input::new(Ok(holders::Part { version: None, before: None, limit: SHOWN }));
        holders::list(&app, &reader.caller, at.place(), Which::Named(&at.name), part).await?
    } else {
        (Vec::new(), Vec::new())
    };
    let holders: Vec<_> = holders.into_iter().map(HolderRow::from).collect();
    let mut restarts = Open::of(&app, &reader, at.place()).await?;
    restarts.retain(|restart| restart.secret.as_ref().is_some_and(|(id, _)| *id == listed.secret.id));
    page(&ShowPage {
        frame,
        at,
        rights,
        query: Query::of(query),
        secret: listed.into(),
        versions: versions.into_iter().map(|version| VersionRow::of(version, newest)).collect(),
        stale: holders.iter().filter(|holder| holder.stale.is_some()).count(),
        holders,
        restarts,
        readers: readers.into_iter().map(ReaderRow::from).collect(),
    })
}

impl From<Listed> for Shown {
    fn from(Listed { secret, selection, .. }: Listed) -> Self {
        let selected: Vec<_> = selection.first.into_iter().map(|(slug, name)| (slug.to_string(), name)).collect();
        Self {
            version: secret.version,
            description: secret.description,
            revision: secret.revision,
            everywhere: secret.access == Access::All,
            more: selection.count.saturating_sub(u32::try_from(selected.len()).unwrap_or(u32::MAX)),
            selected,
            suspension: secret.suspension.map(Suspended::from),
            created: moment(secret.created_at),
            created_by: words::by(secret.created_by.as_ref()),
            updated: moment(secret.updated_at),
            updated_by: words::by(secret.updated_by.as_ref()),
        }
    }
}

impl VersionRow {
    fn of(version: Version, newest: u32) -> Self {
        Self {
            number: version.number,
            created: moment(version.created_at),
            by: words::by(version.created_by.as_ref()),
            restored_from: version.restored_from,
            suspended: version.suspension.is_some(),
            kept: version.kept,
            newest: version.number == newest,
        }
    }
}

#[derive(Template)]
#[template(path = "secrets/delete.html")]
struct DeletePage {
    frame: Frame,
    at: At,
    revision: String,
    effect: Effect,
    in_use: bool,
    holders: Vec<HolderRow>,
    errors: Vec<FieldError>,
}

/// What deleting would do, and the question.
pub(in crate::web) async fn delete_form(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
) -> Result<Response> {
    page(&deletion(&app, &reader, at, Vec::new()).await?)
}

async fn deletion(app: &App, reader: &Reader, at: At, errors: Vec<FieldError>) -> Result<DeletePage> {
    let frame = Frame::of(app, reader, Some(&at.organization)).await?;
    let listed = secrets::get(app, &reader.caller, at.place(), &at.name).await?;
    let ask = Input::new(Ok(Ask { operation: Operation::Delete, reach: Reach::default() }));
    let preview = previews::get(app, &reader.caller, at.place(), &at.name, ask).await?;
    let part = Input::new(Ok(holders::Part { version: None, before: None, limit: SHOWN }));
    let (holders, _) = holders::list(app, &reader.caller, at.place(), Which::Named(&at.name), part).await?;
    let effect = Effect { saves: false, ..Effect::of(&preview, at.workspace.is_none()) };
    Ok(DeletePage {
        revision: listed.secret.revision,
        in_use: !holders.is_empty(),
        holders: holders.into_iter().map(HolderRow::from).collect(),
        frame,
        at,
        effect,
        errors,
    })
}

/// Deletes a secret; one in use only once its name is typed.
pub(in crate::web) async fn delete(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    let part = Input::new(Ok(holders::Part { version: None, before: None, limit: 1 }));
    let (held, _) = holders::list(&app, &reader.caller, at.place(), Which::Named(&at.name), part).await?;
    if !held.is_empty() && form.text("name").trim() != at.name {
        let message = format!("Type {} to delete it. Nothing was deleted.", at.name);
        let errors = vec![FieldError { field: "name", code: "not_the_name", message }];
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &deletion(&app, &reader, at, errors).await?);
    }
    let id = secrets::get(&app, &reader.caller, at.place(), &at.name).await?.secret.id;
    secrets::delete(&app, &reader.caller, at.place(), &at.name, expected(&form)).await?;
    // Whoever deletes what leaked wants to know next who still has it.
    let (id, all) = (id.to_string(), Input::new(Ok(Wish::default())));
    let held = restarts::would_restart(&app, &reader.caller, at.place(), Some(Which::Deleted(&id)), all).await?;
    Ok(match held.is_empty() {
        true => see(&format!("{}?done=deleted", at.list())),
        false => see(&format!("{}/deleted-secrets/{id}?done=deleted", at.base())),
    })
}

/// The revision that the reader saw.
fn expected(form: &Form) -> Precondition {
    Precondition { if_match: Some(vec![form.text("revision")]), create_only: false }
}

#[derive(Template)]
#[template(path = "secrets/suspend.html")]
struct SuspendPage {
    frame: Frame,
    at: At,
    revision: String,
    version: u32,
    holders: Vec<HolderRow>,
}

/// What suspending does, and the question.
pub(in crate::web) async fn suspend_form(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let listed = secrets::get(&app, &reader.caller, at.place(), &at.name).await?;
    let part = Input::new(Ok(holders::Part { version: None, before: None, limit: SHOWN }));
    let (holders, _) = holders::list(&app, &reader.caller, at.place(), Which::Named(&at.name), part).await?;
    let (revision, version) = (listed.secret.revision, listed.secret.version);
    page(&SuspendPage { frame, at, revision, version, holders: holders.into_iter().map(HolderRow::from).collect() })
}

/// Suspends a secret, or its newest version alone; and restarts those who hold it, when that was asked for too.
pub(in crate::web) async fn suspend(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    let version = form.given("version").and_then(|number| number.parse().ok());
    let reason = fields::description(form.given("reason"));
    let input = Input::new(reason.map(|reason| Suspend { version, reason }));
    suspensions::set(&app, &reader.caller, at.place(), &at.name, expected(&form), input).await?;
    if form.has("restart") {
        return begin_restart(&app, &reader, &at).await;
    }
    Ok(see(&format!("{}?done=suspended", at.secret())))
}

#[derive(Deserialize)]
pub(in crate::web) struct AtVersion {
    #[serde(flatten)]
    at: At,
    version: u32,
}

/// Lifts a suspension.
pub(in crate::web) async fn lift(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    let version = Input::new(Ok(form.given("version").and_then(|number| number.parse().ok())));
    suspensions::lift(&app, &reader.caller, at.place(), &at.name, expected(&form), version).await?;
    Ok(see(&format!("{}?done=lifted", at.secret())))
}

/// Puts an older version back.
pub(in crate::web) async fn put_back(
    State(app): State<App>,
    reader: Reader,
    Path(AtVersion { at, version }): Path<AtVersion>,
    form: Form,
) -> Result<Response> {
    let number = Input::new(Ok(version));
    versions::put_back(&app, &reader.caller, at.place(), &at.name, number, expected(&form)).await?;
    Ok(see(&format!("{}?done=put-back", at.secret())))
}

/// Erases one version's value.
pub(in crate::web) async fn destroy_version(
    State(app): State<App>,
    reader: Reader,
    Path(AtVersion { at, version }): Path<AtVersion>,
    form: Form,
) -> Result<Response> {
    let number = Input::new(Ok(version));
    versions::destroy(&app, &reader.caller, at.place(), &at.name, number, expected(&form)).await?;
    Ok(see(&format!("{}?done=destroyed", at.secret())))
}

#[derive(Template)]
#[template(path = "secrets/restart.html")]
struct RestartPage {
    frame: Frame,
    at: At,
    query: Query,
    servers: Vec<StaleServer>,
}

/// Which servers a restart would take, and the question.
pub(in crate::web) async fn restart_form(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let (which, wish) = (Some(Which::Named(at.name.as_str())), Input::new(Ok(Wish::default())));
    let servers = restarts::would_restart(&app, &reader.caller, at.place(), which, wish).await?;
    page(&RestartPage { frame, at, query: Query::of(query), servers })
}

/// Restarts the servers that hold the secret as a start would not give it now.
pub(in crate::web) async fn restart_holders(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
) -> Result<Response> {
    begin_restart(&app, &reader, &at).await
}

async fn begin_restart(app: &App, reader: &Reader, at: &At) -> Result<Response> {
    let wish = Input::new(Ok(Wish::default()));
    let begun = restarts::of_secret(app, &reader.caller, at.place(), Which::Named(&at.name), wish).await?;
    Ok(see(&address(&at.organization, &begun)))
}

impl DeletePage {
    fn wrong(&self) -> Option<&str> {
        self.errors.first().map(|error| error.message.as_str())
    }
}
