//! `vestry token`: personal tokens, and the tokens with which a workspace's runs are started.

use serde_json::{Value, json};
use ureq::http::Method;

use crate::{
    address::segment,
    cli::account::{Token, WhoseTokens},
    client::{Answer, now, read},
    commands::login::take_token,
    exit::Failure,
    models::TokenRow,
    output::Table,
    place::{Connection, Place},
    text::escape,
    time,
};

/// Makes, lists or revokes tokens.
pub(crate) fn run(connection: &Connection<'_>, args: Token) -> Result<(), Failure> {
    match args {
        Token::Create { name, access, organization_secrets, expires_in, whose } => {
            let place = workspace(connection, &whose)?;
            let body = match place {
                Some(_) => json!({ "name": name }),
                None => {
                    json!({ "name": name, "access": access.as_str(), "organization_secrets": organization_secrets })
                }
            };
            create(connection, place.as_ref(), body, expires_in.as_deref())
        }
        Token::List(whose) => list(connection, workspace(connection, &whose)?.as_ref()),
        Token::Revoke { token_id, whose } => revoke(connection, workspace(connection, &whose)?.as_ref(), &token_id),
    }
}

/// The workspace whose tokens are meant; `None` for the person's own.
fn workspace(connection: &Connection<'_>, whose: &WhoseTokens) -> Result<Option<Place>, Failure> {
    whose.workspace.as_ref().map(|workspace| connection.place(Some(workspace))).transpose()
}

fn path(place: Option<&Place>) -> String {
    place.map_or_else(|| "/me/tokens".to_owned(), |place| place.path("/tokens"))
}

/// The path of one token.
fn one(place: Option<&Place>, id: &str) -> String {
    format!("{}/{}", path(place), segment(id))
}

fn create(
    connection: &Connection<'_>,
    place: Option<&Place>,
    mut body: Value,
    expires_in: Option<&str>,
) -> Result<(), Failure> {
    if let Some(span) = expires_in {
        let end = time::after(span, now()).ok_or_else(|| {
            Failure::usage("--expires-in is a number with h, d or w behind it; nothing was made")
                .help("for example:  30d")
        })?;
        body["expires_at"] = end.into();
    }
    let path = path(place);
    let made = connection.client.request(Method::POST, &path).json(&body).send();
    let answer = made.map_err(|failure| match failure.is_not_found() {
        true => connection.missing_place(failure, &path),
        false => failure,
    })?;
    let id = answer.body["id"].as_str().unwrap_or_default().to_owned();
    hand_over(connection, place, answer).map_err(|failure| take_back(connection, place, &id, failure))
}

/// Shows a new token, this once.
fn hand_over(connection: &Connection<'_>, place: Option<&Place>, answer: Answer) -> Result<(), Failure> {
    let out = connection.out;
    if out.json {
        return out.document_once(&answer.body);
    }
    if place.is_none() && answer.body["access"] == "read" {
        out.say(
            "it may read only; to start runs:  vestry token create NAME -w ORG/WORKSPACE\n\
             for all that you may do, but for organization secrets:  --access full",
        );
    }
    if let Some(place) = place {
        let url = connection.client.address();
        out.say(&format!("whoever has it gets the values of all secrets that reach {place}; set it where runs start:"));
        out.say(&format!("  VESTRY_URL={url} VESTRY_TOKEN=… vestry run -- CMD"));
    }
    out.say("this is the only time that the token is shown:");
    out.data_once(take_token(answer)?.expose())
}

/// Revokes a token that nobody got to see, or says how.
fn take_back(connection: &Connection<'_>, place: Option<&Place>, id: &str, failure: Failure) -> Failure {
    let unseen = format!("{}; the new token was not shown", failure.message);
    match connection.client.request(Method::DELETE, &one(place, id)).send() {
        Ok(_) => Failure { message: format!("{unseen} and is revoked again"), ..failure },
        Err(_) => {
            let flag = place.map(|place| format!(" -w {place}")).unwrap_or_default();
            Failure { message: format!("{unseen} and could not be revoked: it is valid"), ..failure }
                .help(format!("vestry token revoke {}{flag}", escape(id)))
        }
    }
}

fn list(connection: &Connection<'_>, place: Option<&Place>) -> Result<(), Failure> {
    let items = connection.list(&path(place), None)?;
    if connection.out.json {
        return connection.out.document(&items);
    }
    let now = now();
    let mut table = Table::new(&["Token", "May", "Created", "Last used", "Ends", "Id"]);
    for item in &items {
        let token: TokenRow = read(item)?;
        let may = match (&token.access, token.organization_secrets) {
            (Some(access), true) => format!("{access}, organization secrets"),
            (Some(access), false) => access.to_string(),
            (None, _) => "start runs".to_owned(),
        };
        let when = |at: Option<time::When>| at.map_or_else(|| "never".to_owned(), |at| at.relative(now));
        let created = match &token.created_by {
            Some(who) => format!("{} by {}", token.created_at.relative(now), who.name),
            None => token.created_at.relative(now),
        };
        let (last_used, ends) = (when(token.last_used_at), when(token.expires_at));
        table.row([token.name.into(), may.into(), created.into(), last_used.into(), ends.into(), token.id.into()]);
    }
    connection.out.table(&table)
}

/// Revokes the token with an id, or the only one with a name.
fn revoke(connection: &Connection<'_>, place: Option<&Place>, typed: &str) -> Result<(), Failure> {
    let revoked = |id: &str| connection.client.request(Method::DELETE, &one(place, id)).send().map(drop);
    match revoked(typed) {
        Err(failure) if failure.is_not_found() => revoked(&id_of(connection, place, typed, failure)?)?,
        done => done?,
    }
    connection.out.say("revoked; it ends at once");
    Ok(())
}

/// The id of the only token with a name.
///
/// # Errors
/// When there is none, or more than one, with what to type then.
fn id_of(connection: &Connection<'_>, place: Option<&Place>, name: &str, failure: Failure) -> Result<String, Failure> {
    let tokens = connection.list(&path(place), None)?;
    let ids: Vec<&str> =
        tokens.iter().filter(|token| token["name"] == name).filter_map(|token| token["id"].as_str()).collect();
    let flag = place.map(|place| format!(" -w {place}")).unwrap_or_default();
    let escaped = escape(name);
    match ids.as_slice() {
        [id] => Ok((*id).to_owned()),
        [] => {
            let whose = place.map_or_else(|| "of yours".to_owned(), |place| format!("of {place}"));
            let message = format!("there is no token {whose} with the id or name `{escaped}`; nothing was revoked");
            let help = match place {
                Some(_) => format!("its tokens:  vestry token list{flag}"),
                None => format!(
                    "yours:  vestry token list\na workspace's own:  vestry token revoke {escaped} -w [ORG/]WORKSPACE"
                ),
            };
            Err(Failure { message, ..failure }.help(help))
        }
        several => {
            let message = format!("{} tokens are called `{escaped}`; nothing was revoked", several.len());
            Err(Failure::data(message).help(format!("give the id of one:  vestry token list{flag}")))
        }
    }
}
