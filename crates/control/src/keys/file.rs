//! The root key in a file of its own: mode 0600, in a directory of mode 0700, both of the user that runs this process.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Component, Path, PathBuf},
};

use envelope::Key;
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags, OFlag, openat},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, geteuid, linkat, unlinkat},
};
use zeroize::Zeroizing;

use super::{KeyError, Place, Refusal, text};
use crate::random;

pub(super) fn load(path: &Path, data_dir: &Path) -> Result<Key, KeyError> {
    read(path, data_dir, geteuid().as_raw()).map_err(|problem| problem.at(path))
}

pub(super) fn create(path: &Path, data_dir: &Path) -> Result<Key, KeyError> {
    make(path, data_dir, geteuid().as_raw()).map_err(|problem| problem.at(path))
}

/// What is wrong, before it is said where.
#[derive(Debug)]
enum Problem {
    Refused(Refusal),
    System(io::Error),
}

impl Problem {
    fn at(self, path: &Path) -> KeyError {
        let place = Place::File(path.to_owned());
        match self {
            Self::Refused(reason) => KeyError::Refused { place, reason },
            Self::System(error) if error.kind() == io::ErrorKind::NotFound => KeyError::Missing { place },
            Self::System(source) => KeyError::Unavailable { place, source },
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<Errno> for Problem {
    fn from(error: Errno) -> Self {
        Self::System(error.into())
    }
}

fn read(path: &Path, data_dir: &Path, user: u32) -> Result<Key, Problem> {
    let place = locate(path, data_dir)?;
    let directory = open_directory(&place.directory, user)?;
    // Without O_NONBLOCK, a pipe in place of the file would make the start wait forever.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match openat(&directory, place.name.as_path(), flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::ELOOP) => return Err(Problem::Refused(Refusal::Symlink)),
        Err(error) => return Err(error.into()),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(Problem::Refused(Refusal::NoFile));
    }
    require_private(&found, user, Refusal::FileOwner, Refusal::FileMode)?;

    // One byte more than a key file has, so that a longer one is seen; of that size from the start, so that no copy of
    // the key is left behind by growing.
    let mut line = Zeroizing::new(Vec::with_capacity(text::LINE_LEN + 1));
    file.take(text::LINE_LEN as u64 + 1).read_to_end(&mut line)?;
    text::parse_line(&line).ok_or(Problem::Refused(Refusal::Damaged))
}

/// Writes the whole key beside its place first and then links it there, which fails where something is already: a
/// crash at any moment leaves either the whole key or none, and of two that try only one succeeds.
fn make(path: &Path, data_dir: &Path, user: u32) -> Result<Key, Problem> {
    let place = locate(path, data_dir)?;
    make_directories(&place.directory)?;
    let directory = open_directory(&place.directory, user)?;

    let bytes = Zeroizing::new(random::bytes::<32>());
    let unfinished = PathBuf::from(format!(".root-key-{}", random::revision()));
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut file = File::from(openat(&directory, &unfinished, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    let linked = file
        .write_all(text::write_line(&bytes).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| Ok(linkat(&directory, &unfinished, &directory, place.name.as_path(), AtFlags::empty())?));
    let removed = unlinkat(&directory, &unfinished, UnlinkatFlags::NoRemoveDir);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(Problem::Refused(Refusal::Exists)),
        linked => linked?,
    }
    removed?;
    directory.sync_all()?;
    Ok(text::root_key(&bytes))
}

/// Where the key file is: its directory with no symbolic link left in it, and its name there.
struct Located {
    directory: PathBuf,
    name: PathBuf,
}

fn locate(path: &Path, data_dir: &Path) -> Result<Located, Problem> {
    let path = std::path::absolute(path)?;
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Problem::Refused(Refusal::NoFile));
    };
    let directory = resolve(directory)?;
    if directory.join(name).starts_with(resolve(&std::path::absolute(data_dir)?)?) {
        return Err(Problem::Refused(Refusal::InsideDataDirectory));
    }
    Ok(Located { directory, name: name.into() })
}

/// Follows the symbolic links of as much of an absolute path as exists.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    for existing in path.ancestors() {
        match existing.canonicalize() {
            Ok(real) => {
                let missing = path.strip_prefix(existing).map_err(io::Error::other)?;
                // What `..` leads to cannot be said before the directory is there.
                return if missing.components().any(|part| part == Component::ParentDir) {
                    Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has .. after a missing directory"))
                } else {
                    Ok(real.join(missing))
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Makes what is missing of a directory, for this user alone, and has each new entry on disk before returning.
fn make_directories(directory: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = directory.ancestors().take_while(|path| !path.exists()).collect();
    for path in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}

fn open_directory(directory: &Path, user: u32) -> Result<File, Problem> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = File::from(openat(AT_FDCWD, directory, flags, Mode::empty())?);
    require_private(&directory.metadata()?, user, Refusal::DirectoryOwner, Refusal::DirectoryMode)?;
    Ok(directory)
}

fn require_private(
    found: &fs::Metadata,
    user: u32,
    owner: fn(u32) -> Refusal,
    mode: fn(u32) -> Refusal,
) -> Result<(), Problem> {
    if found.uid() != user {
        return Err(Problem::Refused(owner(found.uid())));
    }
    if found.mode() & 0o077 != 0 {
        return Err(Problem::Refused(mode(found.mode() & 0o7777)));
    }
    Ok(())
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
