//! Deleted secrets of either scope, which can be restored.

use askama::Template;
use axum::{extract::State, response::Response};
use domain::{RESTORABLE_DAYS, Time};
use serde::Deserialize;

use super::{
    form::Form,
    frame::{Frame, Reader, page, see},
    query::Query,
    restarts::address,
    secrets::{
        At,
        held_by::{HolderRow, ReaderRow},
    },
    words::{self, Moment, moment},
};
use crate::{
    app::{
        App, Input, Precondition,
        deleted_secrets::{self, DeletedSecret, Part},
        drift::StaleServer,
        holders::{self, Which},
        restarts::{self, Wish},
        secrets,
    },
    error::Result,
    http::{paging::Params, path::Path},
};

/// How many the page shows.
const SHOWN: i64 = 200;

/// How many holders the page of one shows.
const HOLDERS: i64 = 100;

#[derive(Template)]
#[template(path = "secrets/deleted.html")]
struct DeletedPage {
    frame: Frame,
    at: At,
    query: Query,
    rows: Vec<Row>,
    more: bool,
    may_write: bool,
    may_see_holders: bool,
}

struct Row {
    id: String,
    name: String,
    version: u32,
    revision: String,
    deleted: Moment,
    by: String,
    ends: Moment,
    destroyed: bool,
}

impl From<DeletedSecret> for Row {
    fn from(secret: DeletedSecret) -> Self {
        let Time(deleted) = secret.deleted_at;
        Self {
            id: secret.id.to_string(),
            name: secret.name.to_string(),
            version: secret.version,
            revision: secret.revision,
            deleted: moment(Time(deleted)),
            by: words::by(secret.deleted_by.as_ref()),
            destroyed: secret.destroyed_at.is_some(),
            ends: moment(Time(deleted).plus_seconds(RESTORABLE_DAYS * 24 * 60 * 60)),
        }
    }
}

/// The list, last deleted first.
pub(super) async fn list(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let rights = secrets::rights(&app, &reader.caller, at.place()).await?;
    let part = Input::new(Ok(Part { after: None, limit: SHOWN + 1 }));
    let mut found = deleted_secrets::list(&app, &reader.caller, at.place(), part).await?;
    let more = found.len() > usize::try_from(SHOWN).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(SHOWN).unwrap_or(usize::MAX));
    page(&DeletedPage {
        frame,
        at,
        query: Query::of(query),
        rows: found.into_iter().map(Row::from).collect(),
        more,
        may_write: rights.write,
        may_see_holders: rights.suspend,
    })
}

#[derive(Template)]
#[template(path = "secrets/deleted-one.html")]
struct OnePage {
    frame: Frame,
    at: At,
    query: Query,
    secret: Row,
    holders: Vec<HolderRow>,
    readers: Vec<ReaderRow>,
    /// Those that a restart because of it would take.
    servers: Vec<StaleServer>,
    may_write: bool,
}

impl OnePage {
    fn address(&self) -> String {
        format!("{}/deleted-secrets/{}", self.at.base(), self.secret.id)
    }
}

/// One of them: who still has it.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Path(AtDeleted { at, secret }): Path<AtDeleted>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let found = deleted_secrets::get(&app, &reader.caller, at.place(), &secret).await?;
    let rights = secrets::rights(&app, &reader.caller, at.place()).await?;
    let which = Which::Deleted(&secret);
    let part = Input::new(Ok(holders::Part { version: None, before: None, limit: HOLDERS }));
    let (holders, readers) = holders::list(&app, &reader.caller, at.place(), which, part).await?;
    let all = Input::new(Ok(Wish::default()));
    let servers = restarts::would_restart(&app, &reader.caller, at.place(), Some(which), all).await?;
    page(&OnePage {
        frame,
        at,
        query: Query::of(query),
        secret: found.into(),
        holders: holders.into_iter().map(HolderRow::from).collect(),
        readers: readers.into_iter().map(ReaderRow::from).collect(),
        servers,
        may_write: rights.write,
    })
}

/// Restarts the servers that still have it.
pub(super) async fn restart_holders(
    State(app): State<App>,
    reader: Reader,
    Path(AtDeleted { at, secret }): Path<AtDeleted>,
) -> Result<Response> {
    let wish = Input::new(Ok(Wish::default()));
    let begun = restarts::of_secret(&app, &reader.caller, at.place(), Which::Deleted(&secret), wish).await?;
    Ok(see(&address(&at.organization, &begun)))
}

#[derive(Deserialize)]
pub(super) struct AtDeleted {
    #[serde(flatten)]
    at: At,
    secret: String,
}

/// Restores one under its name.
pub(super) async fn restore(
    State(app): State<App>,
    reader: Reader,
    Path(AtDeleted { mut at, secret }): Path<AtDeleted>,
    form: Form,
) -> Result<Response> {
    let written = deleted_secrets::restore(&app, &reader.caller, at.place(), &secret, expected(&form)).await?;
    at.name = written.listed.secret.name.to_string();
    Ok(see(&format!("{}?done=restored", at.secret())))
}

/// Erases every value of one for good.
pub(super) async fn destroy(
    State(app): State<App>,
    reader: Reader,
    Path(AtDeleted { at, secret }): Path<AtDeleted>,
    form: Form,
) -> Result<Response> {
    deleted_secrets::destroy(&app, &reader.caller, at.place(), &secret, expected(&form)).await?;
    Ok(see(&format!("{}/deleted-secrets?done=destroyed", at.base())))
}

fn expected(form: &Form) -> Precondition {
    Precondition { if_match: Some(vec![form.text("revision")]), create_only: false }
}
