//! Guessing passwords and the set-up code is bounded, however it is tried.

use control::site::{Origin, Site};
use serde_json::json;

use crate::{
    both,
    store::sql::Sql,
    support::{Actor, Answer, House, PASSWORD, ROOT_KEY, boot, new_database},
};

const WRONG: &str = "not the password";

async fn attempt(from: &Actor, email: &str, password: &str) -> Answer {
    from.post("/sessions", json!({ "email": email, "password": password })).await
}

/// Fails so often, each time with the answer for a wrong pair.
async fn fail(from: &Actor, email: &str, times: usize) {
    for _ in 0..times {
        attempt(from, email, WRONG).await.expect(401);
    }
}

#[track_caller]
fn assert_limited(answer: Answer) {
    let answer = answer.expect(429);
    assert_eq!(answer.code(), "rate_limited");
    let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=900).contains(&seconds), "{seconds}");
    assert!(!answer.headers.contains_key("set-cookie"));
}

async fn refused_events(house: &House) -> i64 {
    let refused = "SELECT CAST(count(*) AS BIGINT) FROM audit_events WHERE chain_id = 'installation' \
                   AND action = 'session.refused'";
    Sql::open(house).await.number(refused).await
}

async fn last_details(house: &House) -> String {
    let last = "SELECT details FROM audit_events WHERE action = 'session.refused' ORDER BY sequence DESC LIMIT 1";
    Sql::open(house).await.text(last).await
}

/// The cookies that a browser keeps after this answer.
fn cookies(signed_in: &Answer) -> Vec<String> {
    let cookies = signed_in.headers.get_all("set-cookie").iter();
    cookies.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned()).collect()
}

both! {
    async fn after_ten_failures_neither_a_wrong_nor_the_right_password_is_looked_at(house) {
        let email = &house.owner.email;
        fail(&house.anonymous, email, 10).await;
        assert_eq!(last_details(&house).await, r#"{"used_up":"account"}"#);
        assert_limited(attempt(&house.anonymous, email, WRONG).await);
        assert_limited(attempt(&house.anonymous, email, PASSWORD).await);
        // Somebody else is not held up, and who is signed in stays so.
        attempt(&house.anonymous, &house.member.email, PASSWORD).await.expect(201);
        house.owner.get("/me").await.expect(200);
    }

    async fn an_address_that_is_nobody_s_is_limited_with_the_same_answers(house) {
        let (email, nobody) = (house.owner.email.clone(), "nobody@acme.test");
        for _ in 0..12 {
            let known = attempt(&house.anonymous, &email, WRONG).await;
            let unknown = attempt(&house.anonymous, nobody, WRONG).await;
            assert_eq!(known.told(), unknown.told());
            let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&known), names(&unknown));
        }
        assert_limited(attempt(&house.anonymous, nobody, WRONG).await);
    }

    async fn another_spelling_is_the_same_account(house) {
        for email in ["owner@acme.test", "OWNER@acme.test", " owner@ACME.test\n", "Owner@Acme.Test", "owner@acme.test "] {
            fail(&house.anonymous, email, 2).await;
        }
        for email in ["owner@acme.test", "\towner@acme.test", "oWNER@acme.test"] {
            assert_limited(attempt(&house.anonymous, email, PASSWORD).await);
        }
    }

    async fn of_fifty_tries_at_once_ten_are_checked(house) {
        let email = house.owner.email.clone();
        let tries: Vec<_> = (0..50)
            .map(|_| {
                let (from, email) = (house.anonymous.clone(), email.clone());
                tokio::spawn(async move { attempt(&from, &email, WRONG).await.status.as_u16() })
            })
            .collect();
        let mut statuses = Vec::new();
        for one in tries {
            statuses.push(one.await.unwrap());
        }
        let mut checked = statuses.iter().filter(|status| **status == 401).count();
        assert!(checked <= 10, "{statuses:?}");
        assert!(statuses.iter().all(|status| [401, 429, 503].contains(status)), "{statuses:?}");
        // Those that found the queue full were not checked and did not count.
        while attempt(&house.anonymous, &email, WRONG).await.status == 401 {
            checked += 1;
        }
        assert_eq!(checked, 10);
        assert_limited(attempt(&house.anonymous, &email, PASSWORD).await);
        assert_eq!(refused_events(&house).await, 10);
        house.report("guessing", "50 wrong passwords for one account at once: 10 checked");
    }

    async fn a_restart_forgets_no_failure(house) {
        fail(&house.anonymous, &house.owner.email, 10).await;
        let again = boot(&house.directory, &house.database_url, ROOT_KEY).await;
        let router = control::router(again.app, Site::loopback());
        assert_limited(attempt(&Actor::new(router, None, ""), &house.owner.email, PASSWORD).await);
        house.report("guessing", "10 wrong passwords, then a restart: the next is not looked at");
    }

    async fn one_address_fails_a_hundred_times_whatever_it_says_of_itself(house) {
        let guesser = house.anonymous.from("192.0.2.1");
        for number in 0..100 {
            let forged = guesser.with("x-forwarded-for", &format!("203.0.113.{number}")).with("forwarded", "for=203.0.113.1");
            fail(&forged, &format!("nobody{number}@acme.test"), 1).await;
        }
        assert_eq!(last_details(&house).await, r#"{"used_up":"address"}"#);
        assert_limited(attempt(&guesser.with("x-forwarded-for", "198.51.100.1"), "new@acme.test", WRONG).await);
        assert_limited(attempt(&guesser, &house.owner.email, PASSWORD).await);
        assert_limited(attempt(&house.anonymous.from("::ffff:192.0.2.1"), &house.owner.email, PASSWORD).await);
        attempt(&house.anonymous.from("192.0.2.2"), &house.owner.email, PASSWORD).await.expect(201);
        house.report("guessing", "100 wrong passwords from one address that claims to be 100: no more are looked at");
    }

    async fn behind_a_trusted_proxy_each_client_has_its_own_allowance(house) {
        let public = Origin::parse("https://vestry.test");
        let site = Site::new([127, 0, 0, 1].into(), false, public, vec!["127.0.0.1".parse().unwrap()]);
        let proxy = Actor::new(control::router(house.app.clone(), site), None, "").from("127.0.0.1");
        let guesser = proxy.with("x-forwarded-for", "203.0.113.9, 192.0.2.1");
        for number in 0..100 {
            fail(&guesser, &format!("nobody{number}@acme.test"), 1).await;
        }
        assert_limited(attempt(&guesser, &house.owner.email, PASSWORD).await);
        assert_limited(attempt(&proxy.with("x-forwarded-for", "198.51.100.1, 192.0.2.1"), "x@acme.test", WRONG).await);
        attempt(&proxy.with("x-forwarded-for", "192.0.2.2"), &house.owner.email, PASSWORD).await.expect(201);
        let address = "SELECT address FROM audit_events WHERE action = 'session.created' ORDER BY sequence DESC LIMIT 1";
        assert_eq!(Sql::open(&house).await.text(address).await, "192.0.2.2");
    }

    async fn of_ipv6_a_whole_network_counts_as_one(house) {
        for number in 0..100 {
            let guesser = house.anonymous.from(&format!("2001:db8:1:2::{number:x}"));
            fail(&guesser, &format!("nobody{number}@acme.test"), 1).await;
        }
        let neighbour = house.anonymous.from("2001:db8:1:2:ffff::1");
        assert_limited(attempt(&neighbour, &house.owner.email, PASSWORD).await);
        attempt(&house.anonymous.from("2001:db8:1:3::1"), &house.owner.email, PASSWORD).await.expect(201);
    }

    async fn signing_in_gives_no_new_allowance(house) {
        let guesser = house.anonymous.from("192.0.2.1");
        for number in 0..9 {
            fail(&guesser, &format!("nobody{number}@acme.test"), 10).await;
        }
        fail(&guesser, &house.owner.email, 9).await;
        for _ in 0..5 {
            attempt(&guesser, &house.owner.email, PASSWORD).await.expect(201);
            attempt(&guesser, &house.member.email, PASSWORD).await.expect(201);
        }
        fail(&guesser, &house.owner.email, 1).await;
        assert_limited(attempt(&house.anonymous.from("192.0.2.2"), &house.owner.email, PASSWORD).await);
        assert_limited(attempt(&guesser, &house.member.email, PASSWORD).await);
    }

    async fn whoever_signed_in_in_this_browser_is_not_locked_out_of_it_by_others(house) {
        let page = house.anonymous.with("origin", "http://localhost");
        let kept = cookies(&attempt(&page, &house.owner.email, PASSWORD).await.expect(201));
        assert_eq!(kept.len(), 2);
        assert!(kept[1].starts_with("vestry_browser=vst_b_"), "its kind is told");
        let browser = page.with("cookie", &kept[1]);
        browser.get("/me").await.expect(401);
        house.anonymous.with_token(kept[1].split_once('=').unwrap().1).get("/me").await.expect(401);

        fail(&house.anonymous, &house.owner.email, 10).await;
        assert_limited(attempt(&page, &house.owner.email, PASSWORD).await);
        fail(&browser, &house.owner.email, 9).await;
        let renewed = cookies(&attempt(&browser, &house.owner.email, PASSWORD).await.expect(201));
        // What it was known by before is worth nothing any more.
        assert_limited(attempt(&browser, &house.owner.email, PASSWORD).await);
        let browser = page.with("cookie", &renewed[1]);
        fail(&browser, &house.owner.email, 10).await;
        assert_limited(attempt(&browser, &house.owner.email, PASSWORD).await);
        // For anybody else's account it is a browser like any other.
        fail(&browser, &house.member.email, 10).await;
        assert_limited(attempt(&page, &house.member.email, PASSWORD).await);
    }

    async fn only_browsers_are_remembered_and_ten_of_each_person(house) {
        let count = "SELECT CAST(count(*) AS BIGINT) FROM browsers";
        attempt(&house.anonymous.with("sec-fetch-site", "same-origin"), &house.owner.email, PASSWORD).await.expect(201);
        assert_eq!(Sql::open(&house).await.number(count).await, 0);
        let page = house.anonymous.with("origin", "http://localhost");
        let first = cookies(&attempt(&page, &house.owner.email, PASSWORD).await.expect(201));
        for _ in 0..10 {
            attempt(&page, &house.owner.email, PASSWORD).await.expect(201);
        }
        attempt(&page, &house.member.email, PASSWORD).await.expect(201);
        assert_eq!(Sql::open(&house).await.number(count).await, 11);
        fail(&house.anonymous, &house.owner.email, 10).await;
        assert_limited(attempt(&page.with("cookie", &first[1]), &house.owner.email, PASSWORD).await);
    }

    async fn a_flood_of_tries_writes_no_events_and_is_counted(house) {
        fail(&house.anonymous, &house.owner.email, 10).await;
        let mut sql = Sql::open(&house).await;
        let events = "SELECT events FROM audit_chains WHERE id = 'installation'";
        let before = sql.number(events).await;
        for _ in 0..100 {
            assert_limited(attempt(&house.anonymous, &house.owner.email, WRONG).await);
        }
        assert_eq!(sql.number(events).await, before);
        fail(&house.anonymous, "nobody@acme.test", 1).await;
        assert_eq!(last_details(&house).await, r#"{"turned_away_before":100}"#);
        fail(&house.anonymous, "nobody@acme.test", 1).await;
        assert_eq!(last_details(&house).await, "{}");
    }

    async fn old_failures_count_no_more_and_are_forgotten(house) {
        fail(&house.anonymous, &house.owner.email, 10).await;
        fail(&house.anonymous.from("192.0.2.1"), "nobody@acme.test", 1).await;
        let mut sql = Sql::open(&house).await;
        let rows = "SELECT CAST(count(*) AS BIGINT) FROM attempts";
        assert!(sql.number(rows).await > 2);
        sql.execute("UPDATE attempts SET failures = '1 2 3 4 5 6 7 8 9 10', last_at = 10").await;
        fail(&house.anonymous, &house.owner.email, 1).await;
        assert_eq!(sql.number(rows).await, 2);
    }

    async fn the_set_up_code_is_guessed_a_hundred_times_from_one_address(house) {
        let directory = tempfile::TempDir::new().unwrap();
        let url = new_database(house.database, directory.path());
        let booted = boot(&directory, &url, ROOT_KEY).await;
        let visitor = Actor::new(control::router(booted.app, Site::loopback()), None, "");
        let wish = |code: &str| {
            json!({ "setup_code": code, "email": "anna@example.org", "name": "Anna", "password": "a long password",
                "organization": { "name": "Anna & Co" } })
        };
        let guesser = visitor.from("192.0.2.1");
        for _ in 0..100 {
            guesser.post("/setup", wish("wrong")).await.expect_refused("setup_code", "setup_code_wrong");
        }
        let code = booted.setup_code.unwrap();
        assert_limited(guesser.post("/setup", wish(&code)).await);
        visitor.from("192.0.2.2").post("/setup", wish(&code)).await.expect(201);
    }
}
