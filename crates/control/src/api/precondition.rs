//! `If-Match`, `If-None-Match: *` and `ETag`.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts},
};

use crate::app::Precondition;

impl<S: Sync> FromRequestParts<S> for Precondition {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            if_match: revisions(&parts.headers, header::IF_MATCH),
            create_only: revisions(&parts.headers, header::IF_NONE_MATCH).is_some_and(|list| list == ["*"]),
        })
    }
}

/// The entity tags of a header without their quotes; weak ones match nothing, as RFC 9110 (13.1.1) says.
fn revisions(headers: &HeaderMap, name: HeaderName) -> Option<Vec<String>> {
    if !headers.contains_key(&name) {
        return None;
    }
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    Some(lines.flat_map(|line| line.split(',')).map(|tag| tag.trim().trim_matches('"').to_owned()).collect())
}

/// The `ETag` of a row's revision.
pub(super) fn etag(revision: &str) -> [(HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{revision}\"")).expect("a revision is hexadecimal");
    [(header::ETAG, value)]
}
