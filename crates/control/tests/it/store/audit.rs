//! The audit log: append-only, in the same transaction as the effect, and every manipulation shows.

use control::store::audit::verify;
use serde_json::{Value, json};

use super::sql::{Sql, eventually};
use crate::{
    both,
    support::{Actor, Answer, Database, House, LAB},
};

const SECRETS: &str = "/organizations/acme/secrets";

async fn verification(house: &House) -> Value {
    house.administrator.get("/organizations/acme/audit-events/verification").await.expect(200).json()
}

/// The chain of `acme`, as a condition.
const ACME: &str = "chain_id = (SELECT id FROM organizations WHERE slug = 'acme')";

/// Who sends what, the status that answers it, and the actions of the events that it leaves.
type Step<'a> = (&'a Actor, &'a str, &'a str, Value, u16, &'a [&'a str]);

async fn write_some_events(house: &House) {
    for name in ["ONE", "TWO", "THREE", "FOUR"] {
        house.administrator.put(&format!("{SECRETS}/{name}"), json!({ "value": "twelve bytes" })).await.expect(201);
    }
}

async fn drop_triggers(house: &House, sql: &mut Sql) {
    let on = if house.database == Database::Postgres { " ON audit_events" } else { "" };
    let names = match house.database {
        Database::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_events'",
        Database::Postgres => {
            "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'audit_events'::regclass"
        }
    };
    for name in sql.texts(names).await {
        sql.execute(&format!("DROP TRIGGER {name}{on}")).await;
    }
}

/// The ids of the events of `acme` in order.
async fn ids(sql: &mut Sql) -> Vec<String> {
    sql.texts(&format!("SELECT id FROM audit_events WHERE {ACME} ORDER BY sequence")).await
}

async fn assert_broken_at(house: &House, what: &str, first_broken: Option<&str>) {
    let found = verification(house).await;
    assert_eq!(found["intact"], false, "{what}");
    assert_eq!(found["first_broken"].as_str(), first_broken, "{what}");
}

both! {
    async fn the_database_refuses_to_change_or_remove_an_event(house) {
        let mut sql = Sql::open(&house).await;
        let before = sql.everything().await;
        let mut attempts = vec![
            "UPDATE audit_events SET actor_name = 'nobody'",
            "UPDATE audit_events SET at = at + 1 WHERE sequence = 1",
            "DELETE FROM audit_events",
            "DELETE FROM audit_events WHERE sequence = 1",
        ];
        attempts.push(match house.database {
            Database::Postgres => "TRUNCATE audit_events CASCADE",
            Database::Sqlite => "INSERT OR REPLACE INTO audit_events SELECT * FROM audit_events",
        });
        for attempt in attempts {
            let why = sql.refused(attempt).await.expect_err(attempt);
            assert!(why.contains("audit events are never"), "{attempt}: {why}");
        }
        assert_eq!(sql.everything().await, before);
    }

    async fn every_write_leaves_its_events_and_no_others(house) {
        let mut sql = Sql::open(&house).await;
        let (admin, owner) = (&house.administrator, &house.owner);
        let members = admin.get("/organizations/acme/members").await.expect(200).json();
        let id_of = |name: &str| {
            let found = members["items"].as_array().unwrap().iter().find(|m| m["name"] == name).unwrap();
            found["id"].as_str().unwrap().to_owned()
        };
        let member = id_of("member");
        let token = json!({ "name": "second", "access": "read" });
        let made = owner.post("/me/tokens", token.clone()).await.expect(201).json();
        let own_token = format!("/me/tokens/{}", made["id"].as_str().unwrap());
        let value = || json!({ "value": "twelve bytes" });
        let lab_secret = format!("{LAB}/secrets/OWN");
        let notebook = format!("{LAB}/servers/notebook");
        let (servers, start) = (format!("{LAB}/servers"), format!("{notebook}/start"));
        let that_member = format!("/organizations/acme/members/{member}");
        let collaborator = format!("{LAB}/collaborators/{}", house.member.email);
        let shared = format!("{SECRETS}/SHARED");
        let (one, two) = (format!("{shared}/workspaces/lab"), format!("{SECRETS}/RENAMED"));
        let none = || Value::Null;
        let wrong = json!({ "email": owner.email, "password": "not the password" });
        let steps: Vec<Step<'_>> = vec![
            (admin, "PUT", &shared, value(), 201, &["secret.created"]),
            (admin, "PUT", &shared, value(), 200, &["secret.version_written"]),
            (admin, "PUT", &shared, json!({ "value": "twelve bytes", "workspaces": ["lab"], "description": "d" }), 200,
                &["secret.version_written"]),
            (admin, "PATCH", &shared, json!({ "description": "for all" }), 200, &["secret.edited"]),
            (admin, "DELETE", &one, none(), 200, &["secret.edited"]),
            (admin, "PUT", &one, none(), 200, &["secret.edited"]),
            (admin, "PATCH", &shared, json!({ "name": "RENAMED" }), 200, &["secret.edited", "secret.renamed"]),
            (admin, "DELETE", &two, none(), 204, &["secret.deleted"]),
            (admin, "DELETE", &two, none(), 404, &[]),
            (owner, "PUT", &shared, value(), 403, &[]),
            (owner, "PUT", &lab_secret, value(), 201, &["secret.created"]),
            (owner, "PUT", &lab_secret, json!({ "value": "" }), 422, &[]),
            (owner, "PATCH", &lab_secret, json!({ "description": "d" }), 200, &["secret.edited"]),
            (owner, "DELETE", &lab_secret, none(), 204, &["secret.deleted"]),
            (owner, "PUT", &collaborator, none(), 204, &["collaborator.added"]),
            (owner, "PUT", &collaborator, none(), 204, &[]),
            (owner, "DELETE", &collaborator, none(), 204, &["collaborator.removed"]),
            (owner, "PATCH", LAB, json!({ "description": "d" }), 200, &["workspace.edited"]),
            (owner, "POST", "/organizations/acme/workspaces", json!({ "name": "Two" }), 201, &["workspace.created"]),
            (owner, "PUT", "/organizations/acme/workspaces/two/owner", json!({ "user": member }), 204, &["workspace.given"]),
            (admin, "DELETE", "/organizations/acme/workspaces/two", none(), 204, &["workspace.deleted"]),
            (owner, "POST", &servers, json!({ "name": "Notebook", "command": ["true"] }), 201, &["server.created"]),
            (owner, "PATCH", &notebook, json!({ "name": "Note book" }), 200, &["server.edited"]),
            (owner, "POST", &start, none(), 202, &["server.started"]),
            (owner, "DELETE", &notebook, none(), 204, &["server.deleted"]),
            (admin, "PATCH", &that_member, json!({ "role": "administrator" }), 200, &["member.role_changed"]),
            (admin, "PATCH", "/organizations/acme", json!({ "name": "Acme Ltd" }), 200, &["organization.edited"]),
            (owner, "POST", "/me/tokens", token, 201, &["token.created"]),
            (owner, "DELETE", &own_token, none(), 204, &["token.revoked"]),
            (&house.anonymous, "POST", "/sessions", wrong, 401, &["session.refused"]),
        ];
        let last = "SELECT COUNT(*) FROM audit_events";
        for (person, method, path, body, status, expected) in steps {
            let before = sql.number(last).await;
            send(person, method, path, body).await.expect(status);
            let added = usize::try_from(sql.number(last).await - before).unwrap();
            let newest = format!("SELECT action FROM audit_events ORDER BY id DESC LIMIT {added}");
            let mut actions = sql.texts(&newest).await;
            actions.sort();
            assert_eq!(actions, expected, "{method} {path}");
            if path.ends_with("/start") {
                // A server that is still starting can't be deleted.
                eventually("the start's outcome", async || {
                    (sql.number("SELECT COUNT(*) FROM servers WHERE status = 'starting'").await == 0).then_some(())
                }).await;
            }
        }
        let gaps = "SELECT COUNT(*) FROM audit_chains c WHERE events <> (SELECT COUNT(*) FROM audit_events e WHERE \
                    e.chain_id = c.id) OR events <> (SELECT MAX(sequence) FROM audit_events e WHERE e.chain_id = c.id)";
        assert_eq!(sql.number(gaps).await, 0);
        assert_eq!(sql.number("SELECT MIN(sequence) FROM audit_events").await, 1);
        assert_eq!(verification(&house).await["intact"], true);
        let mut db = house.store.read().await.unwrap();
        assert!(verify(&mut db, None).await.unwrap().intact, "the installation's own chain");
    }

    async fn an_edit_of_any_column_is_found(house) {
        write_some_events(&house).await;
        let mut sql = Sql::open(&house).await;
        drop_triggers(&house, &mut sql).await;
        let before = verification(&house).await;
        let intact = ids(&mut sql).await;
        sql.execute("INSERT INTO audit_chains (id, events, head) SELECT 'elsewhere', events, head FROM audit_chains \
                     WHERE id = 'installation'").await;
        let zeros = match house.database { Database::Sqlite => "zeroblob(32)", Database::Postgres => r"'\x00'::bytea" };
        for place in [0, 2, intact.len() - 1] {
            let (id, next) = (&intact[place], intact.get(place + 1).map(String::as_str));
            let edited = Some(id.as_str());
            for (column, other, found) in [
                ("chain_id", "'elsewhere'", next),
                ("sequence", "sequence + 1000", if next.is_some() { next } else { edited }),
                ("id", "'0' || substr(id, 2, 33) || '00'", None),
                ("at", "at + 1", edited),
                ("actor_kind", "'x' || actor_kind", edited),
                ("actor_id", "'x' || COALESCE(actor_id, '')", edited),
                ("actor_name", "actor_name || ' '", edited),
                ("action", "'secret.deleted'", edited),
                ("target_kind", "'things'", edited),
                ("target_id", "target_id || '0'", edited),
                ("target_name", "upper(target_name) || '_'", edited),
                ("workspace_id", "COALESCE('another ' || workspace_id, 'one')", edited),
                ("address", "'10.0.0.1'", edited),
                ("details", "details || ' '", edited),
                ("hash", zeros, edited),
            ] {
                let kept = sql.rows(&format!("SELECT {column} FROM audit_events WHERE id = '{id}'")).await.remove(0);
                sql.execute(&format!("UPDATE audit_events SET {column} = {other} WHERE id = '{id}'")).await;
                let new_id = format!("0{}00", &id[1..34]);
                let found = if column == "id" { Some(new_id.as_str()) } else { found };
                assert_broken_at(&house, &format!("{column} of event {place}"), found).await;
                let now = if column == "id" { &new_id } else { id };
                sql.put_back(&kept, column, &format!("id = '{now}'")).await;
                assert_eq!(verification(&house).await, before, "{column} was put back");
            }
        }
    }

    async fn a_removed_event_is_found(house) {
        write_some_events(&house).await;
        let mut sql = Sql::open(&house).await;
        drop_triggers(&house, &mut sql).await;
        let intact = ids(&mut sql).await;
        sql.execute("CREATE TABLE kept AS SELECT * FROM audit_events").await;
        for (place, found) in [(0, Some(1)), (3, Some(4)), (intact.len() - 1, None)] {
            sql.execute(&format!("DELETE FROM audit_events WHERE id = '{}'", intact[place])).await;
            assert_broken_at(&house, &format!("event {place}"), found.map(|next: usize| intact[next].as_str())).await;
            sql.execute(&format!("INSERT INTO audit_events SELECT * FROM kept WHERE id = '{}'", intact[place])).await;
            assert_eq!(verification(&house).await["intact"], true);
        }
        sql.execute(&format!("DELETE FROM audit_events WHERE {ACME}")).await;
        assert_broken_at(&house, "all events", None).await;
    }

    async fn an_inserted_event_is_found(house) {
        write_some_events(&house).await;
        let mut sql = Sql::open(&house).await;
        let intact = ids(&mut sql).await;
        let last = intact.len();
        // The database refuses no insert: every place must show by itself.
        for (sequence, what) in [(-1, "before all"), (0, "before the first"), (i64::try_from(last).unwrap() + 1, "at the end")] {
            let forged = format!("forged-{sequence}");
            sql.execute(&format!(
                "INSERT INTO audit_events SELECT chain_id, {sequence}, '{forged}', at, actor_kind, actor_id, actor_name, \
                 action, target_kind, target_id, target_name, workspace_id, address, details, hash FROM audit_events WHERE id = '{}'",
                intact[last - 1]
            )).await;
            assert_broken_at(&house, what, Some(&forged)).await;
            drop_triggers(&house, &mut sql).await;
            sql.execute(&format!("DELETE FROM audit_events WHERE id = '{forged}'")).await;
            assert_eq!(verification(&house).await["intact"], true);
        }
        sql.execute(&format!("UPDATE audit_events SET sequence = sequence + 100 WHERE {ACME} AND sequence >= 3")).await;
        sql.execute(&format!("UPDATE audit_events SET sequence = sequence - 99 WHERE {ACME} AND sequence >= 100")).await;
        sql.execute(&format!(
            "INSERT INTO audit_events SELECT chain_id, 3, 'forged', at, actor_kind, actor_id, actor_name, action, \
             target_kind, target_id, target_name, workspace_id, address, details, hash FROM audit_events WHERE {ACME} AND sequence = 2"
        )).await;
        assert_broken_at(&house, "in the middle", Some("forged")).await;
    }

    async fn a_well_made_event_after_the_last_is_found(house) {
        write_some_events(&house).await;
        let mut sql = Sql::open(&house).await;
        let kept = sql.bytes("SELECT head FROM audit_chains WHERE id = (SELECT id FROM organizations WHERE slug = 'acme')").await;
        let events = ids(&mut sql).await.len();
        house.administrator.put(&format!("{SECRETS}/FIVE"), json!({ "value": "twelve bytes" })).await.expect(201);
        let newest = ids(&mut sql).await[events].clone();
        let put_back = format!(
            "UPDATE audit_chains SET events = {events}, head = $1 WHERE id = (SELECT id FROM organizations WHERE slug = 'acme')"
        );
        sql.write_bytes(&put_back, &kept).await;
        assert_broken_at(&house, "one too many", Some(&newest)).await;
    }

    async fn reordered_events_are_found(house) {
        write_some_events(&house).await;
        let mut sql = Sql::open(&house).await;
        drop_triggers(&house, &mut sql).await;
        let intact = ids(&mut sql).await;
        for (from, to) in [(3, 1_000), (4, 3), (1_000, 4)] {
            sql.execute(&format!("UPDATE audit_events SET sequence = {to} WHERE {ACME} AND sequence = {from}")).await;
        }
        assert_broken_at(&house, "two swapped", Some(&intact[3])).await;
    }

    async fn writers_at_the_same_time_keep_the_chain_whole(house) {
        let mut sql = Sql::open(&house).await;
        let before = i64::try_from(ids(&mut sql).await.len()).unwrap();
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..8 {
            let (admin, owner) = (house.administrator.clone(), house.owner.clone());
            writers.spawn(async move {
                for number in 0..6 {
                    let body = json!({ "value": "twelve bytes" });
                    admin.put(&format!("{SECRETS}/SHARED_{writer}_{number}"), body.clone()).await.expect(201);
                    owner.put(&format!("{LAB}/secrets/OWN_{writer}_{number}"), body).await.expect(201);
                }
            });
        }
        writers.join_all().await;
        let found = verification(&house).await;
        assert_eq!((found["intact"].clone(), found["events"].clone()), (json!(true), json!(before + 96)));
    }

    async fn without_its_event_nothing_is_written(house) {
        let value = || json!({ "value": "twelve bytes" });
        house.administrator.put(&format!("{SECRETS}/KNOWN"), value()).await.expect(201);
        house.owner.put(&format!("{LAB}/secrets/OWN"), value()).await.expect(201);
        house.owner.post(&format!("{LAB}/servers"), json!({ "name": "Notebook", "command": ["true"] })).await.expect(201);
        let member = house.administrator.get("/organizations/acme/members?q=member").await.json();
        let member = member["items"][0]["id"].as_str().unwrap().to_owned();
        let mut sql = Sql::open(&house).await;
        match house.database {
            Database::Sqlite => sql.execute(
                "CREATE TRIGGER broken BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            ).await,
            Database::Postgres => sql.execute(
                "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$; \
                 CREATE TRIGGER broken BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION broken()"
            ).await,
        };
        let before = sql.everything().await;
        let (admin, owner) = (&house.administrator, &house.owner);
        let none = || Value::Null;
        let known = format!("{SECRETS}/KNOWN");
        let steps: Vec<(&Actor, &str, String, Value)> = vec![
            (admin, "PUT", format!("{SECRETS}/NEW"), value()),
            (admin, "PUT", known.clone(), value()),
            (admin, "PATCH", known.clone(), json!({ "description": "d" })),
            (admin, "PATCH", known.clone(), json!({ "name": "RENAMED" })),
            (admin, "PATCH", known.clone(), json!({ "workspaces": ["lab"] })),
            (admin, "DELETE", known, none()),
            (owner, "PUT", format!("{LAB}/secrets/OWN"), value()),
            (owner, "PATCH", format!("{LAB}/secrets/OWN"), json!({ "name": "RENAMED" })),
            (owner, "DELETE", format!("{LAB}/secrets/OWN"), none()),
            (owner, "PATCH", LAB.to_owned(), json!({ "name": "Laboratory" })),
            (owner, "DELETE", LAB.to_owned(), none()),
            (owner, "PUT", format!("{LAB}/owner"), json!({ "user": member })),
            (owner, "PUT", format!("{LAB}/collaborators/{member}"), none()),
            (owner, "DELETE", format!("{LAB}/collaborators/{}", house.collaborator.email), none()),
            (owner, "POST", "/organizations/acme/workspaces".to_owned(), json!({ "name": "Two" })),
            (owner, "POST", format!("{LAB}/servers"), json!({ "name": "Second", "command": ["true"] })),
            (owner, "PATCH", format!("{LAB}/servers/notebook"), json!({ "name": "Second" })),
            (owner, "POST", format!("{LAB}/servers/notebook/start"), none()),
            (owner, "DELETE", format!("{LAB}/servers/notebook"), none()),
            (admin, "PATCH", format!("/organizations/acme/members/{member}"), json!({ "role": "administrator" })),
            (admin, "PATCH", "/organizations/acme".to_owned(), json!({ "name": "Acme Ltd" })),
            (admin, "POST", "/me/tokens".to_owned(), json!({ "name": "t", "access": "read" })),
        ];
        for (person, method, path, body) in steps {
            assert_eq!(send(person, method, &path, body).await.expect(500).code(), "internal", "{method} {path}");
            assert_eq!(sql.everything().await, before, "{method} {path}");
        }
    }
}

async fn send(person: &Actor, method: &str, path: &str, body: Value) -> Answer {
    let body = (!body.is_null()).then(|| body.to_string());
    person.send(method.parse().unwrap(), path, body).await
}
