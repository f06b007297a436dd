//! `vestry workspace`.

mod runs;

use serde_json::{Map, Value, json};
use ureq::http::Method;

use crate::{
    address::segment,
    cli::{InOrganization, target::WorkspaceArg, workspace::Workspace as Args},
    client::{now, read},
    commands::{audit, changed, member},
    exit::Failure,
    models::{Collaborator, SecretCounts, ServerCounts, Workspace},
    output::{Cell, Style, Table},
    place::{Connection, Place, organization_path},
    prompt,
};

/// What a new collaborator or owner can do, said whenever there is one.
const WHO_CAN_READ: &str = "Anyone who can use a workspace's servers can read its secrets.";

/// Runs one of the workspace commands.
pub(crate) fn run(connection: &Connection<'_>, args: Args) -> Result<(), Failure> {
    match args {
        Args::List(organization) => list(connection, &organization),
        Args::Create { name, slug, description, organization } => create(
            connection,
            &organization,
            fields([("name", Some(name)), ("slug", slug), ("description", description)]),
        ),
        Args::Show { workspace } => show(connection, workspace.as_ref()),
        Args::Activity { workspace, limit } => activity(connection, workspace.as_ref(), limit),
        Args::Runs { workspace, limit } => runs::list(connection, &connection.place(workspace.as_ref())?, limit),
        Args::Share { workspace, member } => share(connection, workspace.as_ref(), &member),
        Args::Unshare { workspace, member } => unshare(connection, workspace.as_ref(), &member),
        Args::Give { workspace, member } => give(connection, workspace.as_ref(), &member),
        Args::Rename { workspace, name, slug, description } => {
            rename(connection, &workspace, fields([("name", name), ("slug", slug), ("description", description)]))
        }
        Args::Delete { workspace, stop } => delete(connection, &workspace, stop),
    }
}

fn fields<const N: usize>(fields: [(&str, Option<String>); N]) -> Value {
    let given = fields.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value.into())));
    Value::Object(given.collect::<Map<_, _>>())
}

fn list(connection: &Connection<'_>, organization: &InOrganization) -> Result<(), Failure> {
    let organization = connection.organization(organization.organization.as_deref())?;
    let items = connection.list(&organization_path(&organization, "/workspaces"), None)?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    if items.is_empty() {
        connection
            .out
            .say(&format!("no workspace in {organization} yet that you can see:  vestry workspace create NAME"));
        return Ok(());
    }
    let now = now();
    let mut table = Table::new(&["Workspace", "Name", "Servers", "Owner", "You are", "Updated"]);
    for item in &items {
        let workspace: Workspace = read(item)?;
        table.row([
            workspace.slug.into(),
            workspace.name.into(),
            servers(&workspace.servers),
            workspace.owner.map(|owner| owner.name).unwrap_or_default().into(),
            workspace.role.into(),
            workspace.updated_at.relative(now).into(),
        ]);
    }
    connection.out.table(&table)
}

/// Like `2 of 3 running, 1 restart needed`.
fn servers(counts: &ServerCounts) -> Cell {
    let ServerCounts { total, running, restart_needed } = counts;
    match (total, restart_needed) {
        (0, _) => Cell::styled("none", Style::Muted),
        (_, 0) => format!("{running} of {total} running").into(),
        _ => Cell::styled(format!("{running} of {total} running, {restart_needed} restart needed"), Style::Warning),
    }
}

fn create(connection: &Connection<'_>, organization: &InOrganization, fields: Value) -> Result<(), Failure> {
    let organization = connection.organization(organization.organization.as_deref())?;
    let path = organization_path(&organization, "/workspaces");
    let answer =
        connection.client.request(Method::POST, &path).json(&fields).send().map_err(|failure| {
            if failure.is_not_found() { connection.missing_place(failure, &path) } else { failure }
        })?;
    if connection.out.json {
        return connection.out.document(&answer.body);
    }
    let workspace: Workspace = answer.read()?;
    let place = Place { organization, workspace: workspace.slug.to_string() };
    connection.out.say(&format!("created {place}\nwork in it from this directory:  vestry use {place}"));
    Ok(())
}

fn show(connection: &Connection<'_>, workspace: Option<&WorkspaceArg>) -> Result<(), Failure> {
    let place = connection.place(workspace)?;
    let mut body = connection.get(&place.path(""))?;
    let collaborators = connection.list(&place.path("/collaborators"), None)?;
    if connection.out.json {
        body["collaborators"] = collaborators.into();
        return connection.out.document(&body);
    }
    let now = now();
    let workspace: Workspace = read(&body)?;
    let mut text = format!("{}  {}\n", workspace.slug, workspace.name);
    let mut line = |label: &str, value: &str| text.push_str(&format!("{label:<14} {value}\n"));
    if let Some(description) = workspace.description.filter(|description| !description.as_str().is_empty()) {
        line("Description", description.as_str());
    }
    line("Owner", workspace.owner.as_ref().map_or("nobody", |owner| owner.name.as_str()));
    for item in &collaborators {
        let collaborator: Collaborator = read(item)?;
        let since = collaborator.since.relative(now);
        line("Collaborator", &format!("{} <{}>, since {since}", collaborator.name, collaborator.email));
    }
    line("You are", workspace.role.as_str());
    let ServerCounts { total, running, restart_needed } = workspace.servers;
    line("Servers", &format!("{running} of {total} running, {restart_needed} restart needed"));
    let SecretCounts { workspace: own, organization } = workspace.secrets;
    line("Secrets", &format!("{own} of its own, {organization} of the organization's"));
    line("Created", &workspace.created_at.relative(now));
    connection.out.data(&text)
}

fn activity(connection: &Connection<'_>, workspace: Option<&WorkspaceArg>, limit: u16) -> Result<(), Failure> {
    let place = connection.place(workspace)?;
    audit::show(connection.out, &connection.list(&place.path("/activity"), Some(usize::from(limit)))?)
}

fn share(connection: &Connection<'_>, workspace: Option<&WorkspaceArg>, who: &str) -> Result<(), Failure> {
    let place = connection.place(workspace)?;
    let member = member::find(connection, &place.organization, who)?;
    change(connection, Method::PUT, &place, &format!("/collaborators/{}", segment(member.id.as_str())), None)?;
    connection.out.say(&format!("{} now has access to {place}\n{WHO_CAN_READ}", member.name));
    Ok(())
}

fn unshare(connection: &Connection<'_>, workspace: Option<&WorkspaceArg>, who: &str) -> Result<(), Failure> {
    let place = connection.place(workspace)?;
    let member = member::find(connection, &place.organization, who)?;
    let collaborator = format!("/collaborators/{}", segment(member.id.as_str()));
    change(connection, Method::DELETE, &place, &collaborator, None).map_err(|failure| {
        if failure.is_not_found() && connection.client.get(&place.path("")).is_ok() {
            let message = format!("{} is no collaborator of {place}; nothing was changed", member.name);
            return Failure { message, ..failure }.help(format!("who has access:  vestry workspace show {place}"));
        }
        failure
    })?;
    connection.out.say(&format!("{} has no access to {place} any more", member.name));
    Ok(())
}

fn give(connection: &Connection<'_>, workspace: Option<&WorkspaceArg>, who: &str) -> Result<(), Failure> {
    let place = connection.place(workspace)?;
    let member = member::find(connection, &place.organization, who)?;
    change(connection, Method::PUT, &place, "/owner", Some(json!({ "user": member.id.as_str() })))?;
    connection.out.say(&format!("{} now owns {place}\n{WHO_CAN_READ}", member.name));
    Ok(())
}

fn rename(connection: &Connection<'_>, workspace: &WorkspaceArg, fields: Value) -> Result<(), Failure> {
    let place = connection.place(Some(workspace))?;
    let before: Workspace = read(&connection.get(&place.path(""))?)?;
    let body = change(connection, Method::PATCH, &place, "", Some(fields))?;
    if connection.out.json {
        return connection.out.document(&body);
    }
    let after: Workspace = read(&body)?;
    let now = Place { workspace: after.slug.to_string(), ..place.clone() };
    let description = |workspace: &Workspace| workspace.description.clone().unwrap_or_default();
    connection.out.say(&changed(
        &now.to_string(),
        &[
            ("name", before.name.as_str(), after.name.as_str()),
            ("short name", before.slug.as_str(), after.slug.as_str()),
            ("description", description(&before).as_str(), description(&after).as_str()),
        ],
    ));
    if now != place && connection.settings.project.workspace.as_ref() == Some(&place.workspace) {
        connection.out.say(&format!("this directory still says {place}:  vestry use {now}"));
    }
    Ok(())
}

fn delete(connection: &Connection<'_>, workspace: &WorkspaceArg, stop: bool) -> Result<(), Failure> {
    let place = connection.place(Some(workspace))?;
    let body = connection.get(&place.path(""))?;
    let ServerCounts { running, .. } = read::<Workspace>(&body)?.servers;
    let question = match (running, stop) {
        (0, _) | (_, false) => format!("Delete {place}, its servers and its secrets?"),
        (1, true) => format!("Stop 1 running server, then delete {place}, its servers and its secrets?"),
        (n, true) => format!("Stop {n} running servers, then delete {place}, its servers and its secrets?"),
    };
    let word = (running > 0).then_some(place.workspace.as_str());
    prompt::confirm(connection.out, connection.settings.yes, &question, word)?;
    let query = if stop { "?stop=true" } else { "" };
    change(connection, Method::DELETE, &place, query, None).map_err(|failure| match failure.code.as_deref() {
        Some("conflict") if !stop => failure.help("stop them first, or say so:  --stop"),
        _ => failure,
    })?;
    connection.out.say(&format!("deleted {place}"));
    Ok(())
}

fn change(
    connection: &Connection<'_>,
    method: Method,
    place: &Place,
    more: &str,
    body: Option<Value>,
) -> Result<Value, Failure> {
    let path = place.path(more);
    let mut request = connection.client.request(method, &path);
    if let Some(body) = &body {
        request = request.json(body);
    }
    match request.send() {
        Ok(answer) => Ok(answer.body),
        Err(failure) if failure.is_not_found() => Err(connection.missing_place(failure, &path)),
        Err(failure) => Err(failure),
    }
}
