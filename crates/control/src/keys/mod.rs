//! Key providers: where the root key comes from. Never the database.
//!
//! A root key is 32 bytes. Its id follows from them, so that a key keeps its id when it moves from one provider to
//! another, and so that a mistyped or damaged key file is noticed before anything is unsealed with it.

mod env;
mod error;
mod file;
mod provider;
mod text;

pub use error::{KeyError, Place, Refusal};
pub use provider::KeyProvider;
