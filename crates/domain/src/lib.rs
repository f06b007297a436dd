//! The words and rules of Vestry: names, scopes, roles, permissions, environments, drift, masking.
//!
//! Pure: no I/O, no clock, no randomness, no database. The other crates ask here what is true and do the rest.

mod absence;
mod allowance;
mod audit;
mod budget;
mod command;
mod command_line;
pub mod dotenv;
mod drift;
mod email;
mod environment;
pub mod id;
mod import;
mod mask;
mod member;
mod name;
pub mod policy;
mod preview;
mod printed;
mod restart;
mod scope;
mod session;
mod slug;
mod text;
mod time;
mod value;
mod variable;
mod version;
mod words;

pub use absence::*;
pub use allowance::*;
pub use audit::*;
pub use budget::*;
pub use command::*;
pub use command_line::*;
pub use drift::*;
pub use email::*;
pub use environment::*;
pub use id::*;
pub use import::*;
pub use mask::Masker;
pub use member::*;
pub use name::{LONGEST_NAME, NameRefused, NameWarning, SecretName};
pub use preview::*;
pub use printed::*;
pub use restart::*;
pub use scope::*;
pub use session::*;
pub use slug::*;
pub use text::*;
pub use time::Time;
pub use value::*;
pub use variable::*;
pub use version::*;
pub use words::UnknownWord;
