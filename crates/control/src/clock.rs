//! The one place that asks what time it is; everything else takes `now: Time`.

use domain::Time;
use jiff::Timestamp;

/// The moment of the call.
#[expect(clippy::disallowed_methods, reason = "this is the place that the rule points to")]
pub fn now() -> Time {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// RFC 3339 in UTC with microseconds and `Z`.
pub fn rfc3339(time: Time) -> String {
    let moment = Timestamp::from_microsecond(time.0).unwrap_or(Timestamp::MAX);
    format!("{moment:.6}")
}

/// Reads an RFC 3339 time; `None` when the text is none.
pub fn parse_rfc3339(text: &str) -> Option<Time> {
    text.parse::<Timestamp>().ok().map(|moment| Time(moment.as_microsecond()))
}
