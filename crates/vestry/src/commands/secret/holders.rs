//! `vestry secret holders`: who has a secret now, and whose runs read it.

use serde_json::{Value, json};

use super::{Need, at_by, deleted_secrets, disclosures, last_deleted, missing, restarts};
use crate::{
    cli::secret::life::Holders as Args,
    client::{now, read},
    commands::server::drift,
    exit::Failure,
    models::life::{Holder, Holders, Reader},
    output::{Cell, Style, Table},
    place::{Connection, Scope},
    text::escape,
};

/// How many holders are named beside something else.
const NAMED: usize = 10;

/// Says who holds a secret, or with `--past` who ever got it.
pub(super) fn run(connection: &Connection<'_>, args: &Args) -> Result<(), Failure> {
    let scope = connection.scope(&args.whose)?;
    let path = which(connection, &scope, args)?;
    let not_found = |failure| not_found(connection, &scope, args, failure);
    if args.past {
        return disclosures::list(connection, &path, args).map_err(not_found);
    }
    let body = body(connection, &path, args.version).map_err(not_found)?;
    if connection.out.json {
        return connection.out.document(&body);
    }
    let held: Holders = read(&body)?;
    let what = what(&args.name, args.version);
    let by = match held.items.len() {
        0 => "no server holds it".to_owned(),
        1 => "1 server holds it".to_owned(),
        count => format!("{count} servers hold it"),
    };
    connection.out.data(&format!("{what} of {scope}: {by}"))?;
    if !held.items.is_empty() {
        connection.out.table(&servers(&held.items, &args.name))?;
        let stale: Vec<&str> =
            held.items.iter().filter(|one| one.drift.is_some()).map(|one| one.workspace.as_str()).collect();
        // Of two that had the name, the command restarts for the one that is there.
        let secret = Some(args.name.as_str()).filter(|_| args.id.is_some() || !args.deleted);
        let need = Need { secret, id: args.id.as_deref(), workspaces: &stale };
        if let Some(text) = restarts(connection, &scope, &need) {
            connection.out.data(&text)?;
        }
    }
    if held.also_read_by.is_empty() {
        return Ok(());
    }
    connection.out.data("\nalso read by runs, of which nobody knows whether they go on:")?;
    connection.out.table(&readers(&held.also_read_by))
}

/// Like `API_KEY` or `v3 of API_KEY`.
pub(super) fn what(name: &str, version: Option<u32>) -> String {
    match version {
        Some(number) => format!("v{number} of {}", escape(name)),
        None => escape(name),
    }
}

/// The path of the secret that is meant.
fn which(connection: &Connection<'_>, scope: &Scope, args: &Args) -> Result<String, Failure> {
    match &args.id {
        Some(id) => Ok(scope.deleted_secret(id)),
        None if args.deleted => {
            let missing = deleted_secrets::none(connection, scope, &args.name);
            path_of_deleted(connection, scope, &args.name, missing)
        }
        None => path(connection, scope, &args.name),
    }
}

/// The path of the secret of a name: one that is there, or else a deleted one, which is said then.
fn path(connection: &Connection<'_>, scope: &Scope, name: &str) -> Result<String, Failure> {
    match connection.client.get(&scope.secret(name)) {
        Ok(_) => {
            say_earlier(connection, scope, name);
            Ok(scope.secret(name))
        }
        Err(failure) if failure.is_not_found() => {
            path_of_deleted(connection, scope, name, missing(connection, scope, name, failure))
        }
        Err(failure) => Err(failure),
    }
}

/// The path of the deleted secret of a name, which is said.
pub(super) fn path_of_deleted(
    connection: &Connection<'_>,
    scope: &Scope,
    name: &str,
    missing: Failure,
) -> Result<String, Failure> {
    let deleted = deleted_secrets::find(connection, scope, name, None)?.ok_or(missing)?;
    connection.out.say(&format!("{} is deleted: {}", deleted.name, deleted_secrets::described(&deleted)));
    Ok(scope.deleted_secret(deleted.id.as_str()))
}

/// Says that another secret had the name before and is deleted: what leaked may be that one.
fn say_earlier(connection: &Connection<'_>, scope: &Scope, name: &str) {
    if let Some(deleted) = last_deleted(connection, scope, name) {
        let described = deleted_secrets::described(&deleted);
        let command = format!("vestry secret holders {} {} --deleted", deleted.name, scope.flag());
        connection.out.say(&format!("another {} was there before, {described}:  {command}", deleted.name));
    }
}

/// Neither there nor deleted.
fn not_found(connection: &Connection<'_>, scope: &Scope, args: &Args, failure: Failure) -> Failure {
    match &args.id {
        Some(id) if failure.is_not_found() => deleted_secrets::unknown_id(scope, id),
        Some(_) => failure,
        None => missing(connection, scope, &args.name, failure),
    }
}

/// Who holds the secret at a path, and whose runs read it.
pub(super) fn of(connection: &Connection<'_>, path: &str, version: Option<u32>) -> Result<Holders, Failure> {
    read(&body(connection, path, version)?)
}

/// The same as it is answered, all pages as one: only the first has the readers.
fn body(connection: &Connection<'_>, path: &str, version: Option<u32>) -> Result<Value, Failure> {
    let path = narrowed(path, "/holders", version);
    let first = connection.client.get(&path)?.body;
    let items = if first["next_cursor"].is_null() {
        first["items"].clone()
    } else {
        connection.client.list(&path, None)?.into()
    };
    Ok(json!({ "items": items, "also_read_by": first["also_read_by"] }))
}

/// One of a secret's lists, of one version if one is given.
pub(super) fn narrowed(path: &str, list: &str, version: Option<u32>) -> String {
    match version {
        Some(number) => format!("{path}{list}?version={number}"),
        None => format!("{path}{list}"),
    }
}

fn servers(holders: &[Holder], name: &str) -> Table {
    let now = now();
    let mut table = Table::new(&["Server", "Version", "As", "Status", "Started", "Restart needed"]);
    for holder in holders {
        let stale = holder.drift.as_ref().map(|drift| drift::of_one(drift, now)).unwrap_or_default();
        table.row([
            format!("{}/{}", holder.workspace, holder.server).into(),
            format!("v{}", holder.version).into(),
            other_name(holder.name.as_str(), name).into(),
            holder.status.as_str().into(),
            at_by(holder.started_at, holder.started_by.as_ref(), now).into(),
            Cell::styled(stale, Style::Warning),
        ]);
    }
    table
}

/// The name that a program has it under, where that is not the one it has now.
pub(super) fn other_name<'a>(had: &'a str, has: &str) -> &'a str {
    if had == has { "" } else { had }
}

fn readers(readers: &[Reader]) -> Table {
    let now = now();
    let mut table = Table::new(&["Who", "Workspace", "Host", "Version", "Last read", "Times"]);
    for reader in readers {
        table.row([
            who(reader).into(),
            reader.workspace.as_str().into(),
            reader.host.as_str().into(),
            format!("v{}", reader.version).into(),
            reader.last_read_at.relative(now).into(),
            reader.reads.into(),
        ]);
    }
    table
}

/// Like `Mina`, or for a machine `token ci (made by Mina)`.
fn who(reader: &Reader) -> String {
    match (&reader.token, &reader.person) {
        (Some(token), Some(person)) => format!("token {token} (made by {})", person.name),
        (Some(token), None) => format!("token {token}"),
        (None, Some(person)) => person.name.to_string(),
        (None, None) => "somebody".to_owned(),
    }
}

/// Who holds it, in a few lines for somebody who is about to do something: at most ten servers, and how many readers.
pub(super) fn bounded(held: &Holders, name: &str) -> String {
    let now = now();
    let mut lines = vec![match held.items.len() {
        0 => "no server holds it".to_owned(),
        1 => "1 server holds it:".to_owned(),
        count => format!("{count} servers hold it:"),
    }];
    for holder in held.items.iter().take(NAMED) {
        let other = match other_name(holder.name.as_str(), name) {
            "" => String::new(),
            other => format!(" as {other}"),
        };
        let started = at_by(holder.started_at, holder.started_by.as_ref(), now);
        lines.push(format!("  {}/{} v{}{other}, started {started}", holder.workspace, holder.server, holder.version));
    }
    if held.items.len() > NAMED {
        lines.push(format!("  and {} more", held.items.len() - NAMED));
    }
    match held.also_read_by.len() {
        0 => {}
        1 => lines.push(format!("also read by a run of {}", who(&held.also_read_by[0]))),
        count => lines.push(format!("also read by runs of {count} people or tokens on their machines")),
    }
    lines.join("\n")
}
