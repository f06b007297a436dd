//! How much memory a server may take: control groups, version 2 (cgroups(7) and the kernel's `cgroup-v2.rst`).

use std::{fmt, fs, io, path::Path, path::PathBuf, str::FromStr};

use nix::unistd::getpid;
use serde::{Deserialize, Serialize};

/// An amount of memory, written like `512 MiB` or `4 GiB`; at least 16 MiB, less than which no server can start with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Memory(u64);

const UNITS: &[(&str, u64)] = &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)];

const LEAST: u64 = 16 << 20;

impl FromStr for Memory {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (unit, size) = UNITS.iter().find(|(unit, _)| text.ends_with(unit)).ok_or(UNREADABLE)?;
        let number: u64 = text[..text.len() - unit.len()].trim_end().parse().map_err(|_| UNREADABLE)?;
        number.checked_mul(*size).filter(|bytes| *bytes >= LEAST).map(Self).ok_or(UNREADABLE)
    }
}

const UNREADABLE: &str =
    "an amount of memory is a whole number with MiB, GiB or TiB, like `4 GiB`, and at least 16 MiB";

impl TryFrom<String> for Memory {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Memory> for String {
    fn from(memory: Memory) -> Self {
        memory.to_string()
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, size)| self.0.is_multiple_of(*size));
        whole.map_or(Ok(()), |(unit, size)| write!(f, "{} {unit}", self.0 / size))
    }
}

/// Whether servers' memory is limited here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MemoryLimit {
    /// No limit is set.
    None,
    /// No server can have more.
    Enforced(Memory),
    /// A limit is set, and this machine can't enforce it: servers start without.
    NotEnforced {
        /// The limit.
        limit: Memory,
        /// What is missing, for people.
        why: String,
    },
}

impl MemoryLimit {
    /// What the operator should know.
    pub fn warning(&self) -> Option<String> {
        match self {
            Self::None | Self::Enforced(_) => None,
            Self::NotEnforced { limit, why } => {
                Some(format!("The memory limit of servers, {limit}, is NOT enforced: {why}."))
            }
        }
    }
}

/// Where the control plane itself goes: a group that has others below it can't have processes.
const LEAF: &str = "control-plane";

/// What was found out about the limit without changing anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LimitFound {
    /// Of the control plane that runs, or that can't be otherwise on this machine.
    Known(MemoryLimit),
    /// It shows when the control plane starts: its group decides.
    Undecided(Memory),
}

impl LimitFound {
    /// Looks at the control group of the control plane that runs as this process, or at the machine when none runs.
    pub fn look(limit: Option<Memory>, control_plane: Option<u32>) -> Self {
        let Some(limit) = limit else { return Self::Known(MemoryLimit::None) };
        let found = match control_plane {
            Some(process) => group_of(&process.to_string()).and_then(|own| is_limited(&own)).map(|()| true),
            None => root_group().and_then(|root| offers_memory(&root)).map(|()| false),
        };
        match found {
            Ok(true) => Self::Known(MemoryLimit::Enforced(limit)),
            Ok(false) => Self::Undecided(limit),
            Err(why) => Self::Known(MemoryLimit::NotEnforced { limit, why }),
        }
    }
}

/// Whether groups below that of a control plane, which is made ready at its start, have a memory controller.
fn is_limited(own: &Path) -> Result<(), String> {
    let base = base_of(own);
    offers_memory(base)?;
    if has_memory(base, "cgroup.subtree_control")? {
        return Ok(());
    }
    let base = base.display();
    Err(format!("the group {base} is not delegated to its account, or processes besides it are in there"))
}

/// This process's own control group.
pub(crate) fn own_group() -> Result<PathBuf, String> {
    group_of("self")
}

/// The group of all groups that can be seen from here.
fn root_group() -> Result<PathBuf, String> {
    mounted().map(|(_, mount)| mount)
}

/// The control group of a process.
fn group_of(process: &str) -> Result<PathBuf, String> {
    let (root, mount) = mounted()?;
    let groups = read(&format!("/proc/{process}/cgroup"))?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let own = own.and_then(|own| Path::new(own).strip_prefix(root).ok());
    Ok(mount.join(own.ok_or("this process is in no control group that can be seen from here")?))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path} can't be read ({error})"))
}

/// Which group is mounted where.
fn mounted() -> Result<(PathBuf, PathBuf), String> {
    let mounts = read("/proc/self/mountinfo")?;
    let mount = mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut fields = place.split(' ').skip(3);
        kind.starts_with("cgroup2 ").then_some((fields.next()?.into(), fields.next()?.into()))
    });
    mount.ok_or_else(|| "this machine has no control groups of version 2 (cgroup2)".to_owned())
}

/// The group that the groups of starts are below.
fn base_of(own: &Path) -> &Path {
    own.parent().filter(|_| own.file_name().is_some_and(|name| name == LEAF)).unwrap_or(own)
}

fn has_memory(group: &Path, file: &str) -> Result<bool, String> {
    let text = read(&group.join(file).to_string_lossy())?;
    Ok(text.split_whitespace().any(|controller| controller == "memory"))
}

fn offers_memory(group: &Path) -> Result<(), String> {
    if has_memory(group, "cgroup.controllers")? {
        return Ok(());
    }
    let group = group.display();
    Err(format!("the memory controller of control groups, version 2, is not available in {group}"))
}

/// The group below which each start gets one, made ready: its memory controller is on, and this process is out of it.
/// The error says what is missing, and then nothing has changed.
pub(crate) fn delegated(own: &Path) -> Result<PathBuf, String> {
    let base = base_of(own);
    offers_memory(base)?;
    if has_memory(base, "cgroup.subtree_control")? {
        return Ok(base.to_owned());
    }
    let leaf = base.join(LEAF);
    let enable = || {
        if base == own {
            create(&leaf)?;
            enter(&leaf)?;
        }
        fs::write(base.join("cgroup.subtree_control"), "+memory")
    };
    enable().map(|()| base.to_owned()).map_err(|error| {
        if base == own {
            let _ = enter(own);
            let _ = fs::remove_dir(leaf);
        }
        let base = base.display();
        match error.kind() {
            io::ErrorKind::ResourceBusy => format!("processes besides the control plane are in its group {base}"),
            _ => format!("the group {base} is not delegated to this account ({error})"),
        }
    })
}

/// The control group of one start.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) path: PathBuf,
    pub(crate) limit: Memory,
}

impl Group {
    /// Makes it, with nobody in it.
    pub(crate) fn create(&self) -> io::Result<()> {
        create(&self.path)?;
        fs::write(self.path.join("memory.max"), self.limit.0.to_string())?;
        // Else a server that takes too much takes the machine's swap. There may be none to limit.
        let _ = fs::write(self.path.join("memory.swap.max"), "0");
        Ok(())
    }

    /// Puts this process in it, and with it all that come from it.
    pub(crate) fn enter(&self) -> io::Result<()> {
        enter(&self.path)
    }

    /// Whether one of its processes was killed because it wanted more than there is.
    pub(crate) fn killed_for_memory(&self) -> bool {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        events.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|times| times != "0"))
    }
}

fn create(group: &Path) -> io::Result<()> {
    match fs::create_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn enter(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), getpid().to_string())
}

/// Kills all that are in a group, where the kernel can (since Linux 5.14).
pub(crate) fn kill_all(group: &Path) {
    let _ = fs::write(group.join("cgroup.kill"), "1");
}

/// Removes a group, which must be empty; nothing if there is none.
pub(crate) fn remove(group: &Path) -> io::Result<()> {
    match fs::remove_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory_are_read_as_they_are_written() {
        for text in ["16 MiB", "1536 MiB", "4 GiB", "2 TiB"] {
            assert_eq!(text.parse::<Memory>().unwrap().to_string(), text);
        }
        assert_eq!("1024MiB".parse(), "1 GiB".parse::<Memory>());
        for text in ["", "4", "4 GB", "4G", "GiB", "-1 GiB", "1.5 GiB", "15 MiB", "0 GiB", "99999999999 TiB"] {
            assert!(text.parse::<Memory>().is_err(), "{text}");
        }
    }

    /// A folder in place of a control group, with these controllers.
    fn stand_in(controllers: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cgroup.controllers"), controllers).unwrap();
        fs::write(folder.path().join("cgroup.subtree_control"), "").unwrap();
        fs::write(folder.path().join("cgroup.procs"), "").unwrap();
        folder
    }

    #[test]
    fn a_delegated_group_is_made_ready_and_this_process_goes_into_a_leaf() {
        let group = stand_in("cpu memory pids\n");
        let own = std::process::id().to_string();
        assert_eq!(delegated(group.path()).unwrap(), group.path());
        assert_eq!(fs::read_to_string(group.path().join("cgroup.subtree_control")).unwrap(), "+memory");
        assert_eq!(fs::read_to_string(group.path().join("control-plane/cgroup.procs")).unwrap(), own);
    }

    #[test]
    fn a_control_plane_that_is_in_the_leaf_already_stays_there() {
        let group = stand_in("memory\n");
        let leaf = group.path().join(LEAF);
        fs::create_dir(&leaf).unwrap();
        assert_eq!(delegated(&leaf).unwrap(), group.path());
        assert_eq!(fs::read_to_string(group.path().join("cgroup.subtree_control")).unwrap(), "+memory");
        assert!(!leaf.join("cgroup.procs").exists());
    }

    #[test]
    fn a_limit_is_enforced_where_the_control_plane_made_its_group_ready() {
        let group = stand_in("memory\n");
        assert!(is_limited(group.path()).unwrap_err().contains("not delegated"));
        let leaf = delegated(group.path()).unwrap().join(LEAF);
        // The kernel reads back what was written as `+memory`.
        fs::write(group.path().join("cgroup.subtree_control"), "memory\n").unwrap();
        assert_eq!(is_limited(&leaf), Ok(()));
        let other = stand_in("cpu\n");
        assert!(is_limited(other.path()).unwrap_err().contains("not available"));
        assert!(!other.path().join(LEAF).exists(), "looking made something");
    }

    #[test]
    fn without_the_controller_nothing_is_changed() {
        let group = stand_in("cpu pids memory_like\n");
        assert!(delegated(group.path()).unwrap_err().contains("not available"));
        assert!(delegated(&group.path().join("missing")).is_err());
        assert!(!group.path().join(LEAF).exists());
    }

    #[test]
    fn what_can_not_be_turned_on_is_put_back() {
        let group = stand_in("memory\n");
        let control = group.path().join("cgroup.subtree_control");
        fs::remove_file(&control).unwrap();
        // It can be read, and not even root can write it.
        std::os::unix::fs::symlink("/proc/version", &control).unwrap();
        assert!(delegated(group.path()).is_err());
        assert_eq!(fs::read_to_string(group.path().join("cgroup.procs")).unwrap(), std::process::id().to_string());
    }
}
