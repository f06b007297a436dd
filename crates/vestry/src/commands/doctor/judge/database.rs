use std::path::Path;

use control::app::inspection::{Database, Doubt, Schema, Whole};

use super::{super::report::Verdict, shell};

/// Where a database is.
#[derive(Clone, Copy)]
pub(in super::super) enum Place<'a> {
    /// In this file.
    File(&'a Path),
    /// On a database server: its host and port, without whoever signs in there.
    Server(&'a str, u16),
    /// Wherever the settings say.
    Elsewhere,
}

/// Whether the database can be used. `running`: the process of the control plane, if one runs.
pub(in super::super) fn judge(found: &Database, place: Place<'_>, running: Option<u32>) -> Verdict {
    match found {
        Database::Missing => match running {
            None => Verdict::ok("it is not there yet: the first start makes it"),
            Some(pid) => gone("it is not there", pid),
        },
        Database::Damaged(damage) => damaged(damage, place),
        Database::Doubtful(doubt) => doubtful(doubt),
        Database::Failed(why) => {
            let look = match place {
                Place::File(file) => Some(format!("ls -l {}*", shell(file))),
                Place::Server(host, port) => Some(format!("pg_isready -h {host} -p {port}")),
                Place::Elsewhere => None,
            };
            Verdict::problem(format!("it can't be reached or read: {why}"))
                .because("The control plane can't start without it, and one that runs can do nothing.")
                .remedy(look)
                .remedy(["another one:  vestry serve --database-url, or database_url in the settings file"])
        }
        Database::Found { server, schema, write_ahead_log, whole } => {
            let name = match place {
                Place::Server(host, port) => format!("{server} at {host}:{port}"),
                _ => server.clone(),
            };
            match (schema, running) {
                (Schema::None, Some(pid)) => gone(&format!("{name} is empty"), pid),
                _ => usable(&name, *schema, *write_ahead_log, whole),
            }
        }
    }
}

/// A running control plane made it and its tables at its start.
fn gone(what: &str, pid: u32) -> Verdict {
    Verdict::problem(format!("{what}, and the control plane runs (process {pid})"))
        .because(
            "Its file was moved or removed, and what is written from now on is lost when the process ends; or that was \
             started with another database.",
        )
        .remedy([
            format!("ls -l /proc/{pid}/fd      the files that it has open; a removed one can be copied from there"),
            format!("tr '\\0' ' ' < /proc/{pid}/cmdline"),
        ])
}

fn doubtful(doubt: &Doubt) -> Verdict {
    match doubt {
        Doubt::Changed => Verdict::unknown("its files were changed during the look, as by a start or a stop of Vestry")
            .remedy(["look again:  vestry doctor"]),
        Doubt::Unread(log) => Verdict::unknown(format!("changes to it lie in {}, unread", log.display()))
            .because("They can't be read without writing. The next start of the control plane takes them up.")
            .remedy(["vestry serve", "then look again:  vestry doctor"]),
    }
}

fn damaged(damage: &str, place: Place<'_>) -> Verdict {
    let verdict = Verdict::problem(format!("it is damaged: {damage}"))
        .because("What was written may be lost or wrong. Put your backup in its place, and keep the damaged one:");
    let Place::File(file) = place else { return verdict.remedy(["restore the backup of the database"]) };
    let file = shell(file);
    verdict.remedy([
        "systemctl stop vestry      or stop it as you do".to_owned(),
        format!("mkdir {file}.damaged && mv {file} {file}-* {file}.damaged/"),
        format!("install -m 600 YOUR-BACKUP {file}"),
    ])
}

fn usable(name: &str, schema: Schema, write_ahead_log: Option<bool>, whole: &Whole) -> Verdict {
    match schema {
        Schema::None => return Verdict::ok(format!("{name}, empty: the first start makes its tables")),
        Schema::Newer(version) => {
            return Verdict::problem(format!("{name} was last used by a newer Vestry (migration {version})"))
                .because("This one doesn't know its tables, and doesn't start with them.")
                .remedy(["install the newer vestry again; compare:  vestry version"]);
        }
        Schema::Different(version) => {
            return Verdict::problem(format!("{name}: migration {version} stopped halfway or is another one"))
                .because("The control plane doesn't start with tables that it doesn't know.")
                .remedy(["put back the backup from before the update, or the vestry that made these tables"]);
        }
        Schema::Pending(count) => {
            return Verdict::warning(format!("{name}; {count} migration(s) are pending"))
                .because("The next start of the control plane makes them; an older vestry can't use the tables then.")
                .remedy(["make a backup, then restart the control plane"]);
        }
        Schema::Current => {}
    }
    if write_ahead_log == Some(false) {
        return Verdict::warning(format!("{name} is kept without a write-ahead log"))
            .because("Whoever reads waits for whoever writes. The control plane turns it on at its start:")
            .remedy(["restart the control plane"]);
    }
    let log = if write_ahead_log.is_some() { ", with a write-ahead log" } else { "" };
    match whole {
        Whole::Unknown(why) => Verdict::unknown(format!("whether {name} is whole: {why}")),
        Whole::Yes => Verdict::ok(format!("{name}{log}, whole, its tables up to date")),
        Whole::NotAsked => Verdict::ok(format!("{name}, its tables up to date")),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    fn file() -> Place<'static> {
        Place::File(Path::new("/srv/vestry.sqlite"))
    }

    fn verdict(schema: Schema, write_ahead_log: Option<bool>, whole: Whole) -> Verdict {
        let server = "SQLite 3.50.0".to_owned();
        judge(&Database::Found { server, schema, write_ahead_log, whole }, file(), None)
    }

    #[test]
    fn what_is_wrong_with_the_tables_is_told_apart() {
        let schema = |schema| verdict(schema, Some(true), Whole::Yes).status;
        assert_eq!(schema(Schema::Current), Status::Ok);
        assert_eq!(schema(Schema::None), Status::Ok);
        assert_eq!(schema(Schema::Pending(2)), Status::Warning);
        assert_eq!(schema(Schema::Newer(9)), Status::Problem);
        assert_eq!(schema(Schema::Different(1)), Status::Problem);
    }

    #[test]
    fn a_database_is_whole_or_it_is_not_known() {
        let whole = |whole| verdict(Schema::Current, Some(true), whole).status;
        assert_eq!(whole(Whole::Yes), Status::Ok);
        assert_eq!(whole(Whole::Unknown("it took longer than 20 seconds".into())), Status::Unknown);
        assert_eq!(verdict(Schema::Current, None, Whole::NotAsked).status, Status::Ok);
        assert_eq!(verdict(Schema::Current, Some(false), Whole::Yes).status, Status::Warning);
    }

    #[test]
    fn a_database_that_is_down_is_named_by_its_place() {
        let failed = |why: &str, place| judge(&Database::Failed(why.to_owned()), place, None);
        let down = failed("Connection refused", Place::Server("db.test", 5432));
        assert_eq!((down.status, down.remedy[0].as_str()), (Status::Problem, "pg_isready -h db.test -p 5432"));
        assert_eq!(failed("no permission", file()).remedy[0], "ls -l /srv/vestry.sqlite*");
        assert!(failed("no permission", Place::Elsewhere).remedy[0].contains("--database-url"));
    }

    /// Beside a running control plane it was well that its database is not there.
    #[test]
    fn a_database_that_is_not_there_is_well_only_before_the_first_start() {
        assert_eq!(judge(&Database::Missing, file(), None).status, Status::Ok);
        let verdict = judge(&Database::Missing, file(), Some(7));
        assert_eq!(verdict.status, Status::Problem);
        assert!(verdict.remedy[0].starts_with("ls -l /proc/7/fd"), "{verdict:?}");
        let empty = |running| {
            let (server, whole) = ("PostgreSQL 15".to_owned(), Whole::NotAsked);
            judge(&Database::Found { server, schema: Schema::None, write_ahead_log: None, whole }, file(), running)
        };
        assert_eq!((empty(None).status, empty(Some(7)).status), (Status::Ok, Status::Problem));
    }

    #[test]
    fn what_was_read_in_doubt_is_neither_well_nor_damaged() {
        let verdict = |doubt| judge(&Database::Doubtful(doubt), file(), None);
        let changed = verdict(Doubt::Changed);
        assert_eq!((changed.status, changed.remedy.len()), (Status::Unknown, 1));
        let unread = verdict(Doubt::Unread("/srv/vestry.sqlite-wal".into()));
        assert_eq!(unread.status, Status::Unknown);
        assert!(unread.found.contains("/srv/vestry.sqlite-wal"), "{unread:?}");
        assert_eq!(unread.remedy[0], "vestry serve");
    }

    /// Damage was known by the word "malformed", and said twice.
    #[test]
    fn a_damaged_file_is_kept_and_the_backup_put_in_its_place() {
        let damaged = |words: &str, place| judge(&Database::Damaged(words.to_owned()), place, None);
        let verdict = damaged("row 3 missing from index", file());
        assert_eq!(
            (verdict.status, verdict.found.as_str()),
            (Status::Problem, "it is damaged: row 3 missing from index")
        );
        assert!(verdict.remedy[1].starts_with("mkdir /srv/vestry.sqlite.damaged"), "{verdict:?}");
        assert_eq!(verdict.remedy[2], "install -m 600 YOUR-BACKUP /srv/vestry.sqlite");
        assert_eq!(damaged("invalid page", Place::Elsewhere).remedy, ["restore the backup of the database"]);
        // A word is no damage.
        let failed = judge(&Database::Failed("malformed address".to_owned()), file(), None);
        assert!(failed.found.starts_with("it can't be reached or read"), "{failed:?}");
    }
}
