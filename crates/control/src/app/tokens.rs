//! A person's own tokens.

use domain::{AuditAction, CredentialId, DisplayName, Time};
use envelope::{Kept, Plaintext};
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    App, Input,
    token::{self, Kind},
};
use crate::{
    clock,
    error::{Error, Result},
    random,
    store::{
        Caller, InstallationPermit,
        audit::{self, Event},
        credentials::{self, NewCredential},
    },
};

pub use crate::store::credentials::Credential;

/// The most tokens that one person, or one workspace, has at once: a list of them is still looked through by somebody.
const MOST: usize = 500;

/// What a person wants a token for.
pub struct NewToken {
    /// What they call it.
    pub name: DisplayName,
    /// Whether it may change anything.
    pub full: bool,
    /// Whether it may write organization secrets.
    pub organization_secrets: bool,
    /// When it ends; `None` for never.
    pub expires_at: Option<Time>,
}

/// The caller's tokens, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Credential>> {
    let mut db = app.store.read().await?;
    Ok(credentials::of_user(&mut db, caller.user(), false, clock::now()).await?)
}

/// Makes a token; its text is shown this once.
///
/// # Errors
/// [`Error::Forbidden`] when the caller's own token is weaker than the new one would be or ends before it,
/// [`Error::Invalid`] for a time that has passed, [`Error::Conflict`] when there are too many.
pub async fn create(app: &App, caller: &Caller, input: Input<NewToken>) -> Result<(Credential, Zeroizing<String>)> {
    if !caller.is_full() {
        return Err(Error::Forbidden("this token may only read; nothing was made; use one with full access".into()));
    }
    let input = input.checked()?;
    if input.organization_secrets && !caller.may_write_organization_secrets() {
        return Err(Error::Forbidden(
            "this token may not write organization secrets, so it can't make one that may; nothing was made".into(),
        ));
    }
    let now = clock::now();
    not_past(input.expires_at, now)?;
    not_after(input.expires_at, caller)?;
    let id = CredentialId::new(now, random::bytes());
    let (text, secret_hash) = token::write(Kind::Personal, id);
    let new = NewCredential {
        id,
        session: false,
        user: caller.user(),
        name: input.name.as_str().to_owned(),
        full: input.full,
        organization_secrets: input.organization_secrets,
        secret_hash,
        expires_at: input.expires_at,
    };
    let permit = InstallationPermit::own(caller);
    let mut tx = app.store.write_installation().await?;
    // A credential that is being revoked must not leave another one behind.
    if !credentials::still_holds(&mut tx, caller, now).await? {
        return Err(Error::Unauthenticated);
    }
    at_most(credentials::of_user(&mut tx, caller.user(), false, now).await?.len())?;
    credentials::insert(&mut tx, &permit, &new, now).await?;
    let created = Event::new(AuditAction::TokenCreated, "token", id, &new.name)
        .with(json!({ "full": new.full, "organization_secrets": new.organization_secrets }));
    audit::commit_installation(tx, permit, created, now).await?;
    let NewCredential { name, full, organization_secrets, expires_at, .. } = new;
    let credential =
        Credential { id, name, full, organization_secrets, created_at: now, last_used_at: now, expires_at };
    Ok((credential, text))
}

/// Keeps the text of a token that was just made until it is shown; answers by what [`shown`] takes it.
///
/// # Errors
/// When it can't be sealed.
pub fn show_once(app: &App, caller: &Caller, text: &str) -> Result<String> {
    let text = Kept::seal(Plaintext::new(text.as_bytes().to_vec())).map_err(|error| Error::Internal(error.into()))?;
    Ok(app.made_tokens.keep(caller, text))
}

/// The text that the caller's session is to be shown, this once; `None` when it was shown or is kept no more.
///
/// # Errors
/// When it can't be opened.
pub fn shown(app: &App, caller: &Caller, id: &str) -> Result<Option<Zeroizing<String>>> {
    let Some(kept) = app.made_tokens.take(caller, id, |_| true) else { return Ok(None) };
    let text = kept.open().map_err(|refused| Error::Internal(refused.into()))?;
    let text = std::str::from_utf8(text.expose()).map_err(|error| Error::Internal(error.into()))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// Refuses one more than there may be.
pub(super) fn at_most(count: usize) -> Result<()> {
    if count >= MOST {
        let message = format!("there are {MOST} tokens already; nothing was made; revoke those that nobody needs");
        return Err(Error::Conflict(message.into()));
    }
    Ok(())
}

/// Refuses an end that has passed.
pub(super) fn not_past(expires_at: Option<Time>, now: Time) -> Result<()> {
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Error::invalid("expires_at", "in_the_past", "This time has passed. Choose a later one."));
    }
    Ok(())
}

/// Refuses an end after that of the token that asks: whoever has it by mistake would have another one for ever.
pub(super) fn not_after(expires_at: Option<Time>, caller: &Caller) -> Result<()> {
    match caller.token_ends() {
        Some(own) if expires_at.is_none_or(|end| end > own) => Err(Error::Forbidden(
            format!(
                "this token ends at {}, so it can't make one that ends later; nothing was made; give the new one an \
                 end before that, or sign in to make it",
                clock::rfc3339(own)
            )
            .into(),
        )),
        _ => Ok(()),
    }
}

/// Revokes one of the caller's tokens at once.
///
/// # Errors
/// [`Error::NotFound`] when it is not theirs or is revoked already; [`Error::Forbidden`] for a read-only token that
/// would revoke another.
pub async fn revoke(app: &App, caller: &Caller, id: &str) -> Result<()> {
    if !caller.is_full() && caller.credential().to_string() != id {
        return Err(Error::Forbidden("this token may only read; nothing was revoked; use one with full access".into()));
    }
    let now = clock::now();
    let permit = InstallationPermit::own(caller);
    let mut tx = app.store.write_person(caller.user()).await?;
    let name = credentials::revoke(&mut tx, &permit, id, false, now).await?.ok_or(Error::NotFound)?;
    let revoked = Event::new(AuditAction::TokenRevoked, "token", id, name);
    Ok(audit::commit_installation(tx, permit, revoked, now).await?)
}
