//! The main job from the command line, against a real control plane.

use std::fs;

use crate::support::{Installation, Machine, installation, password};

/// Values of these tests; none of them may ever be printed.
const ORGANIZATION_VALUE: &str = "canary-organization-5f1d";
const WORKSPACE_VALUE: &str = "canary-workspace-9b3e";

/// Stops a server when the test ends, however it ends.
struct Stopped<'a>(&'a Machine, &'static str);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.run(self.1);
    }
}

#[test]
fn an_administrator_and_an_owner_bring_two_secrets_into_a_server() {
    let installation = installation();
    installation.operate("organization create 'Story Lab'", "");
    installation.add_member("story-lab", "ada@story.example", "Ada", "administrator");
    installation.add_member("story-lab", "jo@story.example", "Jo", "member");
    let ada = installation.machine_of("ada@story.example");
    let jo = installation.machine_of("jo@story.example");
    let mut story = String::new();
    let mut tell = |who: &str, machine: &Machine, line: &str, stdin: &str| {
        let ran = machine.run_with(line, stdin);
        for value in [ORGANIZATION_VALUE, WORKSPACE_VALUE] {
            assert!(!format!("{ran:?}").contains(value), "{line}: {ran:?}");
        }
        story.push_str(&format!("{who}$ vestry {line}\n{}\n", installation.session(&ran)));
    };
    tell("ada", &ada, "secret set STORY_KEY --org --all --description 'for the story'", ORGANIZATION_VALUE);
    tell("jo", &jo, "workspace create 'NLP sandbox' --slug story", "");
    tell("jo", &jo, "use story-lab/story", "");
    tell("jo", &jo, "secret set STORY_TOKEN", &format!("{WORKSPACE_VALUE}\n"));
    tell("jo", &jo, "secret list", "");
    let program = "sha=$(printf %s \"$STORY_KEY$STORY_TOKEN\" | wc -c); echo \"got $sha bytes\"; exec sleep 3600";
    tell("jo", &jo, &format!("server add prover -e MODE=test -- sh -c '{program}'"), "");
    let _stopped = Stopped(&jo, "server stop prover");
    tell("jo", &jo, "server stop prover", "");
    tell("jo", &jo, "server start prover", "");
    tell("jo", &jo, "server start prover", "");
    tell("jo", &jo, "server show prover", "");
    tell("jo", &jo, "secret set STORY_KEY", WORKSPACE_VALUE);
    tell("ada", &ada, "secret set STORY_NEW --org --workspaces story", ORGANIZATION_VALUE);
    tell("jo", &jo, "server show prover", "");
    tell("jo", &jo, "server list", "");
    tell("jo", &jo, "explain STORY_KEY", "");
    tell("jo", &jo, "explain MODE", "");
    tell("jo", &jo, "explain HOME", "");
    tell("jo", &jo, "explain NOTHING", "");
    tell("jo", &jo, "server restart --stale", "");
    tell("jo", &jo, "server restart --stale", "");
    tell("jo", &jo, "server starts prover", "");
    tell("jo", &jo, "secret delete STORY_TOKEN --yes", "");
    tell("ada", &ada, "secret delete STORY_NEW --org --yes", "");
    tell("jo", &jo, "workspace delete story --yes", "");
    tell("jo", &jo, "server stop prover", "");
    tell("jo", &jo, "server delete prover --yes", "");
    tell("jo", &jo, "workspace delete story --yes", "");
    insta::assert_snapshot!(story);
}

#[test]
fn the_log_of_a_server_is_printed_with_its_values_masked() {
    let installation = installation();
    let mina = installation.machine_of(Installation::ADMINISTRATOR);
    mina.run("workspace create logs");
    mina.run_with("secret set LOGGED -w logs", WORKSPACE_VALUE);
    mina.run("server add talker -w logs -- sh -c 'echo the value is $LOGGED; echo the end; exec sleep 3600'");
    let _stopped = Stopped(&mina, "server stop talker -w logs");
    let ran = mina.run("server start talker -w logs");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let begun = std::time::Instant::now();
    let log = loop {
        let ran = mina.run("server logs talker -w logs");
        if ran.stdout.contains("the end") {
            break ran.stdout;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{ran:?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    assert!(log.contains("the value is "), "{log}");
    assert!(!log.contains(WORKSPACE_VALUE), "{log}");
}

#[test]
fn a_start_that_fails_shows_why() {
    let installation = installation();
    let mina = installation.machine_of(Installation::ADMINISTRATOR);
    mina.run("workspace create failing");
    mina.run("server add nothing -w failing -- /no/such/program");
    insta::assert_snapshot!(installation.session(&mina.run("server start nothing -w failing")));
}

#[test]
fn every_list_and_show_has_its_json() {
    let installation = installation();
    let mina = installation.machine_of(Installation::ADMINISTRATOR);
    mina.run("workspace create shapes");
    mina.run("use acme-lab/shapes");
    mina.run_with("secret set SHAPE", WORKSPACE_VALUE);
    mina.run_with("secret set SHAPE_ORG --org --workspaces shapes", ORGANIZATION_VALUE);
    mina.run_with("secret set GONE", WORKSPACE_VALUE);
    mina.run("server add shape -- true");
    mina.run("server start shape");
    mina.run("run -- true");
    mina.run("secret delete GONE --yes");
    let mut shapes = String::new();
    for line in [
        "whoami",
        "organization list",
        "organization show",
        "member list",
        "workspace list",
        "workspace show",
        "workspace activity",
        "secret list",
        "secret list --org",
        "secret show SHAPE",
        "secret show SHAPE_ORG --org",
        "secret list --deleted",
        "secret history SHAPE",
        "secret holders SHAPE",
        "secret holders SHAPE --past",
        "server list",
        "server show shape",
        "server starts shape",
        "token list",
        "explain SHAPE",
        "audit list --limit 1",
        "audit verify",
        "version",
    ] {
        let ran = mina.run(line);
        assert_eq!((ran.code, ran.stderr.as_str(), ran.stdout.is_empty()), (Some(0), "", false), "{line}");
        let ran = mina.run(&format!("{line} --json"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{line}");
        let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let one = value.as_array().and_then(|items| items.first()).unwrap_or(&value);
        let mut keys: Vec<&str> = one.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        let list = if value.is_array() { "list of " } else { "" };
        shapes.push_str(&format!("{line}: {list}{}\n", keys.join(" ")));
    }
    insta::assert_snapshot!(shapes);
}

#[test]
fn people_share_give_and_take_away() {
    let installation = installation();
    installation.operate("organization create 'Sharing Lab'", "");
    installation.add_member("sharing-lab", "ann@sharing.example", "Ann", "administrator");
    installation.add_member("sharing-lab", "bob@sharing.example", "Bob", "member");
    let ann = installation.machine_of("ann@sharing.example");
    let bob = installation.machine_of("bob@sharing.example");
    let mut story = String::new();
    let mut tell = |who: &str, machine: &Machine, line: &str| {
        let ran = machine.run(line);
        story.push_str(&format!("{who}$ vestry {line}\n{}\n", installation.session(&ran)));
    };
    tell("ann", &ann, "organization list");
    tell("ann", &ann, "organization show");
    tell("ann", &ann, "organization edit");
    tell("ann", &ann, "organization edit --workspace-creation administrators");
    tell("bob", &bob, "workspace create mine");
    tell("bob", &bob, "organization edit --workspace-creation members");
    tell("ann", &ann, "organization edit --workspace-creation members --name 'Sharing'");
    tell("ann", &ann, "member list");
    tell("ann", &ann, "workspace create Shared --description 'for two'");
    tell("bob", &bob, "workspace list");
    tell("ann", &ann, "workspace share shared bob@sharing.exmple");
    tell("ann", &ann, "workspace share shared stranger@elsewhere.example");
    tell("ann", &ann, "workspace share shared BOB@sharing.example");
    tell("bob", &bob, "workspace list");
    tell("bob", &bob, "workspace rename shared Mine");
    tell("ann", &ann, "workspace give shared bob@sharing.example");
    tell("bob", &bob, "workspace rename shared 'Our workspace' --slug ours");
    tell("bob", &bob, "workspace show ours");
    tell("bob", &bob, "workspace unshare ours ann@sharing.example");
    tell("bob", &bob, "workspace unshare ours ann@sharing.example");
    tell("bob", &bob, "workspace rename ours 'Our workspace'");
    tell("ann", &ann, "member role bob@sharing.example administrator");
    tell("bob", &bob, "member role ann@sharing.example member");
    tell("bob", &bob, "member role bob@sharing.example member");
    tell("bob", &bob, "workspace delete ours");
    tell("bob", &bob, "workspace delete ours --yes");
    tell("bob", &bob, "audit list --action member.role_changed");
    tell("bob", &bob, "audit verify");
    insta::assert_snapshot!(story);
}

#[test]
fn an_organization_secret_is_edited_renamed_and_deleted() {
    let installation = installation();
    installation.operate("organization create 'Editing Lab'", "");
    installation.add_member("editing-lab", "eva@editing.example", "Eva", "administrator");
    let eva = installation.machine_of("eva@editing.example");
    eva.run("workspace create one");
    eva.run("workspace create two");
    let mut story = String::new();
    let mut tell = |line: &str, stdin: &str| {
        let ran = eva.run_with(line, stdin);
        assert!(!format!("{ran:?}").contains(ORGANIZATION_VALUE), "{line}: {ran:?}");
        story.push_str(&format!("$ vestry {line}\n{}\n", installation.session(&ran)));
    };
    tell("secret list --org", "");
    tell("secret set EDITED --org --workspaces one", ORGANIZATION_VALUE);
    tell("secret set EDITED --org --create-only", ORGANIZATION_VALUE);
    tell("secret set edited --org --workspaces one", "short\n");
    tell("secret edit EDITED --org --add-workspace two --description 'for both'", "");
    tell("secret edit EDITED --org --remove-workspace one", "");
    tell("secret edit EDITED --org --remove-workspace thre", "");
    tell("secret edit EDITED --org --all", "");
    tell("secret edit EDITED --org --add-workspace one", "");
    tell("secret edit EDITED --org --workspaces ''", "");
    tell("secret edit EDITED --org --workspaces '' --yes", "");
    tell("secret edit EDITED --org", "");
    tell("secret edit EDITED -w one --description x", "");
    tell("secret rename EDITED RENAMED --org", "");
    tell("secret rename RENAMED PATH --org", "");
    tell("secret set RENAMED --org --if-match stale", ORGANIZATION_VALUE);
    tell("secret set RENAMED --org", "");
    tell("secret set RENAMED --org --allow-empty", "");
    tell("secret show RENAME --org", "");
    tell("secret list --org", "");
    tell("secret delete RENAMED --org", "");
    tell("secret delete RENAMED --org --yes", "");
    insta::assert_snapshot!(story);
}

#[test]
fn a_secret_is_followed_from_its_first_value_to_its_end() {
    let installation = installation();
    installation.operate("organization create 'Life Lab'", "");
    installation.add_member("life-lab", "lea@life.example", "Lea", "administrator");
    installation.add_member("life-lab", "tom@life.example", "Tom", "member");
    installation.add_member("life-lab", "kim@life.example", "Kim", "member");
    let lea = installation.machine_of("lea@life.example");
    let tom = installation.machine_of("tom@life.example");
    let kim = installation.machine_of("kim@life.example");
    tom.run("workspace create lab");
    tom.run("workspace share lab kim@life.example");
    tom.run("use life-lab/lab");
    tom.run("server add keeper -- sleep 3600");
    let _stopped = Stopped(&tom, "server stop keeper");
    let mut story = String::new();
    let mut tell = |who: &str, machine: &Machine, line: &str, stdin: &str| {
        let ran = machine.run_with(line, stdin);
        assert!(!format!("{ran:?}").contains("canary"), "{line}: {ran:?}");
        story.push_str(&format!("{who}$ vestry {line}\n{}\n", installation.session(&ran)));
    };
    tell("tom", &tom, "secret set LIFE_KEY", WORKSPACE_VALUE);
    tell("tom", &tom, "secret set LIFE_KEY", ORGANIZATION_VALUE);
    tell("tom", &tom, "secret restore LIFE_KEY --version 2", "");
    tell("tom", &tom, "server start keeper", "");
    tell("tom", &tom, "secret set LIFE_KEY --dry-run", "");
    tell("tom", &tom, "secret rename LIFE_KEY OTHER --dry-run", "");
    tell("tom", &tom, "secret delete LIFE_KEY --dry-run", "");
    tell("lea", &lea, "secret delete LIFE_KEY -w life-lab/lab --dry-run", "");
    tell("lea", &lea, "secret set TEAM_KEY --org life-lab --workspaces lab --dry-run", "");
    tell("lea", &lea, "secret set TEAM_KEY --org life-lab --workspaces lap --dry-run", "");
    tell("tom", &tom, "secret restore LIFE_KEY --version 1", "");
    tell("tom", &tom, "secret history LIFE_KEY", "");
    tell("tom", &tom, "secret holders LIFE_KEY", "");
    tell("kim", &kim, "secret suspend LIFE_KEY -w life-lab/lab --yes", "");
    tell("lea", &lea, "secret suspend LIFE_KEY -w life-lab/lab --reason 'seen in a log' --yes", "");
    tell("tom", &tom, "secret show LIFE_KEY", "");
    tell("tom", &tom, "server restart --stale", "");
    tell("tom", &tom, "server show keeper", "");
    tell("tom", &tom, "server edit keeper -e MODE=slow", "");
    tell("tom", &tom, "server list", "");
    tell("tom", &tom, "server show keeper", "");
    tell("tom", &tom, "workspace activity --limit 2", "");
    tell("lea", &lea, "secret report --org life-lab --unchanged 0", "");
    tell("lea", &lea, "secret report --org life-lab --unused", "");
    tell("tom", &tom, "secret report --org life-lab", "");
    tell("lea", &lea, "secret suspend LIFE_KEY -w life-lab/lab --lift", "");
    tell("lea", &lea, "secret suspend LIFE_KEY -w life-lab/lab --lift", "");
    tell("tom", &tom, "server restart --stale", "");
    tell("lea", &lea, "secret suspend LIFE_KEY -w life-lab/lab --version 3 --stop --yes", "");
    tell("tom", &tom, "secret suspend LIFE_KEY --lift --version 3", "");
    tell("tom", &tom, "secret holders LIFE_KEY --past", "");
    tell("tom", &tom, "secret destroy LIFE_KEY --version 3 --yes", "");
    tell("tom", &tom, "secret destroy LIFE_KEY --version 2 --yes", "");
    tell("tom", &tom, "secret restore LIFE_KEY --version 2", "");
    tell("lea", &lea, "secret destroy LIFE_KEY -w life-lab/lab --version 1 --yes", "");
    tell("tom", &tom, "secret restore LIFE_KEY", "");
    tell("tom", &tom, "secret delete LIFE_KEY --yes", "");
    tell("tom", &tom, "secret list --deleted", "");
    tell("tom", &tom, "secret show LIFE_KEY", "");
    tell("tom", &tom, "secret holders LIFE_KEY", "");
    tell("tom", &tom, "secret set LIFE_KEY", WORKSPACE_VALUE);
    tell("tom", &tom, "secret holders LIFE_KEY", "");
    tell("tom", &tom, "secret holders LIFE_KEY --deleted", "");
    tell("tom", &tom, "secret restore LIFE_KEY", "");
    tell("tom", &tom, "secret rename LIFE_KEY NEW_KEY", "");
    tell("tom", &tom, "secret restore LIFE_KEY", "");
    tell("tom", &tom, "secret history LIFE_KEY", "");
    tell("tom", &tom, "secret delete LIFE_KEY --yes", "");
    tell("tom", &tom, "secret destroy LIFE_KEY", "");
    tell("tom", &tom, "secret destroy LIFE_KEY --yes", "");
    tell("tom", &tom, "secret restore LIFE_KEY", "");
    tell("tom", &tom, "secret list --deleted", "");
    insta::assert_snapshot!(story);
}

#[test]
fn a_wrong_password_and_a_stranger_get_one_answer() {
    let installation = installation();
    let machine = Machine::new();
    let login = |email: &str| {
        let line = format!("login --url {} --email {email} --password-stdin", installation.url);
        installation.session(&machine.run_with(&line, "not the password\n"))
    };
    let wrong = login(Installation::ADMINISTRATOR);
    assert_eq!(wrong, login("nobody@acme.example"));
    insta::assert_snapshot!(wrong);
    assert!(!machine.credentials().exists());
}

#[test]
fn a_second_set_up_is_refused() {
    let installation = installation();
    let line = format!(
        "setup --url {} --setup-code x --email a@b.example --name A --organization O --password-stdin",
        installation.url
    );
    insta::assert_snapshot!(installation.session(&Machine::new().run_with(&line, &password("a@b.example"))));
}

#[test]
fn a_reading_token_reads_and_does_not_write() {
    let installation = installation();
    let mina = installation.machine_of(Installation::ADMINISTRATOR);
    mina.run("workspace create reading");
    let token = mina.run("token create reader --expires-in 1d").stdout;
    let machine = Machine::new().with("VESTRY_TOKEN", token.trim()).with("VESTRY_URL", &installation.url);
    assert_eq!(machine.run("secret list -w reading").code, Some(0));
    insta::assert_snapshot!(installation.session(&machine.run_with("secret set A -w reading", WORKSPACE_VALUE)));
}

#[test]
fn signing_out_revokes_the_token() {
    let installation = installation();
    let mina = installation.machine_of(Installation::ADMINISTRATOR);
    let kept = fs::read_to_string(mina.credentials()).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let token = kept["control_planes"][0]["token"].as_str().unwrap().to_owned();
    assert_eq!(mina.run("logout").code, Some(0));
    let thief = Machine::new().with("VESTRY_TOKEN", &token).with("VESTRY_URL", &installation.url);
    insta::assert_snapshot!(installation.session(&thief.run("whoami")));
}

#[test]
fn what_a_person_may_not_know_is_not_found() {
    let installation = installation();
    installation.add_member("acme-lab", "outsider@acme.example", "Olga", "member");
    let mina = installation.machine_of(Installation::ADMINISTRATOR);
    mina.run("workspace create private");
    let olga = installation.machine_of("outsider@acme.example");
    insta::assert_snapshot!(installation.session(&olga.run("secret list -w private")));
    insta::assert_snapshot!(installation.session(&olga.run("secret list --org")));
    insta::assert_snapshot!(installation.session(&olga.run("audit list")));
}

#[test]
fn the_operator_is_asked_for_nothing_that_is_not_used() {
    let installation = installation();
    installation.operate("organization create 'Adding Lab'", "");
    installation.operate("organization create 'Second Lab'", "");
    let mut story = String::new();
    let mut tell = |line: &str, stdin: &str| {
        let ran = installation.as_operator(line, stdin);
        story.push_str(&format!("$ vestry {line}\n{}\n", installation.session(&ran)));
    };
    tell("member add kim@adding.example --organization adding-lap", "");
    tell("member add kim@adding.example --organization adding-lab --password-stdin", "a long password\n");
    tell("member add kim@adding.example --organization adding-lab --name Kim --password-stdin", "short\n");
    tell("member add kim@adding.example --organization adding-lab --name Kim --password-stdin", "a long password\n");
    tell("member add KIM@adding.example --organization adding-lab --role administrator", "");
    tell("member add kim@adding.example --organization second-lab", "");
    insta::assert_snapshot!(story);
}

#[test]
fn the_operator_reads_the_installations_own_audit_log() {
    let installation = installation();
    installation.add_member("acme-lab", "log@acme.example", "Lola", "member");
    let lola = installation.machine_of("log@acme.example");
    lola.run("token create watched");
    let log = installation.operate("audit list --installation --limit 1000", "").stdout;
    for told in ["installation.set_up", "session.created", "token.created", "token watched", "person Lola"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    let only = installation.operate("audit list --installation --action installation.set_up --from 1d --json", "");
    let events: serde_json::Value = serde_json::from_str(&only.stdout).unwrap();
    assert_eq!((events.as_array().unwrap().len(), &events[0]["sequence"]), (1, &1.into()));
    let told = installation.operate("audit verify --installation", "").stdout;
    assert!(told.starts_with("installation: ") && told.contains(" events, intact, head "), "{told}");
    assert_eq!(installation.as_operator("audit list --installation --action nothing", "").code, Some(64));
}

#[test]
fn an_operators_command_never_makes_an_installation() {
    let machine = Machine::new();
    let nowhere = machine.project().join("nowhere");
    for line in [
        "organization create Lost",
        "member add a@b.example --organization lost --name A",
        "audit list --installation",
        "audit verify --installation",
    ] {
        let ran = machine.run(&format!("{line} --data-dir {}", nowhere.display()));
        assert_eq!(ran.code, Some(78), "{line}: {ran:?}");
        assert!(ran.stderr.contains("there is no installation in"), "{line}: {ran:?}");
    }
    assert!(!nowhere.exists());
    // Nor where a database was only begun.
    fs::create_dir(&nowhere).unwrap();
    fs::set_permissions(&nowhere, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    fs::write(nowhere.join("vestry.sqlite"), "").unwrap();
    let key = nowhere.with_file_name("key");
    let ran = machine.run(&format!(
        "organization create Lost --data-dir {} --root-key file:{}",
        nowhere.display(),
        key.display()
    ));
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(ran.stderr.contains("there is no installation in"), "{ran:?}");
    assert!(!key.exists() && !nowhere.join("setup-code").exists());
}
