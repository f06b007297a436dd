//! Names for a shell that completes a command, asked as the shells' own scripts ask.

use std::net::TcpListener;

use serde_json::json;

use crate::support::{Answer, Machine, Stub};

/// What is proposed for the last word of a line.
fn proposed(machine: Machine, line: &str) -> Vec<String> {
    let last = format!("{line} ").matches(' ').count() - 1;
    let machine = machine.with("VESTRY_COMPLETE", "bash").with("_CLAP_COMPLETE_INDEX", &last.to_string());
    let mut words: Vec<&str> = vec!["--"];
    words.extend(line.split(' '));
    let ran = machine.feed(line, machine.command(&words), "");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{line}");
    ran.stdout.lines().filter(|word| !word.starts_with('-')).map(str::to_owned).collect()
}

fn names(field: &str, names: &[&str]) -> serde_json::Value {
    let items: Vec<_> = names.iter().map(|name| json!({ field: name })).collect();
    json!({"items": items, "next_cursor": null})
}

#[test]
fn workspaces_secrets_and_servers_are_known_by_name() {
    let stub = Stub::answering(vec![
        Answer::json("GET /organizations", 200, names("slug", &["acme", "other"])),
        Answer::json("GET /organizations/acme/workspaces", 200, names("slug", &["nlp", "nlp-two", "vision"])),
        Answer::json("GET /organizations/other/workspaces", 200, names("slug", &["lab"])),
        Answer::json("GET /organizations/acme/secrets", 200, names("name", &["HF_TOKEN"])),
        Answer::json(
            "GET /organizations/acme/workspaces/nlp/secrets",
            200,
            names("name", &["API_KEY", "API_KEY", "DB"]),
        ),
        Answer::json(
            "GET /organizations/acme/workspaces/nlp/deleted-secrets",
            200,
            names("name", &["OLD_KEY", "OLD_KEY"]),
        ),
        Answer::json("GET /organizations/acme/workspaces/vision/secrets", 200, names("name", &["EYE"])),
        Answer::json("GET /organizations/acme/workspaces/nlp/servers", 200, names("slug", &["jupyter"])),
    ]);
    let proposed = |line| proposed(Machine::signed_in(stub.url()).using("acme", "nlp"), line);
    assert_eq!(proposed("vestry secret show A"), ["API_KEY"]);
    assert_eq!(proposed("vestry secret show "), ["API_KEY", "DB"]);
    assert_eq!(proposed("vestry secret show -w vision "), ["EYE"]);
    assert_eq!(proposed("vestry secret show --org acme "), ["HF_TOKEN"]);
    assert_eq!(proposed("vestry explain D"), ["DB"]);
    assert_eq!(proposed("vestry secret restore "), ["OLD_KEY"]);
    assert_eq!(proposed("vestry secret restore --version 2 "), ["API_KEY", "DB"]);
    assert_eq!(proposed("vestry secret holders D"), ["DB"]);
    assert_eq!(proposed("vestry secret holders --deleted "), ["OLD_KEY"]);
    assert_eq!(proposed("vestry server start "), ["jupyter"]);
    assert_eq!(proposed("vestry workspace show n"), ["nlp", "nlp-two"]);
    assert_eq!(proposed("vestry secret list -w other/"), ["other/lab"]);
    assert_eq!(proposed("vestry secret list --org "), ["acme", "other"]);
    assert_eq!(proposed("vestry secret edit A --org acme --workspaces nlp,v"), ["nlp,vision"]);
    assert!(stub.requests().iter().all(|request| request.line.starts_with("GET ")));
}

#[test]
fn without_a_sign_in_or_an_answer_nothing_is_proposed_and_nothing_said() {
    assert_eq!(proposed(Machine::new(), "vestry secret show "), [""; 0]);
    assert_eq!(proposed(Machine::signed_in("http://127.0.0.1:1").using("a", "b"), "vestry secret show "), [""; 0]);
    // It takes the connection and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    assert_eq!(proposed(Machine::signed_in(&url).using("a", "b"), "vestry secret show "), [""; 0]);
}

#[test]
fn a_name_that_could_do_something_to_a_shell_is_not_proposed() {
    let hostile = names("name", &["GOOD", "$(reboot)", "A;reboot", "a\u{1b}[2J", "`x`", "GO OD"]);
    let stub = Stub::answering(vec![Answer::json("GET /organizations/acme/workspaces/nlp/secrets", 200, hostile)]);
    assert_eq!(proposed(Machine::signed_in(stub.url()).using("acme", "nlp"), "vestry secret show "), ["GOOD"]);
}
