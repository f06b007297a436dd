//! A control plane that finds its servers again. Their processes are gone here, which the database does not know yet.

use control::app::{boot::Booted, health};
use serde_json::{Value, json};

use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::{Sql, eventually},
    },
    support::{Actor, Database, House, LAB, ROOT_KEY, boot},
};

const FOREIGN: &str = "/organizations/other/workspaces/lab";

/// The same people before another control plane on the same database.
async fn next(house: &House) -> (Booted, impl Fn(&Actor) -> Actor + use<>) {
    let booted = boot(&house.directory, &house.database_url, ROOT_KEY).await;
    let router = control::router(booted.app.clone(), control::site::Site::loopback());
    (booted, move |person: &Actor| person.before(router.clone()))
}

both! {
    async fn the_first_answer_of_a_new_control_plane_is_true(house) {
        let notebook = server(&house.owner, LAB, "notebook").await;
        let start = runs(&house, &house.owner, &notebook).await;
        assert_eq!(house.owner.get(&notebook).await.json()["status"], "running");
        let (_booted, there) = next(&house).await;
        let seen = there(&house.owner).get(&notebook).await.expect(200).json();
        assert_eq!((&seen["status"], &seen["exit_code"]), (&json!("failed"), &Value::Null), "{seen:#}");
        let records = there(&house.owner).get(&format!("{notebook}/starts")).await.expect(200).json();
        assert_eq!(records["items"][0]["id"], start);
        assert!(records["items"][0]["ended_at"].is_string());
        assert_eq!(there(&house.anonymous).get("/readyz").await.json()["servers"], "ok");
    }
}

/// Only PostgreSQL has a lock that keeps one organization waiting and lets a control plane start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_wait_for_the_servers_and_health_does_not() {
    let house = House::build(Database::Postgres).await;
    let notebook = server(&house.owner, LAB, "notebook").await;
    runs(&house, &house.owner, &notebook).await;
    let elsewhere = server(&house.foreigner, FOREIGN, "notebook").await;
    runs(&house, &house.foreigner, &elsewhere).await;

    let mut lock = Sql::open(&house).await;
    lock.execute("BEGIN; SELECT 1 FROM organizations WHERE slug = 'acme' FOR UPDATE").await;
    let (booted, there) = next(&house).await;
    assert_eq!(there(&house.anonymous).get("/healthz").await.expect(200).text, "ok\n");
    let ready = there(&house.anonymous).get("/readyz").await.expect(503).json();
    assert_eq!((&ready["servers"], &ready["database"]), (&json!("still being found"), &json!("ok")));

    let (reader, stopper) = (there(&house.owner), there(&house.owner));
    let (read, stop) = (notebook.clone(), format!("{notebook}/stop"));
    let reading = tokio::spawn(async move { reader.get(&read).await });
    let stopping = tokio::spawn(async move { stopper.post(&stop, json!({})).await });
    let mut sql = Sql::open(&house).await;
    let status = "SELECT x.status FROM servers x JOIN workspaces w ON w.id = x.workspace_id \
                  JOIN organizations o ON o.id = w.organization_id ORDER BY o.slug";
    let one_by_one = eventually("the other organization's server", async || {
        Some(sql.texts(status).await).filter(|statuses| statuses[1] == "failed")
    });
    assert_eq!(one_by_one.await, ["running", "failed"], "one that can't be looked at holds up no other");
    assert!(!reading.is_finished() && !stopping.is_finished(), "nobody sees a server before that");

    lock.execute("COMMIT").await;
    assert_eq!(reading.await.unwrap().expect(200).json()["status"], "failed");
    assert_eq!(stopping.await.unwrap().expect(409).code(), "conflict");
    health::servers_are_found(&booted.app).await.unwrap();
}
