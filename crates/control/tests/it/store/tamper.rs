//! A stored value that was changed or moved in the database is refused: the start fails closed and names the secret.

use assurance::{Dice, count};
use serde_json::json;

use super::sql::{Sql, eventually};
use crate::{
    both,
    support::{Actor, House, LAB},
};

const SECRETS: &str = "/organizations/acme/secrets";
const SECOND: &str = "/organizations/acme/workspaces/second";
const FOREIGN: &str = "/organizations/other/workspaces/lab";

/// Secrets of both scopes, in two workspaces and two organizations, some with several versions; a server in each.
async fn furnish(house: &House) {
    house.owner.post("/organizations/acme/workspaces", json!({ "name": "Second" })).await.expect(201);
    for (person, place) in [
        (&house.administrator, SECRETS.to_owned()),
        (&house.owner, format!("{LAB}/secrets")),
        (&house.owner, format!("{SECOND}/secrets")),
        (&house.foreigner, "/organizations/other/secrets".to_owned()),
        (&house.foreigner, format!("{FOREIGN}/secrets")),
    ] {
        let own = if place.contains("workspaces") { "OWN" } else { "SHARED" };
        for (name, versions) in [(format!("{own}_ONE"), 1), (format!("{own}_TWO"), 3)] {
            for _ in 0..versions {
                let written = person.put(&format!("{place}/{name}"), json!({ "value": "the same value" })).await;
                assert!(written.status.is_success(), "{}", written.text);
            }
        }
    }
    for (person, workspace) in [(&house.owner, LAB), (&house.owner, SECOND), (&house.foreigner, FOREIGN)] {
        let server = json!({ "name": "Notebook", "command": ["true"] });
        person.post(&format!("{workspace}/servers"), server).await.expect(201);
    }
}

/// What the server's start says after it failed, as it must: there is no program to run here.
async fn failure(person: &Actor, workspace: &str) -> String {
    let server = format!("{workspace}/servers/notebook");
    person.post(&format!("{server}/start"), json!({})).await.expect(202);
    let seen = eventually("the end of a start", async || {
        let seen = person.get(&server).await.expect(200).json();
        (seen["status"] != "starting").then_some(seen)
    })
    .await;
    assert_eq!(seen["status"], "failed");
    let detail = seen["status_detail"].as_str().unwrap().to_owned();
    let newest = person.get(&format!("{server}/starts?limit=1")).await.expect(200).json()["items"][0].clone();
    assert_eq!((newest["outcome"].as_str(), newest["detail"].as_str()), (Some("failed"), Some(detail.as_str())));
    detail
}

fn names(detail: &str, secret: &str) -> bool {
    detail.contains(&format!("stored value of {secret} does not open"))
}

/// What the owner is told who asks for a run of `lab` while a value does not open; nothing is handed over.
async fn refused_run(house: &House) -> String {
    let run = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    let refused = house.owner.post("/runs", run).await.expect(409).json();
    assert_eq!(refused.get("variables"), None);
    refused["detail"].as_str().unwrap().to_owned()
}

/// A stored value that the next start of `lab` unseals.
struct Row {
    id: String,
    version: i64,
    name: String,
}

async fn newest_rows(sql: &mut Sql) -> Vec<Row> {
    let here = "FROM secrets s WHERE s.home_id IN ((SELECT id FROM organizations WHERE slug = 'acme'), \
                (SELECT w.id FROM workspaces w JOIN organizations o ON o.id = w.organization_id \
                WHERE w.slug = 'lab' AND o.slug = 'acme')) ORDER BY s.id";
    let (ids, names) =
        (sql.texts(&format!("SELECT s.id {here}")).await, sql.texts(&format!("SELECT s.name {here}")).await);
    let versions = sql.numbers(&format!("SELECT s.version {here}")).await;
    ids.into_iter().zip(versions).zip(names).map(|((id, version), name)| Row { id, version, name }).collect()
}

async fn sealed(sql: &mut Sql, id: &str, version: i64) -> Vec<u8> {
    sql.bytes(&format!("SELECT sealed FROM secret_versions WHERE secret_id = '{id}' AND version = {version}")).await
}

async fn write_sealed(sql: &mut Sql, row: &Row, bytes: &[u8]) {
    let text = "UPDATE secret_versions SET sealed = $1 WHERE";
    sql.write_bytes(&format!("{text} secret_id = '{}' AND version = {}", row.id, row.version), bytes).await;
}

both! {
    async fn a_changed_bit_or_a_cut_fails_the_start_and_names_the_secret(house) {
        furnish(&house).await;
        let mut sql = Sql::open(&house).await;
        let rows = newest_rows(&mut sql).await;
        assert_eq!(rows.len(), 4);
        assert!(!failure(&house.owner, LAB).await.contains("does not open"), "untouched, all of them open");
        let mut dice = Dice::of("a_changed_bit_or_a_cut_fails_the_start_and_names_the_secret");
        let turns = count(400);
        for turn in 0..turns {
            let row = &rows[dice.below(rows.len())];
            let whole = sealed(&mut sql, &row.id, row.version).await;
            let mut changed = whole.clone();
            if turn % 5 == 4 {
                changed.truncate(dice.below(whole.len()));
            } else {
                changed[dice.below(whole.len())] ^= 1 << dice.below(8);
            }
            write_sealed(&mut sql, row, &changed).await;
            let detail = failure(&house.owner, LAB).await;
            assert!(names(&detail, &row.name), "{}: {detail}", row.name);
            write_sealed(&mut sql, row, &whole).await;
        }
        sql.execute(&format!("UPDATE secret_versions SET sealed = NULL WHERE secret_id = '{}'", rows[1].id)).await;
        assert!(names(&failure(&house.owner, LAB).await, &rows[1].name));
        house.report("tamper and swap", &format!("{turns} starts with a flipped bit or a cut: all failed, the secret named"));
    }

    async fn a_value_from_another_row_starts_nothing_and_is_named(house) {
        furnish(&house).await;
        let mut sql = Sql::open(&house).await;
        let rows = newest_rows(&mut sql).await;
        let all = "FROM secret_versions ORDER BY secret_id, version";
        let (ids, versions) = (
            sql.texts(&format!("SELECT secret_id {all}")).await,
            sql.numbers(&format!("SELECT version {all}")).await,
        );
        assert_eq!(ids.len(), 20);
        let mut dice = Dice::of("a_value_from_another_row_starts_nothing_and_is_named");
        let turns = count(10_000);
        // Every pair once is 76, in a start; more than that is chance, in a run.
        for turn in 0..turns {
            let (row, other) = match turn {
                0..76 => (&rows[turn / 19], turn % 19),
                _ => (&rows[dice.below(rows.len())], dice.below(19)),
            };
            let others: Vec<usize> = (0..20).filter(|at| ids[*at] != row.id || versions[*at] != row.version).collect();
            let (id, version) = (&ids[others[other]], versions[others[other]]);
            let (mine, theirs) = (sealed(&mut sql, &row.id, row.version).await, sealed(&mut sql, id, version).await);
            assert_ne!(mine, theirs);
            write_sealed(&mut sql, row, &theirs).await;
            let detail = match turn {
                0..76 => failure(&house.owner, LAB).await,
                _ => refused_run(&house).await,
            };
            assert!(names(&detail, &row.name), "{}: {detail}", row.name);
            write_sealed(&mut sql, row, &mine).await;
        }
        assert!(turns > 76);
        assert!(!failure(&house.owner, LAB).await.contains("does not open"), "everything is in its place again");
        house.report("tamper and swap", &format!("{turns} values of other rows put in a row's place: all refused by name"));
    }

    async fn a_row_that_is_moved_elsewhere_is_refused_there(house) {
        furnish(&house).await;
        let mut sql = Sql::open(&house).await;
        let acme = "(SELECT id FROM organizations WHERE slug = 'acme')";
        let other = "(SELECT id FROM organizations WHERE slug = 'other')";
        let second = "(SELECT id FROM workspaces WHERE slug = 'second')";
        let lab = format!("(SELECT id FROM workspaces WHERE slug = 'lab' AND organization_id = {acme})");
        let own = format!("name = 'OWN_ONE' AND home_id = {lab}");
        let shared = format!("name = 'SHARED_ONE' AND home_id = {acme}");
        for (change, place, back, person, workspace, name) in [
            ("name = 'MOVED'", shared.clone(), "name = 'SHARED_ONE'".to_owned(), &house.owner, LAB, "MOVED"),
            ("name = 'Own_One'", own.clone(), "name = 'OWN_ONE'".to_owned(), &house.owner, LAB, "Own_One"),
            (
                &format!("name = 'MOVED', home_id = {second}"), own.clone(),
                format!("name = 'OWN_ONE', home_id = {lab}"), &house.owner, SECOND, "MOVED",
            ),
            (
                &format!("scope = 'organization', home_id = {acme}"), own.clone(),
                format!("scope = 'workspace', home_id = {lab}"), &house.owner, LAB, "OWN_ONE",
            ),
            (
                &format!("scope = 'workspace', home_id = {lab}"), shared.clone(),
                format!("scope = 'organization', home_id = {acme}"), &house.owner, LAB, "SHARED_ONE",
            ),
            (
                &format!("name = 'MOVED', home_id = {other}, organization_id = {other}"), shared.clone(),
                format!("name = 'SHARED_ONE', home_id = {acme}, organization_id = {acme}"), &house.foreigner, FOREIGN, "MOVED",
            ),
        ] {
            let id = sql.text(&format!("SELECT id FROM secrets WHERE {place}")).await;
            sql.execute(&format!("UPDATE secrets SET {change} WHERE id = '{id}'")).await;
            let detail = failure(person, workspace).await;
            assert!(names(&detail, name), "{change}: {detail}");
            sql.execute(&format!("UPDATE secrets SET {back} WHERE id = '{id}'")).await;
            assert!(!failure(person, workspace).await.contains("does not open"), "{change} was undone");
        }
        let id = sql.text(&format!("SELECT id FROM secrets WHERE {shared}")).await;
        sql.execute(&format!("UPDATE secret_versions SET version = 7 WHERE secret_id = '{id}'")).await;
        sql.execute(&format!("UPDATE secrets SET version = 7 WHERE id = '{id}'")).await;
        assert!(names(&failure(&house.owner, LAB).await, "SHARED_ONE"), "as another version");
    }

    async fn a_damaged_secret_is_not_renamed_and_a_new_value_mends_it(house) {
        furnish(&house).await;
        let mut sql = Sql::open(&house).await;
        let rows = newest_rows(&mut sql).await;
        let row = rows.iter().find(|row| row.name == "OWN_TWO").unwrap();
        let path = format!("{LAB}/secrets/OWN_TWO");
        let mut dice = Dice::of("a_damaged_secret_is_not_renamed_and_a_new_value_mends_it");
        for version in 1..=3 {
            let row = Row { id: row.id.clone(), version, name: row.name.clone() };
            let whole = sealed(&mut sql, &row.id, version).await;
            for _ in 0..count(60) {
                let mut changed = whole.clone();
                changed[dice.below(whole.len())] ^= 1 << dice.below(8);
                write_sealed(&mut sql, &row, &changed).await;
                let before = sql.everything().await;
                let wish = json!({ "name": "RENAMED", "description": "another" });
                let refused = house.owner.patch(&path, wish).await.expect(409).json();
                assert!(refused["detail"].as_str().unwrap().contains("OWN_TWO does not open"), "{refused}");
                assert_eq!(sql.everything().await, before, "version {version}");
            }
            write_sealed(&mut sql, &row, &whole).await;
        }
        write_sealed(&mut sql, row, b"damaged").await;
        assert!(names(&failure(&house.owner, LAB).await, "OWN_TWO"));
        house.owner.put(&path, json!({ "value": "twelve bytes" })).await.expect(200);
        assert!(!failure(&house.owner, LAB).await.contains("does not open"));
    }
}
