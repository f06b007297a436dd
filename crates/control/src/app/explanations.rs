//! Which layer gives a program what it finds under a name, and what that hides.

use domain::{Absence, Resolved, Scope, SecretId, SecretName, Slug, Stamp, Time, policy::Action};

use super::{
    App,
    access::{authorize, workspace},
};
use crate::{
    error::Result,
    store::{
        Caller, Connection, Order, PageRequest, Permit, Who,
        absent::{self, Absent},
        available,
        secrets::{Secret, Suspension},
        servers, users,
    },
};

/// What a program in a workspace finds under a name.
pub struct Explanation {
    /// The secrets of that name: the winner, and what it overrides.
    pub secrets: Option<Resolved<Secret>>,
    /// The servers that set a plain variable of that name, with its text.
    pub variables: Vec<(Slug, String)>,
    /// The text of the base, where the name is part of it: with `<server>` for the server's own slug.
    pub base: Option<String>,
    /// Where there is none of these: the secrets of that name that there are or were, as far as the caller may know.
    pub absent: Vec<Missing>,
}

/// Which layer decides what a program finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Winner {
    /// A secret.
    Secret,
    /// A plain variable, on its own servers.
    Variable,
    /// The base.
    Base,
    /// Nothing, or a suspended secret.
    None,
}

impl Explanation {
    /// Which layer decides.
    pub fn winner(&self) -> Winner {
        match (&self.secrets, &self.variables[..], &self.base) {
            (Some(_), ..) if self.is_suspended() => Winner::None,
            (Some(_), ..) => Winner::Secret,
            (None, [_, ..], _) => Winner::Variable,
            (None, [], Some(_)) => Winner::Base,
            (None, [], None) => Winner::None,
        }
    }

    fn is_suspended(&self) -> bool {
        self.secrets.as_ref().is_some_and(|resolved| resolved.winner.suspended)
    }

    /// Why there is nothing under this name, or nothing is injected.
    pub fn reason(&self, name: &str) -> Option<String> {
        if self.winner() != Winner::None {
            return None;
        }
        if self.is_suspended() {
            return Some("The secret is suspended: no start gets it until the suspension is lifted.".to_owned());
        }
        if !self.absent.is_empty() {
            return Some(self.absent.iter().map(Missing::said).collect::<Vec<_>>().join(" "));
        }
        Some(match SecretName::parse(name) {
            Ok(_) => "No secret of this name reaches this workspace, and no server sets it.".to_owned(),
            Err(why) => why.to_string(),
        })
    }
}

impl Missing {
    fn said(&self) -> &'static str {
        match (self.scope, self.why) {
            (Scope::Workspace, _) => "The workspace's own secret of this name was deleted.",
            (Scope::Organization, Absence::Deleted) => "The organization's secret of this name was deleted.",
            (Scope::Organization, Absence::NotSelected) => {
                "The organization's secret of this name does not reach this workspace, which is not selected for it."
            }
        }
    }
}

/// A secret that does not reach the workspace.
pub struct Missing {
    /// The secret.
    pub id: SecretId,
    /// Where it belongs.
    pub scope: Scope,
    /// Why it is not there.
    pub why: Absence,
    /// Since when, and by whom; `None` where it never was.
    pub since: Option<(Time, Option<Who>)>,
    /// Why no start would get it in any case, where it is suspended.
    pub suspension: Option<Suspension>,
}

/// Explains one name in all three layers: base, then plain variables, then secrets, which win.
///
/// # Errors
/// As the order of answers says.
pub async fn get(app: &App, caller: &Caller, organization: &str, slug: &str, name: &str) -> Result<Explanation> {
    const EVERY_SERVER: PageRequest = PageRequest { limit: 1_000, after: None, order: Order::Name, filter: None };
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, workspace(organization, slug), Action::SeeWorkspace).await?;
    let secrets = match SecretName::parse_kept(name) {
        Ok(name) => {
            let named = available::named(&mut db, permit.organization(), permit.in_workspace(), &name).await?;
            domain::resolve(named).into_names().pop()
        }
        Err(_) => None,
    };
    let variables = servers::list(&mut db, &permit, &EVERY_SERVER)
        .await?
        .into_iter()
        .filter_map(|server| server.variables.get(name).map(|value| (server.slug.clone(), value.to_owned())))
        .collect();
    let base = domain::base_environment(permit.organization_slug(), permit.workspace_slug(), permit.workspace_slug())
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(known, value)| if known == "VESTRY_SERVER" { "<server>".to_owned() } else { value });
    let mut explanation = Explanation { secrets, variables, base, absent: Vec::new() };
    if explanation.secrets.is_none() && explanation.variables.is_empty() && explanation.base.is_none() {
        explanation.absent = missing(&mut db, &permit, name).await?;
    }
    Ok(explanation)
}

/// What there is or was under a name that nothing is found under, as far as the caller may know of it.
async fn missing(db: &mut Connection, permit: &Permit, name: &str) -> Result<Vec<Missing>> {
    let knows_all = permit.also_allows(Action::ListOrganizationSecrets);
    let told = absent::named(db, permit, name).await?.into_iter();
    let told: Vec<_> = told.filter_map(|one| one.lacking.told_to(knows_all).map(|why| (one, why))).collect();
    let people = told.iter().filter_map(|(_, (_, since))| since.and_then(|stamp| stamp.by));
    let people = users::named(db, people).await?;
    let by = |stamp: Stamp| (stamp.at, stamp.by.and_then(|id| people.get(&id).cloned()));
    let seen = |(Absent { id, lacking, suspension }, (why, since)): (Absent, (Absence, Option<Stamp>))| Missing {
        id,
        scope: lacking.scope,
        why,
        since: since.map(by),
        suspension,
    };
    Ok(told.into_iter().map(seen).collect())
}
