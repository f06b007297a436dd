//! Texts that nobody expects, wherever the API reads one: tokens, cookies, preconditions, pages of lists, bodies, imports.

use assurance::{Dice, count};
use axum::http::Method;
use serde_json::json;

use crate::{
    both,
    support::{House, PASSWORD},
};

const SECRETS: &str = "/organizations/acme/secrets";

/// What is read, and one that is in order.
async fn genuine(house: &House) -> Vec<(&'static str, String)> {
    let pair = json!({ "email": house.owner.email, "password": PASSWORD });
    let signed_in = house.anonymous.post("/sessions", pair).await.expect(201);
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let etag = house.administrator.put(&format!("{SECRETS}/ONE"), json!({ "value": "one" })).await.expect(201).etag();
    house.administrator.put(&format!("{SECRETS}/TWO"), json!({ "value": "two" })).await.expect(201);
    let cursor = house.administrator.get(&format!("{SECRETS}?limit=1")).await.expect(200).json()["next_cursor"].clone();
    let body = json!({ "value": "three\u{e9}\n", "access": "selected", "workspaces": ["lab"], "description": "x" });
    vec![
        ("authorization", format!("Bearer {}", house.owner.token().unwrap())),
        ("cookie", format!("{cookie}; other=\"a b\"")),
        ("if-match", etag),
        ("x-forwarded-for", "192.0.2.1, [2001:db8::1]:80".to_owned()),
        ("sec-fetch-site", "same-origin".to_owned()),
        ("query", format!("limit=1&sort=-name&q=O&cursor={}", cursor.as_str().unwrap())),
        ("body", body.to_string()),
        ("import", "export A='one' # 1\nB=\"two\\n\\t\\\"\"\r\nC=three four\nD=\nE='five\nsix'\n".to_owned()),
    ]
}

/// The text with a few of its characters taken away, doubled, exchanged or replaced.
fn changed(dice: &mut Dice, text: &str) -> String {
    let mut letters: Vec<u8> = text.bytes().collect();
    for _ in 0..=dice.below(4) {
        let at = dice.below(letters.len() + 1);
        match dice.below(6) {
            0 => letters.truncate(at),
            1 => drop(letters.drain(at..letters.len().min(at + 1 + dice.below(8)))),
            2 => letters.extend_from_within(at..),
            3 => letters.insert(at, b" \"%&,;=[]\\_{}-0Az"[dice.below(17)]),
            4 if at < letters.len() => letters[at] = u8::try_from(32 + dice.below(95)).unwrap(),
            _ => {
                let other = dice.below(letters.len() + 1);
                letters.rotate_left(other.min(at));
            }
        }
    }
    String::from_utf8_lossy(&letters).into_owned()
}

/// As text that may stand in an address.
fn in_address(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%=&+".contains(byte);
    text.bytes().filter(plain).map(char::from).collect()
}

both! {
    async fn no_odd_header_query_or_body_brings_the_control_plane_down(house) {
        let genuine = genuine(&house).await;
        let mut dice = Dice::of("no_odd_header_query_or_body_brings_the_control_plane_down");
        let (rounds, mut refused) = (count(20_000), 0);
        for round in 0..rounds {
            let (what, text) = &genuine[round % genuine.len()];
            let text = changed(&mut dice, text);
            let administrator = &house.administrator;
            let answer = match *what {
                "query" => administrator.get(&format!("{SECRETS}?{}", in_address(&text))).await,
                "body" => administrator.send(Method::PUT, &format!("{SECRETS}/THREE"), Some(text.clone())).await,
                "import" => {
                    let body = json!({ "format": "env", "content": text, "mode": "overwrite", "dry_run": round % 2 == 0 });
                    administrator.post("/organizations/acme/secret-imports", body).await
                }
                "if-match" => administrator.with(what, &text).patch(&format!("{SECRETS}/ONE"), json!({})).await,
                header => house.anonymous.with(header, &text).get("/me").await,
            };
            assert!(answer.status.as_u16() < 500, "{what} {text:?}: {}", answer.text);
            refused += usize::from(!answer.status.is_success());
        }
        assert!(refused > rounds / 2, "{refused} of {rounds} were odd");
        let done = format!("{rounds} changed tokens, cookies, other headers, queries, bodies and imports: {refused} refused, 0 crashes");
        house.report("fuzz", &done);
    }
}
