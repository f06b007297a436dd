//! `vestry whoami`.

use crate::{client::read, exit::Failure, models::Me, place::Connection};

/// Prints who the token acts as, and where.
pub(crate) fn run(connection: &Connection<'_>) -> Result<(), Failure> {
    let body = connection.client.get("/me")?.body;
    if connection.out.json {
        return connection.out.document(&body);
    }
    let me: Me = read(&body)?;
    let mut text = format!("{} <{}> at {}\n", me.name, me.email, connection.client.address());
    for organization in &me.organizations {
        text.push_str(&format!("{} of {}\n", organization.role, organization.slug));
    }
    connection.out.data(&text)
}
