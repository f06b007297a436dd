//! What starts were handed, kept in memory: the rows of a snapshot are never edited, and many servers share one.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use domain::{Held, SnapshotId};

use crate::{
    error::Result,
    store::{Connection, snapshots},
};

/// How many names and versions are kept before all are forgotten; about ten megabytes.
const MOST_KEPT: usize = 100_000;

/// What some snapshots hold.
pub(in crate::app) type Contents = HashMap<SnapshotId, Arc<[Held]>>;

/// The contents of snapshots that were read lately.
#[derive(Default)]
pub struct Handed(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    of: Contents,
    names: usize,
}

impl Handed {
    /// What these snapshots hand over, each with an entry; those that were not read lately in one query.
    ///
    /// # Errors
    /// When the database fails.
    pub(in crate::app) async fn of(&self, db: &mut Connection, wanted: &HashSet<SnapshotId>) -> Result<Contents> {
        let mut found = self.known(wanted);
        let missing: HashSet<SnapshotId> = wanted.iter().filter(|one| !found.contains_key(one)).copied().collect();
        if missing.is_empty() {
            return Ok(found);
        }
        let mut read = snapshots::injected(db, &missing).await?;
        let read: Contents =
            missing.into_iter().map(|one| (one, read.remove(&one).unwrap_or_default().into())).collect();
        self.keep(&read);
        found.extend(read);
        Ok(found)
    }

    fn known(&self, wanted: &HashSet<SnapshotId>) -> Contents {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.iter().filter_map(|one| Some((*one, kept.of.get(one)?.clone()))).collect()
    }

    fn keep(&self, read: &Contents) {
        // An empty one takes room too.
        let room = |names: &Arc<[Held]>| names.len() + 1;
        let needed: usize = read.values().map(room).sum();
        if needed > MOST_KEPT {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.names + needed > MOST_KEPT {
            *kept = Kept::default();
        }
        for (snapshot, names) in read {
            if kept.of.insert(*snapshot, names.clone()).is_none() {
                kept.names += room(names);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Scope, SecretId, SecretName, Time};

    use super::*;

    fn snapshots(first: usize, count: usize, names: usize) -> Contents {
        let held = Held {
            name: SecretName::parse("TOKEN").unwrap(),
            scope: Scope::Organization,
            secret: SecretId::new(Time(0), [1; 10]),
            version: 1,
        };
        let id = |number: usize| SnapshotId::new(Time(i64::try_from(number).unwrap() * 1_000), [0; 10]);
        (first..first + count).map(|number| (id(number), vec![held.clone(); names].into())).collect()
    }

    #[test]
    fn what_is_kept_is_found_again_and_never_grows_past_its_room() {
        let handed = Handed::default();
        let few = snapshots(0, 10, 99);
        handed.keep(&few);
        handed.keep(&few);
        assert_eq!(handed.known(&few.keys().copied().collect()), few);
        assert_eq!(handed.0.lock().unwrap().names, 1_000, "twice the same is kept once");

        let more = snapshots(10, 995, 99);
        handed.keep(&more);
        assert_eq!(handed.known(&few.keys().copied().collect()), Contents::new(), "all were forgotten");
        assert_eq!(handed.known(&more.keys().copied().collect()).len(), 995);

        handed.keep(&snapshots(2_000, 1, MOST_KEPT));
        assert_eq!(handed.0.lock().unwrap().names, 99_500, "what has no room at all changes nothing");
    }
}
