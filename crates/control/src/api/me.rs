//! `/me`

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{body::Body, document, problem::Result};
use crate::{
    app::{App, Caller, me},
    http::{caller::Visitor, fields},
};

#[derive(Serialize, ToSchema)]
pub(super) struct MeBody {
    id: String,
    email: String,
    name: String,
    organizations: Vec<MembershipBody>,
}

#[derive(Serialize, ToSchema)]
struct MembershipBody {
    slug: String,
    name: String,
    /// `administrator` or `member`.
    #[schema(value_type = String)]
    role: &'static str,
}

/// Who the caller is, and the organizations they are in.
#[utoipa::path(get, path = "/me", tag = "me",
    responses((status = 200, body = MeBody), document::SignedIn))]
pub(super) async fn get(State(app): State<App>, caller: Caller) -> Result<Json<MeBody>> {
    let (user, organizations) = me::get(&app, &caller).await?;
    let organizations = organizations
        .into_iter()
        .map(|(o, role)| MembershipBody { slug: o.slug.to_string(), name: o.name, role: role.as_str() })
        .collect();
    Ok(Json(MeBody { id: user.id.to_string(), email: user.email, name: user.name, organizations }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangePasswordBody {
    #[schema(value_type = String)]
    current: Zeroizing<String>,
    /// At least 12 characters.
    #[schema(value_type = String)]
    new: Zeroizing<String>,
}

/// Change the caller's password. Needs a session: it alone goes on, the others end. Tokens stay.
#[utoipa::path(put, path = "/me/password", tag = "me", request_body = ChangePasswordBody,
    responses((status = 204), document::Own, document::Body, document::Guessed, document::Ready))]
pub(super) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Visitor { address, browser, .. }: Visitor,
    body: Body<ChangePasswordBody>,
) -> Result<StatusCode> {
    let input = body.parse(|body| fields::change_password(body.current, body.new));
    me::change_password(&app, &caller, input, (address, browser)).await?;
    Ok(StatusCode::NO_CONTENT)
}
