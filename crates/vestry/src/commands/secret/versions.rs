//! `vestry secret history`, `restore --version` and `destroy --version`.

use jiff::Timestamp;
use ureq::http::Method;

use super::{at_by, holders, missing, say_consequences, suspended};
use crate::{
    client::{now, read},
    exit::Failure,
    models::{Secret, life::Version},
    output::{Cell, Style, Table},
    place::{Connection, Scope},
    prompt,
    text::escape,
};

/// Lists the versions of a secret, newest first.
pub(super) fn history(connection: &Connection<'_>, scope: &Scope, name: &str) -> Result<(), Failure> {
    let out = connection.out;
    let not_found = |failure| missing(connection, scope, name, failure);
    let items = connection.client.list(&versions(scope, name), None).map_err(not_found)?;
    if out.json {
        return out.document(&items);
    }
    let now = now();
    let mut table = Table::new(&["Version", "Written", "State"]);
    for item in &items {
        let version: Version = read(item)?;
        let written = at_by(version.created_at, version.created_by.as_ref(), now);
        table.row([format!("v{}", version.version).into(), written.into(), state(&version, now)]);
    }
    out.table(&table)?;
    let secret: Secret = connection.client.get(&scope.secret(name)).map_err(not_found)?.read()?;
    if let Some(suspension) = secret.suspension.filter(|suspension| suspension.version.is_none()) {
        out.say(&format!("{} is {}: no start gets any version", secret.name, suspended(&suspension, now)));
    }
    Ok(())
}

/// Like `newest, from v3`, `kept, suspended (2 h ago by Mina: leaked)` or `erased 3 days ago by Mina`.
fn state(version: &Version, now: Timestamp) -> Cell {
    let erased = version.erased_at.map(|at| format!("erased {}", at_by(at, version.erased_by.as_ref(), now)));
    let suspension = version.suspension.as_ref().map(|suspension| suspended(suspension, now));
    let (first, style) = match (version.newest, version.kept, &suspension) {
        (_, false, _) => (erased.unwrap_or_else(|| "erased".to_owned()), Style::Muted),
        (true, _, None) => ("newest".to_owned(), Style::Good),
        (true, _, Some(_)) => ("newest".to_owned(), Style::Warning),
        (false, true, None) => ("kept".to_owned(), Style::Plain),
        (false, true, Some(_)) => ("kept".to_owned(), Style::Warning),
    };
    let from = version.restored_from.map(|from| format!("from v{from}"));
    let parts: Vec<String> = [Some(first), from, suspension].into_iter().flatten().collect();
    Cell::styled(parts.join(", "), style)
}

fn versions(scope: &Scope, name: &str) -> String {
    format!("{}/versions", scope.secret(name))
}

/// Puts the value of an older version back.
pub(super) fn put_back(connection: &Connection<'_>, scope: &Scope, name: &str, number: u32) -> Result<(), Failure> {
    let out = connection.out;
    // Only to say what becomes of it.
    let before = connection.client.get(&scope.secret(name)).and_then(|answer| answer.read::<Secret>());
    let suspension = before.ok().and_then(|secret| secret.suspension);
    let path = format!("{}/{number}/restoration", versions(scope, name));
    let answer = connection
        .client
        .request(Method::POST, &path)
        .send()
        .map_err(|failure| refused(connection, scope, name, number, failure))?;
    if out.json {
        return out.document(&answer.body);
    }
    let secret: Secret = answer.read()?;
    out.say(&format!("put v{number} of {} back as v{} in {scope}", secret.name, secret.version));
    if let Some(lifted) = suspension.filter(|_| secret.suspension.is_none()) {
        let was = suspended(&lifted, now());
        out.say(&format!("it was {was}: that is lifted, and starts and runs get it again"));
    }
    say_consequences(connection, scope, &answer.body)
}

/// Erases the value of an older version, once someone agreed.
pub(super) fn destroy(connection: &Connection<'_>, scope: &Scope, name: &str, number: u32) -> Result<(), Failure> {
    let out = connection.out;
    let held = holders::of(connection, &scope.secret(name), Some(number))
        .map_err(|failure| missing(connection, scope, name, failure))?;
    if held.items.is_empty() && held.also_read_by.is_empty() {
        out.say(&format!("nothing that runs is known to have v{number} of {}", escape(name)));
    } else {
        out.say(&holders::bounded(&held, name));
        out.say("they keep it: what was handed over can't be taken back");
    }
    let question =
        format!("Erase the value of v{number} of {} in {scope} for good? This can't be undone.", escape(name));
    prompt::confirm(out, connection.settings.yes, &question, None)?;
    connection
        .client
        .request(Method::DELETE, &format!("{}/{number}", versions(scope, name)))
        .send()
        .map_err(|failure| refused(connection, scope, name, number, failure))?;
    out.say(&format!("erased the value of v{number} of {} in {scope}; who got it stays on record", escape(name)));
    Ok(())
}

/// A refusal for a version, with what helps: that follows from what the version is.
fn refused(connection: &Connection<'_>, scope: &Scope, name: &str, number: u32, failure: Failure) -> Failure {
    if !matches!(failure.code.as_deref(), Some("conflict" | "not_found")) {
        return failure;
    }
    let Ok(items) = connection.client.list(&versions(scope, name), None) else {
        return missing(connection, scope, name, failure);
    };
    let all: Vec<Version> = items.iter().filter_map(|item| read(item).ok()).collect();
    let look = format!("its versions:  vestry secret history {} {}", escape(name), scope.flag());
    let Some(version) = all.iter().find(|version| version.version == u64::from(number)) else {
        let newest = all.first().map_or(0, |version| version.version);
        let message = format!("there is no v{number} of {} in {scope}; the newest is v{newest}", escape(name));
        return Failure { message, ..failure }.help(look);
    };
    let command =
        |command: &str, more: &str| format!("vestry secret {command} {} {}{more}", escape(name), scope.flag());
    if version.newest || !version.kept {
        return failure.help(format!("{look}\nwrite another value:  {}", command("set", "")));
    }
    match version.suspension {
        Some(_) => failure.help(command("suspend", &format!(" --version {number} --lift"))),
        None => failure.help(look),
    }
}
