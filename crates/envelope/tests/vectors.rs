//! The committed vectors have the outcomes that they state: for the public functions of this crate, and for a second
//! program that was written from FORMAT.md alone.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

use envelope::{Context, Key, Malformed, Plaintext, Refused, SealedValue, Tag, unseal, unwrap, verify_canary};
use serde_json::{Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/v1.json");
const DECRYPTOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decrypt.py");
const TAGS: [Tag; 7] =
    [Tag::Installation, Tag::Organization, Tag::Scope, Tag::Workspace, Tag::Secret, Tag::Name, Tag::Version];

#[test]
fn every_vector_has_its_stated_outcome() {
    for vector in vectors() {
        assert_eq!(outcome(&vector), stated(&vector), "{}", vector["name"]);
    }
}

#[test]
fn the_second_decryptor_agrees_about_every_vector() {
    let output = Command::new("/usr/bin/python3")
        .args([DECRYPTOR, FILE])
        .output()
        .expect("/usr/bin/python3 must run: apt-get install python3 python3-cryptography");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        !message.contains("No module named 'cryptography'"),
        "the second decryptor needs a Debian package: apt-get install python3-cryptography"
    );
    assert!(output.status.success(), "{message}");

    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let vectors = vectors();
    for (found, vector) in found.iter().zip(&vectors) {
        let mut expected = stated(vector);
        expected["name"] = vector["name"].clone();
        assert_eq!(found, &expected);
    }
    assert_eq!(found.len(), vectors.len());
}

#[test]
fn the_vectors_cover_every_purpose_and_outcome() {
    let vectors = vectors();
    for (field, values) in
        [("outcome", ["opens", "refused", "malformed"]), ("purpose", ["secret", "data-key", "canary"])]
    {
        for value in values {
            assert!(vectors.iter().any(|vector| vector[field] == value), "no vector with {field} {value}");
        }
    }
}

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn stated(vector: &Value) -> Value {
    match vector.get("plaintext") {
        Some(plaintext) => json!({"outcome": vector["outcome"], "plaintext": plaintext}),
        None => json!({"outcome": vector["outcome"]}),
    }
}

fn outcome(vector: &Value) -> Value {
    match SealedValue::parse(bytes(&vector["envelope"])) {
        Err(Malformed::Length | Malformed::Magic | Malformed::Algorithm) => json!({"outcome": "malformed"}),
        Ok(sealed) => match open(vector, &sealed) {
            Err(Refused) => json!({"outcome": "refused"}),
            Ok(Some(value)) => json!({"outcome": "opens", "plaintext": hex(value.expose())}),
            // A data key or canary does not show its bytes: that it opens is what can be seen.
            Ok(None) => json!({"outcome": "opens", "plaintext": vector["plaintext"]}),
        },
    }
}

fn open(vector: &Value, sealed: &SealedValue) -> Result<Option<Plaintext>, Refused> {
    let key = Key::from_bytes(array(&vector["key_id"]), &array(&vector["key"]));
    let [format, fields @ .., data_key] = vector["context"].as_array().unwrap().as_slice() else {
        panic!("a context has at least the format and the data key");
    };
    assert_eq!((&format["tag"], bytes(&format["bytes"]).as_slice()), (&json!(1), b"VST1".as_slice()));
    assert_eq!(data_key["tag"], json!(9));
    let data_key = array(&data_key["bytes"]);
    let context = fields.iter().fold(Context::new(), |context, field| {
        let tag = TAGS.into_iter().find(|tag| json!(*tag as u8) == field["tag"]).unwrap();
        context.with(tag, &bytes(&field["bytes"]))
    });
    match vector["purpose"].as_str().unwrap() {
        "secret" => unseal(&key, &context, sealed).map(Some),
        "canary" => verify_canary(&key, &context, sealed).map(|()| None),
        "data-key" => {
            let opened = unwrap(&key, &context, &data_key, sealed)?;
            assert_eq!(opened.id(), &data_key);
            Ok(None)
        }
        other => panic!("unknown purpose {other}"),
    }
}

fn array<const N: usize>(text: &Value) -> [u8; N] {
    bytes(text).try_into().unwrap()
}

fn bytes(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
