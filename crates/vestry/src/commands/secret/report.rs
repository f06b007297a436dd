//! `vestry secret report`: which secrets are used, and how old their values are.

use serde::Deserialize;

use crate::{
    cli::secret::Report as Args,
    client::{now, read},
    exit::Failure,
    output::Table,
    place::{Connection, organization_path},
    text::Text,
    time::When,
};

/// A secret with its last use.
#[derive(Deserialize)]
struct Used {
    name: Text,
    workspace: Option<Text>,
    version: u64,
    written_at: When,
    last_use: Option<Use>,
}

#[derive(Deserialize)]
struct Use {
    at: When,
    workspace: Text,
    server: Option<Text>,
    host: Option<Text>,
}

/// Lists them as they were created.
pub(super) fn run(connection: &Connection<'_>, args: &Args) -> Result<(), Failure> {
    let organization = connection.organization(args.organization.organization.as_deref())?;
    let days = [("unused_days", args.unused), ("unchanged_days", args.unchanged)];
    let query: Vec<String> = days.iter().filter_map(|(name, days)| days.map(|days| format!("{name}={days}"))).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let items = connection.list(&organization_path(&organization, &format!("/reports/secrets{query}")), None)?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    if items.is_empty() {
        connection.out.say(&format!("no such secret in {organization}"));
        return Ok(());
    }
    let mut table = Table::new(&["Name", "Workspace", "Version", "Written", "Last used"]);
    for item in &items {
        let used: Used = read(item)?;
        table.row([
            used.name.as_str().into(),
            used.workspace.as_ref().map(Text::to_string).unwrap_or_default().into(),
            format!("v{}", used.version).into(),
            used.written_at.relative(now()).into(),
            used.last_use.as_ref().map_or_else(|| "never".to_owned(), in_words).into(),
        ]);
    }
    connection.out.table(&table)
}

/// Like `2 h ago by nlp/trainer`, or of a run `2 h ago on laptop in nlp`.
fn in_words(last: &Use) -> String {
    let at = last.at.relative(now());
    match (&last.server, &last.host) {
        (Some(server), _) => format!("{at} by {}/{server}", last.workspace),
        (None, Some(host)) => format!("{at} on {host} in {}", last.workspace),
        (None, None) => format!("{at} in {}", last.workspace),
    }
}
