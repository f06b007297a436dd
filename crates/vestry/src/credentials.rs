//! The file that keeps a signed-in person's token, bound to the control plane that it was made for.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use envelope::Plaintext;
use serde::{Deserialize, Serialize};

use crate::{address::Address, exit::Failure, token::Token};

/// The file's name within Vestry's configuration directory.
const FILE: &str = "credentials.json";

/// The kept tokens; one for each control plane.
pub(crate) struct Credentials {
    path: PathBuf,
    kept: Kept,
}

/// The file's content. No Debug: it holds tokens.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The control plane that commands go to when nothing else is said: the last one signed in to.
    current: Option<String>,
    control_planes: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    url: String,
    token: String,
    /// The token's id where `login` made it; a token that was handed in is not ours to revoke.
    token_id: Option<String>,
}

impl Credentials {
    /// Reads the file in Vestry's configuration directory; none there is as good as an empty one.
    ///
    /// # Errors
    /// When it can't be read, and when others could read it too.
    pub(crate) fn open(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(FILE);
        let failure = |why: String| Failure::not_configured(format!("{} {why}", path.display()));
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { path, kept: Kept::default() }),
            Err(error) => return Err(failure(format!("can't be read: {error}"))),
        };
        let metadata = file.metadata().map_err(|error| failure(format!("can't be read: {error}")))?;
        if metadata.mode() & 0o077 != 0 {
            return Err(failure("can be read by others; it was not used".to_owned()).help(format!(
                "chmod 600 {}\nand, if others use this machine, make a new token:  vestry login",
                path.display()
            )));
        }
        let mut text = Vec::new();
        io::Read::read_to_end(&mut file, &mut text).map_err(|error| failure(format!("can't be read: {error}")))?;
        let text = Plaintext::new(text);
        let kept = serde_json::from_slice(text.expose())
            .map_err(|_| failure("is damaged; it was not used".to_owned()).help("remove it, then:  vestry login"))?;
        Ok(Self { path, kept })
    }

    /// Where the file is, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The control plane last signed in to.
    pub(crate) fn current(&self) -> Option<&str> {
        self.kept.current.as_deref()
    }

    /// The token made for an address, and its id if `login` made it.
    pub(crate) fn token(&self, address: &Address) -> Result<Option<(Token, Option<String>)>, Failure> {
        let Some(entry) = self.kept.control_planes.iter().find(|entry| entry.url == address.as_str()) else {
            return Ok(None);
        };
        let token = Token::parse(Plaintext::new(entry.token.clone().into_bytes()), "a kept token");
        token.map(|token| Some((token, entry.token_id.clone()))).map_err(|why| {
            Failure::not_configured(format!("{}: {}", self.path.display(), why.message))
                .help("remove the file, then:  vestry login")
        })
    }

    /// Keeps a token for an address, which becomes the current one.
    pub(crate) fn keep(&mut self, address: &Address, token: &Token, token_id: Option<String>) -> Result<(), Failure> {
        self.kept.control_planes.retain(|entry| entry.url != address.as_str());
        self.kept.control_planes.push(Entry {
            url: address.as_str().to_owned(),
            token: token.expose().to_owned(),
            token_id,
        });
        self.kept.current = Some(address.as_str().to_owned());
        self.write()
    }

    /// Forgets the token for an address. The file goes with its last token.
    pub(crate) fn forget(&mut self, address: &Address) -> Result<(), Failure> {
        self.kept.control_planes.retain(|entry| entry.url != address.as_str());
        if self.current() == Some(address.as_str()) {
            self.kept.current = self.kept.control_planes.last().map(|entry| entry.url.clone());
        }
        if self.kept.control_planes.is_empty() {
            return fs::remove_file(&self.path).map_err(|error| self.unwritable(&error));
        }
        self.write()
    }

    /// Whether a token could be kept, before one is made.
    ///
    /// # Errors
    /// When the file could not be written.
    pub(crate) fn check_writable(&self) -> Result<(), Failure> {
        let beside = self.beside();
        let tried = self.create(&beside).and_then(|_| fs::remove_file(&beside));
        tried.map_err(|error| self.unwritable(&error).help("nobody was signed in; make the directory writable first"))
    }

    /// Writes a new file beside the old one and puts it in its place, so that there is never half a file.
    fn write(&self) -> Result<(), Failure> {
        let beside = self.beside();
        let written = (|| {
            let text = Plaintext::new(serde_json::to_vec_pretty(&self.kept)?);
            let mut file = self.create(&beside)?;
            file.write_all(text.expose())?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        })();
        written.map_err(|error| {
            let _ = fs::remove_file(&beside);
            self.unwritable(&error)
        })
    }

    fn beside(&self) -> PathBuf {
        self.path.with_extension(format!("{}.new", std::process::id()))
    }

    fn create(&self, beside: &Path) -> io::Result<File> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        Failure::not_configured(format!("{} can't be written: {error}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn token(text: &str) -> Token {
        Token::parse(Plaintext::new(text.as_bytes().to_vec()), "this").ok().unwrap()
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_file_and_its_directory_are_for_their_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("vestry");
        let mut credentials = Credentials::open(&directory).ok().unwrap();
        credentials.keep(&address("https://a.example"), &token("vst_p_1_3852350a"), None).unwrap();
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join(FILE)), 0o600);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    }

    #[test]
    fn a_token_is_only_found_for_the_address_that_it_was_made_for() {
        let home = tempfile::tempdir().unwrap();
        let mut credentials = Credentials::open(home.path()).ok().unwrap();
        credentials.keep(&address("https://a.example"), &token("vst_p_1_3852350a"), Some("1".into())).unwrap();
        credentials.keep(&address("https://b.example"), &token("vst_p_2_a15b64b0"), None).unwrap();

        let mut credentials = Credentials::open(home.path()).ok().unwrap();
        assert_eq!(credentials.current(), Some("https://b.example"));
        let (token, id) = credentials.token(&address("https://a.example")).ok().unwrap().unwrap();
        assert_eq!((token.expose(), id.as_deref()), ("vst_p_1_3852350a", Some("1")));
        assert!(credentials.token(&address("https://evil.example")).ok().unwrap().is_none());

        credentials.forget(&address("https://b.example")).unwrap();
        assert_eq!(credentials.current(), Some("https://a.example"));
        credentials.forget(&address("https://a.example")).unwrap();
        assert!(!home.path().join(FILE).exists());
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(FILE);
        fs::write(&path, "{\"current\":null,\"control_planes\":[]}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Credentials::open(home.path()).err().unwrap().message.contains("can be read by others"));
    }
}
