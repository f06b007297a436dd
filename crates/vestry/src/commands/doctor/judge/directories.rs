//! The data directory, and the room on the disks.

use std::path::{Path, PathBuf};

use runtime::machine::Disk;

use super::{super::report::Verdict, shell};

/// What was seen of the data directory.
pub(in super::super) enum DataDirectory {
    /// It is not there.
    Missing {
        /// The nearest directory above it that is there, where this account can't make anything in it.
        unusable: Option<PathBuf>,
    },
    /// It can't be looked at, and why.
    Unreadable(String),
    /// It is there.
    Found {
        /// Its mode, as `chmod` takes it.
        mode: u32,
        /// The account that it belongs to.
        owner: String,
        /// Whether that is the one that runs this.
        own: bool,
    },
}

impl DataDirectory {
    /// Whether another account than this one has it.
    pub(in super::super) fn is_others(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::Found { own: false, .. })
    }
}

/// Whether the data directory can be used, and by its account alone.
pub(in super::super) fn judge(path: &Path, found: &DataDirectory) -> Verdict {
    let name = path.display();
    match found {
        DataDirectory::Missing { unusable: None } => {
            Verdict::ok(format!("{name} is not there yet: the first start makes it"))
        }
        DataDirectory::Missing { unusable: Some(above) } => {
            let made = format!("sudo install -d -m 700 -o \"$USER\" {}", shell(path));
            Verdict::problem(format!("{name} is not there, and this account can't make it in {}", above.display()))
                .because("The control plane can't start without it. Make it for the account that runs it:")
                .remedy([made])
        }
        DataDirectory::Unreadable(why) => Verdict::problem(format!("{name} can't be looked at: {why}"))
            .because("The account that runs the control plane must own it. As that account:")
            .remedy(["sudo -u ACCOUNT vestry doctor      with the same settings"]),
        DataDirectory::Found { owner, own: false, .. } => Verdict::problem(format!("{name} belongs to {owner}"))
            .because("The control plane refuses another's, and what is below was tried by the wrong account. Type:")
            .remedy([format!("sudo -u {owner} vestry doctor      with the same settings")]),
        DataDirectory::Found { mode, .. } if mode & 0o022 != 0 => {
            Verdict::problem(format!("others may write into {name} (its mode is {mode:04o})"))
                .because("The control plane refuses it: whoever can write there can change what it does.")
                .remedy([format!("chmod 700 {}", shell(path))])
        }
        DataDirectory::Found { mode, .. } if mode & 0o077 != 0 => {
            Verdict::warning(format!("others may look into {name} (its mode is {mode:04o})"))
                .because("What lies in it is for its account alone.")
                .remedy([format!("chmod 700 {}", shell(path))])
        }
        DataDirectory::Found { .. } => Verdict::ok(format!("{name}, for its account alone")),
    }
}

const MIB: u64 = 1 << 20;
/// With less nothing can be relied on.
const LEAST: (u64, u64) = (100 * MIB, 1_000);
/// With less it is time to do something.
const LITTLE: (u64, u64) = (1024 * MIB, 10_000);

/// Whether there is room for what is written: each with what it is for.
pub(in super::super) fn judge_room(disks: &[(&str, Result<Disk, String>)]) -> Verdict {
    if let Some((what, Err(why))) = disks.iter().find(|(_, found)| found.is_err()) {
        return Verdict::unknown(format!("the disk of {what} can't be looked at: {why}"));
    }
    let disks = disks.iter().filter_map(|(what, found)| Some((*what, found.as_ref().ok()?)));
    let below =
        |disk: &Disk, (bytes, files): (u64, u64)| disk.free < bytes || disk.free_files.is_some_and(|free| free < files);
    let mut seen = Vec::new();
    let disks: Vec<(&str, &Disk)> = disks
        .filter(|(_, disk)| {
            !seen.contains(&disk.device) && {
                seen.push(disk.device);
                true
            }
        })
        .collect();
    let room = |what: &str, disk: &Disk| {
        let files = disk.free_files.map_or(String::new(), |files| format!(" and {files} files"));
        format!("{what}: room for {}{files} ({})", bytes(disk.free), disk.path.display())
    };
    let short = |least| disks.iter().find(|(_, disk)| below(disk, least));
    let full = short(LEAST).map(|found| (found, true)).or_else(|| short(LITTLE).map(|found| (found, false)));
    let Some(((what, disk), hardly_any)) = full else {
        return Verdict::ok(disks.iter().map(|(what, disk)| room(what, disk)).collect::<Vec<_>>().join("; "));
    };
    let found = room(what, disk);
    let verdict = if hardly_any { Verdict::problem(found) } else { Verdict::warning(found) };
    let path = shell(&disk.path);
    verdict
        .because("When it is full nothing can be written or started. See what takes it:")
        .remedy([format!("du -xh {path} | sort -h | tail"), format!("df -h {path}; df -i {path}")])
}

fn bytes(count: u64) -> String {
    match count {
        0..MIB => format!("{} KiB", count >> 10),
        count if count < 1024 * MIB => format!("{} MiB", count / MIB),
        count => format!("{} GiB", count / (1024 * MIB)),
    }
}

/// The folders that the control plane writes to, and what each is for.
pub(in super::super) fn written(data_dir: &Path) -> [(&'static str, PathBuf); 3] {
    [("data", data_dir.to_owned()), ("logs", data_dir.join("logs")), ("homes", data_dir.join("homes"))]
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    #[test]
    fn a_data_directory_is_its_account_s_alone() {
        let found = |mode, own| DataDirectory::Found { mode, owner: "vestry".into(), own };
        let verdict = |found| judge(Path::new("/srv/my data"), &found);
        assert_eq!(verdict(DataDirectory::Missing { unusable: None }).status, Status::Ok);
        let unmakable = verdict(DataDirectory::Missing { unusable: Some("/srv".into()) });
        assert_eq!(unmakable.status, Status::Problem);
        assert_eq!(unmakable.remedy, ["sudo install -d -m 700 -o \"$USER\" '/srv/my data'"]);
        assert_eq!(verdict(found(0o700, true)).status, Status::Ok);
        assert_eq!(verdict(found(0o755, true)).status, Status::Warning);
        let loose = verdict(found(0o720, true));
        assert_eq!((loose.status, loose.remedy), (Status::Problem, vec!["chmod 700 '/srv/my data'".to_owned()]));
        assert!(verdict(found(0o700, false)).remedy[0].starts_with("sudo -u vestry vestry doctor"));
        assert_eq!(verdict(DataDirectory::Unreadable("denied".into())).status, Status::Problem);
    }

    fn disk(device: u64, free: u64, free_files: Option<u64>) -> Result<Disk, String> {
        Ok(Disk { path: "/srv".into(), device, free, free_files })
    }

    #[test]
    fn room_is_counted_in_bytes_and_in_files() {
        let status = |free, files| judge_room(&[("data", disk(1, free, files))]).status;
        assert_eq!(status(2048 * MIB, Some(20_000)), Status::Ok);
        assert_eq!(status(2048 * MIB, None), Status::Ok);
        assert_eq!(status(1024 * MIB - 1, None), Status::Warning);
        assert_eq!(status(2048 * MIB, Some(9_999)), Status::Warning);
        assert_eq!(status(100 * MIB - 1, None), Status::Problem);
        assert_eq!(status(2048 * MIB, Some(999)), Status::Problem);
        assert_eq!(judge_room(&[("data", Err("gone".into()))]).status, Status::Unknown);
    }

    #[test]
    fn the_worst_disk_counts_and_each_is_named_once() {
        let plenty = || disk(1, 5 << 30, None);
        let verdict = judge_room(&[("data", plenty()), ("logs", plenty())]);
        assert_eq!(verdict.found, "data: room for 5 GiB (/srv)");
        let verdict = judge_room(&[("data", disk(1, 500 * MIB, None)), ("logs", disk(2, MIB, None))]);
        assert_eq!(verdict.found, "logs: room for 1 MiB (/srv)");
        assert_eq!(verdict.status, Status::Problem);
    }
}
