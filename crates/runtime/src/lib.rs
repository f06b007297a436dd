//! Where servers run: the sandbox, the supervisor and the shim. The home of OS code.
//!
//! ```text
//! control plane ── Runtime ──▶ supervisor (one process per start, outlives the control plane)
//!                                 ├─ slirp4netns: the way out of the server's own network namespace
//!                                 └─ bubblewrap: the sandbox
//!                                      └─ shim: checks its confinement, gets the environment, waits at the gate,
//!                                               becomes the server's command
//! ```
//!
//! The control plane's side is [`Runtime`]; [`supervise()`] and [`shim()`] are the entry points of the two processes,
//! called by the executable named in [`Settings::program`] when its first argument says so. Values travel from [`Launch`]
//! over a socket pair to the supervisor, and over a sealed memory file to the shim, after that has proved that it is
//! confined: never in an argument, in another process's environment, or in a file.
//!
//! Below the data directory: `run/<start id>/` while a start runs and until its end is [forgotten](Runtime::forget),
//! `homes/<workspace id>/`, `logs/<server id>/`.

mod cidr;
mod environment;
mod error;
mod local;
mod log;
pub mod machine;
mod memory;
mod os;
mod parcel;
mod protocol;
mod record;
mod settings;
mod shim;
mod supervisor;

pub use cidr::Cidr;
pub use environment::Environment;
pub use error::{Lost, Reason, StartFailed, Unavailable};
pub use local::{Found, Launch, NewError, Prepared, Runtime, Started, State};
pub use log::{Chunk, FILES_KEPT, LARGEST_FILE, Log};
pub use memory::{LimitFound, Memory, MemoryLimit};
pub use record::Exit;
pub use settings::{InvalidSettings, Network, Sandbox, Settings};
pub use shim::shim;
pub use supervisor::supervise;

/// Where a server finds its workspace's files, always.
pub const HOME: &str = "/home/workspace";
