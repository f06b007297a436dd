//! The forms that write: create a secret, its next version, its name and access; and what each would do.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{Access, LONGEST_VALUE, ReachEffect};

use super::At;
use crate::{
    app::{
        App, Input, Precondition,
        previews::{self, Ask, Operation, Preview},
        secrets::{self, Listed, Reach, Written},
    },
    error::{Error, FieldError, Result},
    http::{fields, path::Path},
    web::{
        form::Form,
        frame::{Frame, Reader, page, page_with, see},
        problem::sentence,
    },
};

/// Which of the forms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Create,
    Value,
    Edit,
}

#[derive(Template)]
#[template(path = "secrets/form.html")]
struct FormPage {
    frame: Frame,
    at: At,
    kind: Kind,
    typed: Typed,
    effect: Option<Effect>,
    errors: Vec<FieldError>,
    most_bytes: usize,
}

/// It was saved, and something about it is worth a second look.
#[derive(Template)]
#[template(path = "secrets/saved.html")]
struct SavedPage {
    frame: Frame,
    at: At,
    version: u32,
    restart: bool,
    warnings: Vec<String>,
}

/// What stands in the fields; never a value.
#[derive(Default)]
struct Typed {
    name: String,
    description: String,
    selected: bool,
    workspaces: Vec<(String, String)>,
    /// Whether it may reach nobody.
    nobody: bool,
    revision: String,
}

impl FormPage {
    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }

    /// What is wrong with no field that the form has: a budget that would be exceeded, for example.
    fn wrong_elsewhere(&self) -> Vec<&str> {
        const SHOWN: [&str; 5] = ["name", "value", "workspaces", "nobody", "description"];
        let elsewhere = self.errors.iter().filter(|error| !SHOWN.contains(&error.field));
        elsewhere.map(|error| error.message.as_str()).collect()
    }

    fn of_organization(&self) -> bool {
        self.at.workspace.is_none()
    }

    fn is(&self, kind: &str) -> bool {
        kind == match self.kind {
            Kind::Create => "create",
            Kind::Value => "value",
            Kind::Edit => "edit",
        }
    }

    /// Where the form goes.
    fn action(&self) -> String {
        match self.kind {
            Kind::Create => format!("{}/create-secret", self.at.base()),
            Kind::Value => format!("{}/value", self.at.secret()),
            Kind::Edit => format!("{}/edit", self.at.secret()),
        }
    }
}

/// What a change will do, as the form says it.
#[derive(Template)]
#[template(path = "secrets/effect.html")]
pub(super) struct Effect {
    pub(super) reaches: u32,
    pub(super) loses: u32,
    pub(super) overridden: u32,
    pub(super) overrides: Option<u32>,
    pub(super) uncovers: Option<u32>,
    pub(super) of_organization: bool,
    pub(super) servers: Vec<(String, String)>,
    pub(super) already: usize,
    pub(super) budget: String,
    pub(super) refused: Option<String>,
    /// Whether it stands in a form that can save and then restart those servers.
    pub(super) saves: bool,
}

impl Effect {
    pub(super) fn of(preview: &Preview, of_organization: bool) -> Self {
        Self {
            reaches: preview.those(|one| one.effect.reaches).count,
            loses: preview.that(ReachEffect::Loses).count,
            already: preview.stale.iter().filter(|felt| !felt.because_of_it).count(),
            overridden: preview.those(|one| one.effect.overridden).count,
            overrides: preview.workspaces.iter().find_map(|one| one.effect.overrides.as_ref().map(|it| it.version)),
            uncovers: preview.workspaces.iter().find_map(|one| one.effect.uncovers.as_ref().map(|it| it.version)),
            of_organization,
            servers: preview
                .stale
                .iter()
                .filter(|felt| felt.because_of_it)
                .map(|felt| (felt.server.server.to_string(), felt.server.workspace.to_string()))
                .collect(),
            budget: format!("{} of {} KiB", preview.budget.bytes.div_ceil(1024), preview.limit.bytes.div_ceil(1024)),
            saves: true,
            refused: preview.budget.check(preview.limit).err().map(|exceeded| sentence(&exceeded.to_string())),
        }
    }

    /// The first servers, by name and workspace.
    fn named(&self) -> &[(String, String)] {
        &self.servers[..self.servers.len().min(5)]
    }
}

/// The form for a new secret.
pub(in crate::web) async fn create_form(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
) -> Result<Response> {
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    secrets::may_write(&app, &reader.caller, at.place()).await?;
    page(&FormPage::new(frame, at, Kind::Create, Typed::default(), None, Vec::new()))
}

/// The form for the next version of a secret.
pub(in crate::web) async fn value_form(State(app): State<App>, reader: Reader, Path(at): Path<At>) -> Result<Response> {
    existing(&app, &reader, at, Kind::Value).await
}

/// The form for name, access and description.
pub(in crate::web) async fn edit_form(State(app): State<App>, reader: Reader, Path(at): Path<At>) -> Result<Response> {
    existing(&app, &reader, at, Kind::Edit).await
}

async fn existing(app: &App, reader: &Reader, at: At, kind: Kind) -> Result<Response> {
    let frame = Frame::of(app, reader, Some(&at.organization)).await?;
    let listed = secrets::get(app, &reader.caller, at.place(), &at.name).await?;
    secrets::may_write(app, &reader.caller, at.place()).await?;
    let operation = match kind {
        Kind::Edit if at.workspace.is_none() => Operation::SetAccess,
        _ => Operation::Set(listed.secret.name.clone(), None),
    };
    let ask = Ask { operation, reach: Reach::default() };
    let preview = previews::get(app, &reader.caller, at.place(), &at.name, Input::new(Ok(ask))).await?;
    let typed = Typed::of(listed, &preview);
    let effect = (kind == Kind::Value).then(|| Effect::of(&preview, at.workspace.is_none()));
    page(&FormPage::new(frame, at, kind, typed, effect, Vec::new()))
}

impl FormPage {
    fn new(frame: Frame, at: At, kind: Kind, typed: Typed, effect: Option<Effect>, errors: Vec<FieldError>) -> Self {
        Self { frame, at, kind, typed, effect, errors, most_bytes: LONGEST_VALUE }
    }
}

impl Typed {
    fn of(listed: Listed, preview: &Preview) -> Self {
        let Listed { secret, .. } = listed;
        let reached = preview.workspaces.iter().filter(|one| one.effect.reaches);
        let selected = secret.access == Access::Selected;
        let workspaces: Vec<_> = match secret.access {
            Access::All => Vec::new(),
            Access::Selected => {
                reached.flat_map(|one| &one.first).map(|(slug, name)| (slug.to_string(), name.clone())).collect()
            }
        };
        Self {
            name: secret.name.to_string(),
            description: secret.description,
            selected,
            nobody: selected && workspaces.is_empty(),
            workspaces,
            revision: secret.revision,
        }
    }

    /// What was typed, without the value: also where it was pasted with its name, into the name's field.
    fn sent(form: &Form) -> Self {
        let name = form.text("name");
        let name = name.split(['=', ':']).next().unwrap_or_default();
        let name = name.split_whitespace().next().unwrap_or_default().to_owned();
        let workspaces =
            chosen(form).into_iter().take(fields::MOST_SELECTED).map(|slug| (slug.clone(), slug)).collect();
        Self {
            name,
            description: form.text("description"),
            selected: form.text("access") == "selected",
            workspaces,
            nobody: form.has("nobody"),
            revision: form.text("revision"),
        }
    }
}

/// The workspaces that are ticked, and those typed beside, with commas or blanks between them.
pub(in crate::web) fn chosen(form: &Form) -> Vec<String> {
    let typed = form.text("more");
    let typed = typed.split([',', ' ']).map(str::trim).filter(|slug| !slug.is_empty()).map(str::to_owned);
    let mut chosen: Vec<String> = form.all("workspaces").into_iter().chain(typed).collect();
    chosen.sort();
    chosen.dedup();
    chosen
}

/// Which workspaces an organization secret is to reach, as the form says.
pub(in crate::web) fn reach(form: &Form, at: &At) -> Result<Reach> {
    match (at.workspace.is_some(), form.text("access").as_str()) {
        (true, _) => Ok(Reach::default()),
        (false, "selected") => fields::reach(Some("selected".to_owned()), Some(chosen(form))),
        (false, word) => fields::reach(Some(word.to_owned()), None),
    }
}

/// Refuses to take a secret from every workspace before that was asked for.
fn reaches_somebody_or_is_meant(form: &Form, at: &At) -> Result<()> {
    let nobody = at.workspace.is_none() && form.text("access") == "selected" && chosen(form).is_empty();
    if !nobody || form.has("nobody") {
        return Ok(());
    }
    let message = "No workspace is selected: the secret will reach nobody. Nothing was saved. Select a workspace, or tick \
                   this and save again.";
    Err(Error::invalid("nobody", "reaches_nobody", message))
}

/// What a form may write over: nothing where it creates, otherwise what its reader saw.
fn expected(form: &Form, kind: Kind) -> Precondition {
    match kind {
        Kind::Create => Precondition { create_only: true, if_match: None },
        Kind::Value | Kind::Edit => Precondition { create_only: false, if_match: Some(vec![form.text("revision")]) },
    }
}

/// Creates a secret.
pub(in crate::web) async fn create(
    State(app): State<App>,
    reader: Reader,
    Path(mut at): Path<At>,
    mut form: Form,
) -> Result<Response> {
    at.name = form.text("name").trim().to_owned();
    write(app, reader, at, &mut form, Kind::Create).await
}

/// Writes a secret's next version.
pub(in crate::web) async fn set_value(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    mut form: Form,
) -> Result<Response> {
    write(app, reader, at, &mut form, Kind::Value).await
}

/// Changes name, access and description.
pub(in crate::web) async fn edit(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    mut form: Form,
) -> Result<Response> {
    write(app, reader, at, &mut form, Kind::Edit).await
}

async fn write(app: App, reader: Reader, mut at: At, form: &mut Form, kind: Kind) -> Result<Response> {
    let mut typed = Typed::sent(form);
    let written = done(&app, &reader, &at, form, kind).await;
    let (status, errors) = match written {
        Ok(written) => return after(&app, &reader, at, form, kind, written).await,
        Err(Error::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, errors),
        Err(Error::Conflict(why)) => {
            let taken = FieldError { field: "name", code: "conflict", message: sentence(&why) };
            (StatusCode::CONFLICT, vec![taken])
        }
        Err(Error::VersionMismatch) => {
            typed.revision = secrets::get(&app, &reader.caller, at.place(), &at.name).await?.secret.revision;
            (StatusCode::PRECONDITION_FAILED, vec![changed_meanwhile()])
        }
        Err(error) => return Err(error),
    };
    let frame = Frame::of(&app, &reader, Some(&at.organization)).await?;
    if kind == Kind::Create {
        at.name.clone_from(&typed.name);
    }
    page_with(status, &FormPage::new(frame, at, kind, typed, None, errors))
}

/// Nothing that was typed is lost: the form comes back, and what it writes over then is what is there now.
fn changed_meanwhile() -> FieldError {
    let message = "Somebody changed this secret after this page was made. Nothing was saved. Look at what it is now, \
                   then save again to write over it.";
    FieldError { field: "form", code: "version_mismatch", message: message.to_owned() }
}

async fn done(app: &App, reader: &Reader, at: &At, form: &mut Form, kind: Kind) -> Result<Written> {
    let expected = expected(form, kind);
    if kind == Kind::Edit {
        let name = Some(form.text("name").trim().to_owned());
        let meant = reaches_somebody_or_is_meant(form, at).and_then(|()| reach(form, at));
        let input = meant.and_then(|reach| fields::edit_secret(name, reach, Some(form.text("description"))));
        return secrets::edit(app, &reader.caller, at.place(), &at.name, expected, Input::new(input)).await;
    }
    let reach = if kind == Kind::Create { reach(form, at) } else { Ok(Reach::default()) };
    let description = (kind == Kind::Create).then(|| form.text("description"));
    let (value, empty) = (form.secret("value"), form.has("allow_empty"));
    let input = reach.and_then(|reach| fields::set_secret(&at.name, value, empty, reach, description));
    secrets::set(app, &reader.caller, at.place(), &at.name, expected, Input::new(input)).await
}

/// Leads to the secret, or to the question which of its servers to restart when that was asked for too.
async fn after(app: &App, reader: &Reader, mut at: At, form: &Form, kind: Kind, written: Written) -> Result<Response> {
    at.name = written.listed.secret.name.to_string();
    let restart = form.has("restart");
    let done = match kind {
        Kind::Create => "created",
        Kind::Value => "value",
        Kind::Edit => "edited",
    };
    if written.warnings.is_empty() {
        let then = if restart { "/restarts" } else { "" };
        return Ok(see(&format!("{}{then}?done={done}", at.secret())));
    }
    // Answered in place: what is said here of a value belongs into no address, which browsers keep.
    let frame = Frame::of(app, reader, Some(&at.organization)).await?;
    let warnings = written.warnings.into_iter().map(|warning| warning.message).collect();
    page(&SavedPage { frame, at, version: written.listed.secret.version, restart, warnings })
}

/// What the form would do as it stands: a part of the page.
pub(in crate::web) async fn effect(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    let operation = match form.text("kind").as_str() {
        "edit" if form.text("name").trim() == at.name && at.workspace.is_none() => Ok(Operation::SetAccess),
        "edit" => fields::secret_name(form.text("name").trim()).map(Operation::Rename),
        _ => {
            let name = if at.name.is_empty() { form.text("name") } else { at.name.clone() };
            fields::secret_name(name.trim()).map(|name| Operation::Set(name, form.text("bytes").parse().ok()))
        }
    };
    let says_reach = matches!(operation, Ok(Operation::SetAccess)) || form.text("kind") == "create";
    let reach = if says_reach { reach(&form, &at) } else { Ok(Reach::default()) };
    let ask = operation.and_then(|operation| Ok(Ask { operation, reach: reach? }));
    let name = if at.name.is_empty() { form.text("name").trim().to_owned() } else { at.name.clone() };
    let preview = previews::get(&app, &reader.caller, at.place(), &name, Input::new(ask)).await;
    match preview {
        Ok(preview) => page(&Effect::of(&preview, at.workspace.is_none())),
        // The field itself says so once the form is sent; until then it is half typed.
        Err(Error::Invalid(_)) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(error) => Err(error),
    }
}
