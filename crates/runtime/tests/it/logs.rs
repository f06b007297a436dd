use std::os::unix::fs::PermissionsExt;

use runtime::{FILES_KEPT, LARGEST_FILE};

use crate::support::*;

#[tokio::test]
async fn values_are_masked_however_they_are_written() {
    let machine = Machine::new();
    let place = Place::new();
    // Byte by byte on both streams, and with a pause inside that lets the supervisor read half of it.
    let script = r#"
        printf '%s\n' "$KEY"
        rest=$KEY; while [ -n "$rest" ]; do printf %s "${rest%"${rest#?}"}" >&2; rest=${rest#?}; done; echo >&2
        printf before-correct-horse-; sleep 0.3; printf 'battery-staple-after\n'
        printf %s "$KEY" | base64
        printf 'correct-horse-but-no-battery\n'"#;
    let start =
        machine.start(place.shell_with(script, base().secret("KEY", value("correct-horse-battery-staple")))).await;
    machine.runtime.exited(start).await.unwrap();
    let log = String::from_utf8(read_from(&machine.log(place), 0)).unwrap();
    let expected = "‹KEY›\n‹KEY›\nbefore-‹KEY›-after\n‹KEY›\ncorrect-horse-but-no-battery\n";
    assert_eq!(log, expected);
}

#[tokio::test]
async fn what_is_no_value_is_not_held_back() {
    let machine = Machine::new();
    let place = Place::new();
    let environment = base().secret("KEY", value("correct-horse-battery-staple"));
    let start = machine.start(place.shell_with("printf 'prompt> '; read line < fifo", environment)).await;
    machine.logged(place, "prompt> ").await;
    machine.runtime.stop(start).await.unwrap();
}

#[tokio::test]
async fn a_restart_goes_on_in_the_same_log() {
    let machine = Machine::new();
    let place = Place::new();
    machine.output(place, "echo first").await;
    let offset = machine.log(place).end().unwrap();
    assert_eq!(machine.output(place, "echo second").await.1, "second\n");
    assert_eq!(machine.log(place).tail(10).unwrap(), (b"first\nsecond\n".to_vec(), 13));
    assert_eq!(machine.log(place).read_from(offset, 100).unwrap().bytes, b"second\n");
}

#[tokio::test]
async fn what_is_prepared_writes_nothing_to_the_log_of_the_process_that_still_runs() {
    let machine = Machine::new();
    let place = Place::new();
    let old =
        machine.start(place.shell("trap 'echo old ends; exit' TERM; echo old; while :; do sleep 0.05; done")).await;
    let new = place.shell("echo new");
    let new_start = new.start;
    let prepared = machine.prepare(new).await;
    machine.logged(place, "old\n").await;
    machine.runtime.stop(old).await.unwrap();
    prepared.open().await.ok().unwrap();
    machine.runtime.exited(new_start).await.unwrap();
    assert_eq!(read_from(&machine.log(place), 0), b"old\nold ends\nnew\n");
}

#[tokio::test]
async fn a_long_log_is_rotated_and_its_offsets_go_on() {
    let machine = Machine::new();
    let place = Place::new();
    let total = 6 * LARGEST_FILE + 12_345;
    machine.output(place, &format!("head -c {} /dev/zero | tr '\\0' x", total - 5)).await;
    machine.output(place, "echo last").await;
    let log = machine.log(place);
    assert_eq!(log.end().unwrap(), total);
    assert_eq!(log.tail(1).unwrap().0.len(), 256 * 1024);
    let chunk = log.read_from(0, 10).unwrap();
    assert_eq!((chunk.gap, chunk.offset), (true, 3 * LARGEST_FILE));
    assert_eq!(read_from(&log, total - 5), b"last\n");
    let files: Vec<_> =
        std::fs::read_dir(machine.data().join("logs").join(place.server.to_string())).unwrap().collect();
    assert_eq!(files.len(), FILES_KEPT);
    for file in files {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_follower_is_woken_by_what_is_written() {
    let machine = Machine::new();
    let place = Place::new();
    let log = machine.log(place);
    let follower = tokio::spawn(async move {
        log.wait_beyond(0).await.unwrap();
        log.read_from(0, 100).unwrap().bytes
    });
    machine.output(place, "echo hello").await;
    assert_eq!(follower.await.unwrap(), b"hello\n");
}

#[tokio::test]
async fn a_server_that_closes_its_output_keeps_running() {
    let machine = Machine::new();
    let place = Place::new();
    let start = machine.start(place.shell("echo up; exec >&- 2>&-; touch closed; sleep 1000")).await;
    until("the closing", || machine.home(place).join("closed").exists()).await;
    assert_eq!(machine.runtime.found().await.unwrap()[0].state, runtime::State::Running);
    machine.runtime.stop(start).await.unwrap();
}
