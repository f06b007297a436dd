//! What is answered without a control plane.

use crate::support::{Answer, Machine, Stub};

#[test]
fn a_value_on_the_command_line_is_refused_and_not_repeated() {
    let stub = Stub::answering(vec![]);
    let machine = Machine::signed_in(stub.url()).using("acme", "nlp");
    let ran = machine.run("secret set OPENAI_API_KEY sk-123");
    insta::assert_snapshot!(ran.session(), @r"
    stderr:
      error: a value on the command line ends up in shell history and process lists; nothing was sent
      help:  run it without a value to be asked, or:  vestry secret set OPENAI_API_KEY < file
    exit 64
    ");
    for line in [
        "secret set A sk-123 more",
        "secret set A=sk-123",
        "secret set A --value sk-123",
        "secret set A --value=sk-123",
        "secret set A -- sk-123",
        "secret set A -- --sk-123",
        "secret set A --org acme --all sk-123",
    ] {
        let ran = machine.run(line);
        assert_eq!(ran.code, Some(64), "{line}: {ran:?}");
        assert!(ran.stderr.contains("nothing was sent"), "{line}: {ran:?}");
        assert!(!format!("{ran:?}").contains("sk-123"), "{line}: {ran:?}");
    }
    assert!(stub.requests().is_empty());
}

#[test]
fn a_password_on_the_command_line_is_not_repeated() {
    for line in ["login --password=hunter2", "setup --password hunter2", "login --password hunter2"] {
        let ran = Machine::new().run(line);
        assert_eq!(ran.code, Some(64), "{line}");
        assert!(!format!("{ran:?}").contains("hunter2"), "{line}: {ran:?}");
    }
}

#[test]
fn a_mistyped_command_is_met_with_the_one_that_was_meant() {
    insta::assert_snapshot!(Machine::new().run("secrte list").session(), @r"
    stderr:
      error: unrecognized subcommand 'secrte'
      
        tip: some similar subcommands exist: 'setup', 'server', 'serve', 'secret'
      
      Usage: vestry [OPTIONS] <COMMAND>
      
      For more information, try '--help'.
    exit 64
    ");
    let ran = Machine::new().run("secret lsit");
    assert!(ran.stderr.contains("'list'"), "{ran:?}");
}

#[test]
fn without_a_sign_in_there_is_a_hint() {
    insta::assert_snapshot!(Machine::new().run("whoami").session(), @r"
    stderr:
      error: not signed in
      help:  vestry login --url https://…
             to a control plane on this machine:  vestry login --url http://127.0.0.1:8460
    exit 78
    ");
}

#[test]
fn a_token_in_the_environment_needs_the_address_beside_it() {
    let stub = Stub::answering(vec![]);
    let machine = Machine::new().with("VESTRY_TOKEN", "vst_p_1_2_1871161f");
    std::fs::write(machine.project().join(".vestry.toml"), format!("url = \"{}\"", stub.url())).unwrap();
    insta::assert_snapshot!(machine.run("whoami").session(), @r"
    stderr:
      error: VESTRY_TOKEN is set, but not where it belongs; nothing was sent
      help:  set VESTRY_URL, or use --url
    exit 78
    ");
    assert!(stub.requests().is_empty());
}

#[test]
fn a_token_that_was_not_copied_whole_is_not_called_revoked() {
    let stub = Stub::answering(vec![]);
    for token in ["vst_w_garbage", "vst_p_0test_0secret0token_e185a95", "vst_"] {
        let machine = Machine::new().with("VESTRY_URL", stub.url()).with("VESTRY_TOKEN", token);
        insta::allow_duplicates! {
            insta::assert_snapshot!(machine.run("whoami").session(), @r"
            stderr:
              error: VESTRY_TOKEN is not a whole token (its checksum does not fit); nothing was sent
              help:  copy it again, from its first letter to its last
            exit 78
            ");
        }
        assert_eq!(machine.run("run true").code, Some(125));
    }
    let machine = Machine::new().with("VESTRY_URL", stub.url()).with("VESTRY_TOKEN", "hunter2");
    let ran = machine.run("whoami");
    assert!(ran.stderr.contains("VESTRY_TOKEN is not a token of Vestry; nothing was sent"), "{ran:?}");
    assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
    assert!(stub.requests().is_empty());
}

#[test]
fn a_kept_token_does_not_follow_a_projects_address() {
    let (own, foreign) = (Stub::answering(vec![]), Stub::answering(vec![]));
    let machine = Machine::signed_in(own.url());
    std::fs::write(machine.project().join(".vestry.toml"), format!("url = \"{}\"", foreign.url())).unwrap();
    let ran = machine.run("whoami");
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(ran.stderr.contains("not signed in to"), "{ran:?}");

    let ran = machine.run_with("login --email a@b.example --password-stdin", "hunter2\n");
    assert_eq!(ran.code, Some(64), "{ran:?}");
    assert!(ran.stderr.contains("only named by this directory's .vestry.toml"), "{ran:?}");
    assert!(foreign.requests().is_empty() && own.requests().is_empty());
}

#[test]
fn plain_http_to_another_machine_is_refused() {
    let machine = Machine::new().with("VESTRY_TOKEN", "vst_p_1_2_1871161f");
    insta::assert_snapshot!(machine.run("whoami --url http://vestry.example.org").session(), @r"
    stderr:
      error: `http://vestry.example.org` is not the address of a control plane: plain http to another machine would show the token to the network
      help:  use https://, or log in on the machine itself
    exit 64
    ");
}

#[test]
fn a_control_plane_that_is_not_there_is_unreachable() {
    let machine = Machine::signed_in("http://127.0.0.1:1");
    insta::assert_snapshot!(machine.run("whoami").session(), @r"
    stderr:
      error: http://127.0.0.1:1 can't be reached: Connection refused (os error 111)
      help:  is the control plane running?  vestry serve
             another address:  --url or VESTRY_URL
    exit 69
    ");
}

#[test]
fn what_is_no_control_plane_is_told_apart() {
    let stub = Stub::answering(vec![Answer::text("GET /me", "<html>hello</html>")]);
    let ran = Machine::signed_in(stub.url()).run("whoami");
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.stderr.contains("is not a control plane of Vestry"), "{ran:?}");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Stub::answering(vec![]);
    let answer = Answer::json("GET /me", 307, serde_json::Value::Null).with("location", elsewhere.url());
    let stub = Stub::answering(vec![answer]);
    let ran = Machine::signed_in(stub.url()).run("whoami");
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_projects_file_with_a_secret_is_refused() {
    let machine = Machine::new();
    std::fs::write(machine.project().join(".vestry.toml"), "workspace = \"nlp\"\ntoken = \"abc\"\n").unwrap();
    insta::assert_snapshot!(machine.run("secret list").session(), @r"
    stderr:
      error: /home/project/.vestry.toml holds `token`, which does not belong there; it was not used
      help:  the file is shared with the project: it has url, organization and workspace, and never a token or a value
             if a secret was in it, write a new version of that secret
    exit 78
    ");
}

#[test]
fn nothing_is_asked_without_a_terminal() {
    let machine = Machine::signed_in("http://127.0.0.1:1");
    insta::assert_snapshot!(machine.run("login").session(), @r"
    stderr:
      signing in to http://127.0.0.1:1
      error: there is no terminal to ask: E-mail?
      help:  --email ADDRESS --password-stdin
    exit 64
    ");
    let problem = serde_json::json!({"title": "x", "status": 422, "code": "invalid", "detail": "x", "errors": []});
    let stub = Stub::answering(vec![Answer::json("POST /setup", 422, problem)]);
    let line = format!("setup --url {} --setup-code x --organization O --name N --email e@example.org", stub.url());
    let ran = machine.run(&line);
    assert_eq!(ran.code, Some(64), "{ran:?}");
    assert!(ran.stderr.contains("there is no terminal to ask: New password?"), "{ran:?}");
}

#[test]
fn an_empty_stdin_is_no_password() {
    let ran = Machine::new().run("login --email a@b.example --password-stdin");
    assert_eq!(ran.code, Some(64), "{ran:?}");
    assert!(ran.stderr.contains("there is no password on stdin"), "{ran:?}");
}

#[test]
fn the_version_and_completions_need_nothing() {
    let ran = Machine::new().run("version");
    assert_eq!((ran.stdout.as_str(), ran.code), (concat!("vestry ", env!("CARGO_PKG_VERSION"), "\n"), Some(0)));
    for shell in ["bash", "zsh", "fish"] {
        let ran = Machine::new().run(&format!("completions {shell}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        assert!(ran.stdout.contains("VESTRY_COMPLETE"), "{ran:?}");
    }
}

#[test]
fn the_commands_are_these() {
    insta::assert_snapshot!(Machine::new().run("--help").stdout, @r"
    Secrets for the servers of your workspaces: sealed, injected at start, and always accounted for

    Usage: vestry [OPTIONS] <COMMAND>

    Commands:
      serve         Run the control plane
      setup         Set up a new control plane: its first administrator and organization
      login         Sign in, and keep a token for this person
      logout        Revoke the kept token and forget it
      whoami        Say who is signed in, and where
      use           Choose the workspace of this directory
      organization  The organizations you are in
      member        The people of an organization
      workspace     Workspaces, and who has access to them
      secret        Secrets of a workspace, or of the organization
      server        Servers of a workspace
      restart       Rolling restarts: how far they are, and what to do about those that paused
      token         Tokens: your own, or those with which a workspace's runs are started
      run           Run a command with a workspace's secrets in its environment
      explain       Say where the value of an environment variable comes from
      audit         The audit log: what happened, by whom, when, from where
      doctor        Look for what is wrong here, say what to type, and change nothing
      completions   Print the completions for a shell
      version       Print the version
      help          Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Everywhere:
          --url <URL>  The control plane's address [env: VESTRY_URL=]
          --json       Print JSON instead of tables
      -y, --yes        Don't ask before something is deleted, suspended or imported

    Values are never given on the command line: a hidden prompt, stdin or --from-file takes them.
    ");
}
