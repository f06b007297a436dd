//! The names behind `--only`: which can't be meant, which were probably meant, and which are suspended.

use domain::{NameRefused, SecretName};

use serde_json::Value;

use crate::{
    client::{now, read},
    commands::secret,
    exit::Failure,
    models::{Secret, life::Suspension},
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
        0 => return suspended(place, &items, only, failure),
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

/// All are there: a refusal for those that are suspended, with since when and by whom.
fn suspended(place: &Place, items: &[Value], only: &[String], failure: Failure) -> Failure {
    let asked = |secret: &&Value| secret["overridden"] != true && only.iter().any(|name| secret["name"] == **name);
    let secrets = items.iter().filter(asked).filter_map(|item| read::<Secret>(item).ok());
    let held_back: Vec<(Secret, Suspension)> =
        secrets.filter_map(|mut secret| secret.suspension.take().map(|suspension| (secret, suspension))).collect();
    let Some((first, _)) = held_back.first() else { return failure };
    let said: Vec<String> = held_back
        .iter()
        .map(|(secret, suspension)| format!("{} is {}", secret.name, secret::suspended(suspension, now())))
        .collect();
    let message = format!("{}; nothing was handed over", said.join("; "));
    let whose = if first.scope.as_str() == "organization" {
        format!("--org {}", place.organization)
    } else {
        format!("-w {place}")
    };
    let lift = format!("once it may be used again:  vestry secret suspend {} {whose} --lift", first.name);
    Failure { message, ..failure }.help(lift)
}
