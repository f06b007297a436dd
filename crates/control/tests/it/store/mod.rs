//! The store on both databases, and what the databases themselves refuse.

mod audit;
mod budgets;
mod crash;
pub mod drift;
mod migrations;
mod pages;
mod people;
mod plans;
mod secrets;
pub mod sql;
mod tamper;

use control::store::{
    Caller, Connection, Permit,
    access::{Target, standing},
    credentials, users,
};
use domain::{Email, policy::Action};

use crate::support::{Actor, House};

/// What the person is for the store when they call with their first token.
pub async fn caller(house: &House, person: &Actor) -> Caller {
    let mut db = house.app.store.read().await.unwrap();
    let user = users::by_email(&mut db, &Email::parse(&person.email).unwrap()).await.unwrap().unwrap();
    let tokens = credentials::of_user(&mut db, user.id, false, control::clock::now()).await.unwrap();
    Caller {
        user: user.id,
        name: user.name,
        credential: tokens[0].id,
        session: false,
        full: true,
        organization_secrets: true,
        address: None,
    }
}

/// A permit for something of `acme`, or of its workspace `lab`.
pub async fn permit(db: &mut Connection, caller: &Caller, workspace: Option<&str>, action: Action) -> Permit {
    let target = Target { organization: "acme", workspace };
    let standing = standing(db, caller, target, control::clock::now()).await.unwrap();
    let Ok(standing) = standing else { panic!("the caller has no standing") };
    standing.permit(action).unwrap()
}
