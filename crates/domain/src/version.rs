//! Versions of a secret.

/// How many versions of a secret keep their value.
pub const KEPT_VERSIONS: u32 = 10;

/// The last version whose value is erased once `newest` is written: that one and all before it. `None` while all keep
/// theirs.
pub fn last_erased(newest: u32) -> Option<u32> {
    newest.checked_sub(KEPT_VERSIONS).filter(|version| *version > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_versions_are_kept() {
        for newest in [0, 1, 9, 10] {
            assert_eq!(last_erased(newest), None, "{newest}");
        }
        assert_eq!(last_erased(11), Some(1));
        assert_eq!(last_erased(u32::MAX), Some(u32::MAX - 10));
    }
}
