//! `vestry explain`: where the value of an environment variable comes from.

use jiff::Timestamp;

use super::secret::suspended;
use crate::{
    address::segment,
    cli::Explain,
    client::{now, read},
    exit::Failure,
    models::{Absent, Explanation, Layer},
    place::Connection,
    text::Text,
    time::When,
};

/// Prints the layers, the winning one first.
pub(crate) fn run(connection: &Connection<'_>, args: &Explain) -> Result<(), Failure> {
    let place = connection.place(args.workspace.workspace.as_ref())?;
    let body = connection.get(&place.path(&format!("/explanations/{}", segment(&args.name))))?;
    if connection.out.json {
        return connection.out.document(&body);
    }
    connection.out.data(&sentence(&read(&body)?, now()))
}

/// Like `OPENAI_API_KEY   workspace v4 (Mina, 2 h ago)   overrides   organization v9`.
fn sentence(explanation: &Explanation, now: Timestamp) -> String {
    let mut text = explanation.name.to_string();
    if explanation.layers.is_empty() {
        text.push_str("   is not set");
    }
    let mut above: Option<&Layer> = None;
    for layer in &explanation.layers {
        text.push_str(match (above, layer) {
            (None, _) => "   ",
            // Plain variables of different servers stand beside each other.
            (Some(Layer::Variable { .. }), Layer::Variable { .. }) => ", ",
            (Some(_), _) => "   overrides   ",
        });
        text.push_str(&describe(layer, now));
        above = Some(layer);
    }
    if let Some(reason) = &explanation.reason {
        text.push_str(&format!("\n{reason}"));
    }
    for absent in &explanation.absent {
        text.push_str(&format!("\n  {}", missing(absent, now)));
    }
    text
}

/// Like `organization: not selected (Mina, 2 h ago)`.
fn missing(absent: &Absent, now: Timestamp) -> String {
    let since = absent.at.map(|at| format!(" ({})", by(absent.by.as_ref().map(|who| &who.name), at, now)));
    let suspension = absent.suspension.as_ref().map(|suspension| format!(", {}", suspended(suspension, now)));
    let why = absent.why.as_str().replace('_', " ");
    format!("{}: {why}{}{}", absent.scope, since.unwrap_or_default(), suspension.unwrap_or_default())
}

fn describe(layer: &Layer, now: Timestamp) -> String {
    match layer {
        Layer::Secret { scope, version, state, updated_at, updated_by, suspension } => {
            let written = by(updated_by.as_ref().map(|who| &who.name), *updated_at, now);
            let left_out = match suspension {
                Some(suspension) => format!(", {}", suspended(suspension, now)),
                None if state.as_str() == "suspended" => ", suspended".to_owned(),
                None => String::new(),
            };
            format!("{scope} v{version} ({written}){left_out}")
        }
        Layer::Variable { server, value } => format!("plain variable of {server} (\"{value}\")"),
        Layer::Base { value } => format!("base (\"{value}\")"),
    }
}

fn by(who: Option<&Text>, at: When, now: Timestamp) -> String {
    match who {
        Some(who) => format!("{who}, {}", at.relative(now)),
        None => at.relative(now),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(explanation: serde_json::Value) -> String {
        sentence(&read(&explanation).unwrap(), "2026-11-22T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn an_overridden_secret_is_said_in_one_line() {
        let explanation = json!({"name": "OPENAI_API_KEY", "winner": "secret", "reason": null, "layers": [
            {"layer": "secret", "scope": "workspace", "secret_id": "1", "version": 4, "state": "injected",
             "updated_at": "2026-11-22T10:00:00Z", "updated_by": {"id": "1", "name": "Mina"}},
            {"layer": "secret", "scope": "organization", "secret_id": "2", "version": 9, "state": "overridden",
             "updated_at": "2026-11-14T10:00:00Z", "updated_by": null},
        ]});
        insta::assert_snapshot!(said(explanation), @"OPENAI_API_KEY   workspace v4 (Mina, 2 h ago)   overrides   organization v9 (8 days ago)");
    }

    #[test]
    fn plain_layers_and_no_layer_are_said_too() {
        let both = json!({"name": "PATH", "winner": "variable", "reason": null, "layers": [
            {"layer": "variable", "server": "jupyter", "value": "/opt/bin"},
            {"layer": "variable", "server": "trainer", "value": "/bin"},
            {"layer": "base", "value": "/usr/bin"},
        ]});
        insta::assert_snapshot!(said(both), @r#"PATH   plain variable of jupyter ("/opt/bin"), plain variable of trainer ("/bin")   overrides   base ("/usr/bin")"#);
        let none = json!({"name": "NOPE", "winner": "none", "layers": [], "reason": null});
        insta::assert_snapshot!(said(none), @"NOPE   is not set");
    }

    #[test]
    fn a_suspended_secret_is_said_with_who_suspended_it_and_why() {
        let explanation = json!({"name": "A", "winner": "none", "reason": "Nothing is injected.", "layers": [
            {"layer": "secret", "scope": "workspace", "secret_id": "1", "version": 1, "state": "suspended",
             "updated_at": "2026-11-22T12:00:00Z", "updated_by": null,
             "suspension": {"at": "2026-11-22T10:00:00Z", "by": {"id": "1", "name": "Mina"}, "reason": "leaked",
                            "version": null}},
        ]});
        insta::assert_snapshot!(said(explanation), @r"
        A   workspace v1 (just now), suspended (2 h ago by Mina: leaked)
        Nothing is injected.
        ");
    }

    #[test]
    fn what_does_not_reach_is_said_with_since_when_and_by_whom() {
        let explanation = json!({"name": "A", "winner": "none", "reason": "It does not reach.", "layers": [], "absent": [
            {"scope": "workspace", "secret_id": "1", "why": "deleted", "at": "2026-11-22T10:00:00Z",
             "by": {"id": "1", "name": "Jo"}, "suspension": null},
            {"scope": "organization", "secret_id": "2", "why": "not_selected", "at": null, "by": null,
             "suspension": {"at": "2026-11-22T10:00:00Z", "by": null, "reason": "", "version": null}},
        ]});
        insta::assert_snapshot!(said(explanation), @r"
        A   is not set
        It does not reach.
          workspace: deleted (Jo, 2 h ago)
          organization: not selected, suspended (2 h ago)
        ");
    }
}
