//! Who else has the uids that workspaces get when the control plane runs as root.

use std::{fs, io};

use nix::unistd::{Uid, User};

/// How many uids from the first are looked at: no installation has more workspaces.
pub const UIDS_LOOKED_AT: u32 = 1_000_000;

/// Uids of the range that belong to somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Whose they are.
    pub owner: String,
    /// The first of them.
    pub first: u32,
    /// The last of them.
    pub last: u32,
    /// The file that says so.
    pub file: &'static str,
}

/// The name of an account; its number where it has none.
pub fn account(uid: u32) -> String {
    let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    known.map_or_else(|| uid.to_string(), |user| user.name)
}

/// Who has uids of the range that begins there, by the files of this machine; a directory service is not asked.
///
/// # Errors
/// When the list of accounts can't be read.
pub fn claims(first_uid: u32) -> io::Result<Vec<Claim>> {
    let accounts = fs::read_to_string("/etc/passwd")?;
    let subordinate = fs::read_to_string("/etc/subuid").unwrap_or_default();
    Ok(claimed(&accounts, &subordinate, first_uid))
}

fn claimed(passwd: &str, subuid: &str, first_uid: u32) -> Vec<Claim> {
    let own = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (owner, uid) = (fields.next()?, fields.nth(1)?.parse().ok()?);
        Some(Claim { owner: owner.to_owned(), first: uid, last: uid, file: "/etc/passwd" })
    });
    let lent = subuid.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (owner, first, count) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse::<u32>().ok()?);
        let last = u32::checked_add(first, count.checked_sub(1)?)?;
        Some(Claim { owner: owner.to_owned(), first, last, file: "/etc/subuid" })
    });
    let last_uid = first_uid.saturating_add(UIDS_LOOKED_AT);
    own.chain(lent).filter(|claim| claim.first <= last_uid && claim.last >= first_uid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/sh\nbroken\n\
        big:x:2000000007:1::/:/bin/sh\n";
    const SUBUID: &str = "ada:100000:65536\njo:4294000000:967295\n# none\nx:5:0\n";

    #[test]
    fn accounts_and_lent_ranges_within_the_range_are_found() {
        let owners = |first| claimed(PASSWD, SUBUID, first).into_iter().map(|claim| claim.owner).collect::<Vec<_>>();
        assert_eq!(owners(2_000_000_000), ["big"]);
        assert_eq!(owners(3_000_000_000), [""; 0]);
        assert_eq!(owners(500), ["ada", "ada"]);
        assert_eq!(owners(165_536), [""; 0], "right behind a lent range");
        assert_eq!(owners(165_535), ["ada"]);
        assert_eq!(owners(4_294_000_000), ["jo"], "the range ends where numbers do");
    }
}
