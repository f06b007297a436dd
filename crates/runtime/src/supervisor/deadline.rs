//! Waiting, but not for ever.

use std::{
    io,
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

/// A moment after which there is no more waiting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    pub(super) fn passed(self) -> bool {
        self.left().is_zero()
    }

    fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The time left for poll(2), rounded up so that it has passed when the wait is over.
    pub(super) fn timeout(self) -> PollTimeout {
        PollTimeout::try_from(self.left() + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
    }
}

/// Waits until one of them can be read, or its other end is closed, and says which: the first of several. `None` if the
/// deadline came first.
pub(super) fn first_readable(fds: &[BorrowedFd<'_>], deadline: Deadline) -> io::Result<Option<usize>> {
    let mut fds: Vec<_> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    loop {
        match poll(&mut fds, deadline.timeout()) {
            Ok(0) if deadline.passed() => return Ok(None),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(fds.iter().position(|fd| fd.any().unwrap_or(true))),
            Err(error) => return Err(error.into()),
        }
    }
}
