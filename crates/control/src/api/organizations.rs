//! `/organizations`

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue},
};
use domain::{DisplayName, WorkspaceCreation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{body::Body, document, list::List, precondition::etag, problem::Result, words::time};
use crate::{
    app::{
        App, Caller, Precondition, me,
        organizations::{self, EditOrganization, Organization},
    },
    error::Error,
    http::path::Path,
};

/// An answer about one organization, with its revision.
type OneOrganization = ([(HeaderName, HeaderValue); 1], Json<OrganizationBody>);

#[derive(Serialize, ToSchema)]
pub(super) struct OrganizationBody {
    id: String,
    slug: String,
    name: String,
    /// Who may create workspaces: `members` or `administrators`.
    #[schema(value_type = String)]
    workspace_creation: &'static str,
    created_at: String,
    updated_at: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditOrganizationBody {
    name: Option<String>,
    /// `members` or `administrators`.
    workspace_creation: Option<String>,
}

fn show(organization: Organization) -> OrganizationBody {
    OrganizationBody {
        id: organization.id.to_string(),
        slug: organization.slug.to_string(),
        name: organization.name,
        workspace_creation: organization.workspace_creation.as_str(),
        created_at: time(organization.created_at),
        updated_at: time(organization.updated_at),
    }
}

fn one(organization: Organization) -> OneOrganization {
    (etag(&organization.revision), Json(show(organization)))
}

/// The organizations that the caller is in.
#[utoipa::path(get, path = "/organizations", tag = "organizations",
    responses((status = 200, body = List<OrganizationBody>), document::SignedIn))]
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<List<OrganizationBody>>> {
    let (_, organizations) = me::get(&app, &caller).await?;
    Ok(Json(List::whole(organizations.into_iter().map(|(organization, _)| show(organization)).collect())))
}

/// One organization.
#[utoipa::path(get, path = "/organizations/{organization}", tag = "organizations",
    responses((status = 200, body = OrganizationBody), document::Known))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
) -> Result<OneOrganization> {
    organizations::get(&app, &caller, &organization).await.map(one)
}

/// Change the name and settings. Administrators only.
#[utoipa::path(patch, path = "/organizations/{organization}", tag = "organizations",
    request_body = EditOrganizationBody,
    responses((status = 200, body = OrganizationBody), document::Allowed, document::Revision, document::Body))]
pub(super) async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    expected: Precondition,
    body: Body<EditOrganizationBody>,
) -> Result<OneOrganization> {
    organizations::edit(&app, &caller, &organization, expected, body.parse(parse)).await.map(one)
}

fn parse(body: EditOrganizationBody) -> Result<EditOrganization> {
    let name = body.name.map(|name| DisplayName::parse(&name)).transpose();
    let creation = body.workspace_creation.map(|word| word.parse::<WorkspaceCreation>()).transpose();
    Ok(EditOrganization {
        name: name.map_err(|why| Error::invalid("name", why.code(), why))?,
        workspace_creation: creation.map_err(|why| Error::invalid("workspace_creation", "unknown_word", why))?,
    })
}
