use std::{
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::supervisor::find_tool;

/// A program that sandboxes are made with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tool {
    /// Where it is.
    pub path: PathBuf,
    /// It runs with its owner's rights.
    pub setuid: bool,
    /// What it says its version is.
    pub version: Option<String>,
}

/// Looks for a program in the folders in which the runtime does, and asks for its version.
pub fn tool(name: &str, folders: &[PathBuf]) -> Option<Tool> {
    let path = find_tool(folders, name)?;
    let setuid = path.metadata().is_ok_and(|file| file.mode() & 0o4000 != 0);
    let asked = Command::new(&path).arg("--version").env_clear().stdin(Stdio::null()).stderr(Stdio::null()).output();
    let said = asked.ok().filter(|output| output.status.success());
    let version = said.and_then(|output| version(&String::from_utf8_lossy(&output.stdout)));
    Some(Tool { path, setuid, version })
}

/// The first word that begins with a digit.
fn version(said: &str) -> Option<String> {
    let word = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    word.bytes().all(|byte| byte.is_ascii_graphic()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_programs_say() {
        assert_eq!(version("bubblewrap 0.8.0\n").as_deref(), Some("0.8.0"));
        assert_eq!(version("slirp4netns version 1.2.0\ncommit: 656041d4\n").as_deref(), Some("1.2.0"));
        assert_eq!(version("usage: something\n"), None);
        assert_eq!(version("bubblewrap 0.8\u{1b}[2J\n"), None);
    }
}
