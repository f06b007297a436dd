//! What stands around every page: the organization, where to go, and who is signed in.

use askama::Template;
use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use domain::{Role, Slug};

use crate::{
    app::{App, Caller, me},
    error::{Error, Result},
};

/// The cookie that keeps whether pages are light or dark; no secret, and read by the pages alone.
pub(super) const THEME: &str = "vestry_theme";

/// Light, dark, or as the system has it.
pub(super) fn theme(headers: &HeaderMap) -> &'static str {
    match CookieJar::from_headers(headers).get(THEME).map(axum_extra::extract::cookie::Cookie::value) {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "system",
    }
}

/// Who reads a page, and how they like it.
pub(super) struct Reader {
    /// The person.
    pub(super) caller: Caller,
    theme: &'static str,
    /// The address that they read.
    address: String,
}

impl FromRequestParts<App> for Reader {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        // The whole address: what a nested router sees of it has lost its beginning.
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let address = uri.path_and_query().map_or("/", |address| address.as_str()).to_owned();
        Ok(Self { caller, theme: theme(&parts.headers), address })
    }
}

/// An organization that the reader is in.
pub(super) struct Membership {
    /// Its slug.
    pub(super) slug: String,
    /// Its name.
    pub(super) name: String,
    /// Whether the reader is one of its administrators.
    pub(super) administrator: bool,
}

/// What stands around a page.
pub(super) struct Frame {
    /// The reader's name.
    pub(super) name: String,
    /// The reader's e-mail address.
    pub(super) email: String,
    /// The organization that the page is of, if it is of one.
    pub(super) organization: Option<Membership>,
    /// The reader's other organizations.
    pub(super) others: Vec<Membership>,
    /// Light, dark or as the system has it.
    pub(super) theme: &'static str,
    /// Why nothing can be sealed or unsealed, if so.
    pub(super) sealed: Option<String>,
    /// The address of the page.
    pub(super) address: String,
}

impl Frame {
    /// The frame of a page of this organization, or of the reader's own.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the reader is not in the organization.
    pub(super) async fn of(app: &App, reader: &Reader, organization: Option<&str>) -> Result<Self> {
        let (user, memberships) = me::get(app, &reader.caller).await?;
        let mut others: Vec<Membership> = memberships
            .into_iter()
            .map(|(organization, role)| Membership {
                slug: organization.slug.to_string(),
                name: organization.name,
                administrator: role == Role::Administrator,
            })
            .collect();
        let organization = match organization {
            None => None,
            Some(slug) => {
                let at = others.iter().position(|one| one.slug == slug).ok_or(Error::NotFound)?;
                Some(others.remove(at))
            }
        };
        Ok(Self {
            name: user.name,
            email: user.email,
            organization,
            others,
            theme: reader.theme,
            sealed: app.sealed().map(str::to_owned),
            address: reader.address.clone(),
        })
    }

    /// Whether the reader administers the organization of the page.
    pub(super) fn administrator(&self) -> bool {
        self.organization.as_ref().is_some_and(|organization| organization.administrator)
    }

    /// The slug of the page's organization.
    pub(super) fn slug(&self) -> &str {
        self.organization.as_ref().map_or("", |organization| &organization.slug)
    }

    /// The reader's initials.
    pub(super) fn initials(&self) -> String {
        let mut words = self.name.split_whitespace().filter_map(|word| word.chars().next());
        let first = words.next();
        first.into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
    }

    /// Whether the page lies in a section of the organization.
    pub(super) fn is_of(&self, section: &str) -> bool {
        self.address.split(['/', '?']).nth(3) == Some(section)
    }
}

/// Renders a page.
pub(super) fn page(template: &impl Template) -> Result<Response> {
    page_with(StatusCode::OK, template)
}

/// Renders a page with a status.
pub(super) fn page_with(status: StatusCode, template: &impl Template) -> Result<Response> {
    let html = template.render().map_err(|error| Error::Internal(error.into()))?;
    Ok((status, Html(html)).into_response())
}

/// Sends the reader on to another page after what they did.
pub(super) fn see(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, address.to_owned())]).into_response()
}

/// The slug in an address, for a redirect that nobody has looked at: what is no slug is nowhere.
pub(super) fn slug(text: &str) -> Result<Slug> {
    Slug::parse_kept(text).map_err(|_| Error::NotFound)
}
