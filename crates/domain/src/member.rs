//! People in an organization.

use crate::Role;

/// Why a member can't be demoted or removed: nobody could administer the organization any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is the organization's last administrator; nothing was changed; make somebody else one first")]
pub struct LastAdministrator;

/// Whether a member may become something else (`None`: leave), in an organization with so many administrators.
///
/// # Errors
/// [`LastAdministrator`] when they are the only one and would be one no longer.
pub fn may_become(now: Role, next: Option<Role>, administrators: i64) -> Result<(), LastAdministrator> {
    let steps_down = now == Role::Administrator && next != Some(Role::Administrator);
    if steps_down && administrators <= 1 { Err(LastAdministrator) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_administrator_stays_one() {
        use Role::{Administrator, Member};
        for next in [None, Some(Member), Some(Administrator)] {
            let stays = next == Some(Administrator);
            assert_eq!(may_become(Administrator, next, 1).is_ok(), stays, "{next:?}");
            assert_eq!(may_become(Administrator, next, 2), Ok(()), "{next:?}");
            assert_eq!(may_become(Member, next, 1), Ok(()), "{next:?}");
        }
    }
}
