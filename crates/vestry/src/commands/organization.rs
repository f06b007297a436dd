//! `vestry organization`.

use crate::{
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
