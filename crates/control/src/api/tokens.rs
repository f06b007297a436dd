//! `/me/tokens`

use axum::{Json, extract::State, http::StatusCode};
use domain::{DisplayName, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{body::Body, document, list::List, problem::Result, words::time};
use crate::{
    app::{
        App, Caller,
        tokens::{self, Credential, NewToken},
    },
    clock,
    error::Error,
    http::path::Path,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTokenBody {
    name: String,
    access: TokenAccess,
    /// Whether it may write organization secrets.
    #[serde(default)]
    organization_secrets: bool,
    /// RFC 3339; never when missing.
    expires_at: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TokenAccess {
    Read,
    Full,
}

/// A personal token without its text.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenBody {
    id: String,
    name: String,
    access: TokenAccess,
    organization_secrets: bool,
    created_at: String,
    last_used_at: String,
    expires_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct MadeTokenBody {
    #[serde(flatten)]
    token_info: TokenBody,
    /// The token's text, shown this once.
    token: String,
}

fn show(token: Credential) -> TokenBody {
    TokenBody {
        id: token.id.to_string(),
        name: token.name,
        access: if token.full { TokenAccess::Full } else { TokenAccess::Read },
        organization_secrets: token.organization_secrets,
        created_at: time(token.created_at),
        last_used_at: time(token.last_used_at),
        expires_at: token.expires_at.map(time),
    }
}

/// The caller's own tokens.
#[utoipa::path(get, path = "/me/tokens", tag = "tokens",
    responses((status = 200, body = List<TokenBody>), document::SignedIn))]
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<List<TokenBody>>> {
    let tokens = tokens::list(&app, &caller).await?;
    Ok(Json(List::whole(tokens.into_iter().map(show).collect())))
}

/// Make a token that stands for the caller; its text is shown this once.
#[utoipa::path(post, path = "/me/tokens", tag = "tokens", request_body = NewTokenBody,
    responses((status = 201, body = MadeTokenBody), document::Own, document::Body))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    body: Body<NewTokenBody>,
) -> Result<(StatusCode, Json<MadeTokenBody>)> {
    let (credential, token) = tokens::create(&app, &caller, body.parse(parse)).await?;
    Ok((StatusCode::CREATED, Json(MadeTokenBody { token_info: show(credential), token: token.to_string() })))
}

fn parse(body: NewTokenBody) -> Result<NewToken> {
    let name = DisplayName::parse(&body.name).map_err(|why| Error::invalid("name", why.code(), why))?;
    let full = body.access == TokenAccess::Full;
    if body.organization_secrets && !full {
        return Err(Error::invalid(
            "organization_secrets",
            "needs_full_access",
            "A token that only reads can't write organization secrets. Give it full access, or leave this out.",
        ));
    }
    let expires_at = end(body.expires_at)?;
    Ok(NewToken { name, full, organization_secrets: body.organization_secrets, expires_at })
}

/// When a token ends, as it is written; `None` for never.
pub(super) fn end(text: Option<String>) -> Result<Option<Time>> {
    text.map(|text| {
        clock::parse_rfc3339(&text)
            .ok_or_else(|| Error::invalid("expires_at", "time", "Write the time as 2026-12-31T12:00:00Z."))
    })
    .transpose()
}

/// Revoke one of the caller's own tokens at once.
#[utoipa::path(delete, path = "/me/tokens/{token}", tag = "tokens",
    responses((status = 204), document::Allowed))]
pub(super) async fn revoke(State(app): State<App>, caller: Caller, Path(token): Path<String>) -> Result<StatusCode> {
    tokens::revoke(&app, &caller, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}
