use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;

/// The room where a path is, or will be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disk {
    /// The path, or the nearest folder above it that is there.
    pub path: PathBuf,
    /// The number of the file system.
    pub device: u64,
    /// Bytes that an ordinary account can still write.
    pub free: u64,
    /// Files that an ordinary account can still make; `None` where the file system has no such limit.
    pub free_files: Option<u64>,
}

/// Looks at the file system of a path.
///
/// # Errors
/// When it can't be looked at.
pub fn disk(path: &Path) -> io::Result<Disk> {
    let path = path.ancestors().find(|path| path.exists()).ok_or(io::ErrorKind::NotFound)?;
    let found = statvfs(path)?;
    let unit = found.fragment_size();
    Ok(Disk {
        path: path.to_owned(),
        device: path.metadata()?.dev(),
        free: found.blocks_available().saturating_mul(unit),
        free_files: (found.files() > 0).then(|| found.files_available()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_room_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let found = disk(&folder.path().join("not/there")).unwrap();
        assert_eq!(found.path, folder.path());
        assert!(found.free > 0);
        assert_eq!(found.device, folder.path().metadata().unwrap().dev());
    }
}
