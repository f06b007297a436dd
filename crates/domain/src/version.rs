//! How long values are kept: of older versions, and of deleted secrets.

use crate::Time;

/// How many versions of a secret keep their value.
pub const KEPT_VERSIONS: u32 = 10;

/// The last version whose value is erased once `newest` is written: that one and all before it. `None` while all keep
/// theirs.
pub fn last_erased(newest: u32) -> Option<u32> {
    newest.checked_sub(KEPT_VERSIONS).filter(|version| *version > 0)
}

/// How long a deleted secret can be restored, in days.
pub const RESTORABLE_DAYS: i64 = 30;

/// What was deleted before this moment is destroyed.
pub fn destroyed_if_deleted_before(now: Time) -> Time {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    Time(now.0.saturating_sub(RESTORABLE_DAYS * DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_secret_can_be_restored_for_thirty_days() {
        let day = |day: i64| Time(day * 86_400_000_000);
        assert_eq!(destroyed_if_deleted_before(day(45)), day(15));
        assert_eq!(destroyed_if_deleted_before(Time(i64::MIN)), Time(i64::MIN));
    }

    #[test]
    fn the_last_ten_versions_are_kept() {
        for newest in [0, 1, 9, 10] {
            assert_eq!(last_erased(newest), None, "{newest}");
        }
        assert_eq!(last_erased(11), Some(1));
        assert_eq!(last_erased(u32::MAX), Some(u32::MAX - 10));
    }
}
