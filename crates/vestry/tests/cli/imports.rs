//! `vestry secret import` and `example`: what is shown, asked and sent.

use serde_json::{Value, json};

use crate::support::{Answer, Installation, Machine, Stub, installation};

const IMPORT: &str = "POST /organizations/acme/workspaces/nlp/secret-imports";
const OF_ORGANIZATION: &str = "POST /organizations/acme/secret-imports";
const TEXT: &str = "API_KEY='hunter-2222'\nHF_TOKEN=hunter-3333\n";

/// An answer with these lines: number, name, verdict, message.
fn answer(lines: &[(u64, Option<&str>, &str, &str)], more: Value) -> Value {
    let words = ["added", "updated", "overrides", "skipped", "empty", "refused", "unparsed"];
    let counts = words.map(|word| (word.to_owned(), json!(lines.iter().filter(|line| line.2 == word).count())));
    let line = |(number, name, verdict, message): &(u64, Option<&str>, &str, &str)| {
        json!({ "line": number, "name": name, "verdict": verdict, "message": message, "version": null, "code": null,
            "warnings": [] })
    };
    let mut body = json!({
        "dry_run": true, "stopped": lines.iter().any(|line| ["refused", "unparsed"].contains(&line.2)),
        "counts": serde_json::Map::from_iter(counts), "lines": lines.iter().map(line).collect::<Vec<_>>(),
        "restart_needed": [],
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn nlp(answers: Vec<Answer>) -> (Stub, Machine) {
    let stub = Stub::answering(answers);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    std::fs::write(machine.project().join(".env"), TEXT).unwrap();
    (stub, machine)
}

fn two() -> Value {
    let lines = [
        (1, Some("API_KEY"), "overrides", "new, overrides the organization's v9"),
        (2, Some("HF_TOKEN"), "updated", "v1 → v2"),
    ];
    answer(&lines, json!({ "restart_needed": [{ "workspace": "nlp", "server": "jupyter" }] }))
}

#[test]
fn an_import_shows_its_lines_and_then_does_exactly_that() {
    let mut first = two();
    first["lines"][1]["warnings"] = json!([{ "code": "x", "message": "The value ends with a space." }]);
    let (stub, machine) =
        nlp(vec![Answer::json(IMPORT, 200, first).with("etag", "\"r7\""), Answer::json(IMPORT, 200, two())]);
    insta::assert_snapshot!(machine.run("secret import .env --mode overwrite --yes").session());
    let sent: Vec<_> = stub.requests().into_iter().filter(|request| request.line == IMPORT).collect();
    let body = |dry_run: bool| json!({ "format": "env", "mode": "overwrite", "allow_empty": false, "dry_run": dry_run, "content": TEXT });
    assert_eq!([sent[0].json(), sent[1].json()], [body(true), body(false)]);
    assert_eq!((sent[0].header("if-match"), sent[1].header("if-match")), (None, Some("\"r7\"")));
}

#[test]
fn a_dry_run_sends_nothing_that_writes() {
    let (stub, machine) = nlp(vec![Answer::json(IMPORT, 200, two())]);
    insta::assert_snapshot!(machine.run("secret import .env --dry-run").session());
    assert_eq!(stub.only(IMPORT).json()["dry_run"], true);
}

#[test]
fn without_a_terminal_nothing_is_imported_unless_yes_was_said() {
    let (stub, machine) = nlp(vec![Answer::json(IMPORT, 200, two())]);
    let ran = machine.run_with("secret import", TEXT);
    assert!(
        ran.stderr.contains("there is no terminal to ask \"Import 2 secrets (1 new, 1 new version) into acme/nlp?\""),
        "{ran:?}"
    );
    assert_eq!((stub.only(IMPORT).json()["dry_run"].clone(), ran.code), (json!(true), Some(64)));
    machine.run_with("secret import - --yes", TEXT);
    assert_eq!(stub.requests().last().unwrap().json()["dry_run"], false);
}

#[test]
fn lines_that_stop_an_import_are_shown_and_nothing_is_written() {
    let lines = [
        (1, Some("API_KEY"), "added", "new"),
        (2, Some("PATH"), "refused", "The name PATH is reserved."),
        (4, None, "unparsed", "This line assigns nothing."),
        (5, Some("EMPTY"), "empty", "has no value, left out"),
    ];
    let (stub, machine) = nlp(vec![Answer::json(IMPORT, 200, answer(&lines, json!({})))]);
    insta::assert_snapshot!(machine.run("secret import .env --yes").session());
    assert_eq!(stub.only(IMPORT).json()["mode"], "fail");

    let mut taken =
        answer(&[(1, Some("API_KEY"), "refused", "There is a secret of this name already: v3.")], json!({}));
    taken["lines"][0]["code"] = json!("name_taken");
    let (_stub, machine) = nlp(vec![Answer::json(IMPORT, 200, taken)]);
    let ran = machine.run("secret import .env --yes");
    assert!(ran.stderr.contains("--mode skip leaves them, --mode overwrite writes new versions"), "{ran:?}");
    assert_eq!(ran.code, Some(65));
    let json = machine.run("secret import .env --yes --json");
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["stopped"], true);
    assert_eq!(json.code, Some(65));
}

#[test]
fn new_organization_secrets_need_their_workspaces_said() {
    let new = answer(&[(1, Some("API_KEY"), "added", "new"), (2, Some("HF_TOKEN"), "added", "new")], json!({}));
    let (stub, machine) = nlp(vec![Answer::json(OF_ORGANIZATION, 200, new)]);
    insta::assert_snapshot!(machine.run("secret import .env --org --yes").session());
    assert!(stub.requests().iter().all(|request| request.json()["dry_run"] == true));
    machine.run("secret import .env --org --yes --workspaces nlp,vision");
    let last = stub.requests().pop().unwrap().json();
    assert_eq!((&last["workspaces"], &last["dry_run"]), (&json!(["nlp", "vision"]), &json!(false)));

    let known = answer(&[(1, Some("API_KEY"), "updated", "v1 → v2")], json!({}));
    let (stub, machine) = nlp(vec![Answer::json(OF_ORGANIZATION, 200, known)]);
    assert_eq!(machine.run("secret import .env --org --yes --mode overwrite").code, Some(0));
    assert_eq!(stub.requests().last().unwrap().json().get("access"), None);
    assert_eq!(machine.run("secret import .env --all").code, Some(64), "a workspace's own have no access");
}

#[test]
fn what_changed_since_the_lines_were_shown_is_not_overwritten() {
    let (_stub, machine) = nlp(vec![
        Answer::json(IMPORT, 200, two()).with("etag", "\"r7\""),
        Answer::problem(IMPORT, 412, "version_mismatch", "It was changed."),
    ]);
    let ran = machine.run("secret import .env --yes");
    assert!(ran.stderr.contains("a secret was changed since the lines were shown; nothing was written"), "{ran:?}");
    assert_eq!(ran.code, Some(75));
}

#[test]
fn a_file_that_is_missing_too_long_or_no_text_is_not_sent() {
    let (stub, machine) = nlp(vec![]);
    std::fs::write(machine.project().join("binary"), [0xff, 0xfe, b'A', 0]).unwrap();
    std::fs::write(machine.project().join("long"), "#".repeat(1024 * 1024 + 1)).unwrap();
    for (file, said) in [
        ("nowhere", "nowhere can't be read"),
        ("binary", "the content is not UTF-8; nothing was sent"),
        ("long", "long is longer than 1024 KiB; nothing was sent"),
    ] {
        let ran = machine.run(&format!("secret import {file} --yes"));
        assert!(ran.stderr.contains(said), "{ran:?}");
        assert_eq!(ran.code, Some(65), "{ran:?}");
    }
    assert!(stub.requests().is_empty());
}

#[test]
fn names_go_into_an_example_without_what_is_overridden() {
    let item = |name: &str, overridden: bool| json!({ "name": name, "overridden": overridden });
    let list = json!({ "items": [item("API_KEY", false), item("API_KEY", true), item("HF_TOKEN", false)], "next_cursor": null });
    let (_stub, machine) = nlp(vec![Answer::json("GET /organizations/acme/workspaces/nlp/secrets", 200, list)]);
    let ran = machine.run("secret example");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("API_KEY=\nHF_TOKEN=\n", ""));
    assert_eq!(machine.run("secret example --json").stdout, "[\n  \"API_KEY\",\n  \"HF_TOKEN\"\n]\n");
}

#[test]
fn a_real_control_plane_imports_a_file_and_gives_its_names_back() {
    let installation = installation();
    let machine = installation.machine_of(Installation::ADMINISTRATOR);
    assert_eq!(machine.run("workspace create Imports --slug imports").code, Some(0));
    assert_eq!(machine.run("use acme-lab/imports").code, Some(0));
    let file = machine.project().join(".env");
    std::fs::write(&file, "# ours\nexport API_KEY=\"hunter-2222\\nhunter\"\r\nEMPTY=\nTLS_KEY='hunter\nhunter'\n")
        .unwrap();
    let ran = machine.run("secret import .env --yes");
    insta::assert_snapshot!(installation.session(&ran));
    let again = machine.run("secret import .env --yes");
    assert!(again.stderr.contains("2 lines stop the import; nothing was written"), "{again:?}");
    let example = machine.run("secret example");
    assert_eq!(example.stdout, "API_KEY=\nTLS_KEY=\n");
    let empty = machine.run_with("secret import - --yes", &example.stdout);
    assert!(
        empty.stderr.contains("there is nothing to import into acme-lab/imports; nothing was written"),
        "{empty:?}"
    );
    std::fs::write(&file, "API_KEY=hunter\nhunter\nA-B=hunter\nC='hunter").unwrap();
    let refused = machine.run("secret import .env --mode overwrite --dry-run");
    insta::assert_snapshot!(installation.session(&refused));
    for ran in [ran, again, example, empty, refused] {
        assert!(!format!("{ran:?}").contains("hunter"), "{ran:?}");
    }
}
