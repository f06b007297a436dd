//! `/organizations/{organization}/workspaces/{workspace}/explanations/{name}`

use axum::{Json, extract::State};
use domain::Available;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    document,
    problem::Result,
    suspensions::SuspensionBody,
    words::{Who, time},
};
use crate::{
    app::{
        App, Caller, explanations,
        explanations::{Explanation, Missing, Winner},
        secrets::Secret,
    },
    http::path::Path,
};

#[derive(Serialize, ToSchema)]
pub(super) struct ExplanationBody {
    name: String,
    /// Which layer decides: `secret`, `variable`, `base` or `none`. A plain variable decides on its own servers only.
    #[schema(value_type = String)]
    winner: &'static str,
    /// From the one that decides to those it hides.
    layers: Vec<Layer>,
    /// Why there is nothing, or nothing is injected.
    reason: Option<String>,
    /// Where there is nothing: the secrets of that name that do not reach the workspace. The workspace's own for
    /// everybody; the organization's for its administrators, and for all others as if there had never been one.
    absent: Vec<AbsentBody>,
}

/// A secret that does not reach the workspace.
#[derive(Serialize, ToSchema)]
struct AbsentBody {
    /// `organization` or `workspace`.
    #[schema(value_type = String)]
    scope: &'static str,
    secret_id: String,
    /// `not_selected` or `deleted`.
    #[schema(value_type = String)]
    why: &'static str,
    /// Since when; null where it never reached it.
    at: Option<String>,
    by: Option<Who>,
    /// Why no start would get it in any case, where it is suspended.
    suspension: Option<SuspensionBody>,
}

/// Something that would give the name a value.
#[derive(Serialize, ToSchema)]
#[serde(tag = "layer", rename_all = "snake_case")]
enum Layer {
    /// A secret that reaches the workspace.
    Secret {
        /// `organization` or `workspace`.
        #[schema(value_type = String)]
        scope: &'static str,
        secret_id: String,
        version: u32,
        /// `injected`, `overridden` or `suspended`.
        #[schema(value_type = String)]
        state: &'static str,
        updated_at: String,
        updated_by: Option<Who>,
        /// Why it is left out of starts, where it is.
        suspension: Option<SuspensionBody>,
    },
    /// A plain variable of a server.
    Variable { server: String, value: String },
    /// The base that every server has.
    Base { value: String },
}

/// Which layer gives a program what it finds under a name, and what that hides.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/explanations/{name}",
    tag = "explanations",
    responses((status = 200, body = ExplanationBody), document::Known))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace, name)): Path<(String, String, String)>,
) -> Result<Json<ExplanationBody>> {
    let explanation = explanations::get(&app, &caller, &organization, &workspace, &name).await?;
    Ok(Json(show(name, explanation)))
}

fn show(name: String, explanation: Explanation) -> ExplanationBody {
    let reason = explanation.reason(&name);
    let winner = match explanation.winner() {
        Winner::Secret => "secret",
        Winner::Variable => "variable",
        Winner::Base => "base",
        Winner::None => "none",
    };
    let Explanation { secrets, variables, base, absent } = explanation;
    let mut layers = Vec::new();
    if let Some(resolved) = secrets {
        let state = if resolved.winner.suspended { "suspended" } else { "injected" };
        layers.push(secret_layer(resolved.winner, state));
        layers.extend(resolved.overridden.map(|secret| secret_layer(secret, "overridden")));
    }
    layers.extend(variables.into_iter().map(|(server, value)| Layer::Variable { server: server.to_string(), value }));
    layers.extend(base.map(|value| Layer::Base { value }));
    ExplanationBody { name, winner, layers, reason, absent: absent.into_iter().map(AbsentBody::from).collect() }
}

fn secret_layer(available: Available<Secret>, state: &'static str) -> Layer {
    Layer::Secret {
        scope: available.scope.as_str(),
        secret_id: available.id.to_string(),
        version: available.version,
        state,
        updated_at: time(available.detail.updated_at),
        updated_by: available.detail.updated_by.map(Who::from),
        suspension: available.detail.suspension.map(SuspensionBody::from),
    }
}

impl From<Missing> for AbsentBody {
    fn from(Missing { id, scope, why, since, suspension }: Missing) -> Self {
        let (at, by) = since.unzip();
        Self {
            scope: scope.as_str(),
            secret_id: id.to_string(),
            why: why.as_str(),
            at: at.map(time),
            by: by.flatten().map(Who::from),
            suspension: suspension.map(SuspensionBody::from),
        }
    }
}
