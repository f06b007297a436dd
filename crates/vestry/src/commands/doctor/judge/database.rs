use std::path::Path;

use control::app::inspection::{Database, Schema, Whole};

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

/// Whether the database can be used.
pub(in super::super) fn judge(found: &Database, place: Place<'_>) -> Verdict {
    match found {
        Database::Missing => Verdict::ok("it is not there yet: the first start makes it"),
        Database::Failed(why) if DAMAGED.iter().any(|words| why.contains(words)) => damaged("it", why, place),
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
            match whole {
                Whole::No(damage) => damaged(&name, damage, place),
                whole => usable(&name, *schema, *write_ahead_log, whole),
            }
        }
    }
}

/// What SQLite says of a file that is not what it should be.
const DAMAGED: &[&str] = &["malformed", "file is not a database"];

fn damaged(name: &str, damage: &str, place: Place<'_>) -> Verdict {
    let verdict = Verdict::problem(format!("{name} is damaged: {damage}"))
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
        Whole::NotAsked | Whole::No(_) => Verdict::ok(format!("{name}, its tables up to date")),
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
        judge(&Database::Found { server, schema, write_ahead_log, whole }, file())
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
    fn damage_goes_before_everything() {
        let whole = |whole| verdict(Schema::Current, Some(true), whole).status;
        assert_eq!(whole(Whole::No("row 3 missing from index".into())), Status::Problem);
        assert_eq!(verdict(Schema::Pending(1), None, Whole::No("x".into())).status, Status::Problem);
        assert_eq!(whole(Whole::Unknown("it took longer than 20 seconds".into())), Status::Unknown);
        assert_eq!(verdict(Schema::Current, None, Whole::NotAsked).status, Status::Ok);
        assert_eq!(verdict(Schema::Current, Some(false), Whole::Yes).status, Status::Warning);
    }

    #[test]
    fn a_database_that_is_down_is_named_by_its_place() {
        let failed = |why: &str, place| judge(&Database::Failed(why.to_owned()), place);
        let down = failed("Connection refused", Place::Server("db.test", 5432));
        assert_eq!((down.status, down.remedy[0].as_str()), (Status::Problem, "pg_isready -h db.test -p 5432"));
        assert_eq!(failed("no permission", file()).remedy[0], "ls -l /srv/vestry.sqlite*");
        assert!(failed("no permission", Place::Elsewhere).remedy[0].contains("--database-url"));
        assert_eq!(judge(&Database::Missing, file()).status, Status::Ok);
    }

    #[test]
    fn a_damaged_file_is_kept_and_the_backup_put_in_its_place() {
        for why in ["database disk image is malformed", "file is not a database"] {
            let verdict = judge(&Database::Failed(why.to_owned()), file());
            assert_eq!(verdict.status, Status::Problem);
            assert_eq!(verdict.remedy[2], "install -m 600 YOUR-BACKUP /srv/vestry.sqlite");
        }
        let verdict = verdict(Schema::Current, Some(true), Whole::No("row 3 missing from index".into()));
        assert!(verdict.remedy[1].starts_with("mkdir /srv/vestry.sqlite.damaged"), "{verdict:?}");
    }
}
