//! Passwords: argon2id, at most two at once, with a short queue.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    random,
};

/// The shortest password, in characters.
const SHORTEST: usize = 12;
/// The longest, in bytes: hashing more would only cost time.
const LONGEST: usize = 1_024;
/// How many may wait for one of the two places.
const QUEUE: usize = 16;

/// A password as it was typed, zeroized when dropped.
pub struct Password(Zeroizing<String>);

impl Password {
    /// A new password, from this field of a request.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is too short or too long.
    pub fn parse_new(field: &'static str, text: Zeroizing<String>) -> Result<Self> {
        if text.chars().count() < SHORTEST || text.len() > LONGEST {
            return Err(Error::invalid(
                field,
                "password_length",
                format!("A password has at least {SHORTEST} characters and at most {LONGEST} bytes."),
            ));
        }
        Ok(Self(text))
    }

    /// A password to try.
    pub fn attempt(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

/// A place in the queue.
#[expect(dead_code, reason = "held for its drop: it frees the place")]
pub struct Waiting(OwnedSemaphorePermit);

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    params: Params,
}

impl Passwords {
    /// With the cost of the product: 64 MiB, two passes, one lane.
    ///
    /// # Errors
    /// When hashing does not work at all.
    pub fn new() -> anyhow::Result<Self> {
        Self::with_cost(64 * 1024)
    }

    /// With another memory cost in KiB: for tests, which make many people.
    ///
    /// # Errors
    /// When hashing does not work at all.
    pub fn with_cost(memory_kib: u32) -> anyhow::Result<Self> {
        let params = Params::new(memory_kib, 2, 1, None).map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
        let (places, queue) = (Arc::new(Semaphore::new(2)), Arc::new(Semaphore::new(QUEUE)));
        Ok(Self { places, queue, params })
    }

    /// The hash to store, in PHC text.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait already.
    pub async fn hash(&self, password: Password) -> Result<String> {
        let params = self.params.clone();
        self.in_turn(self.queue()?, move || hash(params, password.0.as_bytes())).await?.map_err(Error::Internal)
    }

    /// Takes a place in the queue, before anything is counted or checked.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait already.
    pub fn queue(&self) -> Result<Waiting> {
        Ok(Waiting(self.queue.clone().try_acquire_owned().map_err(|_| busy())?))
    }

    /// Whether the password fits the stored hash; takes as long when there is none.
    ///
    /// # Errors
    /// When hashing fails.
    pub async fn verify(&self, waiting: Waiting, password: Password, stored: Option<&str>) -> Result<bool> {
        let (stored, params) = (stored.map(str::to_owned), self.params.clone());
        self.in_turn(waiting, move || match stored {
            Some(stored) => PasswordHash::new(&stored)
                .is_ok_and(|hash| Argon2::default().verify_password(password.0.as_bytes(), &hash).is_ok()),
            None => {
                // Nobody has the address: the time of the failure must not tell.
                let _hashed = hash(params, password.0.as_bytes());
                false
            }
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        waiting: Waiting,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let place = self.places.clone().acquire_owned().await.map_err(|_| busy())?;
        // The work goes on when whoever asked hangs up, so it holds its place itself.
        let work = move || {
            let _held = (waiting, place);
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))
    }
}

fn busy() -> Error {
    Error::Unavailable("too many people are signing in; try again in a few seconds".to_owned())
}

fn hash(params: Params, password: &[u8]) -> anyhow::Result<String> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password, &random::bytes::<16>())
        .map(|hash| hash.to_string())
        .map_err(|error| anyhow::anyhow!("argon2: {error}"))
}

#[cfg(test)]
mod tests {
    use std::{future::Future, task::Poll};

    use super::*;

    #[tokio::test]
    async fn a_stranger_s_password_is_checked_like_anybody_s() {
        let passwords = Passwords::with_cost(16).unwrap();
        let attempt = || Password::attempt(Zeroizing::new("a password".to_owned()));
        let stored = passwords.hash(attempt()).await.unwrap();
        let held = passwords.places.clone().acquire_many_owned(2).await.unwrap();
        for stored in [Some(stored.as_str()), None] {
            let mut check = Box::pin(passwords.verify(passwords.queue().unwrap(), attempt(), stored));
            let polled = std::future::poll_fn(|cx| Poll::Ready(check.as_mut().poll(cx).is_pending())).await;
            assert!(polled, "it waits for a place to hash at");
        }
        drop(held);
        assert!(passwords.verify(passwords.queue().unwrap(), attempt(), Some(&stored)).await.unwrap());
        assert!(!passwords.verify(passwords.queue().unwrap(), attempt(), None).await.unwrap());
    }
}
