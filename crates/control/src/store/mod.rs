//! What is kept, and the only place with SQL. Every text runs on SQLite and PostgreSQL.
//!
//! A function does one statement or one idea. Whatever writes takes a [`Writing`] and a [`Permit`] or
//! [`InstallationPermit`]; a write ends in [`audit::commit`], which records what was done in the same transaction.

pub mod absent;
pub mod access;
pub mod attempts;
pub mod audit;
pub mod available;
pub mod budgets;
pub mod collaborators;
pub mod credentials;
pub mod data_keys;
pub mod deleted_secrets;
mod driver;
mod hints;
pub mod holders;
pub mod imports;
pub mod inspection;
pub mod installation;
pub mod members;
pub mod organizations;
pub mod overrides;
pub mod page;
pub mod reports;
pub mod restarts;
pub mod secrets;
pub mod selections;
pub mod servers;
mod set;
pub mod snapshots;
pub mod starts;
pub mod suspensions;
pub mod users;
pub mod versions;
pub mod workspace_tokens;
pub mod workspaces;

pub use access::{Caller, Home, InstallationPermit, Location, Permit, Runner, WorkspaceToken};
pub use driver::{Connection, Reading, Result, Store, StoreError, Writing, server_of};
pub use hints::Hint;
pub use page::{Order, PageRequest};
pub use users::Who;
