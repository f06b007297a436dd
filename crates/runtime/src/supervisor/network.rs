//! A server's own network: what it must not reach, and slirp4netns as its way out.

use std::{
    fs::File,
    io::{self, Read},
    net::{IpAddr, Ipv4Addr},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    ifaddrs::getifaddrs,
    sys::socket::SockaddrLike,
    unistd::{Pid, pipe2},
};

use super::deadline::{Deadline, first_readable};
use crate::{Reason, cidr::Cidr, os, protocol::Failure};

/// Link-local addresses, among them most clouds' metadata service, and those that answer elsewhere.
const LOCAL_SERVICES: &[&str] = &[
    "169.254.0.0/16",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    "fe80::/64",
    "fe80::/10",
    "fd00:ec2::254/128",
];

/// Where the server's own network can lie: the first that is nothing else here.
const CANDIDATES: &[[u8; 4]] =
    &[[10, 0, 2, 0], [10, 203, 77, 0], [172, 29, 77, 0], [192, 168, 203, 0], [198, 18, 77, 0], [198, 19, 203, 0]];

/// What is decided about a server's network before it exists.
pub(super) struct Plan {
    /// The server's own network, a /24.
    own: Ipv4Addr,
    /// All that it must not reach.
    pub(super) blocked: Vec<Cidr>,
}

impl Plan {
    /// `configured` are networks to block besides this machine's addresses and the link-local ones.
    pub(super) fn new(configured: &[Cidr]) -> Result<Self, Failure> {
        let fixed = LOCAL_SERVICES.iter().map(|text| text.parse().expect("the table above has networks only"));
        let mut blocked: Vec<Cidr> = fixed.chain(configured.iter().copied()).collect();
        blocked.extend(host_addresses().map_err(|error| failure(format!("the addresses of this machine: {error}")))?);
        blocked.dedup();
        let network = |octets: &[u8; 4]| Cidr { address: IpAddr::V4((*octets).into()), prefix: 24 };
        let free = CANDIDATES.iter().find(|candidate| !blocked.iter().any(|other| other.overlaps(network(candidate))));
        let own = free.ok_or_else(|| {
            failure("every network that servers could have for themselves is blocked or this machine's; block less")
        })?;
        Ok(Self { own: (*own).into(), blocked })
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.own.octets();
        Ipv4Addr::new(a, b, c, last)
    }

    /// Where the server asks for names: slirp4netns's third address.
    pub(super) fn resolver(&self) -> Ipv4Addr {
        self.address(3)
    }

    /// Starts slirp4netns for the network namespace of `pid`, as `uid`, and waits until the way out is there.
    pub(super) fn connect(
        &self,
        tool: &Path,
        pid: Pid,
        uid: Option<u32>,
        deadline: Deadline,
    ) -> Result<Connection, Failure> {
        let (ready, ready_theirs) = pipe2(OFlag::O_CLOEXEC).map_err(failure)?;
        let (exit_theirs, exit) = pipe2(OFlag::O_CLOEXEC).map_err(failure)?;
        let (errors, errors_theirs) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(failure)?;
        for fd in [&ready_theirs, &exit_theirs] {
            os::pass_to_program(fd).map_err(failure)?;
        }
        let mut command = Command::new(tool);
        command
            .args(["--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox", "--enable-seccomp"])
            .arg(format!("--cidr={}/24", self.own))
            .arg(format!("--ready-fd={}", ready_theirs.as_raw_fd()))
            .arg(format!("--exit-fd={}", exit_theirs.as_raw_fd()))
            .args([pid.to_string().as_str(), "tap0"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(errors_theirs.try_clone().map_err(failure)?)
            .stderr(errors_theirs);
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        let spawned = command.spawn();
        let child = spawned.map_err(|error| failure(format!("{} could not be started: {error}", tool.display())))?;
        drop(command);
        drop((ready_theirs, exit_theirs));
        let mut ready = File::from(ready);
        let said = first_readable(&[ready.as_fd()], deadline).map_err(failure)?.is_some();
        let up = said && matches!(ready.read(&mut [0; 8]), Ok(1..));
        if !up {
            return Err(failure(complaint(errors)));
        }
        Ok(Connection { process: Pid::from_raw(child.id().cast_signed()), _exit: exit })
    }
}

/// A running slirp4netns; it ends when this is dropped, or its supervisor is gone.
pub(super) struct Connection {
    /// Whoever reaps this child knows that the network has ended.
    pub(super) process: Pid,
    /// Its closing is what counts.
    _exit: OwnedFd,
}

fn host_addresses() -> io::Result<Vec<Cidr>> {
    let addresses = getifaddrs()?.filter_map(|interface| {
        let address = interface.address?;
        match address.family()? {
            nix::sys::socket::AddressFamily::Inet => Some(IpAddr::V4(address.as_sockaddr_in()?.ip())),
            nix::sys::socket::AddressFamily::Inet6 => Some(IpAddr::V6(address.as_sockaddr_in6()?.ip())),
            _ => None,
        }
    });
    // The loopback of the server's own namespace stays its own.
    Ok(addresses.filter(|address| !address.is_loopback()).map(Cidr::host).collect())
}

/// What slirp4netns said about why it gave up.
fn complaint(errors: OwnedFd) -> String {
    let mut text = vec![0; 2048];
    let _ = fcntl(&errors, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    let length = File::from(errors).read(&mut text).unwrap_or(0);
    let text = String::from_utf8_lossy(&text[..length]);
    let said = text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("; ");
    if said.contains("/dev/net/tun") {
        format!("slirp4netns can't use /dev/net/tun ({said}). As root: `modprobe tun`, `chmod 0666 /dev/net/tun`")
    } else {
        format!("slirp4netns gave up: {said}")
    }
}

fn failure(error: impl std::fmt::Display) -> Failure {
    Failure::new(Reason::Network, format!("The server's network could not be made: {error}. Nothing was executed."))
}

/// slirp4netns, or what to do when it isn't there.
pub(super) fn tool(paths: &[PathBuf]) -> Result<PathBuf, Failure> {
    super::find_tool(paths, "slirp4netns").ok_or_else(|| {
        let message = "slirp4netns is not installed, so servers can't have a network of their own. Install it \
                       (`apt install slirp4netns`), or set the servers' network to `none`. Nothing was executed.";
        Failure::new(Reason::Network, message)
    })
}
