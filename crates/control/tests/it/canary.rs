//! Values go in and are nowhere to be found: not in the database, its log, the data directory, the control plane's own
//! log at its most talkative, or any answer. In clear, base64, hexadecimal, URL or JSON.

pub mod search;

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    both,
    store::sql::{Sql, eventually},
    support::{Actor, Answer, Database, House, LAB},
};
use search::Needles;

const SECRETS: &str = "/organizations/acme/secrets";
const OWN: &str = "/organizations/acme/workspaces/lab/secrets";

/// All that any control plane in this process logs from the first capture on, at every level.
#[derive(Clone)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn begin() -> Self {
        static CAPTURED: OnceLock<Captured> = OnceLock::new();
        let begin = || {
            let captured = Self(Arc::default());
            let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
            subscriber.with_writer(captured.clone()).init();
            captured
        };
        CAPTURED.get_or_init(begin).clone()
    }

    fn so_far(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Sends requests and keeps every answer, headers included.
#[derive(Default)]
struct Recorder {
    answers: Vec<u8>,
    needles: Needles,
    values: usize,
}

impl Recorder {
    /// A value that nobody has had before, of the kind that every encoding changes somewhere.
    fn value(&mut self) -> String {
        let (core, odd) = (control::random::revision(), "\"<&>\\ +/é\t%=?\n");
        let value = format!("{core}{odd}{core:.9}");
        self.needles.add(&value, &core);
        self.values += 1;
        value
    }

    async fn send(&mut self, person: &Actor, method: &str, path: &str, body: Value) -> Answer {
        let body = (!body.is_null()).then(|| body.to_string());
        let answer = person.send(method.parse().unwrap(), path, body).await;
        self.answers.extend_from_slice(format!("{:?}\n{}\n", answer.headers, answer.text).as_bytes());
        answer
    }

    async fn set(&mut self, person: &Actor, path: &str, status: u16) {
        let value = self.value();
        self.send(person, "PUT", path, json!({ "value": value })).await.expect(status);
    }
}

fn files(directory: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, into),
            // A file that goes away meanwhile holds nothing any more.
            false => into.extend(fs::read(&path).unwrap_or_default()),
        }
    }
}

/// Whatever of the house lies on disk: its directory with SQLite's file and write-ahead log; every row of every table.
async fn kept(house: &House) -> Vec<u8> {
    let mut kept = Vec::new();
    files(house.directory.path(), &mut kept);
    for row in Sql::open(house).await.everything().await.into_values().flatten() {
        kept.extend_from_slice(row.as_bytes());
    }
    kept
}

/// Writes values in every way that is taken and every way that is refused.
async fn exercise(house: &House, recorder: &mut Recorder) {
    let (administrator, owner) = (&house.administrator, &house.owner);
    for number in 0..55 {
        for (person, place) in [(administrator, SECRETS), (owner, OWN)] {
            let path = format!("{place}/CANARY_{number}");
            recorder.set(person, &path, 201).await;
            match number % 5 {
                0 => recorder.set(person, &path, 200).await,
                1 => drop(recorder.send(person, "DELETE", &path, Value::Null).await.expect(204)),
                2 => {
                    recorder.set(person, &path, 200).await;
                    let renamed = json!({ "name": format!("RENAMED_{number}") });
                    recorder.send(person, "PATCH", &path, renamed).await.expect(200);
                }
                3 => drop(recorder.send(person, "PATCH", &path, json!({ "description": "d" })).await.expect(200)),
                _ => {}
            }
        }
    }
    refused(house, recorder).await;
    imports(house, recorder).await;
    let server = json!({ "name": "Notebook", "command": ["true"] });
    recorder.send(owner, "POST", &format!("{LAB}/servers"), server).await.expect(201);
    let notebook = format!("{LAB}/servers/notebook");
    recorder.send(owner, "POST", &format!("{notebook}/start"), Value::Null).await.expect(202);
    eventually("the end of a start", async || {
        (owner.get(&notebook).await.expect(200).json()["status"] != "starting").then_some(())
    })
    .await;
    runs(house, recorder).await;
    for (person, path) in [
        (owner, notebook.as_str()),
        (owner, &format!("{notebook}/starts")),
        (owner, &format!("{notebook}/logs")),
        (owner, &format!("{OWN}?limit=200")),
        (owner, &format!("{LAB}/explanations/CANARY_3")),
        (administrator, &format!("{SECRETS}?limit=200")),
        (administrator, "/organizations/acme/audit-events?limit=200"),
        (administrator, "/organizations/acme/audit-events/verification"),
    ] {
        recorder.send(person, "GET", path, Value::Null).await.expect(200);
    }
}

/// What a run of `lab` asks for.
fn run_of_lab() -> Value {
    json!({ "organization": "acme", "workspace": "lab", "host": "laptop", "command": "python3" })
}

/// Runs of all who may start them, and of who may not. Answers that shall hold values are looked at and not kept.
async fn runs(house: &House, recorder: &mut Recorder) {
    let (owner, tokens) = (&house.owner, format!("{LAB}/tokens"));
    let made = owner.post(&tokens, json!({ "name": "pipeline" })).await.expect(201).json();
    let token = made["token"].as_str().unwrap();
    recorder.needles.add(token, token.rsplit('_').nth(1).unwrap());
    let robot = house.anonymous.with_token(token);
    for (runner, wish) in
        [(owner, run_of_lab()), (&house.collaborator, run_of_lab()), (&robot, json!({ "host": "builder" }))]
    {
        let begun = runner.post("/runs", wish).await.expect(201);
        assert!(recorder.needles.find(begun.text.as_bytes()).is_some(), "a run gets its values");
    }
    let with = |more: Value| {
        let mut wish = run_of_lab();
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wish
    };
    for (runner, wish, status) in [
        (&house.administrator, run_of_lab(), 403),
        (&house.member, run_of_lab(), 404),
        (&house.foreigner, run_of_lab(), 404),
        (&house.anonymous, run_of_lab(), 401),
        (&robot, with(json!({ "organization": "other" })), 403),
        (owner, with(json!({ "workspace": "nowhere" })), 404),
        (owner, with(json!({ "only": ["CANARY_3", "MISSING"] })), 422),
        (owner, with(json!({ "host": "\u{1b}[2J" })), 422),
        (owner, with(json!({ "value": 1 })), 422),
        (owner, with(json!({ "only": ["A".repeat(600 * 1024)] })), 413),
    ] {
        recorder.send(runner, "POST", "/runs", wish).await.expect(status);
    }
    let mut sql = Sql::open(house).await;
    let whole = "UPDATE secret_versions SET sealed = $1 WHERE version = 1 AND \
        secret_id = (SELECT id FROM secrets WHERE name = 'CANARY_3' AND scope = 'workspace')";
    sql.write_bytes(whole, b"damaged").await;
    for (runner, wish) in [(owner, run_of_lab()), (&robot, json!({ "host": "builder" }))] {
        recorder.send(runner, "POST", "/runs", wish).await.expect(409);
    }
    for path in [tokens.clone(), format!("{LAB}/runs?limit=200"), format!("{LAB}/environment")] {
        recorder.send(owner, "GET", &path, Value::Null).await.expect(200);
    }
    let token = format!("{tokens}/{}", made["id"].as_str().unwrap());
    recorder.send(owner, "DELETE", &token, Value::Null).await.expect(204);
    recorder.send(&robot, "POST", "/runs", json!({ "host": "builder" })).await.expect(401);
}

/// A line of `.env` text with a value.
fn line(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{name}=\"{value}\"\n")
}

/// Imports that are done, only tried, and refused: with a value in every place of a text.
async fn imports(house: &House, recorder: &mut Recorder) {
    for (person, place) in [(&house.administrator, "/organizations/acme"), (&house.owner, LAB)] {
        let path = format!("{place}/secret-imports");
        let text: String = (0..5).map(|n| line(&format!("CANARY_IMPORTED_{n}"), &recorder.value())).collect();
        let body = |content: &str, mode: &str, dry_run: bool| json!({ "format": "env", "content": content, "mode": mode, "dry_run": dry_run });
        recorder.send(person, "POST", &path, body(&text, "fail", true)).await.expect(200);
        recorder.send(person, "POST", &path, body(&text, "fail", false)).await.expect(200);
        recorder.send(person, "POST", &path, body(&text, "overwrite", false)).await.expect(200);
        for spoil in [
            |value: &str| line("CANARY_IMPORTED_0", value),
            |value: &str| line("PATH", value),
            |value: &str| line("TWICE", value).repeat(2),
            |value: &str| value.to_owned(),
            |value: &str| format!("{value}="),
            |value: &str| format!("OPEN='{value}"),
            |value: &str| format!("CLOSED='x'{value}"),
            |value: &str| format!("ESCAPED=\"\\{value}"),
            |value: &str| format!("BLOCK=-----BEGIN {value}"),
            |value: &str| format!("NUL={value}\0"),
            |value: &str| format!("RETURN={value}\rx"),
            |value: &str| line("LARGE", &value.repeat(2_000)),
            |value: &str| format!("{value}\n").repeat(600),
        ] {
            let value = recorder.value();
            let text = spoil(&value);
            recorder.send(person, "POST", &path, body(&text, "fail", false)).await.expect(422);
            recorder.send(person, "POST", &path, body(&text, &value, false)).await.expect(422);
            if text.len() < 100 * 1024 && text.lines().count() < 1_000 {
                recorder.send(person, "POST", &path, body(&text, "fail", true)).await.expect(200);
            }
        }
        let value = recorder.value();
        let more = json!({ "format": value, "content": value, "mode": "skip" });
        recorder.send(person, "POST", &path, more).await.expect(422);
        recorder.send(person, "POST", &path, body(&value.repeat(25_000), "skip", false)).await.expect(413);
        let text = line("CANARY_FOREIGN", &recorder.value());
        recorder.send(&house.member, "POST", &path, body(&text, "skip", true)).await;
    }
}

/// What is refused is kept even less.
async fn refused(house: &House, recorder: &mut Recorder) {
    let (administrator, owner) = (&house.administrator, &house.owner);
    let create = administrator.with("if-none-match", "*");
    let lost = administrator.with("if-match", "\"another\"");
    for (person, path, status) in [
        (administrator, format!("{SECRETS}/PATH"), 422),
        (administrator, format!("{SECRETS}/not-a-name"), 422),
        (&create, format!("{SECRETS}/CANARY_3"), 409),
        (&lost, format!("{SECRETS}/CANARY_3"), 412),
        (owner, format!("{SECRETS}/CANARY_3"), 403),
        (&house.foreigner, format!("{SECRETS}/CANARY_3"), 404),
        (&house.anonymous, format!("{SECRETS}/CANARY_3"), 401),
        (&house.collaborator, format!("{OWN}/CANARY_3"), 403),
    ] {
        recorder.set(person, &path, status).await;
    }
    for spoil in [
        |value: String| json!({ "value": value + "\0" }),
        |value: String| json!({ "value": value, "unknown": 1 }),
        |value: String| json!({ "value": value, "access": "everywhere" }),
        |value: String| json!({ "value": value, "workspaces": ["nowhere"] }),
        |value: String| json!({ "value": [value] }),
        |value: String| json!({ "valeu": value }),
        |value: String| json!({ "value": "twelve bytes", "description": [value] }),
        |value: String| json!({ "value": "twelve bytes", "access": value }),
        |value: String| json!({ value: "twelve bytes" }),
        |value: String| json!({ "value": value.repeat(2_000) }),
    ] {
        let value = recorder.value();
        recorder.send(administrator, "PUT", &format!("{SECRETS}/REFUSED"), spoil(value)).await.expect(422);
    }
    for cut in [1, 20, 60] {
        let value = recorder.value();
        let mut body = json!({ "value": value }).to_string();
        body.truncate(body.len() - cut.min(body.len() / 2));
        while !body.is_ascii() {
            body.pop();
        }
        let answer = administrator.send("PUT".parse().unwrap(), &format!("{SECRETS}/REFUSED"), Some(body)).await;
        recorder.answers.extend_from_slice(answer.expect(422).text.as_bytes());
    }
    let value = recorder.value();
    let too_large = json!({ "value": value.repeat(20_000) });
    recorder.send(administrator, "PUT", &format!("{SECRETS}/REFUSED"), too_large).await.expect(413);
}

both! {
    async fn no_value_is_found_anywhere(house) {
        let captured = Captured::begin();
        let mut recorder = Recorder::default();
        exercise(&house, &mut recorder).await;
        assert!(recorder.values >= 100, "{} values", recorder.values);

        // The database fails in the middle of a write: what it says of that goes to the log.
        let mut sql = Sql::open(&house).await;
        sql.execute("DROP TABLE selections").await;
        recorder.set(&house.administrator, &format!("{SECRETS}/UNLUCKY"), 500).await;
        sql.execute("ALTER TABLE audit_events RENAME TO elsewhere").await;
        recorder.send(&house.owner, "POST", "/runs", run_of_lab()).await.expect(503);

        let log = captured.so_far();
        assert!(search::contains(&log, b"INSERT INTO secret_versions"), "statements are logged at this level");
        assert!(search::contains(&log, b"UNLUCKY") || search::contains(&log, b"a request failed inside"));
        assert!(search::contains(&log, b"could not be put on record"));
        let mut searched = 0;
        for (what, hay) in [("the log", log), ("the answers", recorder.answers), ("what is kept", kept(&house).await)] {
            assert!(hay.len() > 10_000, "{what}: {} bytes", hay.len());
            assert_eq!(recorder.needles.find(&hay), None, "in {what}");
            searched += hay.len();
        }
        house.app.close().await;
        let mut left = Vec::new();
        files(house.directory.path(), &mut left);
        assert_eq!(recorder.needles.find(&left), None, "after closing");
        let bytes = searched + left.len();
        house.report("canary sweep", &format!("{} values looked for in {bytes} bytes: 0 found", recorder.values));
    }

    async fn a_planted_value_is_found_wherever_it_lies(house) {
        let captured = Captured::begin();
        let mut recorder = Recorder::default();
        for _ in 0..20 {
            recorder.value();
        }
        let value = recorder.value();
        let needles = &recorder.needles;
        assert_eq!(needles.find(&kept(&house).await), None);

        for (encoding, text) in search::encodings(&value) {
            let planted = [b"something before ".as_slice(), &text, b" and after"].concat();
            assert!(needles.find(&planted).is_some(), "{encoding}");
        }
        tracing::trace!("planted: {value:?}");
        assert!(needles.find(&captured.so_far()).is_some(), "in the log");

        let mut sql = Sql::open(&house).await;
        let in_text = value.replace('\'', "''");
        sql.execute(&format!("UPDATE workspaces SET description = '{in_text}' WHERE number = 1")).await;
        assert!(needles.find(&kept(&house).await).is_some(), "in a column of text");
        let shown = recorder.send(&house.owner, "GET", LAB, Value::Null).await;
        assert_eq!(shown.json()["description"], value.as_str());
        assert!(recorder.needles.find(&recorder.answers).is_some(), "in an answer");

        sql.execute("UPDATE workspaces SET description = ''").await;
        let put = "UPDATE installation SET setup_code_hash = $1";
        sql.write_bytes(put, value.as_bytes()).await;
        let rows = sql.everything().await.into_values().flatten().collect::<Vec<_>>().concat();
        assert!(recorder.needles.find(rows.as_bytes()).is_some(), "in a column of bytes");
        if house.database == Database::Sqlite {
            let mut on_disk = Vec::new();
            files(house.directory.path(), &mut on_disk);
            assert!(recorder.needles.find(&on_disk).is_some(), "in the write-ahead log");
        }
    }
}
