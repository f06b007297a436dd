//! `/organizations/{organization}/events`: hints that something changed, for those who may know of it.

use std::{collections::VecDeque, time::Duration};

use axum::body::BodyDataStream;
use serde_json::{Value, json};
use tokio_stream::StreamExt;

use crate::{
    both,
    store::drift::{runs, server},
    support::{Actor, LAB},
};

const EVENTS: &str = "/organizations/acme/events";

/// What somebody is told, one after the other.
struct Told {
    stream: BodyDataStream,
    rest: String,
    told: VecDeque<String>,
}

impl Told {
    /// Begins to listen; what happens from here on is told.
    async fn to(person: &Actor) -> Self {
        let mut stream = person.stream(EVENTS).await;
        let first = stream.next().await.expect("a beginning").expect("bytes");
        assert!(String::from_utf8_lossy(&first).starts_with(": listening"));
        Self { stream, rest: String::new(), told: VecDeque::new() }
    }

    /// The next event, like `secret 0190…` or `reset`; `None` at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        // A quiet stream says now and then that it is still there: that is nothing.
        let read = tokio::time::timeout(Duration::from_secs(30), self.read());
        read.await.expect("something within half a minute")
    }

    async fn read(&mut self) -> Option<String> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Some(told);
            }
            let bytes = self.stream.next().await?.expect("bytes");
            self.rest.push_str(&String::from_utf8_lossy(&bytes));
            while let Some((event, rest)) = self.rest.split_once("\n\n") {
                self.told.extend(read_event(event));
                self.rest = rest.to_owned();
            }
        }
    }

    /// Whatever is told up to and with the first of this kind and id.
    async fn until(&mut self, wanted: &str) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let next = self.next().await.unwrap_or_else(|| panic!("{wanted} is never told, but {told:?}"));
            let found = next == wanted;
            told.push(next);
            if found {
                return told;
            }
        }
    }
}

fn read_event(event: &str) -> Option<String> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if field("event:") == Some("reset") {
        return Some("reset".to_owned());
    }
    let hint: Value = serde_json::from_str(field("data:")?).expect("JSON");
    assert!(hint["revision"].is_string(), "{hint}");
    Some(format!("{} {}", hint["kind"].as_str().unwrap(), hint["id"].as_str().unwrap()))
}

async fn id(person: &Actor, address: &str) -> String {
    person.get(address).await.expect(200).json()["id"].as_str().unwrap().to_owned()
}

both! {
    async fn whoever_may_know_of_a_change_is_told_and_nobody_else(house) {
        let (mut administrator, mut owner) = (Told::to(&house.administrator).await, Told::to(&house.owner).await);
        let mut member = Told::to(&house.member).await;
        let key = "/organizations/acme/secrets/KEY";
        house.administrator.put(key, json!({ "value": "a value", "workspaces": [] })).await.expect(201);
        house.owner.put(&format!("{LAB}/secrets/TOKEN"), json!({ "value": "a value" })).await.expect(201);
        house.administrator.patch("/organizations/acme", json!({ "name": "Acme Two" })).await.expect(200);
        let organization = format!("organization {}", id(&house.administrator, "/organizations/acme").await);
        let shared = format!("secret {}", id(&house.administrator, key).await);
        let own = format!("secret {}", id(&house.owner, &format!("{LAB}/secrets/TOKEN")).await);
        // Their beginning may be told of what was done just before.
        let of = |told: Vec<String>| told.into_iter().filter(|one| !one.starts_with("workspace ")).collect::<Vec<_>>();
        assert_eq!(of(administrator.until(&organization).await), [shared, own.clone(), organization.clone()]);
        assert_eq!(of(owner.until(&organization).await), [own, organization.clone()]);
        assert_eq!(of(member.until(&organization).await), [organization]);
    }

    async fn an_import_tells_of_each_secret(house) {
        let mut owner = Told::to(&house.owner).await;
        let import = json!({ "format": "env", "content": "A=a-1234567890\nB=b-1234567890", "mode": "fail" });
        house.owner.post(&format!("{LAB}/secret-imports"), import).await.expect(200);
        let mut told = Vec::new();
        while told.iter().filter(|one: &&String| one.starts_with("secret ")).count() < 2 {
            told.extend(owner.next().await);
        }
        for name in ["A", "B"] {
            let secret = format!("secret {}", id(&house.owner, &format!("{LAB}/secrets/{name}")).await);
            assert!(told.contains(&secret), "{told:?}");
        }
    }

    async fn more_changes_at_once_than_are_told_one_by_one_are_told_as_a_reset(house) {
        let import = async |count: u32, value: &str| {
            let lines: String = (0..count).map(|number| format!("KEY_{number}={value}\n")).collect();
            let import = json!({ "format": "env", "content": lines, "mode": "overwrite" });
            house.owner.post(&format!("{LAB}/secret-imports"), import).await.expect(200);
        };
        let mut owner = Told::to(&house.owner).await;
        import(65, "a first value").await;
        assert_eq!(owner.until("reset").await, ["reset"]);
        let web = server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &web).await;
        let mut owner = Told::to(&house.owner).await;
        import(63, "another value").await;
        let told = owner.until("reset").await;
        assert!(told.iter().all(|one| !one.starts_with("secret ")), "with the drift of the workspace it is one too many: {told:?}");
    }

    async fn a_change_that_makes_servers_stale_is_told_to_their_workspace(house) {
        let web = server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &web).await;
        let lab = id(&house.owner, LAB).await;
        let mut collaborator = Told::to(&house.collaborator).await;
        let drift = format!("drift {lab}");
        let key = "/organizations/acme/secrets/KEY";
        house.administrator.put(key, json!({ "value": "a value" })).await.expect(201);
        collaborator.until(&drift).await;
        house.owner.get(&web).await.expect(200);
        house.administrator.put(key, json!({ "value": "the next value", "workspaces": [] })).await.expect(200);
        collaborator.until(&drift).await;
        house.owner.patch(&web, json!({ "variables": { "MODE": "fast" } })).await.expect(200);
        let server = format!("server {}", id(&house.owner, &web).await);
        let told = collaborator.until(&drift).await;
        assert!(told.contains(&server) && told.iter().all(|one| !one.starts_with("secret ")), "{told:?}");
    }

    async fn a_stream_ends_with_the_access_of_whoever_listens(house) {
        let token = house.member.post("/me/tokens", json!({ "name": "made", "access": "read" })).await.expect(201).json();
        let mut listener = Told::to(&house.member.with_token(token["token"].as_str().unwrap())).await;
        let mut other = Told::to(&house.member).await;
        house.member.delete(&format!("/me/tokens/{}", token["id"].as_str().unwrap())).await.expect(204);
        assert_eq!(listener.next().await, None);
        house.administrator.patch("/organizations/acme", json!({ "name": "Acme Two" })).await.expect(200);
        assert!(other.next().await.is_some());
    }

    async fn whoever_comes_back_is_told_to_look_again(house) {
        let mut stream = house.owner.with("last-event-id", "0").stream(EVENTS).await;
        let first = stream.next().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&first).contains("event: reset"));
    }

    async fn a_listener_who_reads_nothing_is_told_that_it_missed_something(house) {
        let mut slow = Told::to(&house.owner).await;
        let mut attentive = Told::to(&house.owner).await;
        for number in 0..40 {
            let secret = format!("{LAB}/secrets/KEY_{number}");
            let written = house.owner.put(&secret, json!({ "value": "a value" })).await.expect(201).json();
            // Told one by one: what comes at once is told in one piece, however many read nothing.
            attentive.until(&format!("secret {}", written["id"].as_str().unwrap())).await;
        }
        let told = slow.until("reset").await.len();
        assert!(told < 40, "{told}");
        house.owner.patch(LAB, json!({ "description": "the last" })).await.expect(200);
        let lab = format!("workspace {}", id(&house.owner, LAB).await);
        slow.until(&lab).await;
    }
}
