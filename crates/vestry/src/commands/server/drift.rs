//! Drift in words: what a running server holds, and what a restart would bring.

use jiff::Timestamp;

use crate::{
    models::{Drift, Held, SettingsChanged, Who},
    text::Text,
    time::When,
};

/// What a reason means, said after the difference.
const REASONS: &[(&str, &str)] = &[
    ("value", "new version"),
    ("overridden", "a workspace secret now overrides the organization's"),
    ("uncovered", "the workspace's is gone, the organization's shows again"),
    ("selected", "it now reaches this workspace"),
    ("deselected", "it no longer reaches this workspace"),
    ("renamed", "renamed"),
    ("created", "created"),
    ("deleted", "deleted"),
    ("restored", "restored"),
    ("suspended", "suspended"),
];

/// Like `OPENAI_API_KEY v3→v4, HF_TOKEN new, its settings`.
pub(super) fn short(drift: &[Drift], settings: Option<&SettingsChanged>) -> String {
    let secrets = drift.iter().map(|drift| format!("{} {}", drift.name, difference(drift)));
    secrets.chain(settings.map(|_| "its settings".to_owned())).collect::<Vec<_>>().join(", ")
}

/// Like `started before 2 changes`.
pub(super) fn count(drift: &[Drift], settings: Option<&SettingsChanged>) -> String {
    match drift.len() + usize::from(settings.is_some()) {
        1 => "started before 1 change".to_owned(),
        n => format!("started before {n} changes"),
    }
}

/// One line for each difference: name, difference, why, by whom and when; and one for the server's own settings.
pub(super) fn lines(drift: &[Drift], settings: Option<&SettingsChanged>, now: Timestamp) -> String {
    let name_width = drift.iter().map(|drift| drift.name.as_str().chars().count()).max().unwrap_or_default();
    let differences: Vec<String> = drift.iter().map(difference).collect();
    let width = differences.iter().map(|text| text.chars().count()).max().unwrap_or_default();
    let line = |(drift, difference): (&Drift, &String)| {
        format!("  {:<name_width$}  {difference:<width$}  {}\n", drift.name, because(drift, now))
    };
    let settings = settings.map(|changed| {
        let when = known(changed.by.as_ref(), Some(changed.at), now);
        format!("  its command or variables were changed{when}\n")
    });
    drift.iter().zip(&differences).map(line).chain(settings).collect()
}

/// Like `v3→v4, new version (Mina, 2 h ago)`, where the name is said already.
pub(in crate::commands) fn of_one(drift: &Drift, now: Timestamp) -> String {
    format!("{}, {}", difference(drift), because(drift, now))
}

/// Why, by whom and when, like `new version (Mina, 2 h ago)`.
fn because(drift: &Drift, now: Timestamp) -> String {
    format!("{}{}", reason(&drift.reason), known(drift.by.as_ref(), drift.at, now))
}

/// Like ` (Mina, 2 h ago)`, as far as that is known.
fn known(by: Option<&Who>, at: Option<When>, now: Timestamp) -> String {
    let by = by.map(|who| who.name.to_string());
    let known: Vec<String> = by.into_iter().chain(at.map(|at| at.relative(now))).collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
}

fn reason(reason: &Text) -> &str {
    REASONS.iter().find(|(code, _)| *code == reason.as_str()).map_or(reason.as_str(), |(_, words)| words)
}

/// Like `v3→v4`, `new`, `gone`, or with scopes where they differ: `organization v9→workspace v1`.
fn difference(drift: &Drift) -> String {
    match (drift.kind.as_str(), &drift.from, &drift.to) {
        ("added", ..) => "new".to_owned(),
        ("removed", ..) => "gone".to_owned(),
        (_, Some(from), Some(to)) if from.scope == to.scope => format!("v{}→v{}", from.version, to.version),
        (_, Some(from), Some(to)) => format!("{}→{}", held(from), held(to)),
        _ => "changed".to_owned(),
    }
}

fn held(held: &Held) -> String {
    format!("{} v{}", held.scope, held.version)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drift() -> Vec<Drift> {
        let held = |scope: &str, version: u32| json!({"scope": scope, "secret_id": "1", "version": version});
        let mina = json!({"id": "1", "name": "Mina"});
        serde_json::from_value(json!([
            {"name": "OPENAI_API_KEY", "kind": "changed", "reason": "value", "from": held("workspace", 3),
             "to": held("workspace", 4), "by": mina, "at": "2026-11-22T10:00:00Z"},
            {"name": "HF_TOKEN", "kind": "added", "reason": "created", "from": null, "to": held("organization", 1),
             "by": mina, "at": "2026-11-22T11:00:00Z"},
            {"name": "DB", "kind": "changed", "reason": "overridden", "from": held("organization", 9),
             "to": held("workspace", 1), "by": null, "at": null},
            {"name": "AGAIN", "kind": "changed", "reason": "uncovered", "from": held("workspace", 1),
             "to": held("organization", 9), "by": mina, "at": "2026-11-21T11:00:00Z"},
            {"name": "OLD", "kind": "removed", "reason": "deleted", "from": held("workspace", 1), "to": null,
             "by": mina, "at": "2026-11-21T11:00:00Z"},
        ]))
        .unwrap()
    }

    #[test]
    fn drift_is_said_in_one_line() {
        insta::assert_snapshot!(format!("{}: {}", count(&drift(), None), short(&drift(), None)), @"started before 5 changes: OPENAI_API_KEY v3→v4, HF_TOKEN new, DB organization v9→workspace v1, AGAIN workspace v1→organization v9, OLD gone");
        assert_eq!(count(&drift()[..1], None), "started before 1 change");
    }

    #[test]
    fn every_difference_says_why_by_whom_and_when() {
        insta::assert_snapshot!(lines(&drift(), None, "2026-11-22T12:00:00Z".parse().unwrap()), @r"
          OPENAI_API_KEY  v3→v4                         new version (Mina, 2 h ago)
          HF_TOKEN        new                           created (Mina, 1 h ago)
          DB              organization v9→workspace v1  a workspace secret now overrides the organization's
          AGAIN           workspace v1→organization v9  the workspace's is gone, the organization's shows again (Mina, 1 day ago)
          OLD             gone                          deleted (Mina, 1 day ago)
        ");
    }
}
