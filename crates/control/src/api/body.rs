//! JSON bodies, read whole and checked later.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{
    app::Input,
    error::{Error, Result},
};

/// The largest body in KiB.
const LIMIT_KIB: usize = 512;

/// The JSON body of a request, as far as it could be read.
///
/// Reading it never fails by itself: the use case learns of it after it has authorized, through [`Body::parse`].
pub(super) struct Body<T>(Result<T>);

impl<T> Body<T> {
    /// What the use case takes, made from the body.
    pub(super) fn parse<U>(self, parse: impl FnOnce(T) -> Result<U>) -> Input<U> {
        Input::new(self.0.and_then(parse))
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        Ok(Self(read(request).await))
    }
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T> {
    let bytes: Bytes = axum::body::to_bytes(request.into_body(), LIMIT_KIB * 1024)
        .await
        .map_err(|_| Error::TooLarge { limit_kib: LIMIT_KIB })?;
    // Values pass through here: what can be erased afterwards, is.
    let bytes = match bytes.try_into_mut() {
        Ok(bytes) => Zeroizing::new(Vec::from(bytes)),
        Err(bytes) => Zeroizing::new(bytes.to_vec()),
    };
    // Serde would take an array for an object whose fields stand in order: without their names, with none unknown.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Error::invalid("body", "json", "The body must be a JSON object."));
    }
    serde_json::from_slice(&bytes).map_err(|error| Error::invalid("body", "json", told(&error)))
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
