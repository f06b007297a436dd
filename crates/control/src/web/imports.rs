//! Import of `.env` text: what it would do, line by line, and then exactly that.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use domain::Verdict;

use super::{
    form::{Form, FormWithFile},
    frame::{Frame, Reader, page, page_with, see},
    secrets::{At, chosen, reach},
};
use crate::{
    app::{
        App, Input, Precondition,
        imports::{self, Imported, Line},
        secrets,
    },
    error::{Error, FieldError, Result},
    http::{fields, path::Path},
};

#[derive(Template)]
#[template(path = "secrets/import.html")]
struct ImportPage {
    frame: Frame,
    at: At,
    selected: bool,
    workspaces: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl ImportPage {
    fn of_organization(&self) -> bool {
        self.at.workspace.is_none()
    }

    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

#[derive(Template)]
#[template(path = "secrets/import-review.html")]
struct ReviewPage {
    frame: Frame,
    at: At,
    pending: String,
    revision: String,
    rows: Vec<Row>,
    writes: usize,
    stops: bool,
    stale: usize,
}

struct Row {
    number: usize,
    name: String,
    verdict: &'static str,
    look: &'static str,
    message: String,
    warnings: Vec<String>,
}

impl From<Line> for Row {
    fn from(line: Line) -> Self {
        Self {
            number: line.number,
            name: line.name.map(|name| name.to_string()).unwrap_or_default(),
            verdict: line.verdict.as_str(),
            look: match line.verdict {
                Verdict::Added | Verdict::Overrides => "success",
                Verdict::Updated => "own",
                Verdict::Skipped | Verdict::Empty => "",
                Verdict::Refused | Verdict::Unparsed => "danger",
            },
            message: line.message,
            warnings: line.warnings.into_iter().map(|warning| warning.message).collect(),
        }
    }
}

/// The form for the text.
pub(super) async fn form(State(app): State<App>, reader: Reader, Path(at): Path<At>) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    secrets::may_write(&app, &reader.caller, at.place()).await?;
    page(&ImportPage { frame, at, selected: false, workspaces: Vec::new(), errors: Vec::new() })
}

/// Says what the text would do, and keeps it sealed until the reader has decided.
pub(super) async fn review(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    FormWithFile(mut form): FormWithFile,
) -> Result<Response> {
    let (selected, workspaces) = (form.text("access") == "selected", chosen(&form));
    let text = form.secret("content");
    let reviewed = dry_run(&app, &reader, &at, &form, &text).await;
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    let (status, errors) = match reviewed {
        Ok((pending, imported)) => return page(&ReviewPage::of(frame, at, pending, imported)),
        Err(Error::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, errors),
        Err(error @ Error::TooLarge { .. }) => {
            let why = FieldError {
                field: "content",
                code: "too_large",
                message: super::problem::sentence(&error.to_string()),
            };
            (StatusCode::PAYLOAD_TOO_LARGE, vec![why])
        }
        Err(error) => return Err(error),
    };
    let workspaces = workspaces.into_iter().map(|slug| (slug.clone(), slug)).collect();
    page_with(status, &ImportPage { frame, at, selected, workspaces, errors })
}

async fn dry_run(app: &App, reader: &Reader, at: &At, form: &Form, text: &str) -> Result<(String, Imported)> {
    let chosen = || fields::import_choices(&form.text("mode"), reach(form, at)?, form.has("allow_empty"));
    let import = Input::new(chosen().and_then(|choices| fields::import(text, choices, true)));
    let imported = imports::run(app, &reader.caller, at.place(), Precondition::default(), import).await?;
    Ok((imports::keep(app, &reader.caller, at.place(), text, chosen()?)?, imported))
}

impl ReviewPage {
    fn of(frame: Frame, at: At, pending: String, imported: Imported) -> Self {
        Self {
            frame,
            at,
            pending,
            writes: imported.lines.iter().filter(|line| line.verdict.writes()).count(),
            stops: imported.lines.iter().any(|line| line.verdict.stops()),
            stale: imported.stale.len(),
            revision: imported.revision,
            rows: imported.lines.into_iter().map(Row::from).collect(),
        }
    }
}

/// Does what the review said, or nothing.
pub(super) async fn confirm(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    let expected = Precondition { if_match: Some(vec![form.text("revision")]), create_only: false };
    let kept = imports::take(&app, &reader.caller, at.place(), &form.text("pending"));
    let import = kept.and_then(|(text, choices)| fields::import(&text, choices, false));
    imports::run(&app, &reader.caller, at.place(), expected, Input::new(import)).await?;
    Ok(see(&format!("{}?done=imported", at.list())))
}
