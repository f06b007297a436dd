//! Where memory may be swapped to.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::sys::stat::{major, minor};

/// A place that memory may be swapped to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Swap {
    /// The device or file.
    pub path: PathBuf,
    /// What becomes of what is swapped there.
    pub kept: Kept,
}

/// How swapped memory is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// Compressed, in memory (zram).
    InMemory,
    /// On a device that is encrypted (dm-crypt).
    Encrypted,
    /// As it is.
    InTheClear,
    /// It can't be seen from here.
    Unknown,
}

/// The places in use.
///
/// # Errors
/// When the kernel's list can't be read.
pub fn swaps() -> io::Result<Vec<Swap>> {
    let list = fs::read_to_string("/proc/swaps")?;
    let swaps = listed(&list).map(|path| {
        let kept = number(&path).map_or(Kept::Unknown, |number| kept(&Path::new("/sys/dev/block").join(number)));
        Swap { path, kept }
    });
    Ok(swaps.collect())
}

/// Below the heading, the first column; the kernel writes a space in a name as `\040`.
fn listed(list: &str) -> impl Iterator<Item = PathBuf> {
    let names = list.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    names.map(|name| name.replace("\\040", " ").into())
}

/// The device's number, or that of the device that a file lies on.
fn number(path: &Path) -> Option<String> {
    let found = path.metadata().ok()?;
    let device = if found.file_type().is_block_device() { found.rdev() } else { found.dev() };
    Some(format!("{}:{}", major(device), minor(device)))
}

/// `device` is the folder of a block device in sysfs.
fn kept(device: &Path) -> Kept {
    let Ok(device) = device.canonicalize() else { return Kept::Unknown };
    let read = |file: &str| fs::read_to_string(device.join(file)).unwrap_or_default();
    let name = device.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("zram") {
        return if read("backing_dev").trim() == "none" { Kept::InMemory } else { Kept::Unknown };
    }
    if name.starts_with("loop") {
        return Kept::Unknown;
    }
    if read("dm/uuid").starts_with("CRYPT-") {
        return Kept::Encrypted;
    }
    // A logical volume or an array is what the devices below it are.
    let below: Vec<Kept> =
        fs::read_dir(device.join("slaves")).into_iter().flatten().flatten().map(|entry| kept(&entry.path())).collect();
    match below.iter().find(|kept| **kept != Kept::Encrypted) {
        _ if below.is_empty() => Kept::InTheClear,
        Some(other) => *other,
        None => Kept::Encrypted,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A sysfs with block devices: name, file in its folder, content; and which lies on which.
    fn sysfs(files: &[(&str, &str, &str)], below: &[(&str, &str)]) -> tempfile::TempDir {
        let sys = tempfile::tempdir().unwrap();
        for (device, file, content) in files {
            let path = sys.path().join(device).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        for (upper, lower) in below {
            let slaves = sys.path().join(upper).join("slaves");
            fs::create_dir_all(&slaves).unwrap();
            symlink(sys.path().join(lower), slaves.join(lower)).unwrap();
        }
        sys
    }

    #[test]
    fn what_swapped_memory_is_kept_in_is_told_apart() {
        let sys = sysfs(
            &[
                ("zram0", "backing_dev", "none\n"),
                ("zram1", "backing_dev", "/dev/sdb1\n"),
                ("dm-0", "dm/uuid", "CRYPT-LUKS2-0123-swap\n"),
                ("dm-1", "dm/uuid", "LVM-abc\n"),
                ("dm-2", "dm/uuid", "LVM-def\n"),
                ("sda2", "partition", "2\n"),
                ("loop0", "ro", "0\n"),
            ],
            &[("dm-0", "sda2"), ("dm-1", "dm-0"), ("dm-2", "dm-0"), ("dm-2", "sda2")],
        );
        let table = [
            ("zram0", Kept::InMemory),
            ("zram1", Kept::Unknown),
            ("dm-0", Kept::Encrypted),
            ("dm-1", Kept::Encrypted),
            ("dm-2", Kept::InTheClear),
            ("sda2", Kept::InTheClear),
            ("loop0", Kept::Unknown),
            ("gone", Kept::Unknown),
        ];
        for (device, expected) in table {
            assert_eq!(kept(&sys.path().join(device)), expected, "{device}");
        }
    }

    #[test]
    fn the_list_of_places_is_read() {
        let list = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
            /dev/sda2                               partition\t999420\t\t0\t\t-2\n\
            /swap\\040file                           file\t\t1048572\t\t0\t\t-3\n";
        let places: Vec<PathBuf> = listed(list).collect();
        assert_eq!(places, [PathBuf::from("/dev/sda2"), PathBuf::from("/swap file")]);
        assert_eq!(listed("Filename Type Size Used Priority\n").count(), 0);
    }
}
