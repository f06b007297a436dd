//! `vestry setup`: the first administrator and organization of a new control plane.

use envelope::Plaintext;
use serde_json::{Map, json};
use ureq::http::Method;

use crate::{cli::account::Setup, client::Client, exit::Failure, output::Output, prompt, settings::Settings, value};

/// Sets up, then signs the new administrator in.
pub(crate) fn run(out: &Output, settings: &mut Settings, args: Setup) -> Result<(), Failure> {
    let address = if args.password_stdin { settings.unattended_address()? } else { settings.address_or_default()? };
    out.say(&format!("setting up {address}"));
    let code = match (args.setup_code, args.setup_code_file) {
        (Some(code), _) => Plaintext::new(code.into_bytes()),
        (None, Some(file)) => value::from_file(&file)?,
        (None, None) => prompt::hidden(out, "Setup code, as `vestry serve` printed it", "--setup-code-file FILE")?,
    };
    let code = Plaintext::new(code.expose().trim_ascii().to_vec());
    let ask = |given: Option<String>, question: &str, instead: &str| match given {
        Some(given) => Ok(given),
        None => prompt::line(out, question, instead),
    };
    let organization = ask(args.organization, "Organization's name", "--organization NAME")?;
    let name = ask(args.name, "Your name", "--name NAME")?;
    let email = ask(args.email, "Your e-mail address", "--email ADDRESS")?;
    let password = new_password(out, args.password_stdin)?;

    let mut new = Map::new();
    new.insert("name".to_owned(), organization.into());
    new.extend(args.organization_slug.map(|slug| ("slug".to_owned(), slug.into())));
    let seen = json!({ "email": email, "name": name, "organization": new });
    let seen = seen.as_object().cloned().unwrap_or_default();
    let body = value::object(seen, &[("setup_code", &code), ("password", &password)])?;
    let client = Client::anonymous(address.clone());
    client.request(Method::POST, "/setup").confidential(body).same_origin().send().map_err(|failure| {
        if failure.code.as_deref() == Some("conflict") {
            failure.help(format!("vestry login --url {address}"))
        } else {
            failure
        }
    })?;
    super::login::sign_in(out, settings, address, &email, &password)
}

/// A new password: from stdin, or asked for twice.
pub(super) fn new_password(out: &Output, stdin: bool) -> Result<Plaintext, Failure> {
    if stdin {
        return value::password_from_stdin();
    }
    let password = prompt::hidden(out, "New password", "--password-stdin")?;
    let again = prompt::hidden(out, "The same once more", "--password-stdin")?;
    if password.expose() != again.expose() {
        return Err(Failure::data("the two passwords differ; nothing was sent"));
    }
    Ok(password)
}
