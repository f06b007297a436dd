//! `vestry member`: the people of an organization.

use serde_json::json;
use ureq::http::Method;

use crate::{
    address::segment,
    cli::{InOrganization, Role},
    client::{now, read},
    exit::Failure,
    models::Member,
    output::Table,
    place::{Connection, organization_path},
    suggest::nearest,
    text::escape,
};

/// Lists the people of an organization.
pub(crate) fn list(connection: &Connection<'_>, organization: &InOrganization) -> Result<(), Failure> {
    let organization = connection.organization(organization.organization.as_deref())?;
    let items = connection.list(&organization_path(&organization, "/members"), None)?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    let members: Vec<Member> = items.iter().map(read).collect::<Result<_, _>>()?;
    let mut table = Table::new(&["Person", "E-mail", "Role", "Joined", "Workspaces owned", "Last seen"]);
    for member in members {
        let joined = member.joined_at.relative(now());
        // Only administrators are told these; a column without anything in it is left out.
        let (owned, last) = match member.workspaces_owned {
            None => Default::default(),
            Some(owned) => {
                let last = member.last_seen_at.map_or_else(|| "never".to_owned(), |last| last.relative(now()));
                (owned.to_string(), last)
            }
        };
        table.row([
            member.name.into(),
            member.email.into(),
            member.role.into(),
            joined.into(),
            owned.into(),
            last.into(),
        ]);
    }
    connection.out.table(&table)
}

/// Gives someone another role.
pub(crate) fn set_role(
    connection: &Connection<'_>,
    organization: &InOrganization,
    who: &str,
    role: Role,
) -> Result<(), Failure> {
    let organization = connection.organization(organization.organization.as_deref())?;
    let member = find(connection, &organization, who)?;
    let path = organization_path(&organization, &format!("/members/{}", segment(member.id.as_str())));
    let (before, role) = (&member.role, role.as_str());
    let answer = connection.client.request(Method::PATCH, &path).json(&json!({ "role": role })).send()?;
    if connection.out.json {
        return connection.out.document(&answer.body);
    }
    connection.out.say(&format!("{} is now {role} of {organization} (was {before})", member.name));
    Ok(())
}

/// The member with an e-mail address (in any case) or an id.
pub(crate) fn find(connection: &Connection<'_>, organization: &str, who: &str) -> Result<Member, Failure> {
    let items = connection.list(&organization_path(organization, "/members"), None)?;
    let members: Vec<Member> = items.iter().map(read).collect::<Result<_, _>>()?;
    if let Some(found) =
        members.iter().position(|member| member.email.as_str().eq_ignore_ascii_case(who) || member.id.as_str() == who)
    {
        return Ok(members.into_iter().nth(found).expect("the position was found in this very list"));
    }
    let failure = Failure::data(format!("{organization} has no member `{}`; nothing was changed", escape(who)));
    Err(match nearest(who, members.iter().map(|member| member.email.as_str())) {
        Some(email) => failure.help(format!("did you mean {email}?")),
        None => failure.help(format!(
            "who is there:  vestry member list --org {organization}\n\
             the operator adds people:  vestry member add EMAIL --organization {organization}"
        )),
    })
}
