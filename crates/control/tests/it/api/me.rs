//! The caller themself: `/me`.

use serde_json::{Value, json};

use crate::{
    both,
    store::sql::Sql,
    support::{Actor, Answer, House, PASSWORD},
};

const NEW: &str = "another password";

/// A browser of this person, signed in, on a page of Vestry's.
async fn browser(house: &House, person: &Actor, password: &str) -> Actor {
    let pair = json!({ "email": person.email, "password": password });
    let answer = house.anonymous.post("/sessions", pair).await.expect(201);
    let cookie = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    house.anonymous.with("cookie", &cookie).with("sec-fetch-site", "same-origin")
}

async fn change(from: &Actor, current: &str, new: &str) -> Answer {
    from.put("/me/password", json!({ "current": current, "new": new })).await
}

async fn sign_in(house: &House, password: &str) -> u16 {
    let pair = json!({ "email": house.owner.email, "password": password });
    house.anonymous.post("/sessions", pair).await.status.as_u16()
}

async fn last_event(house: &House) -> (String, String) {
    let last = |column| {
        format!("SELECT {column} FROM audit_events WHERE chain_id = 'installation' ORDER BY sequence DESC LIMIT 1")
    };
    let mut sql = Sql::open(house).await;
    (sql.text(&last("action")).await, sql.text(&last("actor_name")).await)
}

both! {
    async fn a_new_password_ends_every_other_session_of_that_person_and_no_token(house) {
        let (one, other) = (browser(&house, &house.owner, PASSWORD).await, browser(&house, &house.owner, PASSWORD).await);
        let somebody_else = browser(&house, &house.member, PASSWORD).await;
        change(&one, PASSWORD, NEW).await.expect(204);
        assert_eq!(last_event(&house).await, ("password.changed".to_owned(), "owner".to_owned()));
        one.get("/me").await.expect(200);
        other.get("/me").await.expect(401);
        house.owner.get("/me").await.expect(200);
        somebody_else.get("/me").await.expect(200);
        assert_eq!(one.get("/sessions").await.each("id").len(), 1);
        assert_eq!((sign_in(&house, PASSWORD).await, sign_in(&house, NEW).await), (401, 201));
        browser(&house, &house.member, PASSWORD).await;
    }

    async fn only_whoever_knows_the_current_password_changes_it(house) {
        let (one, other) = (browser(&house, &house.owner, PASSWORD).await, browser(&house, &house.owner, PASSWORD).await);
        for wrong in ["not the password", "", NEW] {
            change(&one, wrong, NEW).await.expect_refused("current", "password_wrong");
        }
        assert_eq!(last_event(&house).await, ("password.refused".to_owned(), "owner".to_owned()));
        for new in ["", "eleven char", &"x".repeat(1_025)] {
            change(&one, PASSWORD, new).await.expect_refused("new", "password_length");
        }
        one.put("/me/password", json!({ "new": NEW })).await.expect(422);
        other.get("/me").await.expect(200);
        assert_eq!((sign_in(&house, NEW).await, sign_in(&house, PASSWORD).await), (401, 201));
    }

    async fn a_token_changes_no_password_not_even_with_every_permission(house) {
        let refused = change(&house.owner, PASSWORD, NEW).await.expect(403);
        assert!(refused.text.contains("sign in to do it"), "{}", refused.text);
        // Whether the password is the right one is not told either.
        assert_eq!(change(&house.owner, "not the password", NEW).await.told(), refused.told());
        house.anonymous.put("/me/password", Value::Null).await.expect(401);
        assert_eq!(sign_in(&house, PASSWORD).await, 201);
    }

    async fn guesses_at_the_current_password_are_bounded_like_those_at_the_sign_in(house) {
        let one = browser(&house, &house.owner, PASSWORD).await;
        for _ in 0..5 {
            change(&one, "not the password", NEW).await.expect(422);
            assert_eq!(sign_in(&house, "not the password").await, 401);
        }
        let limited = change(&one, PASSWORD, NEW).await.expect(429);
        assert!(limited.headers.contains_key("retry-after"));
        assert_eq!(sign_in(&house, PASSWORD).await, 429);
        one.get("/me").await.expect(200);
    }

    async fn a_right_password_takes_its_try_back(house) {
        let one = browser(&house, &house.owner, PASSWORD).await;
        let passwords = [PASSWORD, NEW];
        for round in 0..12 {
            change(&one, passwords[round % 2], passwords[(round + 1) % 2]).await.expect(204);
        }
    }
}
