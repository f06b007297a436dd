//! The store on both databases, and what the databases themselves refuse.

mod audit;
mod budgets;
mod crash;
pub mod drift;
mod migrations;
mod pages;
mod people;
mod permits;
mod plans;
mod secrets;
mod snapshots;
pub mod sql;
mod tamper;

use control::{
    app::token::Presented,
    store::{
        Caller, Connection, Permit, Writing,
        access::{Denied, Target, standing},
        audit::{self as log, Event},
        credentials,
    },
};
use domain::{AuditAction, policy::Action};

use crate::support::{Actor, House};

/// What the person is for the store when they call.
pub async fn caller(house: &House, person: &Actor) -> Caller {
    let shown = Presented::parse(person.token().unwrap()).unwrap();
    let (is, now) = (|stored: &[u8]| shown.is(stored), control::clock::now());
    let mut db = house.store.read().await.unwrap();
    credentials::find(&mut db, shown.id, false, is, None, now).await.unwrap().unwrap().0
}

/// Commits what a test has written, with an event as every write has one.
pub async fn commit(tx: Writing, permit: Permit) {
    let written = Event::new(AuditAction::OrganizationEdited, "test", "", "");
    log::commit(tx, permit, written).await.unwrap();
}

/// A permit for something of `acme`, or of its workspace `lab`.
pub async fn permit(db: &mut Connection, caller: &Caller, workspace: Option<&str>, action: Action) -> Permit {
    permit_in(db, caller, "acme", workspace, action).await
}

/// A permit for something of an organization.
pub async fn permit_in(
    db: &mut Connection,
    caller: &Caller,
    organization: &str,
    workspace: Option<&str>,
    action: Action,
) -> Permit {
    asked(db, caller, Target { organization, workspace }, action).await.unwrap()
}

/// Whether the caller's token is what keeps them from something of `acme`.
pub async fn denied(db: &mut Connection, caller: &Caller, action: Action) -> bool {
    let target = Target { organization: "acme", workspace: None };
    asked(db, caller, target, action).await.is_err_and(|denied| denied == Denied::Token)
}

async fn asked(db: &mut Connection, caller: &Caller, target: Target<'_>, action: Action) -> Result<Permit, Denied> {
    let standing = standing(db, caller, target, control::clock::now()).await.unwrap();
    let Ok(standing) = standing else { panic!("the caller has no standing") };
    standing.permit(action)
}
