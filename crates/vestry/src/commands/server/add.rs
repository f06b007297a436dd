//! `vestry server add` and `edit`.

use serde_json::{Map, Value};
use ureq::http::Method;

use super::OneServer;
use crate::{
    cli::server::{Add, Edit, Variable},
    client::read,
    exit::Failure,
    models::Server,
    place::Connection,
    text::escape,
};

/// Words in a variable's name that make its value look like a secret.
const SECRET_WORDS: [&str; 4] = ["KEY", "TOKEN", "SECRET", "PASSWORD"];

/// Adds a server; it is not started yet.
pub(super) fn add(connection: &Connection<'_>, args: Add) -> Result<(), Failure> {
    let place = connection.place(args.workspace.workspace.as_ref())?;
    warn_of_secrets(connection, &args.variables);
    let mut fields = Map::new();
    fields.insert("name".to_owned(), args.name.into());
    fields.insert("command".to_owned(), args.command.into());
    fields.extend(args.slug.map(|slug| ("slug".to_owned(), slug.into())));
    if !args.variables.is_empty() {
        fields.insert("variables".to_owned(), Value::Object(variables(args.variables).collect()));
    }
    let path = place.path("/servers");
    let answer =
        connection.client.request(Method::POST, &path).json(&Value::Object(fields)).send().map_err(|failure| {
            if failure.is_not_found() { connection.missing_place(failure, &path) } else { failure }
        })?;
    if connection.out.json {
        return connection.out.document(&answer.body);
    }
    let server: Server = answer.read()?;
    let added = OneServer { connection, place, slug: server.slug.to_string() };
    connection.out.say(&format!(
        "added {} to {}\nstart it:  vestry server start {}{}",
        server.slug,
        added.place,
        server.slug,
        added.flag()
    ));
    Ok(())
}

/// Changes a server. Plain variables that are not mentioned stay.
pub(super) fn edit(connection: &Connection<'_>, args: Edit) -> Result<(), Failure> {
    let server =
        OneServer { connection, place: connection.place(args.workspace.workspace.as_ref())?, slug: args.server };
    warn_of_secrets(connection, &args.variables);
    let mut fields = Map::new();
    fields.extend(args.name.map(|name| ("name".to_owned(), name.into())));
    if !args.command.is_empty() {
        fields.insert("command".to_owned(), args.command.into());
    }
    let mut etag = None;
    if !args.variables.is_empty() || !args.unset.is_empty() {
        let before = server.get("")?;
        let mut all: Map<String, Value> = read(&before.body["variables"])?;
        for name in &args.unset {
            if all.remove(name).is_none() {
                return Err(Failure::data(format!(
                    "{} has no plain variable `{}`; nothing was changed",
                    escape(&server.slug),
                    escape(name)
                )));
            }
        }
        all.extend(variables(args.variables));
        fields.insert("variables".to_owned(), Value::Object(all));
        etag = before.etag;
    }
    if fields.is_empty() {
        return Err(
            Failure::usage("nothing to change was given").help("--name, -e NAME=PLAIN, --unset NAME, or -- CMD…")
        );
    }
    let answer = connection
        .client
        .request(Method::PATCH, &server.path(""))
        .json(&Value::Object(fields))
        .if_match(etag.as_deref())
        .send()
        .map_err(|failure| server.missing(failure))?;
    if connection.out.json {
        return connection.out.document(&answer.body);
    }
    let changed: Server = answer.read()?;
    let when = if changed.status.as_str() == "running" { "; it takes effect at its next start" } else { "" };
    connection.out.say(&format!("changed {} of {}{when}", changed.slug, server.place));
    Ok(())
}

fn variables(variables: Vec<Variable>) -> impl Iterator<Item = (String, Value)> {
    variables.into_iter().map(|variable| (variable.name, variable.value.into()))
}

fn warn_of_secrets(connection: &Connection<'_>, variables: &[Variable]) {
    for variable in variables {
        let name = variable.name.to_ascii_uppercase();
        if SECRET_WORDS.iter().any(|word| name.split('_').any(|part| part == *word)) {
            let name = escape(&variable.name);
            connection.out.warn(&format!(
                "{name} is a plain variable, which everyone with access sees; for a secret:  vestry secret set {name}"
            ));
        }
    }
}
