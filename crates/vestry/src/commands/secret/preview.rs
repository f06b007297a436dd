//! `--dry-run` of `vestry secret set`, `edit`, `rename` and `delete`: what it would do, from the control plane's preview.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::{change::add_reach, missing, set::check_name, unknown_workspaces};
use crate::{
    cli::secret::Reach as Given,
    exit::Failure,
    models::Reach,
    place::{Connection, Scope},
    text::{Text, escape},
};

/// The servers that a line names.
const NAMED: usize = 5;

/// What the control plane says of a change.
#[derive(Deserialize)]
struct Preview {
    reaches: Reach,
    gains: Reach,
    loses: Reach,
    changes: Reach,
    overridden: Reach,
    overrides: Option<u64>,
    uncovers: Option<u64>,
    restart_needed: Vec<Stale>,
    budget: Budget,
}

#[derive(Deserialize)]
struct Stale {
    workspace: Text,
    server: Text,
    because_of_it: bool,
}

#[derive(Deserialize)]
struct Budget {
    secrets: u64,
    kib: u64,
    most_secrets: u64,
    most_kib: u64,
    refused: Option<Text>,
}

/// What writing a value would do.
pub(super) fn set(connection: &Connection<'_>, scope: &Scope, name: &str, reach: &Given) -> Result<(), Failure> {
    let mut ask = Map::from_iter([("operation".to_owned(), json!("set"))]);
    add_reach(&mut ask, reach);
    say(connection, scope, name, ask, &format!("setting {}", escape(name)))
        .map_err(|failure| unknown_workspaces(connection, scope, reach, failure))
}

/// What another access would do.
pub(super) fn set_access(connection: &Connection<'_>, scope: &Scope, name: &str, reach: &Given) -> Result<(), Failure> {
    let mut ask = Map::from_iter([("operation".to_owned(), json!("set_access"))]);
    add_reach(&mut ask, reach);
    say(connection, scope, name, ask, &format!("this access of {}", escape(name)))
        .map_err(|failure| unknown_workspaces(connection, scope, reach, failure))
}

/// What another name would do.
pub(super) fn rename(connection: &Connection<'_>, scope: &Scope, name: &str, new_name: &str) -> Result<(), Failure> {
    check_name(new_name)?;
    let ask = Map::from_iter([("operation".to_owned(), json!("rename")), ("name".to_owned(), json!(new_name))]);
    say(connection, scope, name, ask, &format!("renaming {} to {}", escape(name), escape(new_name)))
}

/// What deleting it would do.
pub(super) fn delete(connection: &Connection<'_>, scope: &Scope, name: &str) -> Result<(), Failure> {
    let ask = Map::from_iter([("operation".to_owned(), json!("delete"))]);
    say(connection, scope, name, ask, &format!("deleting {}", escape(name)))
}

fn say(
    connection: &Connection<'_>,
    scope: &Scope,
    name: &str,
    ask: Map<String, Value>,
    doing: &str,
) -> Result<(), Failure> {
    let request = connection.client.request(Method::POST, &format!("{}/preview", scope.secret(name)));
    let answer =
        request.json(&Value::Object(ask)).send().map_err(|failure| missing(connection, scope, name, failure))?;
    if connection.out.json {
        return connection.out.document(&answer.body);
    }
    let preview: Preview = answer.read()?;
    connection.out.data(&format!("{doing} in {scope} would do this; nothing was written\n{}", lines(&preview, scope)))
}

/// One line for each thing that would happen.
fn lines(preview: &Preview, scope: &Scope) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{label:<12} {value}\n"));
        }
    };
    if let Scope::Organization(_) = scope {
        line("Reaches", in_words(&preview.reaches, "no workspace"));
        line("Gain it", in_words(&preview.gains, ""));
        line("Lose it", in_words(&preview.loses, ""));
        line("Feel it", in_words(&preview.changes, ""));
        line("Overridden", in_words(&preview.overridden, ""));
    }
    let organizations = |version: Option<u64>| version.map(|version| format!("the organization's v{version}"));
    line("Overrides", organizations(preview.overrides).unwrap_or_default());
    line("Uncovers", organizations(preview.uncovers).unwrap_or_default());
    line("Restart", restart(&preview.restart_needed));
    let Budget { secrets, kib, most_secrets, most_kib, refused } = &preview.budget;
    let fullest = if matches!(scope, Scope::Organization(_)) { ", in the workspace where it is fullest" } else { "" };
    line("Budget", format!("{secrets} of {most_secrets} secrets, {kib} of {most_kib} KiB{fullest}"));
    line("Refused", refused.as_ref().map(Text::to_string).unwrap_or_default());
    text
}

/// Like `2 workspaces: genomics-prod, nlp-sandbox`.
fn in_words(Reach { count, first }: &Reach, none: &str) -> String {
    let mut names: Vec<&str> = first.iter().map(|workspace| workspace.slug.as_str()).collect();
    let more = format!("{} more", count.saturating_sub(names.len() as u64));
    if *count > names.len() as u64 {
        names.push(&more);
    }
    match count {
        0 => none.to_owned(),
        1 => format!("1 workspace: {}", names.join(", ")),
        count => format!("{count} workspaces: {}", names.join(", ")),
    }
}

/// The servers that would need a restart, first those that do because of it.
fn restart(stale: &[Stale]) -> String {
    let (new, already): (Vec<&Stale>, Vec<&Stale>) = stale.iter().partition(|stale| stale.because_of_it);
    let servers =
        |count: usize| if count == 1 { "1 running server".to_owned() } else { format!("{count} running servers") };
    let mut names: Vec<String> =
        new.iter().take(NAMED).map(|stale| format!("{}/{}", stale.workspace, stale.server)).collect();
    if new.len() > NAMED {
        names.push(format!("{} more", new.len() - NAMED));
    }
    match (new.len(), already.len()) {
        (0, 0) => "no running server needs one".to_owned(),
        (0, needed) => format!("no further running server; {} did before", servers(needed)),
        (count, 0) => format!("{}: {}", servers(count), names.join(", ")),
        (count, needed) => format!("{}: {}; {} did before", servers(count), names.join(", "), servers(needed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stale(server: &str, because_of_it: bool) -> Stale {
        let text = |text: &str| serde_json::from_value(json!(text)).unwrap();
        Stale { workspace: text("lab"), server: text(server), because_of_it }
    }

    #[test]
    fn servers_that_would_need_a_restart_are_told_from_those_that_did_before() {
        assert_eq!(restart(&[]), "no running server needs one");
        assert_eq!(restart(&[stale("a", false)]), "no further running server; 1 running server did before");
        assert_eq!(
            restart(&[stale("a", true), stale("b", false)]),
            "1 running server: lab/a; 1 running server did before"
        );
        let many: Vec<Stale> = (0..7).map(|n| stale(&format!("s{n}"), true)).collect();
        assert_eq!(restart(&many), "7 running servers: lab/s0, lab/s1, lab/s2, lab/s3, lab/s4, 2 more");
    }
}
