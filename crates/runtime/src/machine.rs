//! What can be found out about this machine without changing it, for `vestry doctor`: plain data, judged elsewhere.

mod accounts;
mod clock;
mod disk;
mod dumps;
mod lock;
mod namespaces;
mod swap;
mod tools;

pub use accounts::{Claim, account, claims, last_uid};
pub use clock::{Clock, clock};
pub use disk::{Disk, disk};
pub use dumps::{CoreDumps, core_dumps};
pub use lock::holder;
pub use namespaces::{UserNamespaces, try_namespaces, user_namespaces};
pub use swap::{Kept, Swap, swaps};
pub use tools::{Tool, tool};

/// The number that a file of the kernel holds; `None` where there is none.
fn number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}
