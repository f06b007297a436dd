//! What a change of one secret will do to the environments of workspaces, before it is made.

use std::collections::BTreeSet;

use crate::{Available, SecretId, WorkspaceId, resolve, words::words};

/// A secret as it is about to be.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The secret.
    pub secret: SecretId,
    /// What it will be; `None` when it is deleted.
    pub after: Option<Available>,
    /// Which workspaces it will reach.
    pub reaches: Reaches,
}

/// Which workspaces a secret reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reaches {
    /// Every workspace.
    Everywhere,
    /// These, be it none.
    Only(BTreeSet<WorkspaceId>),
}

impl Reaches {
    /// Whether it reaches this one.
    pub fn includes(&self, workspace: WorkspaceId) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Only(workspaces) => workspaces.contains(&workspace),
        }
    }

    /// The workspaces that it is said of one by one.
    pub fn named(&self) -> impl Iterator<Item = &WorkspaceId> {
        let only = match self {
            Self::Everywhere => None,
            Self::Only(workspaces) => Some(workspaces),
        };
        only.into_iter().flatten()
    }
}

words! {
    /// How a workspace feels the change of a secret.
    ReachEffect {
        /// The secret reaches it and did not before.
        Gains = "gains",
        /// The secret does not reach it any more.
        Loses = "loses",
        /// It reaches it as before, in another version or under another name.
        Changes = "changes",
    }
}

/// What a change does to one workspace.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Effect {
    /// How the workspace feels it; `None` where nothing changes.
    pub reach: Option<ReachEffect>,
    /// Whether the secret reaches the workspace afterwards.
    pub reaches: bool,
    /// Whether the workspace's own secret of the same name overrides it then.
    pub overridden: bool,
    /// The organization's secret that it overrides then.
    pub overrides: Option<Available>,
    /// The organization's secret that shows again, because this one overrides it no more.
    pub uncovers: Option<Available>,
}

/// What will reach a workspace that these secrets reach now, once several others are made what is proposed.
pub fn applied(proposals: &[Proposal], workspace: WorkspaceId, mut now: Vec<Available>) -> Vec<Available> {
    let changed: BTreeSet<SecretId> = proposals.iter().map(|proposal| proposal.secret).collect();
    now.retain(|secret| !changed.contains(&secret.id));
    let reaching = proposals.iter().filter(|proposal| proposal.reaches.includes(workspace));
    now.extend(reaching.filter_map(|proposal| proposal.after.clone()));
    now
}

impl Proposal {
    /// No such secret.
    pub fn none(secret: SecretId) -> Self {
        Self { secret, after: None, reaches: Reaches::Only(BTreeSet::new()) }
    }

    /// What will reach a workspace that these secrets reach now.
    pub fn applied(&self, workspace: WorkspaceId, now: Vec<Available>) -> Vec<Available> {
        applied(std::slice::from_ref(self), workspace, now)
    }

    /// What the change does to a workspace that these secrets reach now: at least this one, if it does, and those of
    /// its name now and of its name then.
    pub fn effect(&self, workspace: WorkspaceId, now: Vec<Available>) -> Effect {
        let (before, after) = (resolve(now.clone()), resolve(self.applied(workspace, now.clone())));
        let was = now.into_iter().find(|secret| secret.id == self.secret);
        let is = self.after.as_ref().filter(|_| self.reaches.includes(workspace));
        let reach = match (&was, is) {
            (None, Some(_)) => Some(ReachEffect::Gains),
            (Some(_), None) => Some(ReachEffect::Loses),
            (Some(was), Some(is)) if was != is => Some(ReachEffect::Changes),
            _ => None,
        };
        let found = is.and_then(|is| after.get(&is.name));
        let wins = found.filter(|found| found.winner.id == self.secret);
        let hid = was.and_then(|was| before.get(&was.name)?.overridden.clone());
        let shows = |hidden: &Available| {
            hidden.id != self.secret && after.get(&hidden.name).is_some_and(|now| now.winner.id == hidden.id)
        };
        Effect {
            reach,
            reaches: is.is_some(),
            overridden: found.is_some() && wins.is_none(),
            overrides: wins.and_then(|found| found.overridden.clone()),
            uncovers: hid.filter(shows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scope, SecretName, Time};

    fn lab() -> WorkspaceId {
        WorkspaceId::new(Time(0), [7; 10])
    }

    fn secret(number: u8, name: &str, scope: Scope, version: u32) -> Available {
        let id = SecretId::new(Time(0), [number; 10]);
        Available { id, name: SecretName::parse(name).unwrap(), scope, version, suspended: false, detail: () }
    }

    fn effect(after: Option<Available>, of: u8, reaches: bool, now: &[Available]) -> Effect {
        let reaches = if reaches { Reaches::Only(BTreeSet::from([lab()])) } else { Reaches::Only(BTreeSet::new()) };
        let proposal = Proposal { secret: SecretId::new(Time(0), [of; 10]), after, reaches };
        proposal.effect(lab(), now.to_vec())
    }

    use ReachEffect::{Changes, Gains, Loses};
    use Scope::{Organization, Workspace};

    #[test]
    fn a_workspace_gains_loses_or_keeps_a_secret() {
        let key = |version| secret(1, "KEY", Organization, version);
        let felt = |after, reaches, now: &[Available]| effect(after, 1, reaches, now).reach;
        assert_eq!(felt(Some(key(1)), true, &[]), Some(Gains));
        assert_eq!(felt(Some(key(1)), false, &[]), None);
        assert_eq!(felt(Some(key(2)), true, &[key(1)]), Some(Changes));
        assert_eq!(felt(Some(key(1)), true, &[key(1)]), None);
        assert_eq!(felt(Some(key(1)), false, &[key(1)]), Some(Loses));
        assert_eq!(felt(None, true, &[key(1)]), Some(Loses));
        assert_eq!(felt(Some(secret(1, "NEW_KEY", Organization, 1)), true, &[key(1)]), Some(Changes));
    }

    #[test]
    fn what_a_workspace_has_of_its_own_hides_the_change() {
        let own = secret(2, "KEY", Workspace, 5);
        let hidden =
            effect(Some(secret(1, "KEY", Organization, 2)), 1, true, &[secret(1, "KEY", Organization, 1), own]);
        assert_eq!((hidden.reach, hidden.reaches, hidden.overridden), (Some(Changes), true, true));
        assert_eq!((hidden.overrides, hidden.uncovers), (None, None));
    }

    #[test]
    fn a_workspace_s_own_covers_the_organization_s_and_uncovers_it_when_it_goes() {
        let shared = secret(1, "KEY", Organization, 9);
        let own = secret(2, "KEY", Workspace, 1);
        let covers = effect(Some(own.clone()), 2, true, std::slice::from_ref(&shared));
        assert_eq!((covers.reach, covers.overrides), (Some(Gains), Some(shared.clone())));
        let now = [shared.clone(), own];
        assert_eq!(effect(None, 2, true, &now).uncovers, Some(shared.clone()));
        let renamed = effect(Some(secret(2, "OTHER", Workspace, 1)), 2, true, &now);
        assert_eq!((renamed.reach, renamed.uncovers, renamed.overrides), (Some(Changes), Some(shared), None));
    }
}
