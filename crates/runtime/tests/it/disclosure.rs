//! A value is in the environment of its server's own processes and nowhere else.

use std::{fs, path::Path};

use crate::support::*;

const VALUE: &str = "a-value-to-be-searched-for-17395";

fn contains(path: impl AsRef<Path>, value: &str) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.windows(value.len()).any(|window| window == value.as_bytes()))
}

#[tokio::test]
async fn values_are_in_no_command_line_and_in_no_other_environment() {
    let machine = Machine::new();
    let place = Place::new();
    let value = format!("{VALUE}-{}", place.server);
    let launch = place.launch(&["sleep", "1000"], base().secret("KEY", self::value(&value)));
    let start = launch.start;
    let prepared = machine.prepare(launch).await;
    let look = |what: &str| {
        let found = processes().into_iter().filter(|process| contains(format!("/proc/{}/{what}", process.pid), &value));
        found.map(|process| process.name).collect::<Vec<_>>()
    };
    assert_eq!(look("environ"), [""; 0], "before the gate opens");
    prepared.open().await.ok().unwrap();
    assert_eq!(look("cmdline"), [""; 0]);
    // The positive control: the search finds it where it must be.
    assert_eq!(look("environ"), ["sleep"]);
    machine.runtime.stop(start).await.unwrap();
    assert_eq!(look("environ"), [""; 0]);
}

#[tokio::test]
async fn values_are_in_no_file() {
    let machine = Machine::new();
    let place = Place::new();
    let value = format!("{VALUE}-{}", place.server);
    let script = "echo up; echo $KEY; read line < /dev/zero";
    let start = machine.start(place.shell_with(script, base().secret("KEY", self::value(&value)))).await;
    machine.logged(place, "‹KEY›").await;
    let mut files = 0;
    let mut folders = vec![machine.data().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
                assert!(!contains(entry.path(), &value), "{}", entry.path().display());
            }
        }
    }
    assert!(files >= 2, "the log and the facts are there");
    machine.runtime.stop(start).await.unwrap();
}

/// A start that fails after the environment is there.
#[tokio::test]
async fn failures_do_not_say_values() {
    let machine = Machine::new();
    let place = Place::new();
    assert_eq!(machine.output(place, "printf 'no program' > no-program; chmod +x no-program").await.0.code, Some(0));
    let launch = |command: &str| place.launch(&[command], base().secret("KEY", value(VALUE)));
    let before_the_gate = machine.runtime.prepare(launch("no-such-command")).await.err().unwrap();
    let behind_it = machine.prepare(launch("./no-program")).await.open().await.err().unwrap();
    for failed in [before_the_gate, behind_it] {
        assert!(!format!("{failed} {failed:?} {}", tail(&failed)).contains(VALUE));
    }
}
