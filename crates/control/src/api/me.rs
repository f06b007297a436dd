//! `/me`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{document, problem::Result};
use crate::app::{App, Caller, me};

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
