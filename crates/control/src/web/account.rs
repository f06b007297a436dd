//! The reader's own pages: password, tokens, sessions, light or dark.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    form::Form,
    frame::{Frame, Reader, THEME, page, page_with, see},
    made::Made,
    query::Query,
    sessions::own_address,
    words::{Moment, moment},
};
use crate::{
    app::{
        App, Input, me,
        sessions::{self, Credential},
        tokens::{self, NewToken},
    },
    clock,
    error::{Error, FieldError, Result},
    http::{caller::Visitor, fields, paging::Params, path::Path},
};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    query: Query,
    tokens: Vec<TokenRow>,
    sessions: Vec<SessionRow>,
    name: String,
    made: Made,
    errors: Vec<FieldError>,
}

struct TokenRow {
    id: String,
    name: String,
    may: &'static str,
    created: Moment,
    used: Moment,
    ends: Option<Moment>,
}

struct SessionRow {
    id: String,
    current: bool,
    created: Moment,
    used: Moment,
}

impl From<Credential> for TokenRow {
    fn from(token: Credential) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name,
            may: match (token.full, token.organization_secrets) {
                (false, _) => "read only",
                (true, false) => "full",
                (true, true) => "full, with organization secrets",
            },
            created: moment(token.created_at),
            used: moment(token.last_used_at),
            ends: token.expires_at.map(moment),
        }
    }
}

impl AccountPage {
    async fn of(app: &App, reader: &Reader, query: Query) -> Result<Self> {
        let frame = Frame::of(app, reader, None).await?;
        let tokens = tokens::list(app, &reader.caller).await?.into_iter().map(TokenRow::from).collect();
        let session = |session: Credential| SessionRow {
            current: session.id == reader.caller.credential(),
            id: session.id.to_string(),
            created: moment(session.created_at),
            used: moment(session.last_used_at),
        };
        let sessions = sessions::list(app, &reader.caller).await?.into_iter().map(session).collect();
        let made = Made::of(app, reader, &query)?;
        Ok(Self { frame, query, tokens, sessions, name: String::new(), made, errors: Vec::new() })
    }

    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

/// The page.
pub(super) async fn show(State(app): State<App>, reader: Reader, query: Params<Query>) -> Result<Response> {
    page(&AccountPage::of(&app, &reader, Query::of(query)).await?)
}

/// Changes the reader's password.
pub(super) async fn change_password(
    State(app): State<App>,
    reader: Reader,
    Visitor { address, browser, .. }: Visitor,
    mut form: Form,
) -> Result<Response> {
    let typed = Input::new(fields::change_password(form.secret("current"), form.secret("new")));
    match me::change_password(&app, &reader.caller, typed, (address, browser)).await {
        Ok(()) => Ok(see("/account?done=password")),
        Err(Error::Invalid(errors)) => {
            let page = AccountPage::of(&app, &reader, Query::default()).await?;
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &AccountPage { errors, ..page })
        }
        Err(error) => Err(error),
    }
}

/// Makes a token, and leads to the page that shows it once.
pub(super) async fn create_token(State(app): State<App>, reader: Reader, form: Form) -> Result<Response> {
    let name = form.text("name");
    match tokens::create(&app, &reader.caller, Input::new(new_token(&name, &form))).await {
        Ok((_, text)) => Ok(see(&format!("/account?made={}", tokens::show_once(&app, &reader.caller, &text)?))),
        Err(Error::Invalid(errors)) => {
            let page = AccountPage::of(&app, &reader, Query::default()).await?;
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &AccountPage { name, errors, ..page })
        }
        Err(error) => Err(error),
    }
}

fn new_token(name: &str, form: &Form) -> Result<NewToken> {
    let access = form.text("access");
    let days = form.given("days").map(|days| days.parse::<u16>()).transpose();
    let days = days.map_err(|_| Error::invalid("days", "days", "Choose after how many days it ends."))?;
    Ok(NewToken {
        name: fields::name(name)?,
        full: access != "read",
        organization_secrets: access == "organization_secrets",
        expires_at: days.map(|days| clock::now().plus_seconds(i64::from(days) * 24 * 60 * 60)),
    })
}

/// Revokes one of the reader's tokens.
pub(super) async fn revoke_token(State(app): State<App>, reader: Reader, Path(id): Path<String>) -> Result<Response> {
    tokens::revoke(&app, &reader.caller, &id).await?;
    Ok(see("/account?done=revoked"))
}

/// Ends another of the reader's sessions.
pub(super) async fn end_session(State(app): State<App>, reader: Reader, Path(id): Path<String>) -> Result<Response> {
    sessions::end(&app, &reader.caller, &id).await?;
    Ok(see("/account?done=ended"))
}

/// Light, dark, or as the system has it: kept in the browser.
pub(super) async fn set_theme(visitor: Visitor, form: Form) -> Result<Response> {
    let secure = if visitor.site.is_https() { "; Secure" } else { "" };
    let cookie = match form.text("theme").as_str() {
        theme @ ("light" | "dark") => {
            format!("{THEME}={theme}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000{secure}")
        }
        _ => format!("{THEME}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}"),
    };
    let cookie = HeaderValue::from_str(&cookie).map_err(|error| Error::Internal(error.into()))?;
    let then = form.text("then");
    Ok((HeaderMap::from_iter([(header::SET_COOKIE, cookie)]), see(own_address(&then))).into_response())
}
