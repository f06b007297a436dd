//! Deleted secrets: `vestry secret list --deleted`, `restore` and `destroy`.

use ureq::http::Method;

use super::{at_by, holders, reach, say_consequences, say_holders_of_deleted, suspended};
use crate::{
    client::{now, read},
    exit::Failure,
    models::{Secret, life::DeletedSecret},
    output::Table,
    place::{Connection, Scope},
    prompt,
    text::escape,
};

/// Lists the deleted secrets that can be restored.
pub(super) fn list(connection: &Connection<'_>, scope: &Scope) -> Result<(), Failure> {
    let items = connection.list(&scope.deleted_secrets(), None)?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    if items.is_empty() {
        connection.out.say(&format!("no deleted secret of {scope} that could be restored"));
        return Ok(());
    }
    let now = now();
    let mut table = Table::new(&["Name", "Version", "Deleted", "Erased", "Id"]);
    for item in &items {
        let deleted: DeletedSecret = read(item)?;
        table.row([
            deleted.name.into(),
            format!("v{}", deleted.version).into(),
            at_by(deleted.deleted_at, deleted.deleted_by.as_ref(), now).into(),
            deleted.destroyed_from.relative(now).into(),
            deleted.id.into(),
        ]);
    }
    connection.out.table(&table)
}

/// The deleted secret of a name, or with an id; `None` when no list has one.
///
/// # Errors
/// When several had the name, with how to say which.
pub(super) fn find(
    connection: &Connection<'_>,
    scope: &Scope,
    name: &str,
    id: Option<&str>,
) -> Result<Option<DeletedSecret>, Failure> {
    let items = connection.list(&scope.deleted_secrets(), None)?;
    let is_meant = |item: &&serde_json::Value| match id {
        Some(id) => item["id"] == id,
        None => item["name"] == name,
    };
    let mut found: Vec<DeletedSecret> = items.iter().filter(is_meant).map(read).collect::<Result<_, _>>()?;
    if found.len() > 1 {
        let which: Vec<String> = found.iter().map(|one| format!("--id {}  {}", one.id, described(one))).collect();
        let message = format!("{} deleted secrets of {scope} had the name {}: which?", found.len(), escape(name));
        return Err(Failure::usage(message).help(which.join("\n")));
    }
    Ok(found.pop())
}

/// Like `v3, deleted 2 h ago by Mina`.
pub(super) fn described(deleted: &DeletedSecret) -> String {
    format!("v{}, deleted {}", deleted.version, at_by(deleted.deleted_at, deleted.deleted_by.as_ref(), now()))
}

/// The one that is meant, to do something with it.
fn one(connection: &Connection<'_>, scope: &Scope, name: &str, id: Option<&str>) -> Result<DeletedSecret, Failure> {
    find(connection, scope, name, id)?.ok_or_else(|| match id {
        Some(id) => unknown_id(scope, id),
        None => none(connection, scope, name),
    })
}

/// Why an id is of no use.
pub(super) fn unknown_id(scope: &Scope, id: &str) -> Failure {
    Failure::data(format!("there is no deleted secret of {scope} with the id `{}`; nothing was done", escape(id)))
        .help(format!("those that can be restored:  vestry secret list --deleted {}", scope.flag()))
}

/// Why there is no such deleted secret: it is not deleted, or another was meant.
pub(super) fn none(connection: &Connection<'_>, scope: &Scope, name: &str) -> Failure {
    let command =
        |command: &str, more: &str| format!("vestry secret {command} {} {}{more}", escape(name), scope.flag());
    match connection.client.get(&scope.secret(name)) {
        Ok(_) => Failure::data(format!("{} in {scope} is not deleted; nothing was done", escape(name))).help(format!(
            "its versions:  {}\nput one back:  {}\nerase one:  {}\ndelete it:  {}",
            command("history", ""),
            command("restore", " --version N"),
            command("destroy", " --version N"),
            command("delete", "")
        )),
        Err(failure) if failure.is_not_found() => {
            let list = format!("vestry secret list --deleted {}", scope.flag());
            let failure = connection.missing(failure, "deleted secret", name, &scope.deleted_secrets(), "name");
            if failure.help.is_some() { failure } else { failure.help(format!("those that can be restored:  {list}")) }
        }
        Err(failure) => failure,
    }
}

/// Brings a deleted secret back.
pub(super) fn restore(connection: &Connection<'_>, scope: &Scope, name: &str, id: Option<&str>) -> Result<(), Failure> {
    let out = connection.out;
    let deleted = one(connection, scope, name, id)?;
    let path = format!("{}/restoration", scope.deleted_secret(deleted.id.as_str()));
    let answer = connection
        .client
        .request(Method::POST, &path)
        .send()
        .map_err(|failure| not_restored(connection, scope, &deleted, failure))?;
    if out.json {
        return out.document(&answer.body);
    }
    let secret: Secret = answer.read()?;
    let more = reach(&secret).map(|more| format!(" ({more})")).unwrap_or_default();
    out.say(&format!("restored {} v{} in {scope}{more}", secret.name, secret.version));
    if let Some(suspension) = &secret.suspension {
        out.say(&format!("it is still {}", suspended(suspension, now())));
    }
    say_consequences(connection, scope, &answer.body)
}

/// A refusal to restore: the name is taken, or there is nothing left of it.
fn not_restored(connection: &Connection<'_>, scope: &Scope, deleted: &DeletedSecret, failure: Failure) -> Failure {
    if failure.code.as_deref() != Some("conflict") {
        return failure;
    }
    let (name, flag) = (&deleted.name, scope.flag());
    match connection.client.get(&scope.secret(name.as_str())) {
        Ok(_) => failure.help(format!("give that one another name:  vestry secret rename {name} NEW_NAME {flag}")),
        Err(_) => failure.help(format!("write it anew:  vestry secret set {name} {flag}")),
    }
}

/// Erases every value of a deleted secret, once someone typed its name.
pub(super) fn destroy(connection: &Connection<'_>, scope: &Scope, name: &str, id: Option<&str>) -> Result<(), Failure> {
    let out = connection.out;
    let deleted = one(connection, scope, name, id)?;
    let path = scope.deleted_secret(deleted.id.as_str());
    let held = holders::of(connection, &path, None)?;
    out.say(&format!("{} of {scope}: {}", deleted.name, described(&deleted)));
    out.say(&holders::bounded(&held, deleted.name.as_str()));
    if !held.items.is_empty() {
        out.say("servers keep it until they are restarted or stopped");
    }
    let question = format!("Erase every value of the deleted {} for good? This can't be undone.", deleted.name);
    prompt::confirm(out, connection.settings.yes, &question, Some(deleted.name.as_str()))?;
    connection.client.request(Method::DELETE, &path).send()?;
    out.say(&format!("erased every value of {} of {scope}; who got them stays on record", deleted.name));
    say_holders_of_deleted(connection, scope, &deleted, Some(deleted.id.as_str()));
    Ok(())
}
