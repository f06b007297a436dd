//! Setting an installation up: the first administrator and the first organization, with the one-time code.

use std::net::IpAddr;

use aws_lc_rs::constant_time;
use domain::{AuditAction, DisplayName, Email, InstallationId, OrganizationId, Role, Slug, UserId};
use zeroize::Zeroizing;

use super::{
    App, Input, Password,
    attempts::{self, Against},
    organizations, token,
};
use crate::{
    clock,
    error::{Error, FieldError, Result},
    random,
    store::{
        InstallationPermit,
        access::SystemReason,
        audit::{self, Event},
        installation, members, users,
    },
};

/// What the first administrator fills in.
pub struct SetUp {
    /// The one-time code that `vestry serve` printed.
    pub setup_code: Zeroizing<String>,
    /// The rest, looked at only behind the right code.
    pub first: Input<First>,
}

/// The first administrator and their organization.
pub struct First {
    /// The administrator's e-mail address.
    pub email: Email,
    /// Their name.
    pub name: DisplayName,
    /// Their password.
    pub password: Password,
    /// The organization's name.
    pub organization: DisplayName,
    /// Its slug.
    pub slug: Slug,
}

/// What was made.
pub struct Made {
    /// The administrator.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// The organization's slug.
    pub organization: Slug,
}

/// Whether the installation still waits for its first administrator.
///
/// # Errors
/// When the database fails.
pub async fn is_open(app: &App) -> Result<bool> {
    let mut db = app.store.read().await?;
    Ok(installation::find(&mut db).await?.is_some_and(|known| known.setup_code_hash.is_some()))
}

/// Makes the first administrator and organization, and uses the code up.
///
/// # Errors
/// [`Error::Conflict`] once set up, [`Error::RateLimited`] after too many wrong codes, [`Error::Invalid`] for a wrong
/// code, [`Error::Sealed`] without a root key.
pub async fn run(app: &App, input: Input<SetUp>, address: Option<IpAddr>) -> Result<Made> {
    let mut db = app.store.read().await?;
    let known = installation::find(&mut db).await?;
    let Some(expected) = known.and_then(|known| known.setup_code_hash) else { return Err(already()) };
    let input = input.checked()?;
    let (against, now) = (Against::set_up(address), clock::now());
    attempts::look(app, &mut db, &against, now).await?;
    drop(db);
    let permit = InstallationPermit::system(SystemReason::SetUp, address.map(|address| address.to_string()));
    let attempt = attempts::count(app, against, now).await?;
    if constant_time::verify_slices_are_equal(&token::hash(input.setup_code.trim()), &expected).is_err() {
        return Err(Error::invalid(
            "setup_code",
            "setup_code_wrong",
            "This is not the set-up code. `vestry serve` printed it, and keeps it in the data directory's file setup-code.",
        ));
    }
    let first = input.first.checked()?;
    let password_hash = app.passwords.hash(first.password).await?;
    let now = clock::now();

    let mut tx = app.store.write_installation().await?;
    attempt.take_back(&mut tx, now).await?;
    if !installation::use_setup_code(&mut tx, &permit).await? {
        return Err(already());
    }
    let user = UserId::new(now, random::bytes());
    users::insert(&mut tx, &permit, user, &first.email, &first.name, &password_hash, now).await?;
    let organization = OrganizationId::new(now, random::bytes());
    organizations::found(app, &mut tx, &permit, organization, &first.slug, &first.organization, now).await?;
    members::insert(&mut tx, &permit, organization, user, Role::Administrator, now).await?;
    let joined = Event::new(AuditAction::MemberAdded, "person", user, first.name.as_str());
    audit::record_for(&mut tx, &permit, organization, joined, now).await?;
    let done = Event::new(AuditAction::InstallationSetUp, "organization", organization, first.slug.as_str());
    audit::commit_installation(tx, permit, done, now).await?;

    if let Err(error) = std::fs::remove_file(&app.setup_code_file) {
        tracing::warn!(%error, "the used set-up code's file could not be removed; it opens nothing any more");
    }
    let (name, email) = (first.name.as_str().to_owned(), first.email.as_str().to_owned());
    Ok(Made { user, name, email, organization: first.slug })
}

fn already() -> Error {
    Error::Conflict("this installation is set up already; nothing was changed; sign in instead".into())
}

/// The slug that a person gave, or one made from the name.
///
/// # Errors
/// Why neither does.
pub fn slug_or_from(given: Option<&str>, name: Option<&DisplayName>) -> std::result::Result<Slug, FieldError> {
    let refused = |code, message: String| FieldError { field: "slug", code, message };
    match (given, name) {
        (Some(text), _) => Slug::parse(text).map_err(|why| refused(why.code(), why.to_string())),
        (None, Some(name)) => Slug::from_name(name.as_str()).ok_or_else(|| {
            refused(
                "slug_missing",
                "No short name for addresses can be made from this name, or it is a word of Vestry's own. Give a slug: letters a to z, digits, hyphens.".into(),
            )
        }),
        (None, None) => Err(refused("slug_missing", "A slug is missing.".into())),
    }
}

/// The installation's row, made at the first start, and the set-up code when it is still to be used.
///
/// # Errors
/// When the database or the code's file can't be written.
pub async fn prepare(
    store: &crate::store::Store,
    setup_code_file: &std::path::Path,
) -> anyhow::Result<(InstallationId, Option<Zeroizing<String>>)> {
    let now = clock::now();
    let mut tx = store.write_installation().await?;
    let known = installation::find(&mut tx).await?;
    let id = known.as_ref().map_or_else(|| InstallationId::new(now, random::bytes()), |known| known.id);
    let Some(expected) = known.as_ref().map_or(Some(Vec::new()), |known| known.setup_code_hash.clone()) else {
        return Ok((id, None));
    };
    if let Ok(code) = std::fs::read_to_string(setup_code_file).map(Zeroizing::new)
        && token::hash(code.trim()) == expected
    {
        return Ok((id, Some(Zeroizing::new(code.trim().to_owned()))));
    }
    let code = token::secret_text(random::bytes());
    let permit = InstallationPermit::system(SystemReason::SetUp, None);
    write_private(setup_code_file, code.as_bytes())?;
    match known {
        None => {
            installation::insert(&mut tx, &permit, id, &token::hash(&code), now).await?;
            audit::commit_installation_observation(tx, permit).await?;
        }
        Some(_) => {
            installation::replace_setup_code(&mut tx, &permit, &token::hash(&code)).await?;
            let replaced = Event::new(AuditAction::SetupCodeReplaced, "installation", id, "");
            audit::commit_installation(tx, permit, replaced, now).await?;
        }
    }
    Ok((id, Some(code)))
}

fn write_private(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    // A file of its own, then moved into place: whatever lies under the name, a link too, is replaced, never followed.
    let new = path.with_extension("new");
    if let Err(error) = std::fs::remove_file(&new)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(new, path)
}
