//! Tokens: made, shown once, listed, revoked.

use serde_json::{Value, json};

use crate::support::{Answer, Machine, Stub};

const MADE: &str = "vst_p_0made_0secret0token_a26a4828";

/// A control plane that makes a token at a path.
fn making(request: &'static str, more: Vec<Answer>) -> Stub {
    let made = json!({"id": "t7", "name": "ci", "access": "read", "organization_secrets": false, "token": MADE,
        "created_at": "2020-01-01T00:00:00Z", "last_used_at": null, "expires_at": null});
    Stub::answering([vec![Answer::json(request, 201, made)], more].concat())
}

#[test]
fn a_token_that_could_not_be_shown_is_revoked_again() {
    for (request, revocation, line) in [
        ("POST /me/tokens", "DELETE /me/tokens/t7", "token create ci"),
        ("POST /me/tokens", "DELETE /me/tokens/t7", "token create ci --json"),
        (
            "POST /organizations/acme/workspaces/nlp/tokens",
            "DELETE /organizations/acme/workspaces/nlp/tokens/t7",
            "token create ci -w acme/nlp",
        ),
    ] {
        let stub = making(request, vec![Answer::json(revocation, 204, Value::Null)]);
        let machine = Machine::signed_in(stub.url());
        let words: Vec<&str> = line.split(' ').collect();
        let ran = machine.feed(line, machine.command_behind("exec >/dev/full", &words), "");
        assert_eq!(ran.code, Some(65), "{ran:?}");
        assert!(ran.stderr.contains("No space left on device (os error 28); the new token was not shown"), "{ran:?}");
        assert!(ran.stderr.ends_with("and is revoked again\n"), "{ran:?}");
        stub.only(revocation);
    }
}

#[test]
fn a_token_that_may_only_read_says_so_when_it_is_made() {
    let stub = making("POST /me/tokens", Vec::new());
    insta::assert_snapshot!(Machine::signed_in(stub.url()).run("token create ci").session(), @r"
    stdout:
      vst_p_0made_0secret0token_a26a4828
    stderr:
      it may read only; to start runs:  vestry token create NAME -w ORG/WORKSPACE
      for all that you may do, but for organization secrets:  --access full
      this is the only time that the token is shown:
    exit 0
    ");
}

#[test]
fn a_token_that_could_be_neither_shown_nor_revoked_is_named() {
    let stub = making("POST /organizations/acme/workspaces/nlp/tokens", Vec::new());
    let machine = Machine::signed_in(stub.url());
    let line = "token create ci -w acme/nlp";
    let words: Vec<&str> = line.split(' ').collect();
    let ran = machine.feed(line, machine.command_behind("exec >/dev/full", &words), "");
    insta::assert_snapshot!(ran.session().replace(stub.url(), "URL"), @r"
    stderr:
      whoever has it gets the values of all secrets that reach acme/nlp; set it where runs start:
        VESTRY_URL=URL VESTRY_TOKEN=… vestry run -- CMD
      this is the only time that the token is shown:
      error: the output can't be written: No space left on device (os error 28); the new token was not shown and could not be revoked: it is valid
      help:  vestry token revoke t7 -w acme/nlp
    exit 65
    ");
}

#[test]
fn a_token_is_revoked_by_its_name_where_only_one_has_it() {
    let token = |id: &str, name: &str| {
        json!({"id": id, "name": name, "access": "read", "created_at": "2020-01-01T00:00:00Z", "last_used_at": null,
            "expires_at": null})
    };
    let list = json!({"items": [token("t1", "ci"), token("t2", "old"), token("t3", "old")], "next_cursor": null});
    let stub = Stub::answering(vec![
        Answer::json("GET /me/tokens", 200, list),
        Answer::json("DELETE /me/tokens/t1", 204, Value::Null),
        Answer::json("GET /organizations/acme/workspaces/nlp/tokens", 200, json!({"items": [], "next_cursor": null})),
    ]);
    let machine = Machine::signed_in(stub.url());
    assert_eq!(machine.run("token revoke ci").stderr, "revoked; it ends at once\n");
    stub.only("DELETE /me/tokens/t1");
    insta::assert_snapshot!(machine.run("token revoke old").session(), @r"
    stderr:
      error: 2 tokens are called `old`; nothing was revoked
      help:  give the id of one:  vestry token list
    exit 65
    ");
    insta::assert_snapshot!(machine.run("token revoke 0f7").session(), @r"
    stderr:
      error: there is no token of yours with the id or name `0f7`; nothing was revoked
      help:  yours:  vestry token list
             a workspace's own:  vestry token revoke 0f7 -w [ORG/]WORKSPACE
    exit 65
    ");
    insta::assert_snapshot!(machine.run("token revoke 0f7 -w acme/nlp").session(), @r"
    stderr:
      error: there is no token of acme/nlp with the id or name `0f7`; nothing was revoked
      help:  its tokens:  vestry token list -w acme/nlp
    exit 65
    ");
}
