//! `/setup`

use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{body::Body, document, problem::Result};
use crate::{
    app::{App, Input, setup, setup::SetUp},
    http::{caller::Visitor, fields},
};
use axum::extract::State;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUpBody {
    /// The one-time code that `vestry serve` printed.
    #[schema(value_type = String)]
    setup_code: Zeroizing<String>,
    email: String,
    name: String,
    /// At least 12 characters.
    #[schema(value_type = String)]
    password: Zeroizing<String>,
    organization: NewOrganizationBody,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrganizationBody {
    name: String,
    /// Made from the name when missing.
    slug: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct MadeBody {
    user: UserBody,
    /// The organization's slug.
    organization: String,
}

/// A person who can sign in.
#[derive(Serialize, ToSchema)]
pub(super) struct UserBody {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
}

/// Set the installation up: its first administrator and organization. Needs the one-time code; 409 once done.
#[utoipa::path(post, path = "/setup", tag = "set-up", request_body = SetUpBody,
    security(()),
    responses((status = 201, body = MadeBody),
        document::Visitor, document::State, document::Body, document::Guessed, document::Ready))]
pub(super) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    body: Body<SetUpBody>,
) -> Result<(StatusCode, Json<MadeBody>)> {
    let made = setup::run(&app, body.parse(|body| Ok(parse(body))), visitor.address).await?;
    let user = UserBody { id: made.user.to_string(), name: made.name, email: made.email };
    Ok((StatusCode::CREATED, Json(MadeBody { user, organization: made.organization.to_string() })))
}

fn parse(body: SetUpBody) -> SetUp {
    let SetUpBody { setup_code, email, name, password, organization } = body;
    SetUp {
        setup_code,
        first: Input::new(fields::first(&email, &name, password, &organization.name, organization.slug.as_deref())),
    }
}
