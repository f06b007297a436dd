//! `vestry secret holders --past`: every start that a secret was handed to.

use super::holders::{narrowed, other_name, what};
use crate::{
    cli::secret::life::Holders as Args, client::read, exit::Failure, models::life::Disclosure, output::Table,
    place::Connection,
};

/// Lists every start that it was handed to, newest first.
pub(super) fn list(connection: &Connection<'_>, path: &str, args: &Args) -> Result<(), Failure> {
    let items = connection.client.list(&narrowed(path, "/starts", args.version), None)?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    if items.is_empty() {
        connection.out.say(&format!("no start or run ever got {}", what(&args.name, args.version)));
        return Ok(());
    }
    let mut table = Table::new(&["From", "Until", "Version", "As", "What", "By", "Outcome", "Start"]);
    for item in &items {
        let one: Disclosure = read(item)?;
        table.row([
            one.started_at.exact().into(),
            until(&one).into(),
            format!("v{}", one.version).into(),
            other_name(one.name.as_str(), &args.name).into(),
            program(&one).into(),
            by(&one).into(),
            if one.outcome.as_str() == "delivered" { "".into() } else { one.outcome.as_str().into() },
            one.id.into(),
        ]);
    }
    connection.out.table(&table)
}

/// When it ended, or why that isn't known.
fn until(one: &Disclosure) -> String {
    match (one.ended_at, &one.server, one.outcome.as_str()) {
        (Some(at), ..) => at.exact(),
        (None, Some(_), "failed") => String::new(),
        (None, Some(_), _) => "now".to_owned(),
        (None, None, _) => "nobody knows".to_owned(),
    }
}

/// Like `nlp/trainer`, or of a run `python3 on laptop in nlp`.
fn program(one: &Disclosure) -> String {
    match (&one.server, &one.command, &one.host) {
        (Some(server), ..) => format!("{}/{server}", one.workspace),
        (None, command, host) => {
            let command = command.as_ref().map_or("a run", |command| command.as_str());
            let host = host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
            format!("{command}{host} in {}", one.workspace)
        }
    }
}

fn by(one: &Disclosure) -> String {
    match (&one.token, &one.started_by) {
        (Some(token), _) => format!("token {token}"),
        (None, Some(person)) => person.name.to_string(),
        (None, None) => String::new(),
    }
}
