//! The limit of servers' memory: what is asked of the kernel, with a folder in place of its control groups, and that it
//! holds, where this machine can do it.

use std::{fs, io::Write, path::PathBuf};

use domain::StartId;
use runtime::{Memory, MemoryLimit};
use tempfile::TempDir;

use crate::support::*;

/// A machine whose servers may have so much, and the folder in place of the control plane's group.
fn limited(limit: &str, controllers: &str) -> (Machine, TempDir) {
    let groups = tempfile::tempdir_in("/var/tmp").unwrap();
    for (file, content) in [("cgroup.controllers", controllers), ("cgroup.subtree_control", ""), ("cgroup.procs", "")] {
        fs::write(groups.path().join(file), content).unwrap();
    }
    let machine = Machine::with(|settings| {
        settings.memory = Some(limit.parse().unwrap());
        settings.control_group = Some(groups.path().to_owned());
    });
    (machine, groups)
}

fn group(groups: &TempDir, start: StartId) -> PathBuf {
    groups.path().join(start.to_string())
}

/// What the kernel does by itself when a real group is removed.
fn empty(group: &PathBuf) {
    for file in fs::read_dir(group).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
}

#[tokio::test]
async fn each_start_has_a_group_with_the_limit_that_its_whole_sandbox_is_in() {
    let (machine, groups) = limited("512 MiB", "memory");
    assert_eq!(machine.runtime.memory_limit(), MemoryLimit::Enforced("512 MiB".parse().unwrap()));
    let start = machine.start(Place::new().shell("sleep 1000")).await;
    let said = |file: &str| fs::read_to_string(group(&groups, start).join(file)).unwrap();
    assert_eq!((said("memory.max"), said("memory.swap.max")), ((512 << 20).to_string(), "0".to_owned()));
    // The kernel keeps whatever comes from this process in the same group.
    let outermost = machine.family(start).into_iter().find(|process| process.name == "bwrap").unwrap();
    assert_eq!((said("cgroup.procs"), outermost.parent), (outermost.pid.to_string(), machine.supervisor(start)));
    machine.runtime.stop(start).await.unwrap();
    empty(&group(&groups, start));
    machine.runtime.forget(start).await.unwrap();
    assert!(!group(&groups, start).exists());
}

#[tokio::test]
async fn an_end_for_lack_of_memory_is_told_as_such_and_no_other() {
    let (machine, groups) = limited("1 GiB", "memory");
    let cases =
        [("kill -9 $$", "oom_kill 1", true), ("kill -9 $$", "oom_kill 0", false), ("true", "oom_kill 3", false)];
    for (end, events, expected) in cases {
        let place = Place::new();
        let start = machine.start(place.shell(&format!("while [ ! -e go ]; do sleep 0.05; done; {end}"))).await;
        fs::write(group(&groups, start).join("memory.events"), format!("oom 5\n{events}\noom_group_kill 7\n")).unwrap();
        fs::write(machine.home(place).join("go"), "").unwrap();
        let limit: Option<Memory> = expected.then(|| "1 GiB".parse().unwrap());
        let exit = machine.runtime.exited(start).await.unwrap();
        assert_eq!(exit.out_of_memory, limit, "{end}, {events}");
        assert_eq!(machine.rebooted().exited(start).await.unwrap(), exit, "from the record");
    }
}

#[tokio::test]
async fn what_a_dead_supervisor_left_is_killed_through_its_group() {
    let (machine, groups) = limited("1 GiB", "memory");
    let start = machine.start(Place::new().shell("sleep 1000")).await;
    let supervisor = nix::unistd::Pid::from_raw(machine.supervisor(start));
    nix::sys::signal::kill(supervisor, nix::sys::signal::Signal::SIGKILL).unwrap();
    machine.rebooted().found().await.unwrap();
    assert_eq!(fs::read_to_string(group(&groups, start).join("cgroup.kill")).unwrap(), "1");
}

#[tokio::test]
async fn a_limit_that_can_not_be_set_fails_the_start() {
    let (machine, groups) = limited("1 GiB", "memory");
    let launch = Place::new().shell("true");
    // In the place of the group.
    fs::write(group(&groups, launch.start), "").unwrap();
    let failed = machine.runtime.prepare(launch).await.err().unwrap();
    assert!(failed.to_string().contains("limit of its memory"), "{failed}");
}

#[tokio::test]
async fn a_limit_that_can_not_be_enforced_is_said_and_servers_start() {
    let (machine, groups) = limited("1 GiB", "cpu pids");
    let warning = machine.runtime.memory_limit().warning().unwrap();
    assert!(warning.contains("1 GiB") && warning.contains("NOT enforced"), "{warning}");
    let (exit, output) = machine.output(Place::new(), "echo runs").await;
    assert_eq!((exit.code, exit.out_of_memory, output.as_str()), (Some(0), None, "runs\n"));
    assert_eq!(fs::read_dir(groups.path()).unwrap().count(), 3, "no group was made");
    assert_eq!(Machine::new().runtime.memory_limit(), MemoryLimit::None);
}

/// With the kernel's own control groups, if this process has one that is delegated to it and is alone in it.
#[tokio::test]
async fn the_kernel_ends_a_server_that_takes_too_much() {
    let machine = Machine::with(|settings| settings.memory = Some("64 MiB".parse().unwrap()));
    if let Some(warning) = machine.runtime.memory_limit().warning() {
        writeln!(std::io::stderr(), "not tried here that memory is limited: {warning}").unwrap();
        return;
    }
    let start = machine.start(Place::new().launch(&["perl", "-e", "$x = 'x' x (256 << 20); sleep 1000"], base())).await;
    let exit = machine.runtime.exited(start).await.unwrap();
    assert_eq!((exit.signal, exit.out_of_memory), (Some(9), Some("64 MiB".parse().unwrap())));
    machine.runtime.forget(start).await.unwrap();
    assert!(machine.rebooted().found().await.unwrap().is_empty());
}
