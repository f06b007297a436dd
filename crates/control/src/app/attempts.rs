//! Guessing is bounded: a try is counted as failed before it is checked, and taken back when it was right.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::digest;
use domain::{Allowance, CredentialId, Email, Failures, Time, UserId};
use serde_json::{Map, Value};

use super::{
    App,
    token::{Kind, Presented},
};
use crate::{
    error::{Error, Result},
    site::own_network,
    store::{Connection, InstallationPermit, Writing, access::SystemReason, attempts, audit},
};

/// The tries that were refused unchecked, since the last event that said so. Each one on record would let anybody fill
/// the audit log.
#[derive(Default)]
pub struct TurnedAway(AtomicU64);

/// What a try counts against: allowances, each with the SHA-256 of whose it is, so that what people type for an address
/// is not kept.
pub(super) struct Against(Vec<(Allowance, Vec<u8>)>);

impl Against {
    /// Showing that one knows an account's password: a browser in which this person signed in before has an allowance of
    /// its own, so that nobody locks them out of it; anybody else takes of the account's and of the address's.
    pub(super) fn password(email: &Email, address: Option<IpAddr>, browser: Option<CredentialId>) -> Self {
        match browser {
            Some(browser) => Self(vec![key(Allowance::Browser, &browser.to_string())]),
            None => Self(vec![key(Allowance::Account, &email.key()), of_address(address)]),
        }
    }

    /// Setting up. There is no account yet, and strangers could keep the operator out if all shared one allowance.
    pub(super) fn set_up(address: Option<IpAddr>) -> Self {
        Self(vec![of_address(address)])
    }
}

fn of_address(address: Option<IpAddr>) -> (Allowance, Vec<u8>) {
    let network = address.map(|address| own_network(address).address.to_string());
    key(Allowance::Address, network.as_deref().unwrap_or("unknown"))
}

fn key(allowance: Allowance, whose: &str) -> (Allowance, Vec<u8>) {
    let text = format!("{}\0{whose}", allowance.as_str());
    (allowance, digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec())
}

/// A try that was counted.
pub(super) struct Attempt {
    against: Against,
    at: Time,
    /// The allowance that it used up, if it fails.
    last_of: Option<Allowance>,
}

/// The remembered browser of this person that a cookie's text names.
///
/// # Errors
/// When the database fails.
pub(super) async fn known_browser(
    db: &mut Connection,
    shown: Option<&str>,
    person: Option<UserId>,
    now: Time,
) -> Result<Option<CredentialId>> {
    let presented = shown.and_then(Presented::parse).filter(|presented| presented.kind == Kind::Browser);
    let Some(presented) = presented else { return Ok(None) };
    let found = attempts::browser(db, presented.id, now).await?;
    let theirs = found.is_some_and(|(owner, stored)| presented.is(&stored) && Some(owner) == person);
    Ok(theirs.then_some(presented.id))
}

/// Refuses a try that has no room, without writing anything: so a flood of them costs little.
///
/// # Errors
/// [`Error::RateLimited`].
pub(super) async fn look(app: &App, db: &mut Connection, against: &Against, now: Time) -> Result<()> {
    for (allowance, key) in &against.0 {
        if let Some(again) = attempts::failures(db, key).await?.room_again(*allowance, now) {
            return Err(refused(app, again, now));
        }
    }
    Ok(())
}

/// Counts a try. From here on it is a failure until it is taken back, whatever becomes of the request.
///
/// # Errors
/// [`Error::RateLimited`] when there is no room for it; then it is not counted.
pub(super) async fn count(app: &App, against: Against, now: Time) -> Result<Attempt> {
    let permit = InstallationPermit::system(SystemReason::TryCounted, None);
    let mut tx = app.store.write_installation().await?;
    attempts::forget_old(&mut tx, &permit, now).await?;
    let mut last_of = None;
    for (allowance, key) in &against.0 {
        let mut failures: Failures = attempts::lock(&mut tx, &permit, key, now).await?;
        if failures.count(*allowance, now).map_err(|again| refused(app, again, now))? {
            last_of = Some(*allowance);
        }
        attempts::keep(&mut tx, &permit, key, &failures).await?;
    }
    audit::commit_installation_observation(tx, permit).await?;
    Ok(Attempt { against, at: now, last_of })
}

fn refused(app: &App, again: Time, now: Time) -> Error {
    app.turned_away.0.fetch_add(1, Ordering::Relaxed);
    let micros = again.0.saturating_sub(now.0).max(0);
    Error::RateLimited { seconds: micros.unsigned_abs().div_ceil(1_000_000) }
}

impl Attempt {
    /// Takes the try back, in the write that follows from it. What failed before still counts.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn take_back(&self, tx: &mut Writing, now: Time) -> Result<()> {
        let permit = InstallationPermit::system(SystemReason::TryCounted, None);
        for (_, key) in &self.against.0 {
            let mut failures = attempts::lock(tx, &permit, key, now).await?;
            failures.take_back(self.at);
            attempts::keep(tx, &permit, key, &failures).await?;
        }
        Ok(())
    }

    /// What the event of its failure says besides: which allowance is used up, and how many tries were refused unchecked
    /// since the last such event.
    pub(super) fn details(&self, app: &App) -> Value {
        let mut details = Map::new();
        details.extend(self.last_of.map(|allowance| ("used_up".to_owned(), allowance.as_str().into())));
        let refused = app.turned_away.0.swap(0, Ordering::Relaxed);
        details.extend((refused > 0).then(|| ("turned_away_before".to_owned(), refused.into())));
        details.into()
    }
}
