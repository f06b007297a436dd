//! What waits in memory for one session, for ten minutes and no longer: gone with the process, and for nobody else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{CredentialId, Time, UserId};

use crate::{clock, random, store::Caller};

/// How long it waits.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// How many are kept at once: beyond that the oldest goes.
const MOST: usize = 64;

/// How many of one person, who may be signed in many times: beyond that their own oldest goes.
const MOST_OF_ONE: usize = 4;

/// What waits, at most one for each session.
pub(super) struct PerSession<T>(Arc<Mutex<HashMap<CredentialId, One<T>>>>);

struct One<T> {
    id: String,
    person: UserId,
    until: Time,
    what: T,
}

impl<T> Default for PerSession<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Send + 'static> PerSession<T> {
    /// Keeps this for the caller's session, in place of what it kept before; answers by what it is taken back.
    pub(super) fn keep(&self, caller: &Caller, what: T) -> String {
        let (now, id) = (clock::now(), random::revision());
        let until = now.plus_seconds(KEPT.as_secs().cast_signed());
        self.put(caller.credential(), One { id: id.clone(), person: caller.user(), until, what }, now);
        let all = Self(Arc::clone(&self.0));
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            all.forget_overdue(clock::now());
        });
        id
    }

    /// Takes back what the caller's session kept, once; `None` when it is not kept any more or does not fit.
    pub(super) fn take(&self, caller: &Caller, id: &str, fits: impl Fn(&T) -> bool) -> Option<T> {
        let now = clock::now();
        self.take_if(caller.credential(), |one| one.id == id && one.until > now && fits(&one.what))
    }

    fn put(&self, of: CredentialId, new: One<T>, now: Time) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, one| one.until > now);
        kept.remove(&of);
        let own = kept.values().filter(|other| other.person == new.person).count();
        if own >= MOST_OF_ONE {
            forget_oldest(&mut kept, |other| other.person == new.person);
        } else if kept.len() >= MOST {
            forget_oldest(&mut kept, |_| true);
        }
        kept.insert(of, new);
    }

    fn take_if(&self, of: CredentialId, fits: impl Fn(&One<T>) -> bool) -> Option<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(&of).is_some_and(fits) { kept.remove(&of).map(|one| one.what) } else { None }
    }

    /// Forgets what has waited for too long.
    fn forget_overdue(&self, now: Time) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, one| one.until > now);
    }
}

fn forget_oldest<T>(kept: &mut HashMap<CredentialId, One<T>>, among: impl Fn(&One<T>) -> bool) {
    let oldest = kept.iter().filter(|(_, one)| among(one)).min_by_key(|(_, one)| one.until);
    if let Some(of) = oldest.map(|(of, _)| *of) {
        kept.remove(&of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(person: u128, at: Time) -> One<()> {
        One { id: "one".into(), person: uuid::Uuid::from_u128(person).into(), until: at.plus_seconds(600), what: () }
    }

    fn session(number: u128) -> CredentialId {
        uuid::Uuid::from_u128(number).into()
    }

    #[test]
    fn somebody_with_many_sessions_pushes_out_nobody_elses() {
        let (kept, now) = (PerSession::default(), clock::now());
        kept.put(session(0), one(0, now), now);
        for number in 1..=200 {
            kept.put(session(number), one(1, now.plus_seconds(number.try_into().unwrap())), now);
        }
        let left = |number| kept.take_if(session(number), |_| true).is_some();
        assert!(left(0));
        assert!(!left(196), "the oldest of their own went");
        assert!((197..=200).all(left));
    }

    #[test]
    fn there_are_never_more_than_the_most_and_none_is_kept_too_long() {
        let (kept, now) = (PerSession::default(), clock::now());
        for number in 0..=MOST as u128 {
            kept.put(session(number), one(number, now.plus_seconds(number.try_into().unwrap())), now);
        }
        let count = || kept.0.lock().unwrap().len();
        assert_eq!(count(), MOST);
        assert!(kept.take_if(session(0), |_| true).is_none(), "the oldest went");
        kept.put(session(1), one(1, now), now);
        assert_eq!(count(), MOST, "a session has one");
        kept.forget_overdue(now.plus_seconds(600));
        assert_eq!(count(), MOST - 1);
        kept.put(session(9999), one(9999, now.plus_seconds(9999)), now.plus_seconds(9999));
        assert_eq!(count(), 1);
    }
}
