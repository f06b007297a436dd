//! `.vestry.toml`: which workspace a project's directory belongs to. It is meant to be shared, so it holds no secrets.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{exit::Failure, text::escape};

/// The file's name.
pub(crate) const FILE: &str = ".vestry.toml";

/// The largest file that is read, in bytes: three lines, and whatever somebody writes about them.
const LARGEST: u64 = 16 * 1024;

/// What a project says of itself.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Project {
    /// Where it was found.
    pub(crate) path: Option<PathBuf>,
    /// The control plane.
    pub(crate) url: Option<String>,
    /// The organization's slug.
    pub(crate) organization: Option<String>,
    /// The workspace's slug.
    pub(crate) workspace: Option<String>,
}

impl Project {
    /// Looks for the file in a directory and then in those above it.
    ///
    /// # Errors
    /// When it can't be read, and when it holds anything else than what belongs into it. What it holds is not repeated.
    pub(crate) fn find(from: &Path) -> Result<Self, Failure> {
        for directory in from.ancestors() {
            let path = directory.join(FILE);
            match read_file(&path) {
                Ok(text) => return Self::read(&text, path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(Failure::not_configured(format!("{} can't be read: {error}", path.display())));
                }
            }
        }
        Ok(Self::default())
    }

    fn read(text: &str, path: PathBuf) -> Result<Self, Failure> {
        let failure = |why: &str| Failure::not_configured(format!("{} {why}; it was not used", path.display()));
        let table: toml::Table = text.parse().map_err(|_| failure("is not TOML"))?;
        let mut project = Self::default();
        for (key, value) in table {
            let place = match key.as_str() {
                "url" => &mut project.url,
                "organization" => &mut project.organization,
                "workspace" => &mut project.workspace,
                other => {
                    return Err(failure(&format!("holds `{}`, which does not belong there", escape(other))).help(
                        "the file is shared with the project: it has url, organization and workspace, and never a token \
                         or a value\nif a secret was in it, write a new version of that secret",
                    ));
                }
            };
            let toml::Value::String(value) = value else {
                return Err(failure(&format!("has a `{key}` that is not text")));
            };
            if value.contains("vst_") {
                return Err(failure(&format!("has a token as its `{key}`"))
                    .help("take it out and revoke it:  vestry token revoke ID"));
            }
            *place = Some(value);
        }
        Ok(Self { path: Some(path), ..project })
    }

    /// Writes the file: where it was found, otherwise into a directory. Answers where it is.
    pub(crate) fn write(&self, directory: &Path) -> Result<PathBuf, Failure> {
        let path = self.path.clone().unwrap_or_else(|| directory.join(FILE));
        let lines = [("url", &self.url), ("organization", &self.organization), ("workspace", &self.workspace)];
        let text: String = lines
            .into_iter()
            .filter_map(|(key, value)| value.as_ref().map(|value| format!("{key} = {}\n", quoted(value))))
            .collect();
        fs::write(&path, text)
            .map_err(|error| Failure::not_configured(format!("{} can't be written: {error}", path.display())))?;
        Ok(path)
    }
}

/// Reads a small file. Whoever may write to a directory above could put a pipe there, or something without an end.
fn read_file(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it has more than {LARGEST} bytes")));
    }
    Ok(text)
}

/// A TOML basic string. JSON writes strings in a way that TOML reads.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found_from_below() {
        let top = tempfile::tempdir().unwrap();
        let below = top.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        let project = Project {
            path: None,
            url: Some("https://vestry.example".into()),
            organization: Some("acme".into()),
            workspace: Some("nlp".into()),
        };
        let path = project.write(top.path()).unwrap();
        let found = Project::find(&below).unwrap();
        assert_eq!(found, Project { path: Some(path.clone()), ..project });
        assert_eq!(found.write(&below).unwrap(), path);
    }

    #[test]
    fn only_a_small_file_is_read() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join(FILE);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(format!("{:?}", Project::find(top.path()).unwrap_err()).contains("it is no file"));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "#".repeat(16 * 1024 + 1)).unwrap();
        assert!(format!("{:?}", Project::find(top.path()).unwrap_err()).contains("more than 16384 bytes"));
        fs::write(&path, "#".repeat(16 * 1024)).unwrap();
        assert_eq!(Project::find(top.path()).unwrap().path, Some(path));
    }

    #[test]
    fn a_secret_in_the_file_is_refused_and_not_repeated() {
        let secret = "sk-canary-4711";
        for text in [
            format!("workspace = \"w\"\ntoken = \"{secret}\""),
            format!("[secrets]\nA = \"{secret}\""),
            format!("PASSWORD = \"{secret}\""),
            format!("url = \"vst_p_{secret}\""),
            format!("workspace = {secret}"),
        ] {
            let failure = Project::read(&text, PathBuf::from(FILE)).unwrap_err();
            assert_eq!(failure.exit, crate::exit::Exit::NotConfigured);
            assert!(!format!("{failure:?}").contains(secret), "{failure:?}");
        }
    }
}
