//! `vestry secret list` and `show`: everything but the value.

use serde_json::Value;

use super::{at_by, in_list, missing, reach, suspended};
use crate::{
    client::{now, read},
    exit::Failure,
    models::Secret,
    output::{Cell, Style, Table},
    place::{Connection, Scope},
};

/// Lists the secrets of a scope.
pub(super) fn list(connection: &Connection<'_>, scope: &Scope) -> Result<(), Failure> {
    let items = connection.list(&scope.secrets(), None)?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    if items.is_empty() {
        connection.out.say(&format!("no secret in {scope} yet:  vestry secret set NAME {}", scope.flag()));
        return Ok(());
    }
    let secrets: Vec<Secret> = items.iter().map(read).collect::<Result<_, _>>()?;
    connection.out.table(&match scope {
        Scope::Workspace(_) => of_workspace(&secrets),
        Scope::Organization(_) => of_organization(&secrets),
    })
}

fn of_workspace(secrets: &[Secret]) -> Table {
    let mut table = Table::new(&["Name", "Scope", "Version", "Updated", "Description"]);
    for secret in secrets {
        table.row([
            name(secret),
            scope(secret),
            version(secret),
            updated(secret).into(),
            secret.description.clone().unwrap_or_default().into(),
        ]);
    }
    table
}

fn of_organization(secrets: &[Secret]) -> Table {
    let mut table = Table::new(&["Name", "Workspaces", "Version", "Created", "Updated", "In use"]);
    let now = now();
    for secret in secrets {
        table.row([
            name(secret),
            workspaces(secret).into(),
            version(secret),
            secret.created_at.map(|at| at.relative(now)).unwrap_or_default().into(),
            updated(secret).into(),
            in_use(secret).into(),
        ]);
    }
    table
}

fn name(secret: &Secret) -> Cell {
    if secret.suspended {
        return Cell::styled(format!("{} (suspended)", secret.name), Style::Warning);
    }
    secret.name.as_str().into()
}

fn version(secret: &Secret) -> Cell {
    format!("v{}", secret.version).into()
}

/// Like `workspace, overrides`, as the pages say it.
fn scope(secret: &Secret) -> Cell {
    match (secret.overrides, secret.overridden) {
        (true, _) => format!("{}, overrides", secret.scope).into(),
        (_, true) => Cell::styled(format!("{}, overridden", secret.scope), Style::Muted),
        _ => secret.scope.as_str().into(),
    }
}

fn workspaces(secret: &Secret) -> String {
    let Some(reach) = reach(secret) else { return String::new() };
    let reach = reach.trim_start_matches("reaches ");
    match secret.overridden_in {
        None | Some(0) => reach.to_owned(),
        Some(number) => format!("{reach} (overridden in {number})"),
    }
}

fn updated(secret: &Secret) -> String {
    at_by(secret.updated_at, secret.updated_by.as_ref(), now())
}

fn in_use(secret: &Secret) -> String {
    let servers = match secret.holders {
        None => return String::new(),
        Some(0) => return "no server".to_owned(),
        Some(1) => "1 server".to_owned(),
        Some(n) => format!("{n} servers"),
    };
    match secret.stale_holders {
        None | Some(0) => servers,
        Some(stale) => format!("{servers}, {stale} stale"),
    }
}

/// Shows one secret.
pub(super) fn show(connection: &Connection<'_>, whose: &Scope, name: &str) -> Result<(), Failure> {
    let found = connection.client.get(&whose.secret(name));
    let own = found.is_ok();
    // A workspace's list knows what overrides what, and holds the organization's secrets that reach it.
    let listed = match whose {
        Scope::Workspace(_) => in_list(connection, whose, name),
        Scope::Organization(_) => None,
    };
    let (mut body, etag) = match (found, listed) {
        (Ok(answer), None) => (answer.body, answer.etag),
        (Ok(answer), Some(listed)) => (merged(listed, answer.body), answer.etag),
        (Err(failure), Some(listed)) if failure.is_not_found() => (listed, None),
        (Err(failure), _) => return Err(missing(connection, whose, name, failure)),
    };
    let revision = etag.as_deref().map(|etag| etag.trim_matches('"').to_owned());
    if connection.out.json {
        body["revision"] = revision.into();
        return connection.out.document(&body);
    }
    let secret: Secret = read(&body)?;
    let mut text = format!("{} in {whose}\n", secret.name);
    let mut line = |label: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{label:<12} {value}\n"));
        }
    };
    line("Version", format!("v{}", secret.version));
    line("Scope", scope_in_words(&secret));
    line("Workspaces", workspaces(&secret));
    line("Description", secret.description.clone().unwrap_or_default().to_string());
    line("State", state(&secret));
    line("Created", secret.created_at.map(|at| at.relative(now())).unwrap_or_default());
    line("Updated", updated(&secret));
    line("In use", in_use(&secret));
    line("Revision", revision.map(|revision| crate::text::escape(&revision)).unwrap_or_default());
    text.push_str(&further(&secret, whose, own));
    connection.out.data(&text)
}

/// Like `suspended (2 h ago by Mina: leaked), left out of starts and runs`.
fn state(secret: &Secret) -> String {
    match &secret.suspension {
        None if secret.suspended => "suspended, left out of starts and runs".to_owned(),
        None => String::new(),
        Some(suspension) => {
            let which = suspension.version.map(|number| format!("v{number} is ")).unwrap_or_default();
            format!("{which}{}, left out of starts and runs", suspended(suspension, now()))
        }
    }
}

/// Where there is more to see, as far as there is; of a secret that can only be looked at here there is nothing.
fn further(secret: &Secret, whose: &Scope, own: bool) -> String {
    let command = |command: &str| format!("vestry secret {command} {} {}", secret.name, whose.flag());
    let version = secret.suspension.as_ref().and_then(|suspension| suspension.version);
    let version = version.map(|number| format!(" --version {number}")).unwrap_or_default();
    let hints = [
        (secret.version > 1, format!("its versions:  {}", command("history"))),
        (secret.holders != Some(0), format!("who holds it:  {}", command("holders"))),
        (secret.suspended, format!("lift that:  {}{version} --lift", command("suspend"))),
    ];
    hints.iter().filter(|(helps, _)| own && *helps).map(|(_, hint)| format!("{hint}\n")).collect()
}

/// Both, where they differ the second.
fn merged(mut first: Value, second: Value) -> Value {
    if let (Value::Object(first), Value::Object(second)) = (&mut first, second) {
        first.extend(second);
    }
    first
}

fn scope_in_words(secret: &Secret) -> String {
    match (secret.overrides, secret.overridden) {
        (true, _) => format!("{}, overrides the organization's", secret.scope),
        (_, true) => format!("{}, overridden by the workspace's", secret.scope),
        _ => secret.scope.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_says_in_how_many_workspaces_a_secret_is_overridden() {
        let said = |overridden_in: Option<u64>| {
            let secret = json!({ "name": "A", "scope": "organization", "version": 1, "access": "all",
                "updated_at": "2026-11-22T10:00:00Z", "overridden_in": overridden_in });
            workspaces(&read(&secret).unwrap())
        };
        assert_eq!(
            [said(None), said(Some(0)), said(Some(2))],
            ["all workspaces", "all workspaces", "all workspaces (overridden in 2)"]
        );
    }
}
