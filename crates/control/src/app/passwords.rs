//! Passwords: argon2id, at most two at once, with a short queue.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;
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
    /// A new password.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is too short or too long.
    pub fn parse_new(text: Zeroizing<String>) -> Result<Self> {
        if text.chars().count() < SHORTEST || text.len() > LONGEST {
            return Err(Error::invalid(
                "password",
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
        self.in_turn(move || hash(params, password.0.as_bytes())).await?.map_err(Error::Internal)
    }

    /// Whether the password fits the stored hash; takes as long when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait already.
    pub async fn verify(&self, password: Password, stored: Option<&str>) -> Result<bool> {
        let (stored, params) = (stored.map(str::to_owned), self.params.clone());
        self.in_turn(move || match stored {
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

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let busy = || Error::Unavailable("too many people are signing in; try again in a few seconds".to_owned());
        let waiting = self.queue.clone().try_acquire_owned().map_err(|_| busy())?;
        let place = self.places.clone().acquire_owned().await.map_err(|_| busy())?;
        // The work goes on when whoever asked hangs up, so it holds its place itself.
        let work = move || {
            let _held = (waiting, place);
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))
    }
}

fn hash(params: Params, password: &[u8]) -> anyhow::Result<String> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password, &random::bytes::<16>())
        .map(|hash| hash.to_string())
        .map_err(|error| anyhow::anyhow!("argon2: {error}"))
}
