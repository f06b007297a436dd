//! Setting an installation up: `/setup`.

use serde_json::{Value, json};

use crate::{
    both,
    support::{Actor, Database, ROOT_KEY, boot, new_database},
};

/// An installation that nobody has set up yet, and its one-time code.
async fn new_installation(database: Database) -> (Actor, String, tempfile::TempDir) {
    let directory = tempfile::TempDir::new().unwrap();
    let url = new_database(database, directory.path());
    let booted = boot(&directory, &url, ROOT_KEY).await;
    let visitor = Actor::new(control::router(booted.app, control::site::Site::loopback()), None, "");
    (visitor, booted.setup_code.unwrap().to_string(), directory)
}

fn wish(code: &str) -> Value {
    json!({
        "setup_code": code,
        "email": "anna@example.org",
        "name": "Anna",
        "password": "a long password",
        "organization": { "name": "Anna & Co" },
    })
}

async fn sign_in(visitor: &Actor) -> u16 {
    let pair = json!({ "email": "anna@example.org", "password": "a long password" });
    visitor.post("/sessions", pair).await.status.as_u16()
}

both! {
    async fn the_code_makes_the_first_administrator_and_works_once(house) {
        let (visitor, code, directory) = new_installation(house.database).await;
        assert!(directory.path().join("setup-code").exists());
        assert_eq!(sign_in(&visitor).await, 401);
        let made = visitor.post("/setup", wish(&code)).await.expect(201);
        assert_eq!((&made.json()["user"]["name"], &made.json()["organization"]), (&json!("Anna"), &json!("anna-co")));
        assert!(!made.text.contains(&code) && !made.text.contains("password"));
        assert!(!directory.path().join("setup-code").exists());
        assert_eq!(sign_in(&visitor).await, 201);
        let again = visitor.post("/setup", wish(&code)).await.expect(409);
        assert_eq!(again.code(), "conflict");
    }

    async fn without_the_code_nothing_is_set_up(house) {
        let (visitor, code, directory) = new_installation(house.database).await;
        for wrong in ["", "x", &code[1..], &code.to_uppercase()] {
            let answer = visitor.post("/setup", wish(wrong)).await;
            answer.expect_refused("setup_code", "setup_code_wrong");
        }
        let mut missing = wish(&code);
        missing.as_object_mut().unwrap().remove("setup_code");
        visitor.post("/setup", missing).await.expect_refused("body", "json");
        visitor.with("sec-fetch-site", "cross-site").post("/setup", wish(&code)).await.expect(403);
        assert_eq!(sign_in(&visitor).await, 401);
        assert!(directory.path().join("setup-code").exists());
        visitor.post("/setup", wish(&format!(" {code}\n"))).await.expect(201);
    }

    async fn behind_a_wrong_code_nothing_is_told_of_the_rest(house) {
        let (visitor, code, _directory) = new_installation(house.database).await;
        let empty = |code: &str| json!({
            "setup_code": code, "email": "", "name": "", "password": "", "organization": { "name": "" },
        });
        visitor.post("/setup", empty("x")).await.expect_refused("setup_code", "setup_code_wrong");
        let refused = visitor.post("/setup", empty(&code)).await.expect(422).refused();
        assert!(refused.iter().all(|(field, _)| field != "setup_code"), "{refused:?}");
        visitor.post("/setup", wish(&code)).await.expect(201);
    }

    async fn all_that_does_not_fit_is_told_at_once_and_the_code_stays(house) {
        let (visitor, code, _directory) = new_installation(house.database).await;
        let mut body = wish(&code);
        for field in ["email", "name"] {
            body[field] = json!("");
        }
        body["organization"] = json!({ "name": "X", "slug": "admin" });
        let refused = visitor.post("/setup", body).await.expect(422).refused();
        let fields: Vec<&str> = refused.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["email", "name", "slug"]);
        let mut body = wish(&code);
        body["password"] = json!("eleven char");
        let refused = visitor.post("/setup", body).await.expect_refused("password", "password_length");
        assert!(!refused.text.contains("eleven char"));
        visitor.post("/setup", wish(&code)).await.expect(201);
    }

    async fn an_installation_that_is_set_up_answers_every_wish_with_a_conflict(house) {
        for body in [wish("x"), json!({}), json!({ "setup_code": 1 })] {
            house.anonymous.post("/setup", body).await.expect(409);
        }
        house.administrator.post("/setup", wish("x")).await.expect(409);
    }
}
