//! Which layer gives a program what it finds under a name, and what that hides.

use domain::{Resolved, SecretName, Slug, policy::Action};

use super::{
    App,
    access::{authorize, workspace},
};
use crate::{
    error::Result,
    store::{Caller, Order, PageRequest, available, secrets::Secret, servers},
};

/// What a program in a workspace finds under a name.
pub struct Explanation {
    /// The secrets of that name: the winner, and what it overrides.
    pub secrets: Option<Resolved<Secret>>,
    /// The servers that set a plain variable of that name, with its text.
    pub variables: Vec<(Slug, String)>,
    /// The text of the base, where the name is part of it: with `<server>` for the server's own slug.
    pub base: Option<String>,
}

/// Explains one name in all three layers: base, then plain variables, then secrets, which win.
///
/// # Errors
/// As the order of answers says.
pub async fn get(app: &App, caller: &Caller, organization: &str, slug: &str, name: &str) -> Result<Explanation> {
    const EVERY_SERVER: PageRequest = PageRequest { limit: 1_000, after: None, order: Order::Name, filter: None };
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, workspace(organization, slug), Action::SeeWorkspace).await?;
    let environment = domain::resolve(available::listed(&mut db, permit.organization(), permit.in_workspace()).await?);
    let secrets = SecretName::parse_kept(name).ok().and_then(|name| environment.get(&name).cloned());
    let variables = servers::list(&mut db, &permit, &EVERY_SERVER)
        .await?
        .into_iter()
        .filter_map(|server| server.variables.get(name).map(|value| (server.slug.clone(), value.to_owned())))
        .collect();
    let base = domain::base_environment(permit.organization_slug(), permit.workspace_slug(), permit.workspace_slug())
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(known, value)| if known == "VESTRY_SERVER" { "<server>".to_owned() } else { value });
    Ok(Explanation { secrets, variables, base })
}
