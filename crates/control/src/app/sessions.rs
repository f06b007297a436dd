//! Signing in and out.

use std::net::IpAddr;

use domain::{AuditAction, CredentialId, Email};
use zeroize::Zeroizing;

use super::{
    App, Input, Password,
    attempts::{self, Against},
    token::{self, Kind},
};
use crate::{
    clock,
    error::{Error, Result},
    random,
    store::{
        Caller, InstallationPermit,
        access::SystemReason,
        attempts::remember_browser,
        audit::{self, Event},
        credentials::{self, NewCredential},
        users::{self, User},
    },
};

pub use crate::store::credentials::Credential;

/// Who wants to sign in.
pub struct SignIn {
    /// The e-mail address.
    pub email: Email,
    /// The password to try.
    pub password: Password,
}

/// Where somebody signs in from.
pub struct Visit {
    /// The address.
    pub address: Option<IpAddr>,
    /// Whether it is a browser, and so worth remembering.
    pub is_browser: bool,
    /// What the browser shows to be remembered by.
    pub browser: Option<Zeroizing<String>>,
}

/// A new session.
pub struct Session {
    /// Whose.
    pub user: User,
    /// The cookie's text.
    pub cookie: Zeroizing<String>,
    /// Seconds until it ends.
    pub seconds: i64,
    /// What a browser is remembered by, and for how many seconds.
    pub browser: Option<(Zeroizing<String>, i64)>,
}

/// Checks address and password and opens a session.
///
/// # Errors
/// [`Error::SignInRefused`] for a wrong pair, whichever part is wrong; [`Error::RateLimited`] after too many of them.
pub async fn create(app: &App, input: Input<SignIn>, from: Visit) -> Result<Session> {
    let SignIn { email, password } = input.checked()?;
    let now = clock::now();
    let mut db = app.store.read().await?;
    let user = users::by_email(&mut db, &email).await?;
    let person = user.as_ref().map(|user| user.id);
    let browser =
        attempts::known_browser(&mut db, from.browser.as_ref().map(|text| text.as_str()), person, now).await?;
    let against = Against::password(&email, from.address, browser);
    attempts::look(app, &mut db, &against, now).await?;
    drop(db);
    // Whoever finds the queue full was not checked, and has not failed.
    let waiting = app.passwords.queue()?;
    let permit = InstallationPermit::system(SystemReason::SignIn, from.address.map(|address| address.to_string()));
    let attempt = attempts::count(app, against, now).await?;
    let stored = user.as_ref().map(|user| user.password_hash.as_str());
    let fits = app.passwords.verify(waiting, password, stored).await?;
    let now = clock::now();
    let mut tx = app.store.write_installation().await?;
    // It may have been changed while it was checked, and that ended every session which the old one had opened.
    let stands = users::by_email(&mut tx, &email).await?.map(|user| user.password_hash);
    let Some(user) = user.filter(|user| fits && stands.as_ref() == Some(&user.password_hash)) else {
        let refused = Event::new(AuditAction::SessionRefused, "person", "", email.as_str());
        let refused = refused.with(attempt.details(app));
        audit::commit_installation(tx, permit, refused, now).await?;
        return Err(Error::SignInRefused);
    };
    attempt.take_back(&mut tx, now).await?;
    let id = CredentialId::new(now, random::bytes());
    let (cookie, secret_hash) = token::write(Kind::Session, id);
    let new = NewCredential {
        id,
        session: true,
        user: user.id,
        name: "browser".to_owned(),
        full: true,
        organization_secrets: true,
        secret_hash,
        expires_at: Some(domain::session_ends(now)),
    };
    credentials::insert(&mut tx, &permit, &new, now).await?;
    let mut remembered = None;
    if from.is_browser {
        let id = CredentialId::new(now, random::bytes());
        let (text, hash) = token::write(Kind::Browser, id);
        remember_browser(&mut tx, &permit, (id, hash), browser, user.id, now).await?;
        remembered = Some((text, domain::BROWSER_KNOWN_SECONDS));
    }
    let created = Event::new(AuditAction::SessionCreated, "person", user.id, &user.name);
    audit::commit_installation(tx, permit, created, now).await?;
    Ok(Session { user, cookie, seconds: domain::SESSION_SECONDS, browser: remembered })
}

/// The caller's sessions.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Credential>> {
    let mut db = app.store.read().await?;
    Ok(credentials::of_user(&mut db, caller.user(), true, clock::now()).await?)
}

/// Ends one of the caller's sessions: `current` is the one they call with.
///
/// # Errors
/// [`Error::NotFound`] when it is not theirs or has ended already; [`Error::Forbidden`] for a read-only token.
pub async fn end(app: &App, caller: &Caller, id: &str) -> Result<()> {
    if !caller.is_full() {
        return Err(Error::Forbidden("this token may only read; nothing was ended; use one with full access".into()));
    }
    let id = if id == "current" && caller.is_session() { caller.credential().to_string() } else { id.to_owned() };
    let now = clock::now();
    let permit = InstallationPermit::own(caller);
    let mut tx = app.store.write_person(caller.user()).await?;
    credentials::revoke(&mut tx, &permit, &id, true, now).await?.ok_or(Error::NotFound)?;
    let ended = Event::new(AuditAction::SessionEnded, "session", id, "browser");
    Ok(audit::commit_installation(tx, permit, ended, now).await?)
}
