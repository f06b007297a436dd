//! Who may do what: every operation of the OpenAPI document by every kind of caller on every kind of target, as
//! `access_matrix/table.txt` says, and nothing changes where it says no.

pub mod cast;
pub mod digest;
pub mod requests;
pub mod table;

use std::collections::{BTreeSet, HashMap};

use cast::Cast;
use digest::{Digester, changed};
use requests::Request;
use table::{CALLERS, Row, Target, rows};

use crate::{
    both, openapi,
    support::{Answer, House},
};

#[test]
fn every_operation_has_its_row_and_every_row_its_operation() {
    let documented: BTreeSet<String> = openapi::operations().iter().map(openapi::Operation::name).collect();
    let rows: Vec<String> = rows().iter().map(Row::name).collect();
    let known: BTreeSet<String> = rows.iter().cloned().collect();
    let missing: Vec<&String> = documented.difference(&known).collect();
    let gone: Vec<&String> = known.difference(&documented).collect();
    assert!(missing.is_empty(), "table.txt has no row for {missing:#?}");
    assert!(gone.is_empty(), "the OpenAPI document has no {gone:#?}");
    assert_eq!(rows.len(), known.len(), "table.txt has a row twice");
}

/// An operation below an organization has a target in the caller's, in another one and in none; one below a workspace
/// also somebody else's.
#[test]
fn every_row_has_every_kind_of_target() {
    for row in rows() {
        let mut needed = Vec::new();
        let addressed = row.addressed();
        if addressed.contains(&"{organization}") {
            needed.extend(["acme", "other", "none"]);
        }
        if addressed.contains(&"{workspace}") && !row.path.contains("/secrets/{name}/workspaces/") {
            needed.extend(["acme/lab", "acme/attic", "acme/none", "other/lab", "none/lab"]);
        }
        for kind in needed {
            let there = row.targets.iter().any(|target| format!("{}/", target.label).starts_with(&format!("{kind}/")));
            assert!(there, "{} has no target {kind}", row.name());
        }
    }
}

both! {
    async fn every_caller_gets_what_the_table_says(house) {
        let mut matrix = Matrix::new(house).await;
        let failures = matrix.run().await;
        assert!(failures.is_empty(), "{} cells are not as table.txt says:\n{}", failures.len(), failures.join("\n"));
        let (operations, callers, asked) = (rows().len(), CALLERS.len(), matrix.asked);
        let done = format!("{operations} operations by {callers} kinds of caller: {asked} requests, 0 unexpected");
        matrix.cast.house.report("access matrix", &done);
    }
}

struct Matrix {
    cast: Cast,
    digester: Digester,
    /// What the database held after the request before.
    last: Option<Vec<String>>,
    documented: HashMap<String, BTreeSet<u16>>,
    failures: Vec<String>,
    asked: usize,
}

impl Matrix {
    async fn new(house: House) -> Self {
        let digester = Digester::open(&house).await;
        let operations = openapi::operations();
        let documented = operations.iter().map(|operation| (operation.name(), operation.statuses())).collect();
        Self { cast: Cast::gather(house).await, digester, last: None, documented, failures: Vec::new(), asked: 0 }
    }

    async fn run(&mut self) -> Vec<String> {
        for row in rows() {
            for column in 0..CALLERS.len() {
                // Who is refused in the same way is told the same, whatever is there.
                let mut refusals: HashMap<(u16, bool), (&str, String)> = HashMap::new();
                for target in &row.targets {
                    let answer = self.ask(&row, target, column).await;
                    let status = answer.status.as_u16();
                    if answer.status.is_success() {
                        continue;
                    }
                    let told = told(&answer);
                    // In an organization with another setting, its members learn of the setting.
                    let kind = (status, target.label == "strict");
                    let (first, before) = refusals.entry(kind).or_insert_with(|| (target.label, told.clone()));
                    if told != *before {
                        let what = format!("told {told}, but of {first} {before}");
                        self.fail(&row, target, column, &what);
                    }
                }
            }
        }
        std::mem::take(&mut self.failures)
    }

    async fn ask(&mut self, row: &Row, target: &Target, column: usize) -> Answer {
        let expected = target.expected[column];
        let succeeds = (200..300).contains(&expected);
        let request = Request::prepare(&mut self.cast, row, target, column).await;
        let before = match self.last.take() {
            Some(digest) if !request.furnished => digest,
            _ => self.digester.now().await,
        };
        let answer = self.cast.caller(column).send(row.method.clone(), &request.address, request.body).await;
        if succeeds && row.path.contains("/{server}/") && row.method != axum::http::Method::GET {
            self.settle(&request.address).await;
        }
        if succeeds && row.path.contains("/restarts") {
            self.digester.restarts_settled().await;
        }
        if succeeds && row.path == "/api/v1/runs" {
            self.digester.runs_settled().await;
        }
        self.asked += 1;
        let status = answer.status.as_u16();
        if status != expected {
            self.fail(row, target, column, &format!("{expected} expected, but {status} came: {}", answer.text));
        }
        if !self.documented.get(&row.name()).is_some_and(|statuses| statuses.contains(&status)) {
            self.fail(row, target, column, &format!("the OpenAPI document does not list {status}"));
        }
        let after = self.digester.now().await;
        let should_change = succeeds && !row.reads();
        if should_change != (before != after) {
            let tables = changed(&before, &after);
            self.fail(row, target, column, &format!("changed the tables: {tables}; should it? {should_change}"));
        }
        self.last = Some(after);
        answer
    }

    /// Waits for what an accepted request still does in the background.
    async fn settle(&self, address: &str) {
        let parts: Vec<&str> = address.split('/').collect();
        if let [_, _, _, _, organization, _, workspace, _, server, ..] = parts[..] {
            self.cast.settled(organization, workspace, server).await;
        }
    }

    fn fail(&mut self, row: &Row, target: &Target, column: usize, what: &str) {
        self.failures.push(format!("{} {} {}: {what}", row.name(), target.label, CALLERS[column]));
    }
}

/// All that an answer says but for the request's own id.
fn told(answer: &Answer) -> String {
    let id = answer.json()["request_id"].as_str().unwrap_or("none was given").to_owned();
    format!("{} {:?} {}", answer.status, answer.headers, answer.text.replace(&id, ""))
}
