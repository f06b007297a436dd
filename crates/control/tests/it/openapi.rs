//! The OpenAPI document: committed, current, and complete.

use std::{collections::BTreeSet, fs};

use serde_json::{Map, Value};

use crate::{both, support::House};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

/// What needs no sign-in.
const PUBLIC: &[&str] = &["POST /api/v1/sessions", "POST /api/v1/setup", "GET /healthz", "GET /readyz"];

/// One operation of the document.
pub struct Operation {
    /// For example `GET`.
    pub method: String,
    /// The path's pattern.
    pub path: String,
    said: Map<String, Value>,
}

impl Operation {
    /// Method and path.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The statuses that it documents.
    pub fn statuses(&self) -> BTreeSet<u16> {
        let responses = self.said["responses"].as_object().expect("responses");
        responses.keys().map(|status| status.parse().expect("a status")).collect()
    }

    fn list(&self, key: &str) -> &[Value] {
        self.said.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn needs_no_sign_in(&self) -> bool {
        self.list("security").iter().any(|way| way.as_object().is_some_and(Map::is_empty))
    }
}

/// Every operation, in the document's order.
pub fn operations() -> Vec<Operation> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("a path item").iter();
        methods.map(|(method, said)| Operation {
            method: method.to_uppercase(),
            path: path.clone(),
            said: said.as_object().expect("an operation").clone(),
        })
    });
    all.collect()
}

fn document() -> Value {
    serde_json::to_value(control::api::openapi()).expect("JSON")
}

#[test]
fn the_committed_document_is_the_code_s() {
    let current = control::api::openapi().to_pretty_json().expect("JSON") + "\n";
    if std::env::var_os("VESTRY_UPDATE_OPENAPI").is_some() {
        fs::write(COMMITTED, &current).expect("the repository can be written to");
    }
    let committed = fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        committed == current,
        "docs/openapi.json is not what the code says. Look at what changed, and write it anew with\n  \
         VESTRY_UPDATE_OPENAPI=1 cargo test -p control --test it openapi"
    );
}

#[test]
fn every_operation_says_what_it_does_under_its_noun() {
    let mut ids = BTreeSet::new();
    for operation in operations() {
        let name = operation.name();
        assert!(operation.said["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{name}");
        assert_eq!(operation.list("tags").len(), 1, "{name}");
        let id = operation.said["operationId"].as_str().expect("an operation's id");
        assert!(ids.insert(id.to_owned()), "{name}: {id} is another operation's id too");
    }
}

#[test]
fn every_operation_but_four_needs_a_sign_in_and_says_so() {
    let document = document();
    let ways: Vec<_> = document["security"].as_array().expect("ways to sign in").iter().collect();
    assert_eq!(ways, [&serde_json::json!({ "token": [] }), &serde_json::json!({ "session": [] })]);
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["token"]["type"], "http");
    assert_eq!(schemes["token"]["scheme"], "bearer");
    assert_eq!(schemes["session"]["type"], "apiKey");
    assert_eq!(schemes["session"]["in"], "cookie");
    assert_eq!(schemes["session"]["name"], "vestry_session");

    let operations = operations();
    let open: Vec<String> = operations.iter().filter(|o| o.needs_no_sign_in()).map(Operation::name).collect();
    assert_eq!(open, PUBLIC);
    for operation in operations.iter().filter(|operation| !operation.needs_no_sign_in()) {
        assert!(operation.statuses().contains(&401), "{}", operation.name());
        assert!(operation.list("security").is_empty(), "{}: only the document's own ways", operation.name());
    }
}

#[test]
fn every_operation_lists_the_problems_that_follow_from_its_form() {
    for operation in operations() {
        let (name, statuses) = (operation.name(), operation.statuses());
        let writes = operation.method != "GET";
        let has = |place: &str| operation.list("parameters").iter().any(|p| p["in"] == place);
        let must = |status: u16, why: &str, holds: bool| {
            assert!(!holds || statuses.contains(&status), "{name} {why}: so it can answer {status}");
        };
        must(403, "changes something", writes);
        must(404, "addresses something", has("path"));
        must(422, "reads a query", has("query"));
        must(413, "reads a body", operation.said.contains_key("requestBody"));
        must(422, "reads a body", operation.said.contains_key("requestBody"));
        assert!(statuses.iter().any(|status| (200..300).contains(status)), "{name} has a success");
    }
}

#[test]
fn every_problem_is_one_of_the_document_s_own() {
    let document = document();
    let responses = document["components"]["responses"].as_object().expect("problems");
    for (name, response) in responses {
        let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/Problem", "{name}");
    }
    for operation in operations().iter().filter(|operation| operation.path.starts_with("/api/")) {
        for (status, response) in operation.said["responses"].as_object().expect("responses") {
            let refers = response["$ref"].as_str().and_then(|place| place.strip_prefix("#/components/responses/"));
            let known = refers.is_some_and(|name| responses.contains_key(name));
            let refuses = !status.starts_with('2') && status != "304";
            assert_eq!(known, refuses, "{} {status}", operation.name());
        }
    }
}

#[test]
fn every_parameter_says_what_it_is() {
    for operation in operations() {
        for parameter in operation.list("parameters") {
            let said = parameter["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(said, "{}: {}", operation.name(), parameter["name"]);
        }
        let in_path = operation.list("parameters").iter().filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(in_path, operation.path.matches('{').count(), "{}", operation.name());
    }
}

#[test]
fn every_reference_leads_to_something() {
    fn follow(document: &Value, part: &Value) {
        if let Some(place) = part.get("$ref").and_then(Value::as_str) {
            let pointer = place.strip_prefix('#').expect("a place in the document");
            assert!(document.pointer(pointer).is_some(), "{place}");
        }
        match part {
            Value::Object(fields) => fields.values().for_each(|field| follow(document, field)),
            Value::Array(items) => items.iter().for_each(|item| follow(document, item)),
            _ => {}
        }
    }
    let document = document();
    follow(&document, &document);
}

both! {
    async fn the_served_document_is_the_committed_one(house) {
        let House { anonymous, .. } = &house;
        let served = anonymous.get("/api/v1/openapi.json").await.expect(200);
        assert_eq!(served.headers["content-type"], "application/json");
        assert_eq!(served.json(), document());
    }
}
