//! `vestry token`: personal tokens.

use serde_json::json;
use ureq::http::Method;

use crate::{
    cli::account::{Access, Token},
    client::{now, read},
    commands::login::{take_token, token_path},
    exit::Failure,
    models::TokenRow,
    output::Table,
    place::Connection,
    time,
};

/// Makes, lists or revokes tokens.
pub(crate) fn run(connection: &Connection<'_>, args: Token) -> Result<(), Failure> {
    match args {
        Token::Create { name, access, organization_secrets, expires_in } => {
            create(connection, &name, access, organization_secrets, expires_in.as_deref())
        }
        Token::List => list(connection),
        Token::Revoke { token_id } => revoke(connection, &token_id),
    }
}

fn create(
    connection: &Connection<'_>,
    name: &str,
    access: Access,
    organization_secrets: bool,
    expires_in: Option<&str>,
) -> Result<(), Failure> {
    let mut body = json!({ "name": name, "access": access.as_str(), "organization_secrets": organization_secrets });
    if let Some(span) = expires_in {
        let end = time::after(span, now()).ok_or_else(|| {
            Failure::usage("--expires-in is a number with h, d or w behind it; nothing was made")
                .help("for example:  30d")
        })?;
        body["expires_at"] = end.into();
    }
    let answer = connection.client.request(Method::POST, "/me/tokens").json(&body).send()?;
    if connection.out.json {
        return connection.out.document(&answer.body);
    }
    connection.out.say("this is the only time that the token is shown:");
    connection.out.data(take_token(answer)?.expose())
}

fn list(connection: &Connection<'_>) -> Result<(), Failure> {
    let items = connection.client.list("/me/tokens", None)?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    let now = now();
    let mut table = Table::new(&["Token", "May", "Created", "Last used", "Ends", "Id"]);
    for item in &items {
        let token: TokenRow = read(item)?;
        let may = if token.organization_secrets {
            format!("{}, organization secrets", token.access)
        } else {
            token.access.to_string()
        };
        let last_used = token.last_used_at.map_or_else(|| "never".to_owned(), |at| at.relative(now));
        let ends = token.expires_at.map_or_else(|| "never".to_owned(), |at| at.relative(now));
        let created = token.created_at.relative(now);
        table.row([token.name.into(), may.into(), created.into(), last_used.into(), ends.into(), token.id.into()]);
    }
    connection.out.table(&table)
}

fn revoke(connection: &Connection<'_>, id: &str) -> Result<(), Failure> {
    connection
        .client
        .request(Method::DELETE, &token_path(id))
        .send()
        .map_err(|failure| connection.missing(failure, "token", id, "/me/tokens", "id"))?;
    connection.out.say("revoked; it ends at once");
    Ok(())
}
