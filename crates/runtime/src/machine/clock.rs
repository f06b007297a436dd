use crate::os;

/// What the kernel knows of the machine's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// A service keeps it right.
    Synchronised,
    /// No service has said that it is right.
    NotSynchronised,
    /// The kernel doesn't say.
    Unknown,
}

/// Asks the kernel (adjtimex(2)).
pub fn clock() -> Clock {
    match os::clock_is_synchronised() {
        Ok(true) => Clock::Synchronised,
        Ok(false) => Clock::NotSynchronised,
        Err(_) => Clock::Unknown,
    }
}
