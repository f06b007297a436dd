//! A real control plane with its people, and what its servers leave on this machine.

pub(crate) mod actor;
mod cluster;
mod control_plane;
mod disk;
mod follow;
mod house;
mod laptop;
#[path = "../../../../control/tests/it/support/postgres.rs"]
mod postgres;
mod processes;
mod programs;
mod sweep;
mod wire;

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

pub(crate) use actor::{Actor, Answer};
pub(crate) use cluster::Cluster;
pub(crate) use control_plane::{Account, ControlPlane, Database, Options};
pub(crate) use disk::Disk;
pub(crate) use follow::{Event, Follower};
pub(crate) use house::{House, LAB, Server};
pub(crate) use laptop::{Laptop, Ran};
pub(crate) use processes::{Process, environment_of, family, processes};
pub(crate) use programs::{Programs, write_program};
pub(crate) use sweep::{Forms, Sweep};
pub(crate) use wire::Wire;

/// Whatever is waited for has long happened by then, on a machine under load too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until there is something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        sleep(Duration::from_millis(20));
    }
}
