//! Which organization, workspace or scope a command works in.

use std::fmt;

use serde_json::Value;

use crate::{
    address::segment,
    cli::target::{Whose, WorkspaceArg},
    client::Client,
    exit::{Exit, Failure},
    models::Me,
    output::Output,
    settings::Settings,
    suggest::nearest,
};

/// A workspace and its organization, by slug.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) organization: String,
    pub(crate) workspace: String,
}

impl Place {
    /// The path of the workspace, with more behind it.
    pub(crate) fn path(&self, more: &str) -> String {
        organization_path(&self.organization, &format!("/workspaces/{}{more}", segment(&self.workspace)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.organization, self.workspace)
    }
}

/// The path of an organization, with more behind it.
pub(crate) fn organization_path(organization: &str, more: &str) -> String {
    format!("/organizations/{}{more}", segment(organization))
}

/// Whose secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    Workspace(Place),
    Organization(String),
}

impl Scope {
    /// The path of its secrets.
    pub(crate) fn secrets(&self) -> String {
        match self {
            Self::Workspace(place) => place.path("/secrets"),
            Self::Organization(organization) => organization_path(organization, "/secrets"),
        }
    }

    /// The path of one of its secrets.
    pub(crate) fn secret(&self, name: &str) -> String {
        format!("{}/{}", self.secrets(), segment(name))
    }

    /// The path of its deleted secrets.
    pub(crate) fn deleted_secrets(&self) -> String {
        match self {
            Self::Workspace(place) => place.path("/deleted-secrets"),
            Self::Organization(organization) => organization_path(organization, "/deleted-secrets"),
        }
    }

    /// The path of one of its deleted secrets.
    pub(crate) fn deleted_secret(&self, id: &str) -> String {
        format!("{}/{}", self.deleted_secrets(), segment(id))
    }

    /// The slug of the organization that it is of.
    pub(crate) fn organization(&self) -> &str {
        match self {
            Self::Workspace(place) => &place.organization,
            Self::Organization(organization) => organization,
        }
    }

    /// The path to which imports into it go.
    pub(crate) fn imports(&self) -> String {
        match self {
            Self::Workspace(place) => place.path("/secret-imports"),
            Self::Organization(organization) => organization_path(organization, "/secret-imports"),
        }
    }

    /// The flag that names it on a command line.
    pub(crate) fn flag(&self) -> String {
        match self {
            Self::Workspace(place) => format!("-w {place}"),
            Self::Organization(organization) => format!("--org {organization}"),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace(place) => place.fmt(f),
            Self::Organization(organization) => f.write_str(organization),
        }
    }
}

/// A command's connection, with what it needs to find its place.
pub(crate) struct Connection<'a> {
    pub(crate) client: Client,
    pub(crate) settings: &'a Settings,
    pub(crate) out: &'a Output,
}

impl<'a> Connection<'a> {
    /// Connects as the settings say.
    ///
    /// # Errors
    /// When nobody is signed in.
    pub(crate) fn open(out: &'a Output, settings: &'a mut Settings) -> Result<Self, Failure> {
        let (address, token) = settings.sign_in()?;
        Ok(Self { client: Client::with_token(address, token), settings, out })
    }

    /// Refuses to go on with a workspace's own token.
    ///
    /// # Errors
    /// When it is one.
    pub(crate) fn refuse_workspaces_token(&self) -> Result<(), Failure> {
        if !self.client.acts_for_workspace() {
            return Ok(());
        }
        Err(Failure::new(Exit::NotAllowed, "a workspace's token only starts runs; nothing was asked")
            .help("vestry run -- CMD\nfor everything else act as a person: unset VESTRY_TOKEN, then  vestry login"))
    }

    /// The organization: as given, as the project says, or the only one that the person is in.
    pub(crate) fn organization(&self, given: Option<&str>) -> Result<String, Failure> {
        if let Some(given) = given.or(self.settings.project.organization.as_deref()) {
            return Ok(given.to_owned());
        }
        let me: Me = self.client.get("/me")?.read()?;
        match me.organizations.as_slice() {
            [only] => Ok(only.slug.to_string()),
            [] => Err(Failure::data("you are in no organization yet").help("ask its administrator to add you")),
            several => {
                let slugs: Vec<&str> = several.iter().map(|organization| organization.slug.as_str()).collect();
                Err(Failure::usage(format!("which organization? You are in {}", slugs.join(", ")))
                    .help("--org ORG, or -w ORG/WORKSPACE, or choose for this directory:  vestry use ORG/WORKSPACE"))
            }
        }
    }

    /// The workspace: as given, or as the project says.
    pub(crate) fn place(&self, given: Option<&WorkspaceArg>) -> Result<Place, Failure> {
        let (organization, workspace) = match (given, &self.settings.project.workspace) {
            (Some(given), _) => (given.organization.as_deref(), given.workspace.clone()),
            (None, Some(workspace)) => (None, workspace.clone()),
            (None, None) => {
                return Err(Failure::usage("which workspace?")
                    .help("-w [ORG/]WORKSPACE, or choose for this directory:  vestry use ORG/WORKSPACE"));
            }
        };
        Ok(Place { organization: self.organization(organization)?, workspace })
    }

    /// The scope: as given, or the project's workspace.
    pub(crate) fn scope(&self, whose: &Whose) -> Result<Scope, Failure> {
        match (&whose.org, &whose.workspace, &self.settings.project.workspace) {
            (Some(organization), ..) => self.organization(organization.as_deref()).map(Scope::Organization),
            (None, None, None) => Err(Failure::usage("whose secrets?").help(
                "-w [ORG/]WORKSPACE for a workspace's, --org for the organization's,\n\
                 or choose a workspace for this directory:  vestry use ORG/WORKSPACE",
            )),
            (None, workspace, _) => self.place(workspace.as_ref()).map(Scope::Workspace),
        }
    }

    /// Says what was not found, and what was probably meant; any other failure stays as it is.
    ///
    /// `typed` was looked for among the `key`s of the list at `path`.
    pub(crate) fn missing(&self, failure: Failure, noun: &str, typed: &str, path: &str, key: &str) -> Failure {
        if !failure.is_not_found() {
            return failure;
        }
        match self.client.list(path, None) {
            Ok(items) => {
                let names: Vec<&str> = items.iter().filter_map(|item| item[key].as_str()).collect();
                not_among(failure, noun, typed, &names)
            }
            Err(_) => self.missing_place(failure, path),
        }
    }

    /// The same for the workspace or organization that a path begins with.
    pub(crate) fn missing_place(&self, failure: Failure, path: &str) -> Failure {
        let mut parts = path.split(['/', '?']).skip(2);
        let (Some(organization), workspace) = (parts.next(), parts.nth(1)) else { return failure };
        if let Some(workspace) = workspace
            && let Ok(items) = self.client.list(&format!("/organizations/{organization}/workspaces"), None)
        {
            let slugs: Vec<&str> = items.iter().filter_map(|item| item["slug"].as_str()).collect();
            if !slugs.contains(&workspace) {
                return not_among(failure, "workspace", workspace, &slugs);
            }
            return failure;
        }
        let Ok(me) = self.client.get("/me") else { return failure };
        let slugs: Vec<&str> = me.body["organizations"]
            .as_array()
            .map(|organizations| organizations.iter().filter_map(|item| item["slug"].as_str()).collect())
            .unwrap_or_default();
        if slugs.contains(&organization) { failure } else { not_among(failure, "organization", organization, &slugs) }
    }

    /// A request for something in a workspace or organization: a missing place is told as such.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.client.get(path).map(|answer| answer.body).map_err(|failure| self.found_place(failure, path))
    }

    /// A list in a workspace or organization.
    pub(crate) fn list(&self, path: &str, limit: Option<usize>) -> Result<Vec<Value>, Failure> {
        self.client.list(path, limit).map_err(|failure| self.found_place(failure, path))
    }

    fn found_place(&self, failure: Failure, path: &str) -> Failure {
        if failure.is_not_found() { self.missing_place(failure, path) } else { failure }
    }
}

fn not_among(failure: Failure, noun: &str, typed: &str, names: &[&str]) -> Failure {
    let message = format!("there is no {noun} `{}` that you can see", crate::text::escape(typed));
    let failure = Failure { message, ..failure };
    match nearest(typed, names.iter().copied()) {
        Some(name) => failure.help(format!("did you mean `{}`?", crate::text::escape(name))),
        None => failure,
    }
}
