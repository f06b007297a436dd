//! Why nothing reaches a workspace under a name, where there is or was a secret of it.

use crate::{Scope, Stamp, words::words};

words! {
    /// Why a secret does not reach a workspace.
    Absence {
        /// The organization's secret has access `selected`, and the workspace is not selected.
        NotSelected = "not_selected",
        /// The secret was deleted.
        Deleted = "deleted",
    }
}

/// What is known of a secret of some name as a workspace may lack it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lacking {
    /// Where it belongs.
    pub scope: Scope,
    /// When it was deleted, if it is.
    pub deleted: Option<Stamp>,
    /// When it last ceased to reach the workspace; `None` where it never did.
    pub ceased: Option<Stamp>,
}

impl Lacking {
    /// Why it is absent, and since when. Only administrators may know of an organization's secret that does not reach a
    /// workspace; for everybody else it is as if there had never been one. What was the workspace's own may be known to
    /// all who see the workspace.
    pub fn told_to(self, knows_organization_secrets: bool) -> Option<(Absence, Option<Stamp>)> {
        match (self.scope, self.deleted) {
            (Scope::Organization, _) if !knows_organization_secrets => None,
            (_, Some(deleted)) => Some((Absence::Deleted, Some(deleted))),
            (Scope::Organization, None) => Some((Absence::NotSelected, self.ceased)),
            // A workspace's own secret that is there reaches it.
            (Scope::Workspace, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;

    #[test]
    fn only_who_knows_organization_secrets_is_told_of_one_that_does_not_reach() {
        let stamp = |micros| Some(Stamp { at: Time(micros), by: None });
        let (mut there, mut gone) = (Lacking { scope: Scope::Organization, deleted: None, ceased: stamp(1) }, stamp(2));
        assert_eq!((there.told_to(true), there.told_to(false)), (Some((Absence::NotSelected, stamp(1))), None));
        there.deleted = gone.take();
        assert_eq!((there.told_to(true), there.told_to(false)), (Some((Absence::Deleted, stamp(2))), None));
        let own = Lacking { scope: Scope::Workspace, ..there };
        assert_eq!((own.told_to(true), own.told_to(false)), (there.told_to(true), there.told_to(true)));
        assert_eq!(Lacking { deleted: None, ..own }.told_to(true), None);
    }
}
