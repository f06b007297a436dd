use control::app::inspection::{Database, Schema, Whole};

use super::super::report::Verdict;

/// Whether the database can be used. `server` is where a database server is, without whoever signs in there.
pub(in super::super) fn judge(found: &Database, server: Option<&(String, u16)>) -> Verdict {
    match found {
        Database::Missing => Verdict::ok("it is not there yet: the first start makes it"),
        Database::Failed(why) => {
            let verdict = Verdict::problem(format!("it can't be reached or read: {why}"))
                .because("The control plane can't start without it, and one that runs can do nothing.");
            match server {
                Some((host, port)) => verdict.remedy([format!("pg_isready -h {host} -p {port}"), SETTING.to_owned()]),
                None => verdict.remedy([SETTING]),
            }
        }
        Database::Found { server: name, schema, write_ahead_log, whole } => {
            let place = server.map_or(String::new(), |(host, port)| format!(" at {host}:{port}"));
            usable(&format!("{name}{place}"), *schema, *write_ahead_log, whole)
        }
    }
}

const SETTING: &str = "another one:  vestry serve --database-url, or database_url in the settings file";

fn usable(name: &str, schema: Schema, write_ahead_log: Option<bool>, whole: &Whole) -> Verdict {
    if let Whole::No(damage) = whole {
        return Verdict::problem(format!("{name} is damaged: {damage}"))
            .because(
                "What was written may be lost or wrong. Stop the control plane, then put your backup in its place:",
            )
            .remedy(["systemctl stop vestry", "cp BACKUP/vestry.sqlite DATA_DIRECTORY/vestry.sqlite"]);
    }
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

    fn verdict(schema: Schema, write_ahead_log: Option<bool>, whole: Whole) -> Verdict {
        let server = "SQLite 3.50.0".to_owned();
        judge(&Database::Found { server, schema, write_ahead_log, whole }, None)
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
        let down = judge(&Database::Failed("Connection refused".into()), Some(&("db.test".into(), 5432)));
        assert_eq!((down.status, down.remedy[0].as_str()), (Status::Problem, "pg_isready -h db.test -p 5432"));
        assert_eq!(judge(&Database::Missing, None).status, Status::Ok);
        let down = judge(&Database::Failed("no permission".into()), None);
        assert!(down.remedy[0].contains("--database-url"), "{down:?}");
    }
}
