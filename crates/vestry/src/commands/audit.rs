//! `vestry audit`.

use control::{app::audit as chain, clock::rfc3339};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::operator::{on_machine, told};
use crate::{
    address::segment,
    cli::{Audit, AuditList, InOrganization},
    client::{now, read},
    exit::{Exit, Failure},
    models::{Actor, AuditEvent, Target, Verification},
    output::{Output, Table},
    place::{Connection, organization_path},
    settings::Environment,
    text::escape,
    time,
};

/// Lists or verifies the organization's audit log.
pub(crate) fn run(connection: &Connection<'_>, args: Audit) -> Result<(), Failure> {
    match args {
        Audit::List(args) => list(connection, &args),
        Audit::Verify(args) => verify(connection, &args.organization),
    }
}

/// Whether the installation's own log is meant: sign-ins, tokens, set-up.
pub(crate) fn is_of_installation(args: &Audit) -> bool {
    match args {
        Audit::List(args) => args.of_installation.installation,
        Audit::Verify(args) => args.of_installation.installation,
    }
}

/// Lists or verifies the installation's own log, on its machine: no person may read it.
pub(crate) fn of_installation(args: Audit, environment: &Environment, out: &Output) -> Result<(), Failure> {
    match args {
        Audit::List(args) => {
            let search = search(&args)?;
            let events = on_machine(args.of_installation.which, environment, async |app| {
                chain::list_by_operator(app, &search).await.map_err(told)
            })?;
            show(out, &events.iter().map(as_the_api_writes_it).collect::<Vec<_>>())
        }
        Audit::Verify(args) => {
            let found = on_machine(args.of_installation.which, environment, async |app| {
                chain::verify_by_operator(app).await.map_err(told)
            })?;
            let chain::Verification { events, first_broken, intact, head } = found;
            let body = json!({ "events": events, "intact": intact, "first_broken": first_broken, "head": hex(&head) });
            tell(out, "installation", &body)
        }
    }
}

fn search(args: &AuditList) -> Result<chain::Search, Failure> {
    let moment = |flag, text: &Option<String>| Ok(moment(flag, text)?.map(|time| domain::Time(time.as_microsecond())));
    Ok(chain::Search {
        actor: parsed("--actor", args.actor.as_deref(), "the e-mail address or the id of a person")?,
        action: parsed("--action", args.action.as_deref(), "an action, like session.refused")?,
        target: args.target.clone(),
        from: moment("--from", &args.from)?,
        to: moment("--to", &args.to)?,
        before: None,
        limit: i64::from(args.limit),
    })
}

fn parsed<T: std::str::FromStr>(flag: &str, text: Option<&str>, what: &str) -> Result<Option<T>, Failure> {
    let wrong = |text: &str| Failure::usage(format!("{flag} takes {what}, not `{}`", escape(text)));
    text.map(|text| text.parse().map_err(|_| wrong(text))).transpose()
}

fn moment(flag: &str, text: &Option<String>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || {
        Failure::usage(format!("{flag} can't be read as a time: `{}`", escape(text)))
            .help("a span back from now like 2h, 3d or 1w, a day like 2026-11-22, or a time like 2026-11-22T14:30:00Z")
    };
    time::moment(text, now()).map(Some).ok_or_else(wrong)
}

/// An event as the API's list has it.
fn as_the_api_writes_it(event: &chain::AuditEvent) -> Value {
    json!({
        "id": event.id,
        "sequence": event.sequence,
        "at": rfc3339(event.at),
        "actor": { "kind": event.actor_kind, "id": event.actor_id, "name": event.actor_name },
        "action": event.action,
        "target": { "kind": event.target_kind, "id": event.target_id, "name": event.target_name },
        "address": event.address,
        "details": serde_json::from_str::<Value>(&event.details).unwrap_or_default(),
        "hash": hex(&event.hash),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list(connection: &Connection<'_>, args: &AuditList) -> Result<(), Failure> {
    let time = |flag, text| Ok(moment(flag, text)?.map(|time| time.to_string()));
    let filters = [
        ("actor", args.actor.clone()),
        ("action", args.action.clone()),
        ("target", args.target.clone()),
        ("from", time("--from", &args.from)?),
        ("to", time("--to", &args.to)?),
    ];
    let organization = connection.organization(args.organization.organization.as_deref())?;
    let query: Vec<String> = filters
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}={}", segment(&value))))
        .collect();
    let question = if query.is_empty() { "" } else { "?" };
    let path = organization_path(&organization, &format!("/audit-events{question}{}", query.join("&")));
    show(connection.out, &connection.list(&path, Some(usize::from(args.limit)))?)
}

/// Prints events; what a list of them does not tell has no column.
///
/// # Errors
/// When one can't be read.
pub(super) fn show(out: &Output, items: &[Value]) -> Result<(), Failure> {
    if out.json {
        return out.document(&items);
    }
    if items.is_empty() {
        out.say("no event fits");
        return Ok(());
    }
    let mut table = Table::new(&["Event", "Time", "Actor", "Action", "Target", "From"]);
    for item in items {
        let event: AuditEvent = read(item)?;
        table.row([
            event.sequence.map(|number| number.to_string()).unwrap_or_default().into(),
            event.at.exact().into(),
            actor(event.actor).into(),
            event.action.into(),
            event.target.map(|of| target(&of, &event.details)).unwrap_or_default().into(),
            event.address.unwrap_or_default().into(),
        ]);
    }
    out.table(&table)
}

/// A person by name; what is none by its kind too, so that a token that is called like somebody is not taken for them.
fn actor(Actor { kind, name }: Actor) -> String {
    match name {
        Some(name) if kind.as_str() == "token" => format!("token {name}"),
        name => name.unwrap_or(kind).to_string(),
    }
}

/// Like `server trainer in nlp-sandbox` or `organization secret HF_TOKEN v3: leaked`.
fn target(target: &Target, details: &Value) -> String {
    let kind = target.kind.as_str();
    let scope = if (kind, &details["scope"]) == ("secret", &json!("organization")) { "organization " } else { "" };
    let name = target.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let place = match details["workspace"]["slug"].as_str() {
        Some(slug) if kind != "workspace" => format!(" in {}", escape(slug)),
        _ => String::new(),
    };
    let version = match details["version"].as_u64() {
        Some(number) if kind == "secret" => format!(" v{number}"),
        _ => String::new(),
    };
    let reason = match details["reason"].as_str() {
        Some(reason) if !reason.is_empty() => format!(": {}", escape(reason)),
        _ => String::new(),
    };
    format!("{scope}{kind}{name}{version}{place}{reason}")
}

fn verify(connection: &Connection<'_>, organization: &InOrganization) -> Result<(), Failure> {
    let organization = connection.organization(organization.organization.as_deref())?;
    let body = connection.get(&organization_path(&organization, "/audit-events/verification"))?;
    tell(connection.out, &organization, &body)
}

fn tell(out: &Output, whose: &str, body: &Value) -> Result<(), Failure> {
    let Verification { events, intact, first_broken, head } = read(body)?;
    if out.json {
        out.document(body)?;
    } else if intact {
        let head = head.map(|head| format!(", head {head}")).unwrap_or_default();
        out.data(&format!("{whose}: {events} events, intact{head}"))?;
    }
    if intact {
        return Ok(());
    }
    let first = first_broken.map(|id| format!("; the first that does not fit is {id}")).unwrap_or_default();
    Err(Failure::new(Exit::Data, format!("the audit log of {whose} was tampered with{first}"))
        .help("keep the database as it is, and compare with a backup"))
}
