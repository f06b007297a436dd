//! Personal tokens: `/me/tokens`.

use serde_json::{Value, json};

use crate::{
    both,
    support::{Actor, LAB},
};

const TOKENS: &str = "/me/tokens";
const SECRET: &str = "/organizations/acme/secrets/HF_TOKEN";

/// The same person with a new token of this kind.
async fn with_token(person: &Actor, access: &str, organization_secrets: bool) -> Actor {
    let wish = json!({ "name": "other", "access": access, "organization_secrets": organization_secrets });
    let made = person.post(TOKENS, wish).await.expect(201).json();
    person.with_token(made["token"].as_str().unwrap())
}

/// A token's text with the checksum at its end, the CRC-32 of zlib.
fn with_checksum(text: &str) -> String {
    let crc = text
        .bytes()
        .fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xedb8_8320 * (crc & 1))));
    format!("{text}_{:08x}", !crc)
}

fn value() -> Value {
    json!({ "value": "hf-1234567890" })
}

both! {
    async fn a_tokens_text_is_shown_once(house) {
        let wish = json!({ "name": "ci", "access": "full", "expires_at": "2999-01-01T00:00:00Z" });
        let made = house.owner.post(TOKENS, wish).await.expect(201).json();
        let text = made["token"].as_str().unwrap();
        assert!(text.starts_with("vst_p_"));
        assert_eq!((&made["access"], &made["organization_secrets"]), (&json!("full"), &json!(false)));
        assert_eq!(made["expires_at"], "2999-01-01T00:00:00.000000Z");
        let list = house.owner.get(TOKENS).await.expect(200);
        assert_eq!(list.each("name"), ["tests", "ci"]);
        assert!(!list.text.contains(text.rsplit('_').nth(1).unwrap()));
        assert_eq!(house.member.get(TOKENS).await.each("name"), ["tests"], "everybody sees their own");
    }

    async fn there_are_five_hundred_tokens_at_most(house) {
        for (tokens, wish) in [(TOKENS.to_owned(), json!({ "name": "x", "access": "read" })), (format!("{LAB}/tokens"), json!({ "name": "x" }))] {
            let first = house.owner.post(&tokens, wish.clone()).await.expect(201).json();
            let there = house.owner.get(&tokens).await.each("id").len();
            for _ in there..500 {
                house.owner.post(&tokens, wish.clone()).await.expect(201);
            }
            let refused = house.owner.post(&tokens, wish.clone()).await.expect(409);
            assert!(refused.text.contains("revoke those that nobody needs"), "{}", refused.text);
            house.owner.delete(&format!("{tokens}/{}", first["id"].as_str().unwrap())).await.expect(204);
            house.owner.post(&tokens, wish).await.expect(201);
        }
    }

    async fn a_read_only_token_reads_what_its_person_may_and_writes_nothing(house) {
        let owner = with_token(&house.owner, "read", false).await;
        owner.get(&format!("{LAB}/secrets")).await.expect(200);
        owner.put(&format!("{LAB}/secrets/API_KEY"), value()).await.expect(403);
        owner.delete(LAB).await.expect(403);
        owner.post(&format!("{LAB}/servers"), json!({ "name": "X", "command": ["x"] })).await.expect(403);
        owner.post("/organizations/acme/workspaces", json!({ "name": "X" })).await.expect(403);
        owner.delete("/organizations/acme/workspaces/nowhere").await.expect(404);
        let administrator = with_token(&house.administrator, "read", false).await;
        administrator.get("/organizations/acme/secrets").await.expect(200);
        administrator.put(SECRET, value()).await.expect(403);
        administrator.patch("/organizations/acme", json!({ "name": "X" })).await.expect(403);
        house.owner.get(LAB).await.expect(200);
    }

    async fn a_read_only_token_neither_makes_nor_ends_credentials(house) {
        let made = house.owner.post(TOKENS, json!({ "name": "reader", "access": "read" })).await.expect(201).json();
        let reader = house.owner.with_token(made["token"].as_str().unwrap());
        for access in ["read", "full"] {
            reader.post(TOKENS, json!({ "name": "more", "access": access })).await.expect(403);
        }
        let other = house.owner.get(TOKENS).await.each("id")[0].clone();
        let session = house.owner.get("/sessions").await.each("id")[0].clone();
        reader.delete(&format!("{TOKENS}/{other}")).await.expect(403);
        reader.delete(&format!("/sessions/{session}")).await.expect(403);
        assert_eq!(house.owner.get("/sessions").await.expect(200).each("id"), [session]);
        reader.delete(&format!("{TOKENS}/{}", made["id"].as_str().unwrap())).await.expect(204);
        reader.get("/me").await.expect(401);
    }

    async fn only_a_token_made_for_it_writes_organization_secrets(house) {
        let plain = with_token(&house.administrator, "full", false).await;
        plain.get("/organizations/acme/secrets").await.expect(200);
        plain.put(SECRET, value()).await.expect(403);
        house.administrator.put(SECRET, value()).await.expect(201);
        plain.patch(SECRET, json!({ "description": "x" })).await.expect(403);
        plain.put(&format!("{SECRET}/workspaces/lab"), json!({})).await.expect(403);
        plain.delete(SECRET).await.expect(403);
        plain.patch("/organizations/acme", json!({ "name": "Acme Labs" })).await.expect(200);

        let wish = json!({ "name": "stronger", "access": "full", "organization_secrets": true });
        plain.post(TOKENS, wish).await.expect(403);
        with_token(&plain, "full", false).await.get("/me").await.expect(200);
        let owner = with_token(&house.owner, "full", false).await;
        owner.put(&format!("{LAB}/secrets/API_KEY"), value()).await.expect(201);
        house.owner.put(SECRET, value()).await.expect(403);
    }

    async fn a_revoked_token_is_none_at_once(house) {
        let other = with_token(&house.owner, "full", true).await;
        other.get("/me").await.expect(200);
        let id = house.owner.get(TOKENS).await.each("id")[1].clone();
        let path = format!("{TOKENS}/{id}");
        house.member.delete(&path).await.expect(404);
        house.administrator.delete(&path).await.expect(404);
        other.get("/me").await.expect(200);
        house.owner.delete(&path).await.expect(204);
        let refused = other.get("/me").await.expect(401);
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        other.put(&format!("{LAB}/secrets/API_KEY"), value()).await.expect(401);
        house.owner.delete(&path).await.expect(404);
        assert_eq!(house.owner.get(TOKENS).await.each("name"), ["tests"]);
    }

    async fn whatever_is_not_exactly_a_token_is_none(house) {
        let made = house.owner.post(TOKENS, json!({ "name": "ci", "access": "full" })).await.expect(201).json();
        let other = house.member.post(TOKENS, json!({ "name": "ci", "access": "full" })).await.expect(201).json();
        let parts = |made: &Value| made["token"].as_str().unwrap().split('_').map(str::to_owned).collect::<Vec<_>>();
        let (own, others) = (parts(&made), parts(&other));
        let token = made["token"].as_str().unwrap();
        assert_eq!(with_checksum(token.rsplit_once('_').unwrap().0), token);
        for wrong in [
            String::new(),
            "x".to_owned(),
            token[..token.len() - 1].to_owned(),
            format!("{token}0"),
            token.to_uppercase(),
            token.replacen("vst_p_", "vst_w_", 1),
            token.replacen("vst_p_", "vst_s_", 1),
            // An id with the secret of another token, and the checksum that fits both.
            with_checksum(&["vst", "p", &own[2], &others[3]].join("_")),
            with_checksum(&["vst", "p", &others[2], &own[3]].join("_")),
        ] {
            house.anonymous.with_token(&wrong).get("/me").await.expect(401);
        }
        house.anonymous.with("authorization", &format!("Basic {token}")).get("/me").await.expect(401);
        house.anonymous.with("cookie", &format!("vestry_session={token}")).get("/me").await.expect(401);
        house.anonymous.with_token(token).get("/me").await.expect(200);
    }

    async fn a_token_that_does_not_fit_is_not_made(house) {
        for (wish, field, code) in [
            (json!({ "name": "x", "access": "read", "organization_secrets": true }), "organization_secrets",
                "needs_full_access"),
            (json!({ "name": "x", "access": "full", "expires_at": "2001-01-01T00:00:00Z" }), "expires_at", "in_the_past"),
            (json!({ "name": "x", "access": "full", "expires_at": "tomorrow" }), "expires_at", "time"),
            (json!({ "name": "", "access": "full" }), "name", "text_missing"),
            (json!({ "name": "x", "access": "everything" }), "body", "json"),
            (json!({ "name": "x" }), "body", "json"),
        ] {
            house.owner.post(TOKENS, wish).await.expect_refused(field, code);
        }
        assert_eq!(house.owner.get(TOKENS).await.each("name"), ["tests"]);
    }

    // Whoever got hold of a token for an hour made one of it that never ended.
    async fn a_token_makes_none_that_ends_after_it(house) {
        let make = async |person: &Actor, end: Option<&str>| {
            person.post("/me/tokens", json!({ "name": "made", "access": "full", "expires_at": end })).await
        };
        let (early, late) = (Some("2998-01-01T00:00:00Z"), Some("2999-01-01T00:00:00Z"));
        let made = make(&house.owner, early).await.expect(201).json();
        let token = house.owner.with_token(made["token"].as_str().unwrap());
        let of_lab = format!("{}/tokens", LAB);
        for end in [None, late] {
            assert!(make(&token, end).await.expect(403).text.contains("2998-01-01"));
            token.post(&of_lab, json!({ "name": "made", "expires_at": end })).await.expect(403);
        }
        make(&token, early).await.expect(201);
        token.post(&of_lab, json!({ "name": "made", "expires_at": early })).await.expect(201);
        make(&house.owner, None).await.expect(201);
    }

    async fn the_scheme_is_known_in_whatever_case(house) {
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let token = house.owner.token().unwrap();
            let shown = house.anonymous.with("authorization", &format!("{scheme} {token}"));
            shown.get("/me").await.expect(200);
        }
        house.anonymous.with("authorization", "Basic b3duZXI6eA==").get("/me").await.expect(401);
        house.anonymous.with("authorization", "Bearer").get("/me").await.expect(401);
    }
}
