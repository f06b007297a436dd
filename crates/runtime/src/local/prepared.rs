use std::{
    io,
    os::{fd::OwnedFd, unix},
    path::Path,
    process::Stdio,
    time::Duration,
};

use envelope::Plaintext;
use tokio::{
    net::UnixStream,
    process::{Child, Command},
    time::timeout,
};

use super::{found::end_sandbox, wire};
use crate::{
    Reason, StartFailed,
    protocol::{Gate, Order, Progress, Subject},
    record::RunDirectory,
};

/// A supervisor that gives up has removed everything long before this; one that hasn't is killed.
const LONGEST_FAREWELL: Duration = Duration::from_secs(20);

/// A server that is ready: its shim waits at the gate, and nothing is executed yet. Dropping it removes everything that
/// was made for it, soon after.
pub struct Prepared {
    control: UnixStream,
    supervisor: Child,
    folder: Option<RunDirectory>,
}

/// A server whose command was executed.
pub struct Started(());

impl Prepared {
    /// Opens the gate. Returns when the command is executed, or says why it is not and leaves nothing behind.
    pub async fn open(mut self) -> Result<Started, StartFailed> {
        let answer = match wire::send(&mut self.control, &Gate::Open).await {
            // Also when it couldn't be sent: the supervisor has said why it is gone.
            Ok(()) | Err(_) => wire::receive(&mut self.control).await,
        };
        match answer {
            Ok(Progress::Started) => {
                let mut supervisor = self.supervisor;
                // Takes the exit status, so that no zombie stays.
                tokio::spawn(async move { supervisor.wait().await });
                Ok(Started(()))
            }
            other => Err(self.failed(other).await),
        }
    }

    /// Removes everything that was made for the start, and returns when it is gone.
    pub async fn cancel(self) {
        let Self { control, mut supervisor, folder } = self;
        drop(control);
        farewell(&mut supervisor, folder.as_ref()).await;
    }

    async fn failed(mut self, answer: io::Result<Progress>) -> StartFailed {
        let failure = match answer {
            Ok(Progress::Failed(failure)) => failure.into(),
            Ok(_) => StartFailed::new(Reason::Internal, "The supervisor answered out of turn. Nothing was executed."),
            Err(error) => {
                let message = format!(
                    "The server's supervisor ended unexpectedly ({error}); whatever ran of the server was ended. Look \
                     at what the system says about it (`journalctl -k`), and start the server again."
                );
                StartFailed::new(Reason::Internal, message)
            }
        };
        drop(self.control);
        farewell(&mut self.supervisor, self.folder.as_ref()).await;
        failure
    }
}

/// Starts a supervisor and brings it to the gate.
pub(super) async fn prepare(program: &Path, order: &Order, parcel: Plaintext) -> Result<Prepared, StartFailed> {
    let spawned = spawn(program, order.subject.as_ref()).map_err(|error| {
        let message = format!("The server's supervisor, {}, could not be started: {error}.", program.display());
        StartFailed::new(Reason::Internal, message)
    })?;
    let folder = order.subject.as_ref().map(|subject| RunDirectory::of(&order.directory, &subject.start));
    // A start that is there already belongs to another supervisor, also when this one fails.
    let folder = folder.filter(|folder| !folder.exists());
    let mut prepared = Prepared { control: spawned.0, supervisor: spawned.1, folder };
    match bring_to_gate(&mut prepared.control, order, parcel).await {
        Ok(Progress::Prepared) => Ok(prepared),
        other => Err(prepared.failed(other).await),
    }
}

async fn bring_to_gate(control: &mut UnixStream, order: &Order, parcel: Plaintext) -> io::Result<Progress> {
    wire::send(control, order).await?;
    match wire::receive(control).await? {
        Progress::Confined => {}
        other => return Ok(other),
    }
    wire::send_bytes(control, parcel.expose()).await?;
    drop(parcel);
    wire::receive(control).await
}

fn spawn(program: &Path, subject: Option<&Subject>) -> io::Result<(UnixStream, Child)> {
    let (ours, theirs) = unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let supervisor = Command::new(program)
        // For people who look at the list of processes; nothing reads it.
        .arg0("vestry")
        .arg("supervise")
        .args(subject.map(|subject| &subject.start))
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok((UnixStream::from_std(ours)?, supervisor))
}

/// Waits until the supervisor is gone, and removes the folder should it have been killed before it could.
async fn farewell(supervisor: &mut Child, folder: Option<&RunDirectory>) {
    if timeout(LONGEST_FAREWELL, supervisor.wait()).await.is_err() {
        let _ = supervisor.kill().await;
    }
    if let Some(folder) = folder {
        // A supervisor that was killed could not end its sandbox, and this record is all that leads to it.
        if let Ok(facts) = folder.facts()
            && let Err(error) = end_sandbox(&facts).await
        {
            tracing::error!(%error, "a sandbox without a supervisor could not be ended; its record is kept");
            return;
        }
        let _ = folder.remove();
    }
}
