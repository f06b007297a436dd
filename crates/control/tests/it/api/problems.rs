//! What errors say, and what they never repeat.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    both,
    support::{Answer, House, LAB},
};

const SECRET: &str = "/organizations/acme/secrets/HF_TOKEN";

/// Every address that takes a body, with one that fits, sent by somebody who may.
fn bodies(house: &House) -> Vec<(&crate::support::Actor, Method, String, Value)> {
    let lab = |rest: &str| format!("{LAB}{rest}");
    let (admin, owner) = (&house.administrator, &house.owner);
    let server = json!({ "name": "Other", "command": ["x"] });
    let user = json!({ "user": house.owner.email });
    vec![
        (admin, Method::PATCH, "/organizations/acme".to_owned(), json!({})),
        (
            admin,
            Method::PATCH,
            format!("/organizations/acme/members/{}", house.member.email),
            json!({ "role": "member" }),
        ),
        (admin, Method::PUT, SECRET.to_owned(), json!({ "value": "x" })),
        (admin, Method::PATCH, SECRET.to_owned(), json!({})),
        (owner, Method::POST, "/organizations/acme/workspaces".to_owned(), json!({ "name": "Other" })),
        (owner, Method::PATCH, lab(""), json!({})),
        (owner, Method::PUT, lab("/owner"), user),
        (owner, Method::PUT, lab("/secrets/API_KEY"), json!({ "value": "x" })),
        (owner, Method::PATCH, lab("/secrets/API_KEY"), json!({})),
        (owner, Method::POST, lab("/servers"), server),
        (owner, Method::PATCH, lab("/servers/notebook"), json!({})),
        (owner, Method::POST, "/me/tokens".to_owned(), json!({ "name": "x", "access": "read" })),
        (&house.anonymous, Method::POST, "/sessions".to_owned(), json!({ "email": "a@b", "password": "x" })),
    ]
}

async fn prepare(house: &House) {
    house.administrator.put(SECRET, json!({ "value": "hf-1234567890" })).await.expect(201);
    house.owner.put(&format!("{LAB}/secrets/API_KEY"), json!({ "value": "k-1234567890" })).await.expect(201);
    house.owner.post(&format!("{LAB}/servers"), json!({ "name": "Notebook", "command": ["x"] })).await.expect(201);
}

fn is_problem(answer: &Answer, code: &str) {
    let body = answer.json();
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.text);
    assert_eq!((&body["status"], &body["code"]), (&json!(answer.status.as_u16()), &json!(code)));
    for field in ["type", "title", "detail", "request_id"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{field}");
    }
    assert_eq!(body["errors"].is_array(), code == "invalid");
}

both! {
    async fn every_error_is_a_problem_with_a_stable_code(house) {
        let value = json!({ "value": "hf-1234567890" });
        is_problem(&house.anonymous.get("/me").await.expect(401), "unauthenticated");
        is_problem(&house.member.put(SECRET, value.clone()).await.expect(403), "forbidden");
        is_problem(&house.administrator.get(SECRET).await.expect(404), "not_found");
        is_problem(&house.administrator.put(SECRET, json!({ "value": "" })).await.expect(422), "invalid");
        is_problem(&house.administrator.with("if-match", "\"x\"").put(SECRET, value).await.expect(412), "version_mismatch");
        is_problem(&house.administrator.put(SECRET, json!({ "value": "x".repeat(600_000) })).await.expect(413),
            "payload_too_large");
        is_problem(&house.anonymous.get("/nowhere").await.expect(404), "not_found");
        let first = house.anonymous.get("/me").await.json()["request_id"].clone();
        assert_ne!(house.anonymous.get("/me").await.json()["request_id"], first);
    }

    async fn an_unknown_field_is_refused_everywhere_and_nothing_is_written(house) {
        prepare(&house).await;
        let verification = "/organizations/acme/audit-events/verification";
        let before = house.administrator.get(verification).await.json();
        for (person, method, path, fitting) in bodies(&house) {
            let mut body = fitting.clone();
            body["hunter2"] = json!("hunter3");
            let answer = person.send(method.clone(), &path, Some(body.to_string())).await.expect_refused("body", "json");
            assert!(!answer.text.contains("hunter"), "{path}: {}", answer.text);
        }
        assert_eq!(house.administrator.get(verification).await.json(), before);
    }

    async fn a_body_that_is_not_json_is_refused_without_repeating_it(house) {
        prepare(&house).await;
        for (person, method, path, _) in bodies(&house) {
            for body in
                ["", "hunter2", "{\"value\": \"hunter2", "[\"hunter2\"]", "\"hunter2\"", "null", "{\"hunter2\": {}}"]
            {
                let answer = person.send(method.clone(), &path, Some(body.to_owned())).await;
                let answer = answer.expect_refused("body", "json");
                assert!(!answer.text.contains("hunter2"), "{path}: {}", answer.text);
            }
        }
    }

    async fn no_error_repeats_the_path(house) {
        for path in [
            "/hunter2", "/organizations/hunter2", "/organizations/acme/hunter2", "/organizations/acme/secrets/hunter2",
            "/organizations/acme/workspaces/hunter2/secrets/hunter2", "/organizations/acme/members/hunter2",
            "/me/tokens/hunter2", "/sessions/hunter2", "/organizations/acme/secrets/hunter2!",
            "/organizations/acme/workspaces/lab/servers/hunter2/logs", "/organizations/acme/workspaces/lab?hunter2=hunter2",
        ] {
            for method in [Method::GET, Method::PUT, Method::PATCH, Method::POST, Method::DELETE] {
                let answer = house.administrator.send(method.clone(), path, Some("{}".to_owned())).await;
                let fine = answer.status.is_success();
                assert!(fine || !answer.text.contains("hunter2"), "{method} {path}: {}", answer.text);
            }
        }
    }

    async fn an_address_or_a_text_with_a_nul_is_answered_like_any_other_unknown_one(house) {
        prepare(&house).await;
        for path in ["/organizations/a%00", "/organizations/acme/secrets/A%00", "/organizations/acme/members/%00",
            "/organizations/acme/workspaces/%00", "/organizations/acme/workspaces/lab/servers/%00", "/me/tokens/%00",
            "/sessions/%00", "/organizations/acme/workspaces/lab/secrets/%00", "/organizations/acme/secrets/%ff"]
        {
            for method in [Method::GET, Method::PATCH, Method::DELETE] {
                let answer = house.administrator.send(method.clone(), path, Some("{}".to_owned())).await;
                assert!([404, 405].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.text);
                assert_eq!(answer.code(), "not_found");
            }
        }
        let collaborator = format!("{LAB}/collaborators/%00");
        house.owner.put(&collaborator, json!({})).await.expect(404);
        house.owner.put(&format!("{LAB}/owner"), json!({ "user": "\0" })).await.expect_refused("user", "not_a_member");
        let selection = json!({ "workspaces": ["\0"] });
        house.administrator.patch(SECRET, selection).await.expect_refused("workspaces", "workspace_unknown");
        let sign_in = json!({ "email": "\0@acme.test", "password": "\0" });
        house.anonymous.post("/sessions", sign_in).await.expect(401);
    }

    async fn no_answer_ever_holds_a_value(house) {
        let marks = ["hunter2-canary", "aHVudGVyMi1jYW5hcn", "68756e746572322d63616e617279"];
        let value = json!({ "value": "hunter2-canary" });
        let own = format!("{LAB}/secrets/API_KEY");
        house.owner.post(&format!("{LAB}/servers"), json!({ "name": "Notebook", "command": ["x"] })).await.expect(201);
        let writers = [(&house.administrator, SECRET), (&house.owner, own.as_str())];
        let mut answers = Vec::new();
        for (person, path) in writers {
            answers.push(person.put(path, value.clone()).await.expect(201));
            answers.push(person.put(path, value.clone()).await.expect(200));
            answers.push(person.with("if-none-match", "*").put(path, value.clone()).await.expect(409));
            answers.push(person.with("if-match", "\"x\"").put(path, value.clone()).await.expect(412));
            answers.push(person.put(path, json!({ "value": "hunter2-canary\0" })).await.expect(422));
            answers.push(person.put(path, json!({ "value": "hunter2-canary", "workspaces": ["hunter2-canary"] })).await);
            answers.push(person.put(path, json!({ "value": "hunter2-canary", "access": "hunter2-canary" })).await);
            answers.push(person.patch(path, json!({ "value": "hunter2-canary" })).await.expect(422));
            answers.push(person.patch(path, json!({ "name": "RENAMED" })).await.expect(200));
        }
        answers.push(house.member.put(SECRET, value.clone()).await.expect(403));
        answers.push(house.anonymous.put(SECRET, value).await.expect(401));
        answers.push(house.owner.post(&format!("{LAB}/servers/notebook/start"), json!({})).await.expect(202));
        for person in [&house.administrator, &house.owner, &house.collaborator] {
            for path in ["/organizations/acme/secrets", "/organizations/acme/secrets/RENAMED",
                "/organizations/acme/workspaces/lab/secrets", "/organizations/acme/workspaces/lab/secrets/RENAMED",
                "/organizations/acme/workspaces/lab/explanations/RENAMED", "/organizations/acme/audit-events?limit=200",
                "/organizations/acme/workspaces/lab/servers/notebook/starts",
                "/organizations/acme/workspaces/lab/servers/notebook/logs"]
            {
                answers.push(person.get(path).await);
            }
        }
        for answer in answers {
            let whole = format!("{:?} {}", answer.headers, answer.text);
            assert!(marks.iter().all(|mark| !whole.contains(mark)), "{whole}");
        }
    }
}
