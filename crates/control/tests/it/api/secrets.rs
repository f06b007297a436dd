//! Organization secrets: `/organizations/{organization}/secrets`.

use serde_json::{Value, json};

use crate::{
    both,
    support::{House, LAB},
};

const SECRETS: &str = "/organizations/acme/secrets";
const TOKEN: &str = "/organizations/acme/secrets/HF_TOKEN";

/// Whether the workspace's servers would get the secret.
async fn reaches_lab(house: &House, name: &str) -> bool {
    let seen = house.owner.get(&format!("{LAB}/secrets")).await.expect(200);
    seen.each("name").contains(&name.to_owned())
}

async fn set(house: &House, name: &str, mut body: Value) -> Value {
    body["value"] = json!("hf-1234567890");
    house.administrator.put(&format!("{SECRETS}/{name}"), body).await.json()
}

both! {
    async fn an_administrator_creates_a_secret_that_reaches_every_workspace(house) {
        let made = house.administrator.put(TOKEN, json!({ "value": "hf-1234567890", "description": "for models" })).await;
        let made = made.expect(201).json();
        assert_eq!(made["access"], "all");
        assert_eq!(made["version"], 1);
        assert_eq!(made["description"], "for models");
        assert_eq!(made["created_by"]["name"], "Administrator");
        assert!(made.get("value").is_none());

        let seen = house.owner.get(&format!("{LAB}/secrets")).await.expect(200).json();
        assert_eq!(seen["items"][0]["name"], "HF_TOKEN");
        assert_eq!(seen["items"][0]["scope"], "organization");
        assert_eq!(seen["items"][0]["editable"], false);
        assert_eq!(house.administrator.get(TOKEN).await.expect(200).json()["id"], made["id"]);
    }

    async fn a_new_version_is_counted_even_when_the_value_is_equal(house) {
        let value = json!({ "value": "the same value" });
        let first = house.administrator.put(TOKEN, value.clone()).await.expect(201);
        let second = house.administrator.put(TOKEN, value).await.expect(200);
        assert_eq!(second.json()["version"], 2);
        assert_eq!(second.json()["id"], first.json()["id"]);
        let other = house.administrator.put(TOKEN, json!({ "value": "another one" })).await.expect(200);
        let told = |mut body: Value| {
            body.as_object_mut().unwrap().retain(|field, _| field != "version" && field != "updated_at");
            body
        };
        assert_eq!(told(second.json()), told(other.json()), "no answer tells whether a value is equal");
    }

    async fn only_administrators_read_the_list_and_write(house) {
        set(&house, "HF_TOKEN", json!({})).await;
        let before = house.administrator.get(TOKEN).await.etag();
        for (person, status) in [(&house.owner, 403), (&house.collaborator, 403), (&house.member, 403),
            (&house.foreigner, 404), (&house.anonymous, 401)]
        {
            person.get(SECRETS).await.expect(status);
            person.get(TOKEN).await.expect(status);
            person.put(TOKEN, json!({ "value": "another one" })).await.expect(status);
            person.put(&format!("{SECRETS}/NEW_ONE"), json!({ "value": "another one" })).await.expect(status);
            person.patch(TOKEN, json!({ "description": "another one" })).await.expect(status);
            person.put(&format!("{TOKEN}/workspaces/lab"), json!({})).await.expect(status);
            person.delete(&format!("{TOKEN}/workspaces/lab")).await.expect(status);
            person.delete(TOKEN).await.expect(status);
        }
        assert_eq!(house.administrator.get(TOKEN).await.expect(200).etag(), before);
        assert_eq!(house.administrator.get(SECRETS).await.each("name"), ["HF_TOKEN"]);
    }

    async fn a_foreign_organization_answers_like_a_nonexistent_one(house) {
        set(&house, "HF_TOKEN", json!({})).await;
        for rest in ["secrets", "secrets/HF_TOKEN", "workspaces/lab/secrets", "members", "audit-events"] {
            let foreign = house.foreigner.get(&format!("/organizations/acme/{rest}")).await;
            let nonexistent = house.foreigner.get(&format!("/organizations/nowhere/{rest}")).await;
            assert_eq!(foreign.told(), nonexistent.told());
            assert_eq!(foreign.headers, nonexistent.headers);
        }
    }

    async fn a_selection_on_creation_decides_the_access(house) {
        for (name, body, access, count, reaches) in [
            ("SAYS_NOTHING", json!({}), "all", 0, true),
            ("SAYS_ALL", json!({ "access": "all" }), "all", 0, true),
            ("SAYS_SELECTED", json!({ "access": "selected" }), "selected", 0, false),
            ("GIVES_NONE", json!({ "workspaces": [] }), "selected", 0, false),
            ("GIVES_ONE", json!({ "workspaces": ["lab"] }), "selected", 1, true),
            ("GIVES_BOTH", json!({ "access": "selected", "workspaces": ["lab"] }), "selected", 1, true),
        ] {
            let made = set(&house, name, body).await;
            assert_eq!((&made["access"], &made["workspaces"]["count"]), (&json!(access), &json!(count)), "{name}");
            assert_eq!(reaches_lab(&house, name).await, reaches, "{name}");
        }
        let both = json!({ "value": "hf-1234567890", "access": "all", "workspaces": ["lab"] });
        house.administrator.put(TOKEN, both).await.expect_refused("workspaces", "access_all");
        let word = json!({ "value": "hf-1234567890", "access": "everywhere" });
        house.administrator.put(TOKEN, word).await.expect_refused("access", "unknown_word");
    }

    // Each of 125,000 mentions was looked up and written by itself, while nobody else could write.
    async fn a_workspace_that_is_selected_many_times_is_selected_once(house) {
        let many = json!({ "value": "hf-1234567890", "workspaces": vec!["lab"; 50_000] });
        let made = house.administrator.put(TOKEN, many).await.expect(201).json();
        assert_eq!(made["workspaces"]["count"], 1);
        let events = house.administrator.get("/organizations/acme/audit-events?limit=1").await.expect(200);
        assert!(events.text.len() < 2_000, "{} bytes of events", events.text.len());
        let unknown: Vec<String> = (0..10_001).map(|number| format!("w{number}")).collect();
        let refused = house.administrator.patch(TOKEN, json!({ "workspaces": unknown })).await;
        refused.expect_refused("workspaces", "too_many");
    }

    async fn what_an_update_does_not_mention_stays(house) {
        set(&house, "HF_TOKEN", json!({ "workspaces": ["lab"], "description": "for models" })).await;
        let kept = |answer: Value, version: u32, description: &str| {
            assert_eq!(answer["access"], "selected");
            assert_eq!(answer["workspaces"], json!({ "count": 1, "first": [{ "slug": "lab", "name": "Lab" }] }));
            assert_eq!(answer["version"], version);
            assert_eq!(answer["description"], description);
        };
        kept(set(&house, "HF_TOKEN", json!({})).await, 2, "for models");
        kept(house.administrator.patch(TOKEN, json!({ "description": "for all" })).await.expect(200).json(), 2, "for all");
        kept(house.administrator.patch(TOKEN, json!({})).await.expect(200).json(), 2, "for all");
        kept(set(&house, "HF_TOKEN", json!({ "description": "" })).await, 3, "");
    }

    async fn a_selection_never_widens_by_itself(house) {
        set(&house, "HF_TOKEN", json!({ "workspaces": ["lab"] })).await;
        let emptied = house.administrator.delete(&format!("{TOKEN}/workspaces/lab")).await.expect(200).json();
        assert_eq!((&emptied["access"], &emptied["workspaces"]["count"]), (&json!("selected"), &json!(0)));
        assert!(!reaches_lab(&house, "HF_TOKEN").await);
        set(&house, "HF_TOKEN", json!({})).await;
        assert!(!reaches_lab(&house, "HF_TOKEN").await, "a new version does not widen it either");

        house.administrator.patch(TOKEN, json!({ "access": "all" })).await.expect(200);
        assert!(reaches_lab(&house, "HF_TOKEN").await, "`all` is an explicit act");
        house.administrator.patch(TOKEN, json!({ "access": "selected" })).await.expect(200);
        assert!(!reaches_lab(&house, "HF_TOKEN").await);
    }

    async fn the_last_selected_workspace_takes_its_selection_along_when_it_is_deleted(house) {
        set(&house, "HF_TOKEN", json!({ "workspaces": ["lab"] })).await;
        house.owner.delete(LAB).await.expect(204);
        house.owner.post("/organizations/acme/workspaces", json!({ "name": "Lab" })).await.expect(201);
        assert!(!reaches_lab(&house, "HF_TOKEN").await, "a new workspace of the same address is another one");
        let secret = house.administrator.get(TOKEN).await.json();
        assert_eq!((&secret["access"], &secret["workspaces"]["count"]), (&json!("selected"), &json!(0)));
    }

    async fn a_selection_is_replaced_or_changed_one_by_one(house) {
        house.member.post("/organizations/acme/workspaces", json!({ "name": "Den" })).await.expect(201);
        set(&house, "HF_TOKEN", json!({ "workspaces": ["lab"] })).await;
        let replaced = house.administrator.patch(TOKEN, json!({ "workspaces": ["den"] })).await.expect(200).json();
        assert_eq!(replaced["workspaces"]["first"], json!([{ "slug": "den", "name": "Den" }]));
        assert!(!reaches_lab(&house, "HF_TOKEN").await);

        let lab = format!("{TOKEN}/workspaces/lab");
        for _ in 0..2 {
            let added = house.administrator.put(&lab, json!({})).await.expect(200).json();
            assert_eq!(added["workspaces"]["count"], 2, "selecting twice is selecting once");
        }
        house.administrator.delete(&lab).await.expect(200);
        let again = house.administrator.delete(&lab).await.expect(200).json();
        assert_eq!(again["workspaces"]["first"], json!([{ "slug": "den", "name": "Den" }]));
        assert_eq!(again["version"], 1);

        house.administrator.patch(TOKEN, json!({ "access": "all" })).await.expect(200);
        let conflict = house.administrator.put(&lab, json!({})).await.expect(409);
        assert_eq!(conflict.code(), "conflict");
        house.administrator.delete(&lab).await.expect(409);
    }

    async fn only_workspaces_of_the_same_organization_can_be_selected(house) {
        house.foreigner.post("/organizations/other/workspaces", json!({ "name": "Vault" })).await.expect(201);
        set(&house, "HF_TOKEN", json!({ "workspaces": ["lab"] })).await;
        let before = house.administrator.get(TOKEN).await.etag();
        let mut answers = Vec::new();
        for slug in ["vault", "nowhere"] {
            let body = json!({ "value": "hf-1234567890", "workspaces": ["lab", slug] });
            let put = house.administrator.put(TOKEN, body).await.expect_refused("workspaces", "workspace_unknown");
            let patch = house.administrator.patch(TOKEN, json!({ "workspaces": [slug] })).await.expect(422);
            let one = house.administrator.put(&format!("{TOKEN}/workspaces/{slug}"), json!({})).await.expect(404);
            let out = house.administrator.delete(&format!("{TOKEN}/workspaces/{slug}")).await.expect(404);
            answers.push([put.told(), patch.told(), one.told(), out.told()]);
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(house.administrator.get(TOKEN).await.etag(), before, "a refused write changes nothing");
    }

    async fn an_answer_names_at_most_five_selected_workspaces(house) {
        let mut slugs = vec!["lab".to_owned()];
        for number in 1..=6 {
            let made = house.owner.post("/organizations/acme/workspaces", json!({ "name": format!("W{number}") })).await;
            slugs.push(made.expect(201).json()["slug"].as_str().unwrap().to_owned());
        }
        let made = set(&house, "HF_TOKEN", json!({ "workspaces": slugs })).await;
        assert_eq!(made["workspaces"]["count"], 7);
        assert_eq!(made["workspaces"]["first"].as_array().unwrap().len(), 5);
    }

    async fn a_renamed_secret_keeps_its_versions_and_frees_its_name(house) {
        set(&house, "OLD_NAME", json!({ "workspaces": ["lab"], "description": "for models" })).await;
        let known = set(&house, "OLD_NAME", json!({})).await;
        let old = format!("{SECRETS}/OLD_NAME");
        let renamed = house.administrator.patch(&old, json!({ "name": "NEW_NAME" })).await.expect(200).json();
        for field in ["id", "version", "access", "workspaces", "description", "created_at"] {
            assert_eq!(renamed[field], known[field], "{field}");
        }
        house.administrator.get(&old).await.expect(404);
        assert!(reaches_lab(&house, "NEW_NAME").await && !reaches_lab(&house, "OLD_NAME").await);
        assert_ne!(set(&house, "OLD_NAME", json!({})).await["id"], known["id"], "the old name is free");

        // A rename opens every version under the name before it: two in a row prove that the first sealed them anew.
        let new = format!("{SECRETS}/NEW_NAME");
        house.administrator.patch(&new, json!({ "name": "NEWEST_NAME" })).await.expect(200);
        house.administrator.patch(&format!("{SECRETS}/NEWEST_NAME"), json!({ "name": "NEW_NAME" })).await.expect(200);
        assert_eq!(set(&house, "NEW_NAME", json!({})).await["version"], 3);
    }

    async fn a_rename_to_a_taken_or_refused_name_changes_nothing(house) {
        set(&house, "HF_TOKEN", json!({})).await;
        set(&house, "TAKEN", json!({})).await;
        let before = house.administrator.get(TOKEN).await.etag();
        let both = json!({ "name": "TAKEN", "description": "lost" });
        assert_eq!(house.administrator.patch(TOKEN, both).await.expect(409).code(), "conflict");
        house.administrator.patch(TOKEN, json!({ "name": "LD_PRELOAD" })).await.expect_refused("name", "name_reserved");
        let after = house.administrator.get(TOKEN).await.expect(200);
        assert_eq!((after.etag(), &after.json()["description"]), (before, &json!("")));
        house.administrator.patch(&format!("{SECRETS}/MISSING"), json!({ "name": "X" })).await.expect(404);
    }

    async fn a_deleted_secret_frees_its_name_and_reaches_nobody(house) {
        let known = set(&house, "HF_TOKEN", json!({})).await;
        let server = json!({ "name": "Notebook", "command": ["true"] });
        house.owner.post(&format!("{LAB}/servers"), server).await.expect(201);
        house.owner.post(&format!("{LAB}/servers/notebook/start"), json!({})).await.expect(202);

        let deleted = house.administrator.delete(TOKEN).await.expect(204);
        assert_eq!(deleted.text, "");
        house.administrator.get(TOKEN).await.expect(404);
        house.administrator.delete(TOKEN).await.expect(404);
        house.administrator.patch(TOKEN, json!({ "description": "gone" })).await.expect(404);
        assert!(house.administrator.get(SECRETS).await.each("name").is_empty());
        assert!(!reaches_lab(&house, "HF_TOKEN").await);

        let next = house.administrator.put(TOKEN, json!({ "value": "hf-1234567890" })).await.expect(201).json();
        assert_eq!(next["version"], 1);
        assert_ne!(next["id"], known["id"]);
        let starts = house.owner.get(&format!("{LAB}/servers/notebook/starts")).await.expect(200).json();
        let injected = &starts["items"][0]["injected"][0];
        assert_eq!((&injected["secret_id"], &injected["name"]), (&known["id"], &json!("HF_TOKEN")), "its tombstone stays");
    }

    async fn names_that_could_run_code_in_other_peoples_servers_are_refused(house) {
        let refused = "PATH HOME SHELL USER LOGNAME PWD OLDPWD LANG TERM IFS CDPATH ENV BASH_ENV SHELLOPTS TMPDIR TMP TEMP \
             HOSTNAME EDITOR VISUAL PAGER PROMPT_COMMAND GLIBC_TUNABLES SSH_AUTH_SOCK SSH_CLIENT SSH_CONNECTION SSH_TTY \
             VESTRY_X LD_PRELOAD DYLD_INSERT_LIBRARIES LC_ALL XDG_RUNTIME_DIR __X _ path Ld_Preload";
        for name in refused.split_whitespace() {
            let path = format!("{SECRETS}/{name}");
            let answer = house.administrator.put(&path, json!({ "value": "hf-1234567890" })).await;
            let answer = answer.expect_refused("name", "name_reserved").json();
            let reason = answer["errors"][0]["message"].as_str().unwrap();
            assert!(reason.contains(" is reserved: ") && reason.len() > 50, "{reason}");
        }
        assert!(house.administrator.get(SECRETS).await.each("name").is_empty());
    }

    async fn a_name_is_an_environment_variables_name_as_it_is_typed(house) {
        let long = "A".repeat(129);
        for (name, code) in [
            (long.as_str(), "name_too_long"), ("1ST", "name_malformed"), ("A-B", "name_malformed"),
            ("A%20B", "name_malformed"), ("%C3%84", "name_malformed"),
            ("A=B", "name_is_assignment"), ("%0AA", "name_malformed"),
        ] {
            let answer = house.administrator.put(&format!("{SECRETS}/{name}"), json!({ "value": "hf-1234567890" })).await;
            answer.expect_refused("name", code);
        }
        for name in [&long[1..], "a", "_a", "Mixed_Case9"] {
            assert_eq!(set(&house, name, json!({})).await["name"], name);
        }
        house.administrator.get(&format!("{SECRETS}/A")).await.expect(404);
    }

    async fn doubtful_names_and_values_are_warned_about_never_refused(house) {
        let warned = |body: &Value| -> Vec<String> {
            let warnings = body["warnings"].as_array().unwrap();
            warnings.iter().map(|warning| warning["code"].as_str().unwrap().to_owned()).collect()
        };
        let put = async |name: &str, value: &str| {
            let path = format!("{SECRETS}/{name}");
            house.administrator.put(&path, json!({ "value": value, "allow_empty": true })).await.json()
        };
        assert!(warned(&put("HF_TOKEN", "hf-1234567890").await).is_empty());
        for name in ["GIT_SSH_COMMAND", "NODE_OPTIONS", "PYTHONPATH", "https_proxy", "KUBERNETES_SERVICE_HOST", "OTEL_X"] {
            assert_eq!(warned(&put(name, "hf-1234567890").await), ["name_read_by_programs"], "{name}");
        }
        assert_eq!(warned(&put("Hf_Token", "hf-1234567890").await), ["name_differs_only_in_case"]);
        for (value, code) in [
            ("hf-1234567890\n", "value_trailing_newline"),
            ("hf-1234567890 ", "value_trailing_space"),
            ("hf-12345\r\n67890", "value_carriage_return"),
            ("hf-12345\u{200b}67890", "value_zero_width"),
            ("\u{feff}hf-1234567890", "value_byte_order_mark"),
            ("\"hf-1234567890\"", "value_quoted"),
            ("short", "value_not_masked"),
        ] {
            let written = put("HF_TOKEN", value).await;
            assert_eq!(warned(&written), [code]);
            assert!(!written.to_string().contains("hf-12"), "a warning repeats nothing");
        }
        assert!(warned(&put("EMPTY", "").await).is_empty());
    }

    async fn a_value_is_text_without_nul_of_at_most_48_kib(house) {
        let longest = "x".repeat(48 * 1024);
        house.administrator.put(TOKEN, json!({ "value": longest })).await.expect(201);
        house.administrator.put(TOKEN, json!({ "value": "-----BEGIN-----\nlines\n-----END-----" })).await.expect(200);
        for (value, code) in [
            (format!("{longest}x"), "value_too_long"),
            (String::new(), "value_empty"),
            ("hunter2\0hunter2".to_owned(), "value_has_nul"),
        ] {
            let answer = house.administrator.put(TOKEN, json!({ "value": value })).await.expect_refused("value", code);
            assert!(!answer.text.contains("hunter2") && answer.text.len() < 1_000);
        }
        house.administrator.put(TOKEN, json!({ "value": "", "allow_empty": true })).await.expect(200);
        let too_large = house.administrator.put(TOKEN, json!({ "value": "x".repeat(513 * 1024) })).await.expect(413);
        assert_eq!(too_large.code(), "payload_too_large");
        assert_eq!(house.administrator.get(TOKEN).await.json()["version"], 3, "what is refused is no version");
    }

    async fn the_size_of_what_reaches_a_workspace_is_bounded_and_told_in_kib(house) {
        let large = |extra: Value| {
            let mut body = json!({ "value": "x".repeat(40 * 1024) });
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            body
        };
        for number in 1..=5 {
            let path = format!("{SECRETS}/LARGE_{number}");
            house.administrator.put(&path, large(json!({}))).await.expect(201);
        }
        let sixth = format!("{SECRETS}/LARGE_6");
        let refused = house.administrator.put(&sixth, large(json!({}))).await.expect(422);
        let problem = refused.json();
        let message = problem["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("256 KiB") && message.contains("Nothing was changed"), "{message}");
        house.administrator.get(&sixth).await.expect(404);

        // It may exist as long as it reaches nobody; every way of reaching is refused.
        house.administrator.put(&sixth, large(json!({ "workspaces": [] }))).await.expect(201);
        house.administrator.patch(&sixth, json!({ "access": "all" })).await.expect(422);
        house.administrator.patch(&sixth, json!({ "workspaces": ["lab"] })).await.expect(422);
        house.administrator.put(&format!("{sixth}/workspaces/lab"), json!({})).await.expect(422);
        assert!(!reaches_lab(&house, "LARGE_6").await);
        // The workspace's own budget is another one.
        house.owner.put(&format!("{LAB}/secrets/LARGE_OWN"), large(json!({}))).await.expect(201);
    }
}
