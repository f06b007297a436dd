//! `vestry login`: a password for a token, once.

use envelope::Plaintext;
use serde::Deserialize;
use serde_json::{Map, json};
use ureq::http::Method;

use crate::{
    address::{Address, segment},
    cli::account::Login,
    client::{Answer, Client, not_vestry},
    commands::setup::email,
    exit::{Exit, Failure},
    models::Me,
    output::Output,
    prompt,
    settings::Settings,
    text::Text,
    token::Token,
    value,
};

/// Signs in and keeps a token.
pub(crate) fn run(out: &Output, settings: &mut Settings, args: Login) -> Result<(), Failure> {
    if args.token_stdin {
        return keep_existing(out, settings);
    }
    let unattended = args.password_stdin;
    let address = if unattended { settings.unattended_address()? } else { settings.address_or_default()? };
    out.say(&format!("signing in to {address}"));
    settings.credentials.check_writable()?;
    let email = prompt::answer(out, args.email, "E-mail", "--email ADDRESS --password-stdin", email)?;
    let given = if unattended { Some(value::password_from_stdin()?) } else { None };
    check_is_vestry(&address)?;
    let password = match given {
        Some(password) => password,
        None => prompt::hidden_answer(out, "Password", "--password-stdin", |password| {
            Ok(if password.is_empty() { Err("nothing was typed".to_owned()) } else { Ok(password) })
        })?,
    };
    sign_in(out, settings, address, email.as_str(), &password)
}

/// Whoever is not signed in is told so by a control plane of Vestry, and by nothing else in these words: a password goes to
/// no other server because of a slip in an address.
fn check_is_vestry(address: &Address) -> Result<(), Failure> {
    match Client::anonymous(address.clone()).get("/me") {
        Err(failure) if failure.code.as_deref() == Some("unauthenticated") => Ok(()),
        Err(failure) if !failure.is_not_found() => Err(failure),
        _ => Err(not_vestry(address)),
    }
}

/// Begins a session with a password, makes a token in it, ends it, and keeps the token.
pub(crate) fn sign_in(
    out: &Output,
    settings: &mut Settings,
    address: Address,
    email: &str,
    password: &Plaintext,
) -> Result<(), Failure> {
    let mut seen = Map::new();
    seen.insert("email".to_owned(), email.into());
    let client = Client::anonymous(address.clone());
    let body = value::object(seen, &[("password", password)])?;
    let answer =
        client.request(Method::POST, "/sessions").confidential(body).same_origin().send().map_err(|failure| {
            match failure.code.as_deref() {
                Some("unauthenticated") => {
                    let message = "this e-mail address and password do not fit together; nobody was signed in";
                    Failure { message: message.to_owned(), help: None, ..failure }
                }
                _ => failure,
            }
        })?;
    let cookie = answer
        .session
        .ok_or_else(|| Failure::new(Exit::Unreachable, format!("{address} began no session; nobody was signed in")))?;
    let client = client.with_session(cookie);
    let made = make_token(&client);
    // A session that stays behind ends by itself; the token is what matters.
    let ended = client.request(Method::DELETE, "/sessions/current").same_origin().send();
    let (token, id) = made?;
    if ended.is_err() {
        out.warn("the session used for signing in could not be ended; it ends by itself after 12 hours");
    }
    let before = settings.credentials.token(&address)?;
    if let Err(failure) = settings.credentials.keep(&address, &token, Some(id.clone())) {
        let revoked = Client::with_token(address.clone(), token).request(Method::DELETE, &token_path(&id)).send();
        return Err(match revoked {
            Ok(_) => Failure { message: format!("{}; the new token is revoked again", failure.message), ..failure },
            Err(_) => failure.help(format!("a token was made and not kept: sign in elsewhere and revoke {id}")),
        });
    }
    if let Some((before, Some(id))) = before {
        // What can't be revoked now may be revoked already.
        let _ = Client::with_token(address.clone(), before).request(Method::DELETE, &token_path(&id)).send();
    }
    let me: Me = Client::with_token(address.clone(), token).get("/me")?.read()?;
    welcome(out, settings, &address, &me);
    Ok(())
}

/// The path of a personal token.
pub(crate) fn token_path(id: &str) -> String {
    format!("/me/tokens/{}", segment(id))
}

/// What is taken of a new token. The token itself is read apart, as it must not stay in memory.
#[derive(Deserialize)]
struct Made {
    id: Text,
}

fn make_token(client: &Client) -> Result<(Token, String), Failure> {
    let host = rustix::system::uname();
    let name = format!("vestry on {}", host.nodename().to_string_lossy());
    let body = json!({ "name": name, "access": "full", "organization_secrets": true });
    let answer = client.request(Method::POST, "/me/tokens").json(&body).same_origin().send()?;
    let id = answer.read::<Made>()?.id.to_string();
    Ok((take_token(answer)?, id))
}

/// Takes the token out of the answer that made it.
pub(crate) fn take_token(mut answer: Answer) -> Result<Token, Failure> {
    match answer.body.get_mut("token").map(serde_json::Value::take) {
        Some(serde_json::Value::String(token)) => {
            Token::parse(Plaintext::new(token.into_bytes()), "what the control plane calls a token")
        }
        _ => Err(Failure::new(Exit::Unreachable, "the control plane's answer holds no token")),
    }
}

fn keep_existing(out: &Output, settings: &mut Settings) -> Result<(), Failure> {
    let address = settings.unattended_address()?;
    settings.credentials.check_writable()?;
    if prompt::is_possible() {
        return Err(Failure::usage(
            "--token-stdin takes the token from stdin, and that is the terminal; nothing was sent",
        )
        .help("vestry login --token-stdin < file"));
    }
    let text = value::read(std::io::stdin(), "stdin")?;
    let client =
        Client::with_token(address.clone(), Token::parse(Plaintext::new(text.expose().to_vec()), "what stdin holds")?);
    // A token that doesn't work is not worth keeping.
    let me: Me = client.get("/me")?.read()?;
    settings.credentials.keep(&address, &Token::parse(text, "what stdin holds")?, None)?;
    welcome(out, settings, &address, &me);
    Ok(())
}

fn welcome(out: &Output, settings: &Settings, address: &Address, me: &Me) {
    out.say(&format!("signed in to {address} as {} <{}>", me.name, me.email));
    if settings.has_token_from_environment() {
        out.warn("VESTRY_TOKEN is set and goes before the kept token");
    }
    out.say(&format!("the token lies in {}; it goes with:  vestry logout", settings.credentials.path().display()));
}
