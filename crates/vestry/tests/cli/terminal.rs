//! Questions at a terminal.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    process::Stdio,
    thread,
};

use rustix::{
    fs::OFlags,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::json;

use crate::support::{Answer, Machine, Stub};

/// Runs a command at a terminal of its own; types `keys` as soon as `question` is on the screen. Answers what was on the
/// screen, and the exit code.
fn at_a_terminal(machine: &Machine, arguments: &[&str], question: &str, keys: &str) -> (String, Option<i32>) {
    in_conversation(machine, arguments, &[(question, keys)])
}

/// The same for several questions, each after the one before.
fn in_conversation(machine: &Machine, arguments: &[&str], answers: &[(&str, &str)]) -> (String, Option<i32>) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
    let size = rustix::termios::Winsize { ws_row: 24, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&terminal, size).unwrap();
    let mut command = machine.command(arguments);
    command.stdin(Stdio::from(terminal.try_clone().unwrap()));
    command.stdout(Stdio::from(terminal.try_clone().unwrap())).stderr(Stdio::from(terminal));
    let mut child = command.spawn().unwrap();
    // Only the child has the terminal open now, so that reading ends with it.
    drop(command);
    rustix::fs::fcntl_setfl(&controller, OFlags::empty()).unwrap();
    let mut keyboard = File::from(controller);
    let mut screen = keyboard.try_clone().unwrap();
    let mut seen = String::new();
    let mut heard = 0;
    let mut answers = answers.iter();
    let mut next = answers.next();
    let mut bytes = [0; 256];
    while let Ok(count @ 1..) = screen.read(&mut bytes) {
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        while let Some((question, keys)) = next
            && let Some(place) = seen[heard..].find(question)
        {
            heard += place + question.len();
            keyboard.write_all(keys.as_bytes()).unwrap();
            next = answers.next();
        }
    }
    assert!(next.is_none(), "{next:?} was never asked: {seen}");
    (seen, child.wait().unwrap().code())
}

const SET: &str = "PUT /organizations/acme/workspaces/nlp/secrets/API_KEY";
const SUSPEND: &str = "PUT /organizations/acme/workspaces/nlp/secrets/API_KEY/suspension";
const DESTROY: &str = "DELETE /organizations/acme/workspaces/nlp/deleted-secrets/d1";

fn nlp() -> (Stub, Machine) {
    let secret = json!({"name": "API_KEY", "scope": "workspace", "version": 1, "updated_at": "2020-01-01T00:00:00Z"});
    let deleted = json!({"items": [{"id": "d1", "name": "OLD_KEY", "version": 1, "deleted_at": "2020-01-01T00:00:00Z",
        "destroyed_from": "2020-01-31T00:00:00Z"}], "next_cursor": null});
    let held = json!({"items": [], "next_cursor": null, "also_read_by": []});
    let stub = Stub::answering(vec![
        Answer::json(SET, 201, secret.clone()),
        Answer::json("GET /organizations/acme/workspaces/nlp/secrets/API_KEY", 200, secret.clone()),
        Answer::json("DELETE /organizations/acme/workspaces/nlp/secrets/API_KEY", 204, json!(null)),
        Answer::json("GET /organizations/acme/workspaces/nlp/deleted-secrets", 200, deleted),
        Answer::json("GET /organizations/acme/workspaces/nlp/deleted-secrets/d1/holders", 200, held.clone()),
        Answer::json(DESTROY, 204, json!(null)),
        Answer::json("GET /organizations/acme/workspaces/nlp/secrets/API_KEY/holders", 200, held),
        Answer::json(SUSPEND, 200, secret),
    ]);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp").with("TERM", "xterm");
    (stub, machine)
}

#[test]
fn a_value_is_asked_for_and_never_shown() {
    let (stub, machine) = nlp();
    let (screen, code) = at_a_terminal(&machine, &["secret", "set", "API_KEY"], "(not shown)", "s3crez\u{7f}t\r");
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("s3c"), "{screen}");
    assert_eq!(stub.only(SET).json(), json!({"value": "s3cret"}));
}

/// What `POST /setup` answers for a field that does not fit.
fn unfit(field: &str) -> Answer {
    let error = json!({"field": field, "code": "x", "message": "It does not fit."});
    let problem = json!({"title": "x", "status": 422, "code": "invalid", "detail": "x", "errors": [error]});
    Answer::json("POST /setup", 422, problem)
}

#[test]
fn setting_up_checks_every_answer_as_soon_as_it_is_given() {
    let me = json!({"id": "u1", "email": "mina@acme.example", "name": "Mina", "organizations": []});
    let (no_code, wrong_code, right_code) = (unfit("setup_code"), unfit("setup_code"), unfit("email"));
    let stub = Stub::answering(vec![
        no_code,
        wrong_code,
        right_code,
        Answer::json("POST /setup", 201, json!({})),
        Answer::json("POST /sessions", 201, json!({"user": me})).with("set-cookie", "vestry_session=c00kie"),
        Answer::json("POST /me/tokens", 201, json!({"id": "t9", "token": "vst_p_9_made_d9c0cec0"})),
        Answer::json("DELETE /sessions/current", 204, json!(null)),
        Answer::json("GET /me", 200, me),
    ]);
    let (screen, code) = in_conversation(
        &Machine::new(),
        &["setup", "--url", stub.url()],
        &[
            ("(not shown)", "wrong-code\r"),
            ("not the set-up code", ""),
            ("(not shown)", "right-code\r"),
            ("name: ", "\r"),
            ("A name is missing", ""),
            ("name: ", "東京\r"),
            ("Its short name in addresses: ", "no slug\r"),
            ("Its short name in addresses: ", "tokyo\r"),
            ("Your name: ", "Mina\r"),
            ("address: ", "mina\r"),
            ("not an e-mail address", ""),
            ("address: ", "mina@acme.example\r"),
            ("New password", "short\r"),
            ("at least 12 characters", ""),
            ("New password", "a long password\r"),
            ("once more", "another password\r"),
            ("the two differ", ""),
            ("New password", "a long password\r"),
            ("once more", "a long password\r"),
        ],
    );
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("a long password") && !screen.contains("right-code"), "{screen}");
    let sent: Vec<_> = stub.requests().into_iter().filter(|request| request.line == "POST /setup").collect();
    let codes: Vec<_> = sent.iter().map(|request| request.json()["setup_code"].clone()).collect();
    assert_eq!(codes, ["", "wrong-code", "right-code", "right-code"]);
    assert!(sent[..3].iter().all(|request| request.json()["email"] == ""), "only the last can set anything up");
    assert_eq!(sent[3].json()["organization"], json!({"name": "東京", "slug": "tokyo"}));
}

#[test]
fn who_sets_up_a_second_time_learns_it_before_any_question() {
    let stub = Stub::answering(vec![Answer::problem("POST /setup", 409, "conflict", "It is set up already.")]);
    let (screen, code) = in_conversation(&Machine::new(), &["setup", "--url", stub.url()], &[]);
    assert_eq!(code, Some(65), "{screen}");
    assert!(screen.contains("set up already") && !screen.contains("(not shown)"), "{screen}");
}

#[test]
fn an_empty_password_is_asked_for_again_and_not_sent() {
    let stub = Stub::answering(vec![Answer::problem("GET /me", 401, "unauthenticated", "Sign in.")]);
    let login = ["login", "--url", stub.url(), "--email", "mina@acme.example"];
    let (screen, code) = in_conversation(
        &Machine::new(),
        &login,
        &[("(not shown)", "\r"), ("nothing was typed", ""), ("(not shown)", "\u{3}")],
    );
    assert_eq!(code, Some(130), "{screen}");
    assert!(stub.requests().iter().all(|request| request.line == "GET /me"));
}

#[test]
fn no_password_is_asked_for_by_what_is_no_control_plane() {
    for answer in [
        Answer::text("GET /me", "<html>"),
        Answer::json("GET /me", 200, json!({})),
        Answer::problem("GET /me", 404, "not_found", "No."),
    ] {
        let stub = Stub::answering(vec![answer]);
        let login = ["login", "--url", stub.url(), "--email", "mina@acme.example"];
        let (screen, code) = in_conversation(&Machine::new(), &login, &[]);
        assert_eq!(code, Some(69), "{screen}");
        assert!(screen.contains("is not a control plane of Vestry") && !screen.contains("(not shown)"), "{screen}");
        let unattended = format!("{} --password-stdin", login.join(" "));
        let ran = Machine::new().run_with(&unattended, "correct horse\n");
        assert_eq!(ran.code, Some(69), "{ran:?}");
        assert!(stub.requests().iter().all(|request| request.line == "GET /me"));
    }
}

#[test]
fn a_long_command_does_not_break_the_list_of_servers() {
    let long = "x".repeat(300);
    let server = json!({"name": "jupyter", "slug": "jupyter", "command": ["run", long], "status": "stopped"});
    let list = json!({"items": [server], "next_cursor": null});
    let stub = Stub::answering(vec![Answer::json("GET /organizations/acme/workspaces/nlp/servers", 200, list)]);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    let machine = machine.with("NO_COLOR", "1");
    let (screen, _) = in_conversation(&machine, &["server", "list"], &[]);
    assert!(screen.lines().all(|line| line.chars().count() <= 60), "{screen}");
    assert!(screen.contains('…') && machine.run("server list").stdout.contains(&long), "{screen}");
}

#[test]
fn several_pasted_lines_are_refused_and_do_not_reach_the_shell() {
    let (stub, machine) = nlp();
    let keys = "-----BEGIN KEY-----\rline\r-----END KEY-----\r";
    let (screen, code) = at_a_terminal(&machine, &["secret", "set", "API_KEY"], "(not shown)", keys);
    assert_eq!(code, Some(65), "{screen}");
    assert!(screen.contains("more than one line was pasted; nothing was sent"), "{screen}");
    assert!(!screen.contains("KEY-----"), "{screen}");
    assert!(stub.requests().is_empty());
}

#[test]
fn an_interruption_sends_nothing() {
    let (stub, machine) = nlp();
    let (screen, code) = at_a_terminal(&machine, &["secret", "set", "API_KEY"], "(not shown)", "abc\u{3}");
    assert_eq!(code, Some(130), "{screen}");
    assert!(stub.requests().is_empty());
}

#[test]
fn a_delete_is_only_done_after_a_yes() {
    let (stub, machine) = nlp();
    let delete = ["secret", "delete", "API_KEY"];
    let (screen, code) = at_a_terminal(&machine, &delete, "[y/N]", "\n");
    assert_eq!(code, Some(64), "{screen}");
    assert!(screen.contains("not confirmed; nothing was done"), "{screen}");
    let (screen, code) = at_a_terminal(&machine, &delete, "[y/N]", "y\n");
    assert_eq!(code, Some(0), "{screen}");
    let deletes = stub.requests().iter().filter(|request| request.line.starts_with("DELETE")).count();
    assert_eq!(deletes, 1);
}

#[test]
fn an_import_is_only_done_after_a_yes() {
    let import = "POST /organizations/acme/workspaces/nlp/secret-imports";
    let counts =
        json!({"added": 1, "updated": 0, "overrides": 0, "skipped": 0, "empty": 0, "refused": 0, "unparsed": 0});
    let line = json!({"line": 1, "name": "A", "verdict": "added", "version": 1, "message": "new", "warnings": []});
    let answer = json!({"stopped": false, "counts": counts, "lines": [line], "restart_needed": []});
    let stub = Stub::answering(vec![Answer::json(import, 200, answer)]);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    std::fs::write(machine.project().join(".env"), "A=hunter-2222\n").unwrap();
    let command = ["secret", "import", ".env"];
    let question = "Import 1 new secret into acme/nlp? [y/N]";
    let written = || stub.requests().iter().filter(|request| request.json()["dry_run"] == false).count();
    let (screen, code) = at_a_terminal(&machine, &command, question, "n\n");
    assert_eq!((code, written()), (Some(64), 0), "{screen}");
    let (screen, code) = at_a_terminal(&machine, &command, question, "y\n");
    assert_eq!((code, written()), (Some(0), 1), "{screen}");
    assert!(screen.contains("added") && !screen.contains("hunter"), "{screen}");
    let (screen, code) = in_conversation(&machine, &["secret", "import"], &[]);
    assert!(screen.contains("which file?") && code == Some(64), "{screen}");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let (_stub, machine) = nlp();
    let ask = |machine: &Machine| at_a_terminal(machine, &["secret", "delete", "API_KEY"], "[y/N]", "n\n").0;
    assert!(ask(&machine).contains("\u{1b}[31merror:"));
    assert!(!ask(&nlp().1.with("NO_COLOR", "1")).contains('\u{1b}'));
    assert!(!ask(&nlp().1.with("TERM", "dumb")).contains('\u{1b}'));
}

#[test]
fn the_value_is_in_no_process_list() {
    let (_stub, machine) = nlp();
    let canary = format!("canary-{}", std::process::id());
    let mut child = machine.command(&["secret", "set", "API_KEY"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(canary.as_bytes()).unwrap();
    // The command now waits for the end of its value, holding the first part of it.
    let process = format!("/proc/{}", child.id());
    for file in ["cmdline", "environ"] {
        let text = std::fs::read(format!("{process}/{file}")).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(&canary), "{file}");
    }
    let writer = thread::spawn(move || drop(stdin));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("set API_KEY v1"), "{said}");
    assert!(!said.contains(&canary), "{said}");
}

#[test]
fn a_secret_s_values_are_erased_once_its_name_is_typed() {
    let (stub, machine) = nlp();
    let line = ["secret", "destroy", "OLD_KEY"];
    let (screen, code) = at_a_terminal(&machine, &line, "Type OLD_KEY to confirm", "y\r");
    assert_eq!(code, Some(64), "{screen}");
    assert!(stub.requests().iter().all(|request| request.line.starts_with("GET ")), "{screen}");
    let (screen, code) = at_a_terminal(&machine, &line, "Type OLD_KEY to confirm", "OLD_KEY\r");
    assert_eq!(code, Some(0), "{screen}");
    stub.only(DESTROY);
}

#[test]
fn a_suspension_that_nobody_agreed_to_does_not_happen() {
    let (stub, machine) = nlp();
    let line = ["secret", "suspend", "API_KEY"];
    let (screen, code) = at_a_terminal(&machine, &line, "Suspend API_KEY in acme/nlp?", "n\r");
    assert_eq!(code, Some(64), "{screen}");
    assert!(stub.requests().iter().all(|request| request.line.starts_with("GET ")), "{screen}");
    let (screen, code) = at_a_terminal(&machine, &line, "Suspend API_KEY in acme/nlp?", "y\r");
    assert_eq!(code, Some(0), "{screen}");
    stub.only(SUSPEND);
}
