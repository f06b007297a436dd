use runtime::machine::Clock;

use super::super::report::Verdict;

/// Whether the clock of the control plane's machine is kept right.
pub(in super::super) fn judge(clock: Clock) -> Verdict {
    match clock {
        Clock::Synchronised => Verdict::ok("it is synchronised"),
        Clock::NotSynchronised => Verdict::warning("the kernel doesn't know it to be synchronised")
            .because("Ends of tokens and the times in the audit log go by it. As root, unless the host keeps it right:")
            .remedy(["timedatectl set-ntp true", "without a service for that:  apt install systemd-timesyncd"]),
        Clock::Unknown => Verdict::unknown("the kernel doesn't say whether it is synchronised"),
    }
}

/// Clocks may differ so far, in seconds.
const MOST: i64 = 60;

/// Whether this clock and the control plane's agree; `ahead` is by how many seconds this one is.
pub(in super::super) fn judge_difference(ahead: Option<i64>) -> Verdict {
    match ahead {
        None => Verdict::unknown("the control plane's time is not known"),
        Some(ahead) if ahead.abs() <= MOST => Verdict::ok("it agrees with the control plane's"),
        Some(ahead) => {
            let way = if ahead > 0 { "ahead of" } else { "behind" };
            Verdict::warning(format!("it is {} seconds {way} the control plane's", ahead.unsigned_abs()))
                .because(
                    "Tokens end, and certificates hold, by different times here and there. On the one that is wrong:",
                )
                .remedy(["timedatectl set-ntp true"])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    #[test]
    fn a_clock_is_right_or_said_not_to_be() {
        let status = |clock| judge(clock).status;
        assert_eq!(status(Clock::Synchronised), Status::Ok);
        assert_eq!(status(Clock::NotSynchronised), Status::Warning);
        assert_eq!(status(Clock::Unknown), Status::Unknown);
    }

    #[test]
    fn two_clocks_agree_to_a_minute() {
        let verdict = |ahead| judge_difference(ahead);
        for ahead in [0, 60, -60] {
            assert_eq!(verdict(Some(ahead)).status, Status::Ok);
        }
        assert!(verdict(Some(61)).found.contains("61 seconds ahead of"));
        assert!(verdict(Some(-3600)).found.contains("3600 seconds behind"));
        assert_eq!(verdict(Some(61)).status, Status::Warning);
        assert_eq!(verdict(None).status, Status::Unknown);
    }
}
