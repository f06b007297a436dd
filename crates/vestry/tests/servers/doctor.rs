//! `vestry doctor` beside real installations: what it finds, and that it leaves everything as it was.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::*;

/// What the doctor said of an installation.
struct Diagnosis {
    code: Option<i32>,
    checks: BTreeMap<String, Value>,
    text: String,
}

impl Diagnosis {
    fn read(mut command: Command) -> Self {
        let output = command.output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {text}"));
        let checks = document["checks"].as_array().unwrap().iter();
        let checks = checks.map(|check| (check["name"].as_str().unwrap().to_owned(), check.clone())).collect();
        Self { code: output.status.code(), checks, text }
    }

    fn of(control_plane: &ControlPlane, more: &[&str]) -> Self {
        let mut arguments = vec!["doctor", "--installation", "--json"];
        arguments.extend(more);
        Self::read(control_plane.command(&arguments))
    }

    #[track_caller]
    fn status(&self, name: &str) -> &str {
        self.checks[name]["status"].as_str().unwrap()
    }

    /// Has this status, says this, and of what to type holds this.
    #[track_caller]
    fn says(&self, name: &str, status: &str, found: &str, remedy: &str) {
        let check = &self.checks[name];
        assert_eq!(check["status"], status, "{check:#}");
        assert!(check["found"].as_str().unwrap().contains(found), "{check:#}");
        let lines: Vec<&str> = check["remedy"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(lines.join("\n").contains(remedy), "{check:#}");
    }
}

/// Where a control plane listens, as a flag.
fn listening(control_plane: &ControlPlane) -> String {
    format!("--listen={}", control_plane.url().trim_start_matches("http://"))
}

/// Everything below a folder: mode, time of the last change, content.
fn everything(folder: &Path) -> BTreeMap<PathBuf, (u32, i64, i64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let (path, metadata) = (entry.path(), entry.metadata().unwrap());
            let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (metadata.mode(), metadata.mtime(), metadata.mtime_nsec(), content));
        }
    }
    found
}

/// What depends on the machine that the tests run on, and on nothing else.
const OF_MACHINE: [&str; 4] = ["swap", "clock", "disk_space", "uid_range"];

#[track_caller]
fn finds_nothing_wrong_and_changes_nothing(house: &House, more: &[&str], warned: &[&str]) {
    let (data, key) = (house.control_plane.data(), house.control_plane.root_key());
    let before = (everything(&data), everything(key.parent().unwrap()));
    let diagnosis = Diagnosis::of(&house.control_plane, more);
    let after = (everything(&data), everything(key.parent().unwrap()));
    assert!(before == after, "something changed below {} or beside the key", data.display());
    assert_eq!(diagnosis.code, Some(0), "{}", diagnosis.text);
    for (name, check) in diagnosis.checks.iter().filter(|(name, _)| !OF_MACHINE.contains(&name.as_str())) {
        let expected = if warned.contains(&name.as_str()) { "warning" } else { "ok" };
        assert_eq!(check["status"], expected, "{check:#}");
    }
    diagnosis.says("root_key", "ok", "it opens this database's data keys", "");
    diagnosis.says("core_dumps", "ok", "", "");
}

#[test]
fn a_sound_installation_is_found_sound_running_crashed_and_stopped_and_stays_as_it_is() {
    for database in [Database::Sqlite, Database::Postgres] {
        let mut house = House::with(Options { database, ..Options::default() });
        house.workspace_secret("KEY", "a value that stays here");
        let listen = listening(&house.control_plane);
        finds_nothing_wrong_and_changes_nothing(&house, &[&listen], &[]);
        house.control_plane.kill();
        finds_nothing_wrong_and_changes_nothing(&house, &[], &["control_plane"]);
        house.control_plane.start();
        house.control_plane.stop();
        finds_nothing_wrong_and_changes_nothing(&house, &[], &["control_plane"]);
        // And it still starts.
        house.control_plane.start();
        assert_eq!(house.owner.get(LAB).expect(200).json()["slug"], "lab");
    }
}

#[test]
fn an_ordinary_account_s_installation_is_found_sound_too() {
    let house = House::with(Options { account: Account::Ordinary, ..Options::default() });
    let listen = listening(&house.control_plane);
    finds_nothing_wrong_and_changes_nothing(&house, &[&listen], &[]);
    Diagnosis::of(&house.control_plane, &[]).says("uid_range", "ok", "servers run as this account", "");
}

#[test]
fn the_root_key_is_missing_open_to_others_or_another_one_and_none_is_made() {
    let house = House::new();
    let file = house.control_plane.root_key();
    let look = || {
        let diagnosis = Diagnosis::of(&house.control_plane, &[]);
        assert_eq!(diagnosis.code, Some(78), "{}", diagnosis.text);
        diagnosis
    };
    let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let name = file.display().to_string();
    let digits = fs::read_to_string(&file).unwrap();
    let digits = digits.split_whitespace().last().unwrap();

    chmod(&file, 0o640);
    let diagnosis = look();
    diagnosis.says("root_key", "problem", "its mode is 0640", &format!("chmod 600 {name}"));
    assert!(!diagnosis.text.contains(digits));
    chmod(&file, 0o600);
    chmod(file.parent().unwrap(), 0o755);
    look().says("root_key", "problem", "whose mode is 0755", "install -d -m 700");
    chmod(file.parent().unwrap(), 0o700);

    let aside = file.with_extension("aside");
    fs::rename(&file, &aside).unwrap();
    let diagnosis = look();
    diagnosis.says("root_key", "problem", &format!("there is no root key in {name}"), "YOUR-COPY");
    assert!(diagnosis.checks["root_key"]["why"].as_str().unwrap().contains("runs sealed: it lists and stops servers"));
    assert_eq!(diagnosis.status("database"), "ok");
    assert!(!file.exists(), "a key was made");

    let other = House::new();
    fs::copy(other.control_plane.root_key(), &file).unwrap();
    look().says("root_key", "problem", "does not open this database's data keys", "YOUR-COPY");
}

#[test]
fn a_database_that_is_down_is_said_to_be_without_its_password() {
    let house = House::new();
    let mut command = house.control_plane.command(&["doctor", "--installation", "--json"]);
    command.args(["--database-url", "postgres://vestry:hunter2@127.0.0.1:1/vestry"]);
    let diagnosis = Diagnosis::read(command);
    assert_eq!(diagnosis.code, Some(78), "{}", diagnosis.text);
    diagnosis.says("database", "problem", "it can't be reached or read", "pg_isready -h 127.0.0.1 -p 1");
    diagnosis.says("root_key", "unknown", "not checked: whether the key opens", "");
    assert!(!diagnosis.text.contains("hunter2"), "{}", diagnosis.text);
}

#[test]
fn damage_and_tables_of_another_version_are_found_and_left_alone() {
    let mut house = House::new();
    house.control_plane.stop();
    let tampered = |sql: &str| {
        house.control_plane.tamper(sql);
        Diagnosis::of(&house.control_plane, &[])
    };
    let another = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                   VALUES (99, 'later', 1, x'00', 0)";
    tampered(another).says("database", "problem", "used by a newer Vestry (migration 99)", "install the newer vestry");
    tampered("DELETE FROM _sqlx_migrations WHERE version = 99");
    tampered("UPDATE _sqlx_migrations SET success = 0 WHERE version = 1").says(
        "database",
        "problem",
        "migration 1",
        "",
    );
    let diagnosis = tampered("DELETE FROM _sqlx_migrations");
    diagnosis.says("database", "warning", "1 migration(s) are pending", "restart the control plane");
    assert_eq!(diagnosis.code, Some(0));
    tampered(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
              VALUES (99, 'still nobody migrated', 1, x'00', 0)",
    );

    let file = house.control_plane.data().join("vestry.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    let page = 4096;
    bytes[2 * page..6 * page].fill(0x5a);
    fs::write(&file, bytes).unwrap();
    let diagnosis = Diagnosis::of(&house.control_plane, &[]);
    assert_eq!(diagnosis.code, Some(78), "{}", diagnosis.text);
    diagnosis.says("database", "problem", "it is damaged: ", &format!("YOUR-BACKUP {}", file.display()));
    assert_eq!(diagnosis.checks["database"]["found"].as_str().unwrap().matches("damaged").count(), 1);

    fs::write(&file, [7; 16 * 4096]).unwrap();
    let diagnosis = Diagnosis::of(&house.control_plane, &[]);
    diagnosis.says("database", "problem", "it is damaged: ", &format!("YOUR-BACKUP {}", file.display()));
    assert_eq!(diagnosis.checks["database"]["found"].as_str().unwrap().matches("damaged").count(), 1);
}

/// The first was called sound without what had been written last, the second was well.
#[test]
fn a_log_without_its_index_and_a_file_gone_from_under_the_control_plane_are_not_called_sound() {
    let mut house = House::new();
    house.workspace_secret("KEY", "a value that stays here");
    let file = house.control_plane.data().join("vestry.sqlite");
    let beside = |suffix: &str| file.with_extension(format!("sqlite{suffix}"));
    house.control_plane.kill();
    fs::remove_file(beside("-shm")).unwrap();
    let before = everything(&house.control_plane.data());
    let diagnosis = Diagnosis::of(&house.control_plane, &[]);
    diagnosis.says("database", "unknown", &beside("-wal").display().to_string(), "vestry serve");
    diagnosis.says("root_key", "unknown", "what the database holds is not sure", "");
    assert!(before == everything(&house.control_plane.data()), "something changed");

    house.control_plane.start();
    fs::rename(&file, beside(".aside")).unwrap();
    let diagnosis = Diagnosis::of(&house.control_plane, &[]);
    assert_eq!(diagnosis.code, Some(78), "{}", diagnosis.text);
    diagnosis.says("database", "problem", "it is not there, and the control plane runs", "/fd");
    assert_eq!(diagnosis.status("root_key"), "unknown");
}

#[test]
fn programs_that_are_missing_or_broken_have_their_remedy() {
    let mut house = House::with(Options { own_programs: true, ..Options::default() });
    house.control_plane.stop();
    let programs = house.control_plane.programs.as_ref().unwrap();
    let look = || Diagnosis::of(&house.control_plane, &[]);
    for (name, check, trial) in [("bwrap", "bubblewrap", "sandbox"), ("slirp4netns", "slirp4netns", "servers_network")]
    {
        programs.remove(name);
        let diagnosis = look();
        assert_eq!(diagnosis.code, Some(78), "{}", diagnosis.text);
        diagnosis.says(check, "problem", "is not installed", &format!("apt install {check}"));
        diagnosis.says(trial, "problem", "is not installed", "");
        programs.restore(name);
    }
    let broken = |name, version: &str, complaint: &str| {
        let script = format!("[ \"$1\" = --version ] && exec echo '{version}'; echo '{complaint}' >&2; exit 1");
        programs.replace(name, &script);
    };
    broken("slirp4netns", "slirp4netns version 1.2.0", "no such luck");
    let diagnosis = look();
    diagnosis.says("servers_network", "problem", "no such luck", "");
    assert_eq!((diagnosis.status("sandbox"), diagnosis.status("slirp4netns")), ("ok", "ok"), "{}", diagnosis.text);
    broken("bwrap", "bubblewrap 0.4.1", "unknown option");
    let diagnosis = look();
    diagnosis.says("bubblewrap", "problem", "0.4.1 (/usr/bin/bwrap) is too old", "apt install bubblewrap");
    diagnosis.says("sandbox", "problem", "unknown option", "");
}

#[test]
fn what_the_settings_give_up_or_a_machine_can_not_do_is_a_warning() {
    let mut house = House::new();
    let settings = "[servers]\nsandbox = \"none\"\nmemory = \"1 GiB\"\n";
    fs::write(house.control_plane.settings_file(), settings).unwrap();
    house.crash();
    let diagnosis = Diagnosis::of(&house.control_plane, &[&listening(&house.control_plane)]);
    assert_eq!(diagnosis.code, Some(0), "{}", diagnosis.text);
    diagnosis.says("sandbox", "warning", "sandbox = \"none\"", "sandbox = \"bubblewrap\"");
    // The control plane says the same of its limit, in the same words.
    let log = fs::read_to_string(house.control_plane.log_file()).unwrap();
    match log.lines().find(|line| line.contains("1 GiB, is NOT enforced")) {
        Some(line) => {
            diagnosis.says("memory_limit", "warning", line.trim_start_matches("warning: "), "Delegate=memory")
        }
        None => diagnosis.says("memory_limit", "ok", "1 GiB for each server, enforced", ""),
    }
    for name in ["bubblewrap", "user_namespaces", "slirp4netns", "servers_network"] {
        diagnosis.says(name, "unknown", "not checked: not needed", "");
    }
}

#[test]
fn a_data_directory_that_others_may_write_into_or_own_is_a_problem() {
    let house = House::new();
    let data = house.control_plane.data();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o770)).unwrap();
    let remedy = format!("chmod 700 {}", data.display());
    Diagnosis::of(&house.control_plane, &[]).says("data_directory", "problem", "its mode is 0770", &remedy);
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&data, Some(65_534), None).unwrap();
        let remedy = "sudo -u nobody vestry doctor";
        let diagnosis = Diagnosis::of(&house.control_plane, &[]);
        diagnosis.says("data_directory", "problem", "belongs to nobody", remedy);
        for name in ["database", "root_key"] {
            diagnosis.says(name, "unknown", "not checked: the data directory is another account's", "");
        }
        std::os::unix::fs::chown(&data, Some(0), None).unwrap();
    }
}
