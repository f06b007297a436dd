//! A clock that jumps between two writes: nothing is lost, nothing that was ended comes back, nobody guesses more.

use std::{collections::BTreeSet, thread};

use assurance::report;
use serde_json::{Value, json};
use ureq::http::Method;

use crate::support::*;

/// From an hour back to a year ahead, two hours back, and right again.
const JUMPS: [&str; 5] = ["-1h", "+0", "+365d", "-2h", "+0"];

/// Every item of a list, page by page.
fn all(house: &House, list: &str, sort: &str, key: &str) -> Vec<String> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = house.owner.get(&format!("{list}?limit=3{sort}{cursor}")).expect(200).json();
        let of_page = page["items"].as_array().unwrap();
        items.extend(of_page.iter().map(|item| item[key].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

#[test]
fn jumps_of_the_clock_lose_nothing_and_revive_nothing() {
    let house = House::with(Options { own_clock: true, ..Options::default() });
    let workspaces = "/organizations/acme/workspaces";
    let token = |name: &str| {
        let made = house.owner.post("/me/tokens", json!({ "name": name, "access": "full" })).expect(201).json();
        let text = made["token"].as_str().unwrap().to_owned();
        (made["id"].as_str().unwrap().to_owned(), house.anonymous.with("authorization", &format!("Bearer {text}")))
    };
    let (id, revoked) = token("revoked");
    house.owner.delete(&format!("/me/tokens/{id}")).expect(204);

    let (mut slugs, mut runs, mut version) = (BTreeSet::from(["lab".to_owned()]), BTreeSet::new(), 0);
    for jump in JUMPS {
        house.control_plane.set_clock(jump);
        for number in 0..4 {
            let made = house.owner.post(workspaces, json!({ "name": format!("After {} {number}", slugs.len()) }));
            slugs.insert(made.expect(201).json()["slug"].as_str().unwrap().to_owned());
            version += 1;
            let value = format!("value {version}");
            assert_eq!(house.workspace_secret("KEY", &value)["version"], version, "{jump}");
            let run = json!({ "organization": "acme", "workspace": "lab", "host": jump });
            let begun = house.owner.post("/runs", run).expect(201).json();
            assert_eq!(begun["variables"][0]["value"], json!(value), "{jump}");
            runs.insert(begun["id"].as_str().unwrap().to_owned());
        }
        revoked.get("/me").expect(401);
        for sort in ["", "&sort=name", "&sort=-created_at", "&sort=updated_at"] {
            let listed = all(&house, workspaces, sort, "slug");
            assert_eq!((listed.len(), listed.into_iter().collect()), (slugs.len(), slugs.clone()), "{jump} {sort}");
        }
        let listed = all(&house, &format!("{LAB}/runs"), "", "id");
        assert_eq!((listed.len(), listed.into_iter().collect()), (runs.len(), runs.clone()), "{jump}");
        let verified = house.administrator.get("/organizations/acme/audit-events/verification").expect(200).json();
        assert_eq!(verified["intact"], true, "{jump}");
    }
    report(
        "clock",
        "SQLite",
        &format!(
            "{} jumps between two hours back and a year ahead: chain intact, every page whole, nothing revived",
            JUMPS.len()
        ),
    );
}

#[test]
fn what_expires_does_so_by_the_clock_and_guesses_stay_bounded() {
    let house = House::with(Options { own_clock: true, ..Options::default() });
    // A guess more would be a chance more.
    let guess =
        || house.anonymous.post("/sessions", json!({ "email": house.owner.email, "password": "a wrong guess" }));
    for _ in 0..10 {
        guess().expect(401);
    }
    guess().expect(429);
    house.control_plane.set_clock("-1h");
    guess().expect(429);
    house.control_plane.set_clock("+0");
    guess().expect(429);

    house.control_plane.set_clock("+365d");
    for _ in 0..10 {
        guess().expect(401);
    }
    guess().expect(429);
    house.owner.get("/me").expect(200);
    // The right clock again: what failed a year ahead locks nobody for a year.
    house.control_plane.set_clock("+0");
    for _ in 0..10 {
        guess().expect(401);
    }
    guess().expect(429);
    house.control_plane.set_clock("+20m");
    guess().expect(401);
}

/// Whoever waits goes on waiting as long as was asked for, by a clock that nobody sets.
#[test]
fn a_jump_neither_ends_nor_prolongs_what_waits() {
    let house = House::with(Options { own_clock: true, ..Options::default() });
    house.workspace_secret("KEY", "first");
    let environment = format!("{LAB}/environment");
    let known = house.owner.get(&environment).expect(200).json()["revision"].clone();
    let wait = |seconds: u32| {
        let waiting = house.owner.alone().with("if-none-match", &format!("\"{}\"", known.as_str().unwrap()));
        let path = format!("{environment}?wait={seconds}");
        thread::spawn(move || waiting.send(Method::GET, &path, None))
    };
    let waiter = wait(45);
    // The first is none: until then it has begun to wait.
    for jump in ["+0", "+365d", "-1h"] {
        house.control_plane.set_clock(jump);
        // Each wakes whoever waits to look at the clock, and leaves the environment as it is.
        for number in 0..4 {
            let name = format!("After {jump} {number}");
            house.owner.post("/organizations/acme/workspaces", json!({ "name": name })).expect(201);
        }
        assert!(!waiter.is_finished(), "{jump}");
    }
    house.control_plane.set_clock("+0");
    let short = wait(2);
    house.owner.get(LAB).expect(200);
    house.control_plane.set_clock("-1h");
    short.join().unwrap().expect(304);

    house.workspace_secret("KEY", "second");
    let told = waiter.join().unwrap().expect(200).json();
    assert_ne!(told["revision"], known);
    assert_eq!(told["secrets"][0]["version"], Value::from(2));
}
