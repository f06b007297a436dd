//! What a browser is told and what it may send: who may write across sites, the headers of every answer, the cookie.

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request},
};
use control::site::{Origin, Site};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    both, openapi,
    support::{Actor, Answer, House, PASSWORD},
};

/// The answer's header must be exactly this one, once.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// `Sec-Fetch-Site` as browsers send it, and as nobody should.
const SITES: [Option<&str>; 6] =
    [Some("same-origin"), Some("same-site"), Some("cross-site"), Some("none"), Some(""), None];

/// `Origin`, where the host asked for is `localhost`.
const ORIGINS: [Option<&str>; 6] = [
    Some("http://localhost"),
    Some("http://localhost:8460"),
    Some("https://elsewhere.test"),
    Some("http://localhost.elsewhere.test"),
    Some("null"),
    None,
];

/// What the two headers together say: the browser's own word decides, and the origin where it says nothing.
pub fn comes_from_vestry(site: Option<&str>, origin: Option<&str>) -> bool {
    match site {
        Some(site) => site == "same-origin",
        None => origin == Some("http://localhost"),
    }
}

fn sent_from(actor: &Actor, site: Option<&str>, origin: Option<&str>) -> Actor {
    let mut actor = actor.clone();
    for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
        if let Some(value) = value {
            actor = actor.with(name, value);
        }
    }
    actor
}

async fn sign_in(house: &House, person: &Actor) -> Answer {
    house.anonymous.post("/sessions", json!({ "email": person.email, "password": PASSWORD })).await.expect(201)
}

fn cookie(signed_in: &Answer) -> String {
    let cookie = signed_in.headers["set-cookie"].to_str().expect("ASCII");
    cookie.split(';').next().expect("a name and a value").to_owned()
}

/// The administrator with a session's cookie and no token.
async fn browser(house: &House) -> Actor {
    house.anonymous.with("cookie", &cookie(&sign_in(house, &house.administrator).await))
}

/// One request of every method that changes something.
async fn write(actor: &Actor, method: &Method, number: usize) -> Answer {
    let secret = format!("/organizations/acme/secrets/NAME_{number}");
    match *method {
        Method::POST => actor.post("/me/tokens", json!({ "name": "made", "access": "read" })).await,
        Method::PUT => actor.put(&secret, json!({ "value": "a value" })).await,
        Method::PATCH => actor.patch("/organizations/acme", json!({ "name": format!("Name {number}") })).await,
        _ => actor.delete(&secret).await,
    }
}

both! {
    async fn with_a_cookie_only_the_own_origin_writes(house) {
        let browser = browser(&house).await;
        let mut requests = 0;
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for (number, (site, origin)) in pairs().enumerate() {
                let secret = format!("/organizations/acme/secrets/NAME_{number}");
                if method == Method::DELETE {
                    house.administrator.put(&secret, json!({ "value": "a value" })).await;
                }
                let before = seen(&house, &secret).await;
                let answer = write(&sent_from(&browser, site, origin), &method, number).await;
                let changed = seen(&house, &secret).await != before;
                let done = answer.status.is_success();
                let what = format!("{method} {site:?} {origin:?}: {}", answer.text);
                assert_eq!(done, comes_from_vestry(site, origin), "{what}");
                assert_eq!(changed, done, "{what}");
                assert!(done || (answer.status == 403 && answer.code() == "forbidden"), "{what}");
                requests += 1;
            }
        }
        let done = format!("{requests} writes with a cookie, from every pair of headers: 0 from elsewhere");
        house.report("browser", &done);
    }

    async fn with_a_token_every_origin_writes(house) {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for (number, (site, origin)) in pairs().enumerate() {
                if method == Method::DELETE {
                    write(&house.administrator, &Method::PUT, number).await;
                }
                let answer = write(&sent_from(&house.administrator, site, origin), &method, number).await;
                assert!(answer.status.is_success(), "{method} {site:?} {origin:?}: {}", answer.text);
            }
        }
    }

    async fn a_cookie_beside_a_token_is_not_looked_at(house) {
        let cookie = cookie(&sign_in(&house, &house.administrator).await);
        let wrong = house.anonymous.with("cookie", &cookie).with("sec-fetch-site", "same-origin").with_token("nonsense");
        assert_eq!(wrong.get("/me").await.expect(401).code(), "unauthenticated");
        let other = house.owner.with("cookie", &cookie).with("sec-fetch-site", "cross-site");
        assert_eq!(other.get("/me").await.expect(200).json()["email"], house.owner.email);
    }

    async fn a_session_is_no_token_and_a_token_no_session(house) {
        let cookie = cookie(&sign_in(&house, &house.administrator).await);
        let session = cookie.strip_prefix("vestry_session=").expect("the session's cookie");
        house.anonymous.with_token(session).get("/me").await.expect(401);
        let made = house.administrator.post("/me/tokens", json!({ "name": "made", "access": "full" })).await.expect(201);
        let token = made.json()["token"].as_str().expect("the token's text").to_owned();
        house.anonymous.with("cookie", &format!("vestry_session={token}")).get("/me").await.expect(401);
    }

    async fn another_site_s_page_signs_nobody_in_and_sets_nothing_up(house) {
        let pair = json!({ "email": house.administrator.email, "password": PASSWORD });
        for (site, origin) in pairs() {
            let visitor = sent_from(&house.anonymous, site, origin);
            // No browser at all is welcome: there is no cookie yet that a page could misuse.
            let welcome = comes_from_vestry(site, origin) || (site, origin) == (None, None);
            let session = visitor.post("/sessions", pair.clone()).await;
            assert_eq!(session.status.as_u16(), if welcome { 201 } else { 403 }, "{site:?} {origin:?}");
            assert_eq!(session.headers.contains_key("set-cookie"), welcome, "{site:?} {origin:?}");
            let set_up = visitor.post("/setup", json!({})).await;
            assert_eq!(set_up.status.as_u16(), if welcome { 409 } else { 403 }, "{site:?} {origin:?}");
        }
        let done = format!("{} sign-ins and as many set-ups: 0 from another site's page", pairs().count());
        house.report("browser", &done);
    }

    async fn no_answer_lets_another_origin_read_it(house) {
        let browser = browser(&house).await.with("origin", "https://elsewhere.test").with("sec-fetch-site", "cross-site");
        let read = browser.get("/me").await.expect(200);
        assert_not_shared(&read.headers);
        let asked = browser.with("access-control-request-method", "PUT");
        let asked = asked.send(Method::OPTIONS, "/organizations/acme/secrets/A_NAME", None).await;
        assert!(!asked.status.is_success(), "{}", asked.status);
        assert_not_shared(&asked.headers);
    }

    async fn the_cookie_can_be_read_by_no_script_and_goes_to_no_other_site(house) {
        let signed_in = sign_in(&house, &house.administrator).await;
        let all: Vec<_> = signed_in.headers.get_all("set-cookie").iter().collect();
        assert_eq!(all.len(), 1);
        let mut attributes = all[0].to_str().expect("ASCII").split("; ");
        let (name, value) = attributes.next().and_then(|pair| pair.split_once('=')).expect("a name and a value");
        assert_eq!(name, "vestry_session");
        assert!(value.starts_with("vst_s_"), "the kind is told");
        let attributes: Vec<&str> = attributes.collect();
        assert_eq!(attributes, ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=604800"]);
        assert!(!signed_in.text.contains(value), "the body does not repeat it");
    }

    async fn over_https_the_cookie_stays_with_this_host_and_encrypted(house) {
        let https = over_https(&house);
        let pair = json!({ "email": house.administrator.email, "password": PASSWORD });
        let signed_in = https.post("/sessions", pair).await.expect(201);
        let text = signed_in.headers["set-cookie"].to_str().expect("ASCII");
        assert!(text.starts_with("__Host-vestry_session=vst_s_"), "the prefix");
        assert!(text.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800; Secure") && !text.contains("Domain"));
        let shown = cookie(&signed_in);
        https.with("cookie", &shown).get("/me").await.expect(200);
        // A cookie that came without the prefix may be from anywhere.
        https.with("cookie", shown.trim_start_matches("__Host-")).get("/me").await.expect(401);
        for (origin, status) in
            [("https://vestry.test", 404), ("https://vestry.test:8443", 403), ("http://vestry.test", 403)]
        {
            https.with("cookie", &shown).with("origin", origin).delete("/me/tokens/none").await.expect(status);
        }
    }

    async fn over_https_browsers_are_told_to_stay_there_and_nowhere_else(house) {
        let https = over_https(&house);
        let misdirected = https.with("host", "elsewhere.test").get("/me").await.expect(421);
        assert_eq!(misdirected.code(), "misdirected");
        for answer in [https.get("/me").await, https.get("/nowhere").await, https.get("/api/docs").await, misdirected] {
            assert_headers(&answer);
            assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000");
        }
        assert!(!house.anonymous.get("/me").await.headers.contains_key("strict-transport-security"));
    }

    async fn a_rebound_name_neither_reads_nor_writes(house) {
        let browser = browser(&house).await.with("sec-fetch-site", "same-origin").with("host", "rebound.test");
        let secret = "/organizations/acme/secrets/A_NAME";
        assert_eq!(browser.get("/me").await.expect(421).json()["email"], Value::Null);
        browser.put(secret, json!({ "value": "a value" })).await.expect(421);
        house.administrator.with("host", "rebound.test").get("/me").await.expect(421);
        house.anonymous.with("host", "rebound.test").get("/healthz").await.expect(421);
        house.administrator.get(secret).await.expect(404);
    }

    async fn every_answer_has_the_headers(house) {
        let administrator = &house.administrator;
        let secret = "/organizations/acme/secrets/A_NAME";
        let value = json!({ "value": "a value" });
        let answers = [
            administrator.get("/me").await.expect(200),
            administrator.put(secret, value.clone()).await.expect(201),
            house.owner.post("/organizations/acme/workspaces/lab/servers", json!({ "name": "Web", "command": ["true"] })).await.expect(201),
            house.owner.post("/organizations/acme/workspaces/lab/servers/web/start", Value::Null).await.expect(202),
            house.owner.get("/organizations/acme/workspaces/lab/servers/web/logs").await.expect(200),
            administrator.delete(secret).await.expect(204),
            house.anonymous.get("/me").await.expect(401),
            house.member.get("/organizations/acme/secrets").await.expect(403),
            administrator.get("/organizations/none").await.expect(404),
            administrator.get("/no/such/address").await.expect(404),
            administrator.get("/api/no-such-page").await.expect(404),
            administrator.send(Method::POST, "/me", None).await.expect(405),
            administrator.post("/setup", json!({})).await.expect(409),
            administrator.with("if-match", "\"x\"").put(secret, value.clone()).await.expect(412),
            administrator.put(secret, json!({ "value": "x".repeat(600 * 1024) })).await.expect(413),
            administrator.put(secret, json!({ "value": 1 })).await.expect(422),
            administrator.send(Method::HEAD, "/me", None).await.expect(200),
            house.anonymous.get("/api/docs").await.expect(200),
            house.anonymous.get("/api/docs.css").await.expect(200),
            house.anonymous.get("/api/v1/openapi.json").await.expect(200),
            house.anonymous.get("/healthz").await.expect(200),
            house.anonymous.get("/readyz").await.expect(503),
            sign_in(&house, &house.administrator).await,
            house.anonymous.with("host", "elsewhere.test").get("/healthz").await.expect(421),
        ];
        for answer in &answers {
            assert_headers(answer);
        }
        let done = format!("{} kinds of answer: {} headers on each", answers.len(), HEADERS.len());
        house.report("browser", &done);
    }

    async fn a_followed_log_has_the_headers_while_it_goes_on(house) {
        let logs = "/organizations/acme/workspaces/lab/servers/web/logs?follow=true";
        house
            .owner
            .post("/organizations/acme/workspaces/lab/servers", json!({ "name": "Web", "command": ["true"] }))
            .await
            .expect(201);
        let session = cookie(&sign_in(&house, &house.owner).await);
        let request = Request::get(format!("/api/v1{logs}")).header("host", "localhost").header("cookie", session);
        let request = request.body(Body::empty()).expect("a well-formed request");
        let response = house.router.clone().oneshot(request).await.expect("the router never fails");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_headers(&Answer { status: response.status(), headers: response.headers().clone(), text: String::new() });
    }

    async fn a_problem_says_its_type_and_a_missing_sign_in_the_way(house) {
        let refused = house.anonymous.get("/me").await.expect(401);
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        let no_method = house.administrator.send(Method::POST, "/me", None).await.expect(405);
        assert_eq!(no_method.headers["content-type"], "application/problem+json");
        assert!(no_method.headers["allow"].to_str().expect("ASCII").contains("GET"));
    }

    async fn the_page_of_the_api_lists_every_operation_and_has_nothing_inline(house) {
        let page = house.anonymous.get("/api/docs").await.expect(200);
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        for operation in openapi::operations() {
            let path = operation.path.replace('/', "<wbr>/");
            let row = format!("<b>{}</b> <code>{path}</code>", operation.method);
            assert_eq!(page.text.matches(&row).count(), 1, "{row}");
        }
        let text = page.text.to_lowercase();
        for inline in ["<script", "<style", " style=", "javascript:", "<iframe", "<object", "<base"] {
            assert!(!text.contains(inline), "{inline}");
        }
        // Event handlers: any attribute that begins with "on".
        assert!(!text.split('<').any(|tag| tag.split('>').next().is_some_and(|tag| tag.contains(" on"))));
        for attribute in ["src=\"", "href=\""] {
            for place in text.split(attribute).skip(1) {
                assert!(place.starts_with("/api/"), "only Vestry's own: {}", &place[..place.len().min(40)]);
            }
        }
        let style = house.anonymous.get("/api/docs.css").await.expect(200);
        assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
        assert!(!style.text.contains("url(") && !style.text.contains("@import"));
    }

    async fn health_needs_no_sign_in_and_tells_no_more_than_it_must(house) {
        let alive = house.anonymous.get("/healthz").await.expect(200);
        assert_eq!(alive.text, "ok\n");
        // The program that makes sandboxes is missing here.
        let ready = house.anonymous.get("/readyz").await.expect(503);
        assert_eq!(ready.json()["database"], "ok");
        assert_eq!(ready.json()["root_key"], "ok");
        assert_ne!(ready.json()["sandbox"], "ok");
        let directory = house.directory.path().to_str().expect("a text");
        assert!(!ready.text.contains(directory), "paths of the machine are nobody's business: {}", ready.text);
    }
}

pub fn pairs() -> impl Iterator<Item = (Option<&'static str>, Option<&'static str>)> {
    SITES.into_iter().flat_map(|site| ORIGINS.into_iter().map(move |origin| (site, origin)))
}

/// A visitor of the same control plane behind a proxy that does TLS.
fn over_https(house: &House) -> Actor {
    let site = Site::new([127, 0, 0, 1].into(), false, Origin::parse("https://vestry.test"), Vec::new());
    Actor::new(control::router(house.app.clone(), site), None, "")
}

/// What the writes of this file change.
async fn seen(house: &House, secret: &str) -> (u16, Value, usize) {
    let written = house.administrator.get(secret).await;
    let organization = house.administrator.get("/organizations/acme").await.expect(200).json();
    let tokens = house.administrator.get("/me/tokens").await.expect(200).json();
    let version = json!([written.json()["version"], organization["name"]]);
    (written.status.as_u16(), version, tokens["items"].as_array().map_or(0, Vec::len))
}

#[track_caller]
fn assert_headers(answer: &Answer) {
    for (name, value) in HEADERS {
        let all: Vec<_> = answer.headers.get_all(*name).iter().collect();
        assert_eq!(all, [value], "{name} of {}: {}", answer.status, answer.text);
    }
}

#[track_caller]
fn assert_not_shared(headers: &HeaderMap) {
    let shared: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(shared.is_empty(), "{shared:?}");
}
