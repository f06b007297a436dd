//! What a workspace's next server start would get.

use std::collections::BTreeMap;

use crate::{Scope, SecretId, SecretName, Variables};

/// A secret that reaches a workspace, with whatever else the caller carries along (`T`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Available<T = ()> {
    /// The secret.
    pub id: SecretId,
    /// Its name now.
    pub name: SecretName,
    /// Where it belongs.
    pub scope: Scope,
    /// Its newest version.
    pub version: u32,
    /// Whether the secret or its newest version is suspended.
    pub suspended: bool,
    /// What the caller needs beside: metadata to list, a sealed value to start with.
    pub detail: T,
}

impl<T> Available<T> {
    /// The same secret with something else carried along.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Available<U> {
        let Self { id, name, scope, version, suspended, detail } = self;
        Available { id, name, scope, version, suspended, detail: change(detail) }
    }
}

/// One name of an environment: the secret that wins it, and the one it overrides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolved<T = ()> {
    /// The secret that decides what a program finds under the name.
    pub winner: Available<T>,
    /// The organization's secret that the winner overrides.
    pub overridden: Option<Available<T>>,
}

/// The environment of a workspace, by name in byte order. A suspended winner injects nothing and still overrides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Environment<T = ()>(Vec<Resolved<T>>);

/// Resolves the secrets that reach one workspace: its own override the organization's of the same spelling.
///
/// Takes them in any order; in each scope a name occurs once (the store's unique index sees to that).
pub fn resolve<T>(available: Vec<Available<T>>) -> Environment<T> {
    let mut names: BTreeMap<SecretName, Resolved<T>> = BTreeMap::new();
    for secret in available {
        match names.remove(&secret.name) {
            None => names.insert(secret.name.clone(), Resolved { winner: secret, overridden: None }),
            Some(known) => {
                let (winner, loser) = match secret.scope {
                    Scope::Workspace => (secret, known.winner),
                    Scope::Organization => (known.winner, secret),
                };
                names.insert(winner.name.clone(), Resolved { winner, overridden: Some(loser) })
            }
        };
    }
    Environment(names.into_values().collect())
}

/// What decides one variable of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer<'a, T> {
    /// The base that every server has.
    Base(&'a str),
    /// A plain variable of the server.
    Variable(&'a str),
    /// A secret that is injected.
    Secret(&'a Available<T>),
    /// A secret that is left out because it is suspended, and still hides what is below.
    Suspended(&'a Available<T>),
}

/// What decides each variable of a program: secrets over the server's plain variables over the base. By name.
pub fn layers<'a, T>(
    base: &'a [(&'static str, String)],
    variables: &'a Variables,
    secrets: &'a Environment<T>,
) -> BTreeMap<&'a str, Layer<'a, T>> {
    let base = base.iter().map(|(name, value)| (*name, Layer::Base(value.as_str())));
    let variables = variables.iter().map(|(name, value)| (name.as_str(), Layer::Variable(value)));
    let secrets = secrets.0.iter().map(|Resolved { winner, .. }| {
        let layer = if winner.suspended { Layer::Suspended(winner) } else { Layer::Secret(winner) };
        (winner.name.as_str(), layer)
    });
    // A later layer takes the place of an earlier one.
    base.chain(variables).chain(secrets).collect()
}

impl<T> Environment<T> {
    /// Every name, also those whose winner is suspended.
    pub fn names(&self) -> &[Resolved<T>] {
        &self.0
    }

    /// The secrets that a start injects.
    pub fn injected(&self) -> impl Iterator<Item = &Available<T>> {
        self.0.iter().map(|resolved| &resolved.winner).filter(|secret| !secret.suspended)
    }

    /// The secrets that a start leaves out because they are suspended.
    pub fn left_out(&self) -> impl Iterator<Item = &Available<T>> {
        self.0.iter().map(|resolved| &resolved.winner).filter(|secret| secret.suspended)
    }

    /// The part of it that injects just these names.
    ///
    /// # Errors
    /// The names that nothing is injected under.
    pub fn only(&self, names: &[SecretName]) -> Result<Self, Vec<SecretName>>
    where
        T: Clone,
    {
        let injects = |name: &SecretName| self.get(name).is_some_and(|resolved| !resolved.winner.suspended);
        let missing: Vec<SecretName> = names.iter().filter(|name| !injects(name)).cloned().collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        Ok(Self(self.0.iter().filter(|resolved| names.contains(&resolved.winner.name)).cloned().collect()))
    }

    /// What is known of one name.
    pub fn get(&self, name: &SecretName) -> Option<&Resolved<T>> {
        let place = self.0.binary_search_by(|resolved| resolved.winner.name.cmp(name)).ok()?;
        self.0.get(place)
    }

    /// Every name, by value.
    pub fn into_names(self) -> Vec<Resolved<T>> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Time;

    fn secret(number: u8, name: &str, scope: Scope, suspended: bool) -> Available {
        let id = SecretId::new(Time(0), [number; 10]);
        Available { id, name: SecretName::parse(name).unwrap(), scope, version: 1, suspended, detail: () }
    }

    #[test]
    fn a_workspace_secret_overrides_the_organizations_of_the_same_spelling_only() {
        let environment = resolve(vec![
            secret(1, "TOKEN", Scope::Workspace, false),
            secret(2, "TOKEN", Scope::Organization, false),
            secret(3, "Token", Scope::Organization, false),
        ]);
        let injected: Vec<_> = environment.injected().map(|s| (s.name.as_str(), s.scope)).collect();
        assert_eq!(injected, [("TOKEN", Scope::Workspace), ("Token", Scope::Organization)]);
        let overridden = environment.get(&SecretName::parse("TOKEN").unwrap()).unwrap().overridden.as_ref().unwrap();
        assert_eq!(overridden.scope, Scope::Organization);
    }

    #[test]
    fn a_suspended_secret_is_left_out_and_keeps_overriding() {
        let environment =
            resolve(vec![secret(1, "TOKEN", Scope::Organization, false), secret(2, "TOKEN", Scope::Workspace, true)]);
        assert_eq!(environment.injected().count(), 0);
        assert_eq!(environment.left_out().map(|s| s.scope).collect::<Vec<_>>(), [Scope::Workspace]);
    }

    #[test]
    fn a_secret_hides_a_plain_variable_and_that_the_base_even_while_it_is_suspended() {
        let environment = resolve(vec![
            secret(1, "TOKEN", Scope::Workspace, false),
            secret(2, "HELD_BACK", Scope::Organization, true),
        ]);
        let plain = ["PATH", "TOKEN", "HELD_BACK"].map(|name| (name, "plain".to_owned()));
        let variables = Variables::parse(plain).unwrap();
        let base = [("PATH", "base".to_owned()), ("HOME", "base".to_owned())];
        let layers = layers(&base, &variables, &environment);
        assert!(matches!(layers["HOME"], Layer::Base("base")));
        assert!(matches!(layers["PATH"], Layer::Variable("plain")));
        assert!(matches!(layers["TOKEN"], Layer::Secret(_)));
        assert!(matches!(layers["HELD_BACK"], Layer::Suspended(_)));
    }

    #[test]
    fn a_part_has_just_what_was_asked_for_or_there_is_none() {
        let environment = resolve(vec![
            secret(1, "A", Scope::Organization, false),
            secret(2, "B", Scope::Organization, false),
            secret(3, "B", Scope::Workspace, false),
            secret(4, "C", Scope::Workspace, true),
        ]);
        let names = |names: &[&str]| names.iter().map(|name| SecretName::parse(name).unwrap()).collect::<Vec<_>>();
        let part = environment.only(&names(&["B", "B"])).unwrap();
        assert_eq!(part.injected().map(|s| s.id).collect::<Vec<_>>(), [SecretId::new(Time(0), [3; 10])]);
        assert_eq!(environment.only(&names(&["C", "A", "D"])), Err(names(&["C", "D"])));
    }

    proptest! {
        #[test]
        fn the_order_of_the_rows_decides_nothing(
            mut rows in proptest::collection::btree_map(("[A-D]{1,2}", any::<bool>()), any::<bool>(), 0..12)
                .prop_map(|rows| rows.into_iter().enumerate().map(|(i, ((name, own), suspended))| {
                    secret(i as u8, &name, if own { Scope::Workspace } else { Scope::Organization }, suspended)
                }).collect::<Vec<_>>()),
            turn in 0_usize..12,
        ) {
            let straight = resolve(rows.clone());
            let places = rows.len().max(1);
            rows.rotate_left(turn % places);
            let turned = resolve(rows.clone());
            prop_assert_eq!(&straight, &turned);

            for resolved in straight.names() {
                let own = rows.iter().find(|s| s.name == resolved.winner.name && s.scope == Scope::Workspace);
                let organization = rows.iter().find(|s| s.name == resolved.winner.name && s.scope == Scope::Organization);
                prop_assert_eq!(Some(&resolved.winner), own.or(organization));
                prop_assert_eq!(resolved.overridden.as_ref(), own.and(organization));
            }
        }
    }
}
