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
    error::{Error, Result},
};
use domain::DisplayName;
use envelope::Plaintext;
use serde_json::json;

use crate::{
    both,
    store::sql::{Sql, eventually},
    support::{Actor, Database, House, LAB},
};

const RECORDS: &str = "SELECT outcome || ': ' || detail FROM starts ORDER BY id";

const HUNG_UP: &str = "failed: whoever asked for it hung up before anything was handed over";

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

both! {
    // Such a record said `pending` for ever, as if the values had been handed over.
    async fn whoever_hangs_up_before_the_answer_leaves_a_record_that_says_so(house) {
        let (owner, mut sql) = (runner(&house, &house.owner).await, Sql::open(&house).await);
        {
            let held = house.store.write("acme").await.unwrap();
            waits(pin!(begin(&house, owner.clone(), "acme", "lab"))).await;
            drop(held);
        }
        eventually("the outcome", async || (sql.texts(RECORDS).await == [HUNG_UP]).then_some(())).await;
        // And when the answer is there already, but not taken.
        let mut asking = Box::pin(begin(&house, owner, "acme", "lab"));
        waits(asking.as_mut()).await;
        eventually("the record", async || (sql.texts(RECORDS).await.len() == 2).then_some(())).await;
        drop(asking);
        eventually("the outcome", async || (sql.texts(RECORDS).await == [HUNG_UP; 2]).then_some(())).await;
    }

    // One workspace whose rows can't be read failed the runs of all that waited with its own.
    async fn a_workspace_that_can_not_be_read_fails_nobody_elses_run(house) {
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "Sound" })).await.expect(201);
        house.owner.put(&format!("{LAB}/secrets/BROKEN"), json!({ "value": "twelve bytes" })).await.expect(201);
        let (owner, mut sql) = (runner(&house, &house.owner).await, Sql::open(&house).await);
        sql.execute("UPDATE secrets SET scope = 'nobody knows'").await;
        let held = house.store.write("acme").await.unwrap();
        let run = |workspace| Box::pin(begin(&house, owner.clone(), "acme", workspace));
        let (mut first, mut broken, mut last) = (run("sound"), run("lab"), run("sound"));
        for asking in [&mut first, &mut broken, &mut last] {
            waits(asking.as_mut()).await;
        }
        drop(held);
        assert!(matches!(broken.await, Err(Error::Unavailable(why)) if why.contains("nothing was handed over")));
        assert!(first.await.is_ok() && last.await.is_ok());
        eventually("the outcomes", async || (sql.texts(RECORDS).await == ["delivered: "; 2]).then_some(())).await;
    }
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
