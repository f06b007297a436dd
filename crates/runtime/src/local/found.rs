use std::{fs, io, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use domain::{ServerId, StartId, WorkspaceId};
use nix::sys::signal::Signal;
use tokio::{
    net::UnixStream,
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Runtime, wire};
use crate::{
    Exit, Lost, memory,
    os::PidFd,
    protocol::{Answer, Ask, Question, VERSION},
    record::{self, Facts, RunDirectory},
};

/// A supervisor that is there but doesn't answer is asked again after this time, so many times.
const ASK_AGAIN: (Duration, u32) = (Duration::from_millis(50), 100);

/// So many supervisors are asked at once: one that is stuck holds up none of the others.
const ASKED_AT_ONCE: usize = 64;

/// A supervisor that has not said its status by then is stopped or stuck; its server may well run.
const LONGEST_STATUS: Duration = Duration::from_secs(2);

/// A start that has left something on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Which start.
    pub start: StartId,
    /// The server it is of.
    pub server: ServerId,
    /// The workspace of the server.
    pub workspace: WorkspaceId,
    /// What it does.
    pub state: State,
}

/// What a start does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is prepared, and its command is not executed yet. If the control plane that prepared it is gone, it is going.
    Waiting,
    /// Its command was executed and its processes may be alive.
    Running,
    /// Nothing of it is left but the record of how it ended.
    Exited(Exit),
}

impl Runtime {
    /// The starts that are there, or have ended and were not forgotten. What a dead supervisor left is cleaned up: its
    /// processes are killed, and it counts as exited.
    ///
    /// For the control plane's boot, before it prepares anything.
    pub async fn found(&self) -> io::Result<Vec<Found>> {
        let turns = Arc::new(Semaphore::new(ASKED_AT_ONCE));
        let mut looking = JoinSet::new();
        for entry in fs::read_dir(self.settings.directory.join("run"))? {
            let Some(start) = entry?.file_name().to_str().and_then(|name| name.parse::<StartId>().ok()) else {
                continue;
            };
            let (runtime, turns) = (self.clone(), turns.clone());
            looking.spawn(async move {
                let _turn = turns.acquire_owned().await.map_err(io::Error::other)?;
                runtime.look(start).await
            });
        }
        let mut all = Vec::new();
        while let Some(looked) = looking.join_next().await {
            all.extend(looked.map_err(io::Error::other)??);
        }
        all.sort_by_key(|found| found.start);
        Ok(all)
    }

    /// What is there of one start; `None` when there is nothing of use.
    async fn look(&self, start: StartId) -> io::Result<Option<Found>> {
        let run = self.run_directory(start);
        let subject = match run.facts() {
            Ok(facts) => facts.subject,
            // Its supervisor died before it had made anything else.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                run.remove()?;
                return Ok(None);
            }
            Err(error) => {
                tracing::warn!(%start, %error, "the record of a start can't be read; it is left alone");
                return Ok(None);
            }
        };
        let (Ok(server), Ok(workspace)) = (subject.server.parse(), subject.workspace.parse()) else {
            tracing::warn!(%start, "the record of a start names no server; it is left alone");
            return Ok(None);
        };
        let state = match self.ask(&run, Ask::Status).await {
            Ok(Some(Answer::Waiting)) => State::Waiting,
            Ok(Some(Answer::Running)) => State::Running,
            Ok(Some(Answer::Exited(exit))) => State::Exited(exit),
            // Going, between the two looks.
            Ok(None | Some(Answer::NetworkEnded)) => return Ok(None),
            Err(error) => {
                tracing::warn!(%start, %error, "a supervisor doesn't answer; its server counts as running");
                State::Running
            }
        };
        Ok(Some(Found { start, server, workspace, state }))
    }

    pub(super) async fn ask_for_exit(&self, start: StartId, ask: Ask) -> Result<Exit, Lost> {
        match self.ask(&self.run_directory(start), ask).await {
            Ok(Some(Answer::Exited(exit))) => Ok(exit),
            Ok(None) => Err(Lost::Unknown(start)),
            Ok(Some(_)) => Err(Lost::Unreadable(start, io::Error::other("the supervisor answered out of turn"))),
            Err(error) => Err(Lost::Unreadable(start, error)),
        }
    }

    pub(super) async fn ask_for_network(&self, start: StartId) -> Result<bool, Lost> {
        match self.ask(&self.run_directory(start), Ask::Network).await {
            Ok(Some(answer)) => Ok(matches!(answer, Answer::NetworkEnded)),
            Ok(None) => Err(Lost::Unknown(start)),
            Err(error) => Err(Lost::Unreadable(start, error)),
        }
    }

    /// Asks the supervisor, or the record that it left. `None`: there is no such start.
    async fn ask(&self, run: &RunDirectory, ask: Ask) -> io::Result<Option<Answer>> {
        let (pause, times) = ASK_AGAIN;
        let mut trouble = io::Error::from(io::ErrorKind::TimedOut);
        for _ in 0..times {
            if let Some(exit) = run.exit()? {
                return Ok(Some(Answer::Exited(exit)));
            }
            if !run.exists() {
                return Ok(None);
            }
            let facts = run.facts();
            let version = facts.as_ref().map_or(VERSION, |facts| facts.version);
            match ask_supervisor(run, Question { version, ask }).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
                Err(error) => trouble = error,
            }
            if let Ok(facts) = facts
                && facts.supervisor.alive().is_none()
                && run.exit()?.is_none()
                && run.exists()
            {
                // As it was at its death, not when it was asked.
                return clean_up(run, &run.facts()?).await.map(Some);
            }
            sleep(pause).await;
        }
        Err(trouble)
    }
}

/// Asks in the version that the supervisor speaks.
async fn ask_supervisor(run: &RunDirectory, question: Question) -> io::Result<Answer> {
    let stream = run.with_socket(connect)?;
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    let status = question.ask == Ask::Status;
    let asked = async {
        wire::send(&mut stream, &question).await?;
        wire::receive(&mut stream).await
    };
    // Its status it knows at once; the end of its server may take for ever.
    if status { timeout(LONGEST_STATUS, asked).await? } else { asked.await }
}

/// The socket must be this user's own: nobody else's answer counts.
fn connect(path: &Path) -> io::Result<std::os::unix::net::UnixStream> {
    if fs::symlink_metadata(path)?.uid() != nix::unistd::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    std::os::unix::net::UnixStream::connect(path)
}

/// Ends what a supervisor that was killed left running. How the server ended is lost with it.
async fn clean_up(run: &RunDirectory, facts: &Facts) -> io::Result<Answer> {
    end_sandbox(facts).await?;
    let exit = Exit { code: None, signal: None, out_of_memory: None, at: record::now() };
    run.write_exit(&exit)?;
    run.remove_socket();
    Ok(Answer::Exited(exit))
}

/// Ends the sandbox that the facts name, if it is still there; whether it was.
pub(super) async fn end_sandbox(facts: &Facts) -> io::Result<bool> {
    let mut was_there = false;
    if let Some(group) = &facts.group {
        memory::kill_all(group);
    }
    if let Some(sandbox) = &facts.sandbox {
        while let Some(pid) = sandbox.alive() {
            was_there = true;
            // The number could have gone to another process since: that it is still the same one is looked at again,
            // now that the handle holds it.
            if let Ok(process) = PidFd::open(pid)
                && sandbox.alive().is_some()
            {
                process.signal(Signal::SIGKILL)?;
            }
            sleep(ASK_AGAIN.0).await;
        }
    }
    Ok(was_there)
}
