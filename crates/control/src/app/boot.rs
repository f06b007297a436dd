//! From settings to a working control plane.

use std::path::PathBuf;

use anyhow::Context;
use domain::InstallationId;
use envelope::Key;
use runtime::Runtime;
use zeroize::Zeroizing;

use super::{App, Keyring, Parts, Passwords, deleted_secrets, events, reconcile, setup};
use crate::{
    keys::{KeyError, KeyProvider},
    store::{Store, data_keys, installation, server_of},
};

/// What a control plane is started with.
pub struct Settings {
    /// `sqlite:…` or `postgres://…`.
    pub database_url: String,
    /// Where the set-up code and what belongs to servers lie.
    pub data_dir: PathBuf,
    /// Where the root key comes from.
    pub key_provider: KeyProvider,
    /// Where servers run.
    pub runtime: runtime::Settings,
    /// What hashes passwords.
    pub passwords: Passwords,
}

/// A control plane that is ready to serve.
pub struct Booted {
    /// Its use cases.
    pub app: App,
    /// The one-time set-up code, until somebody has used it.
    pub setup_code: Option<Zeroizing<String>>,
}

/// Opens the database, the keys and the runtime, and begins to find the servers that ran on meanwhile: whatever asks for
/// servers waits for [`health::servers_are_found`](super::health::servers_are_found).
///
/// Without a usable root key it starts sealed: it lists and stops servers, and makes no new key.
///
/// # Errors
/// When the database, the data directory or the runtime can't be used at all.
pub async fn boot(settings: Settings) -> anyhow::Result<Booted> {
    let store = Store::open(&settings.database_url).await.with_context(|| can_not_use(&settings.database_url))?;
    let (installation, setup_code) = setup::prepare(&store, &setup_code_file(&settings)).await?;
    let empty = data_keys::all(&mut *store.read().await?).await?.is_empty();
    let root = match settings.key_provider.load() {
        Err(KeyError::Missing { .. }) if empty => settings.key_provider.create(),
        loaded => loaded,
    };
    let app = assemble(settings, store, installation, root).await?;
    tokio::spawn(reconcile::begin(app.clone()));
    tokio::spawn(events::tell(app.clone()));
    tokio::spawn(deleted_secrets::keep_destroying_overdue(app.clone()));
    Ok(Booted { app, setup_code })
}

/// Opens the installation that is there, for the operator's commands beside a running control plane: leaves the servers
/// alone, and makes neither set-up code nor key. `None` where there is no installation; then nothing was written.
///
/// # Errors
/// As [`boot`].
pub async fn open(settings: Settings) -> anyhow::Result<Option<App>> {
    let store = Store::open_existing(&settings.database_url).await;
    let Some(store) = store.with_context(|| can_not_use(&settings.database_url))? else { return Ok(None) };
    let Some(known) = installation::find(&mut *store.read().await?).await? else { return Ok(None) };
    let root = settings.key_provider.load();
    assemble(settings, store, known.id, root).await.map(Some)
}

/// Which database can't be used: its file or its server, without what signs in there.
fn can_not_use(database_url: &str) -> String {
    let which = match (database_url.strip_prefix("sqlite:"), server_of(database_url)) {
        (Some(file), _) => file.trim_start_matches("//").split('?').next().unwrap_or_default().to_owned(),
        (None, Some((host, port))) => format!("at {host}:{port}"),
        (None, None) => "behind its socket".to_owned(),
    };
    format!("the database {which} can't be used")
}

fn setup_code_file(settings: &Settings) -> PathBuf {
    settings.data_dir.join("setup-code")
}

async fn assemble(
    settings: Settings,
    store: Store,
    installation: InstallationId,
    root: Result<Key, KeyError>,
) -> anyhow::Result<App> {
    let setup_code_file = setup_code_file(&settings);
    let mut runtime = settings.runtime;
    if let Some(server) = server_of(&settings.database_url) {
        // Servers have no business with the control plane's database; this machine's own addresses are closed anyway.
        let addresses = tokio::net::lookup_host(server).await?.map(|address| address.ip());
        runtime.blocked_networks.extend(addresses.filter(|ip| !ip.is_loopback()).map(|ip| ip.to_string()));
    }
    let root = root.map_err(|error| error.to_string());
    let mut db = store.read().await?;
    let keyring = Keyring::new(installation, root).prove(&mut db).await?;
    drop(db);
    if let Some(reason) = keyring.sealed() {
        tracing::error!(reason, "the control plane starts sealed");
    }
    Ok(App::new(Parts {
        store,
        keyring,
        runtime: Runtime::new(runtime)?,
        passwords: settings.passwords,
        turned_away: super::attempts::TurnedAway::default(),
        setup_code_file,
        known_tokens: Default::default(),
        runs: Default::default(),
        snapshots: super::snapshots::Snapshots::default(),
        handed: Default::default(),
        listeners: Default::default(),
        moves: super::moves::Moves::default(),
        pending_imports: Default::default(),
        made_tokens: Default::default(),
        restarts: Default::default(),
        reconciled: tokio::sync::watch::Sender::new(false),
    }))
}
