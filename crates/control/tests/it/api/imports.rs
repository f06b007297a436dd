//! `…/secret-imports`, of an organization and of a workspace: what a dry run says is what then happens, or nothing does.

use serde_json::{Value, json};

use crate::{
    both,
    store::{
        drift::{runs, server},
        sql::Sql,
    },
    support::{Actor, Answer, House, LAB},
};

const ORGANIZATION: &str = "/organizations/acme";
const SECRETS: &str = "/organizations/acme/secrets";
const OWN: &str = "/organizations/acme/workspaces/lab/secrets";

/// Sends an import that overwrites, with whatever else is to be said.
async fn send(person: &Actor, place: &str, content: &str, more: Value) -> Answer {
    let mut body = json!({ "format": "env", "content": content, "mode": "overwrite" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    person.post(&format!("{place}/secret-imports"), body).await
}

async fn dry(person: &Actor, place: &str, content: &str, more: Value) -> Answer {
    let mut more = more;
    more["dry_run"] = json!(true);
    send(person, place, content, more).await
}

/// Each line in short: `3 NAME verdict v1 code`, without what is null.
fn said(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let lines = body["lines"].as_array().unwrap_or_else(|| panic!("{}", answer.text));
    let short = |line: &Value| {
        let version = line["version"].as_u64().map(|version| format!("v{version}"));
        let text = |field: &str| line[field].as_str().map(str::to_owned);
        let parts = [Some(line["line"].to_string()), text("name"), text("verdict"), version, text("code")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    lines.iter().map(short).collect()
}

/// The codes of a line's warnings.
fn warnings(answer: &Answer, line: usize) -> Vec<String> {
    let warnings = answer.json()["lines"][line]["warnings"].as_array().unwrap().clone();
    warnings.iter().map(|warning| warning["code"].as_str().unwrap().to_owned()).collect()
}

/// What a run of `lab` gets: each name with its value.
async fn environment(house: &House) -> Vec<(String, String)> {
    let wish = json!({ "organization": "acme", "workspace": "lab", "host": "laptop" });
    let begun = house.owner.post("/runs", wish).await.expect(201).json();
    let text = |variable: &Value, field: &str| variable[field].as_str().unwrap().to_owned();
    let variables = begun["variables"].as_array().unwrap().iter();
    variables.map(|variable| (text(variable, "name"), text(variable, "value"))).collect()
}

/// The last event of the audit log.
async fn last_event(house: &House) -> Value {
    house.administrator.get("/organizations/acme/audit-events?limit=1").await.expect(200).json()["items"][0].clone()
}

both! {
    async fn every_line_has_its_verdict_and_a_dry_run_writes_nothing(house) {
        house.administrator.put(&format!("{SECRETS}/SHARED"), json!({ "value": "o-1234567890" })).await.expect(201);
        house.owner.put(&format!("{OWN}/KNOWN"), json!({ "value": "k-1234567890" })).await.expect(201);
        let before = Sql::open(&house).await.everything().await;
        let text = "# ours\nexport NEW='n-1234567890'\nSHARED=s-1234567890\n\nKNOWN=\"k-\n2\"\nNOTHING=\nPATH=x\nnonsense\nNEW=y\n";
        let answer = dry(&house.owner, LAB, text, json!({})).await.expect(200);
        assert_eq!(said(&answer), [
            "2 NEW added v1", "3 SHARED overrides v1", "5 KNOWN updated v2", "7 NOTHING empty",
            "8 PATH refused name_reserved", "9 unparsed line_assigns_nothing", "10 NEW refused name_twice",
        ]);
        let body = answer.json();
        assert_eq!((&body["dry_run"], &body["stopped"]), (&json!(true), &json!(true)));
        assert_eq!(body["counts"], json!({ "added": 1, "updated": 1, "overrides": 1, "skipped": 0, "empty": 1, "refused": 2,
            "unparsed": 1 }));
        assert_eq!(body["lines"][1]["message"], "new, overrides the organization's v1");
        assert_eq!(body["lines"][2]["message"], "v1 → v2");
        assert_eq!(Sql::open(&house).await.everything().await, before);

        let refused = send(&house.owner, LAB, text, json!({})).await.expect(422);
        let codes = ["name_reserved", "line_assigns_nothing", "name_twice"].map(|code| ("content".to_owned(), code.to_owned()));
        assert_eq!(refused.refused(), codes);
        let messages: Vec<String> =
            refused.json()["errors"].as_array().unwrap().iter().map(|e| e["message"].as_str().unwrap().to_owned()).collect();
        assert!(messages[0].starts_with("Line 8 (PATH): "), "{messages:?}");
        assert_eq!(messages[2], "Line 10 (NEW): Line 2 assigns to this name too. Leave one of the two.");
        assert_eq!(Sql::open(&house).await.everything().await, before);
    }

    async fn what_a_dry_run_says_is_what_then_happens(house) {
        house.administrator.put(&format!("{SECRETS}/SHARED"), json!({ "value": "o-1234567890" })).await.expect(201);
        house.owner.put(&format!("{OWN}/KNOWN"), json!({ "value": "k-1234567890", "description": "kept" })).await.expect(201);
        let notebook = server(&house.owner, LAB, "web").await;
        runs(&house, &house.owner, &notebook).await;
        let text = "\u{feff}export NEW='n 1234567890' # a comment\r\nSHARED=s-1234567890\r\nKNOWN=\"a\\tb\r\nc\\\\\"\r\nNOTHING=\r\n";
        let dry = dry(&house.owner, LAB, text, json!({})).await.expect(200);
        let real = house.owner.with("if-match", &dry.etag());
        let done = send(&real, LAB, text, json!({})).await.expect(200);
        let (mut first, second) = (dry.json(), done.json());
        assert_eq!(first["restart_needed"], json!([{ "workspace": "lab", "server": "web" }]));
        first["dry_run"] = json!(false);
        assert_eq!(first, second);
        let got = environment(&house).await;
        let expected = [("KNOWN", "a\tb\nc\\"), ("NEW", "n 1234567890"), ("SHARED", "s-1234567890")];
        assert_eq!(got, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let known = house.owner.get(&format!("{OWN}/KNOWN")).await.expect(200).json();
        assert_eq!((&known["version"], &known["description"]), (&json!(2), &json!("kept")));
    }

    async fn whoever_changes_a_secret_after_the_dry_run_is_not_overwritten(house) {
        let text = "KEY=k-1234567890\nOTHER=o-1234567890";
        let etag = dry(&house.owner, LAB, text, json!({})).await.expect(200).etag();
        assert_eq!(dry(&house.owner, LAB, text, json!({})).await.etag(), etag);
        house.owner.put(&format!("{OWN}/KEY"), json!({ "value": "theirs, first" })).await.expect(201);
        let late = house.owner.with("if-match", &etag);
        send(&late, LAB, text, json!({})).await.expect(412);
        house.owner.get(&format!("{OWN}/OTHER")).await.expect(404);
        let etag = dry(&house.owner, LAB, text, json!({})).await.expect(200).etag();
        house.administrator.put(&format!("{SECRETS}/OTHER"), json!({ "value": "beneath it now" })).await.expect(201);
        send(&house.owner.with("if-match", &etag), LAB, text, json!({})).await.expect(412);
        send(&house.owner, LAB, text, json!({})).await.expect(200);
    }

    async fn a_taken_name_is_skipped_overwritten_or_stops_everything(house) {
        house.owner.put(&format!("{OWN}/KNOWN"), json!({ "value": "k-1234567890" })).await.expect(201);
        let text = "KNOWN=another-one\nNEW=n-1234567890";
        let stopped = send(&house.owner, LAB, text, json!({ "mode": "fail" })).await.expect_refused("content", "name_taken");
        assert!(stopped.text.contains("Line 1 (KNOWN): There is a secret of this name already: v1."), "{}", stopped.text);
        house.owner.get(&format!("{OWN}/NEW")).await.expect(404);
        let skipped = send(&house.owner, LAB, text, json!({ "mode": "skip" })).await.expect(200);
        assert_eq!(said(&skipped), ["1 KNOWN skipped v1", "2 NEW added v1"]);
        assert_eq!(environment(&house).await[0].1, "k-1234567890");
        let overwritten = send(&house.owner, LAB, text, json!({})).await.expect(200);
        assert_eq!(said(&overwritten), ["1 KNOWN updated v2", "2 NEW updated v2"]);
        assert_eq!(environment(&house).await[0].1, "another-one");
    }

    async fn an_empty_value_is_left_out_unless_it_is_allowed(house) {
        let text = "A=\nB=''\nC= # none\n";
        let answer = send(&house.owner, LAB, text, json!({})).await.expect(200);
        assert_eq!(said(&answer), ["1 A empty", "2 B empty", "3 C empty"]);
        assert_eq!(last_event(&house).await["action"], "collaborator.added", "nothing was done, and nothing is told");
        let answer = send(&house.owner, LAB, text, json!({ "allow_empty": true })).await.expect(200);
        assert_eq!(said(&answer), ["1 A added v1", "2 B added v1", "3 C added v1"]);
        assert_eq!(environment(&house).await.len(), 3);
    }

    async fn an_import_leaves_one_event_with_names_and_no_value(house) {
        house.owner.put(&format!("{OWN}/KNOWN"), json!({ "value": "k-1234567890" })).await.expect(201);
        let events = Sql::open(&house).await.number("SELECT COUNT(*) FROM audit_events").await;
        send(&house.owner, LAB, "NEW=hunter-2222\nKNOWN=hunter-3333\nEMPTY=\n", json!({})).await.expect(200);
        assert_eq!(Sql::open(&house).await.number("SELECT COUNT(*) FROM audit_events").await, events + 1);
        let event = last_event(&house).await;
        assert_eq!((&event["action"], &event["target"]["kind"], &event["target"]["name"]),
            (&json!("secrets.imported"), &json!("workspace"), &json!("lab")));
        let details = &event["details"];
        assert_eq!((&details["added"], &details["updated"]), (&json!(["NEW"]), &json!({ "KNOWN": 2 })));
        assert_eq!((&details["scope"], &details["mode"]), (&json!("workspace"), &json!("overwrite")));
        assert!(!event.to_string().contains("hunter"), "{event}");
        let verified = house.administrator.get("/organizations/acme/audit-events/verification").await.expect(200).json();
        assert_eq!(verified["intact"], true);

        send(&house.administrator, ORGANIZATION, "SHARED=hunter-4444", json!({ "workspaces": ["lab"] })).await.expect(200);
        let event = last_event(&house).await;
        assert_eq!((&event["target"]["kind"], &event["details"]["workspaces"]), (&json!("organization"), &json!(["lab"])));
    }

    async fn new_organization_secrets_reach_what_is_said_and_those_that_are_there_keep_theirs(house) {
        let admin = &house.administrator;
        let access = async |name: &str| {
            let secret = admin.get(&format!("{SECRETS}/{name}")).await.expect(200).json();
            (secret["access"].as_str().unwrap().to_owned(), secret["workspaces"]["count"].as_u64().unwrap())
        };
        send(admin, ORGANIZATION, "EVERYWHERE=e-1234567890", json!({})).await.expect(200);
        assert_eq!(access("EVERYWHERE").await, ("all".to_owned(), 0));
        send(admin, ORGANIZATION, "LAB_ONLY=l-1234567890\nLAB_TOO=t-1234567890", json!({ "workspaces": ["lab"] })).await.expect(200);
        assert_eq!((access("LAB_ONLY").await, access("LAB_TOO").await), (("selected".to_owned(), 1), ("selected".to_owned(), 1)));
        send(admin, ORGANIZATION, "NOWHERE=n-1234567890", json!({ "access": "selected" })).await.expect(200);
        assert_eq!(access("NOWHERE").await, ("selected".to_owned(), 0));
        let names: Vec<String> = environment(&house).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["EVERYWHERE", "LAB_ONLY", "LAB_TOO"]);

        send(admin, ORGANIZATION, "LAB_ONLY=2\nEVERYWHERE=2", json!({})).await.expect(200);
        assert_eq!((access("LAB_ONLY").await, access("EVERYWHERE").await), (("selected".to_owned(), 1), ("all".to_owned(), 0)));
        let wider = send(admin, ORGANIZATION, "LAB_ONLY=3\nEVERYWHERE=3", json!({ "access": "all" })).await.expect(200).json();
        assert_eq!(wider["lines"][0]["message"], "v2 → v3, reaches all workspaces from now on");
        assert_eq!(wider["lines"][1]["message"], "v2 → v3");
        assert_eq!(access("LAB_ONLY").await.0, "all");
        let narrower = send(admin, ORGANIZATION, "LAB_TOO=2", json!({ "workspaces": [] })).await.expect(200).json();
        assert_eq!(narrower["lines"][0]["message"], "v1 → v2, reaches exactly the given workspaces from now on");
        assert_eq!(access("LAB_TOO").await, ("selected".to_owned(), 0));

        let before = Sql::open(&house).await.everything().await;
        for wrong in [json!({ "workspaces": ["lab", "nowhere"] }), json!({ "workspaces": ["nowhere"], "dry_run": true })] {
            send(admin, ORGANIZATION, "X=x-1234567890", wrong).await.expect_refused("workspaces", "workspace_unknown");
        }
        let both = json!({ "access": "all", "workspaces": ["lab"] });
        send(admin, ORGANIZATION, "X=x-1234567890", both).await.expect_refused("workspaces", "access_all");
        send(&house.owner, LAB, "X=x", json!({ "access": "all" })).await.expect_refused("body", "json");
        assert_eq!(Sql::open(&house).await.everything().await, before);
    }

    async fn an_import_writes_the_rows_that_single_writes_do(house) {
        let admin = &house.administrator;
        let value = json!({ "value": "twelve bytes", "workspaces": ["lab"] });
        let of_names = |from: &str, to: &str| format!("{from}\nSECOND=twelve bytes\n").replace("FIRST", to);
        for _ in 0..12 {
            admin.put(&format!("{SECRETS}/SINGLE"), value.clone()).await;
            send(admin, ORGANIZATION, &of_names("FIRST=twelve bytes", "MANY"), json!({ "workspaces": ["lab"] })).await.expect(200);
        }
        for name in ["SINGLE", "MANY"] {
            admin.put(&format!("{SECRETS}/{name}/suspension"), json!({ "reason": "leaked" })).await.expect(200);
        }
        admin.put(&format!("{SECRETS}/SINGLE"), json!({ "value": "twelve bytes", "access": "all" })).await.expect(200);
        send(admin, ORGANIZATION, "MANY=twelve bytes", json!({ "access": "all" })).await.expect(200);

        let mut sql = Sql::open(&house).await;
        let flag = |columns: &[&str]| {
            columns.iter().map(|c| format!("CASE WHEN {c} IS NULL THEN '-' ELSE 'set' END")).collect::<Vec<_>>().join(" || ',' || ")
        };
        let secrets = flag(&["created_by", "updated_by", "renamed_at", "access_changed_at", "access_changed_by", "suspended_at",
            "suspended_by", "suspended_reason", "lifted_at", "lifted_by", "deleted_at", "restored_at", "destroyed_at"]);
        let versions = flag(&["sealed", "created_by", "restored_from", "suspended_at", "suspended_reason", "erased_at", "erased_by"]);
        for (columns, from) in [
            (format!("scope || access || description || version || ',' || (cost - length(name)) || ',' || {secrets}"),
                "secrets WHERE name = '?'"),
            (format!("version || ',' || {versions}"),
                "secret_versions WHERE secret_id = (SELECT id FROM secrets WHERE name = '?') ORDER BY version"),
            ("workspace_id || selected || changed_by".to_owned(),
                "selections WHERE secret_id = (SELECT id FROM secrets WHERE name = '?')"),
        ] {
            let single = sql.texts(&format!("SELECT {columns} FROM {}", from.replace('?', "SINGLE"))).await;
            let many = sql.texts(&format!("SELECT {columns} FROM {}", from.replace('?', "MANY"))).await;
            assert_eq!(single, many, "{from}");
            assert!(!single.is_empty(), "{from}");
        }
        assert_eq!(environment(&house).await.len(), 3, "nothing is suspended any more");
        house.owner.delete(&format!("{OWN}/NONE")).await.expect(404);
    }

    async fn a_full_budget_fits_and_one_secret_more_writes_nothing(house) {
        let text = |from: usize, to: usize| (from..to).map(|n| format!("KEY_{n}=k-1234567890\n")).collect::<String>();
        for (person, place, most) in [(&house.owner, LAB, 100), (&house.administrator, ORGANIZATION, 1_000)] {
            send(person, place, &text(0, most), json!({})).await.expect(200);
            let before = Sql::open(&house).await.everything().await;
            for dry_run in [true, false] {
                let more = json!({ "dry_run": dry_run });
                send(person, place, &text(most - 10, most + 1), more).await.expect_refused("budget", "budget_secrets");
            }
            assert_eq!(Sql::open(&house).await.everything().await, before);
            send(person, place, &text(0, most), json!({})).await.expect(200);
        }
        send(&house.administrator, ORGANIZATION, &text(0, 1_001), json!({})).await
            .expect_refused("content", "text_has_too_many_lines");
        let large: String = (0..5).map(|n| format!("LARGE_{n}='{}'\n", "x".repeat(48 * 1024))).collect();
        let other = &house.foreigner;
        send(other, "/organizations/other", &large, json!({})).await.expect_refused("budget", "budget_size");
    }

    async fn the_text_may_have_a_mebibyte_however_json_writes_it(house) {
        let comment = format!("#{}\n", "\" ".repeat((LONGEST - "#\nA=a-1234567890".len()) / 2));
        let longest = format!("{comment}A=a-1234567890");
        assert_eq!(longest.len(), LONGEST);
        send(&house.owner, LAB, &longest, json!({ "dry_run": true })).await.expect(200);
        for too_long in [format!("{}#", "#\n".repeat(LONGEST / 2)), "#".repeat(2 * LONGEST + 1)] {
            let answer = send(&house.owner, LAB, &too_long, json!({})).await.expect(413);
            assert_eq!(answer.code(), "payload_too_large");
        }
        house.owner.get(&format!("{OWN}/A")).await.expect(404);
    }

    async fn what_may_not_be_said_is_refused_and_only_after_who_may_ask(house) {
        let before = Sql::open(&house).await.everything().await;
        send(&house.owner, LAB, "A=b", json!({ "format": "yaml" })).await.expect_refused("format", "unknown_word");
        send(&house.owner, LAB, "A=b", json!({ "mode": "merge" })).await.expect_refused("mode", "unknown_word");
        send(&house.owner, LAB, "A=b", json!({ "verbose": true })).await.expect_refused("body", "json");
        house.owner.post(&format!("{LAB}/secret-imports"), json!({ "format": "env", "mode": "skip" })).await
            .expect_refused("body", "json");
        for (person, place, status) in [
            (&house.anonymous, LAB, 401), (&house.foreigner, LAB, 404), (&house.member, LAB, 404),
            (&house.collaborator, LAB, 403), (&house.administrator, LAB, 403), (&house.owner, ORGANIZATION, 403),
            (&house.foreigner, ORGANIZATION, 404),
        ] {
            for more in [json!({}), json!({ "dry_run": true }), json!({ "mode": "merge" })] {
                send(person, place, "nonsense", more).await.expect(status);
            }
        }
        assert_eq!(Sql::open(&house).await.everything().await, before);
    }

    async fn what_is_worth_knowing_of_a_line_is_said_without_its_value(house) {
        house.administrator.put(&format!("{SECRETS}/shared_key"), json!({ "value": "o-1234567890" })).await.expect(201);
        let text = "SHARED_KEY=hunter-2222\nGIT_TOKEN=short\nA='hunter-3333 '\nB=hunter-4444 # hunter\nC=hunter-${X}\nd=hunter-5555\nD=hunter-6666\n";
        let answer = dry(&house.owner, LAB, text, json!({})).await.expect(200);
        let expected = [
            vec!["name_differs_only_in_case"], vec!["value_not_masked", "name_read_by_programs"], vec!["value_trailing_space"],
            vec!["value_has_comment"], vec!["value_not_filled_in"], vec!["name_differs_only_in_case"],
            vec!["name_differs_only_in_case"],
        ];
        for (line, expected) in expected.iter().enumerate() {
            assert_eq!(warnings(&answer, line), *expected, "{line}");
        }
        assert!(!answer.text.contains("hunter"), "{}", answer.text);
        // Nothing tells that a value is the one that is there.
        send(&house.owner, LAB, text, json!({})).await.expect(200);
        let same = dry(&house.owner, LAB, text, json!({})).await.expect(200).json();
        let other = dry(&house.owner, LAB, &text.replace("hunter-2222", "hunter-9999"), json!({})).await.expect(200).json();
        assert_eq!(same, other);
    }
}

/// The longest text, in bytes.
const LONGEST: usize = 1024 * 1024;
