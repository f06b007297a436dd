//! `vestry restart list` and `show`.

use super::OneRestart;
use crate::{
    client::{now, read},
    exit::Failure,
    models::{Restart, RestartStep},
    output::{Cell, Style, Table},
    place::{Connection, Scope, organization_path},
};

/// Lists the rolling restarts of a workspace, or all of the organization.
pub(super) fn list(connection: &Connection<'_>, scope: &Scope) -> Result<(), Failure> {
    let path = match scope {
        Scope::Workspace(place) => place.path("/restarts"),
        Scope::Organization(organization) => organization_path(organization, "/restarts"),
    };
    let items = connection.list(&path, Some(50))?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    if items.is_empty() {
        connection.out.say(&format!("no rolling restart in {scope} yet"));
        return Ok(());
    }
    let mut table = Table::new(&["Begun", "By", "For", "State", "Servers", "Id"]);
    for item in &items {
        let restart: Restart = read(item)?;
        table.row([
            restart.created_at.relative(now()).into(),
            restart.created_by.name.as_str().into(),
            purpose(&restart).into(),
            state(restart.state.as_str()),
            counts(&restart).into(),
            restart.id.into(),
        ]);
    }
    connection.out.table(&table)
}

/// Shows how far one is, server by server.
pub(super) fn show(one: &OneRestart<'_>) -> Result<(), Failure> {
    let out = one.connection.out;
    let answer = one.get("")?;
    if out.json {
        return out.document(&answer.body);
    }
    let restart: Restart = answer.read()?;
    out.data(&format!(
        "rolling restart for {}, begun {} by {}: {}, {}",
        purpose(&restart),
        restart.created_at.relative(now()),
        restart.created_by.name,
        restart.state,
        counts(&restart),
    ))?;
    if !restart.detail.as_str().is_empty() {
        out.data(restart.detail.as_str())?;
    }
    if restart.servers.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["Server", "State", "Why"]);
    for step in &restart.servers {
        let RestartStep { workspace, server, state: how, detail } = step;
        table.row([format!("{workspace}/{server}").into(), state(how.as_str()), detail.first().into()]);
    }
    out.table(&table)?;
    if restart.state.as_str() == "paused" {
        out.say(&format!("{}\n{}", one.command("continue"), one.command("abort")));
    }
    Ok(())
}

/// Like `OPENAI_API_KEY` or `all that differs in nlp`.
fn purpose(restart: &Restart) -> String {
    match (&restart.secret, &restart.workspace) {
        (Some(secret), Some(workspace)) => format!("{secret} of {workspace}"),
        (Some(secret), None) => secret.to_string(),
        (None, Some(workspace)) => format!("all that differs in {workspace}"),
        (None, None) => String::new(),
    }
}

/// Like `12 servers: 3 done, 1 failed, 8 waiting`.
fn counts(restart: &Restart) -> String {
    let counts = &restart.counts;
    let parts = [
        (counts.done, "done"),
        (counts.failed, "failed"),
        (counts.skipped, "left as they are"),
        (counts.restarting, "being restarted"),
        (counts.waiting, "waiting"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let all = super::servers(counts.servers);
    if said.is_empty() { all } else { format!("{all}: {}", said.join(", ")) }
}

fn state(state: &str) -> Cell {
    let style = match state {
        "done" => Style::Good,
        "failed" => Style::Danger,
        "paused" => Style::Warning,
        "skipped" | "aborted" | "waiting" => Style::Muted,
        _ => Style::Plain,
    };
    Cell::styled(state, style)
}
