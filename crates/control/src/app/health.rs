//! Whether a control plane has what it needs.

use std::time::Duration;

use runtime::MemoryLimit;

use super::App;
use crate::{
    error::{Error, Result},
    store::installation,
};

/// How long a request waits for the servers to be found.
const PATIENCE: Duration = Duration::from_secs(30);

/// Each part, `Err` with what is wrong with it.
pub struct Health {
    /// The database answers.
    pub database: std::result::Result<(), String>,
    /// The root key opens this database's data keys.
    pub root_key: std::result::Result<(), String>,
    /// What the servers' processes did while there was no control plane is known.
    pub servers: std::result::Result<(), String>,
    /// A sandbox can be made.
    pub sandbox: std::result::Result<(), String>,
    /// The limit on servers' memory, if one is set, is enforced. Servers start all the same.
    pub memory_limit: std::result::Result<(), String>,
}

/// Looks at every part. Says no more than anyone may know.
pub async fn check(app: &App) -> Health {
    let database = async { installation::find(&mut *app.store.read().await?).await.map(drop) };
    let database = database.await.map_err(|error| {
        tracing::error!(%error, "the database does not answer");
        "does not answer".to_owned()
    });
    let root_key = app.keyring.sealed().map_or(Ok(()), |_| Err("sealed".to_owned()));
    let servers = if *app.reconciled.borrow() { Ok(()) } else { Err("still being found".to_owned()) };
    let sandbox = app.runtime.check().await.map_err(|why| {
        tracing::warn!(%why, "no server can start here");
        "no sandbox can be made here; the control plane's log says why".to_owned()
    });
    let memory_limit = match app.runtime.memory_limit() {
        MemoryLimit::None | MemoryLimit::Enforced(_) => Ok(()),
        MemoryLimit::NotEnforced { .. } => Err("not enforced; the control plane said why when it started".to_owned()),
    };
    Health { database, root_key, servers, sandbox, memory_limit }
}

/// Waits until the rows of servers say what their processes do: until then nobody may take them for true.
///
/// # Errors
/// [`Error::Unavailable`] when that takes too long.
pub async fn servers_are_found(app: &App) -> Result<()> {
    let mut found = app.reconciled.subscribe();
    match tokio::time::timeout(PATIENCE, found.wait_for(|found| *found)).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(Error::Unavailable(
            "the control plane has just started and still looks for its servers; nothing was done; try again"
                .to_owned(),
        )),
    }
}
