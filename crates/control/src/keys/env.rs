//! The root key from the environment. Settings are read by the binary: this gets the text.

use envelope::Key;

use super::{KeyError, Place, Refusal, text};

pub(super) fn load(digits: &str) -> Result<Key, KeyError> {
    match digits.trim_ascii() {
        "" => Err(KeyError::Missing { place: Place::Environment }),
        digits => text::parse_digits(digits).ok_or_else(|| refused(Refusal::NoDigits)),
    }
}

pub(super) fn create(digits: &str) -> Result<Key, KeyError> {
    load(digits).and_then(|_| Err(refused(Refusal::Exists)))
}

fn refused(reason: Refusal) -> KeyError {
    KeyError::Refused { place: Place::Environment, reason }
}
