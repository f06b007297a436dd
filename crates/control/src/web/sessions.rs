//! Signing in and out: `/sign-in`, `/sign-out`.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::Email;

use super::{
    form::Form,
    frame::{Reader, page, page_with, see, theme},
    problem::sentence,
    query::encoded,
};
use crate::{
    app::{
        App, Input, Password,
        sessions::{self, SignIn, Visit},
        setup,
    },
    error::{Error, Result},
    http::{
        caller::{Visitor, cookies, no_session},
        paging::Params,
    },
};

#[derive(Template)]
#[template(path = "sessions/sign-in.html")]
struct SignInPage {
    theme: &'static str,
    email: String,
    then: String,
    refused: Option<String>,
}

/// Where to go once signed in.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Then {
    then: String,
}

/// The sign-in page that leads to an address afterwards.
pub(super) fn sign_in_then(address: &str) -> String {
    let own = own_address(address);
    if own == "/" {
        return "/sign-in".to_owned();
    }
    format!("/sign-in?then={}", encoded(own))
}

/// An address of our own, or the first page: nobody is led elsewhere by a link to the sign-in page.
pub(super) fn own_address(address: &str) -> &str {
    let own = address.starts_with("/organizations/") || address == "/account" || address.starts_with("/account/");
    let plain = address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if own && plain { address } else { "/" }
}

/// The form.
pub(super) async fn form(State(app): State<App>, headers: HeaderMap, then: Params<Then>) -> Result<Response> {
    if setup::is_open(&app).await? {
        return Ok(see("/setup"));
    }
    let then = then.parse(|then| Ok(own_address(&then.then).to_owned())).checked().unwrap_or_default();
    page(&SignInPage { theme: theme(&headers), email: String::new(), then, refused: None })
}

/// Signs in, and leads on.
pub(super) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    mut form: Form,
) -> Result<Response> {
    let (email, then) = (form.text("email"), own_address(&form.text("then")).to_owned());
    let password = Password::attempt(form.secret("password"));
    // An address that can't be one is nobody's: the same answer as for a wrong pair.
    let input = Email::parse(&email).map(|email| SignIn { email, password }).map_err(|_| Error::SignInRefused);
    let Visitor { address, browser, site, .. } = visitor;
    match sessions::create(&app, Input::new(input), Visit { address, is_browser: true, browser }).await {
        Ok(session) => Ok((cookies(&site, &session)?, see(&then)).into_response()),
        Err(error @ (Error::SignInRefused | Error::RateLimited { .. })) => {
            let status = error.status_and_code().0;
            let refused = Some(sentence(&error.to_string()));
            let mut answer = page_with(status, &SignInPage { theme: theme(&headers), email, then, refused })?;
            if status == StatusCode::TOO_MANY_REQUESTS {
                answer.extensions_mut().insert(crate::http::answer::Failed(std::sync::Arc::new(error)));
            }
            Ok(answer)
        }
        Err(error) => Err(error),
    }
}

/// Signs out of this browser.
pub(super) async fn end(State(app): State<App>, reader: Reader, visitor: Visitor) -> Result<Response> {
    sessions::end(&app, &reader.caller, "current").await?;
    Ok((no_session(&visitor.site)?, see("/sign-in")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_our_own_pages_only() {
        for own in ["/organizations/acme/workspaces?q=a", "/account", "/account/tokens"] {
            assert_eq!(own_address(own), own);
        }
        for other in ["", "//evil.test", "/\\evil.test", "https://evil.test", "/accounts", "/organizations/\\x", "/ a"]
        {
            assert_eq!(own_address(other), "/", "{other}");
        }
        assert_eq!(
            sign_in_then("/organizations/a/workspaces?q=a&b"),
            "/sign-in?then=/organizations/a/workspaces%3Fq%3Da%26b"
        );
    }
}
