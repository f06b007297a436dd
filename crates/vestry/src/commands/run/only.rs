//! The names behind `--only`: which can't be meant, and which were probably meant.

use domain::{NameRefused, SecretName};

use crate::{
    exit::Failure,
    place::{Connection, Place},
    suggest::nearest,
    text::escape,
};

/// Refuses what can't be the name of a secret. What was typed is not repeated: it could be a value.
///
/// # Errors
/// When one of them can't be.
pub(super) fn check_names(names: &[String]) -> Result<(), Failure> {
    match names.iter().find_map(|name| SecretName::parse(name).err()) {
        None => Ok(()),
        Some(NameRefused::Reserved { pattern, .. }) => {
            Err(Failure::usage(format!("no secret is ever called {pattern}; nothing was asked for"))
                .help("your own variables reach the command anyway; --only takes names of secrets"))
        }
        Some(_) => Err(Failure::usage("--only takes names of secrets, like A,B; nothing was asked for")),
    }
}

/// A refusal for names that are not there, with those that were probably meant; any other failure stays as it is.
pub(super) fn explained(connection: &Connection<'_>, place: &Place, only: &[String], failure: Failure) -> Failure {
    if !failure.fields.iter().any(|field| field == "only") {
        return failure;
    }
    let Ok(items) = connection.client.list(&place.path("/secrets"), None) else { return failure };
    let there: Vec<&str> = items.iter().filter_map(|item| item["name"].as_str()).collect();
    let missing: Vec<&str> = only.iter().map(String::as_str).filter(|name| !there.contains(name)).collect();
    let names = escape(&missing.join(", "));
    let message = match missing.len() {
        // Those that are there and not handed over are suspended.
        0 => return failure,
        1 => format!("there is no secret {names} here; nothing was handed over"),
        _ => format!("there are no secrets {names} here; nothing was handed over"),
    };
    let failure = Failure { message, ..failure };
    let meant: Vec<&str> = missing.iter().filter_map(|name| nearest(name, there.iter().copied())).collect();
    match meant.as_slice() {
        [] => failure.help(format!("which there are:  vestry secret list -w {place}")),
        meant => failure.help(format!("did you mean {}?", escape(&meant.join(", ")))),
    }
}
