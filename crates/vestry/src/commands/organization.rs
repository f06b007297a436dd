//! `vestry organization`.

use serde_json::{Map, Value};
use ureq::http::Method;

use super::changed;
use crate::{
    cli::OrganizationEdit,
    client::read,
    exit::Failure,
    models::{Me, Membership, Organization},
    output::Table,
    place::{Connection, organization_path},
};

/// Lists the organizations that the person is in.
pub(crate) fn list(connection: &Connection<'_>) -> Result<(), Failure> {
    if connection.out.json {
        return connection.out.document(&connection.client.list("/organizations", None)?);
    }
    // Who the person is says more of each: their role in it.
    let me: Me = connection.client.get("/me")?.read()?;
    let mut table = Table::new(&["Organization", "Name", "You are"]);
    for Membership { slug, name, role } in me.organizations {
        table.row([slug.into(), name.into(), role.into()]);
    }
    connection.out.table(&table)
}

/// Shows one.
pub(crate) fn show(connection: &Connection<'_>, organization: Option<&str>) -> Result<(), Failure> {
    let organization = connection.organization(organization)?;
    let body = connection.get(&organization_path(&organization, ""))?;
    if connection.out.json {
        return connection.out.document(&body);
    }
    let Organization { slug, name, workspace_creation } = read(&body)?;
    connection.out.data(&format!("{slug}\nName                   {name}\nMay create workspaces  {workspace_creation}"))
}

/// Changes its name, and who may create workspaces.
pub(crate) fn edit(connection: &Connection<'_>, args: OrganizationEdit) -> Result<(), Failure> {
    if args.name.is_none() && args.workspace_creation.is_none() {
        return Err(Failure::usage("nothing to change was given")
            .help("--name NAME, or --workspace-creation members or administrators"));
    }
    let organization = connection.organization(args.organization.as_deref())?;
    let path = organization_path(&organization, "");
    let before: Organization = read(&connection.get(&path)?)?;
    let creation = args.workspace_creation.map(|who| who.as_str().to_owned());
    let given = [("name", args.name), ("workspace_creation", creation)];
    let fields: Map<String, Value> =
        given.into_iter().filter_map(|(field, value)| value.map(|value| (field.to_owned(), value.into()))).collect();
    let answer = connection.client.request(Method::PATCH, &path).json(&Value::Object(fields)).send()?;
    if connection.out.json {
        return connection.out.document(&answer.body);
    }
    let after: Organization = answer.read()?;
    connection.out.say(&changed(
        after.slug.as_str(),
        &[
            ("name", before.name.as_str(), after.name.as_str()),
            ("may create workspaces:", before.workspace_creation.as_str(), after.workspace_creation.as_str()),
        ],
    ));
    Ok(())
}
