use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid, chown, geteuid};

/// The workspace's folder, which belongs to its uid; makes it when it isn't there.
pub(super) fn of(data: &Path, workspace: &str, uid: Option<u32>) -> io::Result<PathBuf> {
    let home = data.join("homes").join(workspace);
    match DirBuilder::new().mode(0o700).create(&home) {
        Ok(()) => {
            if let Some(uid) = uid {
                chown(&home, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::symlink_metadata(&home)?;
    let owner = uid.unwrap_or_else(|| geteuid().as_raw());
    if !found.is_dir() || found.uid() != owner {
        return Err(io::Error::other(format!("{} is not a folder of uid {owner}", home.display())));
    }
    Ok(home)
}
