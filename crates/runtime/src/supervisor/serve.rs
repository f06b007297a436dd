//! The supervisor's life once its server is prepared: one loop over everything that can happen.

use std::{
    os::{fd::AsFd, unix::net::UnixStream},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::Signal,
        socket::{getsockopt, sockopt::PeerCredentials},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::geteuid,
};

use super::{
    Supervisor,
    deadline::Deadline,
    given_up, internal, log_folder,
    output::Flow,
    prepare::Server,
    tree::{self, Ending},
};
use crate::{
    Exit, Reason,
    protocol::{self, Answer, Ask, Failure, Gate, Progress, Question, Step, VERSION},
    record::{self, ProcessName},
};

/// How long a server has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// How long the sandbox has to say how its command ended.
const LONGEST_FAREWELL: Duration = Duration::from_secs(5);

/// A client that doesn't ask for so long isn't served.
const CLIENT_PATIENCE: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The shim waits at its gate.
    Waiting,
    /// The gate is open; the command is not executed yet.
    Opening,
    Running,
}

/// Where something can happen.
#[derive(Clone, Copy)]
enum Source {
    Channel,
    Command,
    Output,
    Signals,
    Control,
    Listener,
    Client(usize),
}

struct Life {
    phase: Phase,
    stopping: Option<Deadline>,
    /// The command has ended, and until then its sandbox may say how. A program can keep that from its parent, by
    /// tracing the command or the sandbox's first process; it can't keep it from the handle on the command.
    ending: Option<Deadline>,
    output_open: bool,
    /// The server's network was there, and has ended.
    network_ended: bool,
}

impl Life {
    /// When one of them has passed, what is left of the server is killed.
    fn deadlines(&self) -> impl Iterator<Item = Deadline> {
        self.stopping.into_iter().chain(self.ending)
    }
}

impl Supervisor {
    /// Until the server has ended and nothing of it is left, or its start failed.
    pub(super) fn serve(&mut self, server: &Server) -> Result<Exit, Failure> {
        let mut life =
            Life { phase: Phase::Waiting, stopping: None, ending: None, output_open: true, network_ended: false };
        loop {
            for source in self.wait(server, &life)? {
                match source {
                    Source::Channel => self.hear_shim(server, &mut life)?,
                    Source::Command => life.ending = Some(Deadline::after(LONGEST_FAREWELL)),
                    Source::Output => self.take_output(&mut life),
                    Source::Control => self.hear_control(server, &mut life)?,
                    Source::Listener => self.accept(server, &mut life)?,
                    Source::Client(at) => drop(self.clients.remove(at)),
                    Source::Signals => {
                        if let Some(ending) = self.hear_signals(server, &mut life)? {
                            return Ok(self.finish(ending));
                        }
                    }
                }
            }
            if life.deadlines().any(Deadline::passed) {
                return Ok(self.finish(Ending::KILLED));
            }
        }
    }

    /// What happened; clients, the last first, come last, so that their places stay right while they are removed.
    fn wait(&self, server: &Server, life: &Life) -> Result<Vec<Source>, Failure> {
        let mut sources = Vec::with_capacity(6 + self.clients.len());
        let mut fds = Vec::with_capacity(sources.capacity());
        let mut watch = |source, fd| {
            sources.push(source);
            fds.push(PollFd::new(fd, PollFlags::POLLIN));
        };
        if life.phase != Phase::Running {
            watch(Source::Channel, server.channel.as_fd());
        }
        if life.ending.is_none() {
            watch(Source::Command, server.command.as_fd());
        }
        if let Some(output) = self.output.as_ref().filter(|_| life.output_open) {
            watch(Source::Output, output.pipe().as_fd());
        }
        if let Some(control) = &self.control {
            watch(Source::Control, control.as_fd());
        }
        watch(Source::Signals, self.signals.as_fd());
        for (at, (_, client)) in self.clients.iter().enumerate().rev() {
            watch(Source::Client(at), client.as_fd());
        }
        if let Some(record) = &self.record {
            watch(Source::Listener, record.listener.as_fd());
        }
        match poll(&mut fds, life.deadlines().min().map_or(PollTimeout::NONE, Deadline::timeout)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(internal("The supervisor can't wait")(error.into())),
        }
        let happened = sources.iter().zip(&fds).filter(|(_, fd)| fd.any().unwrap_or(true));
        Ok(happened.map(|(source, _)| *source).collect())
    }

    fn hear_shim(&mut self, server: &Server, life: &mut Life) -> Result<(), Failure> {
        let packet = server.channel.receive().map_err(internal("The shim can't be reached"))?;
        if let Some(packet) = packet {
            return match serde_json::from_slice(&packet.bytes) {
                Ok(Step::Failed(failure)) => Err(failure),
                _ => Err(Failure::new(Reason::Internal, "The shim answered out of turn. Nothing was executed.")),
            };
        }
        match life.phase {
            Phase::Waiting => Err(Failure::new(Reason::Gate, "The server ended before its command was executed.")),
            _ => {
                // The command was executed, which closed the shim's end.
                life.phase = Phase::Running;
                // Should the control plane be gone, the server still runs, and the next control plane finds it.
                let _ = self.tell(&Progress::Started);
                self.control = None;
                Ok(())
            }
        }
    }

    fn take_output(&mut self, life: &mut Life) {
        if let Some(output) = &mut self.output {
            life.output_open = output.take() != Flow::Closed;
        }
    }

    fn hear_control(&mut self, server: &Server, life: &mut Life) -> Result<(), Failure> {
        let Some(control) = &mut self.control else { return Ok(()) };
        match (life.phase, protocol::receive(control)) {
            (Phase::Waiting, Ok(Gate::Open)) => {
                life.phase = Phase::Opening;
                self.open_gate(server)
            }
            (Phase::Waiting, Err(_)) => Err(given_up()),
            _ => {
                self.control = None;
                Ok(())
            }
        }
    }

    fn open_gate(&mut self, server: &Server) -> Result<(), Failure> {
        let Some((subject, record)) = self.order.subject.clone().zip(self.record.as_ref()) else {
            return Err(given_up());
        };
        let record_it = || record.folder.write_facts(&self.facts(&subject, Some(ProcessName::of(server.root)?))?);
        record_it().map_err(internal("The start could not be recorded"))?;
        if let Some(output) = &mut self.output {
            let folder = log_folder(&self.order.directory, &subject.server);
            output.open_log(&folder).map_err(internal("The server's log could not be opened"))?;
        }
        server.channel.send(b"open", None).map_err(internal("The server ended before its command was executed"))
    }

    fn accept(&mut self, server: &Server, life: &mut Life) -> Result<(), Failure> {
        let Some(Ok((mut client, _))) = self.record.as_ref().map(|record| record.listener.accept()) else {
            return Ok(());
        };
        let Some(ask) = question(&mut client) else { return Ok(()) };
        match ask {
            Ask::Status => {
                let running = life.phase != Phase::Waiting;
                let _ = protocol::send(&mut client, &if running { Answer::Running } else { Answer::Waiting });
            }
            Ask::Network if life.network_ended => drop(protocol::send(&mut client, &Answer::NetworkEnded)),
            Ask::Network | Ask::Exit => self.clients.push((ask, client)),
            Ask::Stop => {
                self.clients.push((ask, client));
                self.stop(server, life)?;
            }
        }
        Ok(())
    }

    fn stop(&self, server: &Server, life: &mut Life) -> Result<(), Failure> {
        if life.phase == Phase::Waiting {
            return Err(Failure::new(Reason::Gate, "The server was stopped before its command was executed."));
        }
        if life.stopping.is_none() {
            life.stopping = Some(Deadline::after(GRACE));
            // An error means that it has just ended by itself.
            let _ = server.command.signal(Signal::SIGTERM);
        }
        Ok(())
    }

    /// How the server ended, if it has.
    fn hear_signals(&mut self, server: &Server, life: &mut Life) -> Result<Option<Ending>, Failure> {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            if signal.ssi_signo == Signal::SIGTERM as u32 {
                self.stop(server, life)?;
            }
        }
        let mut ended = None;
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
                Ok(status) => match Ending::of(status) {
                    Some((pid, ending)) if pid == server.child => ended = Some(ending),
                    Some((pid, _)) if server.connection.as_ref().is_some_and(|network| network.process == pid) => {
                        self.lose_network(life);
                    }
                    _ => {}
                },
                Err(Errno::EINTR) => {}
                Err(error) => return Err(internal("The supervisor can't wait")(error.into())),
            }
        }
        let Some(ending) = ended else { return Ok(None) };
        if life.phase != Phase::Running {
            // What the shim said last decides whether the command was executed.
            self.hear_shim(server, life)?;
        }
        Ok(Some(ending))
    }

    fn lose_network(&mut self, life: &mut Life) {
        life.network_ended = true;
        for (_, mut client) in self.clients.extract_if(.., |(ask, _)| *ask == Ask::Network) {
            let _ = protocol::send(&mut client, &Answer::NetworkEnded);
        }
    }

    fn finish(&mut self, Ending { code, signal }: Ending) -> Exit {
        let _ = tree::kill_everything();
        if let Some(output) = &mut self.output {
            output.drain();
        }
        let killed = signal == Some(Signal::SIGKILL as i32);
        let group = self.order.group.as_ref().filter(|group| killed && group.killed_for_memory());
        Exit { code, signal, out_of_memory: group.map(|group| group.limit), at: record::now() }
    }
}

/// What a client asks, if it may and does so in time.
fn question(client: &mut UnixStream) -> Option<Ask> {
    let peer = getsockopt(client, PeerCredentials).ok()?;
    if peer.uid() != 0 && peer.uid() != geteuid().as_raw() {
        return None;
    }
    client.set_nonblocking(false).ok()?;
    client.set_read_timeout(Some(CLIENT_PATIENCE)).ok()?;
    client.set_write_timeout(Some(CLIENT_PATIENCE)).ok()?;
    let question: Question = protocol::receive(client).ok()?;
    (question.version == VERSION).then_some(question.ask)
}
