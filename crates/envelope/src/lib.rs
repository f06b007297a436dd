//! Seals bytes for storage and unseals them: the format of FORMAT.md and nothing else.
//!
//! No I/O, no clock, no database, none of Vestry's rules. A value goes in as [`Plaintext`] and comes out as
//! [`SealedValue`], the only form in which it may be stored; [`Context`] says where it belongs, and a sealed value that
//! was moved elsewhere, or changed by one bit, is [`Refused`]. What only waits in memory is [`Kept`].
//!
//! ```
//! use envelope::{Context, Key, Plaintext, SealedValue, Tag, seal, unseal};
//!
//! let key = Key::generate([7; 16])?;
//! let here = Context::new().with(Tag::Organization, &[1; 16]).with(Tag::Name, b"API_KEY");
//! let sealed = seal(&key, &here, &Plaintext::new(b"a value".to_vec()))?;
//!
//! let read_back = SealedValue::parse(sealed.into_bytes())?;
//! assert_eq!(unseal(&key, &here, &read_back)?.expose(), b"a value");
//!
//! let elsewhere = Context::new().with(Tag::Organization, &[2; 16]).with(Tag::Name, b"API_KEY");
//! assert!(unseal(&key, &elsewhere, &read_back).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cipher;
mod context;
mod error;
mod kept;
mod key;
mod pad;
mod plaintext;
mod seal;
mod sealed;
#[cfg(test)]
mod vectors;

pub use context::{Context, Tag};
pub use error::{Malformed, Refused, SealError};
pub use kept::Kept;
pub use key::{Key, KeyId};
pub use pad::{MAX_LEN, padded_len};
pub use plaintext::Plaintext;
pub use seal::{seal, seal_canary, unseal, unwrap, verify_canary, wrap};
pub use sealed::SealedValue;
