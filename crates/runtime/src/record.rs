//! What a start leaves on disk in `run/<start id>/`: the supervisor's socket and facts while it runs, its exit after.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::{fd::AsRawFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
};

use domain::Time;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::{Memory, memory, os, protocol::Subject};

/// How a server ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The number of the signal that ended it. As in a shell, an exit code above 128 counts as one. When neither is
    /// there, how it ended was lost with its supervisor, or it never ran.
    pub signal: Option<i32>,
    /// The limit of memory that it was killed for, if it was.
    #[serde(default)]
    pub out_of_memory: Option<Memory>,
    /// When.
    #[serde(with = "micros")]
    pub at: Time,
}

/// The moment of an end: nobody else is there to take it.
pub(crate) fn now() -> Time {
    #[expect(clippy::disallowed_methods, reason = "whoever notices the end is the edge")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

mod micros {
    use domain::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        i64::deserialize(deserializer).map(Time)
    }
}

/// Which process, on which boot: a pid alone may name another process later.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessName {
    pid: i32,
    started: u64,
    boot: String,
}

impl ProcessName {
    pub(crate) fn of(pid: Pid) -> io::Result<Self> {
        let started = stat(pid)?.started;
        Ok(Self { pid: pid.as_raw(), started, boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")? })
    }

    /// The pid, if the process is still there and no zombie.
    pub(crate) fn alive(&self) -> Option<Pid> {
        let pid = Pid::from_raw(self.pid);
        let running = stat(pid).is_ok_and(|stat| !stat.zombie);
        (running && Self::of(pid).ok().as_ref() == Some(self)).then_some(pid)
    }
}

/// What `/proc/<pid>/stat` says (proc(5)).
pub(crate) struct Stat {
    pub(crate) zombie: bool,
    pub(crate) parent: Pid,
    started: u64,
}

pub(crate) fn stat(pid: Pid) -> io::Result<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat"))?;
    let text = String::from_utf8_lossy(&text);
    // The second field is the program's name in parentheses and may contain anything.
    let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse().ok()).ok_or(io::ErrorKind::InvalidData);
    Ok(Stat {
        zombie: matches!(fields.first(), Some(&("Z" | "X"))),
        parent: Pid::from_raw(i32::try_from(number(1)?).unwrap_or(0)),
        started: number(19)?,
    })
}

/// The facts that let a later control plane find a supervisor, or clean up after a dead one.
#[derive(Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) version: u32,
    #[serde(flatten)]
    pub(crate) subject: Subject,
    pub(crate) supervisor: ProcessName,
    /// The first process of the sandbox, whose end ends all of it; there from the moment the gate opens.
    pub(crate) sandbox: Option<ProcessName>,
    /// The control group of its processes, if they have one.
    #[serde(default)]
    pub(crate) group: Option<PathBuf>,
}

/// The folder of one start.
#[derive(Clone)]
pub(crate) struct RunDirectory(PathBuf);

impl RunDirectory {
    pub(crate) fn of(data: &Path, start: impl std::fmt::Display) -> Self {
        Self(data.join("run").join(start.to_string()))
    }

    /// Makes the folder; an error if there is one already.
    pub(crate) fn create(&self) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(&self.0)
    }

    pub(crate) fn exists(&self) -> bool {
        self.0.exists()
    }

    pub(crate) fn write_facts(&self, facts: &Facts) -> io::Result<()> {
        self.write("facts.json", facts)
    }

    pub(crate) fn facts(&self) -> io::Result<Facts> {
        Ok(serde_json::from_slice(&fs::read(self.0.join("facts.json"))?)?)
    }

    pub(crate) fn write_exit(&self, exit: &Exit) -> io::Result<()> {
        self.write("exit.json", exit)
    }

    /// How it ended, if it did.
    pub(crate) fn exit(&self) -> io::Result<Option<Exit>> {
        match fs::read(self.0.join("exit.json")) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whole or not at all, also when the machine loses power.
    fn write(&self, name: &str, content: &impl Serialize) -> io::Result<()> {
        let new = self.0.join(format!("{name}.new"));
        let mut file = os::create_private(&new)?;
        file.write_all(&serde_json::to_vec(content)?)?;
        file.sync_all()?;
        fs::rename(new, self.0.join(name))?;
        File::open(&self.0)?.sync_all()
    }

    /// Calls `with` the path of the socket: one that is short enough for a socket (108 bytes), whatever the folder's.
    pub(crate) fn with_socket<T>(&self, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        let folder = File::open(&self.0)?;
        with(Path::new(&format!("/proc/self/fd/{}/socket", folder.as_raw_fd())))
    }

    pub(crate) fn remove_socket(&self) {
        let _ = fs::remove_file(self.0.join("socket"));
    }

    /// Removes the folder with all that is in it, and the control group that it leads to.
    pub(crate) fn remove(&self) -> io::Result<()> {
        if let Ok(Facts { group: Some(group), .. }) = self.facts() {
            memory::remove(&group)?;
        }
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
