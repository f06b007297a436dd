//! What a change of a secret will do, before it is made: by the rule that the change itself goes by.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::{
    Access, Available, Budget, BudgetLimit, Effect, ORGANIZATION_BUDGET, Proposal, ReachEffect, Reaches, SecretId,
    SecretName, Slug, WORKSPACE_BUDGET, WorkspaceId, entry_cost,
};

use super::{
    App, Input,
    access::authorize,
    drift,
    secrets::{Place, Reach, Secret, scope, workspaces_of},
};
use crate::{
    error::{Error, Result},
    random,
    store::{Caller, Connection, Permit, available, budgets, secrets, selections, workspaces},
};

/// What somebody thinks of doing to a secret.
pub struct Ask {
    /// What.
    pub operation: Operation,
    /// Which workspaces an organization secret is to reach; what is not mentioned stays.
    pub reach: Reach,
}

/// A change of a secret.
pub enum Operation {
    /// Create it under this name, or write its next version: of so many bytes, where that is known.
    Set(SecretName, Option<usize>),
    /// Delete it.
    Delete,
    /// Give it this name.
    Rename(SecretName),
    /// Change which workspaces it reaches.
    SetAccess,
}

/// How many workspaces of a kind are named.
const NAMED: usize = 5;

/// Workspaces to which a change does the same: one alone, or all that have nothing of their own to do with it.
pub struct Affected {
    /// The id of one alone.
    id: Option<WorkspaceId>,
    /// How many there are.
    count: u32,
    /// Slug and name of the first of them, by slug: at most five.
    pub first: Vec<(Slug, String)>,
    /// What happens to each.
    pub effect: Effect,
    /// Whether its budget would be exceeded.
    pub exceeds: bool,
}

/// What a change will do.
pub struct Preview {
    /// Every workspace that feels it, has the secret afterwards, or would have too much; those alone by slug.
    pub workspaces: Vec<Affected>,
    /// Every server of the place that needs a restart afterwards, by workspace and slug.
    pub stale: Vec<drift::Felt>,
    /// What the budget's secrets take afterwards, where they take most: by number and by size.
    pub budget: Budget,
    /// What they may take.
    pub limit: BudgetLimit,
}

/// Says what a change of a secret will do. Nothing is written or unsealed.
///
/// # Errors
/// Those that the change itself would meet, but for a budget exceeded: [`Error::NotFound`] without the secret,
/// [`Error::Conflict`] for a new name that is taken, [`Error::Invalid`] for workspaces that do not exist; otherwise as the
/// order of answers says.
pub async fn get(app: &App, caller: &Caller, place: Place<'_>, name: &str, ask: Input<Ask>) -> Result<Preview> {
    let mut db = app.store.read().await?;
    let permit = authorize(&mut db, caller, place.target(), place.previewing()).await?;
    let known = secrets::find(&mut db, &permit, name).await?;
    let ask = ask.checked()?;
    if known.is_none() && !matches!(ask.operation, Operation::Set(..)) {
        return Err(Error::NotFound);
    }
    let now = drift::as_they_are(&mut db, &permit, known.as_ref().as_slice()).await?.pop();
    let proposal = propose(&mut db, &permit, known.as_ref(), now.as_ref(), &ask).await?;
    let (cost, weights) = weigh(&mut db, &permit, known.as_ref(), &ask, proposal.secret).await?;

    let workspaces = affected(&mut db, &permit, now.as_ref(), &proposal, &weights, cost).await?;
    let budget = weights.most(&proposal, &workspaces, cost);
    let stale = drift::foreseen(app, &mut db, &permit, &proposal).await?;
    Ok(Preview { workspaces, stale, budget, limit: weights.limit })
}

/// The secret as it is about to be.
async fn propose(
    db: &mut Connection,
    permit: &Permit,
    known: Option<&Secret>,
    now: Option<&Proposal>,
    ask: &Ask,
) -> Result<Proposal> {
    let secret = known.map_or_else(|| SecretId::new(permit.now(), random::bytes()), |known| known.id);
    let now = now.and_then(|now| now.after.clone());
    let after = match &ask.operation {
        Operation::Delete => None,
        Operation::SetAccess => now,
        Operation::Rename(name) => {
            if secrets::find(db, permit, name.as_str()).await?.is_some_and(|taken| taken.id != secret) {
                return Err(Error::Conflict("there is one of this name already; choose another name".into()));
            }
            now.map(|now| Available { name: name.clone(), ..now })
        }
        Operation::Set(name, _) => Some(Available {
            id: secret,
            name: name.clone(),
            scope: scope(permit),
            version: known.map_or(1, |known| known.version + 1),
            suspended: false,
            detail: (),
        }),
    };
    let reaches = match permit.workspace() {
        Some(workspace) => Reaches::Only(BTreeSet::from([workspace])),
        None => match ask.reach.after_write(known.map(|known| known.access)) {
            Access::All => Reaches::Everywhere,
            Access::Selected => Reaches::Only(match (&ask.reach.workspaces, known) {
                (Some(slugs), _) => workspaces_of(db, permit, slugs).await?.into_iter().collect(),
                (None, Some(known)) => selections::of_secret(db, permit, known.id).await?.into_iter().collect(),
                (None, None) => BTreeSet::new(),
            }),
        },
    };
    Ok(Proposal { secret, after, reaches })
}

/// What the other secrets of the budget take, in every workspace and in some.
struct Weights {
    everywhere: Budget,
    somewhere: HashMap<WorkspaceId, Budget>,
    limit: BudgetLimit,
}

impl Weights {
    /// What a workspace's budget takes with the secret, where that reaches it.
    fn of(&self, workspace: WorkspaceId, cost: Option<u64>) -> Budget {
        let own = self.somewhere.get(&workspace).copied().unwrap_or_default();
        let others = self.everywhere.and(own);
        cost.map_or(others, |cost| others.with(cost))
    }

    /// What is taken where most is: by number and by size, each in its own worst workspace.
    fn most(&self, proposal: &Proposal, affected: &[Affected], cost: Option<u64>) -> Budget {
        let everywhere = cost.filter(|_| proposal.reaches == Reaches::Everywhere);
        let least = everywhere.map_or(self.everywhere, |cost| self.everywhere.with(cost));
        let reached = affected.iter().filter(|workspace| workspace.effect.reaches).filter_map(|workspace| workspace.id);
        let reached: HashSet<WorkspaceId> = reached.collect();
        self.somewhere.keys().chain(&reached).fold(least, |most, workspace| {
            most.max_each(self.of(*workspace, cost.filter(|_| reached.contains(workspace))))
        })
    }
}

/// What the secret will take of its budget, where it will be there at all, and what the others take.
async fn weigh(
    db: &mut Connection,
    permit: &Permit,
    known: Option<&Secret>,
    ask: &Ask,
    secret: SecretId,
) -> Result<(Option<u64>, Weights)> {
    let now = match known {
        Some(known) => Some((known.name.as_str().len() as u64, budgets::of_secret(db, permit, known.id).await?)),
        None => None,
    };
    let cost = match (&ask.operation, now) {
        (Operation::Delete, _) => None,
        (Operation::Set(name, Some(length)), _) => Some(entry_cost(name, envelope::padded_len(*length) as u64)),
        (Operation::Set(name, None), None) => Some(entry_cost(name, envelope::padded_len(0) as u64)),
        (Operation::Rename(name), Some((letters, cost))) => Some(cost - letters + name.as_str().len() as u64),
        (Operation::Set(..) | Operation::SetAccess | Operation::Rename(_), now) => now.map(|(_, cost)| cost),
    };
    let weights = match permit.workspace() {
        None => {
            let (everywhere, somewhere) = budgets::without(db, permit, secret).await?;
            Weights { everywhere, somewhere, limit: ORGANIZATION_BUDGET }
        }
        Some(workspace) => {
            let all = budgets::of_workspace(db, workspace).await?;
            let others = now.map_or(all, |(_, cost)| all.without(cost));
            Weights { everywhere: others, somewhere: HashMap::new(), limit: WORKSPACE_BUDGET }
        }
    };
    Ok((cost, weights))
}

/// The workspaces that feel the change or have the secret afterwards. An organization may have thousands: only those are
/// looked at one by one that differ from all others in what they select, have of their own, or have room for.
async fn affected(
    db: &mut Connection,
    permit: &Permit,
    now: Option<&Proposal>,
    proposal: &Proposal,
    weights: &Weights,
    cost: Option<u64>,
) -> Result<Vec<Affected>> {
    let felt = |workspace, there| {
        let effect = proposal.effect(workspace, there);
        let exceeds = effect.reaches && weights.of(workspace, cost).check(weights.limit).is_err();
        (effect.reach.is_some() || effect.reaches).then_some((effect, exceeds))
    };
    let alone = |(workspace, slug, name), there| {
        let (effect, exceeds) = felt(workspace, there)?;
        Some(Affected { id: Some(workspace), count: 1, first: vec![(slug, name)], effect, exceeds })
    };
    if let Some(workspace) = permit.workspace() {
        let seen = workspaces::get(db, permit).await?;
        let mut there = available::compared(db, permit.organization(), &HashSet::from([workspace])).await?;
        let there = there.remove(&workspace).unwrap_or_default();
        return Ok(alone((workspace, seen.slug, seen.name), there).into_iter().collect());
    }

    let there = |workspace| now.map(|now| now.applied(workspace, Vec::new())).unwrap_or_default();
    let names = now.into_iter().chain([proposal]).filter_map(|one| one.after.as_ref()).map(|secret| &secret.name);
    let mut names: Vec<&SecretName> = names.collect();
    let Some(first) = names.pop() else { return Ok(Vec::new()) };
    let mut own = available::own_named(db, permit.organization(), (first, names.pop().unwrap_or(first))).await?;
    let selected = now.into_iter().chain([proposal]).flat_map(|one| one.reaches.named());
    let special: HashSet<WorkspaceId> = selected.chain(own.keys()).chain(weights.somewhere.keys()).copied().collect();
    let special = workspaces::of_ids(db, permit, &special).await?;

    let others = workspaces::others(db, permit, special.iter().map(|(workspace, ..)| *workspace), NAMED).await?;
    let of_others = match others.first.first() {
        Some((one, ..)) => felt(*one, there(*one)),
        None => None,
    };
    let with_own = |(workspace, slug, name): (WorkspaceId, Slug, String)| {
        let own = own.remove(&workspace).unwrap_or_default();
        alone((workspace, slug, name), [own, there(workspace)].concat())
    };
    let mut affected: Vec<Affected> = special.into_iter().filter_map(with_own).collect();
    affected.extend(of_others.map(|(effect, exceeds)| {
        let first = others.first.into_iter().map(|(_, slug, name)| (slug, name)).collect();
        Affected { id: None, count: others.count, first, effect, exceeds }
    }));
    Ok(affected)
}

/// How many workspaces there are of a kind.
#[derive(Default)]
pub struct Those {
    /// How many.
    pub count: u32,
    /// Slug and name of the first of them, by slug: at most five.
    pub first: Vec<(Slug, String)>,
}

impl Preview {
    /// The workspaces of which this is so.
    pub fn those(&self, is: impl Fn(&Affected) -> bool) -> Those {
        let mut those = Those::default();
        for affected in self.workspaces.iter().filter(|affected| is(affected)) {
            those.count += affected.count;
            those.first.extend_from_slice(&affected.first);
        }
        those.first.sort();
        those.first.truncate(NAMED);
        those
    }

    /// The workspaces that feel the change in this way.
    pub fn that(&self, reach: ReachEffect) -> Those {
        self.those(|affected| affected.effect.reach == Some(reach))
    }
}
