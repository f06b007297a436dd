//! `vestry setup`: the first administrator and organization of a new control plane.

use control::{
    app::{Password, setup::slug_or_from},
    error::Error,
};
use domain::{DisplayName, Email, Slug};
use envelope::Plaintext;
use serde_json::{Map, json};
use ureq::http::Method;
use zeroize::Zeroizing;

use crate::{
    address::Address, cli::account::Setup, client::Client, exit::Failure, output::Output, prompt, settings::Settings,
    value,
};

/// Sets up, then signs the new administrator in. Every answer is checked before the next is asked for.
pub(crate) fn run(out: &Output, settings: &mut Settings, args: Setup) -> Result<(), Failure> {
    let address = if args.password_stdin { settings.unattended_address()? } else { settings.address_or_default()? };
    out.say(&format!("setting up {address}"));
    settings.credentials.check_writable()?;
    let client = Client::anonymous(address.clone());
    let given = match (args.setup_code, args.setup_code_file) {
        (Some(code), _) => Some(Plaintext::new(code.into_bytes())),
        (None, Some(file)) => Some(value::from_file(&file)?),
        (None, None) => None,
    };
    let code = setup_code(out, &client, &address, given)?;
    let organization =
        prompt::answer(out, args.organization, "Organization's name", "--organization NAME", display_name)?;
    let slug = slug(out, args.organization_slug, &organization)?;
    let name = prompt::answer(out, args.name, "Your name", "--name NAME", display_name)?;
    let email = prompt::answer(out, args.email, "Your e-mail address", "--email ADDRESS", email)?;
    let password = new_password(out, args.password_stdin)?;

    let organization = json!({ "name": organization.as_str(), "slug": slug.as_str() });
    let seen = json!({ "email": email.as_str(), "name": name.as_str(), "organization": organization });
    send(&client, &address, &seen, &code, &password)?;
    super::login::sign_in(out, settings, address, email.as_str(), &password)?;
    out.say("next:  vestry workspace create NAME");
    Ok(())
}

fn send(
    client: &Client,
    address: &Address,
    seen: &serde_json::Value,
    code: &Plaintext,
    password: &Plaintext,
) -> Result<(), Failure> {
    let seen: Map<_, _> = seen.as_object().cloned().unwrap_or_default();
    let body = value::object(seen, &[("setup_code", code), ("password", password)])?;
    let sent = client.request(Method::POST, "/setup").confidential(body).same_origin().send();
    sent.map(|_| ()).map_err(|failure| match failure.code.as_deref() {
        Some("conflict") => failure.help(format!("vestry login --url {address}")),
        _ => failure,
    })
}

/// The set-up code, once the control plane has said that it is the right one.
fn setup_code(
    out: &Output,
    client: &Client,
    address: &Address,
    given: Option<Plaintext>,
) -> Result<Plaintext, Failure> {
    // A wish that can't be granted: it is refused for its code, or for everything but its code, and nothing is done.
    let wish = json!({ "email": "", "name": "", "organization": { "name": "" } });
    let is_right = |code: &Plaintext| match send(client, address, &wish, code, &Plaintext::new(Vec::new())) {
        Err(failure) if failure.fields.iter().any(|field| field == "setup_code") => Ok(Err(failure)),
        Err(failure) if failure.code.as_deref() != Some("invalid") => Err(failure),
        _ => Ok(Ok(())),
    };
    let trimmed = |code: Plaintext| Plaintext::new(code.expose().trim_ascii().to_vec());
    if let Some(code) = given.map(trimmed) {
        is_right(&code)??;
        return Ok(code);
    }
    // Whoever came too late learns it before they are asked for anything.
    let _ = is_right(&Plaintext::new(Vec::new()))?;
    let question = "Set-up code, as `vestry serve` printed it";
    prompt::hidden_answer(out, question, "--setup-code-file FILE", |code| {
        let code = trimmed(code);
        Ok(match is_right(&code)? {
            Ok(()) => Ok(code),
            Err(_) => Err("this is not the set-up code; `vestry serve` printed it, and keeps it in the file \
                           setup-code of its data directory"
                .to_owned()),
        })
    })
}

/// The short name: as given, made from the name, or asked for where none can be made.
fn slug(out: &Output, given: Option<String>, name: &DisplayName) -> Result<Slug, Failure> {
    match (given, slug_or_from(None, Some(name))) {
        (None, Ok(slug)) => Ok(slug),
        (given, _) => prompt::answer(out, given, "Its short name in addresses", "--organization-slug SLUG", |text| {
            Slug::parse(text).map_err(|why| why.to_string())
        }),
    }
}

/// Reads a name as people write it, or says why it is none.
pub(super) fn display_name(text: &str) -> Result<DisplayName, String> {
    DisplayName::parse(text).map_err(|why| why.to_string())
}

/// Reads an e-mail address, or says why it is none.
pub(super) fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|why| why.to_string())
}

/// A new password that the control plane will take: from stdin, or asked for twice.
pub(super) fn new_password(out: &Output, stdin: bool) -> Result<Plaintext, Failure> {
    if stdin {
        let password = value::password_from_stdin()?;
        as_password(&password).map_err(|why| Failure::data(format!("{why} Nothing was done.")))?;
        return Ok(password);
    }
    loop {
        let password = prompt::hidden_answer(out, "New password", "--password-stdin", |password| {
            Ok(as_password(&password).map(|_| password))
        })?;
        let again = prompt::hidden(out, "The same once more", "--password-stdin")?;
        if password.expose() == again.expose() {
            return Ok(password);
        }
        out.say("the two differ; once more from the beginning");
    }
}

/// The password as the control plane takes it, or why it would not.
pub(super) fn as_password(typed: &Plaintext) -> Result<Password, String> {
    let text = str::from_utf8(typed.expose()).map_err(|_| "The password is no text.".to_owned())?;
    Password::parse_new("password", Zeroizing::new(text.to_owned())).map_err(|error| match error {
        Error::Invalid(fields) => fields.into_iter().map(|field| field.message).collect(),
        error => error.to_string(),
    })
}
