//! From the order to the shim that waits at its gate.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use envelope::Plaintext;
use nix::{
    fcntl::{FcntlArg, OFlag, SealFlag, fcntl},
    sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt::PassCred},
    unistd::{Pid, pipe2},
};

use super::{
    Output, Record, Supervisor, bwrap, check_version,
    child::{self, Child, SandboxParts},
    deadline::{Deadline, first_readable},
    find_tool, given_up, home, internal, network,
};
use crate::{
    Network, Reason, Sandbox,
    os::{self, Channel, PidFd, Side},
    parcel::Parcel,
    protocol::{self, Confinement, Failure, Progress, Step, Subject},
    record::{self, RunDirectory},
    shim::confinement::namespace,
};

/// Long enough for a machine under load; a preparation that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(30);

/// A server whose shim waits at its gate.
pub(super) struct Server {
    /// To the shim; closes by itself when the command is executed.
    pub(super) channel: Channel,
    /// bubblewrap, or the command itself without a sandbox.
    pub(super) child: Pid,
    /// The shim, and then the command that it becomes.
    pub(super) command: PidFd,
    /// The process whose end ends all of the server's.
    pub(super) root: Pid,
    /// The network's way out, which ends with this.
    pub(super) connection: Option<network::Connection>,
}

/// To the child while it becomes the shim.
struct Link {
    channel: Channel,
    child: Pid,
    /// Can be read when the child has ended.
    ended: PidFd,
    deadline: Deadline,
}

impl Link {
    fn tell(&self, message: &[u8]) -> Result<(), Failure> {
        match self.channel.send(message, None) {
            // It ended; what it said before, or that it said nothing, tells why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result.map_err(internal("The sandbox can't be reached")),
        }
    }
}

impl Supervisor {
    pub(super) fn prepare(&mut self) -> Result<Server, Failure> {
        check_version(&self.order)?;
        let deadline = Deadline::after(LONGEST);
        let home = match self.order.subject.clone() {
            Some(subject) => {
                self.record = Some(self.open_record(&subject).map_err(internal("The start could not be recorded"))?);
                if let Some(group) = &self.order.group {
                    group.create().map_err(internal("The limit of its memory could not be set"))?;
                }
                let home = home::of(&self.order.directory, &subject.workspace, self.order.uid);
                Some(home.map_err(internal("The workspace's home could not be made"))?)
            }
            None => None,
        };
        let isolated = self.order.sandbox == Sandbox::Bubblewrap && self.order.network == Network::Isolated;
        let plan = if isolated { Some(network::Plan::new(&self.blocked()?)?) } else { None };
        let link = self.fork(home.as_deref(), plan.as_ref(), deadline)?;

        let mut connection = None;
        if let Some(plan) = &plan {
            let tool = network::tool(&self.order.tool_paths)?;
            self.expect(&link, |step| matches!(step, Step::Unshared))?;
            connection = Some(plan.connect(&tool, link.child, self.order.uid, deadline)?);
            link.tell(b"connected")?;
        }
        let confinement = serde_json::to_vec(&self.confinement()).map_err(io::Error::from);
        link.tell(&confinement.map_err(internal("The sandbox can't be reached"))?)?;
        let shim = self.expect(&link, |step| matches!(step, Step::Confined))?;
        let shim =
            shim.ok_or_else(|| Failure::new(Reason::Internal, "The shim can't be told from other processes."))?;
        let command = PidFd::open(shim).map_err(internal("The shim is gone"))?;
        let root = match self.order.sandbox {
            Sandbox::Bubblewrap => record::stat(shim).map_err(internal("The shim is gone"))?.parent,
            Sandbox::None => shim,
        };

        self.tell(&Progress::Confined)?;
        self.hand_over_environment(&link)?;
        self.expect(&link, |step| matches!(step, Step::Ready))?;
        self.tell(&Progress::Prepared)?;
        Ok(Server { channel: link.channel, child: link.child, command, root, connection })
    }

    fn open_record(&self, subject: &Subject) -> io::Result<Record> {
        let folder = RunDirectory::of(&self.order.directory, &subject.start);
        folder.create()?;
        let open = || {
            folder.write_facts(&self.facts(subject, None)?)?;
            let listener = folder.with_socket(|path| UnixListener::bind(path))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        match open() {
            Ok(listener) => Ok(Record { folder: folder.clone(), listener }),
            Err(error) => {
                let _ = folder.remove();
                Err(error)
            }
        }
    }

    fn blocked(&self) -> Result<Vec<crate::cidr::Cidr>, Failure> {
        let networks = self.order.blocked_networks.iter().map(|text| text.parse()).collect::<Result<_, ()>>();
        networks.map_err(|()| Failure::new(Reason::Internal, "A blocked network can't be read. Nothing was executed."))
    }

    /// Splits off the child that becomes the sandbox, and opens the channel to it and the pipe it writes to.
    fn fork(&mut self, home: Option<&Path>, plan: Option<&network::Plan>, deadline: Deadline) -> Result<Link, Failure> {
        let tool = match self.order.sandbox {
            Sandbox::Bubblewrap => Some(bwrap_tool(&self.order.tool_paths)?),
            Sandbox::None => None,
        };
        let failed = internal("The sandbox could not be set up");
        let (output, output_theirs) = pipe2(OFlag::O_CLOEXEC).map_err(|error| failed(error.into()))?;
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|error| failed(error.into()))?;
        self.output = Some(Output::new(File::from(output)));
        let (channel, theirs) = channel_pair().map_err(&failed)?;
        let program = File::open("/proc/self/exe").map_err(&failed)?;
        let shown_home = home.map(|home| if self.order.uid.is_some() { Path::new(child::HOME_FOR_UID) } else { home });
        let resolver = resolver(self.order.network, plan);
        let options = bwrap::options(self.order.network, &self.order.read_only_paths, shown_home, &resolver);
        let (options, files) = options.and_then(bwrap::Options::into_descriptors).map_err(&failed)?;
        match os::fork().map_err(&failed)? {
            Side::Parent(child) => {
                let ended = PidFd::open(child).map_err(&failed)?;
                Ok(Link { channel, child, ended, deadline })
            }
            Side::Child => {
                drop(channel);
                let sandbox = tool.as_deref().map(|bwrap| SandboxParts {
                    bwrap,
                    options: &options,
                    files: &files,
                    network: plan,
                });
                let uid = self.order.uid;
                let group = self.order.group.as_ref();
                let child =
                    Child { channel: &theirs, output: &output_theirs, program: &program, group, uid, home, sandbox };
                let failure = child.run();
                let _ = serde_json::to_vec(&Step::Failed(failure)).map(|step| theirs.send(&step, None));
                os::exit_now(1)
            }
        }
    }

    fn confinement(&self) -> Confinement {
        let mut kinds = vec!["user", "pid", "mnt", "ipc", "uts"];
        if self.order.network != Network::Host {
            kinds.push("net");
        }
        // A kind that this kernel doesn't have can't be shared.
        let host_namespaces =
            kinds.into_iter().filter_map(|kind| Some((kind.to_owned(), namespace(kind).ok()?))).collect();
        let mut hidden_paths = self.order.hidden_paths.clone();
        hidden_paths.push(self.order.directory.clone());
        Confinement { sandbox: self.order.sandbox, host_namespaces, hidden_paths }
    }

    /// Waits for one step and says who sent it.
    fn expect(&mut self, link: &Link, is: fn(&Step) -> bool) -> Result<Option<Pid>, Failure> {
        let failed = internal("The sandbox can't be reached");
        // bubblewrap may end and leave others behind that hold the channel open.
        let packet =
            match first_readable(&[link.channel.as_fd(), link.ended.as_fd()], link.deadline).map_err(&failed)? {
                Some(0) => link.channel.receive().map_err(&failed)?,
                Some(_) => None,
                None => {
                    let message = "The sandbox took too long to make. Nothing was executed.";
                    return Err(Failure::new(Reason::Internal, message));
                }
            };
        let Some(packet) = packet else { return Err(self.sandbox_failed()) };
        match serde_json::from_slice(&packet.bytes) {
            Ok(Step::Failed(failure)) => Err(failure),
            Ok(step) if is(&step) => Ok(packet.sender),
            _ => Err(Failure::new(Reason::Internal, "The sandbox answered out of turn. Nothing was executed.")),
        }
    }

    /// bubblewrap ended without a word on the channel; what it wrote says why.
    fn sandbox_failed(&mut self) -> Failure {
        let said = self.output.as_mut().map(Output::held).unwrap_or_default();
        let said = said.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("; ");
        Failure::new(Reason::Sandbox, format!("The sandbox could not be made ({said}). {}", child::REMEDY))
    }

    /// Takes the command and environment from the control plane and hands them to the shim, sealed; keeps what it needs
    /// for masking.
    fn hand_over_environment(&mut self, link: &Link) -> Result<(), Failure> {
        let Some(control) = &mut self.control else { return Err(given_up()) };
        let came = first_readable(&[control.as_fd()], link.deadline);
        came.map_err(internal("The control plane can't be reached"))?.ok_or_else(given_up)?;
        let parcel = Plaintext::new(protocol::receive_bytes(control).map_err(|_| given_up())?);
        let read = Parcel::read(parcel.expose())
            .ok_or_else(|| Failure::new(Reason::Internal, "The environment is damaged. Nothing was executed."))?;
        if let Some(output) = &mut self.output {
            output.mask(&read.secrets);
        }
        let file = sealed(parcel.expose()).map_err(internal("The environment could not be handed over"))?;
        link.channel
            .send(b"environment", Some(file.as_fd()))
            .map_err(internal("The environment could not be handed over"))
    }
}

fn bwrap_tool(paths: &[PathBuf]) -> Result<PathBuf, Failure> {
    find_tool(paths, "bwrap").ok_or_else(|| {
        let message = "bubblewrap is not installed, so servers can't be confined. Install it (`apt install bubblewrap`). \
                       Nothing was executed.";
        Failure::new(Reason::Sandbox, message)
    })
}

fn channel_pair() -> io::Result<(Channel, Channel)> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    setsockopt(&ours, PassCred, &true)?;
    Ok((Channel::new(ours), Channel::new(theirs)))
}

/// The content of the server's `/etc/resolv.conf`.
fn resolver(network: Network, plan: Option<&network::Plan>) -> String {
    match (network, plan) {
        (Network::Isolated, Some(plan)) => format!("nameserver {}\n", plan.resolver()),
        (Network::Host, _) => std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
        _ => String::new(),
    }
}

/// A file in memory that nobody can change any more.
fn sealed(content: &[u8]) -> io::Result<OwnedFd> {
    let file = bwrap::memory_file("environment", content)?;
    let seals = SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file)
}
