//! The outcomes of runs, which are written after the answer: none is forgotten.

use serde_json::{Value, json};

use crate::{
    both,
    store::sql::{Sql, eventually},
    support::{Database, House, LAB},
};

const OUTCOMES: &str = "SELECT outcome FROM starts ORDER BY id";

async fn begun(house: &House) -> Value {
    let body = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    house.owner.post("/runs", body).await.expect(201).json()
}

async fn written(sql: &mut Sql, runs: usize) {
    eventually("the outcomes", async || {
        let outcomes = sql.texts(OUTCOMES).await;
        (outcomes.len() == runs && outcomes.iter().all(|outcome| outcome == "delivered")).then_some(())
    })
    .await;
}

both! {
    async fn what_waits_is_written_when_the_control_plane_is_told_to_stop(house) {
        house.owner.put(&format!("{LAB}/secrets/KEY"), json!({ "value": "twelve bytes" })).await.expect(201);
        for _ in 0..3 {
            begun(&house).await;
        }
        house.app.close().await;
        assert_eq!(Sql::open(&house).await.texts(OUTCOMES).await, ["delivered"; 3]);
    }

    async fn without_another_run_they_are_written_by_themselves(house) {
        begun(&house).await;
        written(&mut Sql::open(&house).await, 1).await;
        // And so are those of the runs after that.
        begun(&house).await;
        written(&mut Sql::open(&house).await, 2).await;
    }
}

/// Outcomes that the database had refused waited for the next run of their organization, if ever there was one. Only
/// PostgreSQL has something that counts what it refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_that_the_database_refused_are_tried_again_without_another_run() {
    let house = House::build(Database::Postgres).await;
    let mut sql = Sql::open(&house).await;
    sql.execute(
        "CREATE SEQUENCE tries; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM nextval('tries'); RAISE EXCEPTION 'the database is away'; END $$; \
         CREATE TRIGGER refuse BEFORE UPDATE ON starts FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    begun(&house).await;
    eventually("a second try", async || {
        (sql.number("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tries").await >= 2).then_some(())
    })
    .await;
    assert_eq!(sql.texts(OUTCOMES).await, ["pending"]);
    sql.execute("DROP TRIGGER refuse ON starts").await;
    written(&mut sql, 1).await;
}
