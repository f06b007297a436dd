//! `/sessions`

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use domain::Email;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{body::Body, document, list::List, problem::Result, setup::UserBody, words::time};
use crate::{
    app::{App, Caller, Password, sessions, sessions::SignIn},
    error::Error,
    http::{
        caller::{Visitor, cookies},
        path::Path,
    },
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInBody {
    email: String,
    #[schema(value_type = String)]
    password: Zeroizing<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SignedInBody {
    user: UserBody,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SessionBody {
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    created_at: String,
    last_used_at: String,
    expires_at: Option<String>,
}

/// Sign in with e-mail address and password: answers with the session's cookie.
#[utoipa::path(post, path = "/sessions", tag = "sessions", request_body = SignInBody,
    security(()),
    responses((status = 201, body = SignedInBody),
        document::SignedIn, document::Visitor, document::Body, document::Guessed, document::Ready))]
pub(super) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    body: Body<SignInBody>,
) -> Result<(StatusCode, HeaderMap, Json<SignedInBody>)> {
    let input = body.parse(|body| {
        // An address that can't be one is nobody's: the same answer as for a wrong pair.
        let email = Email::parse(&body.email).map_err(|_| Error::SignInRefused)?;
        Ok(SignIn { email, password: Password::attempt(body.password) })
    });
    let Visitor { address, is_browser, browser, site } = visitor;
    let session = sessions::create(&app, input, sessions::Visit { address, is_browser, browser }).await?;
    let cookies = cookies(&site, &session)?;
    let user = UserBody { id: session.user.id.to_string(), name: session.user.name, email: session.user.email };
    Ok((StatusCode::CREATED, cookies, Json(SignedInBody { user })))
}

/// The caller's own sessions.
#[utoipa::path(get, path = "/sessions", tag = "sessions",
    responses((status = 200, body = List<SessionBody>), document::SignedIn))]
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<List<SessionBody>>> {
    let sessions = sessions::list(&app, &caller).await?;
    let show = |session: sessions::Credential| SessionBody {
        current: session.id == caller.credential(),
        id: session.id.to_string(),
        created_at: time(session.created_at),
        last_used_at: time(session.last_used_at),
        expires_at: session.expires_at.map(time),
    };
    Ok(Json(List::whole(sessions.into_iter().map(show).collect())))
}

/// End one of the caller's own sessions; `current` is the one that asks.
#[utoipa::path(delete, path = "/sessions/{session}", tag = "sessions",
    responses((status = 204), document::Allowed))]
pub(super) async fn end(State(app): State<App>, caller: Caller, Path(session): Path<String>) -> Result<StatusCode> {
    sessions::end(&app, &caller, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}
