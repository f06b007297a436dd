//! `vestry doctor` for whoever has only the command line; the installation's half is in tests/servers/doctor.rs.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, process::Command};

use serde_json::{Value, json};

use crate::support::{Answer, Installation, Machine, Ran, Stub, installation, password};

/// One check of the client's half.
fn check(ran: &Ran, name: &str) -> Value {
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("no JSON: {ran:?}"));
    let checks = document["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name && check["part"] == "client");
    found.unwrap_or_else(|| panic!("no {name}: {ran:?}")).clone()
}

#[track_caller]
fn says(ran: &Ran, name: &str, status: &str, found: &str, remedy: &str) {
    let check = check(ran, name);
    assert_eq!(check["status"], status, "{check:#}");
    assert!(check["found"].as_str().unwrap().contains(found), "{check:#}");
    assert!(check["remedy"].to_string().contains(remedy), "{check:#}");
}

fn me() -> Answer {
    let body = json!({ "id": "u1", "email": "ada@acme.example", "name": "Ada", "organizations": [] });
    Answer::json("GET /me", 200, body)
}

/// What a control plane of a version says of itself.
fn document(version: &str) -> Answer {
    Answer::json("GET /openapi.json", 200, json!({ "info": { "version": version } }))
}

#[test]
fn who_has_only_a_client_is_told_nothing_of_a_machine_for_servers() {
    let stub = Stub::answering(vec![document("9.8.7").with("date", "Sun, 06 Nov 1994 08:49:37 GMT"), me()]);
    let ran = Machine::signed_in(stub.url()).run("doctor");
    let text = ran.session().replace(stub.url(), "http://CONTROL-PLANE");
    let seconds = text.split_once("it is ").and_then(|(_, text)| text.split_once(" seconds ahead")).unwrap().0;
    let text = text.replace(seconds, "MANY").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(text);
    assert_eq!(stub.requests().len(), 3, "{:#?}", stub.requests());
}

#[test]
fn nobody_who_is_signed_in_nowhere_is_told_where_to_begin() {
    insta::assert_snapshot!(Machine::new().run("doctor").session());
}

#[test]
fn the_json_is_stable() {
    let stub = Stub::answering(vec![document(env!("CARGO_PKG_VERSION")), me()]);
    let ran = Machine::signed_in(stub.url()).run("doctor --json");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    for check in document["checks"].as_array().unwrap() {
        let keys: Vec<&String> = check.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["found", "name", "part", "remedy", "status", "why"]);
    }
    let names = |part: &str, ran: &Ran| {
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        let checks = document["checks"].as_array().unwrap().iter().filter(|check| check["part"] == part);
        checks.map(|check| check["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("client", &ran), "client_settings reachable version clock_difference token");
    assert_eq!(names("installation", &ran), "");
    let ran = Machine::new().run("doctor --installation --json");
    assert_eq!(
        names("installation", &ran),
        "settings data_directory control_plane database root_key encryption user_namespaces bubblewrap slirp4netns \
         sandbox servers_network uid_range memory_limit disk_space swap core_dumps clock"
    );
    assert_eq!(names("client", &ran), "");
    // The same names where the settings are wrong, in what order ever.
    let sorted = |names: String| names.split(' ').map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let wrong = Machine::new().run("doctor --installation --json --listen 0.0.0.0:0");
    assert_eq!(sorted(names("installation", &wrong)), sorted(names("installation", &ran)));
}

#[test]
fn both_halves_are_looked_at_where_both_are() {
    let stub = Stub::answering(vec![document(env!("CARGO_PKG_VERSION")), me()]);
    let machine = Machine::signed_in(stub.url());
    let headings = |machine: &Machine, line: &str| {
        let out = machine.run(line).stdout;
        ["The installation", "The client"].map(|heading| out.lines().any(|line| line == heading))
    };
    assert_eq!(headings(&machine, "doctor"), [false, true]);
    assert_eq!(headings(&machine, "doctor --data-dir data"), [true, true]);
    assert_eq!(headings(&machine, "doctor --data-dir data --client"), [false, true]);
    assert_eq!(headings(&machine, "doctor --installation"), [true, false]);
    assert_eq!(headings(&Machine::new(), "doctor --data-dir data"), [true, false]);
    let operator = Machine::new();
    fs::create_dir_all(operator.project().join("../.local/share/vestry")).unwrap();
    assert_eq!(headings(&operator, "doctor"), [true, false]);
    let ran = operator.run("doctor --installation --client");
    assert_eq!(ran.code, Some(64), "{ran:?}");
}

#[test]
fn an_installation_that_is_not_there_yet_is_looked_at_and_not_made() {
    let machine = Machine::new();
    let before = fs::read_dir(machine.project()).unwrap().count();
    let ran = machine.run("doctor --installation --data-dir data --root-key file:key/root.key");
    assert!(ran.stdout.contains("data is not there yet: the first start makes it"), "{ran:?}");
    assert!(ran.stdout.contains("key/root.key is not there yet: the first start makes it"), "{ran:?}");
    assert_eq!(fs::read_dir(machine.project()).unwrap().count(), before);
}

#[test]
fn a_certificate_is_looked_at_with_its_key_and_its_host() {
    let machine = Machine::new();
    let certificates = concat!(env!("CARGO_MANIFEST_DIR"), "/../control/tests/it/certificates");
    for name in ["one.pem", "one.key", "two.key"] {
        fs::copy(format!("{certificates}/{name}"), machine.project().join(name)).unwrap();
        fs::set_permissions(machine.project().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let line = |key: &str, host: &str| {
        let line = format!("doctor --installation --tls-cert one.pem --tls-key {key} --public-url https://{host}");
        let ran = machine.run(&line).stdout;
        ran.lines().find(|line| line.contains("encryption:")).unwrap().trim().to_owned()
    };
    assert!(line("one.key", "localhost").starts_with("ok       encryption: one.pem fits its key and holds for"));
    assert_eq!(line("one.key", "other.test"), "warning  encryption: one.pem is not for other.test");
    assert!(
        line("two.key", "localhost").starts_with("problem  encryption: certificate and key can't be used together")
    );
    fs::set_permissions(machine.project().join("one.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(line("one.key", "localhost"), "warning  encryption: others may use one.key (its mode is 0644)");
}

#[test]
fn an_address_that_something_else_listens_on_is_a_problem() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let machine = Machine::new();
    let ran = machine.run(&format!("doctor --installation --listen {address}"));
    let found = format!("problem  control plane: it doesn't run, and something else listens on {address}");
    assert!(ran.stdout.contains(&found), "{ran:?}");
    assert_eq!(ran.code, Some(78), "{ran:?}");
    drop(other);
    let ran = machine.run(&format!("doctor --installation --listen {address}"));
    assert!(ran.stdout.contains("warning  control plane: it doesn't run\n"), "{ran:?}");
}

#[test]
fn settings_with_which_no_server_could_start_safely_are_a_problem_of_the_sandbox() {
    let machine = Machine::new();
    fs::write(machine.project().join("v.toml"), "[servers]\nread_only_paths = [\"/proc\"]\n").unwrap();
    let ran = machine.run("doctor --installation --config v.toml");
    assert!(ran.stdout.contains("problem  sandbox: the read-only path /proc can't be shown to servers"), "{ran:?}");
    assert_eq!(ran.code, Some(78), "{ran:?}");
    // Not below /tmp, of which every server has its own.
    let shown = tempfile::tempdir_in("/var/tmp").unwrap();
    let at = |name: &str| shown.path().join(name).display().to_string();
    for name in ["one.pem", "one.key"] {
        let from = concat!(env!("CARGO_MANIFEST_DIR"), "/../control/tests/it/certificates/");
        fs::copy(format!("{from}{name}"), at(name)).unwrap();
    }
    let settings = format!("[servers]\nread_only_paths = [\"{}\"]\n", shown.path().display());
    fs::write(machine.project().join("v.toml"), settings).unwrap();
    let tls = format!("--tls-cert {} --tls-key {} --public-url https://localhost", at("one.pem"), at("one.key"));
    let ran = machine.run(&format!("doctor --installation --config v.toml {tls}"));
    assert!(ran.stdout.contains("one.key would be visible to servers"), "{ran:?}");
}

#[test]
fn a_root_key_in_the_environment_is_used_and_not_shown() {
    let digits = "00112233445566778899aabbccddeeff".repeat(2);
    let root_key = |digits: &str| {
        let ran = Machine::new().with("THE_KEY", digits).run("doctor --installation --root-key env:THE_KEY");
        assert!(digits.is_empty() || !format!("{ran:?}").contains(digits), "{ran:?}");
        ran.stdout.lines().find(|line| line.contains("root key:")).unwrap().trim().to_owned()
    };
    assert_eq!(root_key(&digits), "ok       root key: from the environment; nothing is sealed yet");
    assert!(root_key(&digits[1..]).starts_with("problem  root key: the root key in the environment is refused"));
    assert!(root_key("").starts_with("problem  root key: the variable that --root-key names is empty or not set"));
}

/// In a user namespace of its own, where no further one may be made.
#[test]
fn user_namespaces_that_are_forbidden_are_found_with_the_setting_that_forbids_them() {
    let machine = Machine::new();
    let forbidden = "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "sh", "-c", forbidden, "sh"]);
    command.args([env!("CARGO_BIN_EXE_vestry"), "doctor", "--installation", "--json"]);
    command.current_dir(machine.project()).env_clear().env("HOME", machine.project());
    let output = command.env("PATH", "/usr/bin:/bin").output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |name: &str| document["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
    let namespaces = of("user_namespaces");
    assert_eq!(namespaces["status"], "problem", "{namespaces:#}");
    assert!(namespaces["found"].as_str().unwrap().contains("user.max_user_namespaces is 0"), "{namespaces:#}");
    assert_eq!(namespaces["remedy"][0], "sysctl -w user.max_user_namespaces=15000");
    assert_eq!(
        (of("sandbox")["status"].as_str(), of("servers_network")["status"].as_str()),
        (Some("problem"), Some("unknown"))
    );
}

#[test]
fn settings_that_do_not_fit_are_a_problem_and_show_no_password() {
    let machine = Machine::new().with("VESTRY_DATABASE_URL", "postgres://v:hunter2@127.0.0.1:1/v");
    let ran = machine.run("doctor --installation --listen 0.0.0.0:0");
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(ran.stdout.contains("problem  settings: 0.0.0.0:0 can be reached from other machines"), "{ran:?}");
    assert!(ran.stdout.contains("unknown  root key: not checked: the settings can't be used"), "{ran:?}");
    assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
}

#[test]
fn a_control_plane_that_can_not_be_reached_is_69_and_anything_else_78() {
    let ran = Machine::signed_in("http://127.0.0.1:1").run("doctor --json");
    assert_eq!(ran.code, Some(69), "{ran:?}");
    says(&ran, "reachable", "problem", "http://127.0.0.1:1 can't be reached", "is the control plane running?");
    says(&ran, "token", "unknown", "not checked: the control plane did not answer", "[]");
    let ran = Machine::new().run("doctor --client --json --url http://127.0.0.1:1");
    assert_eq!(ran.code, Some(78), "not signed in there either: {ran:?}");
}

#[test]
fn a_token_is_told_by_what_the_control_plane_says_of_it() {
    let version = || document(env!("CARGO_PKG_VERSION"));
    let refused = |status, code| Answer::problem("GET /me", status, code, "No.");
    let with = |answers: Vec<Answer>, token: Option<&str>| {
        let stub = Stub::answering(answers);
        let machine = match token {
            Some(token) => Machine::new().with("VESTRY_URL", stub.url()).with("VESTRY_TOKEN", token),
            None => Machine::signed_in(stub.url()),
        };
        (machine.run("doctor --json"), stub)
    };
    let (ran, stub) = with(vec![version(), refused(401, "unauthenticated")], None);
    let login = format!("vestry login --url {}", stub.url());
    says(&ran, "token", "problem", "it is not valid: it was revoked or has ended", &login);
    assert_eq!(ran.code, Some(78), "{ran:?}");

    let (ran, _stub) = with(vec![version(), refused(403, "forbidden")], Some("vst_w_0test_0other0token_ef371252"));
    says(&ran, "token", "ok", "a workspace's own, valid", "[]");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!format!("{ran:?}").contains("0other0token"), "{ran:?}");

    let (ran, _stub) =
        with(vec![version(), refused(401, "unauthenticated")], Some("vst_w_0test_0other0token_ef371252"));
    // Somebody with a workspace's token was told to make one of a person's.
    let owner = "the workspace's owner makes another:  vestry token create NAME -w [ORG/]WORKSPACE";
    says(&ran, "token", "problem", "it is not valid", owner);
    let (ran, _stub) =
        with(vec![version(), refused(401, "unauthenticated")], Some("vst_p_0test_0other0token_0e73b4c1"));
    says(&ran, "token", "problem", "it is not valid", "set VESTRY_TOKEN to a new one:  vestry token create NAME\"");
    let (ran, _stub) = with(vec![version(), refused(429, "rate_limited")], None);
    says(&ran, "token", "unknown", "not checked", "[]");
}

/// Only the first page was read.
#[test]
fn a_token_on_the_second_page_of_its_person_s_is_found() {
    let page = |id: &str, name: &str, next: Value| {
        let token = json!({ "id": id, "name": name, "access": "read", "expires_at": null });
        Answer::json("GET /me/tokens", 200, json!({ "items": [token], "next_cursor": next }))
    };
    let pages = [page("0an-other", "laptop", json!("next")), page("0te-st", "reader", json!(null))];
    let mut answers = vec![document(env!("CARGO_PKG_VERSION")), me()];
    answers.extend(pages);
    let stub = Stub::answering(answers);
    let machine =
        Machine::new().with("VESTRY_URL", stub.url()).with("VESTRY_TOKEN", "vst_p_0test_0other0token_0e73b4c1");
    says(&machine.run("doctor --json"), "token", "ok", "`reader` of Ada <ada@acme.example>: it may read only", "[]");
}

#[test]
fn a_file_of_tokens_that_others_can_read_is_a_problem() {
    let machine = Machine::signed_in("http://127.0.0.1:1");
    fs::set_permissions(machine.credentials(), fs::Permissions::from_mode(0o644)).unwrap();
    let ran = machine.run("doctor --json");
    assert_eq!(ran.code, Some(78), "{ran:?}");
    says(&ran, "client_settings", "problem", "can be read by others; it was not used", "chmod 600");
    says(&ran, "token", "unknown", "not checked", "[]");
    let machine = Machine::new().with("VESTRY_TOKEN", "vst_p_0test_0other0token_0e73b4c1");
    says(&machine.run("doctor --json"), "client_settings", "problem", "not where it belongs", "VESTRY_URL");
}

#[test]
fn a_real_control_plane_is_reached_with_a_person_s_token_and_a_workspace_s() {
    let here = installation();
    let mina = here.machine_of(Installation::ADMINISTRATOR);
    let ran = mina.run("doctor --json");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for name in ["client_settings", "reachable", "version", "clock_difference", "token"] {
        assert_eq!(check(&ran, name)["status"], "ok", "{ran:?}");
    }
    says(&ran, "token", "ok", "of Mina <mina@acme.example>: it may do all that they may, and", "[]");

    assert_eq!(mina.run("workspace create 'Looked at'").code, Some(0));
    let token = |line: &str| mina.run(line).stdout.trim().to_owned();
    let given =
        |token: &str| Machine::new().with("VESTRY_URL", &here.url).with("VESTRY_TOKEN", token).run("doctor --json");
    let ran = given(&token("token create reader --expires-in 1d"));
    says(
        &ran,
        "token",
        "warning",
        "`reader` of Mina <mina@acme.example>: it may read only, and ends in",
        "token create",
    );
    let ran = given(&token("token create ci -w acme-lab/looked-at"));
    says(&ran, "token", "ok", "a workspace's own, valid", "[]");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let wrong = format!("{}x", password("nobody").trim().replace(' ', ""));
    assert_eq!(Machine::new().with("VESTRY_URL", &here.url).with("VESTRY_TOKEN", &wrong).run("doctor").code, Some(78));
}
