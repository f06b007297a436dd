use std::path::PathBuf;

use envelope::Key;
use zeroize::Zeroizing;

use super::{KeyError, env, file};

/// Where the root key comes from.
pub enum KeyProvider {
    /// A file of its own, outside the data directory, so that no backup of the one holds the other.
    File {
        /// The file.
        path: PathBuf,
        /// The data directory, which it must not lie in.
        data_dir: PathBuf,
    },
    /// The key's 64 hexadecimal digits, as they were handed to this process.
    Env(Zeroizing<String>),
}

impl KeyProvider {
    /// Reads the root key. Makes and changes nothing, whatever fails.
    pub fn load(&self) -> Result<Key, KeyError> {
        match self {
            Self::File { path, data_dir } => file::load(path, data_dir),
            Self::Env(digits) => env::load(digits),
        }
    }

    /// Makes the root key at the first start. Only whoever knows that the database is empty may call this: with rows
    /// that another key sealed, a new key helps nobody and hides that theirs is lost.
    ///
    /// Never replaces a key: [`Refusal::Exists`](super::Refusal::Exists) where there is one. A key in the environment
    /// is the operator's to make; without it the answer is [`KeyError::Missing`].
    pub fn create(&self) -> Result<Key, KeyError> {
        match self {
            Self::File { path, data_dir } => file::create(path, data_dir),
            Self::Env(digits) => env::create(digits),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use envelope::{Context, seal_canary, verify_canary};
    use tempfile::TempDir;

    use super::*;
    use crate::keys::Refusal;

    const DIGITS: &str = "00112233445566778899aabbccddeeff0123456789abcdef0123456789ABCDEF";
    /// The id of `DIGITS`, from another implementation of HKDF (Python's `cryptography`).
    const ID: &str = "a1f5e53841607d52400d7c089d4adeab";
    const DAMAGED: &str = "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdeg";

    fn file(dir: &Path) -> KeyProvider {
        KeyProvider::File { path: dir.join("keys/root-key"), data_dir: dir.join("data") }
    }

    fn env(digits: &str) -> KeyProvider {
        KeyProvider::Env(Zeroizing::new(digits.to_owned()))
    }

    fn file_with(digits: &str) -> (TempDir, KeyProvider) {
        let dir = tempfile::tempdir().unwrap();
        let provider = file(dir.path());
        provider.create().unwrap();
        fs::write(dir.path().join("keys/root-key"), format!("vestry-root-key-1 {ID} {digits}\n")).unwrap();
        (dir, provider)
    }

    /// What every provider must do, given one that holds `DIGITS`, one that holds nothing, and one that holds `DAMAGED`.
    fn conforms(whole: &KeyProvider, empty: &KeyProvider, damaged: &KeyProvider) {
        let key = whole.load().unwrap();
        let canary = seal_canary(&key, &Context::new()).unwrap();
        assert_eq!(verify_canary(&whole.load().unwrap(), &Context::new(), &canary), Ok(()));

        assert!(matches!(whole.create(), Err(KeyError::Refused { reason: Refusal::Exists, .. })));
        assert_eq!(verify_canary(&whole.load().unwrap(), &Context::new(), &canary), Ok(()));

        for _ in 0..2 {
            assert!(matches!(empty.load(), Err(KeyError::Missing { .. })));
        }
        for error in [damaged.load().err().unwrap(), damaged.create().err().unwrap()] {
            assert!(matches!(error, KeyError::Refused { .. }));
            let shown = format!("{error} {error:?}").to_lowercase();
            assert!(!DAMAGED.as_bytes().windows(8).any(|part| shown.contains(&*String::from_utf8_lossy(part))));
        }
    }

    #[test]
    fn the_file_provider_conforms() {
        let ((_whole_dir, whole), (_damaged_dir, damaged)) = (file_with(DIGITS), file_with(DAMAGED));
        let empty = tempfile::tempdir().unwrap();
        conforms(&whole, &file(empty.path()), &damaged);
        assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "loading made something");
    }

    #[test]
    fn the_env_provider_conforms() {
        conforms(&env(DIGITS), &env(" \n"), &env(DAMAGED));
    }

    #[test]
    fn a_key_that_moves_from_the_file_into_the_environment_stays_the_same() {
        let (_dir, file) = file_with(DIGITS);
        let (from_file, from_env) = (file.load().unwrap(), env(&format!("{DIGITS}\n")).load().unwrap());
        assert_eq!(from_file.id(), from_env.id());
        let canary = seal_canary(&from_file, &Context::new()).unwrap();
        assert_eq!(verify_canary(&from_env, &Context::new(), &canary), Ok(()));
    }

    #[test]
    fn a_missing_key_in_the_environment_is_never_made() {
        assert!(matches!(env("").create(), Err(KeyError::Missing { .. })));
    }
}
