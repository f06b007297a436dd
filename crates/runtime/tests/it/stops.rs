use runtime::Lost;

use crate::support::*;

#[tokio::test]
async fn a_stopped_server_gets_the_time_to_tidy_up() {
    let machine = Machine::new();
    let place = Place::new();
    let start =
        machine.start(place.shell("trap 'echo tidy; exit 3' TERM; echo up; while :; do sleep 0.05; done")).await;
    machine.logged(place, "up").await;
    let family = machine.family(start);
    let exit = machine.runtime.stop(start).await.unwrap();
    assert_eq!((exit.code, exit.signal), (Some(3), None));
    assert_eq!(read_from(&machine.log(place), 0), b"up\ntidy\n");
    gone(&family).await;
}

#[tokio::test]
async fn a_stubborn_tree_is_killed() {
    adopt_orphans();
    let machine = Machine::new();
    let place = Place::new();
    let script = "trap '' TERM HUP; (setsid sh -c \"trap '' TERM; sleep 1000\" &); echo up; while :; do sleep 1; done";
    let start = machine.start(place.shell(script)).await;
    machine.logged(place, "up").await;
    let family = machine.family(start);
    let exit = machine.runtime.stop(start).await.unwrap();
    assert_eq!((exit.code, exit.signal), (None, Some(9)));
    gone(&family).await;
    no_orphans().await;
}

#[tokio::test]
async fn stopping_again_gives_the_same_answer() {
    let machine = Machine::new();
    let start = machine.start(Place::new().shell("sleep 1000")).await;
    let (one, two) = tokio::join!(machine.runtime.stop(start), machine.runtime.stop(start));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one, one.signal), (two, Some(15)));
    assert_eq!(machine.runtime.stop(start).await.unwrap(), one);
    assert_eq!(machine.rebooted().exited(start).await.unwrap(), one);
}

#[tokio::test]
async fn a_control_plane_that_did_not_start_it_can_stop_it() {
    let machine = Machine::new();
    let start = machine.start(Place::new().shell("sleep 1000")).await;
    let (waiting, stopped) = (machine.runtime.exited(start), async { machine.rebooted().stop(start).await.unwrap() });
    let (waiting, stopped) = tokio::join!(waiting, stopped);
    assert_eq!(waiting.unwrap(), stopped);
}

#[tokio::test]
async fn what_is_not_known_is_said_to_be_unknown() {
    let machine = Machine::new();
    let start = Place::new().shell("true").start;
    assert!(matches!(machine.runtime.stop(start).await, Err(Lost::Unknown(_))));
    assert!(matches!(machine.runtime.exited(start).await, Err(Lost::Unknown(_))));
    machine.runtime.forget(start).await.unwrap();
}

#[tokio::test]
async fn an_end_is_remembered_until_it_is_forgotten() {
    let machine = Machine::new();
    let place = Place::new();
    let start = machine.start(place.shell("exit 5")).await;
    let exit = machine.runtime.exited(start).await.unwrap();
    let found = machine.rebooted().found().await.unwrap();
    assert_eq!((found.len(), found[0].start, found[0].server), (1, start, place.server));
    assert_eq!((found[0].workspace, found[0].state), (place.workspace, runtime::State::Exited(exit)));
    machine.runtime.forget(start).await.unwrap();
    assert!(machine.rebooted().found().await.unwrap().is_empty());
    assert!(matches!(machine.runtime.exited(start).await, Err(Lost::Unknown(_))));
}

#[tokio::test]
async fn a_running_server_can_not_be_forgotten() {
    let machine = Machine::new();
    let start = machine.start(Place::new().shell("sleep 1000")).await;
    machine.runtime.forget(start).await.unwrap();
    assert_eq!(machine.runtime.stop(start).await.unwrap().signal, Some(15));
}

#[tokio::test]
async fn logs_and_homes_go_when_they_are_removed() {
    let machine = Machine::new();
    let place = Place::new();
    machine.output(place, "mkdir -p a/b; echo x > a/b/c; chmod 0 a/b; echo y").await;
    machine.runtime.remove(place.server).unwrap();
    machine.runtime.remove_home(place.workspace).unwrap();
    assert!(!machine.home(place).exists());
    assert_eq!(machine.log(place).end().unwrap(), 0);
    machine.runtime.remove(place.server).unwrap();
}
