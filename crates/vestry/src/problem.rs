//! A refusal of the control plane (RFC 9457), as a [`Failure`].

use serde::Deserialize;

use crate::{
    exit::{self, Failure},
    text::Text,
};

#[derive(Deserialize)]
struct Problem {
    title: Option<Text>,
    detail: Option<Text>,
    code: String,
    request_id: Option<Text>,
    #[serde(default)]
    errors: Vec<FieldError>,
}

#[derive(Deserialize)]
struct FieldError {
    field: Text,
    message: Text,
}

/// What to do next, by the problem's code.
const HELP: &[(&str, &str)] = &[
    ("unauthenticated", "vestry login"),
    ("version_mismatch", "someone wrote in the meantime: look at it again, then repeat"),
    ("sealed", "the control plane has no usable root key; whoever runs it finds the reason in its log"),
    ("unavailable", "try again in a moment"),
];

/// Reads the body of a refusal. `None` when it is no problem document with a code, so that what answered can't be a
/// control plane. `retry_after` is in seconds.
pub(crate) fn read(status: u16, body: &[u8], retry_after: Option<u32>) -> Option<Failure> {
    let problem: Problem = serde_json::from_slice(body).ok()?;
    let mut message = problem.detail.or(problem.title)?.as_str().trim_end_matches('.').to_owned();
    for error in &problem.errors {
        if !message.contains(error.message.as_str()) {
            message.push_str(&format!("\n       {}: {}", error.field, error.message));
        }
    }
    if let (500.., Some(id)) = (status, &problem.request_id) {
        message.push_str(&format!(" (request {id})"));
    }
    let help = match retry_after {
        Some(seconds) => Some(format!("try again in {seconds} s")),
        None => HELP.iter().find(|(code, _)| *code == problem.code).map(|(_, help)| (*help).to_owned()),
    };
    let fields = problem.errors.into_iter().map(|error| error.field.to_string()).collect();
    Some(Failure { exit: exit::of_status(status), message, help, code: Some(problem.code), fields })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_problem_becomes_a_message_a_hint_and_an_exit_code() {
        let body = br#"{"type":"about:blank","title":"Not acceptable","status":422,"detail":"The secret was not written.",
            "code":"invalid","request_id":"r1","errors":[{"field":"name","code":"refused","message":"PATH is refused"}]}"#;
        let failure = read(422, body, None).unwrap();
        assert_eq!(failure.message, "The secret was not written\n       name: PATH is refused");
        assert_eq!(failure.exit, Exit::Data);
        assert_eq!(failure.help, None);
    }

    #[test]
    fn a_wait_is_told_and_an_internal_error_names_its_request() {
        let limited = br#"{"title":"Too many tries","code":"rate_limited"}"#;
        assert_eq!(read(429, limited, Some(30)).unwrap().help.unwrap(), "try again in 30 s");
        let internal = br#"{"title":"Something broke here","code":"internal","request_id":"0192-7"}"#;
        assert_eq!(read(500, internal, None).unwrap().message, "Something broke here (request 0192-7)");
    }

    #[test]
    fn what_is_no_problem_document_is_not_taken_for_one() {
        assert!(read(404, b"<html>not found</html>", None).is_none());
        assert!(read(404, br#"{"error":"no"}"#, None).is_none());
    }

    #[test]
    fn a_problem_can_not_drive_a_terminal() {
        let body =
            br#"{"detail":"\u001b[2Jcleared","code":"invalid","errors":[{"field":"\u009b","message":"\u0007"}]}"#;
        assert!(!read(422, body, None).unwrap().message.chars().any(|c| c.is_control() && c != '\n'));
    }
}
