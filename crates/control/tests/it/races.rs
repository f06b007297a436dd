//! What many do at once: nothing is lost, nothing happens twice, and a revocation holds from its answer on.

use std::{future::poll_fn, pin::pin, task::Poll};

use assurance::{Dice, count};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    both,
    store::sql::{Sql, eventually},
    support::{Actor, Answer, House, LAB, PASSWORD},
};

const SECRETS: &str = "/organizations/acme/secrets";
const NOTEBOOK: &str = "/organizations/acme/workspaces/lab/servers/notebook";

/// How many of the answers have each status.
fn of_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status.as_u16() == status).count()
}

async fn all_at_once(people: impl Iterator<Item = Actor>, ask: impl AsyncAsk) -> Vec<Answer> {
    let mut asked = JoinSet::new();
    for (number, person) in people.enumerate() {
        asked.spawn(ask.ask(number, person));
    }
    asked.join_all().await
}

/// A request that one of many sends.
trait AsyncAsk {
    fn ask(&self, number: usize, person: Actor) -> impl Future<Output = Answer> + Send + 'static;
}

impl<F, R> AsyncAsk for F
where
    F: Fn(usize, Actor) -> R,
    R: Future<Output = Answer> + Send + 'static,
{
    fn ask(&self, number: usize, person: Actor) -> impl Future<Output = Answer> + Send + 'static {
        self(number, person)
    }
}

async fn furnish(house: &House) {
    house
        .administrator
        .put(&format!("{SECRETS}/SHARED"), json!({ "value": "v", "workspaces": ["lab"] }))
        .await
        .expect(201);
    house.owner.post(&format!("{LAB}/servers"), json!({ "name": "Notebook", "command": ["true"] })).await.expect(201);
}

/// Waits until the last start of the notebook is settled.
async fn settled(person: &Actor) -> Value {
    eventually("the end of a start", async || {
        let server = person.get(NOTEBOOK).await.expect(200).json();
        (server["status"] != "starting").then_some(server)
    })
    .await
}

/// Waits for an answer until it has been asked for so many times, then hangs up.
async fn until_hung_up<T>(mut polls: usize, asking: impl Future<Output = T>) -> Option<T> {
    let mut asking = pin!(asking);
    poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        asking.as_mut().poll(context).map(Some)
    })
    .await
}

both! {
    async fn of_writers_with_the_same_revision_exactly_one_wins(house) {
        const WRITERS: usize = 10;
        let mut writes = 0;
        for (place, person) in [(SECRETS.to_owned(), &house.administrator), (format!("{LAB}/secrets"), &house.owner)] {
            let path = format!("{place}/CONTESTED");
            let mut etag = person.put(&path, json!({ "value": "the first" })).await.expect(201).etag();
            for round in 0..count(2_000).div_ceil(WRITERS) {
                let expecting = person.with("if-match", &etag);
                writes += WRITERS;
                let path = path.clone();
                let answers = all_at_once(std::iter::repeat_n(expecting, WRITERS), |number, person: Actor| {
                    let path = path.clone();
                    async move {
                        match number % 3 {
                            0 => person.patch(&path, json!({ "description": format!("writer {number}") })).await,
                            _ => person.put(&path, json!({ "value": format!("writer {number}") })).await,
                        }
                    }
                }).await;
                assert_eq!((of_status(&answers, 200), of_status(&answers, 412)), (1, WRITERS - 1), "round {round}");
                let won = answers.into_iter().find(|answer| answer.status == 200).unwrap();
                let now = person.get(&path).await.expect(200);
                assert_eq!(now.etag(), won.etag());
                assert_ne!(now.etag(), etag);
                etag = now.etag();
            }
            let deleting = person.with("if-match", &etag);
            let answers = all_at_once(std::iter::repeat_n(deleting, WRITERS), |_, person: Actor| {
                let path = path.clone();
                async move { person.delete(&path).await }
            }).await;
            assert_eq!(of_status(&answers, 204), 1);
        }
        let verified = house.administrator.get("/organizations/acme/audit-events/verification").await.json();
        assert_eq!(verified["intact"], true);
        let done = format!("{writes} writes, {WRITERS} at a time with one revision: one of each {WRITERS} wrote, 0 lost");
        house.report("races", &done);
    }

    async fn of_creators_of_one_name_exactly_one_wins(house) {
        const CREATORS: usize = 8;
        for round in 0..count(200) {
            let path = format!("{SECRETS}/NEW_{round}");
            let creator = house.administrator.with("if-none-match", "*");
            let answers = all_at_once(std::iter::repeat_n(creator, CREATORS), |_, person: Actor| {
                let path = path.clone();
                async move { person.put(&path, json!({ "value": "twelve bytes" })).await }
            }).await;
            assert_eq!((of_status(&answers, 201), of_status(&answers, 409)), (1, CREATORS - 1));
            let answers = all_at_once(std::iter::repeat_n(house.owner.clone(), CREATORS), |_, person: Actor| async move {
                person.post("/organizations/acme/workspaces", json!({ "name": format!("Room {round}") })).await
            }).await;
            assert_eq!((of_status(&answers, 201), of_status(&answers, 409)), (1, CREATORS - 1));
        }
        let versions = Sql::open(&house).await.numbers("SELECT COUNT(*) FROM secret_versions GROUP BY secret_id").await;
        assert!(versions.iter().all(|number| *number == 1));
    }

    async fn an_organization_keeps_an_administrator_whoever_demotes_whom(house) {
        let path = |person: &Actor| format!("/organizations/acme/members/{}", person.email);
        let (one, two) = (&house.administrator, &house.owner);
        one.patch(&path(two), json!({ "role": "administrator" })).await.expect(200);
        for round in 0..count(200) {
            let crosswise = round % 2 == 0;
            let targets: [String; 2] = if crosswise { [path(two), path(one)] } else { [path(one), path(two)] };
            let answers = all_at_once([one.clone(), two.clone()].into_iter(), |number: usize, person: Actor| {
                let path = targets[number].clone();
                async move { person.patch(&path, json!({ "role": "member" })).await }
            }).await;
            // Crosswise, the second is no administrator any more; each for themselves, the second is the last.
            let refused = if crosswise { 403 } else { 409 };
            assert_eq!((of_status(&answers, 200), of_status(&answers, refused)), (1, 1), "round {round}");
            let members = one.get("/organizations/acme/members").await.expect(200).json();
            let left: Vec<_> = members["items"].as_array().unwrap().iter().filter(|m| m["role"] == "administrator").collect();
            assert_eq!(left.len(), 1);
            let (kept, demoted) = if left[0]["email"] == one.email.as_str() { (one, two) } else { (two, one) };
            kept.patch(&path(demoted), json!({ "role": "administrator" })).await.expect(200);
        }
    }

    async fn a_setup_code_sets_up_once(house) {
        // The house is set up: put its database back to the moment before.
        let code = "A".repeat(43);
        let hash = control::app::token::hash(&code);
        let mut sql = Sql::open(&house).await;
        for round in 0..count(60) {
            sql.write_bytes("UPDATE installation SET setup_code_hash = $1", &hash).await;
            // Who is late counts as having failed, and after a hundred of them nobody's code is looked at.
            sql.execute("DELETE FROM attempts").await;
            let answers = all_at_once(std::iter::repeat_n(house.anonymous.clone(), 5), |number, person: Actor| {
                let wish = json!({
                    "setup_code": code, "email": format!("first-{round}-{number}@acme.test"), "name": "First",
                    "password": PASSWORD, "organization": { "name": format!("New {round} {number}") },
                });
                async move { person.post("/setup", wish).await }
            }).await;
            assert_eq!((of_status(&answers, 201), of_status(&answers, 409)), (1, 4));
        }
        let rounds = i64::try_from(count(60)).unwrap();
        assert_eq!(sql.number("SELECT COUNT(*) FROM organizations").await, 2 + rounds);
        assert_eq!(sql.number("SELECT COUNT(*) FROM users").await, 5 + rounds);
    }

    async fn of_those_who_start_one_server_exactly_one_does(house) {
        const STARTERS: usize = 8;
        furnish(&house).await;
        let mut sql = Sql::open(&house).await;
        for round in 1..=count(200) {
            let people = [house.owner.clone(), house.collaborator.clone()].into_iter().cycle().take(STARTERS);
            let answers = all_at_once(people, |_, person: Actor| async move {
                person.post(&format!("{NOTEBOOK}/start"), json!({})).await
            }).await;
            // A start that has failed already may be followed by another: as many records as promises.
            let promised = of_status(&answers, 202);
            assert!(promised >= 1);
            assert_eq!(promised + of_status(&answers, 409), STARTERS);
            assert_eq!(settled(&house.owner).await["status"], "failed");
            let records = sql.number("SELECT COUNT(*) FROM starts").await;
            assert_eq!(usize::try_from(records).unwrap(), promised, "round {round}");
            assert_eq!(sql.number("SELECT COUNT(*) FROM starts WHERE outcome <> 'failed'").await, 0);
            sql.execute("DELETE FROM starts").await;
        }
    }

    async fn a_start_that_is_on_its_way_is_not_started_again(house) {
        furnish(&house).await;
        let mut sql = Sql::open(&house).await;
        sql.execute("UPDATE servers SET status = 'starting'").await;
        let answers = all_at_once(std::iter::repeat_n(house.owner.clone(), 8), |_, person: Actor| async move {
            person.post(&format!("{NOTEBOOK}/start"), json!({})).await
        }).await;
        assert_eq!(of_status(&answers, 409), 8);
        assert_eq!(sql.number("SELECT COUNT(*) FROM starts").await, 0);
    }

    async fn a_deselected_secret_is_in_no_start_after_the_answer(house) {
        furnish(&house).await;
        let selection = format!("{SECRETS}/SHARED/workspaces/lab");
        let mut dice = Dice::of("a_deselected_secret_is_in_no_start_after_the_answer");
        let mut with_it = 0;
        let rounds = count(1_000);
        for round in 0..rounds {
            house.administrator.put(&selection, json!({})).await.expect(200);
            let (early, starter) = (house.owner.clone(), house.collaborator.clone());
            let early = tokio::spawn(async move { early.post(&format!("{NOTEBOOK}/start"), json!({})).await });
            let (administrator, path) = (house.administrator.clone(), selection.clone());
            for _ in 0..dice.below(40) {
                tokio::task::yield_now().await;
            }
            let late = tokio::spawn(async move {
                match round % 3 {
                    0 => administrator.delete(&path).await.expect(200),
                    1 => administrator.patch(&format!("{SECRETS}/SHARED"), json!({ "workspaces": [] })).await.expect(200),
                    _ => administrator.delete(&format!("{SECRETS}/SHARED")).await.expect(204),
                };
                loop {
                    let begun = starter.post(&format!("{NOTEBOOK}/start"), json!({})).await;
                    if begun.status == StatusCode::ACCEPTED {
                        return;
                    }
                    assert_eq!(begun.status, StatusCode::CONFLICT);
                    tokio::task::yield_now().await;
                }
            });
            let early = early.await.unwrap();
            late.await.unwrap();
            settled(&house.owner).await;
            let records = house.owner.get(&format!("{NOTEBOOK}/starts?limit=2")).await.expect(200).json();
            assert_eq!(records["items"][0]["injected"], json!([]), "round {round}: asked for after the answer");
            if early.status == StatusCode::ACCEPTED && records["items"][1]["injected"] != json!([]) {
                with_it += 1;
            }
            if round % 3 == 2 {
                let anew = json!({ "value": "v", "workspaces": ["lab"] });
                house.administrator.put(&format!("{SECRETS}/SHARED"), anew).await.expect(201);
            }
        }
        assert!(with_it > 0, "no start came before the answer: the race was none");
        let done = format!("{rounds} secrets taken away from a workspace whose server starts twice: {with_it} starts got it in time, 0 later");
        house.report("races", &done);
    }

    async fn a_collaborator_who_lost_access_starts_nothing_after_the_answer(house) {
        furnish(&house).await;
        let access = format!("{LAB}/collaborators/{}", house.collaborator.email);
        let mut dice = Dice::of("a_collaborator_who_lost_access_starts_nothing_after_the_answer");
        let mut sql = Sql::open(&house).await;
        let mut begun = 0;
        let rounds = count(1_000);
        for round in 0..rounds {
            house.owner.put(&access, json!({})).await.expect(204);
            let mut starters = JoinSet::new();
            for _ in 0..3 {
                let person = house.collaborator.clone();
                starters.spawn(async move { person.post(&format!("{NOTEBOOK}/start"), json!({})).await });
            }
            for _ in 0..dice.below(40) {
                tokio::task::yield_now().await;
            }
            house.owner.delete(&access).await.expect(204);
            let committed = sql.number("SELECT COUNT(*) FROM starts").await;
            let person = house.collaborator.clone();
            person.post(&format!("{NOTEBOOK}/start"), json!({})).await.expect(404);
            let answers = starters.join_all().await;
            let known = of_status(&answers, 202) + of_status(&answers, 409) + of_status(&answers, 404);
            assert_eq!(known, 3, "round {round}");
            assert_eq!(sql.number("SELECT COUNT(*) FROM starts").await, committed, "round {round}");
            begun += of_status(&answers, 202);
            settled(&house.owner).await;
        }
        assert!(begun > 0, "no start came before the answer: the race was none");
        assert_eq!(usize::try_from(sql.number("SELECT COUNT(*) FROM starts").await).unwrap(), begun);
        let done = format!("{rounds} collaborators removed while they start a server: {begun} starts in time, 0 later");
        house.report("races", &done);
    }

    async fn what_was_revoked_is_in_no_run_after_the_answer(house) {
        furnish(&house).await;
        let (selection, tokens) = (format!("{SECRETS}/SHARED/workspaces/lab"), format!("{LAB}/tokens"));
        let access = format!("{LAB}/collaborators/{}", house.collaborator.email);
        let with_shared = "SELECT COUNT(*) FROM starts r JOIN snapshot_secrets s ON s.snapshot_id = r.snapshot_id \
            WHERE s.name = 'SHARED'".to_owned();
        let of_collaborator = format!("SELECT COUNT(*) FROM starts r JOIN users u ON u.id = r.started_by \
            WHERE u.email = '{}'", house.collaborator.email);
        let of_tokens = "SELECT COUNT(*) FROM starts WHERE credential_id IS NOT NULL".to_owned();
        let run = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
        let mut dice = Dice::of("what_was_revoked_is_in_no_run_after_the_answer");
        let mut sql = Sql::open(&house).await;
        let rounds = count(1_000);
        // How many runs got it after all, by what was revoked.
        let mut begun = [0; 3];
        for round in 0..rounds {
            // Who runs, what is taken away by whom, which records must not become more then, what a later run is told.
            let (runner, (revoker, revoked), records, later) = match round % 3 {
                0 => {
                    house.administrator.put(&selection, json!({})).await.expect(200);
                    (house.owner.clone(), (&house.administrator, selection.clone()), &with_shared, 201)
                }
                1 => {
                    house.owner.put(&access, json!({})).await.expect(204);
                    (house.collaborator.clone(), (&house.owner, access.clone()), &of_collaborator, 404)
                }
                _ => {
                    let made = house.owner.post(&tokens, json!({ "name": "robot" })).await.expect(201).json();
                    let robot = house.anonymous.with_token(made["token"].as_str().unwrap());
                    (robot, (&house.owner, format!("{tokens}/{}", made["id"].as_str().unwrap())), &of_tokens, 401)
                }
            };
            let mut runners = JoinSet::new();
            for _ in 0..3 {
                let (runner, run) = (runner.clone(), run.clone());
                runners.spawn(async move { runner.post("/runs", run).await });
            }
            for _ in 0..dice.below(40) {
                tokio::task::yield_now().await;
            }
            assert!(revoker.delete(&revoked).await.status.is_success());
            let committed = sql.number(records).await;
            let late = runner.post("/runs", run.clone()).await.expect(later);
            assert!(!late.text.contains("SHARED"), "round {round}");
            let answers = runners.join_all().await;
            assert!(answers.iter().all(|answer| [201, later].contains(&answer.status.as_u16())), "round {round}");
            let got_it = |answer: &&Answer| answer.status == 201 && (later != 201 || answer.text.contains("SHARED"));
            begun[round % 3] += i64::try_from(answers.iter().filter(got_it).count()).unwrap();
            assert_eq!(sql.number(records).await, committed, "round {round}: on record after the answer");
            assert_eq!(committed, begun[round % 3], "round {round}: each that got it is on record");
        }
        assert!(begun.iter().all(|begun| *begun > 0), "no run came before the answer: the race was none: {begun:?}");
        let done = format!("{rounds} revocations against {} runs, {} of them in time: 0 later", 4 * rounds, begun.iter().sum::<i64>());
        house.report("races", &done);
    }

    async fn whoever_hangs_up_leaves_no_server_between_two_states(house) {
        furnish(&house).await;
        let mut sql = Sql::open(&house).await;
        house.owner.post(&format!("{NOTEBOOK}/start"), json!({})).await.expect(202);
        settled(&house.owner).await;
        let start = sql.text("SELECT id FROM starts").await;
        for (action, before) in [("start", "stopped"), ("restart", "running")] {
            let (mut answered, mut hung_up) = (0, 0);
            for polls in (0..60).chain(1_000..1_001) {
                let held = if before == "running" { format!("'{start}'") } else { "NULL".to_owned() };
                sql.execute(&format!("UPDATE servers SET status = '{before}', start_id = {held}")).await;
                let path = format!("{NOTEBOOK}/{action}");
                match until_hung_up(polls, house.owner.post(&path, json!({}))).await {
                    Some(answer) => {
                        // The turn of the start before may still be somebody's.
                        assert!([202, 409].contains(&answer.status.as_u16()), "{}", answer.text);
                        answered += 1;
                    }
                    None => hung_up += 1,
                }
                eventually("a server at rest", async || {
                    let resting = "SELECT COUNT(*) FROM servers WHERE status IN ('stopped', 'failed', 'running')";
                    let pending = "SELECT COUNT(*) FROM starts WHERE outcome = 'pending'";
                    (sql.number(resting).await == 1 && sql.number(pending).await == 0).then_some(())
                }).await;
            }
            assert!(answered > 0 && hung_up > 0, "{action}: {answered} answered, {hung_up} hung up");
        }
    }

    async fn nobody_is_signed_in_with_the_old_password_after_the_answer(house) {
        let mut dice = Dice::of("nobody_is_signed_in_with_the_old_password_after_the_answer");
        let people = [&house.administrator, &house.owner, &house.collaborator, &house.member, &house.foreigner];
        let passwords = [PASSWORD, "another password"];
        let cookie = |answer: &Answer| {
            let cookie = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
            house.anonymous.with("cookie", &cookie).with("sec-fetch-site", "same-origin")
        };
        let pair = |person: &Actor, password| json!({ "email": person.email, "password": password });
        let mut opened = 0;
        for person in people {
            let first = house.anonymous.post("/sessions", pair(person, PASSWORD)).await.expect(201);
            let page = cookie(&first);
            // Each may be refused, and an account's tenth refusal would end the race.
            for round in 0..8 {
                let (old, new) = (passwords[round % 2], passwords[(round + 1) % 2]);
                let (somebody, body) = (house.anonymous.clone(), pair(person, old));
                let signing_in = tokio::spawn(async move { somebody.post("/sessions", body).await });
                for _ in 0..dice.below(40) {
                    tokio::task::yield_now().await;
                }
                page.put("/me/password", json!({ "current": old, "new": new })).await.expect(204);
                let answer = signing_in.await.unwrap();
                if answer.status == StatusCode::CREATED {
                    cookie(&answer).get("/me").await.expect(401);
                    opened += 1;
                }
            }
        }
        house.report("races", &format!("40 passwords changed while somebody signs in with the old one, {opened} in time: 0 stayed signed in"));
    }

    async fn a_revoked_token_does_nothing_after_the_answer(house) {
        let mut dice = Dice::of("a_revoked_token_does_nothing_after_the_answer");
        let rounds = count(200);
        for round in 0..rounds {
            let wish = json!({ "name": "short-lived", "access": "full", "organization_secrets": true });
            let made = house.administrator.post("/me/tokens", wish).await.expect(201).json();
            let person = house.administrator.with_token(made["token"].as_str().unwrap());
            let path = format!("{SECRETS}/CONTESTED_{round}");
            let mut writers = JoinSet::new();
            for _ in 0..3 {
                let (person, path) = (person.clone(), path.clone());
                writers.spawn(async move { person.put(&path, json!({ "value": "twelve bytes" })).await });
            }
            for _ in 0..dice.below(40) {
                tokio::task::yield_now().await;
            }
            house.administrator.delete(&format!("/me/tokens/{}", made["id"].as_str().unwrap())).await.expect(204);
            let known = house.administrator.get(&path).await;
            person.put(&path, json!({ "value": "twelve bytes" })).await.expect(401);
            let answers = writers.join_all().await;
            assert_eq!(of_status(&answers, 201) + of_status(&answers, 200) + of_status(&answers, 401), 3);
            let after = house.administrator.get(&path).await;
            let tag = |answer: &Answer| answer.headers.get("etag").cloned();
            assert_eq!(tag(&known), tag(&after), "round {round}: written after the revocation was acknowledged");
        }
        house.report("races", &format!("{rounds} tokens revoked while 3 requests show each: 0 wrote later"));
    }
}
