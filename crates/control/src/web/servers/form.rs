//! The forms that add and edit a server.

use std::collections::{BTreeMap, btree_map::Entry};

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use domain::{VariableName, join_command, split_command};

use super::{At, may_use};
use crate::{
    app::{
        App, Input, Precondition, secrets,
        servers::{self, EditServer, NewServer, Server},
    },
    error::{Error, FieldError, Result},
    http::{fields, path::Path},
    web::{
        form::Form,
        frame::{Frame, Reader, page, page_with, see},
        problem::sentence,
        workspaces::{self, Head},
    },
};

/// A command that is offered beside one's own.
struct Preset {
    word: &'static str,
    name: &'static str,
    command: &'static str,
}

const PRESETS: &[Preset] = &[
    Preset { word: "jupyterlab", name: "JupyterLab", command: "jupyter lab --ip=127.0.0.1 --no-browser" },
    Preset { word: "code-server", name: "code-server", command: "code-server --bind-addr=127.0.0.1:8080 --auth=none" },
];

#[derive(Template)]
#[template(path = "servers/form.html")]
struct FormPage {
    frame: Frame,
    at: At,
    head: Head,
    typed: Typed,
    creates: bool,
    /// How many secrets a start now would give it.
    secrets: usize,
    errors: Vec<FieldError>,
}

/// What stands in the fields.
#[derive(Default)]
struct Typed {
    name: String,
    /// The word of a preset, or another one for one's own command.
    kind: String,
    /// On one line, quoted as for a shell.
    command: String,
    /// One `NAME=value` on each line.
    variables: String,
    revision: String,
}

impl FormPage {
    async fn of(app: &App, reader: &Reader, at: At, typed: Typed, errors: Vec<FieldError>) -> Result<Self> {
        let frame = Frame::of(app, reader, Some(&at.organization)).await?;
        let head = workspaces::head(app, reader, &at.organization, &at.workspace).await?;
        may_use(&head)?;
        let (found, _) = secrets::available(app, &reader.caller, &at.organization, &at.workspace).await?;
        let secrets = found.iter().filter(|resolved| !resolved.winner.suspended).count();
        Ok(Self { frame, head, typed, creates: at.server.is_empty(), secrets, errors, at })
    }

    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }

    fn presets(&self) -> &'static [Preset] {
        PRESETS
    }

    fn own_command(&self) -> bool {
        PRESETS.iter().all(|preset| preset.word != self.typed.kind)
    }

    fn action(&self) -> String {
        if self.creates { format!("{}/servers", self.at.base()) } else { format!("{}/edit", self.at.server()) }
    }
}

impl Typed {
    fn of(server: &Server) -> Self {
        Self {
            name: server.name.clone(),
            kind: String::new(),
            command: join_command(server.command.argv()),
            variables: server.variables.iter().map(|(name, value)| format!("{name}={}\n", written(value))).collect(),
            revision: server.revision.clone(),
        }
    }

    fn sent(form: &Form) -> Self {
        // Browsers send every end of a line as CR LF.
        let text = |name| form.text(name).replace("\r\n", "\n");
        Self {
            name: form.text("name"),
            kind: form.text("kind"),
            command: text("command"),
            variables: text("variables"),
            revision: form.text("revision"),
        }
    }

    fn new_server(&self) -> Result<NewServer> {
        fields::new_server(&self.name, None, self.argv()?, self.pairs()?)
    }

    /// What differs from what the form showed: what nobody touched stays as it is to the letter.
    fn edit(&self, shown: &Self) -> Result<EditServer> {
        let same = |sent: &str, shown: &str| sent == shown.replace("\r\n", "\n").replace('\r', "\n");
        let argv = if same(&self.command, &shown.command) { None } else { Some(self.argv()?) };
        let pairs = if same(&self.variables, &shown.variables) { None } else { Some(self.pairs()?) };
        fields::edit_server(Some(self.name.clone()), None, argv, pairs)
    }

    fn argv(&self) -> Result<Vec<String>> {
        let preset = PRESETS.iter().find(|preset| preset.word == self.kind);
        split_command(preset.map_or(&self.command, |preset| preset.command))
            .map_err(|why| Error::invalid("command", why.code(), why))
    }

    fn pairs(&self) -> Result<BTreeMap<String, String>> {
        let mut pairs = BTreeMap::new();
        for (number, line) in (1..).zip(self.variables.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let refused =
                |code, why: &str| Error::invalid("variables", code, format!("Line {number} of the variables: {why}"));
            let (name, value) =
                line.split_once('=').ok_or_else(|| refused("no_assignment", "Write it as NAME=value."))?;
            let name = VariableName::parse(name.trim()).map_err(|why| refused(why.code(), &why.to_string()))?;
            let value = read(value).ok_or_else(|| {
                refused("variable_quote", "A value that begins with \" ends with one; \\n is a new line in it.")
            })?;
            match pairs.entry(name.to_string()) {
                Entry::Vacant(free) => free.insert(value),
                Entry::Occupied(_) => return Err(refused("variable_twice", "Its name was given before.")),
            };
        }
        Ok(pairs)
    }
}

/// A variable's value as it stands on its line: as it is, or as a JSON string where it would not come back.
fn written(value: &str) -> String {
    let plain = !value.starts_with('"') && !value.contains(char::is_control);
    if plain { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

fn read(text: &str) -> Option<String> {
    if text.starts_with('"') { serde_json::from_str(text.trim_end()).ok() } else { Some(text.to_owned()) }
}

/// The form for a new server.
pub(in crate::web) async fn create_form(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
) -> Result<Response> {
    page(&FormPage::of(&app, &reader, at, Typed::default(), Vec::new()).await?)
}

/// Adds a server, and starts it when that was asked for too.
pub(in crate::web) async fn create(
    State(app): State<App>,
    reader: Reader,
    Path(mut at): Path<At>,
    form: Form,
) -> Result<Response> {
    let typed = Typed::sent(&form);
    match servers::create(&app, &reader.caller, at.place(), Input::new(typed.new_server())).await {
        Ok(created) => at.server = created.server.slug.to_string(),
        Err(error) => return again(&app, &reader, at, typed, error).await,
    }
    let done = match form.has("start") {
        false => "added",
        true => match servers::start(&app, &reader.caller, at.place(), &at.server).await {
            Ok(_) => "started",
            // The server is there all the same, and its own button says why.
            Err(_) => "not-started",
        },
    };
    Ok(see(&format!("{}?done={done}", at.server())))
}

/// The form for name, command and variables.
pub(in crate::web) async fn edit_form(State(app): State<App>, reader: Reader, Path(at): Path<At>) -> Result<Response> {
    let known = servers::get(&app, &reader.caller, at.place(), &at.server).await?;
    page(&FormPage::of(&app, &reader, at, Typed::of(&known.server), Vec::new()).await?)
}

/// Saves them; a running server has them after its next start.
pub(in crate::web) async fn edit(
    State(app): State<App>,
    reader: Reader,
    Path(at): Path<At>,
    form: Form,
) -> Result<Response> {
    let typed = Typed::sent(&form);
    let known = servers::get(&app, &reader.caller, at.place(), &at.server).await?;
    let input = Input::new(typed.edit(&Typed::of(&known.server)));
    let expected = Precondition { if_match: Some(vec![typed.revision.clone()]), create_only: false };
    match servers::edit(&app, &reader.caller, at.place(), &at.server, expected, input).await {
        Ok(_) => Ok(see(&format!("{}?done=edited", at.server()))),
        Err(error) => again(&app, &reader, at, typed, error).await,
    }
}

/// The form with what does not fit beside each field; anything else is no matter of the form.
async fn again(app: &App, reader: &Reader, at: At, typed: Typed, error: Error) -> Result<Response> {
    let (status, errors) = match error {
        Error::Invalid(errors) => (StatusCode::UNPROCESSABLE_ENTITY, errors),
        Error::Conflict(why) => {
            (StatusCode::CONFLICT, vec![FieldError { field: "name", code: "conflict", message: sentence(&why) }])
        }
        error => return Err(error),
    };
    page_with(status, &FormPage::of(app, reader, at, typed, errors).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(variables: &str) -> Typed {
        Typed { variables: variables.to_owned(), ..Typed::default() }
    }

    #[test]
    fn variables_come_back_from_their_lines() {
        for value in ["", "plain text ", "a=b", "\"quoted\"", "two\nlines", "cr\r", "tab\there", "é"] {
            let read = typed(&format!("A={}\n\nB=c", written(value))).pairs().unwrap();
            assert_eq!(read, BTreeMap::from([("A".to_owned(), value.to_owned()), ("B".to_owned(), "c".to_owned())]));
        }
    }

    #[test]
    fn a_line_in_doubt_is_refused_and_named() {
        for (lines, code) in [
            ("A=b\nno assignment", "no_assignment"),
            ("A=b\n1A=c", "name_malformed"),
            ("A=b\nVESTRY_A=c", "name_reserved"),
            ("A=b\nA=c", "variable_twice"),
            ("A=b\nB=\"c", "variable_quote"),
        ] {
            let Err(Error::Invalid(errors)) = typed(lines).pairs() else { panic!("{lines}") };
            assert_eq!((errors[0].field, errors[0].code), ("variables", code), "{lines}");
            assert!(errors[0].message.starts_with("Line 2 "), "{}", errors[0].message);
        }
    }
}
