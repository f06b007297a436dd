//! Routes in a server's network namespace that end nowhere, set through netlink (rtnetlink(7)).

use std::{
    io,
    net::IpAddr,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket},
};

use crate::cidr::Cidr;

/// Before all other routes to the same network.
const FIRST: u32 = 1;

/// Refuses connections to these networks. Needs to be root of the network namespace.
pub(super) fn block(networks: &[Cidr]) -> io::Result<()> {
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    // The kernel hangs such routes of IPv6 on the loopback interface, which must be up.
    exchange(&netlink, libc::RTM_NEWLINK, 0, &loopback_up())?;
    let create = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
    for network in networks {
        match exchange(&netlink, libc::RTM_NEWROUTE, create, &refused_route(*network)) {
            // Two settings may name the same network.
            Err(Errno::EEXIST) => {}
            // Without IPv6 in the kernel there is nothing to block.
            Err(Errno::EAFNOSUPPORT | Errno::EOPNOTSUPP) if network.address.is_ipv6() => {}
            result => result?,
        }
    }
    Ok(())
}

/// `struct ifinfomsg`: interface 1 is the loopback in every network namespace.
fn loopback_up() -> Vec<u8> {
    let up = libc::IFF_UP as u32;
    let mut bytes = vec![0; 4];
    bytes.extend(1_i32.to_ne_bytes());
    bytes.extend(up.to_ne_bytes());
    bytes.extend(up.to_ne_bytes());
    bytes
}

/// `struct rtmsg` and its attributes: the destination, the priority.
///
/// Of the kinds of route that lead nowhere this one lets programs say `Permission denied` instead of
/// `Invalid argument`.
fn refused_route(network: Cidr) -> Vec<u8> {
    let (family, address) = match network.address {
        IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    let (table, origin, scope) = (libc::RT_TABLE_MAIN, libc::RTPROT_STATIC, libc::RT_SCOPE_UNIVERSE);
    let mut bytes = vec![family as u8, network.prefix, 0, 0, table, origin, scope, libc::RTN_PROHIBIT];
    bytes.extend(0_u32.to_ne_bytes());
    for (kind, content) in [(libc::RTA_DST, address), (libc::RTA_PRIORITY, FIRST.to_ne_bytes().to_vec())] {
        bytes.extend((4 + content.len() as u16).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(content);
    }
    bytes
}

/// Sends one request and waits for its acknowledgement.
fn exchange(netlink: &OwnedFd, kind: u16, flags: u16, payload: &[u8]) -> Result<(), Errno> {
    const HEADER: usize = 16;
    let flags = flags | (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let mut message = Vec::with_capacity(HEADER + payload.len());
    message.extend(((HEADER + payload.len()) as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(payload);
    send(netlink.as_raw_fd(), &message, MsgFlags::empty())?;

    // `struct nlmsgerr` follows the header: a negated error number, 0 for success.
    let mut answer = [0; 1024];
    let length = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let field = |at: usize| answer[..length].get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    let (Some(head), Some(error)) = (field(4), field(HEADER)) else { return Err(Errno::EBADMSG) };
    match (u32::from_ne_bytes(head) as libc::c_int & 0xffff, i32::from_ne_bytes(error)) {
        (libc::NLMSG_ERROR, 0) => Ok(()),
        (libc::NLMSG_ERROR, error) => Err(Errno::from_raw(-error)),
        _ => Err(Errno::EBADMSG),
    }
}
