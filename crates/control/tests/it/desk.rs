//! Runs that wait at the desk to be put on record: none suffers for another, and each record says in the end what became of
//! its run.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use control::{
    app::{
        Input, Runner,
        authentication::authenticate,
        runs::{self, Begun, NewRun, Place, Variable},
    },
    error::Result,
};
use domain::DisplayName;
use envelope::Plaintext;

use crate::support::{Actor, Database, House};

async fn runner(house: &House, who: &Actor) -> Runner {
    authenticate(&house.app, who.token().unwrap(), false, None).await.unwrap()
}

/// A run in a workspace of an organization.
async fn begin(house: &House, runner: Runner, organization: &str, workspace: &str) -> Result<Begun> {
    let place = Place { organization: organization.to_owned(), workspace: Some(workspace.to_owned()) };
    let host = DisplayName::parse("laptop").unwrap();
    let new = Input::new(Ok(NewRun { host, command: None, only: None }));
    runs::begin(&house.app, runner, place, new, untold).await
}

fn untold(_: &[Variable<'_>]) -> Result<Plaintext> {
    Ok(Plaintext::new(Vec::new()))
}

/// Lets a run ask, and sees that it has to wait.
async fn waits<T>(mut asking: Pin<&mut impl Future<Output = T>>) {
    poll_fn(|context| {
        assert!(asking.as_mut().poll(context).is_pending(), "it did not wait");
        Poll::Ready(())
    })
    .await;
}

/// All organizations waited for the one whose turn it was. Only PostgreSQL has a lock that keeps one organization waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_that_has_to_wait_keeps_no_other_waiting() {
    let house = House::build(Database::Postgres).await;
    let (owner, foreigner) = (runner(&house, &house.owner).await, runner(&house, &house.foreigner).await);
    let held = house.store.write("acme").await.unwrap();
    let mut of_acme = pin!(begin(&house, owner, "acme", "lab"));
    waits(of_acme.as_mut()).await;
    assert!(begin(&house, foreigner, "other", "lab").await.is_ok());
    waits(of_acme.as_mut()).await;
    drop(held);
    assert!(of_acme.await.is_ok());
}
