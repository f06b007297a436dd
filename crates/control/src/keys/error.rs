use std::{fmt, io, path::PathBuf};

use thiserror::Error;

/// Why there is no root key. Says what happened, what was not done and what to do next, never any part of a key.
///
/// With any of them the control plane can start sealed.
#[derive(Debug, Error)]
pub enum KeyError {
    /// There is nothing at the place.
    #[error("there is no root key {place}; no key was made, and nothing can be sealed or unsealed; {}", put(place))]
    Missing {
        /// Where it should be.
        place: Place,
    },
    /// There is something, and it must not be used.
    #[error("the root key {place} was refused: {reason}; it was neither used nor changed; {}", reason.remedy())]
    Refused {
        /// Where it is.
        place: Place,
        /// What is wrong with it.
        reason: Refusal,
    },
    /// The system does not let it be read or written.
    #[error(
        "the root key {place} could not be read or made: {source}; nothing can be sealed or unsealed; give the user \
         that runs Vestry access to it, then start again"
    )]
    Unavailable {
        /// Where it should be.
        place: Place,
        /// What the system says.
        source: io::Error,
    },
}

/// Where a root key is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this file.
    File(PathBuf),
    /// In the environment.
    Environment,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Environment => f.write_str("in the environment"),
        }
    }
}

fn put(place: &Place) -> &'static str {
    match place {
        Place::File(_) => "put the key file back, or name its place with --root-key, then start again",
        Place::Environment => {
            "set it to the key's 64 hexadecimal digits and start again (a first key: openssl rand -hex 32)"
        }
    }
}

/// Why a root key is not used although it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Whoever copies the data directory would have the key with it.
    InsideDataDirectory,
    /// Whoever can write where the link lies chooses the key.
    Symlink,
    /// A directory, a device, a pipe.
    NoFile,
    /// Others may read or write it. The mode, as `chmod` takes it.
    FileMode(u32),
    /// Others may look into or change its directory. The mode, as `chmod` takes it.
    DirectoryMode(u32),
    /// It belongs to this other user.
    FileOwner(u32),
    /// Its directory belongs to this other user.
    DirectoryOwner(u32),
    /// It is no key file, or a damaged one.
    Damaged,
    /// It is not 64 hexadecimal digits.
    NoDigits,
    /// A key was to be made, and there is one.
    Exists,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InsideDataDirectory => f.write_str("it lies in the data directory, whose backups must not hold it"),
            Self::Symlink => f.write_str("it is a symbolic link"),
            Self::NoFile => f.write_str("it is not an ordinary file"),
            Self::FileMode(mode) => write!(f, "others may use the file (its mode is {mode:04o})"),
            Self::DirectoryMode(mode) => write!(f, "others may use its directory (whose mode is {mode:04o})"),
            Self::FileOwner(user) => write!(f, "the file belongs to another user ({user})"),
            Self::DirectoryOwner(user) => write!(f, "its directory belongs to another user ({user})"),
            Self::Damaged => f.write_str("it is not a key file, or it is damaged"),
            Self::NoDigits => f.write_str("it is not 64 hexadecimal digits"),
            Self::Exists => f.write_str("there is one already, and a new one was to be made"),
        }
    }
}

impl Refusal {
    fn remedy(self) -> &'static str {
        match self {
            Self::InsideDataDirectory => "move it elsewhere and name the new place with --root-key",
            Self::Symlink => "name the file itself with --root-key",
            Self::NoFile => "name the key file with --root-key",
            Self::FileMode(_) => "if nobody else can have read it, chmod 600 the file; then start again",
            Self::DirectoryMode(_) => "if nobody else can have read the key, chmod 700 its directory; then start again",
            Self::FileOwner(_) => "chown the file to the user that runs Vestry, then start again",
            Self::DirectoryOwner(_) => "chown its directory to the user that runs Vestry, then start again",
            Self::Damaged => "put your copy of the key file in its place, then start again",
            Self::NoDigits => "set it to the key's 64 hexadecimal digits, then start again",
            Self::Exists => "start again to use it, or move it away first if it really belongs to nothing",
        }
    }
}
