//! JSON bodies, read whole and checked later.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::{
    app::Input,
    error::{Error, Result},
    http::body,
};

/// The largest body in KiB, unless a route says otherwise.
const LIMIT_KIB: usize = 512;
/// How deep arrays and objects may stand in one another.
const DEEPEST: usize = 32;

/// The JSON body of a request of at most so many KiB, as far as it could be read.
///
/// Reading it never fails by itself: the use case learns of it after it has authorized, through [`Body::parse`].
pub(super) struct Body<T, const KIB: usize = LIMIT_KIB>(Result<T>);

impl<T, const KIB: usize> Body<T, KIB> {
    /// Whether it says so; not where it can't be read, which [`Body::parse`] tells.
    pub(super) fn says(&self, so: impl FnOnce(&T) -> bool) -> bool {
        self.0.as_ref().is_ok_and(so)
    }

    /// What the use case takes, made from the body.
    pub(super) fn parse<U>(self, parse: impl FnOnce(T) -> Result<U>) -> Input<U> {
        Input::new(self.0.and_then(parse))
    }
}

impl<S: Sync, T: DeserializeOwned, const KIB: usize> FromRequest<S> for Body<T, KIB> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        Ok(Self(read(request, KIB).await))
    }
}

async fn read<T: DeserializeOwned>(request: Request, limit_kib: usize) -> Result<T> {
    let bytes = body::read(request, limit_kib).await?;
    // Serde would take an array for an object whose fields stand in order: without their names, with none unknown.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Error::invalid("body", "json", "The body must be a JSON object."));
    }
    if depth(&bytes) > DEEPEST {
        let why = format!("The body is nested too deeply: at most {DEEPEST} arrays and objects in one another.");
        return Err(Error::invalid("body", "json", why));
    }
    serde_json::from_slice(&bytes).map_err(|error| Error::invalid("body", "json", told(&error)))
}

/// How deep arrays and objects stand in one another, in JSON or in what is to be read as JSON.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What is wrong with the JSON, without anything of what was sent: serde's own messages would quote it.
fn told(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let ours = message.split(" at line ").next().unwrap_or_default();
    if error.is_syntax() || error.is_eof() {
        return format!("The body is not valid JSON: look at line {line}, column {column}.");
    }
    if ours.starts_with("missing field `") {
        return format!("The body has a {ours}.");
    }
    if let (true, Some((_, known))) = (ours.starts_with("unknown field `"), ours.rsplit_once("`, expected ")) {
        return format!(
            "The body has a field that is unknown here, at line {line}, column {column}; known are {known}."
        );
    }
    format!("The body has something of the wrong type at line {line}, column {column}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its type matters")]
        value: String,
        #[expect(dead_code, reason = "only its type matters")]
        access: Option<Level>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Level {
        All,
    }

    #[test]
    fn depth_counts_arrays_and_objects_but_not_their_signs_in_texts() {
        let table = [("{}", 1), ("[[],[[]]]", 3), (r#"{"a":["[[[", {"b\\": "\"{{{"}]}"#, 3), ("]]]]{", 1), ("", 0)];
        for (sent, expected) in table {
            assert_eq!(depth(sent.as_bytes()), expected, "{sent}");
        }
    }

    #[tokio::test]
    async fn a_body_is_at_most_32_deep() {
        #[derive(serde::Deserialize)]
        struct Any {
            #[expect(dead_code, reason = "only its depth matters")]
            a: serde_json::Value,
        }
        for (inside, fits) in [(31, true), (32, false), (100_000, false)] {
            let body = format!(r#"{{"a": {}{}}}"#, "[".repeat(inside), "]".repeat(inside));
            let read = read::<Any>(Request::new(body.into()), LIMIT_KIB).await;
            assert_eq!(read.is_ok(), fits, "{inside}");
            assert!(fits || matches!(read, Err(Error::Invalid(_))));
        }
    }

    #[test]
    fn what_is_told_of_bad_json_never_repeats_it() {
        for sent in [
            r#"{"value": ["hunter2"]}"#,
            r#"{"hunter2": "x"}"#,
            r#"{"value": "x", "hunter2`, expected `hunter2`": 1}"#,
            r#"{"value": "x", "access": "hunter2"}"#,
            r#"{"value": "hunter2"#,
            r#""hunter2""#,
            r#"hunter2"#,
            r#"{"value": "x", "value": "hunter2"}"#,
        ] {
            let told = told(&serde_json::from_str::<Sample>(sent).unwrap_err());
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
