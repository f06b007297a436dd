//! How pages say times, numbers and lists.

use domain::Time;
use jiff::Timestamp;

use crate::{app::Who, clock};

/// A moment as pages say it: how long ago, with the exact time beside it.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    at: Time,
    now: Time,
}

impl Moment {
    /// For the machine: RFC 3339.
    pub(super) fn iso(&self) -> String {
        clock::rfc3339(self.at)
    }

    /// To the second, for whoever looks closer.
    pub(super) fn exact(&self) -> String {
        Timestamp::from_microsecond(self.at.0).unwrap_or_default().strftime("%-d %b %Y, %H:%M:%S UTC").to_string()
    }

    /// The day alone.
    pub(super) fn day(&self) -> String {
        Timestamp::from_microsecond(self.at.0).unwrap_or_default().strftime("%-d %b %Y").to_string()
    }

    /// From now: `2 h ago`, `in 3 days`, and the day once that says more.
    pub(super) fn ago(&self) -> String {
        let seconds = (self.now.0 - self.at.0) / 1_000_000;
        let length = match seconds.unsigned_abs() {
            0..30 => return "just now".to_owned(),
            30..90 => "1 min".to_owned(),
            seconds @ 90..3_600 => format!("{} min", seconds.div_ceil(60)),
            seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
            seconds @ 86_400..172_800 => format!("{} day", seconds / 86_400),
            seconds @ 172_800..2_592_000 => format!("{} days", seconds / 86_400),
            _ => return self.day(),
        };
        if seconds > 0 { format!("{length} ago") } else { format!("in {length}") }
    }

    /// How long it has lasted: `4 h 12 min`.
    pub(super) fn lasted(&self) -> String {
        match ((self.now.0 - self.at.0) / 1_000_000).max(0) {
            seconds @ 0..60 => format!("{seconds} s"),
            seconds @ 60..3_600 => format!("{} min", seconds / 60),
            seconds @ 3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
            seconds => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
        }
    }
}

/// A moment seen from now.
pub(super) fn moment(at: Time) -> Moment {
    Moment { at, now: clock::now() }
}

/// A person's name, or who else it was.
pub(super) fn by(who: Option<&Who>) -> String {
    who.map_or_else(|| "the system".to_owned(), |who| who.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago_is_said_as_people_do() {
        let now = Time(1_800_000_000_000_000);
        let table = [
            (0, "just now"),
            (40, "1 min ago"),
            (600, "10 min ago"),
            (7_200, "2 h ago"),
            (90_000, "1 day ago"),
            (3 * 86_400, "3 days ago"),
            (-7_200, "in 2 h"),
            (40 * 86_400, "6 Dec 2026"),
        ];
        for (seconds, said) in table {
            assert_eq!(Moment { at: now.plus_seconds(-seconds), now }.ago(), said);
        }
    }

    #[test]
    fn how_long_something_lasted_has_two_units() {
        let now = Time(1_800_000_000_000_000);
        for (seconds, said) in [(5, "5 s"), (65, "1 min"), (15_120, "4 h 12 min"), (100_000, "1 d 3 h"), (-5, "0 s")] {
            assert_eq!(Moment { at: now.plus_seconds(-seconds), now }.lasted(), said);
        }
    }
}
