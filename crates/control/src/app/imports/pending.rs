//! Imports that somebody looks at before they decide: kept sealed in memory, for them alone and not for long.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use domain::{CredentialId, ImportMode, Time, UserId};
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

/// How many of one person, who may be signed in many times: beyond that their own oldest goes.
const MOST_OF_ONE: usize = 4;

/// The imports that wait, one for each session.
#[derive(Default)]
pub struct PendingImports(Mutex<HashMap<CredentialId, Waiting>>);

struct Waiting {
    id: String,
    person: UserId,
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
        person: caller.user(),
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

fn forget_oldest(kept: &mut HashMap<CredentialId, Waiting>, among: impl Fn(&Waiting) -> bool) {
    let oldest = kept.iter().filter(|(_, waiting)| among(waiting)).min_by_key(|(_, waiting)| waiting.until);
    if let Some(of) = oldest.map(|(of, _)| *of) {
        kept.remove(&of);
    }
}

impl PendingImports {
    fn put(&self, of: CredentialId, waiting: Waiting, now: Time) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, waiting| waiting.until > now);
        kept.remove(&of);
        let own = kept.values().filter(|other| other.person == waiting.person).count();
        if own >= MOST_OF_ONE {
            forget_oldest(&mut kept, |other| other.person == waiting.person);
        } else if kept.len() >= MOST {
            forget_oldest(&mut kept, |_| true);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(person: u128, at: Time) -> Waiting {
        Waiting {
            id: "one".into(),
            person: uuid::Uuid::from_u128(person).into(),
            organization: "acme".into(),
            workspace: None,
            text: Kept::seal(Plaintext::new(b"A=1".to_vec())).unwrap(),
            choices: Choices { mode: ImportMode::Skip, reach: Reach::default(), allow_empty: false },
            until: at.plus_seconds(600),
        }
    }

    fn session(number: u128) -> CredentialId {
        uuid::Uuid::from_u128(number).into()
    }

    #[test]
    fn somebody_with_many_sessions_pushes_out_nobody_elses_import() {
        let (kept, now) = (PendingImports::default(), clock::now());
        kept.put(session(0), waiting(0, now), now);
        for number in 1..=200 {
            kept.put(session(number), waiting(1, now.plus_seconds(number.try_into().unwrap())), now);
        }
        let left = |number| kept.take(session(number), |_| true).is_some();
        assert!(left(0));
        assert!(!left(196), "the oldest of their own went");
        assert!((197..=200).all(left));
    }

    #[test]
    fn there_are_never_more_than_the_most_and_none_is_kept_too_long() {
        let (kept, now) = (PendingImports::default(), clock::now());
        for number in 0..=MOST as u128 {
            kept.put(session(number), waiting(number, now.plus_seconds(number.try_into().unwrap())), now);
        }
        let count = || kept.0.lock().unwrap().len();
        assert_eq!(count(), MOST);
        assert!(kept.take(session(0), |_| true).is_none(), "the oldest went");
        kept.put(session(1), waiting(1, now), now);
        assert_eq!(count(), MOST, "a session has one");
        kept.forget_overdue(now.plus_seconds(600));
        assert_eq!(count(), MOST - 1);
        kept.put(session(9999), waiting(9999, now.plus_seconds(9999)), now.plus_seconds(9999));
        assert_eq!(count(), 1);
    }
}
