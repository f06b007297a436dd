//! Whether a control plane has what it needs.

use runtime::MemoryLimit;

use super::App;
use crate::store::installation;

/// Each part, `Err` with what is wrong with it.
pub struct Health {
    /// The database answers.
    pub database: Result<(), String>,
    /// The root key opens this database's data keys.
    pub root_key: Result<(), String>,
    /// A sandbox can be made.
    pub sandbox: Result<(), String>,
    /// The limit on servers' memory, if one is set, is enforced. Servers start all the same.
    pub memory_limit: Result<(), String>,
}

/// Looks at every part. Says no more than anyone may know.
pub async fn check(app: &App) -> Health {
    let database = async { installation::find(&mut *app.store.read().await?).await.map(drop) };
    let database = database.await.map_err(|error| {
        tracing::error!(%error, "the database does not answer");
        "does not answer".to_owned()
    });
    let root_key = app.keyring.sealed().map_or(Ok(()), |_| Err("sealed".to_owned()));
    let sandbox = app.runtime.check().await.map_err(|why| {
        tracing::warn!(%why, "no server can start here");
        "no sandbox can be made here; the control plane's log says why".to_owned()
    });
    let memory_limit = match app.runtime.memory_limit() {
        MemoryLimit::None | MemoryLimit::Enforced(_) => Ok(()),
        MemoryLimit::NotEnforced { .. } => Err("not enforced; the control plane said why when it started".to_owned()),
    };
    Health { database, root_key, sandbox, memory_limit }
}
