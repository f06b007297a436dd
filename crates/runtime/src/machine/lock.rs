use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// Which process of this machine holds the lock (flock(2)) of a file; `None` for none. The lock is not touched.
///
/// # Errors
/// When that can't be found out.
pub fn holder(file: &Path) -> io::Result<Option<u32>> {
    match file.metadata() {
        Ok(found) => Ok(holder_of(&fs::read_to_string("/proc/locks")?, found.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The device is not compared: some file systems show another one there than stat(2) does.
fn holder_of(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_flock = fields.next()? == "FLOCK";
        let (pid, place) = (fields.nth(2)?, fields.next()?);
        let same = place.rsplit(':').next()?.parse() == Ok(inode);
        (is_flock && same).then(|| pid.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use nix::fcntl::{Flock, FlockArg};

    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_known_without_taking_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(holder(&path).unwrap(), None);
        let file = fs::File::create(&path).unwrap();
        assert_eq!(holder(&path).unwrap(), None);
        let _held = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap();
        assert_eq!(holder(&path).unwrap(), Some(std::process::id()));
    }

    #[test]
    fn other_kinds_of_locks_and_those_who_wait_are_not_holders() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 fe:01:77 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 12 fe:01:77 0 EOF\n\
            2: FLOCK  ADVISORY  WRITE 13 fe:01:78 0 EOF\n3: FLOCK  ADVISORY  WRITE 14 00:2a:77 0 EOF\n";
        assert_eq!(holder_of(locks, 77), Some(14));
        assert_eq!(holder_of(locks, 7), None);
    }
}
