//! How long what a caller shows holds.

use crate::Time;

/// Seconds after which a session ends, used or not: 7 days.
pub const SESSION_SECONDS: i64 = 7 * 24 * 3_600;
/// Seconds of disuse after which a session ends: 12 hours.
pub const SESSION_IDLE_SECONDS: i64 = 12 * 3_600;
/// Seconds by which the record of a credential's last use may be behind: 5 minutes.
pub const USE_RECORDED_EVERY_SECONDS: i64 = 5 * 60;

/// Seconds for which a browser is remembered after somebody signed in there: 180 days.
pub const BROWSER_KNOWN_SECONDS: i64 = 180 * 24 * 3_600;
/// How many browsers of one person are remembered.
pub const BROWSERS_KNOWN: i64 = 10;

/// When a session that begins now ends at the latest.
pub fn session_ends(now: Time) -> Time {
    now.plus_seconds(SESSION_SECONDS)
}

/// A session that was last used then, or before, has ended by disuse.
pub fn idle_since(now: Time) -> Time {
    now.plus_seconds(-SESSION_IDLE_SECONDS)
}

/// Whether a use is worth a write, after the one on record.
pub fn use_is_worth_recording(on_record: Time, now: Time) -> bool {
    on_record.plus_seconds(USE_RECORDED_EVERY_SECONDS) < now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_after_a_week_and_after_half_a_day_without_use() {
        let now = Time(1_000_000);
        assert_eq!(session_ends(now), Time(604_801_000_000));
        assert_eq!(idle_since(session_ends(now)), now.plus_seconds(13 * 12 * 3_600));
    }

    #[test]
    fn a_use_is_recorded_every_few_minutes_at_most() {
        let first = Time(0);
        for (seconds, worth) in [(0, false), (299, false), (300, false), (301, true), (1_000_000, true)] {
            assert_eq!(use_is_worth_recording(first, first.plus_seconds(seconds)), worth, "{seconds}");
        }
        assert!(!use_is_worth_recording(first, first.plus_seconds(-1)), "a clock that was put back");
    }
}
