//! The program that `vestry run` is to become: looked up before anything is asked for, and in the caller's own `PATH`.

use std::{
    env,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::{
    exit::{Exit, Failure},
    text::escape,
};

/// Where programs are without a `PATH`, as the C library has it.
const WITHOUT_PATH: &str = "/bin:/usr/bin";

/// The file that a name on the command line means.
///
/// # Errors
/// With a shell's codes where there is none, or none that can be executed.
pub(super) fn find(program: &OsStr) -> Result<PathBuf, Failure> {
    find_in(program, &env::var_os("PATH").unwrap_or_else(|| WITHOUT_PATH.into()))
}

fn find_in(program: &OsStr, path: &OsStr) -> Result<PathBuf, Failure> {
    let candidates = candidates(program, path);
    if let Some(found) = candidates.iter().find(|candidate| can_be_executed(candidate)) {
        return Ok(found.clone());
    }
    let name = escape(&program.to_string_lossy());
    Err(match candidates.iter().any(|candidate| candidate.exists()) {
        true => Failure::new(Exit::NotExecutable, format!("`{name}` can't be executed; nothing was asked for")),
        false => Failure::new(Exit::NoSuchCommand, format!("there is no program `{name}`; nothing was asked for")),
    })
}

/// POSIX, 8.3: a name with a slash is a path, any other is looked for in each directory; an empty one is the current.
fn candidates(program: &OsStr, path: &OsStr) -> Vec<PathBuf> {
    if program.is_empty() {
        return Vec::new();
    }
    if program.as_bytes().contains(&b'/') {
        return vec![program.into()];
    }
    let here = |directory: PathBuf| if directory.as_os_str().is_empty() { ".".into() } else { directory };
    env::split_paths(path).map(|directory| here(directory).join(program)).collect()
}

fn can_be_executed(candidate: &Path) -> bool {
    candidate.is_file() && accessat(CWD, candidate, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_program_is_what_the_first_directory_of_the_path_has_that_can_be_executed() {
        let home = tempfile::tempdir().unwrap();
        for (file, mode) in [("a/plain", 0o644), ("b/plain", 0o755), ("b/only-plain", 0o644), ("b/tool", 0o755)] {
            let path = home.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(home.path().join("a/tool")).unwrap();
        let path = env::join_paths([home.path().join("a"), home.path().join("b")]).unwrap();
        let find = |program: &str| find_in(OsStr::new(program), &path).map_err(|failure| failure.exit as u8);
        for name in ["plain", "tool"] {
            assert_eq!(find(name).unwrap(), home.path().join("b").join(name));
        }
        assert_eq!(find("only-plain").unwrap_err(), 126);
        for none in ["nothing", "", "./tool-that-is-not-here"] {
            assert_eq!(find(none).unwrap_err(), 127, "{none}");
        }
        let whole = home.path().join("b/tool");
        assert_eq!(find(whole.to_str().unwrap()).unwrap(), whole);
    }
}
