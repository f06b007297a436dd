//! Budgets: never exceeded, however many write at once, and refused with numbers.

use control::store::secrets::{self, NewSecret};
use domain::{Access, SecretId, SecretName, policy::Action};
use envelope::{Context, Key, Plaintext};
use serde_json::{Value, json};

use super::{caller, commit, permit, sql::Sql};
use crate::{
    both,
    support::{Answer, LAB},
};

const SECRETS: &str = "/organizations/acme/secrets";
const BUDGET: i64 = 256 * 1024;

/// A value of 48 KiB, the largest there is: four fit into a budget, five don't.
fn large() -> String {
    "x".repeat(48 * 1024)
}

fn refused(answer: Answer, code: &str) -> String {
    let problem = answer.expect(422).json();
    assert_eq!(problem["errors"][0]["code"], code);
    problem["errors"][0]["message"].as_str().unwrap().to_owned()
}

both! {
    async fn writers_at_the_same_time_never_exceed_the_size_of_a_budget(house) {
        for (place, person) in [(SECRETS.to_owned(), &house.administrator), (format!("{LAB}/secrets"), &house.owner)] {
            let mut writers = tokio::task::JoinSet::new();
            for number in 0..12 {
                let (person, path) = (person.clone(), format!("{place}/LARGE_{number}"));
                writers.spawn(async move { person.put(&path, json!({ "value": large() })).await });
            }
            let (made, other): (Vec<_>, Vec<_>) =
                writers.join_all().await.into_iter().partition(|answer| answer.status == 201);
            assert_eq!((made.len(), other.len()), (4, 8), "{place}");
            for answer in other {
                let message = refused(answer, "budget_size");
                assert!(message.contains("would take 261 KiB; at most 256 KiB"), "{message}");
            }
        }
        let sizes = "SELECT CAST(SUM(cost) AS BIGINT) FROM secrets GROUP BY home_id";
        assert!(Sql::open(&house).await.numbers(sizes).await.iter().all(|size| *size > BUDGET * 3 / 4 && *size <= BUDGET));
        for number in 0..12 {
            let path = format!("{SECRETS}/LARGE_{number}");
            if house.administrator.get(&path).await.status == 200 {
                house.administrator.put(&path, json!({ "value": large() })).await.expect(200);
            }
        }
    }

    async fn writers_at_the_same_time_never_exceed_the_number_of_workspace_secrets(house) {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..5 {
            let owner = house.owner.clone();
            writers.spawn(async move {
                let mut answers = Vec::new();
                for number in 0..21 {
                    let path = format!("{LAB}/secrets/SMALL_{writer}_{number}");
                    answers.push(owner.put(&path, json!({ "value": "twelve bytes" })).await);
                }
                answers
            });
        }
        let answers: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
        let (made, other): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!((made.len(), other.len()), (100, 5));
        for answer in other {
            let message = refused(answer, "budget_secrets");
            assert!(message.starts_with("There would be 101 workspace secrets; at most 100 are allowed."), "{message}");
        }
        assert_eq!(Sql::open(&house).await.number("SELECT COUNT(*) FROM secrets").await, 100);
    }

    async fn the_thousandth_organization_secret_is_the_last(house) {
        let caller = caller(&house, &house.administrator).await;
        let mut tx = house.store.write("acme").await.unwrap();
        let permit = permit(&mut tx, &caller, None, Action::WriteOrganizationSecrets).await;
        let key = Key::generate([1; 16]).unwrap();
        let sealed = envelope::seal(&key, &Context::new(), &Plaintext::new(b"a value".to_vec())).unwrap();
        let now = control::clock::now();
        for number in 0..996 {
            let name = SecretName::parse(&format!("NAME_{number}")).unwrap();
            let id = SecretId::new(now, control::random::bytes());
            let new = NewSecret { id, name: &name, access: Access::All, description: "", sealed: &sealed };
            secrets::insert(&mut tx, &permit, &new, now).await.unwrap();
        }
        commit(tx, permit).await;
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..8 {
            let (administrator, path) = (house.administrator.clone(), format!("{SECRETS}/LAST_{number}"));
            writers.spawn(async move { administrator.put(&path, json!({ "value": "twelve bytes" })).await });
        }
        let (made, other): (Vec<_>, Vec<_>) = writers.join_all().await.into_iter().partition(|a| a.status == 201);
        assert_eq!((made.len(), other.len()), (4, 4));
        for answer in other {
            assert!(refused(answer, "budget_secrets").starts_with("There would be 1001 organization secrets"));
        }
        house.administrator.delete(&format!("{SECRETS}/NAME_0")).await.expect(204);
        house.administrator.put(&format!("{SECRETS}/LAST"), json!({ "value": "twelve bytes" })).await.expect(201);
        // The other budget is its own.
        house.owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": large() })).await.expect(201);
    }

    async fn a_selection_counts_in_its_own_workspaces_and_access_all_in_every_one(house) {
        let admin = &house.administrator;
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "Second" })).await.expect(201);
        let wish = |workspaces: Value| match workspaces {
            Value::Null => json!({ "value": large() }),
            workspaces => json!({ "value": large(), "workspaces": workspaces }),
        };
        for (name, workspaces, status) in [
            ("ALL_1", Value::Null, 201),
            ("ALL_2", Value::Null, 201),
            ("LAB_1", json!(["lab"]), 201),
            ("LAB_2", json!(["lab"]), 201),
            ("SECOND_1", json!(["second"]), 201),
            ("SECOND_2", json!(["second"]), 201),
            ("NOBODY_1", json!([]), 201),
            ("LAB_3", json!(["lab"]), 422),
            ("ALL_3", Value::Null, 422),
            ("BOTH", json!(["lab", "second"]), 422),
        ] {
            admin.put(&format!("{SECRETS}/{name}"), wish(workspaces)).await.expect(status);
        }
        let mut sql = Sql::open(&house).await;
        let before = sql.everything().await;
        let of = |name: &str| format!("{SECRETS}/{name}");
        refused(admin.patch(&of("LAB_1"), json!({ "access": "all" })).await, "budget_size");
        refused(admin.patch(&of("SECOND_1"), json!({ "workspaces": ["second", "lab"] })).await, "budget_size");
        refused(admin.put(&format!("{}/workspaces/lab", of("SECOND_1")), json!({})).await, "budget_size");
        refused(admin.put(&of("NOBODY_1"), wish(json!(["lab"]))).await, "budget_size");
        assert_eq!(sql.everything().await, before, "a refused write changes nothing");
        admin.delete(&format!("{}/workspaces/lab", of("LAB_1"))).await.expect(200);
        admin.put(&format!("{}/workspaces/lab", of("SECOND_1")), json!({})).await.expect(200);
    }

    async fn an_overridden_secret_counts_too(house) {
        for number in 1..=4 {
            house.administrator.put(&format!("{SECRETS}/NAME_{number}"), json!({ "value": large() })).await.expect(201);
            house.owner.put(&format!("{LAB}/secrets/NAME_{number}"), json!({ "value": large() })).await.expect(201);
        }
        refused(house.administrator.put(&format!("{SECRETS}/NAME_5"), json!({ "value": large() })).await, "budget_size");
        refused(house.owner.put(&format!("{LAB}/secrets/NAME_5"), json!({ "value": large() })).await, "budget_size");
        house.owner.delete(&format!("{LAB}/secrets/NAME_1")).await.expect(204);
        house.owner.put(&format!("{LAB}/secrets/NAME_5"), json!({ "value": large() })).await.expect(201);
    }

    async fn a_longer_name_counts_when_a_secret_is_renamed(house) {
        for name in ["FILLER", "NAME"] {
            house.owner.put(&format!("{LAB}/secrets/{name}"), json!({ "value": "twelve bytes" })).await.expect(201);
        }
        let mut sql = Sql::open(&house).await;
        let rest = BUDGET - (4 + 64 + 10);
        sql.execute(&format!("UPDATE secrets SET cost = {rest} WHERE name = 'FILLER'")).await;
        let before = sql.everything().await;
        let path = format!("{LAB}/secrets/NAME");
        refused(house.owner.patch(&path, json!({ "name": "NAMES" })).await, "budget_size");
        assert_eq!(sql.everything().await, before);
        house.owner.patch(&path, json!({ "name": "NEXT" })).await.expect(200);
    }
}
