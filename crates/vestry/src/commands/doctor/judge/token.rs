use jiff::Timestamp;

use super::super::report::Verdict;
use crate::{exit::Failure, time::When};

/// What is known of a personal token.
pub(in super::super) struct Personal {
    /// Whose it is.
    pub(in super::super) person: String,
    /// Its name and whether it may do all, as far as the control plane told.
    pub(in super::super) described: Option<(String, bool)>,
    /// When it ends; `None` for never.
    pub(in super::super) ends: Option<When>,
}

/// What the control plane says of the token.
pub(in super::super) enum Answered {
    /// It is a person's.
    Personal(Personal),
    /// It is a workspace's own, and valid.
    Workspace,
    /// It is not valid.
    Invalid,
    /// There was no answer that says.
    Failed(Failure),
}

/// When it is time for a new one.
const SOON: i64 = 7 * 86_400;

/// Whether the token can be used. `another` is how another one is got.
pub(in super::super) fn judge(answered: &Answered, now: Timestamp, another: &str) -> Verdict {
    match answered {
        Answered::Failed(failure) => Verdict::unknown(&failure.message),
        Answered::Invalid => Verdict::problem("it is not valid: it was revoked or has ended")
            .because("Nothing can be done with it.")
            .remedy([another]),
        Answered::Workspace => Verdict::ok(
            "a workspace's own, valid, for `vestry run` and nothing else; its owner sees when it ends:  \
             vestry token list -w WORKSPACE",
        ),
        Answered::Personal(Personal { person, described: None, .. }) => {
            Verdict::ok(format!("valid, of {person}; when it ends was not told"))
        }
        Answered::Personal(Personal { person, described: Some((name, full)), ends }) => {
            let may = if *full { "may do all that they may" } else { "may read only" };
            let end = ends.map_or("never ends".to_owned(), |end| format!("ends {}", end.relative(now)));
            let found = format!("`{name}` of {person}: it {may}, and {end}");
            match ends {
                Some(end) if end.until(now) < SOON => {
                    Verdict::warning(found).because("Make another one in time.").remedy([another])
                }
                _ => Verdict::ok(found),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};
    use crate::exit::Exit;

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn personal(ends: Option<&str>) -> Verdict {
        let ends = ends.map(|end| serde_json::from_value(end.into()).unwrap());
        let person = "Mina <mina@acme.example>".to_owned();
        let described = Some(("laptop".to_owned(), true));
        judge(&Answered::Personal(Personal { person, described, ends }), now(), "vestry login")
    }

    #[test]
    fn a_personal_token_says_whose_it_is_and_when_it_ends() {
        let verdict = personal(None);
        assert_eq!(verdict.found, "`laptop` of Mina <mina@acme.example>: it may do all that they may, and never ends");
        assert_eq!(verdict.status, Status::Ok);
        assert_eq!(personal(Some("2026-11-29T12:00:00Z")).status, Status::Ok);
        let soon = personal(Some("2026-11-29T11:59:59Z"));
        assert_eq!((soon.status, soon.remedy), (Status::Warning, vec!["vestry login".to_owned()]));
        assert!(personal(Some("2026-11-24T12:00:00Z")).found.ends_with("ends in 2 days"));
    }

    #[test]
    fn the_other_answers_are_told_apart() {
        let status = |answered| judge(&answered, now(), "vestry login").status;
        assert_eq!(status(Answered::Workspace), Status::Ok);
        assert_eq!(status(Answered::Invalid), Status::Problem);
        let failure = Failure::new(Exit::TryAgain, "too many requests");
        assert_eq!(status(Answered::Failed(failure)), Status::Unknown);
        let untold = Personal { person: "Mina".into(), described: None, ends: None };
        assert_eq!(status(Answered::Personal(untold)), Status::Ok);
    }
}
