use runtime::{LimitFound, MemoryLimit};

use super::super::report::Verdict;

/// Whether the limit of servers' memory holds.
pub(in super::super) fn judge(found: &LimitFound) -> Verdict {
    match found {
        LimitFound::Undecided(limit) => Verdict::unknown(format!(
            "whether {limit} can be enforced shows when the control plane runs: the group that it is started in decides"
        )),
        LimitFound::Known(MemoryLimit::None) => Verdict::ok(
            "no limit is set, so a server may take all of this machine's; [servers] memory = \"4 GiB\" sets one",
        ),
        LimitFound::Known(MemoryLimit::Enforced(limit)) => Verdict::ok(format!("{limit} for each server, enforced")),
        LimitFound::Known(not_enforced @ MemoryLimit::NotEnforced { .. }) => {
            Verdict::warning(not_enforced.warning().unwrap_or_default())
                .because("Servers start all the same, and can take all of this machine's memory. With systemd:")
                .remedy([
                    "systemctl edit vestry      and there: [Service], Delegate=memory, DelegateSubgroup=control-plane",
                    "systemctl restart vestry",
                    "by hand:  systemd-run --user --scope -p Delegate=yes vestry serve",
                ])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    #[test]
    fn a_limit_holds_or_is_said_not_to() {
        let limit = "4 GiB".parse().unwrap();
        let status = |found| judge(&LimitFound::Known(found)).status;
        assert_eq!(status(MemoryLimit::None), Status::Ok);
        assert_eq!(status(MemoryLimit::Enforced(limit)), Status::Ok);
        assert_eq!(judge(&LimitFound::Undecided(limit)).status, Status::Unknown);
        let verdict = judge(&LimitFound::Known(MemoryLimit::NotEnforced { limit, why: "no cgroup2".into() }));
        assert_eq!(verdict.status, Status::Warning);
        assert_eq!(verdict.found, "The memory limit of servers, 4 GiB, is NOT enforced: no cgroup2.");
        assert!(verdict.remedy[0].contains("Delegate=memory"));
    }
}
