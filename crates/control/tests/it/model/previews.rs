//! A change that is previewed, made, and found to be as previewed.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    Story,
    reference::{Given, Reference, WORKSPACES},
    text,
};
use crate::support::Answer;

/// What is about to be done to a secret.
pub struct Change {
    /// Where it is.
    pub secret: String,
    pub method: Method,
    /// Below the secret's address.
    pub part: String,
    pub body: Value,
    pub preview: Value,
}

/// What a preview said, and how all was then.
pub struct Previewed {
    said: Value,
    before: Vec<Felt>,
    stale: BTreeSet<usize>,
    drift: Drift,
    done: Value,
}

/// How each server differs.
type Drift = Vec<BTreeMap<&'static str, (Option<Given>, Option<Given>)>>;

/// A secret as a workspace has it.
#[derive(PartialEq, Eq)]
struct Felt {
    /// Its name, its version, and whether it is suspended, where it reaches.
    seen: Option<(&'static str, usize, bool)>,
    /// The organization's that it overrides, under which name.
    overrides: Option<(usize, &'static str)>,
    overridden: bool,
}

impl Reference {
    /// How every workspace has a secret, be there one or not.
    fn felt(&self, at: Option<usize>) -> Vec<Felt> {
        let of = |workspace| {
            let reaching = at.filter(|at| self.secrets[*at].reaches(workspace));
            let Some(at) = reaching else { return Felt { seen: None, overrides: None, overridden: false } };
            let secret = &self.secrets[at];
            let (winner, hidden) = self.winner(workspace, secret.name).expect("at least this one");
            Felt {
                seen: Some((secret.name, secret.version(), secret.held_back().is_some())),
                overrides: hidden.filter(|_| winner == at).map(|hidden| (hidden, secret.name)),
                overridden: winner != at,
            }
        };
        (0..WORKSPACES).map(of).collect()
    }

    /// How every server differs.
    pub fn differing(&self) -> Drift {
        self.servers.iter().map(|server| self.drift(server)).collect()
    }

    /// The servers of a place that differ in a way in which they did not before.
    fn newly(&self, home: Option<usize>, before: &Drift) -> Vec<usize> {
        let within = |server: &usize| home.is_none_or(|home| self.servers[*server].workspace == home);
        let new = |server: &usize| {
            let now = self.drift(&self.servers[*server]);
            now.iter().any(|(name, sides)| before[*server].get(name) != Some(sides))
        };
        (0..self.servers.len()).filter(within).filter(new).collect()
    }
}

impl Story<'_> {
    /// Asks for a preview and makes the change. Once the reference has it too, [`as_previewed`](Self::as_previewed) compares.
    pub async fn change(&mut self, known: Option<usize>, home: Option<usize>, change: Change) -> (Answer, Previewed) {
        let Change { secret, method, part, body, preview } = change;
        self.told.push(format!("{method} {secret}{part} {preview}"));
        let (writer, _) = self.writer(home);
        let said = writer.post(&format!("{secret}/preview"), preview).await.expect(200).json();
        let (before, stale, drift) = (self.reference.felt(known), self.reference.stale(), self.reference.differing());
        let body = (!body.is_null()).then(|| body.to_string());
        let answer = writer.send(method, &format!("{secret}{part}"), body).await;
        assert!(answer.status.is_success(), "{}: {:#?}", answer.text, self.told);
        let done = if answer.text.is_empty() { Value::Null } else { answer.json() };
        (answer, Previewed { said, before, stale, drift, done })
    }

    /// What the preview had said is what has happened.
    pub fn as_previewed(&self, at: usize, previewed: &Previewed) {
        let Previewed { said, before, stale, drift, done } = previewed;
        let after = self.reference.felt(Some(at));
        let counted = |that: &dyn Fn(&Felt, &Felt) -> bool| {
            let slugs = (0..WORKSPACES).filter(|at| that(&before[*at], &after[*at]));
            let slugs: Vec<String> = slugs.map(|workspace| format!("w{workspace}")).collect();
            json!({ "count": slugs.len(), "first": slugs })
        };
        let expected = json!({
            "reaches": counted(&|_, after| after.seen.is_some()),
            "gains": counted(&|before, after| before.seen.is_none() && after.seen.is_some()),
            "loses": counted(&|before, after| before.seen.is_some() && after.seen.is_none()),
            "changes": counted(&|before, after| before.seen.is_some() && after.seen.is_some() && before.seen != after.seen),
            "overridden": counted(&|_, after| after.overridden),
        });
        let slugs =
            |part: &Value| part["first"].as_array().unwrap().iter().map(|one| text(&one["slug"])).collect::<Vec<_>>();
        for (what, expected) in expected.as_object().unwrap() {
            let part = &said[what];
            let said = json!({ "count": part["count"], "first": slugs(part) });
            assert_eq!(said, *expected, "{what} {:#?}", self.told);
        }
        let version = |secret: usize| self.reference.secrets[secret].version();
        let overrides = after.iter().find_map(|after| after.overrides).map(|(hidden, _)| version(hidden));
        assert_eq!(said["overrides"], json!(overrides), "{:#?}", self.told);
        let shown = before.iter().enumerate().find_map(|(workspace, before)| {
            let (hidden, name) = before.overrides?;
            (self.reference.winner(workspace, name)?.0 == hidden).then_some(hidden)
        });
        assert_eq!(said["uncovers"], json!(shown.map(version)), "{:#?}", self.told);

        let home = self.reference.secrets[at].home;
        let within = |server: &usize| home.is_none_or(|home| self.reference.servers[*server].workspace == home);
        let newly = self.reference.newly(home, drift);
        let foreseen = |server: usize| {
            let mut one = self.address_of(server);
            one["already"] = json!(stale.contains(&server));
            one["because_of_it"] = json!(newly.contains(&server));
            one
        };
        let foreseen: Vec<Value> = self.reference.stale().into_iter().filter(within).map(foreseen).collect();
        assert_eq!(said["restart_needed"], json!(foreseen), "{:#?}", self.told);
        if !done.is_null() {
            self.because_of_it(home, drift, done);
        }
    }

    fn address_of(&self, server: usize) -> Value {
        json!({ "workspace": format!("w{}", self.reference.servers[server].workspace), "server": "web" })
    }

    /// A change's answer names the servers that differ because of it, and no others.
    pub fn because_of_it(&self, home: Option<usize>, before: &Drift, done: &Value) {
        let newly = self.reference.newly(home, before).into_iter().map(|server| self.address_of(server));
        assert_eq!(done["restart_needed"], json!(newly.collect::<Vec<_>>()), "{:#?}", self.told);
    }
}
