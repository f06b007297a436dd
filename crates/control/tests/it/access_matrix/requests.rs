//! From a cell of the table to a request that would succeed if it were allowed.

use axum::http::Method;

use super::{
    cast::Cast,
    table::{Row, Target},
};

/// What is sent with each operation that reads a body; `#` is a number of its own. What is in braces is addressed, as in
/// an address.
const BODIES: &[(&str, &str)] = &[
    (
        "POST /api/v1/setup",
        r##"{"setup_code": "x", "email": "x@acme.test", "name": "X", "password": "a long password",
             "organization": {"name": "X"}}"##,
    ),
    ("POST /api/v1/sessions", r#"{"email": "guest@acme.test", "password": "a password for tests"}"#),
    ("PUT /api/v1/me/password", r#"{"current": "a password for tests", "new": "another password"}"#),
    ("POST /api/v1/me/tokens", r#"{"name": "made", "access": "read"}"#),
    ("PATCH /api/v1/organizations/{organization}", r##"{"name": "Renamed #"}"##),
    ("PATCH /api/v1/organizations/{organization}/members/{user}", r#"{"role": "administrator"}"#),
    ("PUT /api/v1/organizations/{organization}/secrets/{name}", r#"{"value": "another value"}"#),
    ("PATCH /api/v1/organizations/{organization}/secrets/{name}", r#"{"description": "edited"}"#),
    (
        "POST /api/v1/organizations/{organization}/secret-imports",
        r##"{"format": "env", "content": "MADE_#=another value", "mode": "fail", "workspaces": []}"##,
    ),
    (
        "POST /api/v1/organizations/{organization}/workspaces/{workspace}/secret-imports",
        r##"{"format": "env", "content": "MADE_#=another value", "mode": "fail"}"##,
    ),
    ("POST /api/v1/organizations/{organization}/secrets/{name}/preview", r#"{"operation": "set"}"#),
    (
        "POST /api/v1/organizations/{organization}/workspaces/{workspace}/secrets/{name}/preview",
        r#"{"operation": "set"}"#,
    ),
    ("PUT /api/v1/organizations/{organization}/secrets/{name}/suspension", r#"{"reason": "leaked"}"#),
    (
        "PUT /api/v1/organizations/{organization}/workspaces/{workspace}/secrets/{name}/suspension",
        r#"{"reason": "leaked"}"#,
    ),
    ("POST /api/v1/organizations/{organization}/workspaces", r##"{"name": "Made #"}"##),
    ("PATCH /api/v1/organizations/{organization}/workspaces/{workspace}", r#"{"description": "edited"}"#),
    ("PUT /api/v1/organizations/{organization}/workspaces/{workspace}/owner", r#"{"user": "guest@acme.test"}"#),
    ("PUT /api/v1/organizations/{organization}/workspaces/{workspace}/secrets/{name}", r#"{"value": "another value"}"#),
    (
        "PATCH /api/v1/organizations/{organization}/workspaces/{workspace}/secrets/{name}",
        r#"{"description": "edited"}"#,
    ),
    ("POST /api/v1/organizations/{organization}/secrets/{name}/restarts", "{}"),
    ("POST /api/v1/organizations/{organization}/workspaces/{workspace}/secrets/{name}/restarts", "{}"),
    ("POST /api/v1/organizations/{organization}/deleted-secrets/{secret}/restarts", "{}"),
    ("POST /api/v1/organizations/{organization}/workspaces/{workspace}/deleted-secrets/{secret}/restarts", "{}"),
    ("POST /api/v1/organizations/{organization}/workspaces/{workspace}/restarts", "{}"),
    (
        "POST /api/v1/organizations/{organization}/workspaces/{workspace}/servers",
        r##"{"name": "Made #", "command": ["true"]}"##,
    ),
    ("PATCH /api/v1/organizations/{organization}/workspaces/{workspace}/servers/{server}", r#"{"name": "Edited"}"#),
    ("POST /api/v1/organizations/{organization}/workspaces/{workspace}/tokens", r#"{"name": "made"}"#),
    ("POST /api/v1/runs", r#"{"organization": "{organization}", "workspace": "{workspace}", "host": "laptop"}"#),
];

/// The id of nothing.
pub const NO_ID: &str = "00000000-0000-7000-8000-000000000000";

/// The request of one cell.
pub struct Request {
    pub address: String,
    pub body: Option<String>,
    /// Whether anything was made for it.
    pub furnished: bool,
}

impl Request {
    /// Makes what the request is about. What is to succeed gets things of its own; what is to be refused is aimed at
    /// what stands there for all, so that a refusal that fails is seen.
    pub async fn prepare(cast: &mut Cast, row: &Row, target: &Target, column: usize) -> Self {
        let afresh = (200..300).contains(&target.expected[column]) && !row.reads();
        let labels = if target.label == "-" { Vec::new() } else { target.label.split('/').collect() };
        let mut body = BODIES.iter().find(|(name, _)| *name == row.name()).map(|(_, body)| (*body).to_owned());
        let names = row.addressed();
        assert!(labels.len() <= names.len(), "{}: {}", row.name(), target.label);
        let label = |name: &str| names.iter().position(|other| *other == name).and_then(|at| labels.get(at).copied());
        let place = Place {
            organization: label("{organization}").unwrap_or_default(),
            workspace: label("{workspace}").unwrap_or_default(),
        };

        let mut address = row.path.to_owned();
        for (at, name) in names.iter().enumerate() {
            let thing = match (*name, labels.get(at).copied().unwrap_or("*")) {
                ("{token}", label) if row.path.contains("/{workspace}/tokens/") => {
                    let workspace = if label == "another" { "attic" } else { place.workspace };
                    match (place.organization, workspace, label) {
                        ("none", ..) | (_, "none", _) | (.., "none") => NO_ID.to_owned(),
                        (organization, workspace, _) => cast.workspace_token(organization, workspace).await.0,
                    }
                }
                ("{token}", label @ ("*" | "another")) => cast.token(column, label == "another").await,
                ("{session}", label @ ("*" | "another")) => cast.session(column, label == "another").await,
                ("{secret}", "*") => cast.deleted_secret(place.organization, place.workspace).await,
                ("{token}" | "{session}" | "{secret}", _) | ("{restart}", "none") => NO_ID.to_owned(),
                ("{restart}", _) if place.organization == "none" => NO_ID.to_owned(),
                ("{restart}", of) => cast.paused_restart(place.organization, of).await,
                (_, "*") if afresh => fresh(cast, row, place).await,
                (_, "*") => standing(row).to_owned(),
                (_, "new") => format!("NEW_{}", cast.number()),
                ("{user}", "none") => "nobody@acme.test".to_owned(),
                ("{user}", "stranger") => "foreigner@acme.test".to_owned(),
                ("{workspace}", like) if afresh && changes_the_workspace(row) => {
                    cast.workspace(place.organization, like).await
                }
                (_, label) => label.to_owned(),
            };
            address = address.replace(name, &thing);
            body = body.map(|body| body.replace(name, &thing));
        }
        let number = cast.number().to_string();
        let made_always = ["{token}", "{session}", "{secret}", "{restart}"];
        let furnished = afresh || names.iter().any(|name| made_always.contains(name));
        Self { address, furnished, body: body.map(|body| body.replace('#', &number)) }
    }
}

#[derive(Clone, Copy)]
struct Place<'a> {
    organization: &'a str,
    workspace: &'a str,
}

/// Whether the operation changes the workspace itself, so that each success needs another one.
fn changes_the_workspace(row: &Row) -> bool {
    row.method != Method::GET
        && (row.path.ends_with("/{workspace}/owner") || row.path.ends_with("/workspaces/{workspace}"))
}

/// What `*` is when the request is to succeed.
async fn fresh(cast: &mut Cast, row: &Row, Place { organization, workspace }: Place<'_>) -> String {
    let deletes = row.method == Method::DELETE;
    match row.path.rsplit_once("/{organization}/").expect("below an organization").1 {
        "secrets/{name}/workspaces/{workspace}" => {
            cast.organization_secret(organization, deletes.then_some(workspace)).await
        }
        "secrets/{name}" | "secrets/{name}/restarts" => cast.organization_secret(organization, None).await,
        versions if versions.starts_with("secrets/{name}/versions/") => cast.rewritten(organization, None).await,
        versions if versions.starts_with("workspaces/{workspace}/secrets/{name}/versions/") => {
            cast.rewritten(organization, Some(workspace)).await
        }
        "secrets/{name}/suspension" => cast.suspended(organization, None).await,
        "workspaces/{workspace}/secrets/{name}/suspension" => cast.suspended(organization, Some(workspace)).await,
        "members/{user}" => cast.person_of(organization, None).await,
        "workspaces/{workspace}/collaborators/{user}" => {
            cast.person_of(organization, deletes.then_some(workspace)).await
        }
        "workspaces/{workspace}/secrets/{name}" | "workspaces/{workspace}/secrets/{name}/restarts" => {
            cast.workspace_secret(organization, workspace).await
        }
        "workspaces/{workspace}/servers/{server}/stop" | "workspaces/{workspace}/servers/{server}/restart" => {
            cast.server(organization, workspace, true).await
        }
        server if server.starts_with("workspaces/{workspace}/servers/{server}") => {
            cast.server(organization, workspace, false).await
        }
        other => panic!("nothing is made afresh for {other}"),
    }
}

/// What `*` is when the request only reads or is to be refused: it is there in every workspace, and for all.
fn standing(row: &Row) -> &'static str {
    match row.path {
        path if path.contains("/{server}") => "web",
        path if path.contains("/collaborators/") && row.method == Method::DELETE => "helper@acme.test",
        path if path.contains("/{user}") => "guest@acme.test",
        path if path.contains("/{workspace}/secrets/") || path.contains("/explanations/") => "TOKEN",
        _ => "SHARED",
    }
}
