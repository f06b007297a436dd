//! `vestry audit`.

use crate::{
    address::segment,
    cli::{Audit, AuditList, InOrganization},
    client::read,
    exit::{Exit, Failure},
    models::{AuditEvent, Verification},
    output::Table,
    place::{Connection, organization_path},
};

/// Lists or verifies the organization's audit log.
pub(crate) fn run(connection: &Connection<'_>, args: Audit) -> Result<(), Failure> {
    match args {
        Audit::List(args) => list(connection, &args),
        Audit::Verify(organization) => verify(connection, &organization),
    }
}

fn list(connection: &Connection<'_>, args: &AuditList) -> Result<(), Failure> {
    let organization = connection.organization(args.organization.organization.as_deref())?;
    let filters = [
        ("actor", &args.actor),
        ("action", &args.action),
        ("target", &args.target),
        ("from", &args.from),
        ("to", &args.to),
    ];
    let query: Vec<String> = filters
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", segment(value))))
        .collect();
    let question = if query.is_empty() { "" } else { "?" };
    let path = organization_path(&organization, &format!("/audit-events{question}{}", query.join("&")));
    let items = connection.list(&path, Some(usize::from(args.limit)))?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    let mut table = Table::new(&["Event", "Time", "Actor", "Action", "Target", "From"]);
    for item in &items {
        let event: AuditEvent = read(item)?;
        let target = event.target.map(|target| match target.name {
            Some(name) => format!("{} {name}", target.kind),
            None => target.kind.to_string(),
        });
        table.row([
            event.sequence.into(),
            event.at.exact().into(),
            event.actor.name.unwrap_or(event.actor.kind).into(),
            event.action.into(),
            target.unwrap_or_default().into(),
            event.address.unwrap_or_default().into(),
        ]);
    }
    connection.out.table(&table)
}

fn verify(connection: &Connection<'_>, organization: &InOrganization) -> Result<(), Failure> {
    let organization = connection.organization(organization.organization.as_deref())?;
    let body = connection.get(&organization_path(&organization, "/audit-events/verification"))?;
    let verification: Verification = read(&body)?;
    let Verification { events, intact, first_broken, head } = verification;
    if connection.out.json {
        connection.out.document(&body)?;
    } else if intact {
        let head = head.map(|head| format!(", head {head}")).unwrap_or_default();
        connection.out.data(&format!("{organization}: {events} events, intact{head}"))?;
    }
    if intact {
        return Ok(());
    }
    let first = first_broken.map(|id| format!("; the first that does not fit is {id}")).unwrap_or_default();
    Err(Failure::new(Exit::Data, format!("the audit log of {organization} was tampered with{first}"))
        .help("keep the database as it is, and compare with a backup"))
}
