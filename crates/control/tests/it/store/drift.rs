//! Which servers differ and which hold a secret, for many workspaces at once. No process runs here: the database says so.

use serde_json::{Value, json};

use super::sql::{Sql, eventually};
use crate::{
    both,
    support::{Actor, House},
};

const SECRETS: &str = "/organizations/acme/secrets";
const WORKSPACES: &str = "/organizations/acme/workspaces";

/// Starts a server, and makes the database say that its process runs; the start's id.
pub async fn runs(house: &House, person: &Actor, server: &str) -> String {
    let begun = person.post(&format!("{server}/start"), json!({})).await.expect(202).json();
    let id = begun["id"].as_str().unwrap();
    let mut sql = Sql::open(house).await;
    let newest =
        format!("SELECT id FROM starts WHERE server_id = '{id}' AND outcome = 'failed' ORDER BY id DESC LIMIT 1");
    let start = eventually("the failed start", async || {
        let idle = sql.texts(&format!("SELECT id FROM servers WHERE id = '{id}' AND start_id IS NULL")).await;
        sql.texts(&newest).await.pop().filter(|_| !idle.is_empty())
    })
    .await;
    sql.execute(&format!("UPDATE servers SET status = 'running', start_id = '{start}' WHERE id = '{id}'")).await;
    sql.execute(&format!("UPDATE starts SET outcome = 'delivered', ended_at = NULL WHERE id = '{start}'")).await;
    start
}

/// Adds a server to a workspace; its address.
pub async fn server(person: &Actor, workspace: &str, name: &str) -> String {
    person.post(&format!("{workspace}/servers"), json!({ "name": name, "command": ["true"] })).await.expect(201);
    format!("{workspace}/servers/{name}")
}

async fn workspace(house: &House, name: &str) -> String {
    house.owner.post(WORKSPACES, json!({ "name": name })).await.expect(201);
    format!("{WORKSPACES}/{name}")
}

/// The organization writes a secret; which servers the answer says are stale.
async fn set(house: &House, name: &str, reach: Value) -> Vec<String> {
    let mut body = json!({ "value": "a value of twelve" });
    body.as_object_mut().unwrap().extend(reach.as_object().unwrap().clone());
    stale(&house.administrator.put(&format!("{SECRETS}/{name}"), body).await.json())
}

/// The owner writes a workspace's own secret; which servers the answer says are stale.
async fn own(house: &House, workspace: &str, name: &str) -> Vec<String> {
    stale(
        &house.owner.put(&format!("{workspace}/secrets/{name}"), json!({ "value": "a value of twelve" })).await.json(),
    )
}

fn stale(written: &Value) -> Vec<String> {
    let servers = written["restart_needed"].as_array().unwrap_or_else(|| panic!("{written:#}"));
    let name =
        |place: &Value| format!("{}/{}", place["workspace"].as_str().unwrap(), place["server"].as_str().unwrap());
    servers.iter().map(name).collect()
}

/// Holders and stale holders of an organization secret, which list and single answer tell alike.
async fn holders(house: &House, name: &str) -> (u64, u64) {
    let read = |secret: &Value| (secret["holders"].as_u64().unwrap(), secret["stale_holders"].as_u64().unwrap());
    let one = read(&house.administrator.get(&format!("{SECRETS}/{name}")).await.expect(200).json());
    let listed = house.administrator.get(&format!("{SECRETS}?q={name}")).await.expect(200).json();
    assert_eq!(read(&listed["items"][0]), one);
    one
}

both! {
    async fn a_write_names_the_servers_of_every_workspace_that_differ_because_of_it(house) {
        for reach in [("EVERYWHERE", json!({})), ("CHOSEN", json!({ "workspaces": ["lab"] })), ("NOWHERE", json!({ "workspaces": [] }))] {
            set(&house, reach.0, reach.1).await;
        }
        let lab = crate::support::LAB.to_owned();
        let (north, south) = (workspace(&house, "north").await, workspace(&house, "south").await);
        own(&house, &north, "EVERYWHERE").await;
        for (place, name) in [(&lab, "b"), (&lab, "a"), (&north, "a"), (&south, "a")] {
            let address = server(&house.owner, place, name).await;
            runs(&house, &house.owner, &address).await;
        }
        server(&house.owner, &south, "stopped").await;
        let foreign = server(&house.foreigner, "/organizations/other/workspaces/lab", "a").await;
        runs(&house, &house.foreigner, &foreign).await;
        let elsewhere = house.foreigner.put("/organizations/other/secrets/X", json!({ "value": "a value of twelve" })).await;
        assert_eq!(stale(&elsewhere.expect(201).json()), ["lab/a"]);

        assert_eq!(set(&house, "NOWHERE", json!({})).await, [""; 0], "what reaches nobody changes nothing");
        let needed = async || {
            let listed = house.administrator.get(WORKSPACES).await.expect(200).json();
            let of = |row: &Value| row["servers"]["restart_needed"].as_u64().unwrap();
            listed["items"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(needed().await, [0, 0, 0]);
        let everywhere = set(&house, "EVERYWHERE", json!({})).await;
        assert_eq!(everywhere, ["lab/a", "lab/b", "south/a"], "north overrides it");
        assert_eq!(needed().await, [2, 0, 1]);
        assert_eq!(own(&house, &north, "EVERYWHERE").await, ["north/a"], "a workspace's write names its own servers only");
        let selected = set(&house, "CHOSEN", json!({ "workspaces": ["south"] })).await;
        assert_eq!(selected, ["lab/a", "lab/b", "south/a"], "north differs because of its own secret only");
        assert_eq!(needed().await, [2, 1, 1]);
        assert_eq!(house.owner.get(&format!("{north}/servers/a")).await.json()["drift"][0]["reason"], "value");
        let south_drift = house.owner.get(&format!("{south}/servers/a")).await.json();
        let said = |one: &Value| (one["name"].clone(), one["reason"].clone(), one["by"]["name"].clone());
        assert_eq!(south_drift["drift"].as_array().unwrap().iter().map(said).collect::<Vec<_>>(), [
            (json!("CHOSEN"), json!("selected"), json!("Administrator")),
            (json!("EVERYWHERE"), json!("value"), json!("Administrator")),
        ]);
        assert_eq!(house.owner.get(&format!("{south}/servers/stopped")).await.json()["restart_needed"], false);
    }

    async fn every_change_names_the_servers_that_differ_because_of_it_and_no_others(house) {
        let lab = crate::support::LAB;
        set(&house, "KEY", json!({})).await;
        set(&house, "OTHER", json!({})).await;
        let address = server(&house.owner, lab, "web").await;
        runs(&house, &house.owner, &address).await;
        assert_eq!(set(&house, "OTHER", json!({})).await, ["lab/web"]);
        let key = format!("{SECRETS}/KEY");
        let admin = &house.administrator;
        let described = admin.patch(&key, json!({ "description": "what it is for" })).await.expect(200).json();
        assert_eq!(stale(&described), [""; 0], "it differs because of another one");
        let import = async |content: &str, dry_run: bool| {
            let body = json!({ "format": "env", "content": content, "mode": "overwrite", "dry_run": dry_run });
            stale(&admin.post("/organizations/acme/secret-imports", body).await.expect(200).json())
        };
        assert_eq!(import("UNSEEN=a value", true).await, ["lab/web"]);
        admin.put(&format!("{SECRETS}/NOWHERE"), json!({ "value": "a value", "workspaces": [] })).await.expect(201);
        assert_eq!(import("NOWHERE=another value", false).await, [""; 0]);

        let suspended = admin.put(&format!("{key}/suspension"), json!({})).await.expect(200).json();
        assert_eq!(stale(&suspended), ["lab/web"]);
        let again = admin.put(&format!("{key}/suspension"), json!({ "reason": "found in a log" })).await.expect(200);
        assert_eq!(stale(&again.json()), [""; 0], "it was suspended before");
        let lifted = admin.delete(&format!("{key}/suspension")).await.expect(200).json();
        assert_eq!(stale(&lifted), [""; 0], "it has what it would get");
        let written = admin.put(&key, json!({ "value": "the next value" })).await.expect(200).json();
        assert_eq!(stale(&written), ["lab/web"]);
        let back = admin.post(&format!("{key}/versions/1/restoration"), json!({})).await.expect(200).json();
        assert_eq!(stale(&back), ["lab/web"], "the next version is another one, with whatever value");
    }

    async fn what_covered_another_secret_at_the_start_is_a_reason_once_it_is_gone(house) {
        let lab = crate::support::LAB;
        set(&house, "KEY", json!({})).await;
        own(&house, lab, "KEY").await;
        house.owner.put(&format!("{lab}/secrets/KEY/suspension"), json!({})).await.expect(200);
        let address = server(&house.owner, lab, "web").await;
        runs(&house, &house.owner, &address).await;
        house.owner.delete(&format!("{lab}/secrets/KEY")).await.expect(204);
        let deleted = house.owner.get(&format!("{lab}/deleted-secrets")).await.expect(200).json();
        let restarts = format!("{lab}/deleted-secrets/{}/restarts", deleted["items"][0]["id"].as_str().unwrap());
        let would = house.owner.post(&restarts, json!({ "dry_run": true })).await.expect(200).json();
        assert_eq!(would["servers"], json!([{ "workspace": "lab", "server": "web" }]));
    }

    async fn holders_are_the_servers_whose_process_may_have_a_secret(house) {
        set(&house, "KEY", json!({})).await;
        set(&house, "UNUSED", json!({ "workspaces": [] })).await;
        assert_eq!(holders(&house, "KEY").await, (0, 0));
        let (north, lab) = (workspace(&house, "north").await, crate::support::LAB);
        let (one, two) = (server(&house.owner, lab, "one").await, server(&house.owner, &north, "two").await);
        let first = runs(&house, &house.owner, &one).await;
        runs(&house, &house.owner, &two).await;
        assert_eq!((holders(&house, "KEY").await, holders(&house, "UNUSED").await), ((2, 0), (0, 0)));
        set(&house, "KEY", json!({})).await;
        assert_eq!(holders(&house, "KEY").await, (2, 2));
        let said = house.administrator.patch(&format!("{SECRETS}/KEY"), json!({ "description": "said" })).await.expect(200);
        assert_eq!(said.json()["stale_holders"], 2, "a write's answer counts too");

        let mut sql = Sql::open(&house).await;
        // A restart: the old process is told to end, the new one waits at its gate.
        sql.execute("UPDATE servers SET status = 'stopped', start_id = NULL WHERE slug = 'one'").await;
        let second = runs(&house, &house.owner, &one).await;
        sql.execute(&format!("UPDATE starts SET outcome = 'pending' WHERE id = '{second}'")).await;
        assert_eq!(holders(&house, "KEY").await, (2, 2), "one server is one holder, and still has the old value");
        sql.execute(&format!("UPDATE starts SET ended_at = 1 WHERE id = '{first}'")).await;
        assert_eq!(holders(&house, "KEY").await, (2, 1), "the new process has the new value");
        sql.execute(&format!("UPDATE starts SET outcome = 'failed', ended_at = 1 WHERE id = '{second}'")).await;
        assert_eq!(holders(&house, "KEY").await, (1, 1), "a failed start has nothing");
        sql.execute("UPDATE starts SET ended_at = 2 WHERE outcome = 'delivered'").await;
        assert_eq!(holders(&house, "KEY").await, (0, 0), "an ended process has nothing");
    }

    // The count is made by the database, the drift by the domain: they must mean the same.
    async fn a_stale_holder_is_one_whose_drift_takes_the_secret_from_it(house) {
        set(&house, "KEY", json!({})).await;
        let lab = crate::support::LAB;
        let notebook = server(&house.owner, lab, "one").await;
        let mut sql = Sql::open(&house).await;
        let path = format!("{SECRETS}/KEY");
        let changes: [(&str, Value, bool); 7] = [
            ("description", json!({ "description": "only said" }), false),
            ("rename", json!({ "name": "KEY_OF_OLD" }), true),
            ("rename back", json!({ "name": "KEY" }), false),
            ("deselect", json!({ "workspaces": [] }), true),
            ("select", json!({ "workspaces": ["lab"] }), false),
            ("select others", json!({ "workspaces": ["north"] }), true),
            ("all", json!({ "access": "all" }), false),
        ];
        workspace(&house, "north").await;
        let secret = house.administrator.get(&path).await.expect(200).json()["id"].clone();
        runs(&house, &house.owner, &notebook).await;
        let agreed = async |what: &str, stale: bool| {
            let drift = house.owner.get(&notebook).await.expect(200).json()["drift"].clone();
            let taken = drift.as_array().unwrap().iter().any(|one| one["from"]["secret_id"] == secret);
            assert_eq!(taken, stale, "{what}: {drift:#}");
            let listed = house.administrator.get(&format!("{SECRETS}?q=KEY")).await.expect(200).json();
            let counted = &listed["items"][0];
            assert_eq!((&counted["holders"], &counted["stale_holders"]), (&json!(1), &json!(u32::from(stale))), "{what}");
        };
        agreed("start", false).await;
        let mut known = path.clone();
        for (what, change, stale) in changes {
            let name = house.administrator.patch(&known, change).await.expect(200).json()["name"].clone();
            known = format!("{SECRETS}/{}", name.as_str().unwrap());
            agreed(what, stale).await;
        }
        for (column, table) in [("suspended_at", "secrets"), ("suspended_at", "secret_versions")] {
            sql.execute(&format!("UPDATE {table} SET {column} = 5")).await;
            agreed(table, true).await;
            sql.execute(&format!("UPDATE {table} SET {column} = NULL")).await;
            agreed("lifted", false).await;
        }
        own(&house, lab, "KEY").await;
        agreed("overridden", true).await;
        sql.execute("UPDATE secrets SET suspended_at = 5 WHERE scope = 'workspace'").await;
        agreed("overridden by a suspended one", true).await;
        house.owner.delete(&format!("{lab}/secrets/KEY")).await.expect(204);
        agreed("uncovered", false).await;
        house.administrator.put(&path, json!({ "value": "another value" })).await.expect(200);
        agreed("value", true).await;
    }

    async fn a_workspaces_view_never_tells_who_holds_a_secret(house) {
        let lab = crate::support::LAB;
        set(&house, "SHARED", json!({})).await;
        own(&house, lab, "OWN").await;
        let notebook = server(&house.owner, lab, "one").await;
        runs(&house, &house.owner, &notebook).await;
        for path in [format!("{lab}/secrets"), format!("{lab}/secrets/OWN"), format!("{lab}/explanations/SHARED"), notebook] {
            for person in [&house.owner, &house.collaborator, &house.administrator] {
                assert!(!person.get(&path).await.expect(200).text.contains("holders"), "{path}");
            }
        }
        let written = house.owner.put(&format!("{lab}/secrets/OWN"), json!({ "value": "a value of twelve" })).await;
        assert!(!written.expect(200).text.contains("holders"));
    }

    async fn a_server_whose_command_or_variables_were_changed_needs_a_restart(house) {
        let web = server(&house.owner, crate::support::LAB, "web").await;
        runs(&house, &house.owner, &web).await;
        let seen = async || house.owner.get(&web).await.expect(200).json();
        let needed = async || {
            let workspace = house.owner.get(crate::support::LAB).await.expect(200).json();
            let server = seen().await;
            assert_eq!(server["restart_needed"], !server["settings_changed"].is_null());
            (server["settings_changed"]["by"]["name"].clone(), workspace["servers"]["restart_needed"].clone())
        };
        for same in [json!({ "name": "Another" }), json!({ "slug": "web" }), json!({ "command": ["true"] })] {
            house.owner.patch(&web, same).await.expect(200);
            assert_eq!(needed().await, (Value::Null, json!(0)));
        }
        house.collaborator.patch(&web, json!({ "variables": { "MODE": "fast" } })).await.expect(200);
        assert_eq!(needed().await, (json!("collaborator"), json!(1)));
        house.owner.patch(&web, json!({ "command": ["false"] })).await.expect(200);
        assert_eq!(needed().await, (json!("owner"), json!(1)));
        let mut sql = Sql::open(&house).await;
        sql.execute("UPDATE starts SET ended_at = started_at").await;
        sql.execute("UPDATE servers SET status = 'stopped', start_id = NULL").await;
        assert_eq!(needed().await, (Value::Null, json!(0)), "what does not run needs no restart");
        runs(&house, &house.owner, &web).await;
        assert_eq!(needed().await, (Value::Null, json!(0)), "a new process has them");
    }
}
