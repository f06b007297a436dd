//! `/organizations/{organization}/workspaces/{workspace}/explanations/{name}`

use axum::{Json, extract::State};
use domain::{Available, SecretName};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    document,
    problem::Result,
    words::{Who, time},
};
use crate::{
    app::{App, Caller, explanations, explanations::Explanation, secrets::Secret},
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
    let Explanation { secrets, variables, base } = explanation;
    let suspended = secrets.as_ref().is_some_and(|resolved| resolved.winner.suspended);
    let winner = match (&secrets, &variables[..], &base) {
        (Some(_), ..) if suspended => "none",
        (Some(_), ..) => "secret",
        (None, [_, ..], _) => "variable",
        (None, [], Some(_)) => "base",
        (None, [], None) => "none",
    };
    let reason = match winner {
        "none" if suspended => {
            Some("The secret is suspended: no start gets it until the suspension is lifted.".to_owned())
        }
        "none" => Some(match SecretName::parse(&name) {
            Ok(_) => "No secret of this name reaches this workspace, and no server sets it.".to_owned(),
            Err(why) => why.to_string(),
        }),
        _ => None,
    };
    let mut layers = Vec::new();
    if let Some(resolved) = secrets {
        layers.push(secret_layer(resolved.winner, if suspended { "suspended" } else { "injected" }));
        layers.extend(resolved.overridden.map(|secret| secret_layer(secret, "overridden")));
    }
    layers.extend(variables.into_iter().map(|(server, value)| Layer::Variable { server: server.to_string(), value }));
    layers.extend(base.map(|value| Layer::Base { value }));
    ExplanationBody { name, winner, layers, reason }
}

fn secret_layer(available: Available<Secret>, state: &'static str) -> Layer {
    Layer::Secret {
        scope: available.scope.as_str(),
        secret_id: available.id.to_string(),
        version: available.version,
        state,
        updated_at: time(available.detail.updated_at),
        updated_by: available.detail.updated_by.map(Who::from),
    }
}
