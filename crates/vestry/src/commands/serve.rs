//! `vestry serve`: the control plane.

use std::{fs::File, io, os::unix::fs::OpenOptionsExt, panic, path::Path, thread, time::Duration};

use control::{
    Door, Limits,
    app::boot::{self, Booted},
};
use rustix::{
    fs::{FlockOperation, flock},
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

use super::installation;
use crate::{
    cli::serve::Serve,
    exit::{Exit, Failure},
    output::Output,
    settings::{Environment, network::TlsFiles, serve},
};

/// Runs the control plane until it is told to stop.
pub(crate) fn run(args: Serve, environment: &Environment, out: &Output) -> Result<(), Failure> {
    let settings = serve::resolve(args, environment)?;
    let network = &settings.network;
    let tls = network.tls.as_ref().map(TlsFiles::read).transpose()?;
    keep_memory_private().map_err(|error| failed(format!("this process's memory can't be kept private: {error}")))?;
    allow_connections();
    log(&settings.log)?;
    let mut installation = installation::settings(&settings.installation, environment)?;
    let key = network
        .key_file()
        .map_err(|error| failed(format!("where the key of --tls-key lies can't be found out: {error}")))?;
    installation.runtime.hidden_paths.extend(key);
    let _only_one = only_one(&installation.data_dir)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| failed(error.to_string()))?;
    runtime.block_on(async {
        // Taken before anything is touched: a second control plane on the same address changes nothing.
        let listener = TcpListener::bind(network.listen).await.map_err(|error| {
            failed(format!("{} can't be listened on: {error}; nothing was started", network.listen))
                .help("stop what listens there, or choose another address with --listen")
        })?;
        let address = listener.local_addr().map_err(|error| failed(error.to_string()))?;
        let stop = told_to_stop().map_err(|error| failed(error.to_string()))?;
        let Booted { app, setup_code } =
            boot::boot(installation).await.map_err(|error| failed(format!("{error:#}")))?;
        let url = network.url(address);
        out.say(&format!("Vestry listens on {}", network.listening_url(address)));
        if network.public_url.is_some() {
            out.say(&format!("It is reached at {url}"));
        }
        for warning in settings.installation.servers.warnings().chain(network.warning()) {
            out.warn(warning);
        }
        if let Some(warning) = app.memory_warning() {
            out.warn(&warning);
        }
        if let Some(reason) = app.sealed() {
            out.say(&format!("It is sealed, and only lists and stops servers: {reason}"));
        }
        if let Some(code) = setup_code {
            out.say(&format!("Set it up:  vestry setup --url {url}"));
            out.say(&format!("Set-up code, once:  {}", code.as_str()));
            out.say(&format!("It is kept in {} until used", app.setup_code_file().display()));
        }
        let door = Door { listener, tls, site: network.site(), limits: Limits::default() };
        control::serve(app, door, stop).await;
        Ok(())
    })
}

/// No core dumps, no reading of this process's memory by others, no world-readable files, no values in panics.
fn keep_memory_private() -> io::Result<()> {
    forbid_dumps()?;
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    panic::set_hook(Box::new(|panic| {
        // The place only: a panic's message may carry what was being worked on.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a part of the control plane panicked");
    }));
    Ok(())
}

/// No core dumps, and no reading of this process's memory by others: for whatever reads the root key.
pub(super) fn forbid_dumps() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

/// How many files and connections this process may have open, where the machine allows it.
const MOST_FILES: u64 = 65_536;

/// Each connection is an open file, and the usual limit is lower than the number of connections that are answered.
fn allow_connections() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(MOST_FILES, |most| most.min(MOST_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        // Without it the connections that find no file wait for the others to end.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
}

/// Takes the data directory for this process alone, until it ends, however it ends. Servers and operators' commands are
/// not held up by it.
fn only_one(data_dir: &Path) -> Result<File, Failure> {
    let open = File::options().create(true).truncate(false).write(true).mode(0o600).open(data_dir.join("lock"));
    let lock = open.map_err(|error| failed(format!("the data directory can't be locked: {error}")))?;
    // One that was killed may have left a process behind that was about to become a supervisor, and has the lock until
    // it is one.
    for _ in 0..LOCK_TRIES {
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(lock);
        }
        thread::sleep(LOCK_PAUSE);
    }
    let taken = format!("another control plane uses the data directory {}; nothing was started", data_dir.display());
    Err(failed(taken).help("stop that one, or choose another directory with --data-dir"))
}

const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

fn log(directives: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(directives).map_err(|_| {
        Failure::usage("--log takes error, warn, info, debug or trace, or directives like info,sqlx=warn")
    })?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    Ok(())
}

/// Ready once SIGTERM or SIGINT arrives.
fn told_to_stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn failed(message: String) -> Failure {
    Failure::new(Exit::NotConfigured, message)
}
