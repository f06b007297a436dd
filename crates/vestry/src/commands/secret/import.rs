//! `vestry secret import` and `example`: many secrets out of a file, and their names into one.

use std::path::Path;

use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::{change::add_reach, say_consequences, unknown_workspaces};
use crate::{
    cli::secret::{Reach, import::Import as Args},
    exit::Failure,
    models::import::{Counts, Import, Line},
    output::{Cell, Style, Table},
    place::{Connection, Scope},
    prompt,
    value::{self, object},
};

/// Shows what each line would do, asks, and does exactly that.
pub(super) fn run(connection: &Connection<'_>, args: &Args) -> Result<(), Failure> {
    let scope = connection.scope(&args.whose)?;
    let reaches = args.reach.all || args.reach.workspaces.is_some();
    if matches!(scope, Scope::Workspace(_)) && reaches {
        return Err(Failure::usage("--all and --workspaces are for organization secrets; nothing was sent")
            .help("vestry secret import FILE --org --workspaces A,B"));
    }
    let file = args.file.as_deref().filter(|file| *file != Path::new("-"));
    if file.is_none() && prompt::is_possible() {
        return Err(Failure::usage("which file?").help("vestry secret import FILE, or the text on stdin"));
    }
    let content = value::text(file)?;
    let send = |dry_run: bool, etag: Option<&str>| {
        let body = object(fields(args, dry_run), &[("content", &content)])?;
        let path = scope.imports();
        let request = connection.client.request(Method::POST, &path).confidential(body).if_match(etag);
        request.send().map_err(|failure| explain(connection, &scope, &args.reach, failure))
    };

    let answer = send(true, None)?;
    let review: Import = answer.read()?;
    if !connection.out.json {
        show(connection, &review)?;
    } else if args.dry_run || review.stopped {
        connection.out.document(&answer.body)?;
    }
    may_go_on(&scope, &review, reaches)?;
    let secrets = in_words(&review.counts);
    if args.dry_run {
        connection.out.say(&format!("would import {secrets} into {scope}; nothing was written"));
        say_restarts(connection, &review);
        return Ok(());
    }
    if review.counts.created() + review.counts.updated == 0 {
        connection.out.say(&format!("there is nothing to import into {scope}; nothing was written"));
        return if connection.out.json { connection.out.document(&answer.body) } else { Ok(()) };
    }
    prompt::confirm(connection.out, connection.settings.yes, &format!("Import {secrets} into {scope}?"), None)?;
    let done = send(false, answer.etag.as_deref())?;
    if connection.out.json {
        return connection.out.document(&done.body);
    }
    connection.out.say(&format!("imported {secrets} into {scope}"));
    say_consequences(connection, &scope, &done.body)
}

fn fields(args: &Args, dry_run: bool) -> Map<String, Value> {
    let mut fields = Map::from_iter([
        ("format".to_owned(), json!("env")),
        ("mode".to_owned(), json!(args.mode.as_str())),
        ("allow_empty".to_owned(), json!(args.allow_empty)),
        ("dry_run".to_owned(), json!(dry_run)),
    ]);
    add_reach(&mut fields, &args.reach);
    fields
}

fn explain(connection: &Connection<'_>, scope: &Scope, reach: &Reach, failure: Failure) -> Failure {
    match failure.code.as_deref() {
        Some("not_found") => connection.missing_place(failure, &scope.imports()),
        Some("version_mismatch") => {
            let message = "a secret was changed since the lines were shown; nothing was written".to_owned();
            Failure { message, ..failure }.help("the same command shows them again")
        }
        _ => unknown_workspaces(connection, scope, reach, failure),
    }
}

fn show(connection: &Connection<'_>, review: &Import) -> Result<(), Failure> {
    if review.lines.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["Line", "Name", "Verdict", "What it does"]);
    for line in &review.lines {
        let name = line.name.as_ref().map_or("", |name| name.as_str());
        table.row([line.line.into(), name.into(), verdict(line), line.message.as_str().into()]);
    }
    connection.out.table(&table)?;
    for line in &review.lines {
        for warning in &line.warnings {
            connection.out.warn(&format!("line {}: {}", line.line, warning.message));
        }
    }
    Ok(())
}

fn verdict(line: &Line) -> Cell {
    let word = line.verdict.as_str();
    let style = match word {
        "refused" | "unparsed" => Style::Danger,
        "skipped" | "empty" => Style::Muted,
        "overrides" => Style::Warning,
        _ => Style::Plain,
    };
    Cell::styled(word, style)
}

/// Refuses what the control plane would refuse, and new organization secrets of which nobody said whom they reach.
fn may_go_on(scope: &Scope, review: &Import, reaches: bool) -> Result<(), Failure> {
    if review.stopped {
        let lines = match review.counts.refused + review.counts.unparsed {
            1 => "1 line stops".to_owned(),
            several => format!("{several} lines stop"),
        };
        let failure = Failure::data(format!("{lines} the import; nothing was written"));
        let taken = |line: &Line| line.code.as_ref().is_some_and(|code| code.as_str() == "name_taken");
        return Err(match review.lines.iter().any(taken) {
            true => {
                failure.help("names that are taken:  --mode skip leaves them, --mode overwrite writes new versions")
            }
            false => failure.help("mend the lines, or take them out; all is imported, or nothing"),
        });
    }
    if matches!(scope, Scope::Organization(_)) && !reaches && review.counts.created() > 0 {
        let message = match review.counts.created() {
            1 => format!("1 secret would be new in {scope}: say which workspaces it reaches; nothing was written"),
            many => {
                format!("{many} secrets would be new in {scope}: say which workspaces they reach; nothing was written")
            }
        };
        return Err(
            Failure::usage(message).help("--all for every workspace, also those created later, or --workspaces A,B")
        );
    }
    Ok(())
}

/// Like `3 secrets (2 new, 1 new version)`.
fn in_words(counts: &Counts) -> String {
    let (new, updated) = (counts.created(), counts.updated);
    let versions = if updated == 1 { "1 new version".to_owned() } else { format!("{updated} new versions") };
    match (new + updated, new, updated) {
        (1, 1, _) => "1 new secret".to_owned(),
        (all, _, 0) => format!("{all} new secrets"),
        (_, 0, _) => versions,
        (all, ..) => format!("{all} secrets ({new} new, {versions})"),
    }
}

/// What the import would lead to, were it done.
fn say_restarts(connection: &Connection<'_>, review: &Import) {
    match review.restart_needed.len() {
        0 => {}
        1 => connection.out.say("1 running server would need a restart"),
        many => connection.out.say(&format!("{many} running servers would need a restart")),
    }
}

/// Prints the names of a scope's secrets as `.env` text without values.
pub(super) fn example(connection: &Connection<'_>, scope: &Scope) -> Result<(), Failure> {
    let items = connection.list(&scope.secrets(), None)?;
    let names: Vec<&str> =
        items.iter().filter(|item| item["overridden"] != true).filter_map(|item| item["name"].as_str()).collect();
    if connection.out.json {
        return connection.out.document(&names);
    }
    if names.is_empty() {
        connection.out.say(&format!("no secret in {scope} yet:  vestry secret set NAME {}", scope.flag()));
        return Ok(());
    }
    let lines: String = names.iter().map(|name| format!("{}=\n", crate::text::escape(name))).collect();
    connection.out.data(&lines)
}
