//! Rolling restarts: which servers come next, whether one is restarted when it is its turn, and what became of it.

use crate::{Outcome, ServerStatus, words::words};

/// The largest batch: so many servers are restarted at once at most.
pub const LARGEST_BATCH: u32 = 100;

words! {
    /// What a rolling restart is doing.
    RestartState {
        /// It goes on by itself.
        Running = "running",
        /// It waits for somebody to continue or abort it.
        Paused = "paused",
        /// Somebody ended it before its end.
        Aborted = "aborted",
        /// It has come to its end.
        Done = "done",
    }
}

words! {
    /// How far a rolling restart is with one server.
    RestartStep {
        /// Its turn has not come.
        Waiting = "waiting",
        /// It is being restarted.
        Restarting = "restarting",
        /// Its new process was started.
        Done = "done",
        /// It was left as it was, for a reason.
        Skipped = "skipped",
        /// It could not be restarted.
        Failed = "failed",
    }
}

/// How many servers of a rolling restart are restarted at once where nobody says it: a tenth, at least one.
pub fn usual_batch(servers: usize) -> u32 {
    u32::try_from(servers.div_ceil(10)).unwrap_or(LARGEST_BATCH).clamp(1, LARGEST_BATCH)
}

/// By what a rolling restart goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestartRules {
    /// How many servers are restarted at once.
    pub batch_size: u32,
    /// Whether it pauses after a batch in which a server failed.
    pub pause_on_failure: bool,
    /// So many failures somebody has seen and continued after.
    pub accepted_failures: u32,
}

/// What a rolling restart does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextBatch {
    /// Servers of the batch before are not settled yet.
    Wait,
    /// Restart these, all at once.
    Begin(Vec<usize>),
    /// Pause: somebody should look at what failed.
    Pause,
    /// There is nothing left to do.
    End,
}

/// What comes next after these steps, in the order of the servers.
pub fn next_batch(steps: &[RestartStep], rules: RestartRules) -> NextBatch {
    let are = |state| move |(_, step): &(usize, &RestartStep)| **step == state;
    let numbered = || steps.iter().enumerate();
    if numbered().any(|one| are(RestartStep::Restarting)(&one)) {
        return NextBatch::Wait;
    }
    let size = usize::try_from(rules.batch_size.max(1)).unwrap_or(usize::MAX);
    let batch: Vec<usize> =
        numbered().filter(are(RestartStep::Waiting)).map(|(position, _)| position).take(size).collect();
    let failed = numbered().filter(are(RestartStep::Failed)).count();
    match batch.is_empty() {
        true => NextBatch::End,
        false if rules.pause_on_failure && failed > rules.accepted_failures as usize => NextBatch::Pause,
        false => NextBatch::Begin(batch),
    }
}

/// What is done with a server when its turn comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AtItsTurn {
    /// It is restarted.
    Restart,
    /// It is started: its restart was cut off once its old process had been stopped.
    Start,
    /// It is left as it is, for this reason.
    Skip(&'static str),
}

/// A server whose turn has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InTurn {
    /// What it does; `None` when it was deleted.
    pub status: Option<ServerStatus>,
    /// Whether a restart would still bring it what the rolling restart is for.
    pub differs: bool,
    /// Whether its newest start is the one of this rolling restart that was cut off.
    pub cut_off: bool,
}

/// Whether a server is restarted when its turn comes.
pub fn at_its_turn(server: InTurn) -> AtItsTurn {
    match server {
        InTurn { status: None, .. } => AtItsTurn::Skip("it was deleted"),
        InTurn { status: Some(ServerStatus::Running), differs: true, .. } => AtItsTurn::Restart,
        InTurn { status: Some(ServerStatus::Running), .. } => AtItsTurn::Skip("it does not differ any more"),
        InTurn { status: Some(ServerStatus::Failed), cut_off: true, .. } => AtItsTurn::Start,
        InTurn { status: Some(ServerStatus::Failed), .. } => AtItsTurn::Skip("it has failed and runs no more"),
        InTurn { status: Some(ServerStatus::Stopped), .. } => AtItsTurn::Skip("it was stopped"),
        InTurn { status: Some(ServerStatus::Starting), .. } => AtItsTurn::Skip("somebody else is starting it"),
        InTurn { status: Some(ServerStatus::Stopping), .. } => AtItsTurn::Skip("it is being stopped"),
    }
}

/// What became of a server whose restart was begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Became {
    /// Its new process was started.
    Done,
    /// It could not be restarted.
    Failed,
    /// Somebody stopped it meanwhile.
    Stopped,
    /// The restart was cut off by the control plane's own end, and is begun again.
    Again,
    /// That is not settled yet.
    Unsettled,
}

/// A server whose restart was begun, and the start that was to be its new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Begun {
    /// What became of the start.
    pub outcome: Outcome,
    /// What the server does now.
    pub status: ServerStatus,
    /// Whether its old process is still being stopped for the new one.
    pub stopping_for_new: bool,
    /// Whether whoever restarted it ended before saying how that went.
    pub cut_off: bool,
}

/// What became of a server whose restart was begun. One that was cut off is not a failure: what was asked for is done
/// with the secrets of then, and nothing is started with old ones.
pub fn became(begun: Begun) -> Became {
    match begun {
        Begun { outcome: Outcome::Pending, .. } | Begun { stopping_for_new: true, .. } => Became::Unsettled,
        Begun { outcome: Outcome::Delivered, status: ServerStatus::Failed, .. } => Became::Failed,
        Begun { outcome: Outcome::Delivered, .. } => Became::Done,
        Begun { status: ServerStatus::Stopped | ServerStatus::Stopping, .. } => Became::Stopped,
        Begun { cut_off: true, .. } => Became::Again,
        Begun { cut_off: false, .. } => Became::Failed,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use RestartStep::{Done, Failed, Restarting, Skipped, Waiting};

    fn rules(batch_size: u32) -> RestartRules {
        RestartRules { batch_size, pause_on_failure: true, accepted_failures: 0 }
    }

    #[test]
    fn a_tenth_at_least_one_is_restarted_at_once() {
        for (servers, batch) in [(0, 1), (1, 1), (10, 1), (11, 2), (50, 5), (999, 100), (100_000, 100)] {
            assert_eq!(usual_batch(servers), batch, "{servers}");
        }
    }

    #[test]
    fn a_batch_begins_once_the_one_before_is_settled() {
        assert_eq!(next_batch(&[], rules(1)), NextBatch::End);
        assert_eq!(next_batch(&[Waiting; 3], rules(2)), NextBatch::Begin(vec![0, 1]));
        assert_eq!(next_batch(&[Done, Restarting, Waiting], rules(2)), NextBatch::Wait);
        assert_eq!(next_batch(&[Done, Skipped, Waiting], rules(2)), NextBatch::Begin(vec![2]));
        assert_eq!(next_batch(&[Waiting], rules(0)), NextBatch::Begin(vec![0]), "it never stands still");
    }

    #[test]
    fn it_pauses_once_for_each_failure_and_only_while_something_is_left() {
        let steps = [Failed, Done, Waiting];
        assert_eq!(next_batch(&steps, rules(1)), NextBatch::Pause);
        let accepted = RestartRules { accepted_failures: 1, ..rules(1) };
        assert_eq!(next_batch(&steps, accepted), NextBatch::Begin(vec![2]));
        assert_eq!(next_batch(&[Failed, Failed, Waiting], accepted), NextBatch::Pause);
        assert_eq!(next_batch(&steps, RestartRules { pause_on_failure: false, ..rules(1) }), NextBatch::Begin(vec![2]));
        assert_eq!(next_batch(&[Failed, Skipped], rules(1)), NextBatch::End);
    }

    #[test]
    fn only_what_runs_and_differs_is_restarted() {
        let statuses = [
            ServerStatus::Stopped,
            ServerStatus::Starting,
            ServerStatus::Running,
            ServerStatus::Stopping,
            ServerStatus::Failed,
        ];
        for status in statuses.map(Some).into_iter().chain([None]) {
            for (differs, cut_off) in [(false, false), (false, true), (true, false), (true, true)] {
                let expected = match (status, differs, cut_off) {
                    (Some(ServerStatus::Running), true, _) => Some(AtItsTurn::Restart),
                    (Some(ServerStatus::Failed), _, true) => Some(AtItsTurn::Start),
                    _ => None,
                };
                let turn = at_its_turn(InTurn { status, differs, cut_off });
                let skipped = matches!(turn, AtItsTurn::Skip(why) if !why.is_empty());
                assert_eq!((Some(turn).filter(|_| !skipped), skipped), (expected, expected.is_none()), "{status:?}");
            }
        }
    }

    #[test]
    fn a_begun_restart_is_judged_by_its_start() {
        let begun = |outcome, status, cut_off| became(Begun { outcome, status, stopping_for_new: false, cut_off });
        for cut_off in [false, true] {
            assert_eq!(begun(Outcome::Delivered, ServerStatus::Running, cut_off), Became::Done);
            assert_eq!(begun(Outcome::Delivered, ServerStatus::Stopped, cut_off), Became::Done);
            assert_eq!(begun(Outcome::Delivered, ServerStatus::Failed, cut_off), Became::Failed);
            assert_eq!(begun(Outcome::Failed, ServerStatus::Stopped, cut_off), Became::Stopped);
            assert_eq!(begun(Outcome::Pending, ServerStatus::Running, cut_off), Became::Unsettled);
            let undecided = if cut_off { Became::Again } else { Became::Failed };
            assert_eq!(begun(Outcome::Failed, ServerStatus::Running, cut_off), undecided, "the old process runs on");
            assert_eq!(begun(Outcome::Failed, ServerStatus::Failed, cut_off), undecided, "nothing runs");
        }
        let stopping =
            Begun { outcome: Outcome::Failed, status: ServerStatus::Stopping, stopping_for_new: true, cut_off: true };
        assert_eq!(became(stopping), Became::Unsettled);
        assert_eq!(became(Begun { stopping_for_new: false, ..stopping }), Became::Stopped, "somebody stops it");
    }

    proptest! {
        /// Whatever fails and whoever continues it: each server has its turn once, never too many at once, and it ends.
        #[test]
        fn every_server_has_its_turn_once_and_it_comes_to_an_end(
            fates in prop::collection::vec(prop::sample::select(vec![Done, Skipped, Failed]), 0..60),
            batch_size in 0..12_u32,
            pause_on_failure: bool,
        ) {
            let mut steps = vec![Waiting; fates.len()];
            let mut rules = RestartRules { batch_size, pause_on_failure, accepted_failures: 0 };
            let mut pauses = 0;
            loop {
                match next_batch(&steps, rules) {
                    NextBatch::Begin(batch) => {
                        prop_assert!(!batch.is_empty() && batch.len() <= batch_size.max(1) as usize);
                        for position in batch {
                            prop_assert_eq!(steps[position], Waiting);
                            steps[position] = fates[position];
                        }
                    }
                    NextBatch::Pause => {
                        pauses += 1;
                        rules.accepted_failures = steps.iter().filter(|step| **step == Failed).count() as u32;
                    }
                    NextBatch::End => break,
                    NextBatch::Wait => prop_assert!(false, "nothing is being restarted"),
                }
            }
            prop_assert_eq!(&steps, &fates);
            prop_assert!(pause_on_failure || pauses == 0);
            prop_assert!(pauses <= fates.iter().filter(|fate| **fate == Failed).count());
        }
    }
}
