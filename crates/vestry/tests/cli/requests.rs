//! What is sent for what was typed, and what is said of the answer.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{Answer, Machine, Stub};

const SET: &str = "PUT /organizations/acme/workspaces/nlp/secrets/API_KEY";

fn secret(more: Value) -> Value {
    let mut secret = json!({
        "id": "s1", "name": "API_KEY", "scope": "workspace", "version": 4, "description": null, "suspended": false,
        "updated_at": "2020-01-02T10:00:00Z", "updated_by": {"id": "u1", "name": "Mina"}, "overrides": false,
        "overridden": false, "editable": true, "warnings": [], "restart_needed": [],
    });
    secret.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    secret
}

fn nlp(answers: Vec<Answer>) -> (Stub, Machine) {
    let stub = Stub::answering(answers);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    (stub, machine)
}

#[test]
fn a_value_from_stdin_loses_its_final_newline_and_that_is_said() {
    let (stub, machine) = nlp(vec![Answer::json(SET, 200, secret(json!({})))]);
    let ran = machine.run_with("secret set API_KEY", "s3cret-\"q\"\n");
    insta::assert_snapshot!(ran.session(), @r"
    stderr:
      dropped the final newline (--verbatim keeps it)
      set API_KEY v4 in acme/nlp
    exit 0
    ");
    let sent = stub.only(SET);
    assert_eq!(sent.json(), json!({"value": "s3cret-\"q\""}));
    assert_eq!(sent.header("authorization"), Some("Bearer vst_p_0test_0secret0token_e185a95e"));

    machine.run_with("secret set API_KEY --verbatim", "s3cret\n");
    machine.run_with("secret set API_KEY", "two\nlines\n");
    let writes = stub.requests().into_iter().filter(|request| request.line == SET);
    let bodies: Vec<Value> = writes.skip(1).map(|request| request.json()["value"].clone()).collect();
    assert_eq!(bodies, ["s3cret\n", "two\nlines\n"]);
}

#[test]
fn a_value_from_a_file_is_kept_byte_for_byte() {
    let (stub, machine) = nlp(vec![Answer::json(SET, 201, secret(json!({"version": 1})))]);
    std::fs::write(machine.project().join("key.pem"), "one line\n").unwrap();
    let ran =
        machine.run("secret set API_KEY --from-file key.pem --description 'for tests' --allow-empty --create-only");
    assert_eq!((ran.stderr.as_str(), ran.code), ("set API_KEY v1 in acme/nlp\n", Some(0)));
    let sent = stub.only(SET);
    assert_eq!(sent.json(), json!({"value": "one line\n", "description": "for tests", "allow_empty": true}));
    assert_eq!((sent.header("if-none-match"), sent.header("if-match")), (Some("*"), None));
}

#[test]
fn a_value_that_is_too_long_or_no_text_is_not_sent() {
    let (stub, machine) = nlp(vec![]);
    let ran = machine.run_with("secret set API_KEY", &"x".repeat(48 * 1024 + 1));
    assert_eq!(ran.code, Some(65), "{ran:?}");
    std::fs::write(machine.project().join("binary"), [0xff, 0xfe]).unwrap();
    let ran = machine.run("secret set API_KEY --from-file binary");
    assert_eq!(ran.code, Some(65), "{ran:?}");
    assert!(ran.stderr.contains("is not UTF-8 text"), "{ran:?}");
    let ran = machine.run("secret set API_KEY");
    assert!(ran.stderr.contains("the value is empty; nothing was sent"), "{ran:?}");
    assert!(stub.requests().is_empty());
}

#[test]
fn a_name_that_would_be_refused_is_refused_before_the_value_is_asked_for() {
    let (stub, machine) = nlp(vec![]);
    insta::assert_snapshot!(machine.run("secret set LD_PRELOAD").session(), @r"
    stderr:
      error: The name LD_* is reserved: the system's loader acts on it, so whoever writes it could run code in other people's servers. Choose another name. Nothing was sent.
    exit 65
    ");
    insta::assert_snapshot!(machine.run("secret set hf-token").session(), @r"
    stderr:
      error: A name can't contain “-” (character 3): use only the letters A–Z and a–z, digits and “_”. For example HF_TOKEN. Nothing was sent.
      help:  vestry secret set HF_TOKEN
    exit 65
    ");
    assert!(stub.requests().is_empty());
}

#[test]
fn a_write_says_what_it_overrides_and_which_servers_need_a_restart() {
    let answer = secret(json!({
        "overrides": true,
        "warnings": [{"code": "case", "message": "api_key differs only in case."}],
        "restart_needed": [{"workspace": "nlp", "server": "jupyter"}],
    }));
    let explanation = json!({"name": "API_KEY", "winner": "secret", "reason": null, "layers": [
        {"layer": "secret", "scope": "workspace", "secret_id": "s1", "version": 4, "state": "injected",
         "updated_at": "2020-01-02T10:00:00Z", "updated_by": null},
        {"layer": "secret", "scope": "organization", "secret_id": "s2", "version": 9, "state": "overridden",
         "updated_at": "2020-01-02T10:00:00Z", "updated_by": null},
    ]});
    let explain = "GET /organizations/acme/workspaces/nlp/explanations/API_KEY";
    let (_stub, machine) = nlp(vec![Answer::json(SET, 200, answer), Answer::json(explain, 200, explanation)]);
    insta::assert_snapshot!(machine.run_with("secret set API_KEY", "v").session(), @r"
    stderr:
      set API_KEY v4 in acme/nlp (overrides the organization's v9)
      warning: api_key differs only in case.
      1 running server needs a restart:  vestry secret restart-holders API_KEY -w acme/nlp
    exit 0
    ");
}

#[test]
fn a_new_organization_secret_needs_its_workspaces_said() {
    let list = Answer::json("GET /organizations/acme/secrets", 200, json!({"items": [], "next_cursor": null}));
    let put = "PUT /organizations/acme/secrets/HF_TOKEN";
    let answer = secret(json!({
        "name": "HF_TOKEN", "scope": "organization", "version": 1, "access": "selected",
        "workspaces": {"count": 2, "first": [{"slug": "nlp", "name": "NLP"}, {"slug": "vision", "name": "V"}]},
        "restart_needed": [{"workspace": "vision", "server": "a"}, {"workspace": "nlp", "server": "b"},
                           {"workspace": "vision", "server": "c"}],
    }));
    let (stub, machine) = nlp(vec![list, Answer::json(put, 201, answer)]);
    insta::assert_snapshot!(machine.run_with("secret set HF_TOKEN --org", "v").session(), @r"
    stderr:
      error: HF_TOKEN would be new in acme: say which workspaces it reaches; nothing was sent
      help:  --all for every workspace, also those created later, or --workspaces A,B
    exit 64
    ");
    assert!(stub.requests().iter().all(|request| request.line.starts_with("GET ")));

    insta::assert_snapshot!(machine.run_with("secret set HF_TOKEN --org --workspaces nlp,vision", "v").session(), @r"
    stderr:
      set HF_TOKEN v1 in acme (reaches 2 workspaces: nlp, vision)
      3 running servers need a restart:  vestry secret restart-holders HF_TOKEN --org acme
    exit 0
    ");
    assert_eq!(stub.only(put).json(), json!({"access": "selected", "workspaces": ["nlp", "vision"], "value": "v"}));
}

#[test]
fn an_existing_organization_secret_keeps_its_access_and_can_only_be_replaced() {
    let answer = secret(json!({"scope": "organization", "access": "all", "workspaces": {"count": 0, "first": []}}));
    let get = Answer::json("GET /organizations/acme/secrets/API_KEY", 200, answer.clone()).with("etag", "\"r7\"");
    let put = "PUT /organizations/acme/secrets/API_KEY";
    let (stub, machine) = nlp(vec![get, Answer::json(put, 200, answer)]);
    let ran = machine.run_with("secret set API_KEY --org acme", "v");
    assert_eq!(ran.stderr, "set API_KEY v4 in acme (reaches all workspaces)\n");
    assert_eq!(stub.only(put).json(), json!({"value": "v"}));
    assert_eq!(stub.only(put).header("if-match"), Some("\"r7\""));
}

#[test]
fn a_lost_race_can_be_tried_again() {
    let (stub, machine) = nlp(vec![Answer::problem(SET, 412, "version_mismatch", "The secret was changed meanwhile.")]);
    insta::assert_snapshot!(machine.run_with("secret set API_KEY --if-match r6", "v").session(), @r"
    stderr:
      error: `r6` is not the revision of API_KEY now; nothing was written
      help:  its revision, 32 digits and letters a to f:  vestry secret show API_KEY -w acme/nlp
    exit 75
    ");
    assert_eq!(stub.only(SET).header("if-match"), Some("\"r6\""));
}

#[test]
fn a_name_taken_for_the_organization_is_noticed() {
    let (_stub, machine) = nlp(vec![]);
    insta::assert_snapshot!(machine.run_with("secret set --org HF_TOKEN", "v").session(), @r"
    stderr:
      error: the name is missing: `HF_TOKEN` was taken as --org's
      help:  vestry secret set HF_TOKEN --org
    exit 64
    ");
}

#[test]
fn a_mistyped_secret_is_met_with_the_one_that_was_meant() {
    let list = json!({"items": [secret(json!({}))], "next_cursor": null});
    let (_stub, machine) = nlp(vec![Answer::json("GET /organizations/acme/workspaces/nlp/secrets", 200, list)]);
    insta::assert_snapshot!(machine.run("secret show API_KYE").session(), @r"
    stderr:
      error: there is no secret `API_KYE` that you can see
      help:  did you mean `API_KEY`?
    exit 65
    ");
}

#[test]
fn a_mistyped_workspace_is_met_with_the_one_that_was_meant() {
    let list = json!({"items": [{"slug": "nlp-sandbox"}], "next_cursor": null});
    let (_stub, machine) = nlp(vec![Answer::json("GET /organizations/acme/workspaces", 200, list)]);
    insta::assert_snapshot!(machine.run("secret list -w nlp-sandbx").session(), @r"
    stderr:
      error: there is no workspace `nlp-sandbx` that you can see
      help:  did you mean `nlp-sandbox`?
    exit 65
    ");
}

#[test]
fn a_typed_name_never_becomes_another_path() {
    let (stub, machine) = nlp(vec![]);
    machine.run("secret show ../../../me?x=1 --yes");
    assert_eq!(stub.requests()[0].line, "GET /organizations/acme/workspaces/nlp/secrets/..%2F..%2F..%2Fme%3Fx%3D1");
}

#[test]
fn lists_are_followed_page_by_page_and_json_is_one_document() {
    let page = json!({"items": [secret(json!({}))], "next_cursor": null});
    let (stub, machine) = nlp(vec![Answer::json("GET /organizations/acme/workspaces/nlp/secrets", 200, page)]);
    let ran = machine.run("secret list --json");
    let items: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(items, [secret(json!({}))]);
    assert_eq!(stub.requests()[0].line, "GET /organizations/acme/workspaces/nlp/secrets?limit=200");
    insta::assert_snapshot!(machine.run("secret list").session(), @r"
    stdout:
      Name     Scope      Version  Updated
      API_KEY  workspace  v4       2 Jan 2020 by Mina
    exit 0
    ");
}

#[test]
fn a_delete_is_asked_for_and_deletes_what_was_shown() {
    let path = "/organizations/acme/workspaces/nlp/secrets/API_KEY";
    let get = Answer::json("GET /organizations/acme/workspaces/nlp/secrets/API_KEY", 200, secret(json!({})));
    let delete = Answer::json("DELETE /organizations/acme/workspaces/nlp/secrets/API_KEY", 204, Value::Null);
    let (stub, machine) = nlp(vec![get.with("etag", "\"r1\""), delete]);
    insta::assert_snapshot!(machine.run("secret delete API_KEY").session(), @r#"
    stderr:
      error: nothing was done: there is no terminal to ask "Delete API_KEY from acme/nlp?"
      help:  answer on the command line:  --yes
    exit 64
    "#);
    assert!(stub.requests().iter().all(|request| request.line.starts_with("GET ")));
    let ran = machine.run("secret delete API_KEY --yes");
    let undo = "undo within 30 days:  vestry secret restore API_KEY -w acme/nlp";
    assert_eq!((ran.stderr, ran.code), (format!("deleted API_KEY from acme/nlp\n{undo}\n"), Some(0)));
    assert_eq!(stub.only(&format!("DELETE {path}")).header("if-match"), Some("\"r1\""));
}

#[test]
fn signing_in_keeps_a_token_and_ends_the_session() {
    let me = json!({"id": "u1", "email": "mina@example.org", "name": "Mina", "organizations": []});
    let stub = Stub::answering(vec![
        Answer::json("POST /sessions", 201, json!({"user": me}))
            .with("set-cookie", "vestry_session=c00kie; HttpOnly; SameSite=Lax; Path=/"),
        Answer::json("POST /me/tokens", 201, json!({"id": "t9", "name": "n", "token": "vst_p_9_made_d9c0cec0"})),
        Answer::json("DELETE /sessions/current", 204, Value::Null),
        Answer::problem("GET /me", 401, "unauthenticated", "Sign in."),
        Answer::json("GET /me", 200, me),
        Answer::json("DELETE /me/tokens/t9", 204, Value::Null),
    ]);
    let machine = Machine::new();
    let line = format!("login --url {} --email mina@example.org --password-stdin", stub.url());
    let ran = machine.run_with(&line, "correct horse\n");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stdout, "");
    assert!(!format!("{ran:?}").contains("vst_p_9_made_d9c0cec0"), "{ran:?}");
    assert_eq!(stub.only("POST /sessions").json(), json!({"email": "mina@example.org", "password": "correct horse"}));
    let made = stub.only("POST /me/tokens");
    assert_eq!(made.header("cookie"), Some("vestry_session=c00kie"));
    assert_eq!(made.header("sec-fetch-site"), Some("same-origin"));
    assert_eq!((&made.json()["access"], &made.json()["organization_secrets"]), (&json!("full"), &json!(true)));
    assert_eq!(stub.only("DELETE /sessions/current").header("cookie"), Some("vestry_session=c00kie"));
    let mode = std::fs::metadata(machine.credentials()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let ran = machine.run("logout");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(stub.only("DELETE /me/tokens/t9").header("authorization"), Some("Bearer vst_p_9_made_d9c0cec0"));
    assert!(!machine.credentials().exists());
}

#[test]
fn a_token_that_could_not_be_revoked_is_not_forgotten() {
    let machine = Machine::signed_in("http://127.0.0.1:1");
    let ran = machine.run("logout");
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.stderr.contains("still signed in"), "{ran:?}");
    assert!(machine.credentials().exists());
}

#[test]
fn runs_are_listed_with_who_ran_what_where() {
    let run = |id: &str, more: Value| {
        let mut run = json!({"id": id, "kind": "run", "server": null, "host": "builder", "command": "make",
            "started_at": "2020-01-02T10:00:00Z", "started_by": {"id": "u1", "name": "Mina"}, "token": null,
            "ended_at": null, "exit_code": null, "outcome": "delivered", "detail": "", "left_out": [],
            "injected": [{"name": "A", "scope": "workspace", "secret_id": "1", "version": 1}]});
        run.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        run
    };
    let left_out = json!([{"name": "B", "scope": "workspace", "secret_id": "2", "version": 1}]);
    let items = [
        run("r3", json!({"token": "nightly-ci", "left_out": left_out})),
        run("r2", json!({"host": "laptop", "command": null})),
        run("r1", json!({"outcome": "failed", "detail": "whoever asked hung up"})),
    ];
    let list = json!({"items": items, "next_cursor": null});
    let (stub, machine) = nlp(vec![Answer::json("GET /organizations/acme/workspaces/nlp/runs", 200, list)]);
    insta::assert_snapshot!(machine.run("workspace runs").session(), @r"
    stdout:
      When        By                Host     Command  Outcome                        Secrets        Id
      2 Jan 2020  token nightly-ci  builder  make     delivered                      1, 1 left out  r3
      2 Jan 2020  Mina              laptop            delivered                      1              r2
      2 Jan 2020  Mina              builder  make     failed: whoever asked hung up  1              r1
    exit 0
    ");
    assert_eq!(stub.requests()[0].line, "GET /organizations/acme/workspaces/nlp/runs?limit=50");
    let shown: Value = serde_json::from_str(&machine.run("workspace runs acme/nlp --limit 2 --json").stdout).unwrap();
    assert_eq!(shown, json!(items));
}

#[test]
fn who_has_access_to_this_directorys_workspace_is_changed_without_naming_it() {
    let member = json!({"id": "u7", "name": "Jo", "email": "jo@acme.example", "role": "member",
        "joined_at": "2020-01-01T00:00:00Z"});
    let (stub, machine) = nlp(vec![
        Answer::json("GET /organizations/acme/members", 200, json!({"items": [member], "next_cursor": null})),
        Answer::json("PUT /organizations/acme/workspaces/nlp/collaborators/u7", 204, Value::Null),
        Answer::json("DELETE /organizations/acme/workspaces/nlp/collaborators/u7", 204, Value::Null),
        Answer::json("PUT /organizations/acme/workspaces/nlp/owner", 204, Value::Null),
        Answer::json("PUT /organizations/acme/workspaces/lab/collaborators/u7", 204, Value::Null),
    ]);
    for line in
        ["share jo@acme.example", "unshare jo@acme.example", "give jo@acme.example", "share lab jo@acme.example"]
    {
        let ran = machine.run(&format!("workspace {line}"));
        assert_eq!(ran.code, Some(0), "{line}: {ran:?}");
    }
    stub.only("PUT /organizations/acme/workspaces/nlp/collaborators/u7");
    stub.only("DELETE /organizations/acme/workspaces/nlp/collaborators/u7");
    stub.only("PUT /organizations/acme/workspaces/nlp/owner");
    stub.only("PUT /organizations/acme/workspaces/lab/collaborators/u7");
}

#[test]
fn a_new_token_is_data_and_the_talk_about_it_is_not() {
    let answer = json!({"id": "t2", "name": "ci", "token": "vst_p_2_ci_da698969"});
    let stub = Stub::answering(vec![Answer::json("POST /me/tokens", 201, answer)]);
    let ran = Machine::signed_in(stub.url()).run("token create ci");
    assert_eq!((ran.stdout.as_str(), ran.code), ("vst_p_2_ci_da698969\n", Some(0)));
    let sent = stub.only("POST /me/tokens").json();
    assert_eq!(sent, json!({"name": "ci", "access": "read", "organization_secrets": false}));
}

#[test]
fn a_broken_audit_log_is_a_failure() {
    let answer = json!({"events": 12, "intact": false, "first_broken": "e7", "head": "abc"});
    let (_stub, machine) = nlp(vec![Answer::json("GET /organizations/acme/audit-events/verification", 200, answer)]);
    insta::assert_snapshot!(machine.run("audit verify").session(), @r"
    stderr:
      error: the audit log of acme was tampered with; the first that does not fit is e7
      help:  keep the database as it is, and compare with a backup
    exit 65
    ");
}

#[test]
fn a_list_that_does_not_end_is_a_failure() {
    let page = json!({"items": [secret(json!({}))], "next_cursor": "again"});
    let (stub, machine) = nlp(vec![Answer::json("GET /organizations/acme/workspaces/nlp/secrets", 200, page)]);
    let ran = machine.run("secret list");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(69), ""), "{ran:?}");
    assert!(ran.stderr.contains("does not end"), "{ran:?}");
    assert_eq!(stub.requests().len(), 2);
}

#[test]
fn nobody_signs_in_where_no_token_can_be_kept() {
    let stub = Stub::answering(vec![]);
    // Where not even root can make a directory.
    let machine = Machine::new().with("XDG_CONFIG_HOME", "/proc/nowhere");
    let line = format!("login --url {} --email mina@example.org --password-stdin", stub.url());
    let ran = machine.run_with(&line, "correct horse\n");
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(ran.stderr.contains("can't be written") && stub.requests().is_empty(), "{ran:?}");
}

#[test]
fn a_token_that_can_not_be_kept_is_revoked() {
    let stub = Stub::answering(vec![
        Answer::problem("GET /me", 401, "unauthenticated", "Sign in."),
        Answer::json("POST /sessions", 201, json!({})).with("set-cookie", "vestry_session=c00kie"),
        Answer::json("POST /me/tokens", 201, json!({"id": "t9", "token": "vst_p_9_made_d9c0cec0"})),
        Answer::json("DELETE /sessions/current", 204, Value::Null),
        Answer::json("DELETE /me/tokens/t9", 204, Value::Null),
    ]);
    let machine = Machine::new();
    let line = ["login", "--url", stub.url(), "--email", "mina@example.org", "--password-stdin"];
    // A file may be made, but nothing written into it: a full disk.
    let full = machine.command_behind("ulimit -f 0; trap '' XFSZ", &line);
    let ran = machine.feed("login", full, "correct horse\n");
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(ran.stderr.contains("the new token is revoked again"), "{ran:?}");
    assert_eq!(stub.only("DELETE /me/tokens/t9").header("authorization"), Some("Bearer vst_p_9_made_d9c0cec0"));
    assert!(!machine.credentials().exists());
}

#[test]
fn unknown_workspaces_are_named() {
    let put = "PUT /organizations/acme/secrets/HF_TOKEN";
    let error = json!({"field": "workspaces", "code": "workspace_unknown", "message": "One does not exist."});
    let problem = json!({"title": "x", "status": 422, "code": "invalid", "detail": "x", "errors": [error]});
    let there = json!({"items": [{"slug": "nlp"}, {"slug": "vision"}], "next_cursor": null});
    let (_stub, machine) =
        nlp(vec![Answer::json(put, 422, problem), Answer::json("GET /organizations/acme/workspaces", 200, there)]);
    let line = "secret set HF_TOKEN --org acme --workspaces nlp,visoin,sound";
    insta::assert_snapshot!(machine.run_with(line, "v").session(), @r"
    stderr:
      error: there are no workspaces `visoin`, `sound` in acme; nothing was written
      help:  did you mean `vision`?
    exit 65
    ");
    insta::assert_snapshot!(machine.run_with("secret set HF_TOKEN --org acme --workspaces sound", "v").session(), @r"
    stderr:
      error: there is no workspace `sound` in acme; nothing was written
      help:  which there are:  vestry workspace list --org acme
    exit 65
    ");
}

#[test]
fn a_secret_that_would_reach_nobody_is_asked_for() {
    let reached = secret(json!({"scope": "organization", "access": "selected",
        "workspaces": {"count": 1, "first": [{"slug": "nlp", "name": "NLP"}]}}));
    let patch = "PATCH /organizations/acme/secrets/API_KEY";
    let (stub, machine) = nlp(vec![
        Answer::json("GET /organizations/acme/secrets/API_KEY", 200, reached.clone()),
        Answer::json(patch, 200, reached),
    ]);
    for line in ["--workspaces ''", "--remove-workspace nlp"] {
        let ran = machine.run(&format!("secret edit API_KEY --org acme {line}"));
        assert_eq!(ran.code, Some(64), "{line}: {ran:?}");
        assert!(ran.stderr.contains("Let API_KEY reach no workspace at all?"), "{line}: {ran:?}");
    }
    assert!(stub.requests().iter().all(|request| request.line.starts_with("GET ")));
    assert_eq!(machine.run("secret edit API_KEY --org acme --workspaces '' --yes").code, Some(0));
    assert_eq!(stub.only(patch).json(), json!({"access": "selected", "workspaces": []}));
    let ran = machine.run("secret edit API_KEY --org acme --remove-workspace nlp --add-workspace vision");
    assert!(!ran.stderr.contains("reach no workspace"), "{ran:?}");
}

/// It widened the secret, and then said that it had failed.
#[test]
fn an_edit_of_several_workspaces_changes_nothing_when_one_is_unknown() {
    let reached = secret(json!({"scope": "organization", "access": "selected",
        "workspaces": {"count": 1, "first": [{"slug": "nlp", "name": "NLP"}]}}));
    let workspaces = json!({"items": [{"slug": "nlp"}, {"slug": "vision"}], "next_cursor": null});
    let (stub, machine) = nlp(vec![
        Answer::json("GET /organizations/acme/secrets/API_KEY", 200, reached.clone()),
        Answer::json("GET /organizations/acme/workspaces/vision", 200, json!({"slug": "vision"})),
        Answer::json("GET /organizations/acme/workspaces", 200, workspaces),
        Answer::json("PUT /organizations/acme/secrets/API_KEY/workspaces/vision", 200, reached.clone()),
        Answer::json("PATCH /organizations/acme/secrets/API_KEY", 200, reached),
    ]);
    for line in ["--add-workspace vision --add-workspace nope", "--description new --add-workspace nope"] {
        let ran = machine.run(&format!("secret edit API_KEY --org acme {line}"));
        assert_eq!(ran.code, Some(65), "{ran:?}");
        assert!(ran.stderr.contains("there is no workspace `nope`"), "{ran:?}");
        assert!(stub.requests().iter().all(|request| request.line.starts_with("GET ")), "{line}");
    }
    let ran = machine.run("secret edit API_KEY --org acme --description new --add-workspace vision");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    stub.only("PUT /organizations/acme/secrets/API_KEY/workspaces/vision");
}

#[test]
fn times_are_taken_as_people_say_them() {
    let events = "GET /organizations/acme/audit-events";
    let (stub, machine) = nlp(vec![Answer::json(events, 200, json!({"items": [], "next_cursor": null}))]);
    insta::assert_snapshot!(machine.run("audit list --from yesterday").session(), @r"
    stderr:
      error: --from can't be read as a time: `yesterday`
      help:  a span back from now like 2h, 3d or 1w, a day like 2026-11-22, or a time like 2026-11-22T14:30:00Z
    exit 64
    ");
    assert!(stub.requests().is_empty());
    let ran = machine.run("audit list --from 2020-01-02 --to 2020-01-03T10:00:00+01:00");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "no event fits\n"));
    let asked = format!("{events}?from=2020-01-02T00%3A00%3A00Z&to=2020-01-03T09%3A00%3A00Z&limit=50");
    stub.only(&asked);
}

#[test]
fn an_event_says_where_it_happened() {
    let event = |kind: &str, name: &str, details: Value| {
        json!({"id": "1", "sequence": 1, "at": "2020-01-01T00:00:00Z", "action": "x", "address": null, "details": details,
            "actor": {"kind": "person", "id": null, "name": "Mina"}, "target": {"kind": kind, "id": "1", "name": name}})
    };
    let nlp_sandbox = json!({"workspace": {"id": "1", "slug": "nlp-sandbox"}});
    let items = json!([
        event("secret", "HF_TOKEN", json!({"scope": "organization"})),
        event("secret", "API_KEY", json!({"scope": "workspace", "workspace": nlp_sandbox["workspace"]})),
        event("server", "jupyter", nlp_sandbox.clone()),
        event("workspace", "nlp-sandbox", nlp_sandbox),
        event("person", "Jo", Value::Null),
    ]);
    let answer = json!({"items": items, "next_cursor": null});
    let (_stub, machine) = nlp(vec![Answer::json("GET /organizations/acme/audit-events", 200, answer)]);
    insta::assert_snapshot!(machine.run("audit list").session(), @r"
    stdout:
      Event  Time                  Actor  Action  Target
      1      2020-01-01 00:00:00Z  Mina   x       organization secret HF_TOKEN
      1      2020-01-01 00:00:00Z  Mina   x       secret API_KEY in nlp-sandbox
      1      2020-01-01 00:00:00Z  Mina   x       server jupyter in nlp-sandbox
      1      2020-01-01 00:00:00Z  Mina   x       workspace nlp-sandbox
      1      2020-01-01 00:00:00Z  Mina   x       person Jo
    exit 0
    ");
}

#[test]
fn a_secret_that_is_not_found_is_not_proposed_instead_of_itself() {
    // It is in the list, but was gone when it was looked at.
    let list = json!({"items": [secret(json!({}))], "next_cursor": null});
    let (_stub, machine) = nlp(vec![Answer::json("GET /organizations/acme/workspaces/nlp/secrets", 200, list)]);
    let ran = machine.run("secret delete API_KEY --yes");
    assert!(!ran.stderr.contains("did you mean"), "{ran:?}");
}
