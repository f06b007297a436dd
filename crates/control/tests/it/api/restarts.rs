//! Rolling restarts without their processes: the database says that servers run, and every restart fails before its stop,
//! for the program is missing. How real ones are restarted is tried with the binary.

use serde_json::{Value, json};

use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::{Sql, eventually},
    },
    support::{Actor, Answer, Database, House, LAB},
};

const SECRETS: &str = "/organizations/acme/secrets";
const RESTARTS: &str = "/organizations/acme/restarts";

/// Running servers of a workspace that has KEY in its first version.
async fn servers(house: &House, workspace: &str, names: &[&str]) {
    for name in names {
        let address = server(&house.owner, workspace, name).await;
        runs(house, &house.owner, &address).await;
    }
}

/// Writes KEY of the organization anew.
async fn write_key(house: &House) {
    let path = format!("{SECRETS}/KEY");
    let status = house.administrator.put(&path, json!({ "value": "a value of twelve" })).await.status;
    assert!(status.is_success(), "{status}");
}

/// Three servers of lab that differ because of KEY.
async fn stale_lab(house: &House) {
    write_key(house).await;
    servers(house, LAB, &["a", "b", "c"]).await;
    write_key(house).await;
}

async fn begin(person: &Actor, place: &str, how: Value) -> String {
    let begun = person.post(&format!("{place}/restarts"), how).await.expect(202);
    format!("{RESTARTS}/{}", begun.json()["id"].as_str().unwrap())
}

/// Waits until it pauses or ends, as somebody sees it who waits for each change.
async fn settled(person: &Actor, restart: &str) -> Value {
    let mut seen: Answer = person.get(restart).await.expect(200);
    eventually("the end of the rolling restart", async || {
        if seen.json()["state"] != "running" {
            return Some(seen.json());
        }
        let next = person.with("if-none-match", &seen.etag()).get(&format!("{restart}?wait=10")).await;
        if next.status == 200 {
            seen = next;
        }
        None
    })
    .await
}

/// Each server and how far it is, like `lab/a failed`.
fn steps(restart: &Value) -> Vec<String> {
    let text = |step: &Value, field: &str| step[field].as_str().unwrap().to_owned();
    let one = |step: &Value| format!("{}/{} {}", text(step, "workspace"), text(step, "server"), text(step, "state"));
    restart["servers"].as_array().unwrap().iter().map(one).collect()
}

/// How many starts each server of a workspace has on record, by its name.
async fn starts(house: &House) -> Vec<String> {
    let counted = "SELECT w.slug || '/' || x.slug || ' ' || CAST(COUNT(*) AS TEXT) FROM starts t \
                   JOIN servers x ON x.id = t.server_id JOIN workspaces w ON w.id = x.workspace_id \
                   GROUP BY w.slug, x.slug ORDER BY w.slug, x.slug";
    Sql::open(house).await.texts(counted).await
}

/// Does this to the database in the same moment in which a server of a rolling restart fails.
async fn once_one_fails(house: &House, what: &str) {
    let statement = match house.database {
        Database::Sqlite => format!(
            "CREATE TRIGGER meanwhile AFTER UPDATE ON restart_servers WHEN NEW.state = 'failed' BEGIN {what}; END"
        ),
        Database::Postgres => format!(
            "CREATE FUNCTION meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what}; RETURN NEW; END $$; \
             CREATE TRIGGER meanwhile AFTER UPDATE ON restart_servers FOR EACH ROW WHEN (NEW.state = 'failed') \
             EXECUTE FUNCTION meanwhile()"
        ),
    };
    Sql::open(house).await.execute(&statement).await;
}

async fn events(house: &House, action: &str) -> Vec<Value> {
    let listed =
        house.administrator.get(&format!("/organizations/acme/audit-events?action={action}")).await.expect(200);
    listed.json()["items"].as_array().unwrap().clone()
}

both! {
    async fn who_still_holds_a_deleted_secret_is_restarted_and_a_dry_run_only_says_who(house) {
        write_key(&house).await;
        house.owner.put(&format!("{LAB}/secrets/OWN"), json!({ "value": "its own value" })).await.expect(201);
        servers(&house, LAB, &["a", "b"]).await;
        let deleted = async |person: &Actor, place: &str, name: &str| {
            person.delete(&format!("{place}/secrets/{name}")).await.expect(204);
            let listed = person.get(&format!("{place}/deleted-secrets")).await.expect(200).json();
            format!("{place}/deleted-secrets/{}", listed["items"][0]["id"].as_str().unwrap())
        };
        let key = deleted(&house.administrator, "/organizations/acme", "KEY").await;
        servers(&house, LAB, &["fresh"]).await;
        let both = json!([{ "workspace": "lab", "server": "a" }, { "workspace": "lab", "server": "b" }]);
        let dry_run = async |person: &Actor, place: &str| {
            person.post(&format!("{place}/restarts"), json!({ "dry_run": true })).await
        };
        let would = dry_run(&house.administrator, &key).await.expect(200);
        assert_eq!(would.json(), json!({ "servers": both }));
        let nothing = house.administrator.get(RESTARTS).await.expect(200).json();
        assert_eq!(nothing["items"], json!([]), "nothing was begun");
        assert_eq!(starts(&house).await, ["lab/a 1", "lab/b 1", "lab/fresh 1"]);

        let how = json!({ "pause_on_failure": false });
        let restart = begin(&house.administrator, &key, how.clone()).await;
        let done = settled(&house.administrator, &restart).await;
        assert_eq!((steps(&done), &done["secret"]), (vec!["lab/a failed".to_owned(), "lab/b failed".to_owned()], &json!("KEY")));

        let own = deleted(&house.owner, LAB, "OWN").await;
        assert_eq!(dry_run(&house.owner, LAB).await.expect(200).json()["servers"].as_array().unwrap().len(), 3);
        let would = dry_run(&house.owner, &own).await.expect(200).json();
        assert_eq!(would["servers"].as_array().unwrap().len(), 3);
        let restart = begin(&house.owner, &own, how).await;
        assert_eq!(steps(&settled(&house.owner, &restart).await).len(), 3);
        // A dry run asks for nothing more than looking does.
        dry_run(&house.collaborator, &own).await.expect(403);
        dry_run(&house.member, LAB).await.expect(404);
        dry_run(&house.collaborator, LAB).await.expect(200);
    }

    async fn of_the_servers_that_differ_only_those_are_restarted_that_are_named(house) {
        stale_lab(&house).await;
        servers(&house, LAB, &["fresh"]).await;
        let key = format!("{SECRETS}/KEY");
        let named = |servers: &[&str]| -> Value {
            json!(servers.iter().map(|server| json!({ "workspace": "lab", "server": server })).collect::<Vec<_>>())
        };
        for (person, place) in [(&house.administrator, key.as_str()), (&house.owner, LAB)] {
            let restarts = format!("{place}/restarts");
            for dry_run in [true, false] {
                for (wrong, code) in [(named(&["a", "fresh"]), "does_not_differ"), (named(&["nobody"]), "does_not_differ"), (json!([]), "no_server")] {
                    let body = json!({ "servers": wrong, "dry_run": dry_run });
                    person.post(&restarts, body).await.expect_refused("servers", code);
                }
            }
            let would = person.post(&restarts, json!({ "servers": named(&["c", "a"]), "dry_run": true })).await;
            assert_eq!(would.expect(200).json()["servers"], named(&["a", "c"]));
        }
        assert_eq!(starts(&house).await, ["lab/a 1", "lab/b 1", "lab/c 1", "lab/fresh 1"]);
        let how = json!({ "servers": named(&["a", "c"]), "pause_on_failure": false });
        let done = settled(&house.administrator, &begin(&house.administrator, &key, how).await).await;
        assert_eq!(steps(&done), ["lab/a failed", "lab/c failed"]);
        assert_eq!(starts(&house).await, ["lab/a 2", "lab/b 1", "lab/c 2", "lab/fresh 1"]);
    }

    async fn exactly_the_servers_that_differ_because_of_the_secret_are_restarted(house) {
        for name in ["north", "south"] {
            house.owner.post("/organizations/acme/workspaces", json!({ "name": name })).await.expect(201);
        }
        let (north, south) = ("/organizations/acme/workspaces/north", "/organizations/acme/workspaces/south");
        write_key(&house).await;
        house.owner.put(&format!("{south}/secrets/KEY"), json!({ "value": "its own value" })).await.expect(201);
        servers(&house, LAB, &["a", "b"]).await;
        servers(&house, north, &["a"]).await;
        servers(&house, south, &["a"]).await;
        server(&house.owner, north, "idle").await;
        house.owner.put(&format!("{south}/secrets/OTHER"), json!({ "value": "something else" })).await.expect(201);
        write_key(&house).await;
        servers(&house, LAB, &["fresh"]).await;

        let restart = begin(&house.administrator, &format!("{SECRETS}/KEY"), json!({ "pause_on_failure": false })).await;
        let done = settled(&house.administrator, &restart).await;
        assert_eq!(steps(&done), ["lab/a failed", "lab/b failed", "north/a failed"]);
        assert_eq!((&done["state"], &done["batch_size"], &done["secret"]), (&json!("done"), &json!(1), &json!("KEY")));
        assert_eq!(done["counts"], json!({ "servers": 3, "waiting": 0, "restarting": 0, "done": 0, "skipped": 0, "failed": 3 }));
        assert!(done["ended_at"].is_string() && done["workspace"].is_null());
        // Each has one failed start to be made running, and one of the rolling restart.
        assert_eq!(starts(&house).await, ["lab/a 2", "lab/b 2", "lab/fresh 1", "north/a 2", "south/a 1"]);

        let newest = house.owner.get(&format!("{LAB}/servers/a/starts")).await.expect(200).json()["items"][0].clone();
        assert_eq!((&newest["id"], &newest["outcome"]), (&done["servers"][0]["start"], &json!("failed")));
        assert_eq!((&newest["detail"], &newest["started_by"]["name"]), (&done["servers"][0]["detail"], &json!("Administrator")));
        assert_ne!(newest["detail"], "", "it says why");
        let id = &done["id"];
        let begun = &events(&house, "restart.started").await[0];
        assert_eq!((&begun["target"]["id"], &begun["target"]["name"]), (id, &json!("KEY")));
        assert_eq!((&begun["details"]["servers"], &begun["actor"]["name"]), (&json!(3), &json!("Administrator")));
        let ended = &events(&house, "restart.done").await[0];
        assert_eq!((&ended["target"]["id"], &ended["details"]["failed"]), (id, &json!(3)));
        assert_eq!(ended["actor"]["kind"], "system");
        let one = &events(&house, "server.started").await[0];
        assert_eq!((&one["details"]["rolling_restart"], &one["actor"]["name"]), (id, &json!("Administrator")));
        assert_eq!(one["details"]["workspace"]["slug"], "north");

        let own = begin(&house.owner, &format!("{south}/secrets/OTHER"), json!({ "batch_size": 7 })).await;
        let own = settled(&house.owner, &own).await;
        assert_eq!((steps(&own), &own["workspace"]), (vec!["south/a failed".to_owned()], &json!("south")));
        assert_eq!(own["batch_size"], 7);
        let none = begin(&house.owner, &format!("{south}/secrets/KEY"), json!({})).await;
        let none = house.owner.get(&none).await.expect(200).json();
        assert_eq!((&none["state"], steps(&none)), (&json!("done"), vec![]), "where nothing differs it is done at once");
    }

    async fn after_a_failure_it_pauses_until_somebody_continues_it(house) {
        stale_lab(&house).await;
        let restart = begin(&house.owner, LAB, json!({})).await;
        let paused = settled(&house.owner, &restart).await;
        assert_eq!(paused["state"], "paused");
        assert_eq!(paused["detail"], "1 server could not be restarted: lab/a");
        assert_eq!(steps(&paused), ["lab/a failed", "lab/b waiting", "lab/c waiting"]);
        assert_eq!(starts(&house).await, ["lab/a 2", "lab/b 1", "lab/c 1"]);
        assert_eq!(house.owner.get(&format!("{LAB}/servers/a")).await.json()["status"], "running", "the old one runs on");
        assert_eq!(events(&house, "restart.paused").await[0]["details"]["why"], paused["detail"]);

        let go_on = format!("{restart}/continuation");
        let again = house.collaborator.post(&go_on, Value::Null).await.expect(202).json();
        assert_eq!((&again["state"], &again["detail"]), (&json!("running"), &json!("")));
        assert_eq!((&again["created_by"]["name"], &again["asked_by"]["name"]), (&json!("owner"), &json!("collaborator")));
        let paused = settled(&house.owner, &restart).await;
        assert_eq!(steps(&paused), ["lab/a failed", "lab/b failed", "lab/c waiting"], "one more failure pauses it again");
        let newest = house.owner.get(&format!("{LAB}/servers/b/starts")).await.json()["items"][0].clone();
        assert_eq!(newest["started_by"]["name"], "collaborator", "it goes on in the name of whoever continued it");
        house.owner.post(&go_on, Value::Null).await.expect(202);
        let done = settled(&house.owner, &restart).await;
        assert_eq!((&done["state"], &done["counts"]["failed"]), (&json!("done"), &json!(3)), "nothing is left to pause for");
        for refused in [house.owner.post(&go_on, Value::Null).await, house.owner.delete(&restart).await] {
            assert_eq!(refused.expect(409).code(), "conflict");
        }
    }

    async fn a_batch_is_done_to_its_end_before_it_pauses(house) {
        stale_lab(&house).await;
        let restart = begin(&house.owner, LAB, json!({ "batch_size": 2 })).await;
        let paused = settled(&house.owner, &restart).await;
        assert_eq!(steps(&paused), ["lab/a failed", "lab/b failed", "lab/c waiting"]);
        assert_eq!(paused["detail"], "2 servers could not be restarted: lab/a, lab/b");
    }

    async fn what_is_aborted_leaves_the_rest_as_it_was(house) {
        stale_lab(&house).await;
        let restart = begin(&house.owner, LAB, json!({})).await;
        settled(&house.owner, &restart).await;
        let old = house.owner.with("if-match", "\"another\"");
        assert_eq!(old.delete(&restart).await.expect(412).code(), "version_mismatch");
        assert_eq!(house.collaborator.delete(&restart).await.expect(204).text, "");
        let aborted = house.owner.get(&restart).await.expect(200).json();
        assert_eq!(aborted["state"], "aborted");
        assert_eq!(steps(&aborted), ["lab/a failed", "lab/b skipped", "lab/c skipped"]);
        assert!(aborted["servers"][1]["detail"].as_str().unwrap().contains("aborted"));
        assert_eq!(starts(&house).await, ["lab/a 2", "lab/b 1", "lab/c 1"]);
        assert_eq!(events(&house, "restart.aborted").await[0]["details"]["waiting"], 2);
        house.owner.delete(&restart).await.expect(409);
        house.owner.post(&format!("{restart}/continuation"), Value::Null).await.expect(409);
    }

    async fn whoever_lost_the_right_restarts_nothing_more(house) {
        stale_lab(&house).await;
        once_one_fails(&house, "DELETE FROM collaborators").await;
        let restart = begin(&house.collaborator, LAB, json!({ "pause_on_failure": false })).await;
        let paused = settled(&house.owner, &restart).await;
        assert_eq!(paused["state"], "paused");
        assert_eq!(paused["detail"], "collaborator, who asked for it, may not restart servers of lab any more");
        assert_eq!(steps(&paused), ["lab/a failed", "lab/b waiting", "lab/c waiting"]);
        assert_eq!(starts(&house).await, ["lab/a 2", "lab/b 1", "lab/c 1"]);
        house.collaborator.post(&format!("{restart}/continuation"), Value::Null).await.expect(404);
        house.owner.post(&format!("{restart}/continuation"), Value::Null).await.expect(202);
        assert_eq!(settled(&house.owner, &restart).await["counts"]["failed"], 3);
    }

    async fn a_revoked_token_restarts_nothing_more(house) {
        stale_lab(&house).await;
        let made = house.owner.post("/me/tokens", json!({ "name": "short", "access": "full" })).await.expect(201).json();
        once_one_fails(&house, &format!("UPDATE credentials SET revoked_at = 1 WHERE id = '{}'", made["id"].as_str().unwrap())).await;
        let machine = house.owner.with_token(made["token"].as_str().unwrap());
        let restart = begin(&machine, LAB, json!({ "pause_on_failure": false })).await;
        let paused = settled(&house.owner, &restart).await;
        assert_eq!(paused["detail"], "the token with which owner asked for it was revoked", "{paused:#}");
        assert_eq!(starts(&house).await, ["lab/a 2", "lab/b 1", "lab/c 1"]);
    }

    async fn a_server_that_needs_no_restart_any_more_is_skipped_when_its_turn_comes(house) {
        write_key(&house).await;
        servers(&house, LAB, &["a", "b", "c", "d", "e"]).await;
        write_key(&house).await;
        let restart = begin(&house.owner, LAB, json!({ "batch_size": 1 })).await;
        settled(&house.owner, &restart).await;
        let mut sql = Sql::open(&house).await;
        for (slug, becomes) in [
            ("b", "status = 'stopped', start_id = NULL"),
            ("c", "status = 'stopped', start_id = NULL, deleted_at = 1"),
            ("d", "status = 'failed', start_id = NULL"),
        ] {
            sql.execute(&format!("UPDATE servers SET {becomes} WHERE slug = '{slug}'")).await;
        }
        let now = "UPDATE starts SET snapshot_id = (SELECT t.snapshot_id FROM starts t ORDER BY t.id DESC LIMIT 1) \
                   WHERE id = (SELECT x.start_id FROM servers x WHERE x.slug = 'e')";
        sql.execute(now).await;
        house.owner.post(&format!("{restart}/continuation"), Value::Null).await.expect(202);
        let done = settled(&house.owner, &restart).await;
        assert_eq!(steps(&done), ["lab/a failed", "lab/b skipped", "lab/c skipped", "lab/d skipped", "lab/e skipped"]);
        let why = |at: usize| done["servers"][at]["detail"].as_str().unwrap();
        assert_eq!([why(1), why(2), why(3), why(4)],
            ["it was stopped", "it was deleted", "it has failed and runs no more", "it does not differ any more"]);
        assert_eq!(starts(&house).await, ["lab/a 2", "lab/b 1", "lab/c 1", "lab/d 1", "lab/e 1"]);
    }

    async fn a_server_is_in_one_rolling_restart_that_runs(house) {
        stale_lab(&house).await;
        let first = begin(&house.owner, LAB, json!({})).await;
        settled(&house.owner, &first).await;
        let mut sql = Sql::open(&house).await;
        // It would run now, if there were a worker.
        sql.execute("UPDATE restarts SET state = 'running'").await;
        let second = begin(&house.administrator, &format!("{SECRETS}/KEY"), json!({})).await;
        let second = settled(&house.administrator, &second).await;
        assert_eq!(steps(&second), ["lab/a failed", "lab/b skipped", "lab/c skipped"]);
        let id = first.rsplit('/').next().unwrap();
        assert!(second["servers"][1]["detail"].as_str().unwrap().contains(id), "{second:#}");
        sql.execute("UPDATE restart_servers SET state = 'restarting' WHERE position = 0").await;
        let refused = house.owner.post(&format!("{LAB}/restarts"), json!({})).await.expect(409);
        assert!(refused.text.contains("in a rolling restart already"), "{}", refused.text);
        house.owner.post(&format!("{first}/continuation"), Value::Null).await.expect(409);
    }

    async fn progress_is_told_as_it_comes(house) {
        stale_lab(&house).await;
        let restart = begin(&house.owner, LAB, json!({})).await;
        settled(&house.owner, &restart).await;
        let seen = house.owner.get(&restart).await.expect(200).etag();
        let waiting = house.owner.with("if-none-match", &seen);
        assert_eq!(waiting.get(&restart).await.expect(304).etag(), seen);
        waiting.get(&format!("{restart}?wait=46")).await.expect_refused("wait", "wait");
        let (waits, path) = (waiting.clone(), format!("{restart}?wait=45"));
        let news = tokio::spawn(async move { waits.get(&path).await });
        house.owner.delete(&restart).await.expect(204);
        assert_eq!(news.await.unwrap().expect(200).json()["state"], "aborted");
    }

    async fn rolling_restarts_are_listed_newest_first_where_they_belong(house) {
        write_key(&house).await;
        let mut ids = Vec::new();
        for place in [LAB, &format!("{SECRETS}/KEY"), LAB] {
            ids.push(begin(&house.administrator, place, json!({})).await.rsplit('/').next().unwrap().to_owned());
        }
        ids.reverse();
        assert_eq!(house.administrator.get(RESTARTS).await.expect(200).each("id"), ids);
        assert_eq!(house.collaborator.get(&format!("{LAB}/restarts")).await.expect(200).each("id"), [&*ids[0], &*ids[2]]);
        let first = house.administrator.get(&format!("{RESTARTS}?limit=2")).await.expect(200).json();
        let rest = format!("{RESTARTS}?limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
        assert_eq!(house.administrator.get(&rest).await.expect(200).each("id"), ids[2..]);
        house.administrator.get(&format!("{RESTARTS}?cursor=x")).await.expect_refused("cursor", "cursor");
        assert!(house.foreigner.get("/organizations/other/restarts").await.expect(200).each("id").is_empty());
    }

    async fn a_wish_that_does_not_fit_begins_nothing(house) {
        stale_lab(&house).await;
        for size in [0, 101] {
            house.owner.post(&format!("{LAB}/restarts"), json!({ "batch_size": size })).await
                .expect_refused("batch_size", "batch_size");
        }
        for body in [json!({ "batch_size": -1 }), json!({ "pause_on_failure": "no" }), json!({ "all": true })] {
            house.owner.post(&format!("{LAB}/restarts"), body).await.expect_refused("body", "json");
        }
        assert!(house.owner.get(&format!("{LAB}/restarts")).await.expect(200).each("id").is_empty());
        house.administrator.post(&format!("{SECRETS}/NOWHERE/restarts"), json!({})).await.expect(404);
    }
}
