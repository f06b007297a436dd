use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use domain::StartId;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use runtime::{Lost, State};
use uuid::Uuid;

use crate::support::*;

/// A control plane in a process of its own, as far as its server is prepared or started.
fn control_plane(machine: &Machine, how_far: &str, place: Place, script: &str) -> (Child, StartId) {
    let id = Uuid::from(place.server);
    let mut process = Command::new(program())
        .args(["control-plane", machine.data().to_str().unwrap(), how_far, &id.to_string(), script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), how_far);
    (process, id.into())
}

#[tokio::test]
async fn a_server_survives_its_control_plane_and_no_line_of_its_log_is_lost() {
    let machine = Machine::new();
    let place = Place::new();
    let script = "n=0; while [ ! -e enough ]; do n=$((n+1)); echo line $n; done; echo last $n";
    let (mut control_plane, start) = control_plane(&machine, "start", place, script);
    machine.logged(place, "line 100\n").await;
    control_plane.kill().unwrap();
    control_plane.wait().unwrap();

    let end = machine.log(place).end().unwrap();
    until("more lines", || machine.log(place).end().unwrap() > end).await;
    let found = machine.runtime.found().await.unwrap();
    assert_eq!((found.len(), found[0].start, found[0].state), (1, start, State::Running));
    // Its workspace has the same id, see the control plane's stand-in.
    std::fs::write(machine.data().join(format!("homes/{start}/enough")), "").unwrap();
    let exit = machine.runtime.exited(start).await.unwrap();
    assert_eq!(exit.code, Some(0));

    let log = String::from_utf8(read_from(&machine.log(place), 0)).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let (last, counted) = lines.split_last().unwrap();
    for (number, line) in (1..).zip(counted) {
        assert_eq!(*line, format!("line {number}"));
    }
    assert_eq!(*last, format!("last {}", counted.len()));
}

#[tokio::test]
async fn a_control_plane_that_dies_at_the_gate_leaves_nothing() {
    adopt_orphans();
    let machine = Machine::new();
    let (mut control_plane, start) = control_plane(&machine, "prepare", Place::new(), "sleep 1000");
    let family = machine.family(start);
    control_plane.kill().unwrap();
    control_plane.wait().unwrap();
    gone(&family).await;
    until("the record's end", || machine.runs() == 0).await;
    no_orphans().await;
}

#[tokio::test]
async fn a_supervisor_that_dies_at_the_gate_leaves_nothing() {
    let machine = Machine::new();
    let launch = Place::new().shell("sleep 1000");
    let start = launch.start;
    let prepared = machine.prepare(launch).await;
    let family = machine.family(start);
    kill(Pid::from_raw(machine.supervisor(start)), Signal::SIGKILL).unwrap();
    assert!(prepared.open().await.is_err());
    gone(&family).await;
    assert_eq!(machine.runs(), 0);
}

#[tokio::test]
async fn what_a_dead_supervisor_left_running_is_ended_and_said_to_be_lost() {
    let machine = Machine::new();
    let place = Place::new();
    let start = machine.start(place.shell("trap '' PIPE HUP TERM; sleep 1000 & echo up; wait")).await;
    machine.logged(place, "up").await;
    let family = machine.family(start);
    kill(Pid::from_raw(machine.supervisor(start)), Signal::SIGKILL).unwrap();
    let found = machine.rebooted().found().await.unwrap();
    let State::Exited(exit) = found[0].state else { panic!("{found:?}") };
    assert_eq!((exit.code, exit.signal), (None, None));
    gone(&family).await;
    assert_eq!(machine.runtime.stop(start).await.unwrap(), exit);
}

#[tokio::test]
async fn a_supervisor_asked_to_end_stops_its_server_first() {
    let machine = Machine::new();
    let place = Place::new();
    let start =
        machine.start(place.shell("trap 'echo tidy; exit 0' TERM; echo up; while :; do sleep 0.05; done")).await;
    machine.logged(place, "up").await;
    kill(Pid::from_raw(machine.supervisor(start)), Signal::SIGTERM).unwrap();
    assert_eq!(machine.runtime.exited(start).await.unwrap().code, Some(0));
    machine.logged(place, "tidy").await;
}

#[tokio::test]
async fn a_supervisor_shows_nothing_of_itself_to_others_and_is_in_its_own_session() {
    let machine = Machine::new();
    let start = machine.start(Place::new().shell("sleep 1000")).await;
    let supervisor = machine.supervisor(start);
    let environ = std::fs::read(format!("/proc/{supervisor}/environ"));
    if nix::unistd::geteuid().is_root() {
        assert_eq!(environ.unwrap(), b"");
    } else {
        // Not dumpable: its files in /proc belong to root.
        assert!(environ.is_err());
    }
    let pid = Pid::from_raw(supervisor);
    assert_eq!(command_line(pid), format!("vestry supervise {start} "));
    assert_eq!(nix::unistd::getsid(Some(pid)).unwrap(), pid);
    machine.runtime.stop(start).await.unwrap();
}

/// slirp4netns is a process like another, and may be killed for lack of memory, say.
#[tokio::test]
async fn a_network_that_ends_by_itself_is_noticed_and_the_server_runs_on() {
    let machine = Machine::new();
    let start = machine.start(Place::new().shell("sleep 1000")).await;
    let other = machine.start(Place::new().shell("sleep 1001")).await;
    let supervisor = machine.supervisor(start);
    let family = machine.family(start);
    let network = family.iter().find(|process| process.name == "slirp4netns" && process.parent == supervisor).unwrap();
    let waiting = tokio::spawn({
        let runtime = machine.runtime.clone();
        async move { runtime.network_ended(start).await }
    });
    kill(Pid::from_raw(network.pid), Signal::SIGKILL).unwrap();
    assert!(tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap());
    // Also for who asks later, and not for another server, whose own end is no end of its network.
    assert!(machine.rebooted().network_ended(start).await.unwrap());
    assert!(machine.runtime.found().await.unwrap().iter().all(|found| found.state == State::Running));
    let (ended, exit) = tokio::join!(machine.runtime.network_ended(other), machine.runtime.stop(other));
    assert!(!ended.unwrap());
    assert_eq!(exit.unwrap().signal, Some(15));
    assert_eq!(machine.runtime.stop(start).await.unwrap().signal, Some(15));
    let unknown = Place::new().shell("true").start;
    assert!(matches!(machine.runtime.network_ended(unknown).await, Err(Lost::Unknown(_))));
}

/// A supervisor that is stopped, by a debugger or a suspended machine, still has its server.
#[tokio::test]
async fn a_supervisor_that_does_not_answer_is_not_taken_for_ended() {
    let machine = Machine::new();
    let start = machine.start(Place::new().shell("sleep 1000")).await;
    let supervisor = Pid::from_raw(machine.supervisor(start));
    let family = machine.family(start);
    kill(supervisor, Signal::SIGSTOP).unwrap();
    let found = machine.rebooted().found().await.unwrap();
    assert_eq!((found.len(), found[0].start, found[0].state), (1, start, State::Running));
    assert!(family.iter().all(|process| processes().contains(process)), "nothing of it was ended");
    kill(supervisor, Signal::SIGCONT).unwrap();
    assert_eq!(machine.runtime.stop(start).await.unwrap().signal, Some(15));
}

/// The program has its environment, and nobody was told.
#[tokio::test]
async fn a_supervisor_that_dies_between_opening_the_gate_and_saying_so_leaves_nothing() {
    let machine = Machine::new();
    let place = Place::new();
    let launch = place.shell("echo ran > ran; sleep 1000");
    let start = launch.start;
    let prepared = machine.prepare(launch).await;
    let supervisor = Pid::from_raw(machine.supervisor(start));
    let mut pids = machine.family(start).into_iter().map(|process| Pid::from_raw(process.pid));
    let shim = pids.find(|pid| command_line(*pid).starts_with("/proc/self/fd/")).unwrap();
    kill(shim, Signal::SIGSTOP).unwrap();
    let opening = tokio::spawn(prepared.open());
    // The last that it makes before it opens the gate is the file of the log, and what it sleeps in next is its loop.
    let log = machine.data().join(format!("logs/{}", place.server));
    until("the log", || std::fs::read_dir(&log).is_ok_and(|files| files.count() == 1)).await;
    until("the loop", || state(supervisor) == "S").await;
    kill(supervisor, Signal::SIGSTOP).unwrap();
    kill(shim, Signal::SIGCONT).unwrap();
    until("the program", || machine.home(place).join("ran").exists()).await;
    let family = machine.family(start);
    assert!(!opening.is_finished());
    kill(supervisor, Signal::SIGKILL).unwrap();
    let failed = opening.await.unwrap().err().unwrap();
    assert!(failed.to_string().contains("ended unexpectedly"), "{failed}");
    gone(&family).await;
    assert_eq!(machine.runs(), 0);
}

/// Whether a process runs, sleeps, is stopped (proc(5)).
fn state(pid: Pid) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().next().unwrap().to_owned()
}
