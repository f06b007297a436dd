//! The caller themself.

use std::net::IpAddr;

use domain::{AuditAction, Email, Role};
use zeroize::Zeroizing;

use super::{
    App, Input, Password,
    attempts::{self, Against},
};
use crate::{
    clock,
    error::{Error, Result},
    store::{
        Caller, InstallationPermit,
        audit::{self, Event},
        credentials,
        organizations::{self, Organization},
        users::{self, User},
    },
};

/// What somebody types to change their password.
pub struct ChangePassword {
    /// The one they have.
    pub current: Password,
    /// The one they want.
    pub new: Password,
}

/// The caller, and the organizations they are in.
///
/// # Errors
/// When the database fails.
pub async fn get(app: &App, caller: &Caller) -> Result<(User, Vec<(Organization, Role)>)> {
    let mut db = app.store.read().await?;
    let user = users::by_id(&mut db, caller.user()).await?.ok_or(Error::Unauthenticated)?;
    Ok((user, organizations::of_user(&mut db, caller.user()).await?))
}

/// Changes the caller's password, and ends every session of theirs but this one. Tokens go on. Guesses at the current
/// one are bounded as at the sign-in: `browser` is what a remembered one shows.
///
/// # Errors
/// [`Error::Forbidden`] for whoever shows a token, [`Error::Invalid`] when the current password is another one,
/// [`Error::RateLimited`] after too many such tries. Then nothing has changed.
pub async fn change_password(
    app: &App,
    caller: &Caller,
    input: Input<ChangePassword>,
    (address, browser): (Option<IpAddr>, Option<Zeroizing<String>>),
) -> Result<()> {
    if !caller.is_session() {
        return Err(Error::Forbidden(
            "a token changes no password, so that whoever finds one keeps nobody out; nothing was changed; sign in to do it"
                .into(),
        ));
    }
    let ChangePassword { current, new } = input.checked()?;
    let now = clock::now();
    let mut db = app.store.read().await?;
    let user = users::by_id(&mut db, caller.user()).await?.ok_or(Error::Unauthenticated)?;
    let email = Email::parse(&user.email).map_err(|error| Error::Internal(error.into()))?;
    let shown = browser.as_ref().map(|text| text.as_str());
    let browser = attempts::known_browser(&mut db, shown, Some(user.id), now).await?;
    let against = Against::password(&email, address, browser);
    attempts::look(app, &mut db, &against, now).await?;
    drop(db);
    let waiting = app.passwords.queue()?;
    let attempt = attempts::count(app, against, now).await?;
    let permit = InstallationPermit::own(caller);
    if !app.passwords.verify(waiting, current, Some(&user.password_hash)).await? {
        let refused = Event::new(AuditAction::PasswordRefused, "person", user.id, &user.name);
        let tx = app.store.write_installation().await?;
        audit::commit_installation(tx, permit, refused.with(attempt.details(app)), clock::now()).await?;
        return Err(not_the_current_one());
    }
    let password_hash = app.passwords.hash(new).await?;

    let now = clock::now();
    let mut tx = app.store.write_person(user.id).await?;
    let changed = Event::new(AuditAction::PasswordChanged, "person", user.id, &user.name);
    // First of all, so that whoever signs in with the old password either waits for this, or has a session that it ends.
    audit::record_installation(&mut tx, &permit, changed, now).await?;
    if !credentials::still_holds(&mut tx, caller, now).await? {
        return Err(Error::Unauthenticated);
    }
    if !users::set_password(&mut tx, &permit, &user.password_hash, &password_hash, now).await? {
        return Err(not_the_current_one());
    }
    credentials::revoke_other_sessions(&mut tx, &permit, caller.credential(), now).await?;
    attempt.take_back(&mut tx, now).await?;
    Ok(audit::commit_recorded(tx).await?)
}

fn not_the_current_one() -> Error {
    Error::invalid("current", "password_wrong", "This is not your current password. Nothing was changed.")
}
