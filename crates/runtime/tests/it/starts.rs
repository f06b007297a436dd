use runtime::{Environment, Reason};

use crate::support::*;

#[tokio::test]
async fn a_server_runs_and_its_exit_code_is_known() {
    let machine = Machine::new();
    let (exit, output) = machine.output(Place::new(), "echo hello; exit 7").await;
    assert_eq!((exit.code, exit.signal, output.as_str()), (Some(7), None, "hello\n"));
}

#[tokio::test]
async fn a_server_that_dies_of_a_signal_says_which() {
    let machine = Machine::new();
    let (exit, _) = machine.output(Place::new(), "kill -9 $$").await;
    assert_eq!((exit.code, exit.signal), (None, Some(9)));
}

#[tokio::test]
async fn the_environment_is_exactly_what_was_given() {
    let machine = Machine::new();
    let place = Place::new();
    let environment = base().secret("API_KEY", value("line one\nline two=\u{e9}")).plain("EMPTY", "");
    let start = machine.start(place.launch(&["env", "-0"], environment)).await;
    machine.runtime.exited(start).await.unwrap();
    let output = String::from_utf8(read_from(&machine.log(place), 0)).unwrap();
    let expected = "HOME=/home/workspace\0PATH=/usr/local/bin:/usr/bin:/bin\0API_KEY=‹API_KEY›\0EMPTY=\0";
    assert_eq!(output, expected);
}

#[tokio::test]
async fn a_value_arrives_byte_for_byte() {
    let machine = Machine::new();
    let place = Place::new();
    let text = "-----BEGIN-----\r\n  \u{feff}tab\there 'quoted' \"$HOME\"\n-----END-----\n";
    let start = machine.start(place.shell_with("printf %s \"$KEY\" > file", base().secret("KEY", value(text)))).await;
    machine.runtime.exited(start).await.unwrap();
    assert_eq!(std::fs::read_to_string(machine.home(place).join("file")).unwrap(), text);
}

#[tokio::test]
async fn the_largest_environment_arrives() {
    let machine = Machine::new();
    let place = Place::new();
    let mut environment = base();
    for number in 0..1000 {
        environment = environment.secret(format!("SECRET_{number}"), value(&format!("{number:0>500}")));
    }
    environment = environment.secret("LARGE", value(&"x".repeat(48 * 1024)));
    let start =
        machine.start(place.shell_with("env | grep -c ^SECRET_; printf %s \"$LARGE\" | wc -c", environment)).await;
    machine.runtime.exited(start).await.unwrap();
    assert_eq!(read_from(&machine.log(place), 0), b"1000\n49152\n");
}

#[tokio::test]
async fn the_home_is_the_workspaces_and_stays() {
    let machine = Machine::new();
    let place = Place::new();
    machine.output(place, "pwd; echo kept > file").await;
    let (_, output) = machine.output(place, "cat file; ls -A /home; id -u").await;
    assert_eq!(output, "kept\nworkspace\n1000\n");
    assert_eq!(machine.output(Place::new(), "ls -A").await.1, "");
}

#[tokio::test]
async fn nothing_is_executed_before_the_gate_opens() {
    let machine = Machine::new();
    let place = Place::new();
    let prepared = machine.prepare(place.shell("echo ran > ran")).await;
    let launch = machine.rebooted().found().await.unwrap()[0];
    assert_eq!(launch.state, runtime::State::Waiting);
    assert!(machine.family(launch.start).iter().any(|process| process.name == "runtime-host"));
    assert!(!machine.home(place).join("ran").exists());
    prepared.open().await.ok().unwrap();
    machine.runtime.exited(launch.start).await.unwrap();
    assert!(machine.home(place).join("ran").exists());
}

#[tokio::test]
async fn a_prepared_start_that_is_dropped_leaves_nothing() {
    adopt_orphans();
    let machine = Machine::new();
    let launch = Place::new().shell("sleep 1000");
    let start = launch.start;
    let prepared = machine.prepare(launch).await;
    let family = machine.family(start);
    // The supervisor, slirp4netns with its own child, bubblewrap and its first process, the shim.
    assert!(family.len() >= 5, "{family:?}");
    drop(prepared);
    gone(&family).await;
    until("the record's end", || machine.runs() == 0).await;
    no_orphans().await;
}

#[tokio::test]
async fn a_cancelled_start_is_gone_when_cancel_returns() {
    let machine = Machine::new();
    let launch = Place::new().shell("sleep 1000");
    let start = launch.start;
    let prepared = machine.prepare(launch).await;
    let family = machine.family(start);
    prepared.cancel().await;
    assert!(processes().iter().all(|process| !family.contains(process)));
    assert_eq!(machine.runs(), 0);
}

#[tokio::test]
async fn a_command_that_is_not_there_is_never_ready_to_start() {
    adopt_orphans();
    let machine = Machine::new();
    let cases: &[(&[&str], &str)] = &[
        (&["no-such-command"], "Command not found: no-such-command"),
        (&["/home/workspace/nothing"], "does not exist"),
        (&["/etc/passwd"], "not executable"),
        (&["/home"], "not executable"),
    ];
    for (command, expected) in cases {
        let launch = Place::new().launch(command, base());
        let start = launch.start;
        let failed = machine.runtime.prepare(launch).await.err().unwrap();
        assert_eq!(failed.reason, Reason::Command, "{failed}");
        assert!(failed.to_string().contains(expected), "{failed}");
        assert_eq!(machine.runs(), 0);
        assert!(machine.runtime.exited(start).await.is_err());
    }
    no_orphans().await;
}

#[tokio::test]
async fn a_file_that_is_no_program_fails_the_start_and_leaves_nothing() {
    adopt_orphans();
    let machine = Machine::new();
    let place = Place::new();
    let write = "printf 'no program' > no-program; printf '#!/nowhere/sh' > script; chmod +x no-program script";
    assert_eq!(machine.output(place, write).await.0.code, Some(0));
    for (command, expected) in [("./no-program", "is not a program"), ("./script", "the interpreter it names")] {
        let launch = place.launch(&[command], base());
        let start = launch.start;
        let prepared = machine.prepare(launch).await;
        let family = machine.family(start);
        let failed = prepared.open().await.err().unwrap();
        assert_eq!(failed.reason, Reason::Command, "{failed}");
        assert!(failed.to_string().contains(expected), "{failed}");
        assert!(processes().iter().all(|process| !family.contains(process)));
        assert!(machine.runtime.exited(start).await.is_err());
    }
    no_orphans().await;
}

#[tokio::test]
async fn what_no_program_can_get_is_refused_by_name() {
    let machine = Machine::new();
    let refused = |environment: Environment| async {
        let failed = machine.runtime.prepare(Place::new().launch(&["true"], environment)).await.err().unwrap();
        assert_eq!(failed.reason, Reason::Launch);
        failed.to_string()
    };
    let message = refused(base().secret("KEY", value("secret\0value"))).await;
    assert!(message.contains("KEY") && !message.contains("secret"), "{message}");
    assert!(refused(base().plain("LONG", &"x".repeat(128 * 1024))).await.contains("LONG"));
    assert_eq!(machine.runs(), 0);
}

#[tokio::test]
async fn a_start_happens_once() {
    let machine = Machine::new();
    let launch = Place::new().shell("sleep 1000");
    let mut again = Place::new().shell("sleep 1000");
    again.start = launch.start;
    let start = machine.start(launch).await;
    assert!(machine.runtime.prepare(again).await.is_err());
    assert_eq!(machine.runtime.found().await.unwrap()[0].state, runtime::State::Running);
    machine.runtime.stop(start).await.unwrap();
}

#[tokio::test]
async fn what_a_server_leaves_in_the_background_ends_with_it() {
    let machine = Machine::new();
    let place = Place::new();
    let start = machine.start(place.shell("sleep 1000 & setsid sleep 1001 & echo up; read line < /dev/zero")).await;
    machine.logged(place, "up").await;
    let sleeping = || machine.family(start).iter().filter(|process| process.name == "sleep").count() == 2;
    until("both in the background", sleeping).await;
    let family = machine.family(start);
    let command = family.iter().find(|process| process.name == "sh").unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(command.pid), nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(machine.runtime.exited(start).await.unwrap().signal, Some(15));
    gone(&family).await;
}

#[tokio::test]
async fn the_check_says_yes_and_leaves_nothing() {
    adopt_orphans();
    let machine = Machine::new();
    machine.runtime.check().await.unwrap();
    for folder in ["run", "homes", "logs"] {
        assert_eq!(std::fs::read_dir(machine.data().join(folder)).unwrap().count(), 0, "{folder}");
    }
    no_orphans().await;
}

#[tokio::test]
async fn servers_start_at_the_same_time_and_each_gets_its_own() {
    let machine = std::sync::Arc::new(Machine::new());
    let servers: Vec<_> = (0..8)
        .map(|number| {
            let machine = machine.clone();
            tokio::spawn(async move {
                let place = Place::new();
                let environment = base().plain("NUMBER", &number.to_string());
                let start = machine.start(place.shell_with("echo $NUMBER", environment)).await;
                machine.runtime.exited(start).await.unwrap();
                (number, read_from(&machine.log(place), 0))
            })
        })
        .collect();
    for server in servers {
        let (number, output) = server.await.unwrap();
        assert_eq!(output, format!("{number}\n").into_bytes());
    }
}
