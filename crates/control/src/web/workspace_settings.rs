//! The General section of a workspace: its names, its tokens, giving it away and deleting it.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use domain::DisplayName;
use serde::Deserialize;

use super::{
    form::Form,
    frame::{Frame, Reader, page, page_with, see},
    made::Made,
    problem::sentence,
    query::Query,
    servers::At,
    words::{self, Moment, moment},
    workspaces::{self as pages, Head},
};
use crate::{
    app::{
        App, Input, Precondition, tokens,
        workspace_tokens::{self, Listed, NewToken},
        workspaces,
    },
    clock,
    error::{Error, FieldError, Result},
    http::{fields, paging::Params, path::Path},
};

#[derive(Template)]
#[template(path = "workspaces/general.html")]
struct GeneralPage {
    frame: Frame,
    at: At,
    head: Head,
    query: Query,
    typed: Typed,
    /// The names of the servers that may be alive.
    running: Vec<String>,
    tokens: Vec<TokenRow>,
    made: Made,
    errors: Vec<FieldError>,
}

/// What stands in the fields of the section's forms.
#[derive(Default)]
struct Typed {
    name: String,
    slug: String,
    description: String,
    revision: String,
    token: String,
    days: String,
    user: String,
    confirmation: String,
    stop: bool,
}

struct TokenRow {
    id: String,
    name: String,
    by: String,
    created: Moment,
    used: Option<Moment>,
    ends: Option<Moment>,
}

impl From<Listed> for TokenRow {
    fn from(token: Listed) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name,
            by: words::by(token.created_by.as_ref()),
            created: moment(token.created_at),
            used: token.last_used_at.map(moment),
            ends: token.expires_at.map(moment),
        }
    }
}

impl GeneralPage {
    async fn of(app: &App, reader: &Reader, at: At, query: Query) -> Result<Self> {
        let frame = Frame::of(app, reader, Some(&at.organization)).await?;
        let head = pages::head(app, reader, &at.organization, &at.workspace).await?;
        let workspace = workspaces::get(app, &reader.caller, &at.organization, &at.workspace).await?.workspace;
        let tokens = match head.owns() {
            true => workspace_tokens::list(app, &reader.caller, &at.organization, &at.workspace).await?,
            false => Vec::new(),
        };
        let typed = Typed {
            name: workspace.name,
            slug: workspace.slug.to_string(),
            description: workspace.description,
            revision: workspace.revision,
            days: "90".to_owned(),
            ..Typed::default()
        };
        let running = match workspace.alive {
            0 => Vec::new(),
            _ => pages::servers(app, reader, &at.organization, &at.workspace).await?,
        };
        let running = running.into_iter().filter(|seen| seen.server.status.may_be_alive());
        let running = running.map(|seen| seen.server.name).collect();
        let tokens = tokens.into_iter().map(TokenRow::from).collect();
        let made = Made::of(app, reader, &query)?;
        Ok(Self { frame, at, head, query, typed, running, tokens, made, errors: Vec::new() })
    }

    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }

    /// Whether the reader may give the workspace away or delete it.
    fn disposes(&self) -> bool {
        self.head.owns() || self.frame.administrator()
    }
}

/// The section.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    page(&GeneralPage::of(&app, &reader, at, Query::of(query)).await?)
}

/// The section again, with what does not fit and what was typed.
async fn again(
    app: &App,
    reader: &Reader,
    at: At,
    error: Error,
    field: &'static str,
    keep: impl FnOnce(&mut Typed),
) -> Result<Response> {
    let (status, errors) = match error {
        Error::Invalid(errors) => (StatusCode::UNPROCESSABLE_ENTITY, errors),
        Error::Conflict(why) => {
            (StatusCode::CONFLICT, vec![FieldError { field, code: "conflict", message: sentence(&why) }])
        }
        error => return Err(error),
    };
    let mut page = GeneralPage::of(app, reader, at, Query::default()).await?;
    keep(&mut page.typed);
    page_with(status, &GeneralPage { errors, ..page })
}

/// Saves names and description.
pub(super) async fn edit(State(app): State<App>, reader: Reader, Path(at): Path<At>, form: Form) -> Result<Response> {
    let [name, slug, description] = ["name", "slug", "description"].map(|field| form.text(field));
    let input = fields::edit_workspace(Some(name.clone()), Some(slug.clone()), Some(description.clone()));
    let edited =
        workspaces::edit(&app, &reader.caller, &at.organization, &at.workspace, expected(&form), Input::new(input));
    match edited.await {
        Ok(edited) => {
            let slug = edited.workspace.slug;
            Ok(see(&format!("/organizations/{}/workspaces/{slug}/general?done=edited", at.organization)))
        }
        Err(error) => {
            let keep = |typed: &mut Typed| (typed.name, typed.slug, typed.description) = (name, slug, description);
            again(&app, &reader, at, error, "slug", keep).await
        }
    }
}

/// Gives the workspace to another member.
pub(super) async fn give(State(app): State<App>, reader: Reader, Path(at): Path<At>, form: Form) -> Result<Response> {
    let user = form.text("user").trim().to_owned();
    let person = Input::new(match form.has("sure") {
        true => Ok(user.clone()),
        false => Err(Error::invalid("sure", "not_sure", "Tick this to give the workspace away. Nothing was changed.")),
    });
    let given = workspaces::give(&app, &reader.caller, &at.organization, &at.workspace, expected(&form), person).await;
    match given {
        Ok(()) => Ok(see(&format!("{}/members?done=given", at.base()))),
        Err(error) => again(&app, &reader, at, error, "user", |typed| typed.user = user).await,
    }
}

/// Deletes the workspace, and stops its servers when that is asked for; only once its name is typed.
pub(super) async fn delete(State(app): State<App>, reader: Reader, Path(at): Path<At>, form: Form) -> Result<Response> {
    let (confirmation, wants_stop) = (form.text("confirmation"), form.has("stop"));
    let stop = match confirmation.trim() == at.workspace {
        true => Ok(wants_stop),
        false => {
            let message = format!("Type {} to delete it. Nothing was deleted.", at.workspace);
            Err(Error::invalid("confirmation", "not_the_name", message))
        }
    };
    let (expected, stop) = (expected(&form), Input::new(stop));
    let deleted = workspaces::delete(&app, &reader.caller, &at.organization, &at.workspace, expected, stop).await;
    match deleted {
        Ok(()) => Ok(see(&format!("/organizations/{}/workspaces?done=deleted-workspace", at.organization))),
        Err(error) => {
            let keep = |typed: &mut Typed| (typed.confirmation, typed.stop) = (confirmation, wants_stop);
            again(&app, &reader, at, error, "confirmation", keep).await
        }
    }
}

fn expected(form: &Form) -> Precondition {
    Precondition { if_match: Some(vec![form.text("revision")]), create_only: false }
}

/// Makes a token that starts runs of the workspace, and leads to the page that shows it once.
pub(super) async fn create_token(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    let (name, days) = (form.text("token"), form.text("days"));
    let new = new_token(&name, &days);
    let made = workspace_tokens::create(&app, &reader.caller, &at.organization, &at.workspace, Input::new(new)).await;
    match made {
        Ok((_, text)) => {
            let shown = tokens::show_once(&app, &reader.caller, &text)?;
            Ok(see(&format!("{}/general?made={shown}", at.base())))
        }
        Err(error) => again(&app, &reader, at, error, "token", |typed| (typed.token, typed.days) = (name, days)).await,
    }
}

/// The token that the form asks for; its fields have other names here, beside the workspace's own.
fn new_token(name: &str, days: &str) -> Result<NewToken> {
    let name = DisplayName::parse(name).map_err(|why| Error::invalid("token", why.code(), why))?;
    let days = Some(days).filter(|days| !days.is_empty()).map(str::parse::<u16>).transpose();
    let days = days.map_err(|_| Error::invalid("days", "days", "Choose after how many days it ends."))?;
    Ok(NewToken { name, expires_at: days.map(|days| clock::now().plus_seconds(i64::from(days) * 24 * 60 * 60)) })
}

#[derive(Deserialize)]
pub(super) struct AtToken {
    #[serde(flatten)]
    at: At,
    token: String,
}

/// Revokes a token at once.
pub(super) async fn revoke_token(
    State(app): State<App>,
    reader: Reader,
    Path(AtToken { at, token }): Path<AtToken>,
) -> Result<Response> {
    workspace_tokens::revoke(&app, &reader.caller, &at.organization, &at.workspace, &token).await?;
    Ok(see(&format!("{}/general?done=revoked", at.base())))
}
