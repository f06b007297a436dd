//! Looking at an installation from beside it, for `vestry doctor`: changes nothing, and needs neither a control plane
//! nor a key.

use std::time::Duration;

use domain::InstallationId;
use tokio::time::timeout;

use super::Keyring;
use crate::{
    keys::{KeyError, KeyProvider},
    store::{
        StoreError,
        data_keys::{self, WrappedKey},
        inspection::{Files, Inspection},
        installation,
    },
};

pub use crate::store::inspection::{Doubt, Schema};

/// How long the database may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long an embedded database is read to see whether it is whole.
const READING: Duration = Duration::from_secs(20);

/// What was found.
pub struct Findings {
    /// The database.
    pub database: Database,
    /// How many data keys are sealed under the root key, as far as the database can be read.
    pub data_keys: Option<usize>,
    /// The root key.
    pub root_key: RootKey,
}

/// What was found of the database.
#[derive(Debug)]
pub enum Database {
    /// There is no embedded database yet.
    Missing,
    /// It can't be opened or reached.
    Failed(String),
    /// What is read of it is not what was written; the first damage.
    Damaged(String),
    /// What was read of it may not be what is in it.
    Doubtful(Doubt),
    /// It answers.
    Found {
        /// What it is, and of which version.
        server: String,
        /// What Vestry's tables are like.
        schema: Schema,
        /// For an embedded database, whether it is kept with a write-ahead log.
        write_ahead_log: Option<bool>,
        /// Whether it is known to be whole.
        whole: Whole,
    },
}

/// Whether an embedded database is known to be whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whole {
    /// It is a database server, which looks after that itself.
    NotAsked,
    /// It is.
    Yes,
    /// It can't be said, and why.
    Unknown(String),
}

/// What was found of the root key.
#[derive(Debug)]
pub enum RootKey {
    /// There is none to use.
    Unusable(KeyError),
    /// It can be used, and opens all that is sealed: perhaps nothing yet.
    Opens,
    /// It does not open this database's data keys: it is another key, or they were changed.
    OpensNothing,
    /// It can be used, and what it opens could not be tried.
    Unproven(String),
}

/// Looks at the database and at the root key.
pub async fn look(database_url: &str, key_provider: &KeyProvider) -> Findings {
    let key = key_provider.load();
    let (database, sealed) = look_at_database(database_url).await;
    let data_keys = sealed.as_ref().ok().map(|sealed| sealed.as_ref().map_or(0, |(_, keys)| keys.len()));
    let root_key = match (key, sealed) {
        (Err(error), _) => RootKey::Unusable(error),
        (Ok(_), Ok(None)) => RootKey::Opens,
        (Ok(_), Err(why)) => RootKey::Unproven(why),
        (Ok(key), Ok(Some((installation, keys)))) => {
            let keyring = Keyring::new(installation, Ok(key)).prove_with(&keys);
            if keyring.sealed().is_none() { RootKey::Opens } else { RootKey::OpensNothing }
        }
    };
    Findings { database, data_keys, root_key }
}

/// What is sealed under the root key, or why that can't be said; `None` before the first start.
type Sealed = Result<Option<(InstallationId, Vec<WrappedKey>)>, String>;

async fn look_at_database(url: &str) -> (Database, Sealed) {
    let unreadable = || Err("the database can't be read".to_owned());
    let files = match Files::of(url) {
        Ok(files) => files,
        Err(error) => return (Failure::from(error).into(), unreadable()),
    };
    let (database, inspection) = match within(ANSWER, Inspection::open(url, files.as_ref())).await {
        Ok(Some(inspection)) => described(inspection).await,
        Ok(None) => (Database::Missing, None),
        Err(failure) => (failure.into(), None),
    };
    let sealed = match (&database, inspection) {
        (Database::Missing | Database::Found { schema: Schema::None, .. }, _) => Ok(None),
        (_, Some(mut inspection)) => {
            within(ANSWER, sealed_under(&mut inspection)).await.map_err(|failure| failure.words())
        }
        (_, None) => unreadable(),
    };
    // Whatever was found, damage above all, may come of reading while somebody wrote.
    match files.and_then(|files| files.doubt()) {
        Some(doubt) => (Database::Doubtful(doubt), Err("what the database holds is not sure".to_owned())),
        None => (database, sealed),
    }
}

/// What a database is, and the connection if that can still be used.
async fn described(mut inspection: Inspection) -> (Database, Option<Inspection>) {
    let asked = within(ANSWER, async { Ok((inspection.server().await?, inspection.schema().await?)) });
    let (server, schema) = match asked.await {
        Ok(found) => found,
        Err(failure) => return (failure.into(), None),
    };
    let write_ahead_log = inspection.has_write_ahead_log();
    let (whole, usable) = match within(READING, inspection.is_whole()).await {
        Ok(None) => (Whole::NotAsked, true),
        Ok(Some(Ok(()))) => (Whole::Yes, true),
        Ok(Some(Err(damage))) => return (Database::Damaged(damage), Some(inspection)),
        Err(Failure::Damage(damage)) => return (Database::Damaged(damage), Some(inspection)),
        // It is still being read in this connection.
        Err(Failure::Other(why)) => (Whole::Unknown(why), false),
    };
    (Database::Found { server, schema, write_ahead_log, whole }, usable.then_some(inspection))
}

/// The installation and its data keys; `None` before the first start.
async fn sealed_under(inspection: &mut Inspection) -> Result<Option<(InstallationId, Vec<WrappedKey>)>, StoreError> {
    let db = inspection.connection();
    let Some(known) = installation::find(db).await? else { return Ok(None) };
    Ok(Some((known.id, data_keys::all(db).await?)))
}

/// Why something could not be read.
enum Failure {
    Damage(String),
    Other(String),
}

impl Failure {
    fn words(self) -> String {
        match self {
            Self::Damage(words) | Self::Other(words) => words,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            // What else it says is for a control plane that runs.
            StoreError::Damaged(damage) => Self::Damage(damage.to_string()),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<Failure> for Database {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Damage(damage) => Self::Damaged(damage),
            Failure::Other(why) => Self::Failed(why),
        }
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, Failure> {
    match timeout(time, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(Failure::Other(format!("it took longer than {} seconds", time.as_secs()))),
    }
}
