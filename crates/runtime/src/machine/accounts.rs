//! Who else has the uids that workspaces get when the control plane runs as root.

use std::{fs, io};

use nix::unistd::{Uid, User};

/// How many uids from the first are looked at: no installation has more workspaces.
const UIDS_LOOKED_AT: u32 = 1_000_000;

/// Numbers of the range that belong to somebody, as a user or as a group: a workspace's uid is its group's number too.
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

/// The last uid of the range that begins there.
pub fn last_uid(first: u32) -> u32 {
    first.saturating_add(UIDS_LOOKED_AT - 1)
}

/// Who has numbers of the range that begins there, by the files of this machine; a directory service is not asked.
///
/// # Errors
/// When the lists of accounts and groups can't be read.
pub fn claims(first_uid: u32) -> io::Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for file in ["/etc/passwd", "/etc/group"] {
        claims.extend(own(&fs::read_to_string(file)?, file));
    }
    for file in ["/etc/subuid", "/etc/subgid"] {
        claims.extend(lent(&fs::read_to_string(file).unwrap_or_default(), file));
    }
    Ok(within(claims, first_uid))
}

fn own(list: &str, file: &'static str) -> Vec<Claim> {
    let claim = |line: &str| {
        let mut fields = line.split(':');
        let (owner, number) = (fields.next()?, fields.nth(1)?.parse().ok()?);
        Some(Claim { owner: owner.to_owned(), first: number, last: number, file })
    };
    list.lines().filter_map(claim).collect()
}

fn lent(list: &str, file: &'static str) -> Vec<Claim> {
    let claim = |line: &str| {
        let mut fields = line.split(':');
        let (owner, first, count) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse::<u32>().ok()?);
        let last = u32::checked_add(first, count.checked_sub(1)?)?;
        Some(Claim { owner: owner.to_owned(), first, last, file })
    };
    list.lines().filter_map(claim).collect()
}

fn within(mut claims: Vec<Claim>, first_uid: u32) -> Vec<Claim> {
    claims.retain(|claim| claim.first <= last_uid(first_uid) && claim.last >= first_uid);
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/sh\nbroken\n\
        big:x:2000000007:1::/:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nresearch:x:3000999999:ada,jo\nnext:x:3001000000:\n";
    const SUBUID: &str = "ada:100000:65536\njo:4294000000:967295\n# none\nx:5:0\n";

    fn owners(first: u32) -> Vec<String> {
        let claims = [own(PASSWD, "passwd"), own(GROUP, "group"), lent(SUBUID, "subuid")].concat();
        within(claims, first).into_iter().map(|claim| claim.owner).collect()
    }

    #[test]
    fn accounts_groups_and_lent_ranges_within_the_range_are_found() {
        assert_eq!(owners(2_000_000_000), ["big"]);
        assert_eq!(owners(3_100_000_000), [""; 0]);
        assert_eq!(owners(500), ["ada", "ada"]);
        assert_eq!(owners(165_536), [""; 0], "right behind a lent range");
        assert_eq!(owners(165_535), ["ada"]);
        assert_eq!(owners(4_294_000_000), ["jo"], "the range ends where numbers do");
    }

    /// It was one number longer than it was said to be, and groups were not looked at.
    #[test]
    fn the_range_is_a_million_numbers_and_they_are_groups_too() {
        assert_eq!(owners(3_000_000_000), ["research"]);
        assert_eq!(last_uid(3_000_000_000), 3_000_999_999);
        assert_eq!(last_uid(u32::MAX), u32::MAX);
    }

    #[test]
    fn each_of_this_machine_s_files_is_read() {
        let files = |first| claims(first).unwrap().into_iter().map(|claim| claim.file).collect::<Vec<_>>();
        assert!(["/etc/passwd", "/etc/group"].iter().all(|file| files(0).contains(file)), "root's");
    }
}
