//! P10: what was acknowledged survives `kill -9` at any moment; what was not is wholly there or not at all.

mod ledger;

use std::{
    sync::atomic::Ordering,
    thread::{scope, sleep},
    time::Duration,
};

use assurance::{Dice, count, report};
pub(crate) use ledger::Tally;
use ledger::{Ledger, Progress, Seen};
use serde_json::json;

use crate::support::*;

const WRITERS: usize = 6;

/// An installation is killed so often; then the next one begins, so that what is compared stays small.
const LIVES: usize = 25;

/// What can't be where every write is whole: each row of the answer is one contradiction.
const CONTRADICTIONS: &str = "
SELECT 'the newest version of ' || s.id FROM secrets s
    WHERE s.version <> (SELECT COALESCE(MAX(v.version), 0) FROM secret_versions v WHERE v.secret_id = s.id)
UNION ALL SELECT 'the versions of ' || s.id FROM secrets s
    WHERE s.version <> (SELECT COUNT(*) FROM secret_versions v WHERE v.secret_id = s.id)
UNION ALL SELECT 'the kept versions of ' || s.id FROM secrets s
    WHERE (CASE WHEN s.version > 10 THEN 10 ELSE s.version END) <> (SELECT COUNT(*) FROM secret_versions v
        WHERE v.secret_id = s.id AND v.sealed IS NOT NULL AND v.version > s.version - 10)
        OR EXISTS (SELECT 1 FROM secret_versions v
            WHERE v.secret_id = s.id AND v.sealed IS NOT NULL AND v.version <= s.version - 10)
UNION ALL SELECT 'the budget of ' || s.id FROM secrets s
    WHERE s.cost <> (SELECT v.cost FROM secret_versions v WHERE v.secret_id = s.id AND v.version = s.version)
UNION ALL SELECT 'the events of versions of ' || s.id FROM secrets s
    WHERE s.version <> (SELECT COUNT(*) FROM audit_events e WHERE e.target_id = s.id
        AND e.action IN ('secret.created', 'secret.version_written'))
UNION ALL SELECT 'the event of the new name of ' || s.id FROM secrets s
    WHERE (s.renamed_at IS NULL) <> NOT EXISTS (SELECT 1 FROM audit_events e WHERE e.target_id = s.id
        AND e.action = 'secret.renamed')
UNION ALL SELECT 'a selection of ' || l.secret_id FROM selections l
    WHERE NOT EXISTS (SELECT 1 FROM audit_events e WHERE e.target_id = l.secret_id
        AND e.action IN ('secret.created', 'secret.version_written', 'secret.edited'))
UNION ALL SELECT 'the record of ' || t.id FROM starts t
    WHERE t.kind = 'run'
        AND 1 <> (SELECT COUNT(*) FROM audit_events e WHERE e.target_id = t.id AND e.action = 'run.started')
UNION ALL SELECT 'the run of the event ' || e.id FROM audit_events e
    WHERE e.action = 'run.started' AND NOT EXISTS (SELECT 1 FROM starts t WHERE t.id = e.target_id)
UNION ALL SELECT 'nobody got the snapshot ' || n.id FROM snapshots n
    WHERE NOT EXISTS (SELECT 1 FROM starts t WHERE t.snapshot_id = n.id)
UNION ALL SELECT 'the events of token ' || c.id FROM credentials c WHERE c.kind <> 'session'
    AND (1 <> (SELECT COUNT(*) FROM audit_events e WHERE e.target_id = c.id AND e.action = 'token.created')
        OR (c.revoked_at IS NULL) <> NOT EXISTS (SELECT 1 FROM audit_events e WHERE e.target_id = c.id
            AND e.action = 'token.revoked'))
UNION ALL SELECT 'the events of ' || d.id FROM
    (SELECT id, deleted_at, 'secret' AS kind FROM secrets UNION ALL SELECT id, deleted_at, 'server' FROM servers
        UNION ALL SELECT id, deleted_at, 'workspace' FROM workspaces) d
    WHERE 1 <> (SELECT COUNT(*) FROM audit_events e WHERE e.target_id = d.id AND e.action = d.kind || '.created')
        OR (d.deleted_at IS NULL) <> NOT EXISTS (SELECT 1 FROM audit_events e WHERE e.target_id = d.id
            AND e.action = d.kind || '.deleted')
UNION ALL SELECT 'the thing of the event ' || e.id FROM audit_events e
    WHERE e.action IN ('secret.created', 'server.created', 'workspace.created', 'token.created')
        AND NOT EXISTS (SELECT 1 FROM (SELECT id FROM secrets UNION ALL SELECT id FROM servers
            UNION ALL SELECT id FROM workspaces UNION ALL SELECT id FROM credentials) x WHERE x.id = e.target_id)
UNION ALL SELECT 'the chain ' || c.id FROM audit_chains c
    WHERE c.events <> (SELECT COUNT(*) FROM audit_events e WHERE e.chain_id = c.id)
        OR c.events <> (SELECT MAX(e.sequence) FROM audit_events e WHERE e.chain_id = c.id)
UNION ALL SELECT 'the number of ' || w.id FROM workspaces w
    WHERE w.number >= (SELECT i.next_workspace_number FROM installation i)";

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_on_sqlite() {
    control_planes_are_killed(Database::Sqlite, "SQLite", count(500));
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_on_postgresql() {
    control_planes_are_killed(Database::Postgres, "PostgreSQL", count(100));
}

fn control_planes_are_killed(database: Database, name: &str, kills: usize) {
    let mut dice = Dice::of(&format!("control planes killed on {name}"));
    let mut tally = Tally::default();
    let mut left = kills;
    while left > 0 {
        let mut house = House::with(Options { database, ..Options::default() });
        let mut writers = ledgers(&house, name);
        for _ in 0..left.min(LIVES) {
            write_until(&mut house, &mut writers, &mut dice, &mut tally, House::crash);
        }
        left -= left.min(LIVES);
    }
    tally.assert_that_much_was_tried();
    report("crash", name, &format!("{kills} kills -9 of the control plane, {tally}"));
}

/// PostgreSQL itself, with all its processes: the control plane lives on and finds it again.
#[test]
fn nothing_acknowledged_is_lost_when_postgresql_is_killed() {
    let kills = count(10).max(2);
    let (mut dice, mut tally) = (Dice::of("PostgreSQL killed"), Tally::default());
    let mut house = House::with(Options { database: Database::OwnPostgres, ..Options::default() });
    let mut writers = ledgers(&house, "a killed PostgreSQL");
    for _ in 0..kills {
        write_until(&mut house, &mut writers, &mut dice, &mut tally, |house| {
            let cluster = house.control_plane.cluster.as_mut().unwrap();
            cluster.kill();
            cluster.start();
            // The control plane was not started anew: it must find by itself that its connections are gone.
            until("the database", || (house.control_plane.readiness()["database"] == "ok").then_some(()));
        });
    }
    tally.assert_that_much_was_tried();
    report("crash", "PostgreSQL", &format!("{kills} kills -9 of PostgreSQL, {tally}"));
}

/// People who write, each of their own things.
pub(crate) fn ledgers(house: &House, name: &str) -> Vec<Ledger> {
    let mut guest = Some(house.member("guest"));
    (0..WRITERS).map(|number| Ledger::new(name, number, guest.take())).collect()
}

/// Lets all write, ends something in the middle of it, and compares what is there with what was acknowledged.
pub(crate) fn write_until(
    house: &mut House,
    writers: &mut [Ledger],
    dice: &mut Dice,
    tally: &mut Tally,
    end: impl FnOnce(&mut House),
) {
    let progress = Progress::default();
    let (enough, moment) = (dice.below(60), Duration::from_micros(dice.below(4_000) as u64));
    let (administrator, owner) = (house.administrator.clone(), house.owner.clone());
    scope(|scope| {
        for writer in writers.iter_mut() {
            scope.spawn(|| writer.write(&administrator, &owner, &progress));
        }
        while progress.sent.load(Ordering::Relaxed) <= enough {
            sleep(Duration::from_micros(100));
        }
        // Any moment between two requests, and in one.
        sleep(moment);
        end(house);
        progress.over.store(true, Ordering::Relaxed);
    });
    // What a killed control plane had sent to PostgreSQL may be committed later still: whoever writes waits for that.
    house.administrator.patch("/organizations/acme", json!({ "name": "Acme" })).expect(200);
    let wish = json!({ "name": "after the end", "access": "read" });
    let made = house.administrator.post("/me/tokens", wish).expect(201).json();
    house.administrator.delete(&format!("/me/tokens/{}", made["id"].as_str().unwrap())).expect(204);

    assert_eq!(house.control_plane.query(CONTRADICTIONS), "");
    let verified = house.administrator.get("/organizations/acme/audit-events/verification").expect(200).json();
    assert_eq!(verified["intact"], true, "{verified:#}");
    let seen = Seen::by(&house.administrator, &house.owner);
    for writer in writers.iter_mut() {
        writer.compare(&seen, tally);
    }
    let values = writers.iter().flat_map(Ledger::environment).collect();
    Seen::assert_environment(&house.owner, &values);
}
