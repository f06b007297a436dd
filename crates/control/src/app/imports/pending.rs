//! Imports that somebody looks at before they decide: kept sealed in memory, for them alone and not for long.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use domain::{CredentialId, ImportMode, Time};
use envelope::{Kept, Plaintext};
use zeroize::Zeroizing;

use crate::{
    app::{
        App,
        secrets::{Place, Reach},
    },
    clock,
    error::{Error, Result},
    random,
    store::Caller,
};

/// How long somebody may think about it.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// How many are kept at once, of at most 1 MiB each: beyond that the oldest goes.
const MOST: usize = 64;

/// The imports that wait, one for each session.
#[derive(Default)]
pub struct PendingImports(Mutex<HashMap<CredentialId, Waiting>>);

struct Waiting {
    id: String,
    organization: String,
    workspace: Option<String>,
    text: Kept,
    choices: Choices,
    until: Time,
}

/// What was chosen beside the text.
#[derive(Clone)]
pub struct Choices {
    /// What to do with names that are taken.
    pub mode: ImportMode,
    /// Which workspaces the secrets reach.
    pub reach: Reach,
    /// Whether an empty value is one.
    pub allow_empty: bool,
}

/// Keeps a text until its sender has decided, in place of one they sent before; answers by what it is taken back.
///
/// # Errors
/// When it can't be sealed.
pub fn keep(app: &App, caller: &Caller, place: Place<'_>, text: &str, choices: Choices) -> Result<String> {
    let text = Kept::seal(Plaintext::new(text.as_bytes().to_vec())).map_err(|error| Error::Internal(error.into()))?;
    let (now, id) = (clock::now(), random::revision());
    let waiting = Waiting {
        id: id.clone(),
        organization: place.organization.to_owned(),
        workspace: place.workspace.map(str::to_owned),
        text,
        choices,
        until: now.plus_seconds(KEPT.as_secs().cast_signed()),
    };
    app.pending_imports.put(caller.credential(), waiting, now);
    let app = app.clone();
    tokio::spawn(async move {
        tokio::time::sleep(KEPT).await;
        app.pending_imports.forget_overdue(clock::now());
    });
    Ok(id)
}

/// Takes back what the caller sent for this place.
///
/// # Errors
/// [`Error::Conflict`] when it is not kept any more.
pub fn take(app: &App, caller: &Caller, place: Place<'_>, id: &str) -> Result<(Zeroizing<String>, Choices)> {
    let gone =
        || Error::Conflict("this import is not kept any more; nothing was imported; give the text once more".into());
    let fits = |waiting: &Waiting| {
        waiting.id == id
            && waiting.until > clock::now()
            && (waiting.organization.as_str(), waiting.workspace.as_deref()) == (place.organization, place.workspace)
    };
    let waiting = app.pending_imports.take(caller.credential(), fits).ok_or_else(gone)?;
    let text = waiting.text.open().map_err(|refused| Error::Internal(refused.into()))?;
    let text = std::str::from_utf8(text.expose()).map_err(|error| Error::Internal(error.into()))?;
    Ok((Zeroizing::new(text.to_owned()), waiting.choices))
}

impl PendingImports {
    fn put(&self, of: CredentialId, waiting: Waiting, now: Time) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, waiting| waiting.until > now);
        if kept.len() >= MOST && !kept.contains_key(&of) {
            let oldest = kept.iter().min_by_key(|(_, waiting)| waiting.until).map(|(of, _)| *of);
            oldest.and_then(|of| kept.remove(&of));
        }
        kept.insert(of, waiting);
    }

    fn take(&self, of: CredentialId, fits: impl Fn(&Waiting) -> bool) -> Option<Waiting> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(&of).is_some_and(fits) { kept.remove(&of) } else { None }
    }

    /// Forgets what has waited for too long.
    fn forget_overdue(&self, now: Time) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, waiting| waiting.until > now);
    }
}
