//! What was observed, judged: pure, so that machines unlike this one can be tried. Each gives a [`Verdict`].
//!
//! [`Verdict`]: super::report::Verdict

pub(super) mod clock;
pub(super) mod database;
pub(super) mod directories;
pub(super) mod dumps;
pub(super) mod encryption;
pub(super) mod memory;
pub(super) mod namespaces;
pub(super) mod root_key;
pub(super) mod running;
pub(super) mod sandbox;
pub(super) mod swap;
pub(super) mod token;
pub(super) mod uids;

use std::path::Path;

/// A path as a shell takes it.
fn shell(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if text.chars().all(plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_command_stays_one_word() {
        assert_eq!(shell(Path::new("/srv/vestry-1.0/a_b")), "/srv/vestry-1.0/a_b");
        assert_eq!(shell(Path::new("/srv/my key; rm")), "'/srv/my key; rm'");
        assert_eq!(shell(Path::new("/srv/a'b")), r"'/srv/a'\''b'");
    }
}
