//! How often somebody may guess before they have to wait.

use crate::Time;

/// How long a failure counts, in seconds: 15 minutes.
pub const FAILURE_COUNTS: i64 = 15 * 60;

/// What a guess counts against.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Allowance {
    /// One account's, whether or not it exists.
    Account,
    /// One network address's.
    Address,
    /// A browser's own, in which the person of the account has signed in before.
    Browser,
}

impl Allowance {
    /// How many failures it has in any 15 minutes.
    pub fn failures(self) -> usize {
        match self {
            Self::Account | Self::Browser => 10,
            Self::Address => 100,
        }
    }

    /// The word for it in an audit event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Address => "address",
            Self::Browser => "browser",
        }
    }
}

/// Failures that are further ahead of the clock, in seconds, count no more: 1 day.
const CLOCK_AHEAD: i64 = 24 * 3_600;

/// Whether a failure of then counts now. One of long after now is of a clock that was wrong, and would lock an account
/// for as long as that was ahead.
fn counts(at: Time, now: Time) -> bool {
    at.plus_seconds(FAILURE_COUNTS) > now && at <= now.plus_seconds(CLOCK_AHEAD)
}

/// When the last guesses failed that count against one allowance.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Failures(Vec<Time>);

impl Failures {
    /// As they were kept.
    pub fn new(times: Vec<Time>) -> Self {
        Self(times)
    }

    /// To be kept.
    pub fn times(&self) -> &[Time] {
        &self.0
    }

    /// When there is room for one more; `None` for now.
    pub fn room_again(&self, allowance: Allowance, now: Time) -> Option<Time> {
        let counting = self.0.iter().filter(|at| counts(**at, now));
        let mut ends: Vec<Time> = counting.map(|at| at.plus_seconds(FAILURE_COUNTS)).collect();
        ends.sort();
        // Room comes when so many have ended that one less than all that are allowed is left.
        ends.len().checked_sub(allowance.failures()).map(|over| ends[over])
    }

    /// Counts a guess as failed before it is looked at, so that guesses at the same moment see each other; forgets
    /// those that count no more. Whether it took the last of the allowance.
    ///
    /// # Errors
    /// When there is no room for it, and when there will be; then it is not counted.
    pub fn count(&mut self, allowance: Allowance, now: Time) -> Result<bool, Time> {
        if let Some(again) = self.room_again(allowance, now) {
            return Err(again);
        }
        self.0.retain(|at| counts(*at, now));
        self.0.push(now);
        Ok(self.room_again(allowance, now).is_some())
    }

    /// Takes back a guess of that moment which turned out to be right. Other failures stay.
    pub fn take_back(&mut self, at: Time) {
        if let Some(place) = self.0.iter().position(|counted| *counted == at) {
            self.0.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time(0).plus_seconds(seconds)
    }

    #[test]
    fn ten_failures_in_any_fifteen_minutes_and_not_one_more() {
        let mut failures = Failures::default();
        for second in 0..10 {
            assert_eq!(failures.count(Allowance::Account, at(second * 60)), Ok(second == 9));
        }
        for second in [600, 899] {
            assert_eq!(failures.count(Allowance::Account, at(second)), Err(at(900)));
        }
        assert_eq!(failures.count(Allowance::Account, at(900)), Ok(true));
        // The window slides: the next one is free when the second failure is 15 minutes old.
        assert_eq!(failures.count(Allowance::Account, at(901)), Err(at(960)));
        assert_eq!(failures.times().len(), 10, "what counts no more is forgotten");
    }

    #[test]
    fn an_address_has_a_hundred() {
        let mut failures = Failures::default();
        assert!((0..100).all(|_| failures.count(Allowance::Address, at(0)).is_ok()));
        assert_eq!(failures.count(Allowance::Address, at(1)), Err(at(900)));
    }

    #[test]
    fn a_right_guess_takes_back_itself_alone() {
        let mut failures = Failures::default();
        for _ in 0..3 {
            failures.count(Allowance::Account, at(5)).unwrap();
        }
        failures.take_back(at(5));
        failures.take_back(at(6));
        assert_eq!(failures.times(), [at(5), at(5)]);
    }

    #[test]
    fn a_clock_that_was_put_back_lets_nobody_guess_more() {
        let mut failures = Failures::new(vec![at(5_000); 10]);
        assert_eq!(failures.count(Allowance::Account, at(0)), Err(at(5_900)));
    }

    /// Failures under a clock that was a year ahead locked their account for that year once the clock was right.
    #[test]
    fn failures_of_a_clock_that_was_far_ahead_lock_nobody_out() {
        let mut failures = Failures::new(vec![at(365 * 24 * 3_600); 10]);
        assert_eq!(failures.count(Allowance::Account, at(0)), Ok(false));
        assert_eq!(failures.times(), [at(0)]);
    }
}
