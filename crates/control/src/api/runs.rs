//! `/runs`, and a workspace's runs and environment.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{DisplayName, SecretName};
use envelope::Plaintext;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::Body,
    document,
    list::List,
    problem::Result,
    starts::{self, StartBody, StartsParams},
};
use crate::{
    app::{
        App, Caller, Input, Runner,
        runs::{self, Begun, NewRun, Place, Variable},
    },
    error::Error,
    http::{paging::Params, path::Path},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRunBody {
    /// The organization's slug; a workspace's token knows its own.
    organization: Option<String>,
    /// The workspace's slug; a workspace's token knows its own.
    workspace: Option<String>,
    /// How the machine calls itself.
    host: String,
    /// The program's name, without its directory and arguments.
    command: Option<String>,
    /// Only these secrets; all that the workspace's servers get when missing.
    only: Option<Vec<String>>,
}

/// What a run gets: the only answer that holds values.
#[derive(Serialize, ToSchema)]
pub(super) struct RunBody<'a> {
    id: String,
    workspace: WorkspaceBody<'a>,
    /// Moves when the workspace's environment changes.
    #[schema(value_type = String)]
    revision: &'a str,
    /// The names that are left out because their secrets are suspended.
    #[schema(value_type = Vec<String>)]
    left_out: Vec<&'a str>,
    // Last, since their text is made once for many runs and put there.
    variables: Vec<VariableBody<'a>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct WorkspaceBody<'a> {
    #[schema(value_type = String)]
    organization: &'a str,
    #[schema(value_type = String)]
    slug: &'a str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct VariableBody<'a> {
    #[schema(value_type = String)]
    name: &'a str,
    #[schema(value_type = String)]
    value: &'a str,
    /// `organization` or `workspace`.
    #[schema(value_type = String)]
    scope: &'static str,
    version: u32,
}

/// Start a run: get what the workspace's servers would get now, once that is on record. The owner, collaborators, and
/// the workspace's own tokens.
#[utoipa::path(post, path = "/runs", tag = "runs", request_body = NewRunBody,
    responses((status = 201, body = RunBody), document::Allowed, document::State, document::Body, document::Ready))]
pub(super) async fn create(State(app): State<App>, runner: Runner, body: Body<NewRunBody>) -> Result<Response> {
    let (place, input) = match (body.parse(Ok).checked(), &runner) {
        (Ok(body), _) => (place(&body, &runner)?, parse(body)),
        // Where a person's run belongs stands in the body: one that can't be read asks for nothing that could be there.
        (Err(unreadable), Runner::Person(_)) => return Err(unreadable),
        (Err(unreadable), Runner::Token(token)) => {
            (Place { organization: token.organization().to_string(), workspace: None }, Err(unreadable))
        }
    };
    let begun = runs::begin(&app, runner, place, Input::new(input), variables).await?;
    written(&begun)
}

/// The workspace's runs, newest first: who got which versions, where and when.
#[utoipa::path(get, path = "/organizations/{organization}/workspaces/{workspace}/runs", tag = "runs",
    params(StartsParams),
    responses((status = 200, body = List<StartBody>), document::Known, document::Query))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((organization, workspace)): Path<(String, String)>,
    params: Params<StartsParams>,
) -> Result<Json<List<StartBody>>> {
    let (asked, part) = starts::part(params);
    let runs = runs::list(&app, &caller, &organization, &workspace, part.before.as_deref(), asked).await?;
    Ok(Json(part.list(runs, None)))
}

/// A workspace's token says by itself where it belongs.
fn place(body: &NewRunBody, runner: &Runner) -> Result<Place> {
    let own = match runner {
        Runner::Person(_) => None,
        Runner::Token(token) => Some(token.organization().to_string()),
    };
    let missing = || Error::invalid("organization", "missing", "Say which organization, by its slug.");
    let organization = body.organization.clone().or(own).ok_or_else(missing)?;
    Ok(Place { organization, workspace: body.workspace.clone() })
}

fn parse(body: NewRunBody) -> Result<NewRun> {
    let text = |field, text: String| DisplayName::parse(&text).map_err(|why| Error::invalid(field, why.code(), why));
    let name = |name: String| SecretName::parse(&name).map_err(|why| Error::invalid("only", why.code(), why));
    Ok(NewRun {
        host: text("host", body.host)?,
        command: body.command.map(|command| text("command", command)).transpose()?,
        only: body.only.map(|names| names.into_iter().map(name).collect::<Result<_>>()).transpose()?,
    })
}

/// The text of the variables, in memory that is overwritten once it is not needed.
fn variables(variables: &[Variable<'_>]) -> Result<Plaintext> {
    let shown = variables.iter().map(show).collect::<Result<Vec<VariableBody<'_>>>>()?;
    // Reserved at once, so that no copy stays behind: a byte becomes six at most, as in `\u0000`.
    let room: usize = variables.iter().map(|variable| 6 * variable.value.len() + 256).sum();
    let mut text = Vec::with_capacity(room + 2);
    serde_json::to_writer(&mut text, &shown).map_err(internal)?;
    Ok(Plaintext::new(text))
}

fn show<'a>(variable: &'a Variable<'_>) -> Result<VariableBody<'a>> {
    let value = str::from_utf8(variable.value.expose());
    Ok(VariableBody {
        name: variable.name.as_str(),
        value: value.map_err(|_| Error::Internal(anyhow::anyhow!("a stored value is not UTF-8")))?,
        scope: variable.scope.as_str(),
        version: variable.version,
    })
}

/// The answer's text, in memory that is overwritten once it is sent.
fn written(begun: &Begun) -> Result<Response> {
    let without_variables = RunBody {
        id: begun.id.to_string(),
        workspace: WorkspaceBody { organization: begun.organization.as_str(), slug: begun.workspace.as_str() },
        revision: &begun.revision,
        left_out: begun.left_out.iter().map(SecretName::as_str).collect(),
        variables: Vec::new(),
    };
    let around = serde_json::to_vec(&without_variables).map_err(internal)?;
    let (before, after) = around.split_at(around.len() - 1);
    let before = before.strip_suffix(b"[]").ok_or_else(|| internal(anyhow::anyhow!("variables don't come last")))?;
    let text = Plaintext::new([before, begun.variables.expose(), after].concat());
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, headers, Bytes::from_owner(Sent(text))).into_response())
}

/// Text on its way out.
struct Sent(Plaintext);

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

fn internal(error: impl Into<anyhow::Error>) -> Error {
    Error::Internal(error.into())
}
