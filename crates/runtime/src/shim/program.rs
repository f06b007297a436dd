//! Finding and executing the command.

use std::ffi::{CStr, CString};

use nix::{
    errno::Errno,
    sys::stat::{SFlag, stat},
    unistd::{AccessFlags, access, execve},
};

/// Where programs are looked for when the environment has no `PATH`.
const DEFAULT_PATH: &[u8] = b"/usr/local/bin:/usr/bin:/bin";

/// Whether the command is there and may be executed, found as [`execute`] will find it; why not. What only its execution
/// shows stays open: whether it is a program at all, and whether the interpreter that it names is there.
pub(super) fn find(command: &[&CStr], environment: &[&CStr]) -> Result<(), String> {
    let name = command[0].to_bytes();
    let mut failure = Errno::ENOENT;
    for candidate in candidates(name, environment) {
        match access(&*candidate, AccessFlags::X_OK).and_then(|()| is_file(&candidate)) {
            Ok(()) => return Ok(()),
            Err(error) if !passed_over(error, &mut failure) => break,
            Err(_) => {}
        }
    }
    Err(told(name, failure))
}

fn is_file(path: &CStr) -> nix::Result<()> {
    let kind = stat(path)?.st_mode & SFlag::S_IFMT.bits();
    if kind == SFlag::S_IFREG.bits() { Ok(()) } else { Err(Errno::EACCES) }
}

/// Becomes the command, found as a shell finds it: by its path if it has a slash, else in the `PATH` of the
/// environment it will have. Returns why it could not.
pub(super) fn execute(command: &[&CStr], environment: &[&CStr]) -> String {
    let name = command[0].to_bytes();
    let mut failure = Errno::ENOENT;
    for candidate in candidates(name, environment) {
        let Err(error) = execve(&candidate, command, environment);
        if !passed_over(error, &mut failure) {
            break;
        }
    }
    told(name, failure)
}

/// Whether a later folder may have a program that can be executed; what is said if none has is kept.
fn passed_over(error: Errno, failure: &mut Errno) -> bool {
    match error {
        Errno::ENOENT | Errno::ENOTDIR => true,
        _ => {
            *failure = error;
            error == Errno::EACCES
        }
    }
}

/// What is said of a command that can't be executed.
fn told(name: &[u8], failure: Errno) -> String {
    let name = String::from_utf8_lossy(name);
    match failure {
        Errno::ENOENT if name.contains('/') => {
            format!(
                "Command not found: {name}, or the interpreter it names, does not exist in the sandbox. Check the path."
            )
        }
        Errno::ENOENT => format!("Command not found: {name}. Check the name and the server's PATH."),
        Errno::EACCES => format!("{name} is not executable. Make it executable, or start it by its interpreter."),
        Errno::ENOEXEC => {
            format!("{name} is not a program. If it is a script, begin it with `#!` and its interpreter.")
        }
        other => format!("{name} could not be executed: {}.", other.desc()),
    }
}

fn candidates(name: &[u8], environment: &[&CStr]) -> Vec<CString> {
    let path = |bytes: Vec<u8>| CString::new(bytes).ok();
    if name.contains(&b'/') {
        return path(name.to_vec()).into_iter().collect();
    }
    let folders = environment.iter().rev().find_map(|variable| variable.to_bytes().strip_prefix(b"PATH="));
    let folders = folders.unwrap_or(DEFAULT_PATH).split(|byte| *byte == b':');
    // POSIX: an empty folder means the current one.
    folders.filter_map(|folder| path([if folder.is_empty() { b"." } else { folder }, name].join(&b'/'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_looked_for_in_the_path_it_will_have() {
        assert_eq!(candidates(b"sh", &[c"A=b", c"PATH=/x::/y"]), [c"/x/sh", c"./sh", c"/y/sh"].map(CString::from));
        assert_eq!(candidates(b"./sh", &[c"PATH=/x"]), [CString::from(c"./sh")]);
        assert_eq!(candidates(b"sh", &[])[1], CString::from(c"/usr/bin/sh"));
    }

    #[test]
    fn failures_are_named() {
        for (command, said) in [
            (c"there-is-no-such-command", "Command not found: there"),
            (c"/etc", "not executable"),
            (c"/etc/passwd", "not executable"),
            (c"/etc/passwd/sh", "does not exist"),
            (c"/nowhere/program", "does not exist"),
        ] {
            let found = find(&[command], &[]).unwrap_err();
            assert!(found.contains(said), "{found}");
            assert_eq!(execute(&[command], &[]), found);
        }
        assert_eq!(find(&[c"sh"], &[c"PATH=/nowhere:/etc:/bin"]), Ok(()));
    }
}
