use std::path::Path;

use control::{
    app::inspection::RootKey,
    keys::{KeyError, Place, Refusal},
};

use super::{super::report::Verdict, shell};

/// What still works without the key.
const SEALED: &str = "The control plane runs sealed: it lists and stops servers, does nothing else that needs the key, \
    and makes no new one.";

/// Whether the root key can be used and opens what is sealed. `place` is its file, if it has one; `data_keys` how many
/// it should open, as far as that is known; `account` the one that runs this.
pub(in super::super) fn judge(
    found: &RootKey,
    place: Option<&Path>,
    data_keys: Option<usize>,
    account: &str,
) -> Verdict {
    let name = place.map_or_else(|| "from the environment".to_owned(), |path| path.display().to_string());
    match found {
        RootKey::Opens => match data_keys {
            None => {
                Verdict::unknown(format!("there is no database whose data keys it could open ({name} can be used)"))
            }
            Some(0) => Verdict::ok(format!("{name}; nothing is sealed yet")),
            Some(_) => Verdict::ok(format!("{name}; it opens this database's data keys")),
        },
        RootKey::Unproven(why) => {
            Verdict::unknown(format!("whether the key opens this database's data keys: {why} ({name} can be used)"))
        }
        RootKey::OpensNothing => Verdict::problem(format!("{name} does not open this database's data keys"))
            .because(format!("It is another installation's key, or the data keys were changed. {SEALED}"))
            .remedy(match place {
                Some(path) => vec![
                    format!("mv {0} {0}.other", shell(path)),
                    format!("install -m 600 YOUR-COPY {}", shell(path)),
                    RESTART.to_owned(),
                ],
                None => {
                    vec!["set the variable to the right key's 64 hexadecimal digits".to_owned(), RESTART.to_owned()]
                }
            }),
        RootKey::Unusable(error) => unusable(error, data_keys, account),
    }
}

const RESTART: &str = "systemctl restart vestry      or start it again as you do";

fn unusable(error: &KeyError, data_keys: Option<usize>, account: &str) -> Verdict {
    match error {
        KeyError::Missing { place: Place::File(path) } if data_keys == Some(0) => {
            Verdict::ok(format!("{} is not there yet: the first start makes it", path.display()))
        }
        KeyError::Missing { place: Place::File(path) } => {
            let file = shell(path);
            Verdict::problem(format!("there is no root key in {}", path.display())).because(SEALED).remedy([
                // An existing directory stays as it is: it may be everybody's.
                format!("mkdir -p -m 700 {} && install -m 600 YOUR-COPY {file}", shell(path.parent().unwrap_or(path))),
                "or name its place:  vestry serve --root-key file:PATH".to_owned(),
                RESTART.to_owned(),
            ])
        }
        KeyError::Missing { place: Place::Environment } => {
            let verdict = Verdict::problem("the variable that --root-key names is empty or not set").because(SEALED);
            match data_keys {
                Some(0) => verdict.remedy(["a first key, to be kept elsewhere too:  openssl rand -hex 32"]),
                _ => verdict.remedy(["set it to the key's 64 hexadecimal digits", RESTART]),
            }
        }
        KeyError::Refused { place, reason } => {
            let path = match place {
                Place::File(path) => path.as_path(),
                Place::Environment => Path::new(""),
            };
            Verdict::problem(format!("the root key {place} is refused: {reason}"))
                .because(SEALED)
                .remedy(against(*reason, path, account))
                .remedy([RESTART])
        }
        KeyError::Unavailable { place, source } => {
            Verdict::problem(format!("the root key {place} can't be read: {source}")).because(SEALED).remedy(
                match place {
                    Place::File(path) => vec![format!("namei -l {}", shell(path)), RESTART.to_owned()],
                    Place::Environment => vec![RESTART.to_owned()],
                },
            )
        }
    }
}

/// What to type against each refusal.
fn against(reason: Refusal, path: &Path, account: &str) -> Vec<String> {
    let file = shell(path);
    // To a directory of its own: the one it lies in may be everybody's.
    let elsewhere = || {
        vec![
            format!("install -d -m 700 -o {account} /etc/vestry-key && mv {file} /etc/vestry-key/root.key"),
            "vestry serve --root-key file:/etc/vestry-key/root.key".to_owned(),
        ]
    };
    match reason {
        Refusal::FileMode(_) => vec![format!("if nobody else can have read it:  chmod 600 {file}")],
        Refusal::FileOwner(_) => vec![format!("chown {account} {file}")],
        Refusal::DirectoryMode(_) | Refusal::DirectoryOwner(_) | Refusal::InsideDataDirectory => elsewhere(),
        Refusal::Symlink => vec![format!("vestry serve --root-key file:$(readlink -f {file})")],
        Refusal::NoFile | Refusal::Damaged => vec![format!("install -m 600 YOUR-COPY {file}")],
        Refusal::NoDigits => vec!["set the variable to the key's 64 hexadecimal digits".to_owned()],
        Refusal::Exists => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{super::super::report::Status, *};

    /// In a directory that is not the key's alone.
    const PATH: &str = "/etc/root.key";

    fn file() -> Place {
        Place::File(PATH.into())
    }

    fn verdict(found: RootKey, data_keys: Option<usize>) -> Verdict {
        judge(&found, Some(Path::new(PATH)), data_keys, "vestry")
    }

    fn missing(place: Place, data_keys: Option<usize>) -> Verdict {
        verdict(RootKey::Unusable(KeyError::Missing { place }), data_keys)
    }

    /// A remedy once took everybody's rights away from /etc.
    fn assert_leaves_the_directory_alone(verdict: &Verdict) {
        for line in &verdict.remedy {
            let changed = line.split(" && ").any(|command| command.starts_with("ch") && command.ends_with(" /etc"));
            assert!(!changed && !line.contains("dirname"), "{verdict:?}");
        }
    }

    #[test]
    fn a_key_opens_what_is_sealed_or_not() {
        assert_eq!(verdict(RootKey::Opens, Some(0)).found, format!("{PATH}; nothing is sealed yet"));
        assert_eq!(verdict(RootKey::Opens, Some(2)).status, Status::Ok);
        assert_eq!(verdict(RootKey::Opens, None).status, Status::Unknown);
        assert_eq!(verdict(RootKey::Unproven("the database can't be read".into()), None).status, Status::Unknown);
        let other = verdict(RootKey::OpensNothing, Some(2));
        assert_eq!(other.status, Status::Problem);
        assert!(other.why.contains("sealed: it lists and stops servers"), "{other:?}");
        let other = judge(&RootKey::OpensNothing, None, Some(2), "vestry");
        assert!(other.remedy[0].contains("64 hexadecimal digits"));
    }

    #[test]
    fn a_missing_key_is_well_only_before_the_first_start() {
        assert_eq!(missing(file(), Some(0)).status, Status::Ok);
        for data_keys in [Some(1), None] {
            let verdict = missing(file(), data_keys);
            assert_eq!(verdict.status, Status::Problem);
            assert!(verdict.remedy[0].contains(PATH), "{verdict:?}");
            assert_leaves_the_directory_alone(&verdict);
        }
        assert!(missing(Place::Environment, Some(0)).remedy[0].contains("openssl rand -hex 32"));
        assert!(!missing(Place::Environment, Some(1)).remedy.concat().contains("openssl"), "a new key helps nobody");
    }

    #[test]
    fn each_refusal_has_its_command() {
        let table = [
            (Refusal::FileMode(0o644), "chmod 600 /etc/root.key"),
            (Refusal::DirectoryMode(0o755), "mv /etc/root.key /etc/vestry-key/root.key"),
            (Refusal::FileOwner(7), "chown vestry /etc/root.key"),
            (Refusal::DirectoryOwner(7), "install -d -m 700 -o vestry /etc/vestry-key"),
            (Refusal::InsideDataDirectory, "--root-key file:/etc/vestry-key/root.key"),
            (Refusal::Symlink, "readlink -f /etc/root.key"),
            (Refusal::NoFile, "install -m 600 YOUR-COPY"),
            (Refusal::Damaged, "install -m 600 YOUR-COPY"),
            (Refusal::NoDigits, "64 hexadecimal digits"),
        ];
        for (reason, command) in table {
            let verdict = verdict(RootKey::Unusable(KeyError::Refused { place: file(), reason }), Some(1));
            assert_eq!(verdict.status, Status::Problem);
            assert!(verdict.remedy.concat().contains(command), "{verdict:?}");
            assert!(verdict.found.contains(&reason.to_string()), "{verdict:?}");
            assert_leaves_the_directory_alone(&verdict);
        }
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        let verdict = verdict(RootKey::Unusable(KeyError::Unavailable { place: file(), source }), None);
        assert_eq!(verdict.remedy[0], format!("namei -l {PATH}"));
    }
}
