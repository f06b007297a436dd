//! The difference between what a running server started with and what it would start with now.

use std::collections::{BTreeMap, HashMap};

use crate::{Available, Environment, Scope, SecretId, SecretName, Time, UserId, words::words};

/// A secret that a start handed over, as its start record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// The name under which the program got it.
    pub name: SecretName,
    /// Where it belongs.
    pub scope: Scope,
    /// The secret.
    pub secret: SecretId,
    /// The version that was handed over.
    pub version: u32,
}

/// When something was done, and by whom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stamp {
    /// When.
    pub at: Time,
    /// Who; `None` when it was the system itself.
    pub by: Option<UserId>,
}

/// What is known now of a secret that a server holds or would get: enough to say why they differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// Its name now.
    pub name: SecretName,
    /// When it was created.
    pub created: Stamp,
    /// When its newest version was written.
    pub written: Stamp,
    /// When it last got another name.
    pub renamed: Option<Stamp>,
    /// Whether its access or selection lets it reach this workspace.
    pub reaches: bool,
    /// When that last changed.
    pub reach: Option<Stamp>,
    /// When it was deleted, if it is.
    pub deleted: Option<Stamp>,
    /// When it was last restored.
    pub restored: Option<Stamp>,
    /// When it or its newest version was suspended, if it is.
    pub suspended: Option<Stamp>,
    /// When a suspension was last lifted.
    pub lifted: Option<Stamp>,
}

words! {
    /// How a name differs.
    DriftKind {
        /// The server doesn't have it; a start would bring it.
        Added = "added",
        /// The server has another secret or version under the name.
        Changed = "changed",
        /// The server has it; a start would not bring it.
        Removed = "removed",
    }
}

words! {
    /// Why a name differs.
    DriftReason {
        /// A new version was written.
        Value = "value",
        /// A workspace secret now covers the organization's.
        Overridden = "overridden",
        /// The workspace secret is gone, and the organization's shows again.
        Uncovered = "uncovered",
        /// The organization secret now reaches the workspace.
        Selected = "selected",
        /// The organization secret no longer reaches the workspace.
        Deselected = "deselected",
        /// The secret got another name.
        Renamed = "renamed",
        /// The secret is new.
        Created = "created",
        /// The secret was deleted.
        Deleted = "deleted",
        /// The secret came back from deletion or suspension.
        Restored = "restored",
        /// The secret or its newest version is suspended.
        Suspended = "suspended",
    }
}

/// One name in which a running server differs from its workspace's environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The environment variable's name.
    pub name: SecretName,
    /// How it differs.
    pub kind: DriftKind,
    /// What the server holds.
    pub from: Option<Held>,
    /// What a start would bring.
    pub to: Option<Held>,
    /// The workspace's own suspended secret that covers the organization's now; or that covered it at the start, where
    /// the server holds nothing under the name.
    pub held_back: Option<SecretId>,
}

/// Why a name differs, and since when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cause {
    /// Why.
    pub reason: DriftReason,
    /// When the change was made and by whom; `None` where the secret was destroyed without trace.
    pub change: Option<Stamp>,
}

/// Compares what a server started with to the environment now, by (name, secret, version), never by value.
///
/// The differences come in the order of the names.
pub fn drift<T>(started_with: &[Held], now: &Environment<T>) -> Vec<Difference> {
    let mut before: BTreeMap<&SecretName, &Held> = started_with.iter().map(|held| (&held.name, held)).collect();
    let mut differences = Vec::new();
    for secret in now.injected() {
        let from = before.remove(&secret.name);
        if from.is_none_or(|from| (from.secret, from.version) != (secret.id, secret.version)) {
            let kind = if from.is_some() { DriftKind::Changed } else { DriftKind::Added };
            let name = secret.name.clone();
            let to = Held { name: name.clone(), scope: secret.scope, secret: secret.id, version: secret.version };
            differences.push(Difference { name, kind, from: from.cloned(), to: Some(to), held_back: None });
        }
    }
    for (name, from) in before {
        let covers = |winner: &Available<T>| (from.scope, winner.scope) == (Scope::Organization, Scope::Workspace);
        let held_back = now.get(name).map(|now| &now.winner).filter(|winner| covers(winner)).map(|winner| winner.id);
        let (name, from) = (name.clone(), Some(from.clone()));
        differences.push(Difference { name, kind: DriftKind::Removed, from, to: None, held_back });
    }
    differences.sort_by(|one, other| one.name.cmp(&other.name));
    differences
}

impl Difference {
    /// The secrets whose histories say why.
    pub fn secrets(&self) -> impl Iterator<Item = SecretId> {
        let sides = [&self.from, &self.to].into_iter().flatten().map(|held| held.secret);
        sides.chain(self.held_back)
    }

    /// Why it is so, by the histories of its [`secrets`](Self::secrets).
    pub fn cause(&self, histories: &HashMap<SecretId, History>) -> Cause {
        let (reason, change) = match (&self.from, &self.to) {
            (Some(from), Some(to)) => why_changed(from, to, histories),
            (None, Some(to)) => {
                let arrived = why_arrived(histories.get(&to.secret));
                let uncovered = self.held_back.and_then(|cover| uncovered(&to.name, histories.get(&cover)));
                match uncovered.filter(|uncovered| Some(*uncovered) > arrived.1) {
                    Some(uncovered) => (DriftReason::Uncovered, Some(uncovered)),
                    None => arrived,
                }
            }
            (Some(from), None) => match self.held_back {
                Some(cover) => (DriftReason::Overridden, why_arrived(histories.get(&cover)).1),
                None => why_left(&from.name, histories.get(&from.secret)),
            },
            (None, None) => (DriftReason::Deleted, None),
        };
        Cause { reason, change }
    }
}

type Why = (DriftReason, Option<Stamp>);

fn why_changed(from: &Held, to: &Held, histories: &HashMap<SecretId, History>) -> Why {
    let arrived = histories.get(&to.secret);
    if from.secret == to.secret {
        return (DriftReason::Value, arrived.map(|history| history.written));
    }
    match (from.scope, to.scope) {
        (Scope::Organization, Scope::Workspace) => (DriftReason::Overridden, why_arrived(arrived).1),
        (Scope::Workspace, Scope::Organization) => {
            (DriftReason::Uncovered, uncovered(&from.name, histories.get(&from.secret)))
        }
        _ => why_arrived(arrived),
    }
}

/// The latest of the events that can bring a secret into an environment; of those that one request made, the one that
/// says most: one that is created with a selection is new, and one that is selected with a new value, which ends its
/// suspension, is selected.
fn why_arrived(history: Option<&History>) -> Why {
    let Some(history) = history else { return (DriftReason::Created, None) };
    [
        (DriftReason::Restored, history.restored),
        (DriftReason::Restored, history.lifted),
        (DriftReason::Renamed, history.renamed),
        (DriftReason::Selected, history.reach),
        (DriftReason::Created, Some(history.created)),
    ]
    .into_iter()
    .filter_map(|(reason, stamp)| stamp.map(|stamp| (reason, Some(stamp))))
    .max_by_key(|(_, stamp)| stamp.map(|stamp| stamp.at))
    .unwrap_or((DriftReason::Created, None))
}

/// The first of what now keeps a secret from the servers that know it by this name. What was done to it later changes
/// nothing for them; where it has ceased to reach the workspace, that is nobody's business there any more.
fn why_left(known_as: &SecretName, history: Option<&History>) -> Why {
    let Some(history) = history else { return (DriftReason::Deleted, None) };
    first([
        (DriftReason::Deleted, history.deleted),
        (DriftReason::Renamed, history.renamed.filter(|_| history.name != *known_as)),
        (DriftReason::Suspended, history.suspended),
        (DriftReason::Deselected, history.reach.filter(|_| !history.reaches)),
    ])
}

/// Since when a workspace's own secret covers nothing under this name. A suspended one covers all the same.
fn uncovered(known_as: &SecretName, history: Option<&History>) -> Option<Stamp> {
    let history = history?;
    let renamed = history.renamed.filter(|_| history.name != *known_as);
    first([(DriftReason::Deleted, history.deleted), (DriftReason::Renamed, renamed)]).1
}

fn first<const N: usize>(events: [(DriftReason, Option<Stamp>); N]) -> Why {
    let happened = events.into_iter().filter(|(_, stamp)| stamp.is_some());
    happened.min_by_key(|(_, stamp)| stamp.map(|stamp| stamp.at)).unwrap_or((DriftReason::Deleted, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Available, resolve};

    const START: i64 = 1_000;

    fn id(number: u8) -> SecretId {
        SecretId::new(Time(0), [number; 10])
    }

    fn name(name: &str) -> SecretName {
        SecretName::parse(name).unwrap()
    }

    fn held(number: u8, scope: Scope, version: u32) -> Held {
        Held { name: name("TOKEN"), scope, secret: id(number), version }
    }

    fn available(number: u8, scope: Scope, version: u32) -> Available {
        Available { id: id(number), name: name("TOKEN"), scope, version, suspended: false, detail: () }
    }

    fn at(micros: i64) -> Stamp {
        Stamp { at: Time(micros), by: None }
    }

    fn old() -> History {
        History {
            name: name("TOKEN"),
            created: at(1),
            written: at(1),
            renamed: None,
            reaches: true,
            reach: None,
            deleted: None,
            restored: None,
            suspended: None,
            lifted: None,
        }
    }

    fn only(from: Option<Held>, to: Vec<Available>, histories: Vec<(u8, History)>) -> (DriftKind, DriftReason, i64) {
        let histories: HashMap<_, _> = histories.into_iter().map(|(number, history)| (id(number), history)).collect();
        let differences = drift(&from.into_iter().collect::<Vec<_>>(), &resolve(to));
        assert_eq!(differences.len(), 1);
        let cause = differences[0].cause(&histories);
        assert!(differences[0].secrets().all(|secret| histories.contains_key(&secret)), "it is said which matter");
        (differences[0].kind, cause.reason, cause.change.unwrap().at.0)
    }

    #[test]
    fn the_same_secret_and_version_is_no_drift() {
        let now = resolve(vec![available(1, Scope::Workspace, 3)]);
        assert_eq!(drift(&[held(1, Scope::Workspace, 3)], &now), []);
    }

    #[test]
    fn differences_come_in_the_order_of_the_names() {
        let called = |text: &str, number| Held { name: name(text), ..held(number, Scope::Workspace, 1) };
        let now = |text: &str, number| Available { name: name(text), ..available(number, Scope::Workspace, 2) };
        let before = [called("D", 4), called("B", 2), called("C", 3)];
        let differences = drift(&before, &resolve(vec![now("E", 5), now("C", 3), now("A", 1)]));
        let seen: Vec<_> = differences.iter().map(|d| (d.name.as_str(), d.kind)).collect();
        use DriftKind::{Added, Changed, Removed};
        assert_eq!(seen, [("A", Added), ("B", Removed), ("C", Changed), ("D", Removed), ("E", Added)]);
    }

    #[test]
    fn every_reason_has_its_case() {
        use DriftKind::{Added, Changed, Removed};
        use DriftReason::*;
        use Scope::{Organization, Workspace};
        let later = START + 5;
        let own = held(1, Workspace, 1);
        let organizations = held(2, Organization, 1);
        let new = || History { created: at(later), ..old() };

        let written = History { written: at(later), ..old() };
        assert_eq!(
            only(Some(own.clone()), vec![available(1, Workspace, 2)], vec![(1, written)]),
            (Changed, Value, later)
        );
        let both = vec![available(1, Workspace, 1), available(2, Organization, 1)];
        assert_eq!(only(Some(organizations.clone()), both, vec![(1, new()), (2, old())]), (Changed, Overridden, later));
        let deleted = || History { deleted: Some(at(later)), ..old() };
        assert_eq!(
            only(Some(own.clone()), vec![available(2, Organization, 1)], vec![(1, deleted()), (2, old())]),
            (Changed, Uncovered, later)
        );
        assert_eq!(
            only(Some(own.clone()), vec![available(3, Workspace, 1)], vec![(1, deleted()), (3, new())]),
            (Changed, Created, later)
        );
        assert_eq!(only(None, vec![available(1, Workspace, 1)], vec![(1, new())]), (Added, Created, later));
        let reaches = || History { reach: Some(at(later)), ..old() };
        assert_eq!(only(None, vec![available(2, Organization, 1)], vec![(2, reaches())]), (Added, Selected, later));
        let renamed = History { renamed: Some(at(later)), ..old() };
        assert_eq!(only(None, vec![available(1, Workspace, 1)], vec![(1, renamed.clone())]), (Added, Renamed, later));
        let restored = History { restored: Some(at(later)), ..old() };
        assert_eq!(only(None, vec![available(1, Workspace, 1)], vec![(1, restored)]), (Added, Restored, later));
        let lifted = History { lifted: Some(at(later)), ..old() };
        assert_eq!(only(None, vec![available(1, Workspace, 1)], vec![(1, lifted)]), (Added, Restored, later));
        assert_eq!(only(Some(own.clone()), vec![], vec![(1, deleted())]), (Removed, Deleted, later));
        let deselected = History { reaches: false, ..reaches() };
        assert_eq!(only(Some(organizations), vec![], vec![(2, deselected)]), (Removed, Deselected, later));
        let gone = History { name: name("OTHER"), ..renamed };
        assert_eq!(only(Some(own.clone()), vec![], vec![(1, gone)]), (Removed, Renamed, later));
        let held_back = Available { suspended: true, ..available(1, Workspace, 1) };
        let suspended = History { suspended: Some(at(later)), ..old() };
        assert_eq!(only(Some(own), vec![held_back], vec![(1, suspended)]), (Removed, Suspended, later));
    }

    #[test]
    fn a_suspended_secret_that_overrides_is_named_as_the_cause() {
        let cover = Available { suspended: true, ..available(1, Scope::Workspace, 1) };
        let now = vec![cover, available(2, Scope::Organization, 1)];
        let new = History { created: at(START + 5), suspended: Some(at(START + 6)), ..old() };
        let histories = vec![(1, new), (2, old())];
        assert_eq!(
            only(Some(held(2, Scope::Organization, 1)), now, histories),
            (DriftKind::Removed, DriftReason::Overridden, START + 5)
        );
    }

    #[test]
    fn a_secret_that_is_uncovered_while_it_is_suspended_covers_nothing() {
        let now = vec![Available { suspended: true, ..available(2, Scope::Organization, 1) }];
        let deleted = History { deleted: Some(at(START + 5)), ..old() };
        assert_eq!(
            only(Some(held(1, Scope::Workspace, 1)), now, vec![(1, deleted)]),
            (DriftKind::Removed, DriftReason::Deleted, START + 5)
        );
    }

    #[test]
    fn a_secret_that_was_covered_by_a_suspended_one_is_uncovered_unless_it_came_later() {
        let why = |organizations: History| {
            let mut differences = drift(&[], &resolve(vec![available(2, Scope::Organization, 1)]));
            differences[0].held_back = Some(id(1));
            let deleted = History { deleted: Some(at(START + 5)), suspended: Some(at(2)), ..old() };
            let cause = differences[0].cause(&HashMap::from([(id(1), deleted), (id(2), organizations)]));
            (cause.reason, cause.change.unwrap().at.0)
        };
        assert_eq!(why(old()), (DriftReason::Uncovered, START + 5));
        assert_eq!(why(History { reach: Some(at(START + 6)), ..old() }), (DriftReason::Selected, START + 6));
    }

    #[test]
    fn what_is_done_to_a_secret_that_no_longer_reaches_the_workspace_is_not_told_there() {
        let later = |micros| Some(at(START + micros));
        let gone = History { reaches: false, reach: later(1), suspended: later(2), deleted: later(3), ..old() };
        let gone = History { name: name("OTHER"), renamed: later(2), ..gone };
        assert_eq!(
            only(Some(held(2, Scope::Organization, 1)), vec![], vec![(2, gone)]),
            (DriftKind::Removed, DriftReason::Deselected, START + 1)
        );
    }

    #[test]
    fn a_secret_that_is_selected_with_a_new_value_after_a_suspension_is_selected() {
        let at_once = Some(at(START + 5));
        assert_eq!(
            only(
                None,
                vec![available(2, Scope::Organization, 2)],
                vec![(2, History { reach: at_once, lifted: at_once, written: at(START + 5), ..old() })]
            ),
            (DriftKind::Added, DriftReason::Selected, START + 5)
        );
    }

    #[test]
    fn a_secret_that_is_created_with_a_selection_is_new() {
        let new = History { created: at(START + 5), reach: Some(at(START + 5)), ..old() };
        assert_eq!(
            only(None, vec![available(2, Scope::Organization, 1)], vec![(2, new)]),
            (DriftKind::Added, DriftReason::Created, START + 5)
        );
    }

    #[test]
    fn a_destroyed_secret_without_history_still_shows() {
        let differences = drift(&[held(1, Scope::Workspace, 1)], &resolve::<()>(vec![]));
        let cause = Cause { reason: DriftReason::Deleted, change: None };
        assert_eq!((differences[0].kind, differences[0].cause(&HashMap::new())), (DriftKind::Removed, cause));
    }
}
