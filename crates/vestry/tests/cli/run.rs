//! `vestry run`: what is asked for, what the command finds, how it ends.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Answer, Machine, Stub};

const RUNS: &str = "POST /runs";

fn begun() -> Answer {
    let variable = |name: &str, value: &str| json!({"name": name, "value": value, "scope": "workspace", "version": 1});
    let variables = [variable("API_KEY", "s3cret \"q\" ü\nline"), variable("MODE", "theirs")];
    let body = json!({"id": "r1", "workspace": {"organization": "acme", "slug": "nlp"}, "revision": "1",
        "variables": variables, "left_out": []});
    Answer::json(RUNS, 201, body)
}

fn nlp() -> (Stub, Machine) {
    let stub = Stub::answering(vec![begun()]);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    (stub, machine)
}

const WORKSPACE_TOKEN: &str = "vst_w_0test_0secret0token_88622f06";

#[test]
fn one_request_and_then_there_is_only_the_command() {
    let (stub, machine) = nlp();
    let script = r#"printf %s "$API_KEY"; echo " in $$ under $PPID"; exit 7"#;
    let child = machine.command(&["run", "--", "/bin/sh", "-c", script]).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, format!("s3cret \"q\" ü\nline in {pid} under {}\n", std::process::id()));
    assert_eq!(output.status.code(), Some(7));

    assert_eq!(stub.requests().len(), 1);
    let mut sent = stub.only(RUNS).json();
    assert!(!sent["host"].as_str().unwrap().is_empty());
    sent["host"] = Value::Null;
    assert_eq!(sent, json!({"organization": "acme", "workspace": "nlp", "host": null, "command": "sh"}));
}

#[test]
fn a_workspaces_own_token_says_where_it_belongs_and_goes_no_further() {
    let stub = Stub::answering(vec![begun()]);
    let machine = Machine::new().with("VESTRY_URL", stub.url()).with("VESTRY_TOKEN", WORKSPACE_TOKEN);
    let ran = machine.run("run -- /usr/bin/env");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("MODE=theirs\n"));
    assert!(!ran.stdout.contains("VESTRY_") && !ran.stdout.contains(WORKSPACE_TOKEN), "{}", ran.stdout);
    let sent = stub.only(RUNS);
    assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {WORKSPACE_TOKEN}")));
    assert_eq!(sent.json()["workspace"], Value::Null);
}

#[test]
fn with_a_workspaces_own_token_all_but_runs_is_refused_before_a_place_is_asked_for() {
    let stub = Stub::answering(vec![]);
    let machine = Machine::new().with("VESTRY_URL", stub.url()).with("VESTRY_TOKEN", WORKSPACE_TOKEN);
    for line in ["secret list", "server list", "explain API_KEY", "whoami", "token list", "workspace list --json"] {
        let ran = machine.run(line);
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.session(), @r"
            stderr:
              error: a workspace's token only starts runs; nothing was asked
              help:  vestry run -- CMD
                     for everything else act as a person: unset VESTRY_TOKEN, then  vestry login
            exit 77
            ");
        }
    }
    assert!(stub.requests().is_empty());
}

#[test]
fn no_descriptor_of_vestrys_reaches_the_command() {
    let (_stub, machine) = nlp();
    let script = "ls /proc/$$/fd; :";
    let of = |command: &mut Command| String::from_utf8(command.output().unwrap().stdout).unwrap();
    let bare = of(Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::null()));
    assert_eq!(of(&mut machine.command(&["run", "--", "/bin/sh", "-c", script])), bare);
}

#[test]
fn where_both_set_a_variable_the_secret_wins_unless_asked_otherwise() {
    let (_stub, machine) = nlp();
    let machine = machine.with("MODE", "mine");
    insta::assert_snapshot!(machine.run("run -- /bin/sh -c 'echo $MODE'").session(), @r"
    stdout:
      theirs
    stderr:
      set here too, and replaced: MODE (--keep-env keeps yours)
    exit 0
    ");
    insta::assert_snapshot!(machine.run("run --keep-env -- /bin/sh -c 'echo $MODE'").session(), @r"
    stdout:
      mine
    stderr:
      kept as set here: MODE
    exit 0
    ");
}

#[test]
fn only_some_are_asked_for() {
    let (stub, machine) = nlp();
    machine.run("run --only API_KEY,MODE true");
    assert_eq!(stub.only(RUNS).json()["only"], json!(["API_KEY", "MODE"]));
}

#[test]
fn a_name_behind_only_that_is_not_there_is_met_with_the_one_that_was_meant() {
    let detail = "The request does not fit.";
    let secret = |name: &str, suspension: Value| {
        json!({"name": name, "scope": "organization", "version": 1, "updated_at": "2020-01-02T10:00:00Z",
            "suspended": !suspension.is_null(), "suspension": suspension})
    };
    let suspension = json!({"at": "2020-01-05T10:00:00Z", "by": {"id": "u1", "name": "Mina"}, "reason": "found in a log", "version": null});
    let list =
        json!({"items": [secret("OPENAI_API_KEY", Value::Null), secret("HF_TOKEN", suspension)], "next_cursor": null});
    let errors = json!([{"field": "only", "code": "missing", "message": "This workspace's servers get no secret X."}]);
    let refused = json!({"title": "x", "status": 422, "code": "invalid", "detail": detail, "errors": errors});
    let answers = vec![
        Answer::json(RUNS, 422, refused),
        Answer::json("GET /organizations/acme/workspaces/nlp/secrets", 200, list),
    ];
    let stub = Stub::answering(answers);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    insta::assert_snapshot!(machine.run("run --only OPENAI -- true").session(), @r"
    stderr:
      error: there is no secret OPENAI here; nothing was handed over
      help:  did you mean OPENAI_API_KEY?
    exit 125
    ");
    insta::assert_snapshot!(machine.run("run --only HF_TOKEN,AWS,GCP -- true").session(), @r"
    stderr:
      error: there are no secrets AWS, GCP here; nothing was handed over
      help:  which there are:  vestry secret list -w acme/nlp
    exit 125
    ");
    insta::assert_snapshot!(machine.run("run --only HF_TOKEN -- true").session(), @r"
    stderr:
      error: HF_TOKEN is suspended (5 Jan 2020 by Mina: found in a log); nothing was handed over
      help:  once it may be used again:  vestry secret suspend HF_TOKEN --org acme --lift
    exit 125
    ");
}

#[test]
fn a_name_behind_only_that_no_secret_can_have_is_not_asked_for() {
    let (stub, machine) = nlp();
    insta::assert_snapshot!(machine.run("run --only PATH -- true").session(), @r"
    stderr:
      error: no secret is ever called PATH; nothing was asked for
      help:  your own variables reach the command anyway; --only takes names of secrets
    exit 125
    ");
    let ran = machine.run("run --only API_KEY=hunter2 -- true");
    assert!(ran.stderr.contains("--only takes names of secrets") && !ran.stderr.contains("hunter2"), "{ran:?}");
    assert!(stub.requests().is_empty());
}

#[test]
fn what_is_suspended_is_said() {
    let body = json!({"variables": [], "left_out": ["API_KEY"]});
    let stub = Stub::answering(vec![Answer::json(RUNS, 201, body)]);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    insta::assert_snapshot!(machine.run("run -- /bin/true").session(), @r"
    stderr:
      suspended, so not handed over: API_KEY
    exit 0
    ");
}

#[test]
fn a_command_that_can_not_be_executed_ends_as_in_a_shell_and_nothing_is_asked_for() {
    let (stub, machine) = nlp();
    std::fs::write(machine.project().join("notes.txt"), "no program").unwrap();
    insta::assert_snapshot!(machine.run("run list").session(), @r"
    stderr:
      error: there is no program `list`; nothing was asked for
    exit 127
    ");
    insta::assert_snapshot!(machine.run("run -- ./notes.txt").session(), @r"
    stderr:
      error: `./notes.txt` can't be executed; nothing was asked for
    exit 126
    ");
    assert!(stub.requests().is_empty());
}

#[test]
fn json_of_a_run_is_refused_and_left_to_its_command() {
    let (stub, machine) = nlp();
    let ran = machine.run("run --json -- echo");
    assert_eq!(ran.code, Some(125), "{ran:?}");
    assert!(ran.stderr.contains("no JSON; nothing was asked for"), "{ran:?}");
    assert!(stub.requests().is_empty());
    assert_eq!(machine.run("run -- echo --json").stdout, "--json\n");
}

#[test]
fn a_program_is_looked_for_where_the_caller_would_find_it() {
    let (_stub, machine) = nlp();
    let bin = machine.project().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink("/bin/echo", bin.join("its-name")).unwrap();
    let machine = machine.with("PATH", bin.to_str().unwrap());
    let ran = machine.run("run its-name found");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "found\n"), "{ran:?}");
    assert_eq!(machine.run("run touch began").code, Some(127));
}

#[test]
fn the_help_of_run_shows_that_the_command_may_stand_behind_two_dashes() {
    let ran = Machine::new().run("run --help");
    assert!(ran.stdout.contains("Usage: vestry run [OPTIONS] [--] <CMD>...\n"), "{ran:?}");
}

#[test]
fn a_name_that_no_secret_may_have_starts_nothing() {
    for name in ["LD_PRELOAD", "PATH", "BASH_ENV", "VESTRY_URL", "1ST", "A B", "", "A\u{1b}[2J"] {
        let variables = [("API_KEY", "s3cret"), (name, "/tmp/evil.so")]
            .map(|(name, value)| json!({"name": name, "value": value, "scope": "workspace", "version": 1}));
        let stub = Stub::answering(vec![Answer::json(RUNS, 201, json!({"variables": variables, "left_out": []}))]);
        let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
        for line in ["run -- touch began", "run --keep-env -- touch began"] {
            let ran = machine.run(line);
            assert_eq!(ran.code, Some(125), "{name}: {ran:?}");
            assert!(ran.stderr.contains("which no secret may be called; nothing was started"), "{name}: {ran:?}");
            assert!(!ran.stderr.contains("evil") && !ran.stderr.contains('\u{1b}'), "{name}: {ran:?}");
            assert!(!machine.project().join("began").exists(), "{name}");
        }
    }
}

#[test]
fn a_control_plane_that_hangs_is_waited_for_aloud() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let machine = Machine::signed_in(&url).using("acme", "nlp");
    let mut child = machine.command(&["run", "--", "touch", "began"]).spawn().unwrap();
    let (mut connection, _) = listener.accept().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), format!("waiting for {url} …"));
    connection.write_all(b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(125));
    assert!(!machine.project().join("began").exists());
}

#[test]
fn an_answer_that_is_too_large_is_not_called_out_of_reach() {
    let variable = json!({"name": "A", "value": "x".repeat(9 * 1024 * 1024), "scope": "workspace", "version": 1});
    let stub = Stub::answering(vec![Answer::json(RUNS, 201, json!({"variables": [variable], "left_out": []}))]);
    let ran = Machine::signed_in(stub.url()).using("acme", "nlp").run("run -- touch began");
    assert_eq!(ran.code, Some(125), "{ran:?}");
    assert!(ran.stderr.ends_with("is larger than 8 MiB; nothing of it was used\n"), "{ran:?}");
}

#[test]
fn what_fails_before_the_command_is_125_whatever_it_was() {
    let refused = Stub::answering(vec![Answer::problem(RUNS, 403, "forbidden", "Only the owner may.")]);
    let elsewhere = Stub::answering(vec![Answer::json(RUNS, 307, Value::Null).with("location", "http://127.0.0.1:1/")]);
    let garbled =
        Stub::answering(vec![Answer::json(RUNS, 201, json!({"variables": [{"name": 1, "value": "s3cret"}]}))]);
    for stub in [&refused, &elsewhere, &garbled] {
        let ran = Machine::signed_in(stub.url()).using("acme", "nlp").run("run -- touch began");
        assert_eq!(ran.code, Some(125), "{ran:?}");
        assert!(!ran.stderr.contains("s3cret"), "{ran:?}");
        assert_eq!(stub.requests().len(), 1);
    }
    let unreachable = Machine::signed_in("http://127.0.0.1:1").using("acme", "nlp");
    for (machine, line) in [
        (&unreachable, "run -- touch began"),
        (&Machine::new(), "run -- touch began"),
        (&Machine::new(), "run"),
        (&Machine::new(), "run --no-such-flag true"),
    ] {
        let ran = machine.run(line);
        assert_eq!(ran.code, Some(125), "{line}: {ran:?}");
        assert!(!machine.project().join("began").exists());
    }
}
