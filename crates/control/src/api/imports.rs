//! `…/secret-imports`, of an organization and of a workspace.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue},
};
use domain::{SecretName, Verdict, dotenv};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{
    body::Body,
    document,
    precondition::etag,
    problem::Result,
    secrets::{self, StaleServerBody},
    words::WarningBody,
};
use crate::{
    app::{
        App, Caller, Precondition,
        imports::{self, Imported, Line},
        secrets::Reach,
    },
    error::Error,
    http::{fields, path::Path},
};

/// The largest body in KiB: twice the text, since JSON writes its line ends and quotes with two characters.
const LIMIT_KIB: usize = 2 * dotenv::LONGEST_TEXT / 1024;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportOrganizationSecretsBody {
    /// `env`.
    format: String,
    /// At most 1 MiB of `.env` text, of which at most 1,000 lines hold something.
    #[schema(value_type = String)]
    content: Zeroizing<String>,
    /// What to do with names that are taken: `skip`, `overwrite`, or `fail`.
    mode: String,
    /// `all` or `selected`. New secrets without access and workspaces reach all; those that are there keep theirs.
    access: Option<String>,
    /// The whole selection, by slug; giving one, even an empty one, means `selected`.
    workspaces: Option<Vec<String>>,
    /// Whether an empty value is imported; otherwise its line is left out.
    #[serde(default)]
    allow_empty: bool,
    /// Whether nothing is written: only said what would be.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportWorkspaceSecretsBody {
    /// `env`.
    format: String,
    /// At most 1 MiB of `.env` text, of which at most 1,000 lines hold something.
    #[schema(value_type = String)]
    content: Zeroizing<String>,
    /// What to do with names that are taken: `skip`, `overwrite`, or `fail`.
    mode: String,
    /// Whether an empty value is imported; otherwise its line is left out.
    #[serde(default)]
    allow_empty: bool,
    /// Whether nothing is written: only said what would be.
    #[serde(default)]
    dry_run: bool,
}

/// What an import did, or would do. Its `ETag` is another one when anything has changed that this depends on.
#[derive(Serialize, ToSchema)]
pub(super) struct ImportBody {
    dry_run: bool,
    /// Whether some line keeps everything from being imported; only a dry run answers so.
    stopped: bool,
    counts: CountsBody,
    /// Every line that holds something, by number.
    lines: Vec<LineBody>,
    /// Running servers that need a restart because of it; not those that differ for other reasons.
    restart_needed: Vec<StaleServerBody>,
    /// Servers that were stopped because one of these secrets was suspended, and still are, though it is not any more.
    still_stopped: Vec<StaleServerBody>,
}

/// How many lines have each verdict.
#[derive(Default, Serialize, ToSchema)]
struct CountsBody {
    added: u32,
    updated: u32,
    overrides: u32,
    skipped: u32,
    empty: u32,
    refused: u32,
    unparsed: u32,
}

#[derive(Serialize, ToSchema)]
struct LineBody {
    /// Where it begins, counted from 1.
    line: usize,
    /// The name that it assigns to, where that is one.
    name: Option<String>,
    /// `added`, `updated`, `overrides` (added, and goes before the organization's), `skipped` (the name is taken), `empty`
    /// (left out), `refused` or `unparsed`. The last two stop the import.
    #[schema(value_type = String)]
    verdict: &'static str,
    /// The secret's version then.
    version: Option<u32>,
    /// Why it stops the import: a stable word for programs.
    #[schema(value_type = Option<String>)]
    code: Option<&'static str>,
    message: String,
    warnings: Vec<WarningBody>,
}

impl CountsBody {
    fn of(lines: &[Line]) -> Self {
        let mut counts = Self::default();
        for line in lines {
            *match line.verdict {
                Verdict::Added => &mut counts.added,
                Verdict::Updated => &mut counts.updated,
                Verdict::Overrides => &mut counts.overrides,
                Verdict::Skipped => &mut counts.skipped,
                Verdict::Empty => &mut counts.empty,
                Verdict::Refused => &mut counts.refused,
                Verdict::Unparsed => &mut counts.unparsed,
            } += 1;
        }
        counts
    }
}

/// `env` is the one format yet.
fn check_format(format: &str) -> Result<()> {
    if format == "env" { Ok(()) } else { Err(Error::invalid("format", "unknown_word", "must be: env")) }
}

type Answer = ([(HeaderName, HeaderValue); 1], Json<ImportBody>);

fn show(imported: Imported) -> Answer {
    let Imported { dry_run, lines, revision, stale, still_stopped } = imported;
    let body = ImportBody {
        dry_run,
        stopped: lines.iter().any(|line| line.verdict.stops()),
        counts: CountsBody::of(&lines),
        lines: lines.into_iter().map(show_line).collect(),
        restart_needed: stale.into_iter().map(StaleServerBody::from).collect(),
        still_stopped: still_stopped.into_iter().map(StaleServerBody::from).collect(),
    };
    (etag(&revision), Json(body))
}

fn show_line(line: Line) -> LineBody {
    LineBody {
        line: line.number,
        name: line.name.as_ref().map(SecretName::to_string),
        verdict: line.verdict.as_str(),
        version: line.version,
        code: line.code,
        message: line.message,
        warnings: line.warnings.into_iter().map(WarningBody::from).collect(),
    }
}

/// Import organization secrets from `.env` text: all of it or nothing. Administrators only.
///
/// A dry run says what each line would do, and keeps nothing of it. With its `ETag` in `If-Match`, an import does exactly
/// that or is refused. Without a dry run, lines that stop the import are a 422 that names each.
#[utoipa::path(post, path = "/organizations/{organization}/secret-imports", tag = "organization secrets",
    request_body = ImportOrganizationSecretsBody,
    responses((status = 200, body = ImportBody),
        document::Allowed, document::Revision, document::Body, document::Ready))]
pub(in crate::api) async fn import(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<String>,
    expected: Precondition,
    body: Body<ImportOrganizationSecretsBody, LIMIT_KIB>,
) -> Result<Answer> {
    let input = body.parse(|body| {
        let reach = fields::reach(body.access, body.workspaces)?;
        check_format(&body.format)?;
        let choices = fields::import_choices(&body.mode, reach, body.allow_empty)?;
        fields::import(&body.content, choices, body.dry_run)
    });
    imports::run(&app, &caller, secrets::place(&organization), expected, input).await.map(show)
}

/// The same of a workspace's own secrets.
pub(super) mod workspace {
    use super::*;
    use crate::api::workspace_secrets;

    /// Import a workspace's own secrets from `.env` text: all of it or nothing. The owner only.
    ///
    /// A dry run says what each line would do, and keeps nothing of it. With its `ETag` in `If-Match`, an import does
    /// exactly that or is refused. Without a dry run, lines that stop the import are a 422 that names each.
    #[utoipa::path(post, path = "/organizations/{organization}/workspaces/{workspace}/secret-imports",
        tag = "workspace secrets", request_body = ImportWorkspaceSecretsBody,
        responses((status = 200, body = ImportBody),
            document::Allowed, document::Revision, document::Body, document::Ready))]
    pub(in crate::api) async fn import(
        State(app): State<App>,
        caller: Caller,
        Path((organization, workspace)): Path<(String, String)>,
        expected: Precondition,
        body: Body<ImportWorkspaceSecretsBody, LIMIT_KIB>,
    ) -> Result<Answer> {
        let input = body.parse(|body| {
            check_format(&body.format)?;
            let choices = fields::import_choices(&body.mode, Reach::default(), body.allow_empty)?;
            fields::import(&body.content, choices, body.dry_run)
        });
        let place = workspace_secrets::place(&organization, &workspace);
        imports::run(&app, &caller, place, expected, input).await.map(show)
    }
}
