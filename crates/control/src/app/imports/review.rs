//! What becomes of each line of an import, said in words.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use domain::{Access, Scope, SecretName, Verdict, dotenv};
use serde_json::json;

use super::{Import, Line};
use crate::{
    app::secrets::{Secret, Warning},
    error::Result,
    store::{Connection, Permit, available, imports},
};

/// What is made of a text.
pub(super) struct Review<'a> {
    /// Line by line.
    pub reviewed: Vec<Reviewed<'a>>,
    /// Another one when anything has changed that the verdicts depend on.
    pub revision: String,
}

/// A line with what it is about.
pub(super) struct Reviewed<'a> {
    pub line: Line,
    /// The secret that has the name.
    pub known: Option<Secret>,
    /// What is assigned.
    pub entry: Option<&'a dotenv::Entry>,
}

/// The secrets that the names of an import meet.
struct There {
    /// The place's own, by name.
    own: HashMap<SecretName, Secret>,
    /// The version of each of the organization's secrets that reach the workspace, where the place is one.
    beneath: HashMap<SecretName, u32>,
    /// All names that are visible at the place then, by their spelling in lower case.
    spelled: HashMap<String, Vec<SecretName>>,
}

/// Says what becomes of each line, in at most two queries.
///
/// # Errors
/// When the database fails.
pub(super) async fn of<'a>(db: &mut Connection, permit: &Permit, import: &'a Import) -> Result<Review<'a>> {
    let mut there = There::read(db, permit, import).await?;
    let reviewed: Vec<Reviewed<'_>> = import.lines.iter().map(|line| there.review(import, line)).collect();
    let depends = |one: &Reviewed<'_>| {
        let name = one.line.name.as_ref();
        let beneath = name.and_then(|name| there.beneath.get(name));
        json!([
            one.line.number,
            name.map(SecretName::as_str),
            one.line.verdict.as_str(),
            beneath,
            one.known.as_ref().map(|known| (known.id.to_string(), known.revision.as_str()))
        ])
    };
    let state = json!(reviewed.iter().map(depends).collect::<Vec<_>>()).to_string();
    let hash = digest(&SHA256, state.as_bytes());
    let revision = hash.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Review { reviewed, revision })
}

impl There {
    async fn read(db: &mut Connection, permit: &Permit, import: &Import) -> Result<Self> {
        let names = || import.lines.iter().filter_map(|line| line.as_ref().ok()).map(|entry| &entry.name);
        let own = imports::spelled_like(db, permit, names()).await?;
        let organizations = match permit.workspace() {
            Some(workspace) => available::listed(db, permit.organization(), workspace).await?,
            None => Vec::new(),
        };
        let beneath: HashMap<_, _> = organizations
            .into_iter()
            .filter(|secret| secret.scope == Scope::Organization)
            .map(|secret| (secret.name, secret.version))
            .collect();
        let mut spelled: HashMap<String, Vec<SecretName>> = HashMap::new();
        for name in own.iter().map(|secret| &secret.name).chain(beneath.keys()).chain(names()) {
            spelled.entry(name.as_str().to_lowercase()).or_default().push(name.clone());
        }
        let own = own.into_iter().map(|secret| (secret.name.clone(), secret)).collect();
        Ok(Self { own, beneath, spelled })
    }

    fn review<'a>(
        &mut self,
        import: &Import,
        line: &'a std::result::Result<dotenv::Entry, dotenv::Fault>,
    ) -> Reviewed<'a> {
        let entry = match line {
            Ok(entry) => entry,
            Err(dotenv::Fault { line, name, trouble }) => {
                let verdict = if trouble.is_readable() { Verdict::Refused } else { Verdict::Unparsed };
                let (code, message) = (Some(trouble.code()), trouble.to_string());
                let name = name.clone();
                let line = Line { number: *line, name, verdict, version: None, code, message, warnings: Vec::new() };
                return Reviewed { line, known: None, entry: None };
            }
        };
        let known = self.own.remove(&entry.name);
        let left_out = entry.value.expose().is_empty() && !import.allow_empty;
        let beneath = self.beneath.get(&entry.name).copied();
        let verdict = Verdict::of(import.mode, left_out, known.is_some(), beneath.is_some());
        let line = Line {
            number: entry.line,
            name: Some(entry.name.clone()),
            verdict,
            version: match &known {
                Some(secret) => Some(secret.version + u32::from(verdict.writes())),
                None => verdict.writes().then_some(1),
            },
            code: verdict.stops().then_some("name_taken"),
            message: message(verdict, import, known.as_ref(), beneath),
            warnings: if verdict.writes() { self.warnings(entry, known.is_none()) } else { Vec::new() },
        };
        Reviewed { line, known, entry: Some(entry) }
    }

    fn warnings(&self, entry: &dotenv::Entry, new: bool) -> Vec<Warning> {
        let of_value =
            entry.cautions.iter().map(|caution| Warning { code: caution.code(), message: caution.to_string() });
        let spelled = self.spelled.get(&entry.name.as_str().to_lowercase()).filter(|_| new);
        let of_name = if new { entry.name.warnings() } else { Vec::new() };
        let other = entry.name.differs_only_in_case(spelled.into_iter().flatten());
        of_value.chain(of_name.into_iter().chain(other).map(Warning::from)).collect()
    }
}

/// A verdict for people.
fn message(verdict: Verdict, import: &Import, known: Option<&Secret>, beneath: Option<u32>) -> String {
    let (version, beneath) = (known.map_or(0, |known| known.version), beneath.unwrap_or(0));
    match verdict {
        Verdict::Added => "new".to_owned(),
        Verdict::Overrides => format!("new, overrides the organization's v{beneath}"),
        Verdict::Updated => format!("v{version} → v{}{}", version + 1, reach_changed(import, known)),
        Verdict::Skipped => format!("is there already and stays as it is: v{version}"),
        Verdict::Empty => "has no value, left out".to_owned(),
        Verdict::Refused | Verdict::Unparsed => {
            format!("There is a secret of this name already: v{version}. Overwrite or skip those that are there.")
        }
    }
}

/// What a new version changes besides the value.
fn reach_changed(import: &Import, known: Option<&Secret>) -> &'static str {
    let before = known.map(|known| known.access);
    match (import.reach.after_write(before), &import.reach.workspaces) {
        (Access::All, _) if before == Some(Access::Selected) => ", reaches all workspaces from now on",
        (Access::Selected, Some(_)) => ", reaches exactly the given workspaces from now on",
        (Access::Selected, None) if before == Some(Access::All) => ", reaches only selected workspaces from now on",
        _ => "",
    }
}
