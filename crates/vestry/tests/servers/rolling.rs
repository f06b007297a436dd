//! Rolling restarts of real servers: who is restarted, in which order, and what failures and kills do to it.

use std::{fs, thread::sleep, time::Duration};

use assurance::{Dice, count, report};
use serde_json::{Value, json};

use crate::support::*;

/// Writes what it got into its home; says when two of it run at once.
const HOLDER: &str = r#"
exec 9>"lock of $VESTRY_SERVER"; flock -n 9 || { echo "$VESTRY_SERVER" >>twice; exit 1; }
echo "$KEY" >".new of $VESTRY_SERVER"; mv ".new of $VESTRY_SERVER" "key of $VESTRY_SERVER"; exec sleep 1000
"#;

/// The same, but ends on SIGTERM only once the file `go` is there.
const SLOW: &str = r#"
trap 'while [ ! -e go ]; do sleep 0.05; done; exit 0' TERM
echo "$KEY" >".new of $VESTRY_SERVER"; mv ".new of $VESTRY_SERVER" "key of $VESTRY_SERVER"
while :; do sleep 0.05; done
"#;

const OLD: &str = "the value from before";
const NEW: &str = "the value from now on";

/// Starts servers of a workspace, all at once.
fn run<'a>(house: &'a House, workspace: &str, names: &[String], script: &str) -> Vec<Server<'a>> {
    let command = json!(["sh", "-c", script]);
    let add = |name: &String| house.server_in(workspace, json!({ "name": name, "command": command }));
    let servers: Vec<Server<'_>> = names.iter().map(add).collect();
    for server in &servers {
        house.owner.post(&format!("{}/start", server.path()), json!({})).expect(202);
    }
    for (server, name) in servers.iter().zip(names) {
        server.becomes("running");
        until("what it got", || key(house, workspace, name));
    }
    servers
}

/// What a server's program got last.
fn key(house: &House, workspace: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(house.home(workspace).join(format!("key of {name}"))).ok()?;
    Some(text.trim_end().to_owned())
}

fn names(number: usize) -> Vec<String> {
    (0..number).map(|at| format!("s{at:02}")).collect()
}

/// Begins a rolling restart; its address.
fn begin(person: &Actor, place: &str, how: Value) -> String {
    let begun = person.post(&format!("{place}/restarts"), how).expect(202).json();
    format!("/organizations/acme/restarts/{}", begun["id"].as_str().unwrap())
}

/// Waits until a rolling restart is as wanted.
#[track_caller]
fn once(house: &House, restart: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    until(what, || Some(house.administrator.get(restart).expect(200).json()).filter(&wanted))
}

#[track_caller]
fn settled(house: &House, restart: &str) -> Value {
    let over = |seen: &Value| seen["state"] != "running" && seen["counts"]["restarting"] == 0;
    once(house, restart, "the end of the rolling restart", over)
}

fn states(restart: &Value) -> Vec<&str> {
    restart["servers"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect()
}

#[test]
fn exactly_the_holders_that_differ_get_the_new_value() {
    let house = House::new();
    house.owner.post("/organizations/acme/workspaces", json!({ "name": "Attic" })).expect(201);
    let attic = "/organizations/acme/workspaces/attic";
    house.organization_secret("KEY", json!({ "value": OLD }));
    house.owner.put(&format!("{attic}/secrets/KEY"), json!({ "value": "its own value" })).expect(201);
    run(&house, LAB, &names(3), HOLDER);
    let elsewhere = run(&house, attic, &names(1), HOLDER).remove(0);
    house.organization_secret("KEY", json!({ "value": NEW }));
    let fresh = run(&house, LAB, &["fresh".to_owned()], HOLDER).remove(0);
    let untouched = || (elsewhere.newest_start()["id"].clone(), fresh.newest_start()["id"].clone());
    let before = untouched();

    let restart = begin(&house.administrator, "/organizations/acme/secrets/KEY", json!({ "batch_size": 2 }));
    let done = settled(&house, &restart);
    assert_eq!((&done["state"], states(&done)), (&json!("done"), vec!["done"; 3]), "{done:#}");
    for (name, step) in names(3).iter().zip(done["servers"].as_array().unwrap()) {
        let server = house.known_server(LAB, name);
        until("the new value", || (key(&house, LAB, name)? == NEW).then_some(()));
        assert_eq!((server.becomes("running")["restart_needed"].clone(), server.starts().len()), (json!(false), 2));
        let newest = server.newest_start();
        assert_eq!((&newest["id"], &newest["started_by"]["name"]), (&step["start"], &json!("Administrator")));
    }
    assert_eq!(untouched(), before);
    assert_eq!(house.control_plane.supervisors().len(), 5);
}

#[test]
fn what_fails_is_named_and_the_rest_runs_on_as_it_was_until_somebody_continues() {
    let house = House::new();
    house.workspace_secret("KEY", OLD);
    house.workspace_secret("OTHER", "another value");
    let servers = run(&house, LAB, &names(4), HOLDER);
    house.workspace_secret("KEY", NEW);
    // What does not open fails before the stop: the old process runs on.
    let other = "UPDATE secret_versions SET sealed = (SELECT v.sealed FROM secret_versions v JOIN secrets s \
         ON s.id = v.secret_id WHERE s.name = 'OTHER') \
         WHERE version = 2 AND secret_id = (SELECT id FROM secrets WHERE name = 'KEY')";
    house.control_plane.tamper(other);
    let restart = begin(&house.owner, LAB, json!({}));
    let paused = settled(&house, &restart);
    assert_eq!(
        (&paused["state"], states(&paused)),
        (&json!("paused"), vec!["failed", "waiting", "waiting", "waiting"])
    );
    assert_eq!(paused["detail"], "1 server could not be restarted: lab/s00");
    assert!(paused["servers"][0]["detail"].as_str().unwrap().contains("KEY"), "{paused:#}");
    assert_eq!(servers[0].becomes("running")["restart_needed"], true);

    // What does not get along with what it was handed fails after it: nothing runs with old values.
    house.workspace_secret("KEY", NEW);
    house.owner.patch(&servers[1].path(), json!({ "command": ["sh", "-c", "exit 7"] })).expect(200);
    house.owner.post(&format!("{restart}/continuation"), json!({})).expect(202);
    let paused = settled(&house, &restart);
    assert_eq!((&paused["state"], states(&paused)), (&json!("paused"), vec!["failed", "failed", "waiting", "waiting"]));
    assert_eq!(paused["servers"][1]["detail"], "exited with code 7", "{paused:#}");
    assert_eq!(servers[1].get()["status"], "failed");

    servers[2].stop();
    house.owner.post(&format!("{restart}/continuation"), json!({})).expect(202);
    let done = settled(&house, &restart);
    assert_eq!((&done["state"], states(&done)), (&json!("done"), vec!["failed", "failed", "skipped", "done"]));
    until("the new value", || (key(&house, LAB, "s03")? == NEW).then_some(()));
    let got: Vec<String> = names(4).iter().map(|name| key(&house, LAB, name).unwrap()).collect();
    assert_eq!(got, [OLD, OLD, OLD, NEW]);
    assert_eq!(servers.iter().map(|server| server.starts().len()).collect::<Vec<_>>(), [2, 2, 1, 2]);
    assert_eq!(house.control_plane.supervisors().len(), 2);
}

#[test]
fn what_is_being_restarted_when_it_is_aborted_comes_to_its_end() {
    let house = House::new();
    house.workspace_secret("KEY", OLD);
    let servers = run(&house, LAB, &names(2), SLOW);
    house.workspace_secret("KEY", NEW);
    let restart = begin(&house.owner, LAB, json!({}));
    until("the second supervisor of one", || (house.control_plane.supervisors().len() == 3).then_some(()));
    house.owner.delete(&restart).expect(204);
    let aborted = house.owner.get(&restart).expect(200).json();
    assert_eq!((&aborted["state"], states(&aborted)), (&json!("aborted"), vec!["restarting", "skipped"]));
    fs::write(house.home(LAB).join("go"), "").unwrap();
    let aborted = settled(&house, &restart);
    assert_eq!(states(&aborted), ["done", "skipped"]);
    assert_eq!((servers[0].starts().len(), servers[1].starts().len()), (2, 1));
    until("the new value", || (key(&house, LAB, "s00")? == NEW).then_some(()));
    assert_eq!(servers[1].becomes("running")["restart_needed"], true);
}

#[test]
fn without_the_root_key_it_pauses_and_stops_nothing_more() {
    let mut house = House::new();
    house.workspace_secret("KEY", OLD);
    run(&house, LAB, &names(2), SLOW);
    house.workspace_secret("KEY", NEW);
    let restart = begin(&house.owner, LAB, json!({}));
    // From then on its old process ends, whatever becomes of the control plane.
    until("the stop of one", || (house.known_server(LAB, "s00").get()["status"] == "stopping").then_some(()));
    let file = house.control_plane.root_key();
    let aside = file.with_extension("aside");
    fs::rename(&file, &aside).unwrap();
    house.crash();
    house.owner.post(&format!("{LAB}/restarts"), json!({})).expect(503);
    fs::write(house.home(LAB).join("go"), "").unwrap();
    let paused = settled(&house, &restart);
    assert_eq!((&paused["state"], states(&paused)), (&json!("paused"), vec!["waiting", "waiting"]), "{paused:#}");
    assert!(paused["detail"].as_str().unwrap().contains("root key"), "{paused:#}");
    house.owner.post(&format!("{restart}/continuation"), json!({})).expect(503);
    assert_eq!(house.known_server(LAB, "s01").becomes("running")["restart_needed"], true);
    // Its old process had been told to end before the control plane was killed: it is never started with the old value.
    assert_eq!(house.known_server(LAB, "s00").get()["status"], "failed");
    assert_eq!(house.control_plane.supervisors().len(), 1);

    fs::rename(&aside, &file).unwrap();
    house.crash();
    assert_eq!(house.owner.get(&restart).expect(200).json()["state"], "paused");
    house.owner.post(&format!("{restart}/continuation"), json!({})).expect(202);
    let done = settled(&house, &restart);
    assert_eq!((&done["state"], states(&done)), (&json!("done"), vec!["done", "done"]), "{done:#}");
    for name in names(2) {
        until("the new value", || (key(&house, LAB, &name)? == NEW).then_some(()));
    }
}

#[test]
fn it_goes_on_after_kills_of_the_control_plane_on_sqlite() {
    goes_on_after_kills(Database::Sqlite, "SQLite");
}

#[test]
fn it_goes_on_after_kills_of_the_control_plane_on_postgresql() {
    goes_on_after_kills(Database::Postgres, "PostgreSQL");
}

/// Some servers can't be started, and the control plane is killed again and again at any moment.
fn goes_on_after_kills(database: Database, about: &str) {
    let number = count(50).max(6);
    let mut dice = Dice::of(&format!("rolling restart on {about}"));
    let mut house = House::with(Options { database, ..Options::default() });
    house.owner.post("/organizations/acme/workspaces", json!({ "name": "Attic" })).expect(201);
    let attic = "/organizations/acme/workspaces/attic";
    house.organization_secret("KEY", json!({ "value": OLD }));
    house.owner.put(&format!("{attic}/secrets/KEY"), json!({ "value": "its own value" })).expect(201);
    let names = names(number);
    run(&house, LAB, &names, HOLDER);
    run(&house, attic, &["bystander".to_owned()], HOLDER);
    house.organization_secret("KEY", json!({ "value": NEW }));
    let broken: Vec<&String> = names.iter().filter(|_| dice.below(8) == 0).collect();
    for name in &broken {
        let command = json!({ "command": ["sh", "-c", "exit 7"] });
        house.owner.patch(&format!("{LAB}/servers/{name}"), command).expect(200);
    }
    let untouched = house.known_server(attic, "bystander").newest_start();

    let how = json!({ "pause_on_failure": false, "batch_size": number / 6 });
    let restart = begin(&house.administrator, "/organizations/acme/secrets/KEY", how);
    let (mut kills, mut stops, mut left) = (0, 0, number);
    loop {
        let over = |seen: &Value| seen["state"] != "running";
        let fewer = |seen: &Value| seen["counts"]["waiting"].as_u64().unwrap() < left as u64;
        let seen = once(&house, &restart, "one more batch", |seen| over(seen) || fewer(seen));
        if over(&seen) {
            break;
        }
        left = seen["counts"]["waiting"].as_u64().unwrap() as usize;
        sleep(Duration::from_micros(dice.below(400_000) as u64));
        if dice.below(5) == 0 {
            house.control_plane.stop();
            house.control_plane.start();
            stops += 1;
        } else {
            house.crash();
            kills += 1;
        }
    }
    let done = settled(&house, &restart);
    assert_eq!(done["state"], "done", "{done:#}");
    for (name, step) in names.iter().zip(done["servers"].as_array().unwrap()) {
        let server = house.known_server(LAB, name);
        assert_eq!(step["server"], **name);
        if broken.contains(&name) {
            assert_eq!((&step["state"], &server.get()["status"]), (&json!("failed"), &json!("failed")), "{step:#}");
            continue;
        }
        assert_eq!(step["state"], "done", "{step:#}");
        assert_eq!(server.becomes("running")["restart_needed"], false, "{name}");
        assert_eq!(server.newest_start()["id"], step["start"], "it was started once with the new value");
        until("the new value", || (key(&house, LAB, name)? == NEW).then_some(()));
    }
    assert_eq!(house.known_server(attic, "bystander").newest_start(), untouched);
    assert!(!house.home(LAB).join("twice").exists(), "two processes of one server at once");
    let alive = number - broken.len() + 1;
    until("the end of all other processes", || (house.control_plane.supervisors().len() == alive).then_some(()));
    let open = "SELECT t.id FROM starts t WHERE t.outcome = 'pending' OR (t.ended_at IS NULL AND t.id NOT IN \
                (SELECT x.start_id FROM servers x WHERE x.start_id IS NOT NULL))";
    assert_eq!(house.control_plane.query(open), "", "every start record says what became of it");
    let audit = house.administrator.get("/organizations/acme/audit-events/verification").expect(200).json();
    assert_eq!(audit["intact"], true);
    let failed = broken.len();
    report(
        "rolling restart",
        about,
        &format!(
            "{number} servers, {kills} kills -9 and {stops} stops of the control plane: {} restarted with the new value, {failed} of {failed} \
             put-in failures named, 0 with the old value after their stop, 0 twice, 0 others touched",
            number - failed
        ),
    );
}
