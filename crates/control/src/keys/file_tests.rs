use std::{
    fs::Permissions,
    os::unix::fs::{PermissionsExt, symlink},
    sync::Barrier,
    thread,
};

use nix::unistd::mkfifo;
use tempfile::TempDir;

use super::*;

/// An operator's directories: `keys/root-key` for the key, `data` for the database.
struct Machine {
    dir: TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(machine.data()).unwrap();
        machine
    }

    fn with_key() -> Self {
        let machine = Self::new();
        create(&machine.key(), &machine.data()).unwrap();
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn key(&self) -> PathBuf {
        self.path("keys/root-key")
    }

    fn data(&self) -> PathBuf {
        self.path("data")
    }

    fn refusal_to_load(&self, path: &Path) -> Refusal {
        refusal(load(path, &self.data()))
    }

    fn refusal_to_create(&self, path: &Path) -> Refusal {
        refusal(create(path, &self.data()))
    }
}

fn refusal(result: Result<Key, KeyError>) -> Refusal {
    match result {
        Err(KeyError::Refused { reason, .. }) => reason,
        Err(other) => panic!("not refused: {other}"),
        Ok(_) => panic!("not refused: there is a key"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_created_key_loads_and_is_for_its_user_alone() {
    let machine = Machine::new();
    let deep = machine.path("a/b/root-key");
    let created = create(&deep, &machine.data()).unwrap();
    assert_eq!(load(&deep, &machine.data()).unwrap().id(), created.id());
    assert_eq!((mode(&deep), mode(&machine.path("a/b")), mode(&machine.path("a"))), (0o600, 0o700, 0o700));
    assert_eq!(fs::read_dir(machine.path("a/b")).unwrap().count(), 1, "something is left beside the key");
}

#[test]
fn an_existing_key_is_never_replaced() {
    let machine = Machine::with_key();
    let before = fs::read(machine.key()).unwrap();
    assert_eq!(machine.refusal_to_create(&machine.key()), Refusal::Exists);
    fs::write(machine.key(), "").unwrap();
    assert_eq!(machine.refusal_to_create(&machine.key()), Refusal::Exists, "not even an empty one");
    fs::write(machine.key(), &before).unwrap();
    assert!(load(&machine.key(), &machine.data()).is_ok());
    assert_eq!(fs::read_dir(machine.path("keys")).unwrap().count(), 1, "something is left beside the key");
}

#[test]
fn of_many_that_create_at_once_one_succeeds() {
    const AT_ONCE: usize = 8;
    let (machine, gate) = (Machine::new(), Barrier::new(AT_ONCE));
    let created: Vec<Key> = thread::scope(|scope| {
        let tries: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    gate.wait();
                    create(&machine.key(), &machine.data())
                })
            })
            .collect();
        tries.into_iter().filter_map(|tried| tried.join().unwrap().ok()).collect()
    });
    assert_eq!(created.len(), 1);
    assert_eq!(load(&machine.key(), &machine.data()).unwrap().id(), created[0].id());
}

#[test]
fn a_key_in_the_data_directory_is_refused_however_it_is_named() {
    let machine = Machine::with_key();
    symlink(machine.data(), machine.path("alias")).unwrap();
    fs::create_dir(machine.path("data/keys")).unwrap();
    chmod(&machine.path("data/keys"), 0o700);
    fs::copy(machine.key(), machine.path("data/keys/root-key")).unwrap();

    for inside in ["data/keys/root-key", "keys/../data/keys/root-key", "alias/keys/root-key", "data"] {
        assert_eq!(machine.refusal_to_load(&machine.path(inside)), Refusal::InsideDataDirectory, "{inside}");
    }
    for inside in ["data/other", "data/not/there/yet", "alias/not/there/yet"] {
        assert_eq!(machine.refusal_to_create(&machine.path(inside)), Refusal::InsideDataDirectory, "{inside}");
    }
    assert!(!machine.path("data/not").exists(), "a refused key made a directory");
}

#[test]
fn the_data_directory_is_known_by_any_name_and_before_it_exists() {
    let machine = Machine::new();
    symlink(machine.data(), machine.path("alias")).unwrap();
    for (key, data) in [("data/key", "alias"), ("later/keys/key", "later"), ("later/key", "data/../later/.")] {
        let refused = refusal(create(&machine.path(key), &machine.path(data)));
        assert_eq!(refused, Refusal::InsideDataDirectory, "{key} in {data}");
    }
    assert!(!machine.path("later").exists());
}

#[test]
fn a_neighbour_whose_name_begins_alike_is_outside() {
    let machine = Machine::new();
    assert!(create(&machine.path("data-keys/root-key"), &machine.data()).is_ok());
}

#[test]
fn a_path_that_cannot_be_judged_makes_nothing() {
    let machine = Machine::new();
    let path = machine.path("missing/../data/root-key");
    assert!(matches!(create(&path, &machine.data()), Err(KeyError::Unavailable { .. })));
    assert!(!machine.path("missing").exists());
}

#[test]
fn a_symbolic_link_in_place_of_the_key_is_refused() {
    let machine = Machine::with_key();
    symlink(machine.key(), machine.path("keys/link")).unwrap();
    symlink("nowhere", machine.path("keys/dangling")).unwrap();
    assert_eq!(machine.refusal_to_load(&machine.path("keys/link")), Refusal::Symlink);
    assert_eq!(machine.refusal_to_load(&machine.path("keys/dangling")), Refusal::Symlink);
    assert_eq!(machine.refusal_to_create(&machine.path("keys/dangling")), Refusal::Exists);
    assert!(!machine.path("keys/nowhere").exists());
}

#[test]
fn a_pipe_or_directory_in_place_of_the_key_is_refused() {
    let machine = Machine::with_key();
    mkfifo(&machine.path("keys/pipe"), Mode::S_IRUSR).unwrap();
    assert_eq!(machine.refusal_to_load(&machine.path("keys/pipe")), Refusal::NoFile);
    fs::create_dir(machine.path("keys/directory")).unwrap();
    assert_eq!(machine.refusal_to_load(&machine.path("keys/directory")), Refusal::NoFile);
}

#[test]
fn a_key_that_others_may_use_is_refused() {
    let machine = Machine::with_key();
    for loose in [0o640, 0o604, 0o620, 0o601, 0o644, 0o666] {
        chmod(&machine.key(), loose);
        assert_eq!(machine.refusal_to_load(&machine.key()), Refusal::FileMode(loose));
    }
    chmod(&machine.key(), 0o400);
    assert!(load(&machine.key(), &machine.data()).is_ok());
}

#[test]
fn a_directory_that_others_may_use_is_refused() {
    let machine = Machine::with_key();
    for loose in [0o750, 0o705, 0o711, 0o755, 0o777] {
        chmod(&machine.path("keys"), loose);
        assert_eq!(machine.refusal_to_load(&machine.key()), Refusal::DirectoryMode(loose));
        assert_eq!(machine.refusal_to_create(&machine.path("keys/new")), Refusal::DirectoryMode(loose));
    }
    assert!(!machine.path("keys/new").exists());
}

#[test]
fn a_key_of_another_user_is_refused() {
    let machine = Machine::with_key();
    let (owner, other) = (geteuid().as_raw(), geteuid().as_raw() + 1);
    for attempt in [read, make] {
        let Err(Problem::Refused(reason)) = attempt(&machine.key(), &machine.data(), other) else {
            panic!("not refused");
        };
        assert_eq!(reason, Refusal::DirectoryOwner(owner));
    }
    let metadata = fs::metadata(machine.key()).unwrap();
    let checked = require_private(&metadata, other, Refusal::FileOwner, Refusal::FileMode);
    assert!(matches!(checked, Err(Problem::Refused(Refusal::FileOwner(user))) if user == owner));
}

#[test]
fn a_key_file_with_anything_else_in_it_is_refused() {
    let machine = Machine::with_key();
    let whole = fs::read_to_string(machine.key()).unwrap();
    let last = whole.trim_end().len() - 1;
    let mistyped = format!("{}{}\n", &whole[..last], if whole.as_bytes()[last] == b'0' { '1' } else { '0' });
    for content in ["", "\n", &whole[1..], &whole[..100], &format!("{whole}\n"), &whole.repeat(2), &mistyped] {
        fs::write(machine.key(), content).unwrap();
        assert_eq!(machine.refusal_to_load(&machine.key()), Refusal::Damaged);
    }
}

#[test]
fn a_missing_key_or_directory_is_missing_and_stays_so() {
    let machine = Machine::new();
    for _ in 0..2 {
        assert!(matches!(load(&machine.key(), &machine.data()), Err(KeyError::Missing { .. })));
    }
    assert!(!machine.path("keys").exists());
}

#[test]
fn errors_say_where_why_and_what_to_do() {
    let machine = Machine::with_key();
    chmod(&machine.key(), 0o644);
    let message = load(&machine.key(), &machine.data()).err().unwrap().to_string();
    let expected = format!(
        "the root key in {} was refused: others may use the file (its mode is 0644); it was neither used nor changed; \
         if nobody else can have read it, chmod 600 the file; then start again",
        machine.key().display()
    );
    assert_eq!(message, expected);
}
