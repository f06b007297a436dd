//! A control plane that is killed: its servers run on, and the next one knows.

use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::*;

/// Says when two of it run at once; runs until it is told to stop.
const ALONE: &str = "exec 9>lock; flock -n 9 || { echo two at once; exit 1; }; echo up; exec sleep 1000";

const COUNTS: &str =
    "n=0; while [ ! -e enough ]; do n=$((n+1)); echo line $n; sleep 0.01; done; echo last $n; exec sleep 1000";

/// The bytes of a server's log on disk: the control plane is not there to ask.
fn log_length(folder: &PathBuf) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum()
}

fn servers_survive(options: Options) {
    let mut house = House::with(options);
    house.workspace_secret("KEY", "first");
    let add = |name: &str, script: &str| house.server(name, script).start()["id"].as_str().unwrap().to_owned();
    let counter = add("counts", COUNTS);
    add("ends", "while [ ! -e end ]; do sleep 0.05; done; exit 3");
    add("stale", ALONE);
    house.known_server(LAB, "counts").logs("line 100\n");
    house.workspace_secret("KEY", "second");
    let home = house.home(LAB);
    let before = house.control_plane.programs_in_sandboxes();

    house.control_plane.kill();
    let log = house.control_plane.data().join("logs").join(counter);
    let length = log_length(&log);
    until("more lines without a control plane", || (log_length(&log) > length + 100).then_some(()));
    fs::write(home.join("end"), "").unwrap();
    until("the end of one server", || (house.control_plane.supervisors().len() == 2).then_some(()));
    house.control_plane.start();

    let ended = house.known_server(LAB, "ends");
    let seen = ended.get();
    assert_eq!((&seen["status"], &seen["exit_code"]), (&json!("failed"), &json!(3)), "{seen:#}");
    let record = ended.newest_start();
    assert_eq!((&record["outcome"], &record["exit_code"]), (&json!("delivered"), &json!(3)));

    let counts = house.known_server(LAB, "counts");
    assert_eq!(counts.get()["status"], "running");
    assert_eq!(counts.starts().len(), 1);
    fs::write(home.join("enough"), "").unwrap();
    let tail = counts.logs("last ");
    let whole = Follower::of(&house.owner, &counts.path(), Some(0)).text_until(|text| text.ends_with(&tail)).0;
    let lines: Vec<&str> = whole.lines().collect();
    let (last, counted) = lines.split_last().unwrap();
    for (number, line) in (1..).zip(counted) {
        assert_eq!(*line, format!("line {number}"));
    }
    assert_eq!(*last, format!("last {}", counted.len()));

    let stale = house.known_server(LAB, "stale");
    assert_eq!(stale.drift()["KEY"]["to"]["version"], 2);
    assert_eq!(stale.restart()["outcome"], "delivered");
    assert_eq!(stale.drift().len(), 0);
    assert_eq!(stale.logs("up\nup\n"), "up\nup\n");
    stale.stop();
    counts.stop();
    assert!(processes().iter().all(|process| !before.contains(process)));
    assert_eq!(house.control_plane.supervisors(), []);
    until("the end of what is kept of them", || (house.control_plane.runs() == 0).then_some(()));
}

#[test]
fn servers_run_on_and_the_next_control_plane_finds_them_as_they_are() {
    servers_survive(Options::default());
}

#[test]
fn an_ordinary_users_servers_run_on_too() {
    servers_survive(Options { account: Account::Ordinary, ..Options::default() });
}

#[test]
fn servers_run_on_with_postgresql_too() {
    servers_survive(Options { database: Database::Postgres, ..Options::default() });
}

#[test]
fn a_control_plane_that_is_told_to_stop_leaves_its_servers_running() {
    let mut house = House::new();
    // Its own process; its shell may still be on the way to what it becomes.
    let programs = |house: &House| house.control_plane.programs_in_sandboxes()[0].pid;
    house.server("stays", ALONE).start();
    let before = programs(&house);
    house.control_plane.stop();
    house.control_plane.start();
    assert_eq!(house.known_server(LAB, "stays").get()["status"], "running");
    assert_eq!(programs(&house), before);
}

#[test]
fn a_stop_that_was_cut_off_is_finished_by_the_next_control_plane() {
    let mut house = House::new();
    let script = "trap 'while [ ! -e go ]; do sleep 0.05; done; exit 4' TERM; echo up; while :; do sleep 0.05; done";
    let server = house.server("slow", script);
    server.start();
    server.logs("up");
    house.owner.post(&format!("{}/stop", server.path()), json!({})).expect(202);
    house.crash();
    let server = house.known_server(LAB, "slow");
    assert_eq!(server.get()["status"], "stopping");
    fs::write(house.home(LAB).join("go"), "").unwrap();
    assert_eq!(server.becomes("stopped")["exit_code"], 4);
}

/// Between the opened gate and its record a program can have run and ended: what it got was delivered.
#[test]
fn what_a_program_got_counts_as_delivered_when_the_control_plane_died_before_it_could_record_that() {
    let mut house = House::with(Options { own_programs: true, ..Options::default() });
    house.workspace_secret("KEY", "a value that was delivered");
    let server = house.server("quick", "test -n \"$KEY\" && exit 7");
    let programs = house.control_plane.programs.as_ref().unwrap();
    programs.hold("slirp4netns");
    house.owner.post(&format!("{}/start", server.path()), json!({})).expect(202);
    let lock = house.control_plane.lock_database();
    programs.go();
    let ended = || {
        let run = fs::read_dir(house.control_plane.data().join("run")).unwrap().next()?.unwrap();
        run.path().join("exit.json").exists().then_some(())
    };
    until("its end", ended);
    house.control_plane.kill();
    drop(lock);
    house.control_plane.start();
    let server = house.known_server(LAB, "quick");
    let record = server.newest_start();
    assert_eq!((&record["outcome"], &record["exit_code"]), (&json!("delivered"), &json!(7)), "{record:#}");
    let seen = server.get();
    assert_eq!((&seen["status"], &seen["exit_code"]), (&json!("failed"), &json!(7)), "{seen:#}");
}

/// It was shown as if somebody had stopped it, or as if nobody knew anything of it.
#[test]
fn a_start_that_was_cut_off_has_failed_and_says_so() {
    let mut house = House::with(Options { own_programs: true, ..Options::default() });
    let server = house.server("held", "exec sleep 1000");
    house.control_plane.programs.as_ref().unwrap().hold("slirp4netns");
    house.owner.post(&format!("{}/start", server.path()), json!({})).expect(202);
    until("its supervisor", || (!house.control_plane.supervisors().is_empty()).then_some(()));
    house.control_plane.kill();
    house.control_plane.programs.as_ref().unwrap().go();
    house.control_plane.start();
    let server = house.known_server(LAB, "held");
    let seen = server.becomes("failed");
    let why = "the start was cut off: the control plane ended before it was finished; start the server again";
    assert_eq!(seen["status_detail"], why, "{seen:#}");
    assert_eq!(server.newest_start()["outcome"], "failed");
    server.start();
}

/// Waits for a moment of a start without letting it pass, but no longer than the start takes.
fn catch(mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !there() && Instant::now() < deadline {
        sleep(Duration::from_micros(300));
    }
}

/// Whether the newest start has become a running process; everything on record and on the machine fits together.
fn consistent(house: &House, moment: &str) -> bool {
    let server = house.known_server(LAB, "alone");
    let seen = server.get();
    let starts = server.starts();
    assert!(starts.iter().all(|start| start["outcome"] != "pending"), "{moment}: {starts:#?}");
    let open = starts.iter().filter(|start| start["outcome"] == "delivered" && start["ended_at"] == Value::Null);
    let runs = match seen["status"].as_str().unwrap() {
        "running" => 1,
        "failed" | "stopped" => 0,
        other => panic!("{moment}: {other}"),
    };
    assert_eq!(open.count(), runs, "{moment}: {seen:#} {starts:#?}");
    until("no stray process", || {
        let orphan = |process: &Process| {
            process.parent == i32::try_from(std::process::id()).unwrap()
                && ["bwrap", "slirp4netns"].contains(&process.name.as_str())
        };
        let supervisors = house.control_plane.supervisors().len();
        (supervisors == runs && !processes().iter().any(orphan)).then_some(())
    });
    assert_eq!(house.control_plane.programs_in_sandboxes().len(), runs, "{moment}");
    assert!(house.control_plane.runs() == runs, "{moment}");
    assert!(!server.log().contains("two at once"), "{moment}: {}", server.log());
    runs == 1
}

#[test]
fn a_control_plane_killed_at_any_moment_of_a_start_or_restart_leaves_all_consistent() {
    let mut house = House::new();
    house.workspace_secret("KEY", "a value");
    house.server("alone", ALONE);
    let mut running = false;
    for round in 0..12 {
        let what = if running { "restart" } else { "start" };
        let before = house.control_plane.supervisors();
        let old = house.control_plane.programs_in_sandboxes();
        let server = house.known_server(LAB, "alone");
        house.owner.post(&format!("{}/{what}", server.path()), json!({})).expect(202);
        let new_below = |depth: usize| {
            let new = house.control_plane.supervisors().into_iter().filter(|process| !before.contains(process));
            new.into_iter().any(|process| family(process.pid).len() > depth)
        };
        let moment = match round % 6 {
            0 => "once it is on record",
            1 => "when its supervisor is there",
            2 => "when the supervisor has a child",
            3 => "when its network is there",
            4 => "when its shim is there",
            _ => "when another program runs",
        };
        catch(|| match round % 6 {
            0 => true,
            depth @ 1..=4 => new_below(depth - 1),
            _ => {
                let now = house.control_plane.programs_in_sandboxes();
                !now.is_empty() && now.iter().all(|process| !old.contains(process))
            }
        });
        house.crash();
        running = consistent(&house, &format!("{what}, killed {moment}"));
        if running && round % 4 == 3 {
            house.known_server(LAB, "alone").stop();
            running = false;
        }
    }
    let server = house.known_server(LAB, "alone");
    if !running {
        server.start();
    }
    assert_eq!(server.restart()["outcome"], "delivered");
    server.stop();
}

/// Rule: what fails after the old process was told to stop is `failed` and said so, never `stopped` as if by somebody's
/// wish.
#[test]
fn a_restart_that_was_cut_off_after_the_stop_has_failed() {
    let mut house = House::new();
    let script = "trap 'touch told; while [ ! -e go ]; do sleep 0.05; done; exit 0' TERM; echo up; \
                  while :; do sleep 0.05; done";
    let server = house.server("slow", script);
    server.start();
    server.logs("up");
    house.owner.post(&format!("{}/restart", server.path()), json!({})).expect(202);
    let told = house.home(LAB).join("told");
    until("the old process to be told", || told.exists().then_some(()));
    house.crash();
    fs::write(house.home(LAB).join("go"), "").unwrap();
    let server = house.known_server(LAB, "slow");
    let seen = server.becomes("failed");
    assert!(seen["status_detail"].as_str().unwrap().contains("the restart was cut off"), "{seen:#}");
    assert_eq!(server.newest_start()["outcome"], "failed");
}

#[test]
fn a_data_directory_has_one_control_plane() {
    let house = House::new();
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_vestry"))
        .args(["serve", "--listen", "127.0.0.1:0", "--root-key", "env:NO_SUCH_KEY", "--data-dir"])
        .arg(house.control_plane.data())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(78));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another control plane uses the data directory"), "{said}");
}
