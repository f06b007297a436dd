//! Secrets in the store: kept versions, suspension, selections, drift.

use std::collections::HashMap;

use control::store::{secrets, selections};
use domain::{DriftKind, DriftReason, SecretName, policy::Action};
use serde_json::{Value, json};

use super::{caller, commit, permit, sql::Sql};
use crate::{
    both,
    support::{Actor, House, LAB},
};

const SECRETS: &str = "/organizations/acme/secrets";

/// Adds a server to `lab` and starts it; the start fails for want of a program, and its record stays.
async fn started(house: &House) -> String {
    let command = json!({ "name": "Notebook", "command": ["true"] });
    house.owner.post(&format!("{LAB}/servers"), command).await.expect(201);
    house.owner.post(&format!("{LAB}/servers/notebook/start"), json!({})).await.expect(202);
    let mut sql = Sql::open(house).await;
    super::sql::eventually("the start's outcome", async || {
        sql.texts("SELECT id FROM starts WHERE outcome = 'failed'").await.pop()
    })
    .await
}

/// Makes the database say that the process of a start runs.
async fn runs(house: &House, start: &str) {
    let mut sql = Sql::open(house).await;
    sql.execute(&format!("UPDATE servers SET status = 'running', start_id = '{start}' WHERE slug = 'notebook'")).await;
}

async fn set(person: &Actor, place: &str, name: &str) -> Value {
    person.put(&format!("{place}/{name}"), json!({ "value": "a value of twelve" })).await.json()
}

/// What the notebook differs in: name, kind and reason.
async fn differences(house: &House) -> Vec<(String, DriftKind, DriftReason)> {
    let seen = house.owner.get(&format!("{LAB}/servers/notebook")).await.expect(200).json();
    let word = |found: &Value, field: &str| found[field].as_str().unwrap().to_owned();
    let read = |found: &Value| {
        let (kind, reason) = (word(found, "kind").parse().unwrap(), word(found, "reason").parse().unwrap());
        (word(found, "name"), kind, reason)
    };
    seen["drift"].as_array().unwrap().iter().map(read).collect()
}

both! {
    async fn the_last_ten_versions_keep_their_values(house) {
        for (place, person) in [(SECRETS.to_owned(), &house.administrator), (format!("{LAB}/secrets"), &house.owner)] {
            for version in 1..=13 {
                assert_eq!(set(person, &place, "ROTATED").await["version"], version);
            }
        }
        let mut sql = Sql::open(&house).await;
        let kept = "SELECT version FROM secret_versions WHERE sealed IS NOT NULL ORDER BY secret_id, version";
        assert_eq!(sql.numbers(kept).await, [(4..=13).collect::<Vec<_>>(), (4..=13).collect()].concat());
        assert_eq!(sql.number("SELECT COUNT(*) FROM secret_versions").await, 26, "what is known of a version stays");
    }

    async fn a_rename_seals_every_kept_version_anew(house) {
        for _ in 0..12 {
            set(&house.administrator, SECRETS, "OLD").await;
        }
        let mut sql = Sql::open(&house).await;
        let sealed = format!("SELECT COALESCE({}, '') FROM secret_versions ORDER BY version", sql.hex("sealed"));
        let before = sql.texts(&sealed).await;
        house.administrator.patch(&format!("{SECRETS}/OLD"), json!({ "name": "NEW_NAME" })).await.expect(200);
        let after = sql.texts(&sealed).await;
        assert_eq!(after[..2], ["", ""]);
        assert!(before.iter().zip(&after).skip(2).all(|(before, after)| before != after && !after.is_empty()));
        let costs = sql.numbers("SELECT cost FROM secret_versions ORDER BY version").await;
        let cost = sql.number("SELECT cost FROM secrets").await;
        assert_eq!(cost, 8 + 64 + 10);
        assert!(costs[2..].iter().all(|kept| *kept == cost), "{costs:?}");
        // It opens under the new name, or this rename would refuse.
        house.administrator.patch(&format!("{SECRETS}/NEW_NAME"), json!({ "name": "OLD" })).await.expect(200);
    }

    async fn a_suspended_secret_is_left_out_and_keeps_overriding(house) {
        set(&house.administrator, SECRETS, "TOKEN").await;
        set(&house.owner, &format!("{LAB}/secrets"), "TOKEN").await;
        set(&house.administrator, SECRETS, "OTHER").await;
        let start = started(&house).await;
        let mut sql = Sql::open(&house).await;
        sql.execute("UPDATE secrets SET suspended_at = 7 WHERE scope = 'workspace'").await;
        sql.execute(
            "UPDATE secret_versions SET suspended_at = 8 WHERE secret_id = (SELECT id FROM secrets WHERE name = 'OTHER')",
        ).await;

        let listed = house.owner.get(&format!("{LAB}/secrets")).await.expect(200).json();
        let suspended: HashMap<(&str, &str), bool> = listed["items"].as_array().unwrap().iter()
            .map(|row| ((row["name"].as_str().unwrap(), row["scope"].as_str().unwrap()), row["suspended"] == true))
            .collect();
        let expected = [(("TOKEN", "workspace"), true), (("TOKEN", "organization"), false), (("OTHER", "organization"), true)];
        assert_eq!(suspended, HashMap::from(expected));

        runs(&house, &start).await;
        use {DriftKind::Removed, DriftReason::Suspended};
        let both = [("OTHER".to_owned(), Removed, Suspended), ("TOKEN".to_owned(), Removed, Suspended)];
        assert_eq!(differences(&house).await, both);

        sql.execute("UPDATE servers SET status = 'stopped', start_id = NULL").await;
        house.owner.post(&format!("{LAB}/servers/notebook/start"), json!({})).await.expect(202);
        let records = house.owner.get(&format!("{LAB}/servers/notebook/starts")).await.expect(200).json();
        let newest = &records["items"][0];
        assert_eq!(newest["injected"], json!([]));
        let left_out: Vec<_> = newest["left_out"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(left_out, ["OTHER", "TOKEN"]);
    }

    async fn a_new_version_ends_a_suspension(house) {
        set(&house.administrator, SECRETS, "TOKEN").await;
        let mut sql = Sql::open(&house).await;
        sql.execute("UPDATE secrets SET suspended_at = 7").await;
        sql.execute("UPDATE secret_versions SET suspended_at = 7").await;
        assert_eq!(house.administrator.get(&format!("{SECRETS}/TOKEN")).await.json()["suspended"], true);
        assert_eq!(set(&house.administrator, SECRETS, "TOKEN").await["suspended"], false);
    }

    async fn drift_says_what_happened_to_each_secret(house) {
        use {DriftKind::*, DriftReason::*};
        let own = format!("{LAB}/secrets");
        for name in ["WRITTEN", "GONE", "RENAMED", "COVERED", "LOST"] {
            set(&house.administrator, SECRETS, name).await;
        }
        set(&house.owner, &own, "COVERS").await;
        set(&house.administrator, SECRETS, "COVERS").await;
        let start = started(&house).await;
        runs(&house, &start).await;
        assert_eq!(differences(&house).await, []);

        set(&house.administrator, SECRETS, "WRITTEN").await;
        house.administrator.delete(&format!("{SECRETS}/GONE")).await.expect(204);
        house.administrator.patch(&format!("{SECRETS}/RENAMED"), json!({ "name": "ANEW" })).await.expect(200);
        set(&house.owner, &own, "COVERED").await;
        house.owner.delete(&format!("{own}/COVERS")).await.expect(204);
        house.administrator.patch(&format!("{SECRETS}/LOST"), json!({ "workspaces": [] })).await.expect(200);
        set(&house.administrator, SECRETS, "NEW").await;
        let expected = [
            ("ANEW", Added, Renamed),
            ("COVERED", Changed, Overridden),
            ("COVERS", Changed, Uncovered),
            ("GONE", Removed, Deleted),
            ("LOST", Removed, Deselected),
            ("NEW", Added, Created),
            ("RENAMED", Removed, Renamed),
            ("WRITTEN", Changed, Value),
        ];
        assert_eq!(differences(&house).await, expected.map(|(name, kind, reason)| (name.to_owned(), kind, reason)));
        house.administrator.put(&format!("{SECRETS}/LOST/workspaces/lab"), json!({})).await.expect(200);
        assert!(differences(&house).await.iter().all(|(name, ..)| name != "LOST"), "back again is no difference");
    }

    async fn selecting_again_changes_nothing_and_a_deselected_row_stays(house) {
        set(&house.administrator, SECRETS, "TOKEN").await;
        let caller = caller(&house, &house.administrator).await;
        let mut tx = house.store.write("acme").await.unwrap();
        let permit = permit(&mut tx, &caller, None, Action::WriteOrganizationSecrets).await;
        let secret = secrets::find(&mut tx, &permit, "TOKEN").await.unwrap().unwrap();
        let lab = control::store::workspaces::id_of(&mut tx, &permit, "lab").await.unwrap().unwrap();
        for (selected, changed) in [(true, true), (true, false), (false, true), (false, false), (true, true), (false, true)] {
            let now = control::clock::now();
            assert_eq!(selections::set(&mut tx, &permit, secret.id, lab, selected, now).await.unwrap(), changed);
            let chosen = selections::of_secret(&mut tx, &permit, secret.id).await.unwrap();
            assert_eq!(chosen, if selected { vec![lab] } else { vec![] });
        }
        commit(tx, permit).await;
        assert_eq!(Sql::open(&house).await.numbers("SELECT selected FROM selections").await, [0]);
    }

    async fn an_answer_names_five_workspaces_and_counts_them_all(house) {
        for number in 1..=7 {
            let new = json!({ "name": format!("Place {number}") });
            house.owner.post("/organizations/acme/workspaces", new).await.expect(201);
        }
        let chosen: Vec<_> = (1..=7).rev().map(|number| format!("place-{number}")).collect();
        let wish = json!({ "value": "a value of twelve", "workspaces": chosen });
        let made = house.administrator.put(&format!("{SECRETS}/SPREAD"), wish).await.expect(201).json();
        assert_eq!(made["access"], "selected");
        assert_eq!(made["workspaces"]["count"], 7);
        let named: Vec<_> = made["workspaces"]["first"].as_array().unwrap().iter().map(|w| &w["slug"]).collect();
        assert_eq!(named, ["place-1", "place-2", "place-3", "place-4", "place-5"]);
        house.owner.delete("/organizations/acme/workspaces/place-2").await.expect(204);
        let now = house.administrator.get(&format!("{SECRETS}/SPREAD")).await.expect(200).json();
        assert_eq!(now["workspaces"]["count"], 6, "a deleted workspace is not shown");
    }

    async fn names_that_differ_in_case_are_found_for_the_warning(house) {
        for name in ["TOKEN", "Token", "OTHER"] {
            set(&house.administrator, SECRETS, name).await;
        }
        let caller = caller(&house, &house.administrator).await;
        let mut db = house.store.read().await.unwrap();
        let permit = permit(&mut db, &caller, None, Action::ListOrganizationSecrets).await;
        let mut alike = secrets::spelled_like(&mut db, &permit, &SecretName::parse("toKen").unwrap()).await.unwrap();
        alike.sort();
        assert_eq!(alike.iter().map(SecretName::as_str).collect::<Vec<_>>(), ["TOKEN", "Token"]);
    }
}
