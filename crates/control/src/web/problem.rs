//! Errors as pages.

use askama::Template;
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    frame::{Frame, Reader, page_with, see, theme},
    sessions::sign_in_then,
};
use crate::{
    app::App,
    error::{Error, FieldError},
    http::answer::{Failed, RequestId},
};

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem {
    frame: Frame,
    said: Said,
}

#[derive(Template)]
#[template(path = "problem-outside.html")]
struct ProblemOutside {
    theme: &'static str,
    said: Said,
}

/// What a page says of an error.
struct Said {
    title: &'static str,
    detail: String,
    fields: Vec<FieldError>,
    request_id: String,
}

const TITLES: &[(u16, &str)] = &[
    (403, "You may not do this"),
    (404, "There is nothing here"),
    (405, "There is nothing here"),
    (409, "This can’t be done now"),
    (412, "Somebody else was faster"),
    (413, "This is too large"),
    (421, "This is another host’s"),
    (422, "Something does not fit"),
    (429, "Too many tries"),
    (503, "This doesn’t work now"),
];

/// Writes the page of an answer to a browser that has an error and no body yet.
pub(crate) async fn write(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_page = !["/api/", "/healthz", "/readyz"].iter().any(|begin| request.uri().path().starts_with(begin));
    if !is_page {
        return next.run(request).await;
    }
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let (mut parts, body) = request.into_parts();
    let response = next.run(Request::from_parts(parts.clone(), body)).await;
    let Some(failed) = response.extensions().get::<Failed>().cloned() else { return response };
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    let error = &*failed.0;
    if matches!(error, Error::Unauthenticated) {
        let address = parts.uri.path_and_query().filter(|_| parts.method == Method::GET);
        return see(&sign_in_then(address.map_or("/", |address| address.as_str())));
    }
    let status = response.status();
    let said = Said {
        title: TITLES
            .iter()
            .find(|(code, _)| *code == status.as_u16())
            .map_or("Something went wrong", |(_, title)| title),
        detail: sentence(&error.to_string()),
        fields: if let Error::Invalid(fields) = error { fields.clone() } else { Vec::new() },
        request_id: id,
    };
    let theme = theme(&parts.headers);
    let mut page = match framed(&app, &mut parts).await {
        Some(frame) => page_with(status, &Problem { frame, said }),
        None => page_with(status, &ProblemOutside { theme, said }),
    }
    .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    page.extensions_mut().insert(failed);
    page
}

/// The frame of the page that the reader wanted, as far as they may know of it.
async fn framed(app: &App, parts: &mut axum::http::request::Parts) -> Option<Frame> {
    // Whoever may not do something may still read about it: the page only says so.
    parts.method = Method::GET;
    let path = parts.uri.path().to_owned();
    let organization = path.strip_prefix("/organizations/").and_then(|rest| rest.split('/').next());
    let reader = Reader::from_request_parts(parts, app).await.ok()?;
    match Frame::of(app, &reader, organization).await {
        Ok(frame) => Some(frame),
        Err(_) => Frame::of(app, &reader, None).await.ok(),
    }
}

/// An error's words as sentences.
pub(super) fn sentence(text: &str) -> String {
    let mut sentence = String::new();
    for part in text.split("; ").filter(|part| !part.is_empty()) {
        let mut letters = part.chars();
        sentence.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        sentence.push_str(letters.as_str());
        sentence.push_str(if part.ends_with(['.', '!', '?']) { " " } else { ". " });
    }
    sentence.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_s_parts_become_sentences() {
        let table = [
            ("", ""),
            ("nothing was done; ask the owner", "Nothing was done. Ask the owner."),
            ("It fits. Choose another.", "It fits. Choose another."),
        ];
        for (words, said) in table {
            assert_eq!(sentence(words), said);
        }
    }
}
