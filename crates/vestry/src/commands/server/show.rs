//! `vestry server list`, `show` and `starts`.

use serde_json::{Value, json};

use super::{OneServer, drift, field};
use crate::{
    client::{now, read},
    exit::Failure,
    models::{Injected, Server, Start},
    output::{Cell, Style, Table},
    place::{Connection, Place},
    text::escape,
};

/// Lists the servers of a workspace.
pub(super) fn list(connection: &Connection<'_>, place: &Place) -> Result<(), Failure> {
    let items = connection.list(&place.path("/servers"), None)?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    if items.is_empty() {
        connection.out.say(&format!("no server in {place} yet:  vestry server add NAME -w {place} -- CMD…"));
        return Ok(());
    }
    let mut table = Table::new(&["Server", "Name", "Status", "Started", "Drift", "Command"]);
    for item in &items {
        let server: Server = read(item)?;
        table.row([
            server.slug.as_str().into(),
            if server.name == server.slug { "".into() } else { server.name.as_str().into() },
            status(&server),
            started(&server).into(),
            drift_cell(&server),
            command(&server).into(),
        ]);
    }
    connection.out.table(&table)
}

fn status(server: &Server) -> Cell {
    let style = match server.status.as_str() {
        "running" => Style::Good,
        "failed" => Style::Danger,
        "stopped" => Style::Muted,
        _ => Style::Plain,
    };
    Cell::styled(server.status.as_str(), style)
}

fn started(server: &Server) -> String {
    let at = server.started_at.map(|at| at.relative(now()));
    match (at, &server.started_by) {
        (Some(at), Some(who)) => format!("{at} by {}", who.name),
        (at, _) => at.unwrap_or_default(),
    }
}

fn drift_cell(server: &Server) -> Cell {
    if !server.restart_needed {
        return Cell::from("");
    }
    Cell::styled(
        format!("restart needed: {}", drift::short(&server.drift, server.settings_changed.as_ref())),
        Style::Warning,
    )
}

/// The command as a shell would take it.
fn command(server: &Server) -> String {
    let quoted = server.command.iter().map(|word| {
        let word = word.as_str();
        let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "%+,-./:=@_".contains(c));
        if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Shows a server, and what it would get by a restart.
pub(super) fn show(server: &OneServer<'_>) -> Result<(), Failure> {
    let out = server.connection.out;
    let mut body = server.get("")?.body;
    let left_out = left_out(server, &body)?;
    if out.json {
        body["left_out"] = left_out;
        return out.document(&body);
    }
    let shown: Server = read(&body)?;
    let left_out: Vec<Injected> = read(&left_out)?;
    let mut text = format!("{} in {}\n", shown.slug, server.place);
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{label:<10} {value}\n"));
        }
    };
    line("Name", shown.name.as_str());
    line("Status", shown.status.as_str());
    line("Detail", shown.status_detail.first());
    shown.status_detail.rest().iter().for_each(|more| line("", &format!("| {more}")));
    line("Exit code", &shown.exit_code.map(|code| code.to_string()).unwrap_or_default());
    line("Started", &started(&shown));
    line("Command", &command(&shown));
    for (name, value) in &shown.variables {
        line("Variable", &format!("{}={value}", escape(name)));
    }
    for secret in &left_out {
        let which = format!("{} {} v{}", secret.name, secret.scope, secret.version);
        line("Left out", &format!("{which}, which was suspended when it started"));
    }
    if shown.status.as_str() == "failed" {
        text.push_str(&format!("its log:  vestry server logs {}{}\n", shown.slug, server.flag()));
    }
    if shown.restart_needed {
        let needed = out.paint("restart needed", Style::Warning);
        let count = drift::count(&shown.drift, shown.settings_changed.as_ref());
        let lines = drift::lines(&shown.drift, shown.settings_changed.as_ref(), now());
        let slug = &shown.slug;
        text.push_str(&format!("\n{needed}: {count}\n{lines}"));
        text.push_str(&format!("bring them:  vestry server restart {slug}{}\n", server.flag()));
    }
    out.data(&text)
}

/// What the start that runs now left out because it was suspended; nothing of a server without a process. A restart that
/// failed left the process of an earlier start alone.
fn left_out(server: &OneServer<'_>, body: &Value) -> Result<Value, Failure> {
    if !matches!(field(body, "status"), "starting" | "running" | "stopping") {
        return Ok(json!([]));
    }
    let starts = server.connection.client.list(&server.path("/starts"), Some(50))?;
    let running = starts.iter().find(|start| start["ended_at"].is_null() && field(start, "outcome") != "failed");
    Ok(running.and_then(|start| start.get("left_out")).cloned().unwrap_or_else(|| json!([])))
}

/// Lists a server's start records.
pub(super) fn starts(server: &OneServer<'_>) -> Result<(), Failure> {
    let connection = server.connection;
    let items = connection.client.list(&server.path("/starts"), Some(50)).map_err(|failure| server.missing(failure))?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    let now = now();
    let mut table = Table::new(&["Started", "By", "Outcome", "Ended", "Exit code", "Secrets", "Id"]);
    for item in &items {
        let start: Start = read(item)?;
        let by = match (&start.started_by, &start.host) {
            (Some(who), Some(host)) => format!("{} on {host}", who.name),
            (Some(who), None) => who.name.to_string(),
            (None, _) => start.kind.to_string(),
        };
        let injected =
            start.injected.iter().map(|secret| format!("{} {} v{}", secret.name, secret.scope, secret.version));
        let left_out = start.left_out.iter().map(|secret| format!("{} left out", secret.name));
        let secrets: Vec<String> = injected.chain(left_out).collect();
        table.row([
            start.started_at.relative(now).into(),
            by.into(),
            outcome(&start),
            start.ended_at.map(|at| at.relative(now)).unwrap_or_default().into(),
            start.exit_code.map(|code| code.to_string()).unwrap_or_default().into(),
            secrets.join(", ").into(),
            start.id.into(),
        ]);
    }
    connection.out.table(&table)
}

/// Like `failed: the command was not found`.
pub(in crate::commands) fn outcome(start: &Start) -> Cell {
    match (start.outcome.as_str(), start.detail.first()) {
        ("failed", "") => Cell::styled("failed", Style::Danger),
        ("failed", why) => Cell::styled(format!("failed: {why}"), Style::Danger),
        (outcome, _) => outcome.into(),
    }
}
