//! Signing in and out: `/sessions`.

use serde_json::json;

use crate::{
    both,
    support::{Actor, Answer, House, LAB, PASSWORD},
};

async fn attempt(house: &House, email: &str, password: &str) -> Answer {
    house.anonymous.post("/sessions", json!({ "email": email, "password": password })).await
}

/// The browser of the owner, signed in; it says nothing of the page that sends its requests.
async fn browser(house: &House) -> Actor {
    let answer = attempt(house, &house.owner.email, PASSWORD).await.expect(201);
    let cookie = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    house.anonymous.with("cookie", &cookie)
}

both! {
    async fn signing_in_opens_a_session_that_scripts_and_other_sites_cant_use(house) {
        let answer = attempt(&house, "OWNER@acme.test", PASSWORD).await.expect(201);
        assert_eq!(answer.json()["user"]["name"], "owner");
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        for attribute in ["vestry_session=vst_s_", "; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=604800"] {
            assert!(cookie.contains(attribute), "{attribute}");
        }
        assert!(!answer.text.contains("vst_s_"));
        browser(&house).await.get(LAB).await.expect(200);
    }

    async fn a_wrong_password_and_an_unknown_address_are_the_same_answer(house) {
        let wrong = attempt(&house, &house.owner.email, "not the password").await.expect(401);
        for email in ["nobody@acme.test", "no address", ""] {
            let unknown = attempt(&house, email, PASSWORD).await;
            assert_eq!(unknown.told(), wrong.told());
            assert_eq!(unknown.headers, wrong.headers);
        }
        assert_eq!(wrong.code(), "unauthenticated");
        assert!(!wrong.text.contains("not the password") && !wrong.headers.contains_key("set-cookie"));
        attempt(&house, &house.owner.email, "").await.expect(401);
    }

    async fn a_cookie_changes_things_only_from_the_own_pages(house) {
        let silent = browser(&house).await;
        let path = format!("{LAB}/secrets/API_KEY");
        let value = json!({ "value": "k-1234567890" });
        for stranger in [
            silent.clone(),
            silent.with("sec-fetch-site", "cross-site"),
            silent.with("sec-fetch-site", "same-site"),
            silent.with("sec-fetch-site", "none"),
            silent.with("origin", "http://evil.test"),
            silent.with("origin", "null"),
            silent.with("origin", "http://localhost").with("sec-fetch-site", "cross-site"),
        ] {
            stranger.put(&path, value.clone()).await.expect(403);
            stranger.delete("/sessions/current").await.expect(403);
        }
        house.owner.get(&path).await.expect(404);
        silent.get(LAB).await.expect(200);
        silent.with("sec-fetch-site", "same-origin").put(&path, value.clone()).await.expect(201);
        silent.with("origin", "http://localhost").put(&path, value).await.expect(200);
    }

    async fn another_sites_page_cant_sign_a_browser_in(house) {
        let body = json!({ "email": house.owner.email, "password": PASSWORD });
        for (header, text) in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.test")] {
            let answer = house.anonymous.with(header, text).post("/sessions", body.clone()).await.expect(403);
            assert!(!answer.headers.contains_key("set-cookie"));
        }
        house.anonymous.with("sec-fetch-site", "same-origin").post("/sessions", body).await.expect(201);
    }

    async fn signing_out_ends_the_session_at_once(house) {
        let page = browser(&house).await.with("sec-fetch-site", "same-origin");
        page.get("/me").await.expect(200);
        page.delete("/sessions/current").await.expect(204);
        page.get("/me").await.expect(401);
        page.delete("/sessions/current").await.expect(401);
        house.owner.get("/me").await.expect(200);
    }

    async fn people_see_and_end_their_own_sessions_only(house) {
        let page = browser(&house).await.with("sec-fetch-site", "same-origin");
        let list = page.get("/sessions").await.expect(200).json();
        let sessions = list["items"].as_array().unwrap();
        assert_eq!((&sessions[0]["current"], &sessions[1]["current"]), (&json!(false), &json!(true)));
        let own = format!("/sessions/{}", sessions[1]["id"].as_str().unwrap());
        house.administrator.delete(&own).await.expect(404);
        house.foreigner.delete(&own).await.expect(404);
        page.get("/me").await.expect(200);
        house.owner.delete(&own).await.expect(204);
        page.get("/me").await.expect(401);
        house.owner.delete(&own).await.expect(404);
        house.owner.delete("/sessions/current").await.expect(404);
        assert_eq!(house.owner.get("/sessions").await.each("id").len(), 1);
    }

    async fn a_sessions_cookie_is_no_bearer_token(house) {
        let answer = attempt(&house, &house.owner.email, PASSWORD).await.expect(201);
        let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
        let text = cookie.split(['=', ';']).nth(1).unwrap();
        house.anonymous.with_token(text).get("/me").await.expect(401);
        // A token that is none is not saved by a cookie that is one.
        browser(&house).await.with_token("x").get("/me").await.expect(401);
    }
}
