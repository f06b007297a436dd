//! `/organizations/{organization}/members`

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue},
};
use domain::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{body::Body, document, list::List, precondition::etag, problem::Result, words::time};
use crate::{
    app::{App, Caller, Precondition, members, members::Member},
    error::Error,
    http::{
        paging::{Paging, Params, cursor, paging},
        path::Path,
    },
};

#[derive(Serialize, ToSchema)]
pub(super) struct MemberBody {
    id: String,
    name: String,
    email: String,
    /// `administrator` or `member`.
    #[schema(value_type = String)]
    role: &'static str,
    joined_at: String,
    /// How many workspaces of the organization they own; administrators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    workspaces_owned: Option<u32>,
    /// When they last used a session or a token; administrators only, and null for who never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen_at: Option<Option<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleBody {
    /// `administrator` or `member`.
    role: String,
}

fn show(member: Member) -> MemberBody {
    MemberBody {
        id: member.id.to_string(),
        name: member.name,
        email: member.email,
        role: member.role.as_str(),
        joined_at: time(member.joined_at),
        workspaces_owned: member.seen.map(|seen| seen.workspaces_owned),
        last_seen_at: member.seen.map(|seen| seen.last_at.map(time)),
    }
}

/// The people of the organization. Sorted by name, or by when they joined the installation.
#[utoipa::path(get, path = "/organizations/{organization}/members", tag = "members", params(Paging),
    responses((status = 200, body = List<MemberBody>), document::Known, document::Query))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    params: Params<Paging>,
) -> Result<Json<List<MemberBody>>> {
    let (page, limit, order) = paging(params);
    let members = members::list(&app, &caller, &organization, page).await?;
    let place = |member: &Member| {
        cursor(order, &member.name, member.account_created_at.0, member.account_created_at.0, member.id)
    };
    Ok(Json(List::page(members, limit, place, show)))
}

/// Give a member another role. Administrators only; the last administrator stays one.
#[utoipa::path(patch, path = "/organizations/{organization}/members/{user}", tag = "members",
    request_body = RoleBody,
    responses((status = 200, body = MemberBody),
        document::Allowed, document::Revision, document::State, document::Body))]
pub(super) async fn set_role(
    State(app): State<App>,
    caller: Caller,
    Path((organization, user)): Path<(String, String)>,
    expected: Precondition,
    body: Body<RoleBody>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<MemberBody>)> {
    let input = body.parse(|body| body.role.parse::<Role>().map_err(|why| Error::invalid("role", "unknown_word", why)));
    let member = members::set_role(&app, &caller, &organization, &user, expected, input).await?;
    Ok((etag(&member.revision), Json(show(member))))
}
