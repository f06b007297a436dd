//! Finding and executing the command.

use std::ffi::{CStr, CString};

use nix::{errno::Errno, unistd::execve};

/// Where programs are looked for when the environment has no `PATH`.
const DEFAULT_PATH: &[u8] = b"/usr/local/bin:/usr/bin:/bin";

/// Becomes the command, found as a shell finds it: by its path if it has a slash, else in the `PATH` of the
/// environment it will have. Returns why it could not.
pub(super) fn execute(command: &[&CStr], environment: &[&CStr]) -> String {
    let name = command[0].to_bytes();
    let mut failure = Errno::ENOENT;
    for candidate in candidates(name, environment) {
        let Err(error) = execve(&candidate, command, environment);
        match error {
            Errno::ENOENT | Errno::ENOTDIR => {}
            // A later folder may have one that can be executed.
            Errno::EACCES => failure = error,
            _ => {
                failure = error;
                break;
            }
        }
    }
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
        assert!(execute(&[c"there-is-no-such-command"], &[]).starts_with("Command not found: there"));
        assert!(execute(&[c"/etc"], &[]).contains("not executable"));
        assert!(execute(&[c"/nowhere/program"], &[]).contains("does not exist"));
    }
}
