//! Times as people say them.

use jiff::{SignedDuration, Timestamp, Unit, civil::Date, tz::TimeZone};
use serde::{Deserialize, Deserializer, de};

/// A time of the control plane: RFC 3339, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct When(Timestamp);

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| de::Error::custom("a time is not RFC 3339"))
    }
}

impl When {
    /// A time of this program's own; `None` where it is no year that people write.
    pub(crate) fn of(time: domain::Time) -> Option<Self> {
        Timestamp::from_microsecond(time.0).ok().map(Self)
    }

    /// Seconds from `now` to this time; negative when it has passed.
    pub(crate) fn until(self, now: Timestamp) -> i64 {
        -self.age(now)
    }

    /// Seconds from `now` back to this time; negative when it is still to come.
    fn age(self, now: Timestamp) -> i64 {
        now.duration_since(self.0).as_secs()
    }

    /// Like `2 h ago` or `in 30 days`; more than 60 days away the date, like `12 Nov 2026`.
    pub(crate) fn relative(self, now: Timestamp) -> String {
        let age = self.age(now);
        let Some(amount) = amount(age.unsigned_abs()) else {
            return self.0.strftime("%-d %b %Y").to_string();
        };
        match (amount.as_str(), age) {
            ("", _) => "just now".to_owned(),
            (amount, 0..) => format!("{amount} ago"),
            (amount, _) => format!("in {amount}"),
        }
    }

    /// To the second, UTC, like `2026-11-22 20:14:03Z`.
    pub(crate) fn exact(self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
    }
}

/// The largest fitting unit; empty for less than a minute, `None` beyond 60 days.
fn amount(seconds: u64) -> Option<String> {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match () {
        () if minutes == 0 => Some(String::new()),
        () if hours == 0 => Some(format!("{minutes} min")),
        () if days == 0 => Some(format!("{hours} h")),
        () if days == 1 => Some("1 day".to_owned()),
        () if days <= 60 => Some(format!("{days} days")),
        () => None,
    }
}

/// A span like `12h`, `30d` or `6w`, from now; as RFC 3339 in UTC. `None` when it is none, or nothing at all.
pub(crate) fn after(text: &str, now: Timestamp) -> Option<String> {
    let then = now.checked_add(span(text)?).ok()?;
    then.round(Unit::Second).ok().map(|then| then.to_string())
}

/// A time as people give it: a span back from now like `2h` or `3d ago`, the beginning of a day in UTC like
/// `2026-11-22`, or RFC 3339. `None` for anything else.
pub(crate) fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(span) = span(text.strip_suffix("ago").unwrap_or(text).trim_end()) {
        return now.checked_sub(span).ok();
    }
    match text.parse::<Date>() {
        Ok(day) if text.len() == "2026-11-22".len() => day.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp()),
        _ => text.parse().ok(),
    }
}

fn span(span: &str) -> Option<SignedDuration> {
    let (number, unit) = span.split_at_checked(span.len().checked_sub(1)?)?;
    let hours = match unit {
        "h" => 1,
        "d" => 24,
        "w" => 24 * 7,
        _ => return None,
    };
    let number = number.parse::<u32>().ok().filter(|&number| number > 0)?;
    Some(SignedDuration::from_hours(i64::from(number) * hours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_said_relative_to_now() {
        let now = at("2026-11-22T12:00:00Z");
        let table = [
            ("2026-11-22T11:59:30Z", "just now"),
            ("2026-11-22T12:00:09Z", "just now"),
            ("2026-11-22T11:55:00Z", "5 min ago"),
            ("2026-11-22T10:00:00Z", "2 h ago"),
            ("2026-11-21T10:00:00Z", "1 day ago"),
            ("2026-11-14T12:00:00Z", "8 days ago"),
            ("2026-12-22T12:00:00Z", "in 30 days"),
            ("2026-03-02T12:00:00.123456Z", "2 Mar 2026"),
        ];
        for (time, said) in table {
            assert_eq!(When(at(time)).relative(now), said);
        }
    }

    #[test]
    fn a_moment_is_a_span_back_a_day_or_a_time() {
        let now = at("2026-11-22T12:00:00Z");
        let table = [
            ("2h", "2026-11-22T10:00:00Z"),
            ("3d ago", "2026-11-19T12:00:00Z"),
            (" 1w", "2026-11-15T12:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20T15:00:00+01:00", "2026-11-20T14:00:00Z"),
            ("2026-11-20 14:00Z", "2026-11-20T14:00:00Z"),
        ];
        for (text, time) in table {
            assert_eq!(moment(text, now), Some(at(time)), "{text}");
        }
        for wrong in ["", "yesterday", "ago", "2026-11-31", "2026-11-20T14:00:00", "9999999999h", "-2h"] {
            assert_eq!(moment(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let now = at("2026-11-22T12:00:00.25Z");
        assert_eq!(after("12h", now).unwrap(), "2026-11-23T00:00:00Z");
        assert_eq!(after("30d", now).unwrap(), "2026-12-22T12:00:00Z");
        assert_eq!(after("1w", now).unwrap(), "2026-11-29T12:00:00Z");
        for wrong in ["", "d", "0d", "-1d", "30", "30m", "1.5d", "d30", "99999999999d", "3é"] {
            assert_eq!(after(wrong, now), None, "{wrong}");
        }
    }
}
