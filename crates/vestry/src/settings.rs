//! What a command works with: flag > environment > file > default. The one place where the environment is read.

pub(crate) mod network;
pub(crate) mod serve;

use std::{
    env,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use envelope::Plaintext;
use zeroize::Zeroizing;

use crate::{
    address::{self, Address},
    cli::Global,
    credentials::Credentials,
    exit::{Exit, Failure},
    project::Project,
    token::Token,
};

/// Whether a variable is Vestry's own, such as its token or the control plane's database: never for a command that it
/// runs.
pub(crate) fn is_for_vestry(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"VESTRY_")
}

/// The environment variables that matter, read once. An empty one is as good as none.
pub(crate) struct Environment {
    token: Option<OsString>,
    home: Option<PathBuf>,
    config_home: Option<PathBuf>,
    data_home: Option<PathBuf>,
    no_color: bool,
    dumb: bool,
}

impl Environment {
    /// Reads the environment of this process.
    pub(crate) fn of_process() -> Self {
        let get = |name| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            token: get("VESTRY_TOKEN"),
            home: get("HOME").map(PathBuf::from),
            config_home: get("XDG_CONFIG_HOME").map(PathBuf::from),
            data_home: get("XDG_DATA_HOME").map(PathBuf::from),
            no_color: get("NO_COLOR").is_some(),
            dumb: get("TERM").is_some_and(|term| term == "dumb"),
        }
    }

    /// The root key's digits from the variable that `--root-key env:NAME` names; empty when it is not set.
    pub(crate) fn root_key(&self, name: &str) -> Zeroizing<String> {
        Zeroizing::new(env::var_os(name).and_then(|digits| digits.into_string().ok()).unwrap_or_default())
    }

    /// The control plane's address from `VESTRY_URL`, for who has no [`Global`] from the command line.
    pub(crate) fn url(&self) -> Option<String> {
        env::var_os("VESTRY_URL").and_then(|url| url.into_string().ok())
    }

    /// Whether colours are wanted where there is a terminal.
    pub(crate) fn colour(&self) -> bool {
        !self.no_color && !self.dumb
    }

    /// Vestry's directory for what a person configures (XDG base directory specification).
    ///
    /// # Errors
    /// When neither it nor a home directory is known.
    pub(crate) fn config_directory(&self) -> Result<PathBuf, Failure> {
        directory(&self.config_home, &self.home, ".config")
    }

    /// Vestry's directory for what it keeps.
    ///
    /// # Errors
    /// When neither it nor a home directory is known.
    pub(crate) fn data_directory(&self) -> Result<PathBuf, Failure> {
        directory(&self.data_home, &self.home, ".local/share")
    }
}

fn directory(own: &Option<PathBuf>, home: &Option<PathBuf>, below: &str) -> Result<PathBuf, Failure> {
    own.clone()
        .filter(|path| path.is_absolute())
        .or_else(|| home.as_ref().map(|home| home.join(below)))
        .map(|directory| directory.join("vestry"))
        .ok_or_else(|| Failure::not_configured("there is no home directory").help("set HOME"))
}

/// What every command that speaks to a control plane works with.
pub(crate) struct Settings {
    /// Nothing is asked before something is deleted.
    pub(crate) yes: bool,
    /// What the directory's `.vestry.toml` says.
    pub(crate) project: Project,
    /// The kept tokens.
    pub(crate) credentials: Credentials,
    /// The directory that the command was called in.
    pub(crate) directory: PathBuf,
    /// From `--url` or `VESTRY_URL`.
    url: Option<Address>,
    /// From `VESTRY_TOKEN`.
    token: Option<Token>,
}

impl Settings {
    /// Puts flags, environment and files together.
    ///
    /// # Errors
    /// When one of them can't be used; then nothing is sent anywhere.
    pub(crate) fn resolve(global: Global, environment: &Environment) -> Result<Self, Failure> {
        let directory = env::current_dir()
            .map_err(|error| Failure::not_configured(format!("the current directory can't be found: {error}")))?;
        let token = environment.token.clone().map(|token| {
            Token::parse(Plaintext::new(token.into_encoded_bytes()), "VESTRY_TOKEN")
                .map_err(|failure| Failure { exit: Exit::NotConfigured, ..failure })
        });
        Ok(Self {
            yes: global.yes,
            project: Project::find(&directory)?,
            credentials: Credentials::open(&environment.config_directory()?)?,
            directory,
            url: global.url.filter(|url| !url.is_empty()).map(|url| Address::parse(&url)).transpose()?,
            token: token.transpose()?,
        })
    }

    /// The control plane to speak to and the token to speak with.
    ///
    /// A token only ever goes where it belongs: a kept one to the address that it was made for, and `VESTRY_TOKEN` to
    /// the address that was given beside it, never to one that a project's file names.
    pub(crate) fn sign_in(&mut self) -> Result<(Address, Token), Failure> {
        if let Some(token) = self.token.take() {
            let address = self.url.clone().ok_or_else(|| {
                Failure::not_configured("VESTRY_TOKEN is set, but not where it belongs; nothing was sent")
                    .help("set VESTRY_URL, or use --url")
            })?;
            return Ok((address, token));
        }
        let Some(address) = self.known_address()? else {
            return Err(Failure::not_configured("not signed in").help(format!(
                "vestry login --url https://…\nto a control plane on this machine:  vestry login --url {}",
                address::DEFAULT
            )));
        };
        match self.credentials.token(&address)? {
            Some((token, _)) => Ok((address, token)),
            None => Err(Failure::not_configured(format!("not signed in to {address}; nothing was sent"))
                .help(format!("vestry login --url {address}"))),
        }
    }

    /// Where to sign in or set up: as for every command, or this machine.
    pub(crate) fn address_or_default(&self) -> Result<Address, Failure> {
        match self.known_address()? {
            Some(address) => Ok(address),
            None => Address::parse(address::DEFAULT),
        }
    }

    /// Where to, when the person can't see it before something confidential goes there: never an address that only the
    /// project's file names.
    pub(crate) fn unattended_address(&self) -> Result<Address, Failure> {
        let address = self.address_or_default()?;
        let own = self.url.is_some() || self.project.url.is_none() || self.credentials.token(&address)?.is_some();
        if own {
            return Ok(address);
        }
        Err(Failure::usage(format!("{address} is only named by this directory's .vestry.toml; nothing was sent"))
            .help(format!("if that is right:  --url {address}")))
    }

    /// Whether `VESTRY_TOKEN` is used instead of a kept token.
    pub(crate) fn has_token_from_environment(&self) -> bool {
        self.token.is_some()
    }

    /// The control plane that commands go to, and what names it; `None` when nothing does.
    pub(crate) fn address_and_source(&self) -> Result<Option<(Address, &'static str)>, Failure> {
        let source = match (&self.url, &self.project.url) {
            (Some(_), _) => "--url or VESTRY_URL",
            (None, Some(_)) => "this directory's .vestry.toml",
            (None, None) => "the last sign-in",
        };
        Ok(self.known_address()?.map(|address| (address, source)))
    }

    fn known_address(&self) -> Result<Option<Address>, Failure> {
        if let Some(url) = &self.url {
            return Ok(Some(url.clone()));
        }
        self.project.url.as_deref().or(self.credentials.current()).map(Address::parse).transpose()
    }
}
