//! What a program of a workspace finds under a name, and which layer gives it.

use askama::Template;
use axum::{extract::State, response::Response};
use domain::{Available, Scope};

use super::{
    frame::{Frame, Reader, page},
    query::Query,
    servers::At,
    words::{self, Moment, moment},
    workspaces::{self, Head},
};
use crate::{
    app::{
        App,
        explanations::{self, Explanation, Missing, Winner},
        secrets::{Secret, Suspension},
    },
    error::Result,
    http::{paging::Params, path::Path},
};

#[derive(Template)]
#[template(path = "workspaces/explanation.html")]
struct ExplanationPage {
    frame: Frame,
    at: At,
    head: Head,
    query: Query,
    found: Option<Found>,
}

/// What there is under the name that was asked for.
struct Found {
    reason: Option<String>,
    layers: Vec<Row>,
    absent: Vec<AbsentRow>,
}

/// Something that would give the name a value, from the one that decides to those it hides.
struct Row {
    layer: &'static str,
    of_workspace: bool,
    /// The version of a secret.
    version: Option<u32>,
    /// The server of a plain variable.
    server: Option<String>,
    /// What stands there; never a secret's.
    text: Option<String>,
    state: &'static str,
    changed: Option<(Moment, String)>,
    suspension: Option<String>,
}

/// A secret that does not reach the workspace.
struct AbsentRow {
    scope: &'static str,
    why: &'static str,
    since: Option<(Moment, String)>,
    suspension: Option<String>,
}

/// The page: with a name in its address, what that is.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    query: Params<Query>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let head = workspaces::head(&app, &reader, &at.organization, &at.workspace).await?;
    let query = Query::of(query);
    let found = match query.wanted().trim() {
        "" => None,
        name => {
            let found = explanations::get(&app, &reader.caller, &at.organization, &at.workspace, name).await?;
            Some(Found::of(name, found))
        }
    };
    page(&ExplanationPage { frame, at, head, query, found })
}

impl Found {
    fn of(name: &str, explanation: Explanation) -> Self {
        let (winner, reason) = (explanation.winner(), explanation.reason(name));
        let Explanation { secrets, variables, base, absent } = explanation;
        let mut layers = Vec::new();
        if let Some(resolved) = secrets {
            layers.push(Row::secret(resolved.winner, "every start gets it"));
            layers.extend(resolved.overridden.map(|hidden| Row::secret(hidden, "overridden")));
        }
        let state = match winner {
            Winner::Secret => "overridden",
            Winner::Variable => "on this server",
            Winner::Base | Winner::None => "",
        };
        layers.extend(variables.into_iter().map(|(server, text)| Row {
            layer: "Plain variable",
            server: Some(server.to_string()),
            text: Some(text),
            ..Row::plain(state)
        }));
        let state = match winner {
            Winner::Secret => "overridden",
            Winner::Variable => "on every other server",
            Winner::Base => "on every server",
            Winner::None => "",
        };
        layers.extend(base.map(|text| Row { layer: "Base", text: Some(text), ..Row::plain(state) }));
        Self { reason, layers, absent: absent.into_iter().map(AbsentRow::from).collect() }
    }
}

impl Row {
    fn plain(state: &'static str) -> Self {
        let (version, server, text, changed, suspension) = Default::default();
        Self { layer: "", of_workspace: false, version, server, text, state, changed, suspension }
    }

    fn secret(secret: Available<Secret>, state: &'static str) -> Self {
        let Secret { updated_at, updated_by, suspension, .. } = secret.detail;
        let of_workspace = secret.scope == Scope::Workspace;
        Self {
            layer: if of_workspace { "Workspace secret" } else { "Organization secret" },
            of_workspace,
            version: Some(secret.version),
            changed: Some((moment(updated_at), words::by(updated_by.as_ref()))),
            suspension: suspension.map(suspended),
            ..Self::plain(if secret.suspended { "suspended: left out" } else { state })
        }
    }
}

impl From<Missing> for AbsentRow {
    fn from(missing: Missing) -> Self {
        Self {
            scope: match missing.scope {
                Scope::Workspace => "The workspace’s",
                Scope::Organization => "The organization’s",
            },
            why: missing.why.as_str(),
            since: missing.since.map(|(at, by)| (moment(at), words::by(by.as_ref()))),
            suspension: missing.suspension.map(suspended),
        }
    }
}

/// Who suspended it, and why.
fn suspended(suspension: Suspension) -> String {
    let by = words::by(suspension.by.as_ref());
    let reason = if suspension.reason.is_empty() { String::new() } else { format!(": {}", suspension.reason) };
    format!("suspended {} by {by}{reason}", moment(suspension.at).ago())
}
