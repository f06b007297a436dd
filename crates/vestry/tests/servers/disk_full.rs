//! A disk without room: what can't be written is refused and said, nothing acknowledged is lost, and all goes on once
//! there is room.

use assurance::{Dice, count, report};
use serde_json::{Value, json};

use crate::{
    kills::{Tally, ledgers, write_until},
    support::*,
};

/// Writes long lines all the time.
/// Each line is nearly a block of the disk: what the last block still takes is full before the shortest round is over.
const TALKS: &str = "line=$(printf %04000d 0); while :; do echo $line; sleep 0.01; done";

fn on_a_small_disk(database: Database) -> House {
    House::with(Options { database, own_disk: true, ..Options::default() })
}

fn fill(house: &mut House) {
    house.control_plane.disk.as_mut().unwrap().fill();
}

fn clear(house: &mut House) {
    house.control_plane.disk.as_mut().unwrap().clear();
}

/// Writes values until one is refused: what the database has at hand still takes some.
fn write_until_refused(house: &House) -> Answer {
    until("a refusal", || {
        let answer = house.owner.put(&format!("{LAB}/secrets/BIG"), json!({ "value": "x".repeat(40_000) }));
        (answer.status >= 400).then_some(answer)
    })
}

/// A write that met the full disk left its connection unusable: later ones failed with it after there was room again.
#[test]
fn without_room_writes_are_refused_reads_go_on_and_nothing_acknowledged_is_lost() {
    let times = count(20).max(2);
    let mut tally = Tally::default();
    let mut house = on_a_small_disk(Database::Sqlite);
    let mut writers = ledgers(&house, "a full disk");
    let mut dice = Dice::of("a full disk");
    house.server("talks", TALKS).start();
    house.server("other", "echo up; exec sleep 1000");
    let talks = |house: &House| house.control_plane.supervisors();
    let before = talks(&house);
    for _ in 0..times {
        write_until(&mut house, &mut writers, &mut dice, &mut tally, |house| {
            fill(house);
            let refused = write_until_refused(house).expect(503);
            assert_eq!(refused.json()["code"], "unavailable");
            assert!(refused.text.contains("no room left"), "{}", refused.text);
            let start = house.owner.post(&format!("{LAB}/servers/other/start"), json!({})).expect(503);
            assert!(start.text.contains("no room left"), "{}", start.text);
            let run = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
            let run = house.owner.post("/runs", run).expect(503);
            assert!(run.text.contains("nothing was handed over"), "{}", run.text);

            for path in ["/organizations/acme/members", &format!("{LAB}/servers"), &format!("{LAB}/secrets")] {
                house.owner.get(path).expect(200);
            }
            assert_eq!(house.control_plane.probe("/healthz").0, 200);
            assert_eq!(talks(house), before, "a log without room ends no server");
            clear(house);
            house.known_server(LAB, "talks").logs("bytes of the log could not be written]");
            let big = house.owner.delete(&format!("{LAB}/secrets/BIG"));
            assert!([204, 404].contains(&big.status), "{}", big.text);
        });
        assert_eq!(house.owner.get(&format!("{LAB}/servers/other")).expect(200).json()["status"], "stopped");
    }
    let talks = house.known_server(LAB, "talks");
    assert_eq!(talks.get()["status"], "running");
    house.known_server(LAB, "other").start();
    talks.stop();
    report("disk full", "SQLite", &format!("{times} times under writers, {tally}"));
}

#[test]
fn a_control_plane_without_room_stops_tidily_and_comes_back_with_all_it_had() {
    let mut house = on_a_small_disk(Database::Sqlite);
    house.workspace_secret("KEY", "acknowledged");
    fill(&mut house);
    write_until_refused(&house);
    house.control_plane.stop();
    // What it left of room by its last act is taken, too.
    fill(&mut house);
    match house.control_plane.try_start() {
        Ok(()) => {
            house.owner.get(&format!("{LAB}/secrets")).expect(200);
            write_until_refused(&house).expect(503);
            house.control_plane.stop();
        }
        Err((code, said)) => {
            assert_eq!(code, Some(78), "{said}");
            assert!(said.contains("vestry.sqlite can't be used: the database has no room left"), "{said}");
        }
    }
    clear(&mut house);
    house.control_plane.start();
    let run = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    let begun = house.owner.post("/runs", run).expect(201).json();
    let value = begun["variables"].as_array().unwrap().iter().find(|variable| variable["name"] == "KEY").unwrap();
    assert_eq!(value["value"], "acknowledged");
}

/// The database has room elsewhere; what a sandbox needs has none.
#[test]
fn a_start_without_room_for_its_sandbox_fails_closed_and_says_why() {
    let mut house = on_a_small_disk(Database::Postgres);
    house.workspace_secret("KEY", "a value that stays here");
    house.server("first", "echo up; exec sleep 1000");
    house.server("second", "echo up; exec sleep 1000").start();
    let before = house.control_plane.supervisors();
    fill(&mut house);
    house.owner.post(&format!("{LAB}/servers/first/start"), json!({})).expect(202);
    let record = house.known_server(LAB, "first").newest_start();
    assert_eq!(record["outcome"], "failed", "{record:#}");
    assert!(record["detail"].as_str().unwrap().contains("No space left on device"), "{record:#}");
    until("the failure", || (house.known_server(LAB, "first").get()["status"] == "failed").then_some(()));
    // A restart that can't be prepared leaves the process from before running.
    let second = house.known_server(LAB, "second");
    assert_eq!(second.restart()["outcome"], "failed");
    assert_eq!(second.get()["status"], "running");
    until("the end of what was prepared", || (house.control_plane.supervisors() == before).then_some(()));
    second.stop();
    assert_eq!(house.control_plane.supervisors(), []);
    clear(&mut house);
    house.known_server(LAB, "first").start();
    house.known_server(LAB, "second").start();
    assert_eq!(house.known_server(LAB, "second").newest_start()["ended_at"], Value::Null);
    report("fail closed", "disk full", "start and restart: failed and said why, the process from before ran on");
}
