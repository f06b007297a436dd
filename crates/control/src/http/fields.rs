//! What the fields of a request become: the same for JSON and for forms.

use std::collections::BTreeMap;

use domain::{Access, Command, Description, DisplayName, Email, SecretName, Slug, Variables, check_value, dotenv};
use envelope::Plaintext;
use zeroize::Zeroizing;

use crate::{
    app::{
        Password,
        imports::{Choices, Import},
        me::ChangePassword,
        secrets::{EditSecret, Reach, SetSecret},
        servers::{EditServer, NewServer},
        setup::{First, slug_or_from},
        workspaces::{EditWorkspace, NewWorkspace},
    },
    error::{Error, FieldError, Result},
};

/// A secret's name.
pub(crate) fn secret_name(name: &str) -> Result<SecretName> {
    SecretName::parse(name).map_err(|why| Error::invalid("name", why.code(), why))
}

/// A name and a value to set.
pub(crate) fn set_secret(
    name: &str,
    value: Zeroizing<String>,
    allow_empty: bool,
    reach: Reach,
    text: Option<String>,
) -> Result<SetSecret> {
    let name = secret_name(name)?;
    let value_warnings =
        check_value(value.as_bytes(), allow_empty).map_err(|why| Error::invalid("value", why.code(), why))?;
    // Copied, not moved: a String's bytes can't leave their zeroizing owner.
    let value = Plaintext::new(value.as_bytes().to_vec());
    Ok(SetSecret { name, value, value_warnings, reach, description: description(text)? })
}

/// What an edit of a secret asks for.
pub(crate) fn edit_secret(name: Option<String>, reach: Reach, text: Option<String>) -> Result<EditSecret> {
    let name = name.map(|name| secret_name(&name)).transpose()?;
    Ok(EditSecret { name, reach, description: description(text)? })
}

/// How many workspaces one request selects.
pub(crate) const MOST_SELECTED: usize = 10_000;

/// Which workspaces an organization secret is to reach: `all` or `selected`, and the selected ones' slugs, each once.
pub(crate) fn reach(access: Option<String>, mut workspaces: Option<Vec<String>>) -> Result<Reach> {
    let access = access.map(|word| word.parse::<Access>()).transpose();
    let access = access.map_err(|why| Error::invalid("access", "unknown_word", why))?;
    if access == Some(Access::All) && workspaces.is_some() {
        return Err(Error::invalid(
            "workspaces",
            "access_all",
            "A secret with access `all` has no selection. Leave out one of the two.",
        ));
    }
    if let Some(slugs) = &mut workspaces {
        slugs.sort_unstable();
        slugs.dedup();
        if slugs.len() > MOST_SELECTED {
            let message = format!("Select at most {MOST_SELECTED} workspaces in one request.");
            return Err(Error::invalid("workspaces", "too_many", message));
        }
    }
    Ok(Reach { access, workspaces })
}

/// A description that was given.
pub(crate) fn description(text: Option<String>) -> Result<Option<Description>> {
    let parsed = text.map(|text| Description::parse(&text)).transpose();
    parsed.map_err(|why| Error::invalid("description", why.code(), why))
}

/// The password somebody has, and the one they want.
pub(crate) fn change_password(current: Zeroizing<String>, new: Zeroizing<String>) -> Result<ChangePassword> {
    Ok(ChangePassword { current: Password::attempt(current), new: Password::parse_new("new", new)? })
}

/// A name for people.
pub(crate) fn name(text: &str) -> Result<DisplayName> {
    DisplayName::parse(text).map_err(|why| Error::invalid("name", why.code(), why))
}

fn slug(text: &str) -> Result<Slug> {
    Slug::parse(text).map_err(|why| Error::invalid("slug", why.code(), why))
}

/// The slug that was given, or one made from the name.
fn new_slug(given: Option<&str>, name: &DisplayName) -> Result<Slug> {
    slug_or_from(given, Some(name)).map_err(|field| Error::Invalid(vec![field]))
}

/// A workspace to create.
pub(crate) fn new_workspace(called: &str, slug: Option<&str>, text: Option<String>) -> Result<NewWorkspace> {
    let name = name(called)?;
    let slug = new_slug(slug, &name)?;
    Ok(NewWorkspace { name, slug, description: description(text)? })
}

/// What an edit of a workspace asks for.
pub(crate) fn edit_workspace(
    called: Option<String>,
    address: Option<String>,
    text: Option<String>,
) -> Result<EditWorkspace> {
    Ok(EditWorkspace {
        name: called.as_deref().map(name).transpose()?,
        slug: address.as_deref().map(slug).transpose()?,
        description: description(text)?,
    })
}

/// A server to add.
pub(crate) fn new_server(
    called: &str,
    slug: Option<&str>,
    argv: Vec<String>,
    pairs: BTreeMap<String, String>,
) -> Result<NewServer> {
    let name = name(called)?;
    let slug = new_slug(slug, &name)?;
    Ok(NewServer { name, slug, command: command(argv)?, variables: variables(pairs)? })
}

/// What an edit of a server asks for.
pub(crate) fn edit_server(
    called: Option<String>,
    address: Option<String>,
    argv: Option<Vec<String>>,
    pairs: Option<BTreeMap<String, String>>,
) -> Result<EditServer> {
    Ok(EditServer {
        name: called.as_deref().map(name).transpose()?,
        slug: address.as_deref().map(slug).transpose()?,
        command: argv.map(command).transpose()?,
        variables: pairs.map(variables).transpose()?,
    })
}

/// What a text of `.env` format assigns, and what to do with it.
pub(crate) fn import(content: &str, choices: Choices, dry_run: bool) -> Result<Import> {
    let lines = dotenv::parse(content).map_err(|why| match why {
        dotenv::TextRefused::TooLong => Error::TooLarge { limit_kib: dotenv::LONGEST_TEXT / 1024 },
        dotenv::TextRefused::TooManyLines => Error::invalid("content", why.code(), why),
    })?;
    let Choices { mode, reach, allow_empty } = choices;
    Ok(Import { lines, mode, reach, allow_empty, dry_run })
}

/// What an import does with names that are taken, and the rest that is chosen for it.
pub(crate) fn import_choices(mode: &str, reach: Reach, allow_empty: bool) -> Result<Choices> {
    let mode = mode.parse().map_err(|why| Error::invalid("mode", "unknown_word", why))?;
    Ok(Choices { mode, reach, allow_empty })
}

/// A program and its arguments.
fn command(argv: Vec<String>) -> Result<Command> {
    Command::parse(argv).map_err(|why| Error::invalid("command", why.code(), why))
}

/// A server's plain variables.
fn variables(pairs: BTreeMap<String, String>) -> Result<Variables> {
    Variables::parse(pairs).map_err(|why| Error::invalid("variables", why.code(), why))
}

/// The first administrator and their organization: everything that does not fit at once.
pub(crate) fn first(
    email: &str,
    called: &str,
    password: Zeroizing<String>,
    organization: &str,
    slug: Option<&str>,
) -> Result<First> {
    let refused = |field, code, message: String| FieldError { field, code, message };
    let email = Email::parse(email).map_err(|why| refused("email", why.code(), why.to_string()));
    let name = DisplayName::parse(called).map_err(|why| refused("name", why.code(), why.to_string()));
    let organization =
        DisplayName::parse(organization).map_err(|why| refused("organization.name", why.code(), why.to_string()));
    let slug = slug_or_from(slug, organization.as_ref().ok());
    match (email, name, organization, slug) {
        (Ok(email), Ok(name), Ok(organization), Ok(slug)) => {
            Ok(First { email, name, password: Password::parse_new("password", password)?, organization, slug })
        }
        (email, name, organization, slug) => {
            let all = [email.err(), name.err(), organization.err(), slug.err()];
            Err(Error::Invalid(all.into_iter().flatten().collect()))
        }
    }
}
