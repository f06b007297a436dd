//! A control plane, or someone who writes into it, that tries to drive the terminal (P16).

use serde_json::{Value, json};

use crate::support::{Answer, Machine, Ran, Stub};

/// Clears the screen, sets the title, runs backwards, and pretends to be another line.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}31m\u{202e}\r\nroot# \u{200b}\u{ad}\u{feff}\u{e0041}\u{e007f}";

fn assert_harmless(ran: &Ran) {
    let said = format!("{}{}", ran.stdout, ran.stderr);
    let driven = said
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t' || EVIL.chars().any(|evil| evil == c && !c.is_ascii()));
    assert!(!driven, "{said:?}");
    assert!(!said.lines().any(|line| line.trim_start().starts_with("root#")), "{said}");
}

fn who() -> Value {
    json!({"id": EVIL, "name": EVIL})
}

fn list(item: Value) -> Value {
    json!({"items": [item], "next_cursor": null})
}

fn secret() -> Value {
    json!({"id": "1", "name": EVIL, "scope": EVIL, "version": 1, "description": EVIL, "suspended": true,
        "suspension": {"at": "2020-01-01T00:00:00Z", "by": who(), "reason": EVIL, "version": null},
        "updated_at": "2020-01-01T00:00:00Z", "updated_by": who(), "overrides": true, "access": "selected",
        "workspaces": {"count": 9, "first": [{"slug": EVIL, "name": EVIL}]}, "warnings": [{"code": "x", "message": EVIL}],
        "restart_needed": [{"workspace": EVIL, "server": EVIL}]})
}

fn server() -> Value {
    let held = json!({"scope": EVIL, "secret_id": "1", "version": 1});
    json!({"id": "1", "name": EVIL, "slug": EVIL, "command": [EVIL], "variables": {EVIL: EVIL}, "status": EVIL,
        "status_detail": EVIL, "started_at": null, "started_by": who(), "exit_code": null, "restart_needed": true,
        "drift": [{"name": EVIL, "kind": "changed", "reason": EVIL, "from": held, "to": held, "by": who(), "at": null},
                  {"name": EVIL, "kind": EVIL, "reason": EVIL, "from": null, "to": null, "by": null, "at": null}]})
}

#[test]
fn nothing_from_the_control_plane_drives_the_terminal() {
    let workspace = json!({"id": "1", "slug": EVIL, "name": EVIL, "description": EVIL, "owner": who(), "role": EVIL,
        "servers": {"total": 1, "running": 1, "restart_needed": 1}, "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z"});
    let member = json!({"id": EVIL, "name": EVIL, "email": EVIL, "role": EVIL, "joined_at": "2020-01-01T00:00:00Z",
        "since": "2020-01-01T00:00:00Z"});
    let membership = json!({"slug": EVIL, "name": EVIL, "role": EVIL});
    let me = json!({"id": EVIL, "email": EVIL, "name": EVIL, "organizations": [membership]});
    let token = json!({"id": EVIL, "name": EVIL, "access": EVIL, "organization_secrets": true,
        "created_at": "2020-01-01T00:00:00Z", "last_used_at": null, "expires_at": null});
    let start = json!({"id": EVIL, "kind": EVIL, "host": EVIL, "command": EVIL, "token": EVIL, "started_at": "2020-01-01T00:00:00Z", "started_by": who(),
        "ended_at": null, "exit_code": null, "outcome": EVIL, "injected": [{"name": EVIL, "scope": EVIL, "version": 1}]});
    let layers = json!([
        {"layer": "secret", "scope": EVIL, "version": 1, "state": EVIL, "updated_at": "2020-01-01T00:00:00Z",
         "updated_by": who()},
        {"layer": "variable", "server": EVIL, "value": EVIL}, {"layer": "base", "value": EVIL}]);
    let step = |state: &str| json!({ "workspace": EVIL, "server": EVIL, "state": state, "detail": EVIL });
    let counts = json!({ "servers": 3, "waiting": 0, "restarting": 0, "done": 1, "skipped": 1, "failed": 1 });
    let restart = json!({
        "id": EVIL, "state": "paused", "detail": EVIL, "secret": EVIL, "workspace": EVIL, "batch_size": 1,
        "created_at": "2020-01-02T10:00:00Z", "created_by": who(), "counts": counts,
        "servers": [step("done"), step("skipped"), step("failed")],
    });
    let explanation = json!({"name": EVIL, "winner": "secret", "layers": layers, "reason": EVIL});
    let event = json!({"id": "1", "sequence": 1, "at": "2020-01-01T00:00:00Z", "action": EVIL, "address": EVIL,
        "details": {"reason": EVIL, "workspace": {"slug": EVIL}},
        "actor": {"kind": EVIL, "id": null, "name": EVIL}, "target": {"kind": EVIL, "id": EVIL, "name": EVIL}});
    let held = json!({"workspace": EVIL, "server": EVIL, "status": EVIL, "name": EVIL, "version": 1,
        "started_at": "2020-01-01T00:00:00Z", "started_by": who(), "drift": server()["drift"][0]});
    let reader = |token: Value| {
        json!({"workspace": EVIL, "person": who(), "token": token, "host": EVIL, "version": 1,
            "last_read_at": "2020-01-01T00:00:00Z", "reads": 1})
    };
    let holders =
        json!({"items": [held], "next_cursor": null, "also_read_by": [reader(json!(EVIL)), reader(Value::Null)]});
    let run = json!({"id": EVIL, "kind": "run", "workspace": EVIL, "host": EVIL, "command": EVIL, "name": EVIL, "version": 1,
        "outcome": EVIL, "started_at": "2020-01-01T00:00:00Z", "started_by": who(), "token": EVIL});
    let version = json!({"version": 1, "newest": true, "kept": true, "created_at": "2020-01-01T00:00:00Z",
        "created_by": who(), "suspension": secret()["suspension"], "erased_by": who()});
    let deleted = json!({"id": EVIL, "name": EVIL, "version": 1, "deleted_at": "2020-01-01T00:00:00Z",
        "deleted_by": who(), "destroyed_from": "2020-01-31T00:00:00Z"});
    let verification = json!({"events": 1, "intact": false, "first_broken": EVIL, "head": EVIL});
    let base = |path: &'static str, body: Value| Answer::json(path, 200, body);
    let stub = Stub::answering(vec![
        base("GET /me", me),
        base("GET /me/tokens", list(token)),
        base("GET /organizations", list(membership.clone())),
        base("GET /organizations/acme", membership),
        base("GET /organizations/acme/members", list(member.clone())),
        base("GET /organizations/acme/workspaces", list(workspace.clone())),
        base("GET /organizations/acme/workspaces/nlp", workspace),
        base("GET /organizations/acme/workspaces/nlp/collaborators", list(member)),
        base("GET /organizations/acme/workspaces/nlp/secrets", list(secret())),
        base("GET /organizations/acme/workspaces/nlp/secrets/A", secret()).with("etag", "\"\u{9b}31m\""),
        base("PUT /organizations/acme/workspaces/nlp/secrets/A", secret()),
        base("GET /organizations/acme/workspaces/nlp/secrets/A/versions", list(version)),
        base("GET /organizations/acme/workspaces/nlp/secrets/A/holders", holders),
        base("GET /organizations/acme/workspaces/nlp/secrets/A/starts", list(run)),
        base("PUT /organizations/acme/workspaces/nlp/secrets/A/suspension", secret()),
        base("GET /organizations/acme/workspaces/nlp/deleted-secrets", list(deleted)),
        base("GET /organizations/acme/workspaces/nlp/activity", list(event.clone())),
        base("GET /organizations/acme/workspaces/nlp/runs", list(start.clone())),
        base("GET /organizations/acme/secrets", list(secret())),
        base("GET /organizations/acme/workspaces/nlp/servers", list(server())),
        base("GET /organizations/acme/workspaces/nlp/servers/s", server()),
        base("POST /organizations/acme/workspaces/nlp/servers/s/start", Value::Null),
        base("GET /organizations/acme/workspaces/nlp/servers/s/starts", list(start)),
        Answer::text("GET /organizations/acme/workspaces/nlp/servers/s/logs", EVIL),
        base("GET /organizations/acme/workspaces/nlp/explanations/A", explanation),
        base("GET /organizations/acme/workspaces/nlp/restarts", list(restart.clone())),
        base("GET /organizations/acme/restarts", list(restart.clone())),
        base("POST /organizations/acme/workspaces/nlp/restarts", restart.clone()),
        base("POST /organizations/acme/workspaces/nlp/secrets/A/restarts", restart.clone()),
        base("GET /organizations/acme/restarts/1", restart.clone()),
        base("POST /organizations/acme/restarts/1/continuation", restart),
        base("GET /organizations/acme/audit-events", list(event)),
        base("GET /organizations/acme/audit-events/verification", verification),
        Answer::problem("DELETE /me/tokens/1", 409, EVIL, EVIL),
    ]);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    for line in [
        "whoami",
        "token list",
        "token revoke 1",
        "organization list",
        "organization show",
        "member list",
        "member role x member",
        "workspace list",
        "workspace show",
        "secret list",
        "secret list --org",
        "secret show A",
        "secret show B",
        "secret history A",
        "secret holders A",
        "secret holders A --past",
        "secret suspend A --yes --stop",
        "secret list --deleted",
        "workspace activity",
        "workspace runs",
        "server list",
        "server show s",
        "server starts s",
        "server start s",
        "server restart --stale",
        "secret restart-holders A --yes",
        "restart list",
        "restart list --org",
        "restart show 1",
        "restart watch 1",
        "restart continue 1",
        "explain A",
        "audit list",
        "audit verify",
    ] {
        for line in [line.to_owned(), format!("{line} --json")] {
            let ran = machine.run(&line);
            assert!(!ran.stdout.is_empty() || !ran.stderr.is_empty(), "{line}");
            assert_harmless(&ran);
        }
    }
    assert_harmless(&machine.run_with("secret set A", "v"));
    let log = machine.run("server logs s");
    assert!(log.stdout.starts_with("\\u{1b}[2J"), "{log:?}");
    let driven =
        log.stdout.chars().any(|c| c.is_control() && c != '\n' || EVIL.chars().any(|evil| evil == c && !c.is_ascii()));
    assert!(!driven, "{log:?}");
}
