//! `/organizations/{organization}/reports`

use axum::{Json, extract::State};
use domain::SecretId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{document, list::List, problem::Result, words::time};
use crate::{
    app::{
        App, Caller,
        reports::{self, Ask, Use, Used},
    },
    error::Error,
    http::{
        paging::{Params, limit},
        path::Path,
    },
};

/// A secret with its last use.
#[derive(Serialize, ToSchema)]
pub(super) struct UsedSecretBody {
    id: String,
    name: String,
    /// `organization` or `workspace`.
    #[schema(value_type = String)]
    scope: &'static str,
    /// The workspace that it belongs to.
    workspace: Option<String>,
    version: u32,
    created_at: String,
    /// When its newest version was written.
    written_at: String,
    /// The last start or run that it was handed to, or may have been.
    last_use: Option<UseBody>,
}

#[derive(Serialize, ToSchema)]
struct UseBody {
    at: String,
    workspace: String,
    server: Option<String>,
    /// The machine of a run.
    host: Option<String>,
}

impl From<Use> for UseBody {
    fn from(last: Use) -> Self {
        Self {
            at: time(last.at),
            workspace: last.workspace.to_string(),
            server: last.server.map(|slug| slug.to_string()),
            host: last.host,
        }
    }
}

impl From<Used> for UsedSecretBody {
    fn from(used: Used) -> Self {
        Self {
            id: used.id.to_string(),
            name: used.name.to_string(),
            scope: used.scope.as_str(),
            workspace: used.workspace.map(|slug| slug.to_string()),
            version: used.version,
            created_at: time(used.created_at),
            written_at: time(used.written_at),
            last_use: used.last_use.map(UseBody::from),
        }
    }
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SecretsReportParams {
    /// Only those that no start was handed for so many days, such as 90.
    unused_days: Option<u16>,
    /// Only those whose value was not written for so many days, such as 365.
    unchanged_days: Option<u16>,
    /// At most so many items, 1 to 200.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Every secret of the organization and its workspaces with the last start that it was handed to. Administrators only.
#[utoipa::path(get, path = "/organizations/{organization}/reports/secrets", tag = "reports",
    params(SecretsReportParams),
    responses((status = 200, body = List<UsedSecretBody>), document::Allowed, document::Query))]
pub(super) async fn secrets(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    params: Params<SecretsReportParams>,
) -> Result<Json<List<UsedSecretBody>>> {
    let mut shown = 0;
    let ask = params.parse(|params| {
        shown = limit(params.limit)?;
        if params.cursor.as_ref().is_some_and(|cursor| cursor.parse::<SecretId>().is_err()) {
            return Err(Error::invalid("cursor", "cursor", "This cursor is not one of this list; begin anew."));
        }
        let SecretsReportParams { unused_days, unchanged_days, cursor, .. } = params;
        Ok(Ask { unused_days, unchanged_days, after: cursor, limit: shown + 1 })
    });
    let used = reports::secrets(&app, &caller, &organization, ask).await?;
    Ok(Json(List::page(used, shown, |used| used.id.to_string(), UsedSecretBody::from)))
}
