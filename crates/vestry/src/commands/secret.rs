//! `vestry secret`.

mod change;
mod deleted_secrets;
mod disclosures;
mod holders;
mod import;
mod preview;
mod report;
mod set;
mod show;
mod suspensions;
mod versions;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use ureq::http::Method;

use self::deleted_secrets::described;
use super::restart;
use crate::{
    cli::{
        restart::Rolling,
        secret::{self as args, Secret as Args},
    },
    client::read,
    exit::Failure,
    models::{
        Affected, Consequences, Reach, Secret, Who, WouldRestart,
        life::{DeletedSecret, Suspension},
    },
    place::{Connection, Scope},
    prompt,
    suggest::nearest,
    text::escape,
    time::When,
};

pub(crate) use set::refuse_value_in_arguments;

/// Runs one of the secret commands.
pub(crate) fn run(connection: &Connection<'_>, args: Args) -> Result<(), Failure> {
    match args {
        Args::Set(args) => set::run(connection, args),
        Args::Import(args) => import::run(connection, &args),
        Args::Example { whose } => import::example(connection, &connection.scope(&whose)?),
        Args::List { whose, deleted: false } => show::list(connection, &connection.scope(&whose)?),
        Args::List { whose, deleted: true } => deleted_secrets::list(connection, &connection.scope(&whose)?),
        Args::Show { name, whose } => show::show(connection, &connection.scope(&whose)?, &name),
        Args::History { name, whose } => versions::history(connection, &connection.scope(&whose)?, &name),
        Args::Holders(args) => holders::run(connection, &args),
        Args::Suspend(args) => suspensions::run(connection, &args),
        Args::Restore(args) => {
            let scope = connection.scope(&args.whose)?;
            match args.version {
                Some(number) => versions::put_back(connection, &scope, &args.name, number),
                None => deleted_secrets::restore(connection, &scope, &args.name, args.id.as_deref()),
            }
        }
        Args::Destroy(args) => {
            let scope = connection.scope(&args.whose)?;
            match args.version {
                Some(number) => versions::destroy(connection, &scope, &args.name, number),
                None => deleted_secrets::destroy(connection, &scope, &args.name, args.id.as_deref()),
            }
        }
        Args::Edit(args) => change::edit(connection, args),
        Args::Rename { name, new_name, whose, dry_run } => {
            let scope = connection.scope(&whose)?;
            match dry_run {
                true => preview::rename(connection, &scope, &name, &new_name),
                false => change::rename(connection, &scope, &name, &new_name),
            }
        }
        Args::Report(args) => report::run(connection, &args),
        Args::RestartHolders { name, servers, id, whose, rolling } => {
            let scope = connection.scope(&whose)?;
            if !rolling.dry_run {
                let which = match servers.as_slice() {
                    [] => format!("every running server of {scope} that differs because of {}", escape(&name)),
                    servers => escape(&servers.join(", ")),
                };
                let question = format!("Restart {which}?");
                prompt::confirm(connection.out, connection.settings.yes, &question, None)?;
            }
            restart_holders(connection, &scope, &name, id.as_deref(), &servers, &rolling)
        }
        Args::Delete { name, whose, if_match, dry_run } => {
            let scope = connection.scope(&whose)?;
            match dry_run {
                true => preview::delete(connection, &scope, &name),
                false => change::delete(connection, &scope, &name, if_match.as_deref()),
            }
        }
    }
}

/// Restarts the running servers that differ because of a secret: the one that is there, or else a deleted one; the deleted
/// one with an id, where that is given.
fn restart_holders(
    connection: &Connection<'_>,
    scope: &Scope,
    name: &str,
    id: Option<&str>,
    only: &[String],
    rolling: &Rolling,
) -> Result<(), Failure> {
    let nothing = format!("no running server of {scope} differs because of {}", escape(name));
    let begin = |path: String| restart::begin(connection, scope, &format!("{path}/restarts"), only, rolling, &nothing);
    if let Some(id) = id {
        return begin(scope.deleted_secret(id)).map_err(|failure| match failure.is_not_found() {
            true => deleted_secrets::unknown_id(scope, id),
            false => failure,
        });
    }
    match begin(scope.secret(name)) {
        Err(failure) if failure.is_not_found() => {
            let missing = missing(connection, scope, name, failure);
            begin(holders::path_of_deleted(connection, scope, name, missing)?)
        }
        begun => begun,
    }
}

/// A secret that was not found: which one was meant?
fn missing(connection: &Connection<'_>, scope: &Scope, name: &str, failure: Failure) -> Failure {
    if failure.is_not_found()
        && let Scope::Workspace(place) = scope
        && let Some(found) = in_list(connection, scope, name)
        && is_of_organization(&found)
    {
        let message = format!("{} is the organization's; in a workspace it can only be looked at", escape(name));
        let organization = Scope::Organization(place.organization.clone());
        return Failure { message, ..failure }.help(format!("its administrators use {}", organization.flag()));
    }
    if failure.is_not_found()
        && let Some(deleted) = last_deleted(connection, scope, name)
    {
        let message = format!("there is no secret {} in {scope} any more: {}", deleted.name, described(&deleted));
        let command = format!("{} {}", deleted.name, scope.flag());
        return Failure { message, ..failure }.help(format!(
            "bring it back:  vestry secret restore {command}\nwho still has it:  vestry secret holders {command}\n\
             restart those:  vestry secret restart-holders {command}"
        ));
    }
    connection.missing(failure, "secret", name, &scope.secrets(), "name")
}

/// The deleted secret that had a name, of several the one deleted last.
fn last_deleted(connection: &Connection<'_>, scope: &Scope, name: &str) -> Option<DeletedSecret> {
    let items = connection.client.list(&scope.deleted_secrets(), None).ok()?;
    items.iter().find(|item| item["name"] == name).and_then(|item| read(item).ok())
}

/// The entry of a scope's list with a name; of two, the one that wins.
fn in_list(connection: &Connection<'_>, scope: &Scope, name: &str) -> Option<Value> {
    let items = connection.client.list(&scope.secrets(), None).ok()?;
    items.into_iter().find(|item| item["name"] == name && item["overridden"] != true)
}

fn is_of_organization(item: &Value) -> bool {
    item["scope"] == "organization"
}

/// A revision as `If-Match` wants it; people may leave its quotes out.
fn revision(text: &str) -> String {
    if text.starts_with('"') || text.starts_with("W/") || text == "*" { text.to_owned() } else { format!("\"{text}\"") }
}

/// A write that met another revision than it was for, which nothing says the look of but the one of now.
fn mismatch(scope: &Scope, name: &str, given: Option<&str>, failure: Failure) -> Failure {
    let look = format!("vestry secret show {} {}", escape(name), scope.flag());
    match given {
        Some(given) => {
            let message =
                format!("`{}` is not the revision of {} now; nothing was written", escape(given), escape(name));
            Failure { message, ..failure }.help(format!("its revision, 32 digits and letters a to f:  {look}"))
        }
        None => failure.help(format!("look at it, then repeat:  {look}")),
    }
}

/// A refusal for workspaces that are not there, with their names.
fn unknown_workspaces(connection: &Connection<'_>, scope: &Scope, given: &args::Reach, failure: Failure) -> Failure {
    let (Some(given), true) = (&given.workspaces, failure.fields.iter().any(|field| field == "workspaces")) else {
        return failure;
    };
    let path = crate::place::organization_path(&scope.to_string(), "/workspaces");
    let Ok(items) = connection.client.list(&path, None) else { return failure };
    let there: Vec<&str> = items.iter().filter_map(|item| item["slug"].as_str()).collect();
    let unknown: Vec<&str> =
        given.iter().map(String::as_str).filter(|slug| !slug.is_empty() && !there.contains(slug)).collect();
    let named: Vec<String> = unknown.iter().map(|slug| format!("`{}`", escape(slug))).collect();
    let message = match named.as_slice() {
        [] => return failure,
        [one] => format!("there is no workspace {one} in {scope}; nothing was written"),
        several => format!("there are no workspaces {} in {scope}; nothing was written", several.join(", ")),
    };
    let failure = Failure { message, ..failure };
    match unknown.iter().find_map(|slug| nearest(slug, there.iter().copied())) {
        Some(meant) => failure.help(format!("did you mean `{}`?", escape(meant))),
        None => failure.help(format!("which there are:  vestry workspace list --org {scope}")),
    }
}

/// Like `2 h ago by Mina`.
fn at_by(at: When, by: Option<&Who>, now: Timestamp) -> String {
    let at = at.relative(now);
    match by {
        Some(who) => format!("{at} by {}", who.name),
        None => at,
    }
}

/// Like `suspended (2 h ago by Mina: found in a public repository)`.
pub(super) fn suspended(suspension: &Suspension, now: Timestamp) -> String {
    let reason = match suspension.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!("suspended ({}{reason})", at_by(suspension.at, suspension.by.as_ref(), now))
}

/// Which workspaces an organization secret reaches, like `reaches 2 workspaces: genomics-prod, nlp-sandbox`.
fn reach(secret: &Secret) -> Option<String> {
    let access = secret.access.as_ref()?;
    if access.as_str() == "all" {
        return Some("reaches all workspaces".to_owned());
    }
    let Reach { count, first } = secret.workspaces.as_ref()?;
    if *count == 0 {
        return Some("reaches no workspace".to_owned());
    }
    let mut names: Vec<&str> = first.iter().map(|workspace| workspace.slug.as_str()).collect();
    let more = format!("{} more", count.saturating_sub(names.len() as u64));
    if *count > names.len() as u64 {
        names.push(&more);
    }
    let workspaces = if *count == 1 { "1 workspace" } else { &format!("{count} workspaces") };
    Some(format!("reaches {workspaces}: {}", names.join(", ")))
}

/// Says what a write leads to: warnings, and which servers now need a restart.
fn say_consequences(connection: &Connection<'_>, scope: &Scope, body: &Value) -> Result<(), Failure> {
    say_all_consequences(connection, scope, std::slice::from_ref(body))
}

/// The same of several writes of a secret: each answer names the servers that need a restart because of that write.
fn say_all_consequences(connection: &Connection<'_>, scope: &Scope, answers: &[Value]) -> Result<(), Failure> {
    let (mut affected, mut stopped) = (BTreeSet::new(), Vec::new());
    for body in answers {
        let Consequences { warnings, restart_needed, still_stopped: by_now } = read(body)?;
        stopped = by_now;
        for warning in &warnings {
            connection.out.warn(warning.message.as_str());
        }
        affected.extend(restart_needed.into_iter().map(|one| (one.workspace.to_string(), one.server.to_string())));
    }
    let workspaces: Vec<&str> = affected.iter().map(|(workspace, _)| workspace.as_str()).collect();
    let secret = answers.last().and_then(|body| body["name"].as_str());
    say_need(connection, scope, &Need { secret, id: None, workspaces: &workspaces });
    if let Some(text) = still_stopped(scope, secret, &stopped) {
        connection.out.say(&text);
    }
    Ok(())
}

/// Which servers were stopped because of a suspension that is over, with the commands that start them.
fn still_stopped(scope: &Scope, name: Option<&str>, stopped: &[Affected]) -> Option<String> {
    let name = name.map_or_else(|| "one of these secrets".to_owned(), escape);
    let need = match stopped.len() {
        0 => return None,
        1 => format!("1 server is still stopped because {name} was suspended:"),
        count => format!("{count} servers are still stopped because {name} was suspended:"),
    };
    let start =
        |one: &Affected| format!("vestry server start {} -w {}/{}", one.server, scope.organization(), one.workspace);
    let commands: Vec<String> = stopped.iter().map(start).collect();
    let join = if commands.len() == 1 { "  " } else { "\n  " };
    Some(format!("{need}{join}{}", commands.join("\n  ")))
}

/// Says which servers a rolling restart because of a deleted secret would take; with its id where its name does not do. It
/// is only said, so a failure here is none of what was done before.
fn say_holders_of_deleted(connection: &Connection<'_>, scope: &Scope, deleted: &DeletedSecret, id: Option<&str>) {
    let path = format!("{}/restarts", scope.deleted_secret(deleted.id.as_str()));
    let request = connection.client.request(Method::POST, &path).json(&json!({ "dry_run": true }));
    let Ok(would) = request.send().and_then(|answer| answer.read::<WouldRestart>()) else { return };
    let workspaces: Vec<&str> = would.servers.iter().map(|one| one.workspace.as_str()).collect();
    say_need(connection, scope, &Need { secret: Some(deleted.name.as_str()), id, workspaces: &workspaces });
}

fn say_need(connection: &Connection<'_>, scope: &Scope, need: &Need<'_>) {
    if let Some(text) = restarts(connection, scope, need) {
        connection.out.say(&text);
    }
}

/// Which servers need a restart.
struct Need<'a> {
    /// Because of which secret, where that is one.
    secret: Option<&'a str>,
    /// The id of a deleted one that its name does not find.
    id: Option<&'a str>,
    /// The workspace of each.
    workspaces: &'a [&'a str],
}

/// How many servers need a restart, with the command to type: one for all that differ because of a secret, otherwise one for
/// each workspace.
fn restarts(connection: &Connection<'_>, scope: &Scope, need: &Need<'_>) -> Option<String> {
    let Need { secret, id, workspaces } = *need;
    let need = match workspaces.len() {
        0 => return None,
        1 => "1 running server needs a restart:".to_owned(),
        count => format!("{count} running servers need a restart:"),
    };
    let project = &connection.settings.project;
    let organization = match scope {
        Scope::Workspace(place) => &place.organization,
        Scope::Organization(organization) => organization,
    };
    if let Some(name) = secret {
        let id = id.map(|id| format!(" --id {}", escape(id))).unwrap_or_default();
        return Some(format!("{need}  vestry secret restart-holders {} {}{id}", escape(name), scope.flag()));
    }
    let mut distinct = workspaces.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let commands: Vec<String> = distinct
        .iter()
        .map(|workspace| {
            let here = project.workspace.as_deref() == Some(workspace)
                && project.organization.as_deref().is_none_or(|here| here == organization);
            let place = if here { String::new() } else { format!(" -w {organization}/{workspace}") };
            format!("vestry server restart --stale{place}")
        })
        .collect();
    let join = if commands.len() == 1 { "  " } else { "\n  " };
    Some(format!("{need}{join}{}", commands.join("\n  ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(access: &str, count: u64, first: &[&str]) -> Secret {
        let first: Vec<_> = first.iter().map(|slug| json!({"slug": slug, "name": slug})).collect();
        read(&json!({
            "name": "A", "scope": "organization", "version": 1, "updated_at": "2026-11-22T12:00:00Z",
            "access": access, "workspaces": {"count": count, "first": first},
        }))
        .unwrap()
    }

    #[test]
    fn the_reach_of_an_organization_secret_is_said_in_words() {
        let table = [
            (secret("all", 0, &[]), "reaches all workspaces"),
            (secret("selected", 0, &[]), "reaches no workspace"),
            (secret("selected", 1, &["nlp"]), "reaches 1 workspace: nlp"),
            (secret("selected", 7, &["a", "b", "c", "d", "e"]), "reaches 7 workspaces: a, b, c, d, e, 2 more"),
        ];
        for (secret, said) in table {
            assert_eq!(reach(&secret).unwrap(), said);
        }
    }

    #[test]
    fn a_revision_may_be_typed_without_its_quotes() {
        assert_eq!(revision("abc"), "\"abc\"");
        assert_eq!(revision("\"abc\""), "\"abc\"");
    }
}
