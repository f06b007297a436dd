use runtime::machine::{Claim, last_uid};

use super::super::report::Verdict;

/// Whether the uids of workspaces, which are their groups' numbers too, belong to nobody else. `account` is the one that runs this, when it is not root.
pub(in super::super) fn judge(account: Option<&str>, first: u32, claims: &Result<Vec<Claim>, String>) -> Verdict {
    if let Some(account) = account {
        return Verdict::ok(format!(
            "servers run as this account, {account}, each workspace's in sandboxes of its own"
        ));
    }
    let claims = match claims {
        Ok(claims) => claims,
        Err(why) => return Verdict::unknown(why),
    };
    let Some(claim) = claims.first() else {
        let last = last_uid(first);
        return Verdict::ok(format!(
            "each workspace has its own, from {first}; {first} to {last} belong to nobody else"
        ));
    };
    let Claim { owner, first: from, last, file } = claim;
    let which = if from == last { format!("{from}") } else { format!("{from} to {last}") };
    Verdict::problem(format!("{which} of the range from {first} belong to {owner} ({file})"))
        .because(
            "A workspace's servers would run as somebody else or in their group. In the settings file, before there are \
             workspaces:",
        )
        .remedy(["[servers] first_uid = 2000000000, or another number behind which a million uids are free"])
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    #[test]
    fn a_range_that_is_somebody_else_s_is_a_problem_for_root_alone() {
        let claim = |first, last| Claim { owner: "ada".into(), first, last, file: "/etc/subuid" };
        assert_eq!(judge(Some("vestry"), 5, &Ok(vec![claim(5, 9)])).status, Status::Ok);
        let free = judge(None, 2_000_000_000, &Ok(vec![]));
        assert_eq!(free.status, Status::Ok);
        assert!(free.found.contains("2000000000 to 2000999999"), "{free:?}");
        let verdict = judge(None, 100_000, &Ok(vec![claim(100_000, 165_535)]));
        assert_eq!(verdict.status, Status::Problem);
        assert!(verdict.found.starts_with("100000 to 165535 of the range from 100000 belong to ada"), "{verdict:?}");
        assert!(judge(None, 1000, &Ok(vec![claim(1007, 1007)])).found.starts_with("1007 of"));
        assert_eq!(judge(None, 1, &Err("no list".into())).status, Status::Unknown);
    }
}
