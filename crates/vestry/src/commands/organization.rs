//! `vestry organization`.

use crate::{
    client::read,
    exit::Failure,
    models::Membership,
    output::{Cell, Style, Table},
    place::{Connection, organization_path},
};

/// Lists the organizations that the person is in.
pub(crate) fn list(connection: &Connection<'_>) -> Result<(), Failure> {
    let items = connection.client.list("/organizations", None)?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    let mut table = Table::new(&["Organization", "Name", "Role"]);
    for item in &items {
        let Membership { slug, name, role } = read(item)?;
        table.row([slug.into(), name.into(), Cell::styled(role.as_str(), Style::Muted)]);
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
    let Membership { slug, name, role } = read(&body)?;
    connection.out.data(&format!("{slug}\nName  {name}\nRole  {role}"))
}
