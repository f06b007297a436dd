//! `vestry run` against a real control plane: what the command gets, what stays on record, and when nothing runs.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    net::TcpListener,
    process::Stdio,
    thread,
};

use nix::sys::signal::Signal;
use rustix::{
    fs::OFlags,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::{Value, json};

use crate::support::*;

const SHOW: &[&str] = &["--", "cat", "/proc/self/environ"];

const MULTI_LINE: &str =
    "-----BEGIN KEY-----\nAAAA=\r\n\n\"quoted\" $HOME 'single' \\ ünï 鍵\u{1}\n-----END KEY-----\n";

fn on_postgres() -> Options {
    Options { database: Database::Postgres, ..Options::default() }
}

/// A new token of `lab`: its id and text.
fn workspace_token(house: &House, name: &str) -> (String, String) {
    let made = house.owner.post(&format!("{LAB}/tokens"), json!({ "name": name })).expect(201).json();
    (made["id"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned())
}

/// The workspace's runs, newest first, once their outcomes are known.
fn records(house: &House) -> Vec<Value> {
    until("the outcome of all runs", || {
        let listed = house.owner.get(&format!("{LAB}/runs")).expect(200).json();
        let records = listed["items"].as_array().unwrap().clone();
        records.iter().all(|record| record["outcome"] != "pending").then_some(records)
    })
}

fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

/// What is in the environment that a command of this laptop printed.
#[track_caller]
fn shown(ran: &Ran) -> BTreeMap<String, String> {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    environment_of(&ran.stdout)
}

fn with<'a>(laptop: &'a Laptop, secrets: &[(&'a str, &'a str)]) -> BTreeMap<String, String> {
    let all = laptop.environment().chain(secrets.iter().copied());
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn a_run_gets_its_workspaces_environment(options: Options) {
    let house = House::with(options);
    let collaborator = house.collaborator();
    let large = "x".repeat(48 * 1024);
    house.organization_secret("EVERYWHERE", json!({ "value": "the organization's" }));
    house.organization_secret("OVERRIDDEN", json!({ "value": "covered" }));
    house.organization_secret("SELECTED", json!({ "value": "chosen", "workspaces": ["lab"] }));
    house.organization_secret("NOWHERE", json!({ "value": "for nobody", "workspaces": [] }));
    house.workspace_secret("OVERRIDDEN", "the workspace's");
    house.workspace_secret("MULTI_LINE", MULTI_LINE);
    house.workspace_secret("LARGE", &large);
    let secrets = [
        ("EVERYWHERE", "the organization's"),
        ("SELECTED", "chosen"),
        ("OVERRIDDEN", "the workspace's"),
        ("MULTI_LINE", MULTI_LINE),
        ("LARGE", &large),
    ];
    let (_, token) = workspace_token(&house, "pipeline");
    let of_person = [&["-w", "acme/lab"], SHOW].concat();
    for (token, arguments, person, name) in [
        (house.owner.token(), of_person.as_slice(), json!("owner"), Value::Null),
        (collaborator.token(), &of_person, json!("collaborator"), Value::Null),
        (&token, SHOW, Value::Null, json!("pipeline")),
        (&token, &of_person, Value::Null, json!("pipeline")),
    ] {
        let laptop = Laptop::new(&house, token).with("MINE", "my own").with("EMPTY", "");
        assert_eq!(shown(&laptop.run(arguments)), with(&laptop, &secrets));
        let record = records(&house).swap_remove(0);
        assert_eq!((&record["kind"], &record["outcome"]), (&json!("run"), &json!("delivered")), "{record:#}");
        assert_eq!((&record["host"], &record["command"]), (&json!(hostname()), &json!("cat")));
        assert_eq!((&record["started_by"]["name"], &record["token"]), (&person, &name), "{record:#}");
        let injected: BTreeMap<&str, _> = record["injected"].as_array().unwrap().iter().map(injected).collect();
        let expected = [
            ("EVERYWHERE", ("organization", 1)),
            ("LARGE", ("workspace", 1)),
            ("MULTI_LINE", ("workspace", 1)),
            ("OVERRIDDEN", ("workspace", 1)),
            ("SELECTED", ("organization", 1)),
        ];
        assert_eq!(injected, expected.into());
        // Whatever else stood on the command line stays here.
        let kept = house.administrator.get("/organizations/acme/audit-events?action=run.started").expect(200).text;
        assert!(kept.contains(r#""command":"cat""#), "{kept}");
        assert!(!(kept + &record.to_string()).contains("environ\""));
    }
    assert_eq!(records(&house).len(), 4);
}

fn injected(held: &Value) -> (&str, (&str, u64)) {
    (held["name"].as_str().unwrap(), (held["scope"].as_str().unwrap(), held["version"].as_u64().unwrap()))
}

#[test]
fn a_run_gets_exactly_its_workspaces_environment_and_leaves_its_record() {
    a_run_gets_its_workspaces_environment(Options::default());
}

#[test]
fn a_run_gets_it_on_postgresql_too() {
    a_run_gets_its_workspaces_environment(on_postgres());
}

#[test]
fn what_is_vestrys_own_never_reaches_the_command() {
    let house = House::new();
    let (_, token) = workspace_token(&house, "pipeline");
    let laptop = Laptop::new(&house, &token)
        .with("VESTRY_DATABASE_URL", "postgres://vestry:password@db/vestry")
        .with("VESTRY_ROOT_KEY", "env:SOMEWHERE")
        .with("vestry_like", "mine");
    let environment = shown(&laptop.run(SHOW));
    assert_eq!(environment, with(&laptop, &[]));
    assert_eq!(environment["vestry_like"], "mine");
}

#[test]
fn only_what_was_asked_for_is_handed_over_and_what_both_set_is_said() {
    let house = House::new();
    house.workspace_secret("ONE", "the first value");
    house.workspace_secret("TWO", "the second value");
    let (_, token) = workspace_token(&house, "pipeline");
    let laptop = Laptop::new(&house, &token);
    assert_eq!(shown(&laptop.run(&[&["--only", "TWO"], SHOW].concat())), with(&laptop, &[("TWO", "the second value")]));
    assert_eq!(records(&house)[0]["injected"].as_array().unwrap().len(), 1);

    let laptop = laptop.with("ONE", "mine");
    let ran = laptop.run(SHOW);
    assert_eq!(ran.stderr, "set here too, and replaced: ONE (--keep-env keeps yours)\n");
    assert_eq!(environment_of(&ran.stdout)["ONE"], "the first value");
    let ran = laptop.run(&[&["--keep-env"], SHOW].concat());
    assert_eq!(ran.stderr, "kept as set here: ONE\n");
    let kept = environment_of(&ran.stdout);
    assert_eq!((&*kept["ONE"], &*kept["TWO"]), ("mine", "the second value"));
}

#[test]
fn a_change_of_what_reaches_the_workspace_is_in_the_next_run() {
    let house = House::new();
    house.organization_secret("SELECTED", json!({ "value": "chosen", "workspaces": ["lab"] }));
    house.workspace_secret("SUSPENDED", "not for now");
    house.workspace_secret("KEPT", "first");
    let (_, token) = workspace_token(&house, "pipeline");
    let laptop = Laptop::new(&house, &token);
    let all = [("SELECTED", "chosen"), ("SUSPENDED", "not for now"), ("KEPT", "first")];
    assert_eq!(shown(&laptop.run(SHOW)), with(&laptop, &all));

    house.administrator.delete("/organizations/acme/secrets/SELECTED/workspaces/lab").expect(200);
    house.workspace_secret("KEPT", "second");
    assert_eq!(shown(&laptop.run(SHOW)), with(&laptop, &[("SUSPENDED", "not for now"), ("KEPT", "second")]));
    house
        .control_plane
        .tamper("UPDATE secrets SET suspended_at = 1, suspended_by = created_by WHERE name = 'SUSPENDED'");
    let ran = laptop.run(SHOW);
    assert_eq!(ran.stderr, "suspended, so not handed over: SUSPENDED\n");
    assert_eq!(environment_of(&ran.stdout), with(&laptop, &[("KEPT", "second")]));
    let ran = laptop.run(&["--only", "SUSPENDED", "touch", "began"]);
    assert_eq!(ran.code, Some(125), "{ran:?}");
    assert!(!laptop.has("began"));
}

#[test]
fn the_command_takes_vestrys_place_and_ends_as_itself() {
    let house = House::new();
    let (_, token) = workspace_token(&house, "pipeline");
    let laptop = Laptop::new(&house, &token);

    let mut child = laptop.begin(&[], "read line; exit 7");
    let pid = i32::try_from(child.id()).unwrap();
    let family = family(pid);
    assert_eq!(family.iter().map(|process| (process.pid, process.name.as_str())).collect::<Vec<_>>(), [(pid, "sh")]);
    assert_eq!(family[0].parent, i32::try_from(std::process::id()).unwrap());
    assert!(!fs::read_link(format!("/proc/{pid}/exe")).unwrap().ends_with("vestry"));
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(7));

    let ran = laptop.run(&["--", "sh", "-c", "kill -KILL $$"]);
    assert_eq!((ran.code, ran.signal), (None, Some(Signal::SIGKILL)), "{ran:?}");
    let child = laptop.begin(&[], "exec sleep 1000");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(Ran::from(child.wait_with_output().unwrap()).signal, Some(Signal::SIGTERM));

    assert_eq!(laptop.run(&["--", "no-such-program-anywhere"]).code, Some(127));
    laptop.write("notes.txt", "no program");
    assert_eq!(laptop.run(&["--", "./notes.txt"]).code, Some(126));
    // Both got their values before that was known, and the record says so.
    assert!(records(&house).iter().all(|record| record["outcome"] == "delivered"));
}

/// What a shell has open: it makes no pipe itself, which it might have open still while another looks.
const DESCRIPTORS: &str = "cd /proc/$$/fd && stat -c %N * 2> /dev/null; :";

/// The signals that a process ignores or holds back, and its limits: what else a parent hands down.
const HANDED_DOWN: &str = "grep -E '^Sig(Blk|Ign|Cgt)|^NoNewPrivs|^Umask' /proc/self/status; cat /proc/self/limits";

#[test]
fn the_command_finds_signals_limits_and_descriptors_as_without_vestry() {
    let house = House::new();
    let (_, token) = workspace_token(&house, "pipeline");
    let laptop = Laptop::new(&house, &token);
    for script in [HANDED_DOWN, DESCRIPTORS] {
        // One parent for both: what a new process finds of the C library's own signals changes while other tests run.
        let both = r#"sh -c "$1"; echo and; "$2" run -- sh -c "$1"; :"#;
        let both = laptop.command("sh", &["-c", both, "sh", script, env!("CARGO_BIN_EXE_vestry")]).output().unwrap();
        let (said, error) = (String::from_utf8(both.stdout).unwrap(), String::from_utf8(both.stderr).unwrap());
        let (bare, run) = said.split_once("and\n").unwrap();
        assert!(bare.len() > 10 && error.is_empty(), "{said}{error}");
        assert_eq!(run, bare);
    }
}

#[test]
fn the_terminal_stays_the_commands_and_ctrl_c_reaches_it() {
    let house = House::new();
    let (_, token) = workspace_token(&house, "pipeline");
    let laptop = Laptop::new(&house, &token);
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(&name).unwrap();

    let script = "trap 'echo interrupted; exit 5' INT; test -t 0 && test -t 1 && test -t 2 && : < /dev/tty && tty; \
                  read line; echo not interrupted";
    let vestry = env!("CARGO_BIN_EXE_vestry");
    // A shell's background job ignores Ctrl-C, and so would all that it starts.
    let as_in_a_terminal = ["--default-signal=INT", "setsid", "--ctty"];
    let command = [&as_in_a_terminal[..], &[vestry, "run", "--", "sh", "-c", script]].concat();
    let mut command = laptop.command("env", &command);
    command.stdin(Stdio::from(terminal.try_clone().unwrap()));
    command.stdout(Stdio::from(terminal.try_clone().unwrap())).stderr(Stdio::from(terminal));
    let mut child = command.spawn().unwrap();
    // Only the child has the terminal open now, so that reading ends with it.
    drop(command);
    rustix::fs::fcntl_setfl(&controller, OFlags::empty()).unwrap();
    let mut keyboard = File::from(controller);
    let mut screen = keyboard.try_clone().unwrap();
    let (mut seen, mut bytes, mut typed) = (String::new(), [0; 256], false);
    while let Ok(count @ 1..) = screen.read(&mut bytes) {
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        if !typed && seen.contains(&name) {
            keyboard.write_all(b"\x03").unwrap();
            typed = true;
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(5), "{seen}");
    assert!(typed && seen.contains("interrupted") && !seen.contains("not interrupted"), "{seen}");
}

/// It ends with 125, says why, and the command never ran.
#[track_caller]
fn nothing_runs(laptop: &Laptop, arguments: &[&str], why: &str) {
    let ran = laptop.run(&[arguments, &["touch", "began"]].concat());
    assert_eq!(ran.code, Some(125), "{ran:?}");
    assert!(ran.stderr.contains(why), "{why}: {ran:?}");
    assert!(!laptop.has("began"));
}

fn a_refused_run_runs_nothing(options: Options) {
    let mut house = House::with(options);
    house.workspace_secret("KEY", "a value that stays here");
    let collaborator = house.collaborator();
    let of_lab = ["-w", "acme/lab"];
    nothing_runs(&Laptop::new(&house, house.administrator.token()), &of_lab, "owner");
    nothing_runs(&Laptop::new(&house, house.owner.token()), &["-w", "acme/nowhere"], "");
    nothing_runs(&Laptop::new(&house, house.owner.token()), &["-w", "acme/lab", "--only", "MISSING"], "MISSING");
    house.owner.delete(&format!("{LAB}/collaborators/{}", collaborator.email)).expect(204);
    nothing_runs(&Laptop::new(&house, collaborator.token()), &of_lab, "");

    let (id, token) = workspace_token(&house, "pipeline");
    let laptop = Laptop::new(&house, &token);
    nothing_runs(&laptop, &["-w", "acme/other"], "");
    assert!(records(&house).is_empty());
    assert_eq!(laptop.run(&["true"]).code, Some(0));
    house.owner.delete(&format!("{LAB}/tokens/{id}")).expect(204);
    nothing_runs(&laptop, &[], "it was revoked or has ended\nhelp:  the workspace's owner makes another");

    let (_, token) = workspace_token(&house, "another");
    assert_eq!(records(&house).len(), 1);
    house.control_plane.stop();
    nothing_runs(&Laptop::new(&house, &token), &[], "can't be reached");
    house.control_plane.start();
    assert_eq!(records(&house).len(), 1);
    assert_eq!(Laptop::new(&house, &token).run(&["true"]).code, Some(0));
}

#[test]
fn where_a_run_is_refused_or_unanswered_no_command_runs() {
    a_refused_run_runs_nothing(Options::default());
}

#[test]
fn where_a_run_is_refused_on_postgresql_no_command_runs() {
    a_refused_run_runs_nothing(on_postgres());
}

/// The log said "something went wrong inside", and to look into the log.
#[test]
fn why_a_run_could_not_be_put_on_record_is_in_the_log_and_nowhere_else() {
    let house = House::new();
    let (_, token) = workspace_token(&house, "pipeline");
    house.control_plane.tamper(NO_AUDIT);
    let ran = Laptop::new(&house, &token).run(&["true"]);
    assert!(!ran.stderr.contains("the disk is full"), "{ran:?}");
    let log = fs::read_to_string(house.control_plane.log_file()).unwrap();
    let said = log.lines().find(|line| line.contains("could not be put on record")).unwrap();
    assert!(said.contains("the disk is full"), "{said}");
}

const NO_AUDIT: &str =
    "CREATE TRIGGER no_audit BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";

#[test]
fn without_its_audit_event_no_run_gets_anything() {
    let house = House::new();
    house.workspace_secret("KEY", "a value that stays here");
    let (_, token) = workspace_token(&house, "pipeline");
    house.control_plane.tamper(NO_AUDIT);
    let laptop = Laptop::new(&house, &token);
    nothing_runs(&laptop, &[], "could not be put on record, so nothing was handed over");
    assert!(records(&house).is_empty());
    house.control_plane.tamper("DROP TRIGGER no_audit");
    assert_eq!(laptop.run(&["true"]).code, Some(0));
    assurance::report("fail closed", "audit insert fails", "run: refused, nothing handed over, the command never ran");
}

#[test]
fn a_value_that_does_not_open_is_named_and_no_command_runs_with_the_rest() {
    let house = House::new();
    house.organization_secret("FIRST", json!({ "value": "is all right" }));
    house.workspace_secret("BROKEN", "will be damaged");
    let (_, token) = workspace_token(&house, "pipeline");
    let laptop = Laptop::new(&house, &token);
    assert_eq!(laptop.run(&["true"]).code, Some(0));
    house.control_plane.tamper(
        "UPDATE secret_versions SET sealed = zeroblob(length(sealed)) \
         WHERE secret_id = (SELECT id FROM secrets WHERE name = 'BROKEN')",
    );
    nothing_runs(&laptop, &[], "BROKEN");
    assert_eq!(records(&house)[0]["outcome"], "failed");
    assert_eq!(laptop.run(&["--only", "FIRST", "true"]).code, Some(0), "what is not asked for is not unsealed");
    assurance::report("fail closed", "unseal fails", "run: refused, the secret named, the command never ran");
}

#[test]
fn a_redirection_to_another_address_is_not_followed() {
    let house = House::new();
    house.workspace_secret("KEY", "a value that stays here");
    let (_, token) = workspace_token(&house, "pipeline");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = format!("http://{}", listener.local_addr().unwrap());
    let target = format!("{}/api/v1/runs", house.control_plane.url());
    let answering = thread::spawn(move || {
        for status in ["307 Temporary Redirect", "308 Permanent Redirect", "303 See Other"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).unwrap() > 0);
            let head =
                format!("HTTP/1.1 {status}\r\nlocation: {target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
        }
    });
    for _ in 0..3 {
        nothing_runs(&Laptop::at(&elsewhere, &token), &[], "sends elsewhere; nothing was sent there");
    }
    answering.join().unwrap();
    assert!(records(&house).is_empty());
}
