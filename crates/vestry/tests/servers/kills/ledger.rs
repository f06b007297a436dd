//! What a writer sent and what was acknowledged, to be compared with what is there.

use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use assurance::Dice;
use serde_json::{Value, json};
use ureq::http::Method;

use crate::support::*;

/// The kinds of things that are written, each with where it is listed, whether the administrator writes it, and what is
/// compared; the first field says which thing it is.
const KINDS: [(Kind, &str, bool, &[&str]); 8] = [
    (Kind::Shared, "/organizations/acme/secrets", true, &["name", "version", "description", "access", "workspaces"]),
    (Kind::Own, "/organizations/acme/workspaces/lab/secrets", false, &["name", "version", "description"]),
    (Kind::Server, "/organizations/acme/workspaces/lab/servers", false, &["slug", "name"]),
    (Kind::Token, "/me/tokens", false, &["name"]),
    (Kind::WorkspaceToken, "/organizations/acme/workspaces/lab/tokens", false, &["name"]),
    (Kind::Workspace, "/organizations/acme/workspaces", false, &["slug", "description"]),
    (Kind::Collaborator, "/organizations/acme/workspaces/lab/collaborators", false, &["email"]),
    (Kind::Member, "/organizations/acme/members", true, &["email", "role"]),
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Shared,
    Own,
    Server,
    Token,
    WorkspaceToken,
    Workspace,
    Collaborator,
    Member,
}

/// How a thing is: its compared fields, its id, and the value that was written last.
#[derive(Clone, Debug)]
struct State {
    fields: Value,
    id: String,
    value: String,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

/// A thing that one writer alone writes.
struct Thing {
    kind: Kind,
    /// With what its name begins, or all of it.
    name: String,
    /// As it was acknowledged; `None` when it is not there.
    known: Option<State>,
    /// What would be there if the request that was not answered was done.
    sent: Option<Option<State>>,
}

/// A request, and what is there once it is done.
struct Step(Method, String, Value, Option<State>);

/// What writers and whoever ends them know of each other.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) sent: AtomicUsize,
    pub(crate) over: AtomicBool,
}

/// A writer with its things.
pub(crate) struct Ledger {
    things: Vec<Thing>,
    runs: Vec<String>,
    dice: Dice,
    written: usize,
    number: usize,
}

impl Ledger {
    /// A writer without anything yet; some write about a guest, too.
    pub(crate) fn new(test: &str, number: usize, guest: Option<String>) -> Self {
        let thing = |kind, name| Thing { kind, name, known: None, sent: None };
        let mut things = vec![
            thing(Kind::Shared, format!("S{number}_")),
            thing(Kind::Own, format!("O{number}_")),
            thing(Kind::Server, format!("s{number}-")),
            thing(Kind::Token, format!("t{number}-")),
            thing(Kind::WorkspaceToken, format!("k{number}-")),
            thing(Kind::Workspace, format!("w{number}-")),
        ];
        if let Some(guest) = guest {
            let fields = json!({ "email": guest, "role": "member" });
            let known = Some(State { fields, id: String::new(), value: String::new() });
            things.push(thing(Kind::Collaborator, guest.clone()));
            things.push(Thing { kind: Kind::Member, name: guest, known, sent: None });
        }
        Self { things, runs: Vec::new(), dice: Dice::of(&format!("{test}, writer {number}")), written: 0, number }
    }

    /// Writes until an answer does not come or tells of trouble, or it is over.
    pub(crate) fn write(&mut self, administrator: &Actor, owner: &Actor, progress: &Progress) {
        let (administrator, owner) = (administrator.alone(), owner.alone());
        while !progress.over.load(Ordering::Relaxed) {
            progress.sent.fetch_add(1, Ordering::Relaxed);
            if self.dice.below(6) == 0 {
                let run =
                    json!({ "organization": "acme", "workspace": "lab", "host": format!("writer {}", self.number) });
                match owner.try_send(Method::POST, "/runs", Some(run)) {
                    Ok(answer) if answer.status == 201 => self.runs.push(text(&answer.json()["id"])),
                    ended => return end(ended),
                }
                continue;
            }
            let which = self.dice.below(self.things.len());
            self.written += 1;
            let thing = &mut self.things[which];
            let Step(method, path, body, then) = thing.next(&mut self.dice, self.written);
            let actor = if thing.entry().2 { &administrator } else { &owner };
            let answer = actor.try_send(method, &path, (!body.is_null()).then_some(body));
            thing.sent = Some(then);
            match answer {
                Ok(answer) if (200..300).contains(&answer.status) => thing.acknowledge(&answer),
                ended => return end(ended),
            }
        }
    }

    /// Sees to it that all acknowledged is there, and what was not answered is there as it was sent or not at all.
    pub(crate) fn compare(&mut self, seen: &Seen, tally: &mut Tally) {
        for thing in &mut self.things {
            let there = seen.find(thing);
            let what =
                format!("{:?} {}: {:#?} of {:#?} or {:#?}", thing.kind, thing.name, there, thing.known, thing.sent);
            // As it is there, with the value that was written with it.
            let with_value = |known: &State| {
                let id = there.as_ref().map(|there| there.id.clone()).unwrap_or_default();
                State { id, ..known.clone() }
            };
            match thing.sent.take() {
                Some(sent) if sent == there && thing.known != sent => {
                    thing.known = sent.as_ref().map(with_value);
                    tally.unanswered_done += 1;
                }
                sent => {
                    assert!(thing.known == there, "lost or half: {what}");
                    thing.known = thing.known.as_ref().map(with_value);
                    tally.unanswered_not_done += usize::from(sent.is_some());
                }
            }
        }
        for run in self.runs.drain(..) {
            assert!(seen.runs.contains(&run), "the record of an answered run is lost: {run}");
            tally.runs += 1;
        }
        tally.acknowledged += std::mem::take(&mut self.written);
    }

    /// What the next start gets of what this writer wrote.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let reaching = self.things.iter().filter_map(|thing| match (thing.kind, &thing.known) {
            (Kind::Own, Some(state)) => Some(state),
            (Kind::Shared, Some(state)) if state.fields["access"] == "all" => Some(state),
            (Kind::Shared, Some(state)) if state.fields["workspaces"]["count"] == 1 => Some(state),
            _ => None,
        });
        reaching.map(|state| (text(&state.fields["name"]), state.value.clone())).collect()
    }
}

/// No answer, or one that tells of a database in trouble. Nothing else ends a writer.
fn end(answer: Result<Answer, ureq::Error>) {
    if let Ok(answer) = answer {
        assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("unavailable")), "{}", answer.text);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

impl Thing {
    fn entry(&self) -> &'static (Kind, &'static str, bool, &'static [&'static str]) {
        KINDS.iter().find(|entry| entry.0 == self.kind).unwrap()
    }

    /// Notes an answer, which must show what was expected where it shows anything.
    fn acknowledge(&mut self, answer: &Answer) {
        self.known = self.sent.take().unwrap();
        let body = answer.json();
        if let (Some(known), false) = (&mut self.known, body.is_null()) {
            assert_eq!(compared(self.kind, &body), known.fields, "{}", answer.text);
            known.id = text(&body["id"]);
        }
    }

    /// Something to do with it as it is now.
    fn next(&self, dice: &mut Dice, written: usize) -> Step {
        let list = self.entry().1;
        let Some(known) = &self.known else { return self.create(list, written) };
        let (id, value) = (known.id.clone(), known.value.clone());
        let changed = |changes: Value| {
            let mut fields = known.fields.clone();
            fields.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            Some(State { fields, id: id.clone(), value: value.clone() })
        };
        let by_name = || format!("{list}/{}", text(&known.fields[self.entry().3[0]]));
        let by_id = || format!("{list}/{id}");
        let words = format!("as it is since step {written}");
        let lab = || json!([{ "slug": "lab", "name": "Lab" }]);
        match (self.kind, dice.below(8)) {
            (Kind::Shared | Kind::Own, 0) => Step(Method::DELETE, by_name(), Value::Null, None),
            (Kind::Shared | Kind::Own, 1) => {
                let name = if text(&known.fields["name"]).ends_with('A') { "B" } else { "A" };
                let changes = json!({ "name": format!("{}{name}", self.name) });
                Step(Method::PATCH, by_name(), changes.clone(), changed(changes))
            }
            (Kind::Shared | Kind::Own, 2) => {
                let changes = json!({ "description": words });
                Step(Method::PATCH, by_name(), changes.clone(), changed(changes))
            }
            (Kind::Shared, 3) => {
                let then = changed(json!({ "access": "selected", "workspaces": { "count": 1, "first": lab() } }));
                Step(Method::PATCH, by_name(), json!({ "workspaces": ["lab"] }), then)
            }
            (Kind::Shared, 4) => {
                let then = changed(json!({ "access": "selected", "workspaces": { "count": 0, "first": [] } }));
                Step(Method::PATCH, by_name(), json!({ "workspaces": [] }), then)
            }
            (Kind::Shared, 5) => {
                let changes = json!({ "access": "all" });
                Step(Method::PATCH, by_name(), changes.clone(), changed(changes))
            }
            (Kind::Shared | Kind::Own, _) => {
                let value = format!("{} of step {written}", self.name);
                let mut then = changed(json!({ "version": known.fields["version"].as_u64().unwrap() + 1 }));
                then.as_mut().unwrap().value.clone_from(&value);
                Step(Method::PUT, by_name(), json!({ "value": value }), then)
            }
            (Kind::Server, 0..6) => {
                let changes = json!({ "name": words });
                Step(Method::PATCH, by_name(), changes.clone(), changed(changes))
            }
            (Kind::Workspace, 0..6) => {
                let changes = json!({ "description": words });
                Step(Method::PATCH, by_name(), changes.clone(), changed(changes))
            }
            (Kind::Server | Kind::Workspace, _) => Step(Method::DELETE, by_name(), Value::Null, None),
            (Kind::Token | Kind::WorkspaceToken, _) => Step(Method::DELETE, by_id(), Value::Null, None),
            (Kind::Collaborator, _) => Step(Method::DELETE, by_name(), Value::Null, None),
            (Kind::Member, _) => {
                let role = if known.fields["role"] == "member" { "administrator" } else { "member" };
                let changes = json!({ "role": role });
                Step(Method::PATCH, by_name(), changes.clone(), changed(changes))
            }
        }
    }

    fn create(&self, list: &str, written: usize) -> Step {
        let name = &self.name;
        let then = |fields: Value, value: &str| Some(State { fields, id: String::new(), value: value.to_owned() });
        let (slug, value) = (format!("{name}{written}"), format!("{name} of step {written}"));
        match self.kind {
            Kind::Shared | Kind::Own => {
                let name = format!("{name}A");
                let mut fields = json!({ "name": name, "version": 1, "description": "" });
                if self.kind == Kind::Shared {
                    fields["access"] = json!("all");
                    fields["workspaces"] = json!({ "count": 0, "first": [] });
                }
                Step(Method::PUT, format!("{list}/{name}"), json!({ "value": value }), then(fields, &value))
            }
            Kind::Server => {
                let body = json!({ "name": slug, "slug": slug, "command": ["true"] });
                Step(Method::POST, list.to_owned(), body, then(json!({ "slug": slug, "name": slug }), ""))
            }
            Kind::Workspace => {
                let fields = json!({ "slug": slug, "description": "new" });
                let body = json!({ "name": slug, "slug": slug, "description": "new" });
                Step(Method::POST, list.to_owned(), body, then(fields, ""))
            }
            Kind::Token => {
                let body = json!({ "name": slug, "access": "read" });
                Step(Method::POST, list.to_owned(), body, then(json!({ "name": slug }), ""))
            }
            Kind::WorkspaceToken => {
                let fields = json!({ "name": slug });
                Step(Method::POST, list.to_owned(), fields.clone(), then(fields, ""))
            }
            Kind::Collaborator => {
                let path = format!("{list}/{name}");
                Step(Method::PUT, path, json!({}), then(json!({ "email": name }), ""))
            }
            Kind::Member => unreachable!("nobody removes members"),
        }
    }
}

fn compared(kind: Kind, item: &Value) -> Value {
    let (.., fields) = KINDS.iter().find(|entry| entry.0 == kind).unwrap();
    fields.iter().map(|field| ((*field).to_owned(), item[*field].clone())).collect::<serde_json::Map<_, _>>().into()
}

/// What is there after all.
pub(crate) struct Seen {
    lists: BTreeMap<Kind, Vec<Value>>,
    runs: Vec<String>,
}

impl Seen {
    pub(crate) fn by(administrator: &Actor, owner: &Actor) -> Self {
        let items = |actor: &Actor, list: &str| {
            let paged = if list.ends_with("tokens") { list.to_owned() } else { format!("{list}?limit=200") };
            let answer = actor.get(&paged).expect(200).json();
            answer["items"].as_array().unwrap().clone()
        };
        let listed = KINDS.map(|(kind, list, by_administrator, _)| {
            (kind, items(if by_administrator { administrator } else { owner }, list))
        });
        let runs = items(owner, &format!("{LAB}/runs")).iter().map(|run| text(&run["id"])).collect();
        Self { lists: listed.into(), runs }
    }

    /// The thing as it is there, if it is.
    fn find(&self, thing: &Thing) -> Option<State> {
        let (kind, _, _, fields) = thing.entry();
        let own = |item: &&Value| {
            let scope = *kind != Kind::Own || item["scope"] == "workspace";
            scope && item[fields[0]].as_str().is_some_and(|name| name.starts_with(&thing.name))
        };
        let mut found = self.lists[kind].iter().filter(own);
        let state = found.next().map(|item| {
            // Nobody is told a value here: which one it is, a run shows.
            State { fields: compared(*kind, item), id: text(&item["id"]), value: String::new() }
        });
        assert!(found.next().is_none(), "{} is there twice", thing.name);
        state
    }

    /// A run gets just these values.
    pub(crate) fn assert_environment(owner: &Actor, values: &BTreeMap<String, String>) {
        let run = json!({ "organization": "acme", "workspace": "lab", "host": "after the end" });
        let begun = owner.post("/runs", run).expect(201).json();
        let variables = begun["variables"].as_array().unwrap();
        let got = variables.iter().map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect();
        assert_eq!(*values, got);
    }
}

/// How much was tried.
#[derive(Default)]
pub(crate) struct Tally {
    acknowledged: usize,
    runs: usize,
    unanswered_done: usize,
    unanswered_not_done: usize,
}

impl Tally {
    /// A kill that never met anything half done would prove nothing.
    pub(crate) fn assert_that_much_was_tried(&self) {
        assert!(self.acknowledged > 0 && self.runs > 0, "{self}");
        assert!(self.unanswered_done + self.unanswered_not_done > 0, "no request was cut off: {self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, runs, unanswered_done, unanswered_not_done } = self;
        let acknowledged = acknowledged - unanswered_done - unanswered_not_done;
        write!(
            f,
            "{acknowledged} acknowledged writes and {runs} runs: 0 lost; \
             {} unanswered writes: {unanswered_done} done, {unanswered_not_done} not, 0 half",
            unanswered_done + unanswered_not_done
        )
    }
}
