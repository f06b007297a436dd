//! How many secrets, and how much of them, one workspace can be given.
//!
//! Two separate budgets, so that no workspace can block an organization secret.

use crate::SecretName;

/// The most that one budget holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetLimit {
    /// Whose budget it is, for messages.
    of: &'static str,
    /// The largest number of secrets.
    pub secrets: u32,
    /// The largest sum of [`entry_cost`]s, in bytes.
    pub bytes: u64,
}

/// For the organization secrets that reach one workspace, overridden ones included.
pub const ORGANIZATION_BUDGET: BudgetLimit =
    BudgetLimit { of: "organization secrets that reach one workspace", secrets: 1_000, bytes: 256 * 1024 };

/// For the secrets of one workspace itself.
pub const WORKSPACE_BUDGET: BudgetLimit = BudgetLimit { of: "workspace secrets", secrets: 100, bytes: 256 * 1024 };

/// What one secret takes from a budget, in bytes: its name, its value as padded for storage, and 10 more.
///
/// Padded, so that what is left of a budget doesn't tell how long a value is.
pub fn entry_cost(name: &SecretName, padded_value: u64) -> u64 {
    (name.as_str().len() as u64).saturating_add(padded_value).saturating_add(10)
}

/// What the secrets of one budget take, after the write that is to be checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Budget {
    /// The number of secrets.
    pub secrets: u32,
    /// The sum of their [`entry_cost`]s, in bytes.
    pub bytes: u64,
}

impl Budget {
    /// This budget with one more secret of such a cost in bytes.
    #[must_use]
    pub fn with(self, cost: u64) -> Self {
        Self { secrets: self.secrets.saturating_add(1), bytes: self.bytes.saturating_add(cost) }
    }

    /// This budget with one secret of such a cost in bytes less.
    #[must_use]
    pub fn without(self, cost: u64) -> Self {
        Self { secrets: self.secrets.saturating_sub(1), bytes: self.bytes.saturating_sub(cost) }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (secrets, bytes) = (self.secrets.saturating_add(other.secrets), self.bytes.saturating_add(other.bytes));
        Self { secrets, bytes }
    }

    /// The larger number and the larger size, be it of different ones.
    #[must_use]
    pub fn max_each(self, other: Self) -> Self {
        Self { secrets: self.secrets.max(other.secrets), bytes: self.bytes.max(other.bytes) }
    }

    /// Whether all of it fits into `limit`.
    pub fn check(self, limit: BudgetLimit) -> Result<(), BudgetExceeded> {
        if self.secrets > limit.secrets {
            return Err(BudgetExceeded::Secrets { of: limit.of, would_be: self.secrets, limit: limit.secrets });
        }
        if self.bytes > limit.bytes {
            let (would_be, limit_kib) = (self.bytes.div_ceil(1024), limit.bytes.div_ceil(1024));
            return Err(BudgetExceeded::Size { of: limit.of, would_be, limit: limit_kib });
        }
        Ok(())
    }
}

/// A write that would not fit. Sizes are whole KiB, rounded up: exact ones would tell lengths of values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BudgetExceeded {
    /// Too many secrets.
    #[error(
        "There would be {would_be} {of}; at most {limit} are allowed. Nothing was changed. \
         Delete secrets that are no longer used, or let fewer of them reach the workspace, and try again."
    )]
    Secrets {
        /// Whose budget.
        of: &'static str,
        /// The number there would be.
        would_be: u32,
        /// The largest number allowed.
        limit: u32,
    },
    /// Too much together.
    #[error(
        "The {of} would take {would_be} KiB; at most {limit} KiB are allowed. Nothing was changed. \
         Keep large data elsewhere, or let fewer secrets reach the workspace, and try again."
    )]
    Size {
        /// Whose budget.
        of: &'static str,
        /// What they would take, in KiB.
        would_be: u64,
        /// The most allowed, in KiB.
        limit: u64,
    },
}

impl BudgetExceeded {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Secrets { .. } => "budget_secrets",
            Self::Size { .. } => "budget_size",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_budget_fits_and_one_more_does_not() {
        for limit in [ORGANIZATION_BUDGET, WORKSPACE_BUDGET] {
            let full = Budget { secrets: limit.secrets, bytes: limit.bytes };
            assert_eq!(full.check(limit), Ok(()));
            assert!(matches!(full.with(0).check(limit), Err(BudgetExceeded::Secrets { .. })));
            assert!(Budget { bytes: limit.bytes + 1, ..full }.check(limit).is_err());
        }
    }

    #[test]
    fn the_limits_are_those_of_the_rule() {
        assert_eq!((ORGANIZATION_BUDGET.secrets, ORGANIZATION_BUDGET.bytes), (1_000, 262_144));
        assert_eq!((WORKSPACE_BUDGET.secrets, WORKSPACE_BUDGET.bytes), (100, 262_144));
        assert_eq!(entry_cost(&SecretName::parse("API_KEY").unwrap(), 64), 7 + 64 + 10);
    }

    #[test]
    fn the_refusal_gives_numbers_in_whole_kib() {
        let message = Budget { secrets: 3, bytes: 262_145 }.check(WORKSPACE_BUDGET).unwrap_err().to_string();
        assert!(message.starts_with("The workspace secrets would take 257 KiB; at most 256 KiB are allowed."));
        let same = Budget { secrets: 3, bytes: 263_168 }.check(WORKSPACE_BUDGET).unwrap_err().to_string();
        assert_eq!(message, same);
    }
}
