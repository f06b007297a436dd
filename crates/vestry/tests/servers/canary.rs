//! Values that are looked for everywhere: none is anywhere but in the programs that shall have it.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use crate::support::*;

const EACH: usize = 35;

/// A value that is unlike all others, with characters that every encoding writes differently.
fn canary(what: &str, number: usize) -> String {
    let unique = control::random::revision();
    let line = format!("{what}/{number}+{unique}\"ü% =");
    match number % 4 {
        0 => format!("-----BEGIN {line}-----\nsecond line {number} {unique}\\\n"),
        _ => line,
    }
}

fn canaries(what: &str) -> BTreeMap<String, String> {
    (0..EACH).map(|number| (format!("{what}_{number}").to_uppercase(), canary(what, number))).collect()
}

/// Prints what it got in all listed forms, then stays.
const PRINTS: &str = r#"
import base64, json, os, time, urllib.parse
for name, value in sorted(os.environ.items()):
    print(name, value, base64.b64encode(value.encode()).decode(), urllib.parse.quote(value, safe=""), json.dumps(value))
print("end", flush=True)
time.sleep(1000)
"#;

#[test]
fn no_value_is_anywhere_but_in_the_programs_that_shall_have_it() {
    let mut house = House::with(Options { log: "trace", own_programs: true, ..Options::default() });
    house.owner.post("/organizations/acme/workspaces", json!({ "name": "Other" })).expect(201);
    let other = LAB.replace("lab", "other");
    let (organization, lab, others) = (canaries("organization"), canaries("lab"), canaries("other"));
    for (name, value) in &organization {
        house.organization_secret(name, json!({ "value": value }));
    }
    for (name, value) in &lab {
        house.workspace_secret(name, value);
    }
    for (name, value) in &others {
        house.owner.put(&format!("{other}/secrets/{name}"), json!({ "value": value })).expect(201);
    }
    let laptop = Laptop::new(&house, house.owner.token());
    // Not by a request of these tests, which keep all answers: this one may show it.
    let made = laptop.vestry(&["token", "create", "pipeline", "-w", "acme/lab"]).output().unwrap();
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let machine = Laptop::new(&house, &token);
    let of_token = [token.as_str(), token.rsplit('_').nth(1).unwrap()];
    let stray: Vec<String> = (0..20).map(|number| canary("stray", 2 * number + 1)).collect();
    let mut values = organization.values().chain(lab.values()).chain(others.values()).chain(&stray);
    let count = values.clone().count();
    assert!(count >= 100);
    let sweep = Sweep::for_values(values.by_ref().map(String::as_str).chain(of_token));
    exercise(&mut house, &other, &stray, &machine, &sweep);

    let prints = json!({ "name": "prints", "command": ["/usr/bin/python3", "-c", PRINTS] });
    for workspace in [LAB, &other] {
        let server = house.server_in(workspace, prints.clone());
        server.start();
        server.logs("end\n");
        server.restart();
        server.logs("end\n");
    }
    house.crash();
    let (laptop, machine) = (Laptop::new(&house, house.owner.token()), Laptop::new(&house, &token));
    let mut runs = [laptop.begin(&["-w", "acme/lab"], "read line"), machine.begin(&[], "read line")];
    let of_runs: Vec<i32> = runs.iter().map(|run| i32::try_from(run.id()).unwrap()).collect();

    everything_is_searched(&house, &sweep, &of_runs);
    // The positive control: each of the two programs has its own, and the search finds it there.
    let own = house.control_plane.programs_in_sandboxes();
    let own: Vec<i32> = own.iter().map(|process| process.pid).collect();
    assert_eq!(own.len(), 2);
    assert_eq!(sweep.pids(&own, "environ").len(), 2);
    let environments: Vec<_> =
        own.iter().map(|pid| environment_of(&fs::read(format!("/proc/{pid}/environ")).unwrap())).collect();
    for (wanted, unwanted, workspace) in [(&lab, &others, "lab"), (&others, &lab, "other")] {
        let environment = environments.iter().find(|found| found["VESTRY_WORKSPACE"] == workspace).unwrap();
        assert!(wanted.iter().chain(&organization).all(|(name, value)| environment.get(name) == Some(value)));
        assert!(unwanted.keys().all(|name| !environment.contains_key(name)));
    }
    // So has each of the two runs, and neither has the token.
    assert_eq!(sweep.pids(&of_runs, "environ").len(), 2);
    for pid in &of_runs {
        let environment = environment_of(&fs::read(format!("/proc/{pid}/environ")).unwrap());
        assert!(lab.iter().chain(&organization).all(|(name, value)| environment.get(name) == Some(value)));
        assert!(others.keys().all(|name| !environment.contains_key(name)));
    }
    assert_eq!(Sweep::for_values(of_token).pids(&of_runs, "environ"), [0; 0]);
    for laptop in [&laptop, &machine] {
        assert_eq!(sweep.files(laptop.home()), [""; 0]);
    }
    for workspace in [LAB, &other] {
        house.known_server(workspace, "prints").stop();
    }
    house.control_plane.stop();
    everything_is_searched(&house, &sweep, &of_runs);
    for run in &mut runs {
        drop(run.stdin.take());
        run.wait().unwrap();
    }
    let done =
        format!("{count} values and a token looked for in files, answers and processes: only in 2 servers and 2 runs");
    assurance::report("canary sweep", "a whole installation", &done);
}

/// Everything else that a value can go through: refusals, edits, failing starts, a damaged row, explanations.
fn exercise(house: &mut House, other: &str, stray: &[String], machine: &Laptop, sweep: &Sweep) {
    let mut stray = stray.iter().cycle();
    let mut next = || stray.next().unwrap().clone();
    let of_lab = |name: &str| format!("{LAB}/secrets/{name}");
    let of_organization = |name: &str| format!("/organizations/acme/secrets/{name}");
    let collaborator = house.collaborator();
    collaborator.put(&of_lab("DENIED"), json!({ "value": next() })).expect(403);
    house.administrator.put(&of_lab("DENIED"), json!({ "value": next() })).expect(403);
    house.owner.put(&of_organization("DENIED"), json!({ "value": next() })).expect(403);
    house.anonymous.put(&of_lab("DENIED"), json!({ "value": next() })).expect(401);
    house.owner.put(&of_lab("PATH"), json!({ "value": next() })).expect(422);
    house.owner.put(&of_lab("1_NAME"), json!({ "value": next() })).expect(422);
    house.owner.put(&of_lab("UNKNOWN"), json!({ "value": next(), "vaule": next() })).expect(422);
    house.owner.put(&of_lab("UNKNOWN"), json!({ "value": { "is": next() } })).expect(422);
    house.owner.put(&of_lab("UNKNOWN"), json!([next()])).expect(422);
    house.owner.put(&of_lab("NUL"), json!({ "value": next() + "\0" })).expect(422);
    house.owner.put(&of_lab("LONG"), json!({ "value": next().repeat(2000) })).expect(422);
    house.owner.put(&of_lab("LONGER"), json!({ "value": next().repeat(20_000) })).expect(413);
    house.owner.with("if-match", "\"stale\"").put(&of_lab("LAB_1"), json!({ "value": next() })).expect(412);
    house.owner.with("if-none-match", "*").put(&of_lab("LAB_1"), json!({ "value": next() })).expect(409);
    house.administrator.put(&of_organization("ODD"), json!({ "value": next(), "access": "some" })).expect(422);
    house.administrator.put(&of_organization("ODD"), json!({ "value": next(), "workspaces": ["no"] })).expect(422);
    house.owner.put(&of_lab("EDITED"), json!({ "value": next() })).expect(201);
    house.owner.put(&of_lab("EDITED"), json!({ "value": next(), "description": "twice" })).expect(200);
    house.owner.patch(&of_lab("EDITED"), json!({ "name": "RENAMED" })).expect(200);
    house.owner.get(&of_lab("RENAMED")).expect(200);
    house.owner.get(&format!("{LAB}/explanations/LAB_2")).expect(200);
    house.owner.get(&format!("{LAB}/secrets?limit=200")).expect(200);
    house.administrator.get("/organizations/acme/secrets?limit=200").expect(200);
    house.administrator.get("/organizations/acme/audit-events?limit=200").expect(200);

    let failing = |house: &House, server: &str| {
        let server = house.known_server(LAB, server);
        house.owner.post(&format!("{}/start", server.path()), json!({})).expect(202);
        assert_eq!(server.newest_start()["outcome"], "failed");
    };
    house.server_in(LAB, json!({ "name": "nothing", "command": ["no-such-program"] }));
    failing(house, "nothing");
    let programs = house.control_plane.programs.as_ref().unwrap();
    programs.remove("slirp4netns");
    failing(house, "nothing");
    programs.restore("slirp4netns");
    house.control_plane.tamper(
        "UPDATE secret_versions SET sealed = zeroblob(90) WHERE secret_id IN \
        (SELECT id FROM secrets WHERE name = 'RENAMED')",
    );
    failing(house, "nothing");
    runs_that_fail(house, machine, sweep);
    house.owner.delete(&of_lab("RENAMED")).expect(204);
    // Ends with a code, while its values are in its memory; and one in the other workspace that is cut off.
    let ends = house.server("ends", "exit 9");
    house.owner.post(&format!("{}/start", ends.path()), json!({})).expect(202);
    until("its end", || Some(ends.get()).filter(|seen| seen["exit_code"] == 9));
    let cut_off = house.server_in(other, json!({ "name": "cut off", "command": ["sleep", "1000"] })).path();
    house.owner.post(&format!("{cut_off}/start"), json!({})).expect(202);
    house.crash();
    let cut_off = house.known_server(other, "cut-off");
    if cut_off.get()["status"] == "running" {
        cut_off.stop();
    }
}

/// Runs that are refused, of people and of a machine with a token, while a value does not open.
fn runs_that_fail(house: &House, machine: &Laptop, sweep: &Sweep) {
    let of_lab = |more: Value| {
        let mut run = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
        run.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        run
    };
    house.owner.post("/runs", of_lab(json!({}))).expect(409);
    house.administrator.post("/runs", of_lab(json!({}))).expect(403);
    house.anonymous.post("/runs", of_lab(json!({}))).expect(401);
    house.owner.post("/runs", of_lab(json!({ "workspace": "nowhere" }))).expect(404);
    house.owner.post("/runs", of_lab(json!({ "only": ["LAB_1", "MISSING"] }))).expect(422);
    house.owner.get(&format!("{LAB}/runs")).expect(200);
    house.owner.get(&format!("{LAB}/tokens")).expect(200);
    for arguments in [&["true"][..], &["-w", "acme/other", "true"], &["--only", "MISSING", "true"]] {
        let ran = machine.run(arguments);
        assert_eq!(ran.code, Some(125), "{ran:?}");
        assert!(!sweep.hits(&[ran.stdout, ran.stderr.into_bytes()].concat()));
    }
    let ran = machine.run(&["--only", "LAB_1", "--", "no-such-program"]);
    assert_eq!(ran.code, Some(127), "{ran:?}");
    assert!(!sweep.hits(&[ran.stdout, ran.stderr.into_bytes()].concat()));
}

/// The data directory with its database and write-ahead log, the control plane's own log, all that it answered, and
/// every process but the programs themselves, in sandboxes or runs.
fn everything_is_searched(house: &House, sweep: &Sweep, runs: &[i32]) {
    let data = house.control_plane.data();
    for part in ["vestry.sqlite", "logs", "homes", "run"] {
        assert!(data.join(part).exists(), "{part}");
    }
    assert_eq!(sweep.files(&data), [""; 0]);
    let log = house.control_plane.log_file();
    assert!(fs::read_to_string(&log).unwrap().contains(" DEBUG "), "it is more than the usual log");
    assert_eq!(sweep.files(&log), [""; 0]);
    let transcript = house.transcript();
    assert!(transcript.len() > 100_000);
    assert!(!sweep.hits(&transcript));
    let own = house.control_plane.programs_in_sandboxes();
    let all: Vec<i32> = processes().iter().map(|process| process.pid).collect();
    assert_eq!(sweep.pids(&all, "cmdline"), [0; 0]);
    let rest: Vec<i32> =
        all.into_iter().filter(|pid| !runs.contains(pid) && own.iter().all(|process| process.pid != *pid)).collect();
    assert_eq!(sweep.pids(&rest, "environ"), [0; 0]);
}

#[test]
fn the_search_finds_each_encoding_alone_and_wherever_it_stands() {
    let value = canary("control", 1);
    let sweep = Sweep::for_values([value.as_str()]);
    let forms = Forms::of(&value);
    assert_eq!(forms.iter().count(), 6);
    for (encoding, text) in forms.iter() {
        for line in text.lines() {
            assert!(sweep.hits(format!("\x00before{line}after\n").as_bytes()), "{encoding}");
            assert!(!sweep.hits(&line.as_bytes()[1..]), "{encoding}");
        }
    }
    assert!(!sweep.hits(b"nothing of it"));
}
