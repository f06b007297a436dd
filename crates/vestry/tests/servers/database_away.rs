//! A database that goes away for a while: requests are refused in time, servers live on, nothing acknowledged is lost, and
//! all goes on by itself.

use std::{
    fs,
    thread::{scope, sleep},
    time::Duration,
};

use assurance::{Dice, count, report};
use serde_json::{Value, json};
use ureq::http::Method;

use crate::{
    kills::{Tally, ledgers, write_until},
    support::*,
};

/// Runs until a file is there, then ends on its own.
const ENDS: &str = "echo up; while [ ! -e end ]; do sleep 0.05; done; exit 3";

fn wired() -> House {
    House::with(Options { database: Database::WiredPostgres, ..Options::default() })
}

/// Asks for one thing of every kind while there is no database: each is refused in time, and says so.
fn all_is_refused_and_said(house: &House) {
    assert_eq!(house.control_plane.probe("/healthz"), (200, "ok\n".to_owned()));
    let run = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    let requests = [
        (Method::GET, format!("{LAB}/servers"), None),
        (Method::PUT, format!("{LAB}/secrets/REFUSED"), Some(json!({ "value": "never written" }))),
        (Method::POST, format!("{LAB}/servers/stays/stop"), Some(json!({}))),
        (Method::POST, format!("{LAB}/servers/stays/restart"), Some(json!({}))),
        (Method::POST, "/runs".to_owned(), Some(run)),
    ];
    scope(|scope| {
        for (method, path, body) in requests {
            scope.spawn(move || {
                let answer = house.owner.alone().send(method, &path, body).expect(503);
                assert_eq!(answer.json()["code"], "unavailable", "{path}: {}", answer.text);
                assert!(answer.text.contains("the database does not answer"), "{path}: {}", answer.text);
            });
        }
        let (status, said) = house.control_plane.probe("/readyz");
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((status, &said["database"], &said["root_key"]), (503, &json!("does not answer"), &json!("ok")));
    });
    assert_eq!(house.control_plane.probe("/healthz"), (200, "ok\n".to_owned()));
}

fn is_survived(how: &str, goes: impl Fn(&mut Cluster), comes: impl Fn(&mut Cluster)) {
    let long = Duration::from_secs(count(60) as u64);
    let mut house = House::with(Options { database: Database::OwnPostgres, ..Options::default() });
    let mut tally = Tally::default();
    let mut writers = ledgers(&house, how);
    house.server("stays", "echo up; exec sleep 1000").start();
    house.server("ends", ENDS).start();
    house.known_server(LAB, "ends").logs("up");
    let home = house.home(LAB);
    let before = house.control_plane.programs_in_sandboxes();
    let run = || json!({ "organization": "acme", "workspace": "lab", "host": "just before" });

    write_until(&mut house, &mut writers, &mut Dice::of(how), &mut tally, |house| {
        let begun = house.owner.alone().post("/runs", run()).expect(201).json();
        goes(house.control_plane.cluster.as_mut().unwrap());
        fs::write(home.join("end"), "").unwrap();
        scope(|scope| {
            let house = &*house;
            scope.spawn(|| all_is_refused_and_said(house));
            // How long it is away is what is tried.
            sleep(long);
        });
        comes(house.control_plane.cluster.as_mut().unwrap());
        until("the database", || (house.control_plane.readiness()["database"] == "ok").then_some(()));
        until("the outcome of the last run before", || {
            let runs = house.owner.get(&format!("{LAB}/runs?limit=200")).expect(200).json();
            let outcome = |run: &Value| (run["id"] == begun["id"]).then(|| run["outcome"].clone());
            runs["items"].as_array().unwrap().iter().find_map(outcome).filter(|outcome| *outcome == "delivered")
        });
    });

    let ended = until("the end of a server to be recorded", || {
        Some(house.known_server(LAB, "ends").get()).filter(|seen| seen["status"] != "running")
    });
    assert_eq!((&ended["status"], &ended["exit_code"]), (&json!("failed"), &json!(3)), "{ended:#}");
    let stays = house.known_server(LAB, "stays");
    assert_eq!(stays.get()["status"], "running");
    assert!(house.control_plane.programs_in_sandboxes().iter().all(|process| before.contains(process)));
    assert_eq!(stays.restart()["outcome"], "delivered");
    stays.stop();
    report("database away", "PostgreSQL", &format!("{how} for {} s under writers, {tally}", long.as_secs()));
}

#[test]
fn a_database_that_is_stopped_for_a_while_is_survived() {
    is_survived("stopped", Cluster::stop, Cluster::start);
}

#[test]
fn a_database_that_hangs_for_a_while_is_survived() {
    is_survived("hung", |cluster| cluster.hang(), |cluster| cluster.go_on());
}

/// A commit may be done although its answer never comes. A server's start, stop and restart follow their commit: they were
/// left `starting` or `stopping` for ever.
#[test]
fn whatever_becomes_of_a_commit_s_answer_no_server_is_left_between_two_states() {
    let house = wired();
    let wire = house.control_plane.wire.as_ref().unwrap();
    let server = house.server("unsure", "echo up; exec sleep 1000");
    let unsure = |what: &str| {
        wire.keep_back_a_commit_s_answer(0);
        let answer = house.owner.post(&format!("{}/{what}", server.path()), json!({})).expect(503);
        assert!(wire.has_kept_one_back());
        assert_eq!(answer.json()["code"], "unavailable");
        assert!(answer.text.contains("whether it was done is not known"), "{}", answer.text);
    };

    unsure("start");
    let failed = until("the start to be found out", || Some(server.get()).filter(|seen| seen["status"] == "failed"));
    assert!(failed["status_detail"].as_str().unwrap().contains("did not confirm the start"), "{failed:#}");
    assert_eq!(server.newest_start()["outcome"], "failed");
    assert_eq!(house.control_plane.supervisors(), []);

    server.start();
    unsure("restart");
    assert_eq!(server.newest_start()["outcome"], "failed");
    assert_eq!(server.get()["status"], "running");

    unsure("stop");
    server.becomes("stopped");
    assert_eq!(house.control_plane.supervisors(), []);

    // The steps of a restart, after its answer: going to stop the old process, and putting the new one in its place.
    for others in [1, 2, 3] {
        server.start();
        wire.keep_back_a_commit_s_answer(others);
        let record = server.restart();
        until("the cut", || wire.has_kept_one_back().then_some(()));
        let seen = until("a server at rest", || {
            let seen = server.get();
            ["running", "failed"].iter().any(|status| seen["status"] == *status).then_some(seen)
        });
        match record["outcome"].as_str().unwrap() {
            "delivered" => assert_eq!(seen["status"], "running", "{others}: {seen:#}"),
            _ => assert_ne!(seen["status_detail"], "", "{others}: {seen:#}"),
        }
        if seen["status"] == "running" {
            server.stop();
        }
        until("the end of its processes", || house.control_plane.supervisors().is_empty().then_some(()));
    }
    server.start();
}

/// Such a run was said not to be on record, and where it was, its record said `pending` for ever.
#[test]
fn whatever_becomes_of_the_commit_of_a_run_nothing_is_handed_over_and_its_record_says_so() {
    let house = wired();
    house.workspace_secret("KEY", "a value that stays here");
    let run = || json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    let wire = house.control_plane.wire.as_ref().unwrap();
    wire.keep_back_a_commit_s_answer(0);
    let answer = house.owner.post("/runs", run()).expect(503);
    assert!(wire.has_kept_one_back());
    assert!(answer.text.contains("did not confirm that the run is on record"), "{}", answer.text);
    assert!(!answer.text.contains("stays here"));
    let record = until("the outcome", || {
        let runs = house.owner.get(&format!("{LAB}/runs")).expect(200).json();
        let runs = runs["items"].as_array().unwrap().clone();
        runs.first().filter(|run| run["outcome"] != "pending").cloned()
    });
    assert_eq!(record["outcome"], "failed", "{record:#}");
    assert!(record["detail"].as_str().unwrap().contains("nothing was handed over"), "{record:#}");
    house.owner.post("/runs", run()).expect(201);
}

/// A machine that is gone, or a way to it, tells nobody. Connections that never answer again kept their places and their
/// locks until the kernel gave them up.
#[test]
fn connections_that_are_lost_without_a_word_keep_neither_their_place_nor_their_locks() {
    let mut house = wired();
    let mut writers = ledgers(&house, "lost connections");
    let (mut dice, mut tally) = (Dice::of("lost connections"), Tally::default());
    write_until(&mut house, &mut writers, &mut dice, &mut tally, |house| {
        house.control_plane.wire.as_ref().unwrap().lose_all();
        until("the database", || (house.control_plane.readiness()["database"] == "ok").then_some(()));
        until("the locks of what was lost", || {
            let wish = json!({ "name": "Acme" });
            (house.administrator.patch("/organizations/acme", wish).status == 200).then_some(())
        });
    });
    report("database away", "PostgreSQL", &format!("every connection lost without a word, {tally}"));
}
