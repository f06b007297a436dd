//! The first run: `/setup`.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::Email;

use super::{
    form::Form,
    frame::{page, page_with, see, theme},
};
use crate::{
    app::{
        App, Input, Password,
        sessions::{self, SignIn, Visit},
        setup::{self, SetUp},
    },
    error::{Error, FieldError, Result},
    http::{
        caller::{Visitor, cookies},
        fields::first,
    },
};

#[derive(Template)]
#[template(path = "setup.html")]
struct SetUpPage {
    theme: &'static str,
    name: String,
    email: String,
    organization: String,
    errors: Vec<FieldError>,
}

impl SetUpPage {
    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

/// The form, once.
pub(super) async fn form(State(app): State<App>, headers: HeaderMap) -> Result<Response> {
    if !setup::is_open(&app).await? {
        return Ok(see("/"));
    }
    let (name, email, organization) = Default::default();
    page(&SetUpPage { theme: theme(&headers), name, email, organization, errors: Vec::new() })
}

/// Sets the installation up, and signs its first administrator in.
pub(super) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    mut form: Form,
) -> Result<Response> {
    let (name, email, organization) = (form.text("name"), form.text("email"), form.text("organization"));
    let password = form.secret("password");
    let again = Password::attempt(password.clone());
    let wish = SetUp {
        setup_code: form.secret("setup_code"),
        first: Input::new(first(&email, &name, password, &organization, None)),
    };
    let Visitor { address, browser, site, .. } = visitor;
    let made = match setup::run(&app, Input::new(Ok(wish)), address).await {
        Ok(made) => made,
        Err(Error::Invalid(errors)) => {
            let page = SetUpPage { theme: theme(&headers), name, email, organization, errors };
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
        Err(error) => return Err(error),
    };
    let email = Email::parse(&email).map_err(|_| Error::SignInRefused)?;
    let sign_in = Input::new(Ok(SignIn { email, password: again }));
    let session = sessions::create(&app, sign_in, Visit { address, is_browser: true, browser }).await?;
    Ok((cookies(&site, &session)?, see(&format!("/organizations/{}/workspaces?done=set-up", made.organization)))
        .into_response())
}
