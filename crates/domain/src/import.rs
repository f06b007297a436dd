//! What an import makes of each of its lines.

use crate::words::words;

words! {
    /// What an import does with names that are taken.
    ImportMode {
        /// Leaves the secrets that are there as they are.
        Skip = "skip",
        /// Writes a new version of them.
        Overwrite = "overwrite",
        /// Imports nothing at all.
        Fail = "fail",
    }
}

words! {
    /// What becomes of a line.
    Verdict {
        /// A new secret.
        Added = "added",
        /// A new version of a secret that is there.
        Updated = "updated",
        /// A new secret of the workspace, which overrides the organization's.
        Overrides = "overrides",
        /// Nothing: the name is taken.
        Skipped = "skipped",
        /// Nothing: there is no value, and empty ones were not allowed.
        Empty = "empty",
        /// It can be read, and may not be imported: nothing is.
        Refused = "refused",
        /// It can't be read: nothing is imported.
        Unparsed = "unparsed",
    }
}

impl Verdict {
    /// The verdict on a name and value that are in order. `left_out`: it has no value, and needs one. `taken`: the place has
    /// a secret of the name. `overrides`: another scope has one that this one goes before.
    pub fn of(mode: ImportMode, left_out: bool, taken: bool, overrides: bool) -> Self {
        match (left_out, taken, mode) {
            (true, ..) => Self::Empty,
            (_, true, ImportMode::Skip) => Self::Skipped,
            (_, true, ImportMode::Overwrite) => Self::Updated,
            (_, true, ImportMode::Fail) => Self::Refused,
            (_, false, _) if overrides => Self::Overrides,
            (_, false, _) => Self::Added,
        }
    }

    /// Whether it keeps everything else from being imported too.
    pub fn stops(self) -> bool {
        matches!(self, Self::Refused | Self::Unparsed)
    }

    /// Whether a version is written.
    pub fn writes(self) -> bool {
        matches!(self, Self::Added | Self::Updated | Self::Overrides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_value_is_left_out_before_its_name_matters_and_a_taken_name_before_what_it_overrides() {
        use ImportMode::{Fail, Overwrite, Skip};
        for (mode, left_out, taken, overrides, verdict) in [
            (Fail, false, false, false, Verdict::Added),
            (Skip, false, false, true, Verdict::Overrides),
            (Skip, false, true, true, Verdict::Skipped),
            (Overwrite, false, true, false, Verdict::Updated),
            (Overwrite, false, true, true, Verdict::Updated),
            (Fail, false, true, false, Verdict::Refused),
            (Fail, true, true, true, Verdict::Empty),
        ] {
            assert_eq!(Verdict::of(mode, left_out, taken, overrides), verdict, "{mode} {left_out} {taken} {overrides}");
        }
    }

    #[test]
    fn no_verdict_both_stops_and_writes() {
        for word in Verdict::WORDS {
            let verdict: Verdict = word.parse().unwrap();
            assert!(!(verdict.stops() && verdict.writes()), "{word}");
        }
    }
}
