//! `vestry secret suspend`: no start or run gets it, until that is lifted.

use serde_json::json;
use ureq::http::Method;

use super::{
    holders::{self, what},
    missing, say_consequences, suspended,
};
use crate::{
    cli::{restart::Rolling, secret::life::Suspend},
    client::{now, read},
    commands::server,
    exit::Failure,
    models::{Secret, life::Holder},
    place::{Connection, Place, Scope},
    prompt,
    text::escape,
};

/// Suspends a secret or lifts that, as was typed.
pub(super) fn run(connection: &Connection<'_>, args: &Suspend) -> Result<(), Failure> {
    let scope = connection.scope(&args.whose)?;
    if args.lift { lift(connection, &scope, args) } else { suspend(connection, &scope, args) }
}

fn suspend(connection: &Connection<'_>, scope: &Scope, args: &Suspend) -> Result<(), Failure> {
    let out = connection.out;
    let path = scope.secret(&args.name);
    let not_found = |failure| missing(connection, scope, &args.name, failure);
    let before = connection.client.get(&path).map_err(not_found)?.body;
    let held = holders::of(connection, &path, args.version).map_err(not_found)?;
    let what = what(&args.name, args.version);
    let already = read::<Secret>(&before)?.suspension.filter(|one| one.version == args.version.map(u64::from));
    let mut reason = args.reason.as_deref();
    if let Some(already) = &already {
        out.say(&format!("{what} is {} already", suspended(already, now())));
        // What is not mentioned stays.
        reason = reason.or(before["suspension"]["reason"].as_str());
    }
    out.say(&holders::bounded(&held, &args.name));
    let then = match (args.stop, args.restart) {
        (true, _) => ", and stop every server that holds it",
        (_, true) => ", and restart every running server that holds it",
        _ => "",
    };
    prompt::confirm(out, connection.settings.yes, &format!("Suspend {what} in {scope}{then}?"), None)?;

    let body = json!({ "version": args.version, "reason": reason });
    let request = connection.client.request(Method::PUT, &format!("{path}/suspension")).json(&body);
    let answer = request.send().map_err(|failure| no_such_version(scope, &args.name, not_found(failure)))?;
    if out.json {
        // Of several things done the last is the document.
        if !args.restart {
            out.document(&answer.body)?;
        }
    } else {
        let secret: Secret = answer.read()?;
        out.say(&format!("suspended {what} in {scope}"));
        out.say(&match args.version {
            Some(number) if u64::from(number) != secret.version => {
                format!("it can't be put back until that is lifted; starts get v{} as before", secret.version)
            }
            _ => "no start or run gets it until that is lifted, or a new version is written".to_owned(),
        });
        let version = args.version.map(|number| format!(" --version {number}")).unwrap_or_default();
        let flag = scope.flag();
        out.say(&format!("lift it:  vestry secret suspend {} {flag}{version} --lift", escape(&args.name)));
    }
    if args.stop {
        return stop_holders(connection, scope, args, answer.body["id"].as_str().unwrap_or_default());
    }
    if args.restart {
        // None of them may keep it, so one that fails holds up no other.
        let rolling = Rolling { keep_going: true, ..Rolling::default() };
        return super::restart_holders(connection, scope, &args.name, None, &[], &rolling).map_err(|failure| Failure {
            message: format!("{what} is suspended, but {}", failure.message),
            ..failure
        });
    }
    if out.json {
        return Ok(());
    }
    if !held.items.is_empty() {
        out.say("what runs keeps it until it is restarted or stopped");
    }
    say_consequences(connection, scope, &answer.body)
}

/// Stops every server that holds it. What was started in between is found too, so they are looked up anew.
fn stop_holders(connection: &Connection<'_>, scope: &Scope, args: &Suspend, id: &str) -> Result<(), Failure> {
    let what = what(&args.name, args.version);
    let look = format!("who holds it:  vestry secret holders {} {}", escape(&args.name), scope.flag());
    let held = holders::of(connection, &scope.secret(&args.name), args.version).map_err(|failure| {
        let message = format!("{what} is suspended, but nothing was stopped: {}", failure.message);
        Failure { message, ..failure }.help(look.clone())
    })?;
    let organization = scope.organization();
    let server = |holder: &Holder| {
        let place = Place { organization: organization.to_owned(), workspace: holder.workspace.to_string() };
        (place, holder.server.to_string())
    };
    let all = held.items.len();
    let mut failures = server::stop_all(connection, held.items.iter().map(server).collect(), id);
    let left = failures.len();
    match failures.pop() {
        None => Ok(()),
        Some(last) => {
            let message = format!("{what} is suspended, but {left} of the {all} servers that held it did not stop");
            Err(Failure { message, ..last }.help(look))
        }
    }
}

fn lift(connection: &Connection<'_>, scope: &Scope, args: &Suspend) -> Result<(), Failure> {
    let out = connection.out;
    let query = args.version.map(|number| format!("?version={number}")).unwrap_or_default();
    let path = format!("{}/suspension{query}", scope.secret(&args.name));
    let answer = connection.client.request(Method::DELETE, &path).send().map_err(|failure| {
        let failure = missing(connection, scope, &args.name, failure);
        nothing_to_lift(connection, scope, &args.name, no_such_version(scope, &args.name, failure))
    })?;
    if out.json {
        return out.document(&answer.body);
    }
    let secret: Secret = answer.read()?;
    let again = match &secret.suspension {
        None => "starts and runs get it again".to_owned(),
        Some(other) => format!("it is still {}", suspended(other, now())),
    };
    out.say(&format!("lifted the suspension of {} in {scope}: {again}", what(&args.name, args.version)));
    say_consequences(connection, scope, &answer.body)
}

/// Refused for a version that never was.
fn no_such_version(scope: &Scope, name: &str, failure: Failure) -> Failure {
    if failure.fields.iter().any(|field| field == "version") {
        return failure.help(format!("its versions:  vestry secret history {} {}", escape(name), scope.flag()));
    }
    failure
}

/// Refused because that is not suspended, with the command for what is.
fn nothing_to_lift(connection: &Connection<'_>, scope: &Scope, name: &str, failure: Failure) -> Failure {
    if failure.code.as_deref() != Some("conflict") {
        return failure;
    }
    let secret = connection.client.get(&scope.secret(name)).and_then(|answer| answer.read::<Secret>());
    let command = format!("{} {}", escape(name), scope.flag());
    match secret.ok().and_then(|secret| secret.suspension) {
        Some(suspension) => {
            let version = suspension.version.map(|number| format!(" --version {number}")).unwrap_or_default();
            failure.help(format!("vestry secret suspend {command}{version} --lift"))
        }
        None => failure.help(format!("its versions:  vestry secret history {command}")),
    }
}
