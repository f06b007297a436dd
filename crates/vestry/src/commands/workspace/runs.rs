//! `vestry workspace runs`: which commands got a workspace's secrets elsewhere.

use crate::{
    client::{now, read},
    commands::server::outcome,
    exit::Failure,
    models::Start,
    output::Table,
    place::{Connection, Place},
};

/// Lists the newest runs.
pub(super) fn list(connection: &Connection<'_>, place: &Place, limit: u16) -> Result<(), Failure> {
    let items = connection.list(&place.path("/runs"), Some(usize::from(limit)))?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    if items.is_empty() {
        connection.out.say(&format!("no run in {place} yet:  vestry run -w {place} -- CMD"));
        return Ok(());
    }
    let now = now();
    let mut table = Table::new(&["When", "By", "Host", "Command", "Outcome", "Secrets", "Id"]);
    for item in &items {
        let run: Start = read(item)?;
        table.row([
            run.started_at.relative(now).into(),
            by(&run).into(),
            run.host.as_ref().map_or("", |host| host.as_str()).into(),
            run.command.as_ref().map_or("", |command| command.as_str()).into(),
            outcome(&run),
            secrets(&run).into(),
            run.id.into(),
        ]);
    }
    connection.out.table(&table)
}

/// A token before the person who made it: it is the token that ran.
fn by(run: &Start) -> String {
    match (&run.token, &run.started_by) {
        (Some(token), _) => format!("token {token}"),
        (None, Some(who)) => who.name.to_string(),
        (None, None) => String::new(),
    }
}

/// Like `3, 1 left out`.
fn secrets(run: &Start) -> String {
    match run.left_out.len() {
        0 => run.injected.len().to_string(),
        left_out => format!("{}, {left_out} left out", run.injected.len()),
    }
}
