//! The calls of the operating system that the compiler can't vouch for; each says why it is sound. Nothing else in
//! this crate is `unsafe`.
#![allow(unsafe_code)]

use std::{
    fs::{File, OpenOptions},
    io::{self, IoSlice, IoSliceMut},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::fs::OpenOptionsExt,
    },
    path::Path,
};

use nix::{
    cmsg_space,
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    libc,
    sys::{
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
        socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, UnixCredentials, recvmsg, sendmsg},
    },
    unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout},
};

/// The longest packet on a [`Channel`].
const LONGEST_PACKET: usize = 16 * 1024;

/// Which side of a fork this is.
pub(crate) enum Side {
    Parent(Pid),
    Child,
}

/// Splits this process in two. Only for processes with a single thread.
pub(crate) fn fork() -> io::Result<Side> {
    // SAFETY: the supervisor, its only caller, has one thread, so no lock is left held in the child.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Side::Parent(child)),
        ForkResult::Child => Ok(Side::Child),
    }
}

/// Ends this process at once, without running what the parent registered to run at its exit.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit(2) touches no memory of this process.
    unsafe { libc::_exit(code) }
}

/// Takes over a descriptor that this process was started with.
///
/// The caller names a number that only the process's parent could have opened, and calls this once for it.
pub(crate) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD only looks at the number; a wrong one gives EBADF.
    Errno::result(unsafe { libc::fcntl(number, libc::F_GETFD) })?;
    // SAFETY: it is open, and by the contract above nothing else in this process owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    keep_from_programs(&fd)?;
    Ok(fd)
}

/// Closes every descriptor from this number up.
///
/// Only for the very beginning of a process, before anything in it has opened one.
pub(crate) fn close_from(number: u32) -> io::Result<()> {
    // SAFETY: by the contract above nothing owns the descriptors that go.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, number, u32::MAX, 0) })?;
    Ok(())
}

/// Lets a descriptor through to the program that this process becomes.
pub(crate) fn pass_to_program(fd: impl AsFd) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(())
}

/// Closes a descriptor when this process becomes another program.
pub(crate) fn keep_from_programs(fd: impl AsFd) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(())
}

/// Makes `/dev/null` the standard input and `output` the standard output and error.
pub(crate) fn replace_standard_streams(output: impl AsFd) -> io::Result<()> {
    dup2_stdin(File::open("/dev/null")?)?;
    dup2_stdout(output.as_fd())?;
    dup2_stderr(output)?;
    Ok(())
}

/// Gives every signal back its default effect and blocks none, as a program expects when it begins.
pub(crate) fn default_signals() -> io::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator().filter(|signal| !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: the default effect runs no code of this process.
        unsafe { sigaction(signal, &default) }?;
    }
    SigSet::empty().thread_set_mask()?;
    Ok(())
}

/// Ignores a signal.
pub(crate) fn ignore(signal: Signal) -> io::Result<()> {
    let ignored = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: ignoring runs no code of this process.
    unsafe { sigaction(signal, &ignored) }?;
    Ok(())
}

/// A process that can't be mistaken for another one that gets its number later.
pub(crate) struct PidFd(OwnedFd);

impl PidFd {
    pub(crate) fn open(pid: Pid) -> io::Result<Self> {
        // SAFETY: pidfd_open(2) takes two integers and gives a new descriptor, or -1.
        let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
        let fd = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
        // SAFETY: the kernel just made it for this call.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends a signal; an error if the process is gone.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let (fd, signal, info) = (self.0.as_raw_fd(), signal as libc::c_int, std::ptr::null::<libc::siginfo_t>());
        // SAFETY: pidfd_send_signal(2) allows no siginfo, and keeps none of its arguments.
        Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, info, 0) })?;
        Ok(())
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// One end of a packet socket: whole messages, the sender's pid, and descriptors.
pub(crate) struct Channel(OwnedFd);

/// What came with one packet.
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    /// The sender, as this process's own pid namespace knows it; only if the receiver asked for it.
    pub(crate) sender: Option<Pid>,
    pub(crate) descriptor: Option<OwnedFd>,
}

impl Channel {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    pub(crate) fn send(&self, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let raw = descriptor.map(|fd| [fd.as_raw_fd()]);
        let rights: Vec<_> = raw.iter().map(|fds| ControlMessage::ScmRights(fds)).collect();
        let flags = MsgFlags::MSG_NOSIGNAL;
        sendmsg::<UnixAddr>(self.0.as_raw_fd(), &[IoSlice::new(bytes)], &rights, flags, None)?;
        Ok(())
    }

    /// Waits for a packet; `None` when the other end is closed.
    pub(crate) fn receive(&self) -> io::Result<Option<Packet>> {
        let mut bytes = vec![0; LONGEST_PACKET];
        let mut control = cmsg_space!(UnixCredentials, [RawFd; 1]);
        let (length, sender, descriptor) = {
            let mut buffers = [IoSliceMut::new(&mut bytes)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            let message = match recvmsg::<UnixAddr>(self.0.as_raw_fd(), &mut buffers, Some(&mut control), flags) {
                // Closed before it had read everything.
                Err(Errno::ECONNRESET) => return Ok(None),
                message => message?,
            };
            let (mut sender, mut descriptor) = (None, None);
            for part in message.cmsgs()? {
                match part {
                    ControlMessageOwned::ScmCredentials(credentials) => sender = Some(Pid::from_raw(credentials.pid())),
                    ControlMessageOwned::ScmRights(numbers) => {
                        // SAFETY: the kernel just made these for this call, and nobody else knows them.
                        descriptor = numbers.iter().map(|number| unsafe { OwnedFd::from_raw_fd(*number) }).next_back();
                    }
                    _ => {}
                }
            }
            (message.bytes, sender, descriptor)
        };
        bytes.truncate(length);
        Ok((length > 0).then_some(Packet { bytes, sender, descriptor }))
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether the kernel says that the clock is kept right (adjtimex(2)).
pub(crate) fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: the structure is made of integers alone, for which zeroes are valid.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is ours, and with no mode set the call only fills it.
    let found = Errno::result(unsafe { libc::adjtimex(&mut state) })?;
    Ok(found != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0)
}

/// Creates a file that only its owner may read; an existing one is emptied.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}
