//! What runs on this machine.

use std::{collections::BTreeMap, fs};

/// A process that is not taken for another one that got its number, whatever it executes.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) name: String,
    started: u64,
}

impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        (self.pid, self.started) == (other.pid, other.started)
    }
}

/// Every process that is there, without zombies (proc(5)).
pub(crate) fn processes() -> Vec<Process> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(process).collect()
}

fn process(pid: i32) -> Option<Process> {
    let text = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?).into_owned();
    let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let (parent, started) = (fields[1].parse().ok()?, fields[19].parse().ok()?);
    (fields[0] != "Z").then(|| Process { pid, parent, name: name.to_owned(), started })
}

/// A process and all below it.
pub(crate) fn family(root: i32) -> Vec<Process> {
    let all = processes();
    let mut family: Vec<Process> = all.iter().filter(|process| process.pid == root).cloned().collect();
    let mut at = 0;
    while let Some(parent) = family.get(at).map(|process| process.pid) {
        family.extend(all.iter().filter(|process| process.parent == parent).cloned());
        at += 1;
    }
    family
}

/// The variables in a block of `NAME=VALUE` strings that each end with NUL.
pub(crate) fn environment_of(block: &[u8]) -> BTreeMap<String, String> {
    let strings = block.split(|byte| *byte == 0).filter(|string| !string.is_empty());
    let pairs = strings.map(|string| {
        let (name, value) = std::str::from_utf8(string).unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    let all: Vec<_> = pairs.collect();
    let map: BTreeMap<_, _> = all.iter().cloned().collect();
    assert_eq!(map.len(), all.len(), "a name comes twice: {all:?}");
    map
}
