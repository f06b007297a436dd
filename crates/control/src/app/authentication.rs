//! Knowing who calls.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::{CredentialId, Time};

use super::{
    App,
    token::{Kind, Presented},
};
use crate::{
    clock,
    error::{Error, Result},
    store::{InstallationPermit, Runner, WorkspaceToken, access::SystemReason, audit, credentials, workspace_tokens},
};

/// How many tokens are kept before all are forgotten.
const MOST_KEPT: usize = 10_000;

/// The workspaces' tokens that were shown lately, each with the hash of its secret part.
///
/// What a token is never changes, so it need not be read again. Whether it still holds may change at any time, and is
/// never kept: every use case asks for that in the transaction that acts.
#[derive(Default)]
pub struct KnownTokens(Mutex<HashMap<CredentialId, Known>>);

struct Known {
    token: WorkspaceToken,
    secret_hash: Vec<u8>,
    since: Time,
}

/// Who shows this session or token from an address.
///
/// # Errors
/// [`Error::Unauthenticated`] when it is none, or no longer one.
pub async fn authenticate(app: &App, shown: &str, as_cookie: bool, address: Option<String>) -> Result<Runner> {
    let presented = Presented::parse(shown).ok_or(Error::Unauthenticated)?;
    let now = clock::now();
    match (presented.kind, as_cookie) {
        (Kind::Workspace, false) => workspace_token(app, &presented, address, now).await,
        (Kind::Personal, false) | (Kind::Session, true) => {
            let mut db = app.store.read().await?;
            let shows = |stored: &[u8]| presented.is(stored);
            let found = credentials::find(&mut db, presented.id, as_cookie, shows, address, now).await?;
            let (caller, stale) = found.ok_or(Error::Unauthenticated)?;
            note_use(app, presented.id, stale, now);
            Ok(Runner::Person(caller))
        }
        _ => Err(Error::Unauthenticated),
    }
}

async fn workspace_token(app: &App, presented: &Presented, address: Option<String>, now: Time) -> Result<Runner> {
    if let Some(token) = app.known_tokens.find(presented, now) {
        return Ok(Runner::Token(token.from(address)));
    }
    let mut db = app.store.read().await?;
    let found = workspace_tokens::find(&mut db, presented.id, |stored| presented.is(stored), now).await?;
    let (token, stale) = found.ok_or(Error::Unauthenticated)?;
    app.known_tokens.keep(presented, &token, now);
    note_use(app, presented.id, stale, now);
    Ok(Runner::Token(token.from(address)))
}

impl KnownTokens {
    fn find(&self, presented: &Presented, now: Time) -> Option<WorkspaceToken> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked up again now and then, so that its last use is noted.
        let lately = known.get(&presented.id).filter(|known| !domain::use_is_worth_recording(known.since, now))?;
        presented.is(&lately.secret_hash).then(|| lately.token.clone())
    }

    fn keep(&self, presented: &Presented, token: &WorkspaceToken, since: Time) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KEPT {
            known.clear();
        }
        let secret_hash = presented.hash().to_vec();
        known.insert(presented.id, Known { token: token.clone(), secret_hash, since });
    }
}

/// Notes the use of a credential where that is worth it; a request neither waits nor fails for it.
fn note_use(app: &App, id: CredentialId, worth: bool, now: Time) {
    if !worth {
        return;
    }
    let app = app.clone();
    tokio::spawn(async move {
        let noted = async {
            let permit = InstallationPermit::system(SystemReason::CredentialUsed, None);
            let mut tx = app.store.write_installation().await?;
            credentials::touch(&mut tx, &permit, id, now).await?;
            audit::commit_installation_observation(tx, permit).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, "when a credential was last used could not be noted");
        }
    });
}
