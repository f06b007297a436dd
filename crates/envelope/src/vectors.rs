//! The test vectors: made here with fixed salts, compared with the committed file, so that the format cannot change
//! without being seen. `tests/vectors.rs` opens the committed file through the public functions alone.

use serde_json::{Value, json};

use crate::{
    Context, Key, KeyId, SealedValue, Tag,
    cipher::{Purpose, derive, encrypt, seal_padded},
    pad::pad,
    seal::CANARY,
    sealed::HEADER_LEN,
};

const COMMITTED: &str = include_str!("../vectors/v1.json");

const DATA_KEY: KeyId = [0xd1; 16];
const ROOT_KEY: KeyId = [0xa1; 16];
const DATA_KEY_BYTES: [u8; 32] = [0xd2; 32];
const ROOT_KEY_BYTES: [u8; 32] = [0xa2; 32];

/// A vector before it has an outcome: the context's fields are those between tags 1 and 9.
#[derive(Clone)]
struct Vector {
    purpose: Purpose,
    key: (KeyId, [u8; 32]),
    data_key: KeyId,
    fields: Vec<(Tag, Vec<u8>)>,
    envelope: Vec<u8>,
}

impl Vector {
    fn seal(purpose: Purpose, fields: &[(Tag, &[u8])], padded: &[u8]) -> Self {
        let (id, bytes) = match purpose {
            Purpose::DataKey => (ROOT_KEY, ROOT_KEY_BYTES),
            Purpose::Secret | Purpose::Canary => (DATA_KEY, DATA_KEY_BYTES),
        };
        let fields: Vec<_> = fields.iter().map(|(tag, bytes)| (*tag, bytes.to_vec())).collect();
        let context = context(&fields).encode(&DATA_KEY).unwrap();
        // Every vector its own salt, as every envelope has.
        let salt = std::array::from_fn(|at| (at + padded.len()) as u8 ^ fields.len() as u8 ^ padded[4]);
        let sealed = seal_padded(purpose, &Key::from_bytes(id, &bytes), &context, padded, &salt).unwrap();
        Self { purpose, key: (id, bytes), data_key: DATA_KEY, fields, envelope: sealed.into_bytes() }
    }

    /// Sealed by someone who committed to another key than the one that decrypts: only the commitment is wrong.
    fn committed_to_another_key(&self, padded: &[u8]) -> Self {
        let (key, context) =
            (Key::from_bytes(self.key.0, &self.key.1), context(&self.fields).encode(&self.data_key).unwrap());
        let salt = [0x5a; 32];
        let (once, mut commitment) = derive(self.purpose, &key, &context, &salt).unwrap();
        commitment[0] ^= 1;
        let header = SealedValue::header(key.id(), &salt, &commitment, padded.len() as u32);
        let sealed = encrypt(&once, &header, &context, padded).unwrap();
        self.but(|vector| vector.envelope = sealed.into_bytes())
    }

    fn but(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = self.clone();
        change(&mut other);
        other
    }

    fn flipped(&self, at: usize) -> Self {
        self.but(|vector| vector.envelope[at] ^= 1)
    }

    fn opens(&self, name: &str, plaintext: &[u8]) -> Value {
        let mut json = self.json(name, "opens");
        json["plaintext"] = hex(plaintext).into();
        json
    }

    fn refused(&self, name: &str) -> Value {
        self.json(name, "refused")
    }

    fn malformed(&self, name: &str) -> Value {
        self.json(name, "malformed")
    }

    fn json(&self, name: &str, outcome: &str) -> Value {
        let mut fields = vec![json!({"tag": 1, "bytes": hex(b"VST1")})];
        fields.extend(self.fields.iter().map(|(tag, bytes)| json!({"tag": *tag as u8, "bytes": hex(bytes)})));
        fields.push(json!({"tag": 9, "bytes": hex(&self.data_key)}));
        let purpose = match self.purpose {
            Purpose::Secret => "secret",
            Purpose::DataKey => "data-key",
            Purpose::Canary => "canary",
        };
        json!({
            "name": name,
            "outcome": outcome,
            "purpose": purpose,
            "key_id": hex(&self.key.0),
            "key": hex(&self.key.1),
            "context": fields,
            "envelope": hex(&self.envelope),
        })
    }
}

fn context(fields: &[(Tag, Vec<u8>)]) -> Context {
    fields.iter().fold(Context::new(), |context, (tag, bytes)| context.with(*tag, bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vectors() -> Vec<Value> {
    let organization: &[(Tag, &[u8])] = &[
        (Tag::Installation, &[0x11; 16]),
        (Tag::Organization, &[0x22; 16]),
        (Tag::Scope, b"organization"),
        (Tag::Secret, &[0x66; 16]),
        (Tag::Name, b"API_KEY"),
        (Tag::Version, &1_u64.to_be_bytes()),
    ];
    let workspace: &[(Tag, &[u8])] = &[
        (Tag::Installation, &[0x11; 16]),
        (Tag::Organization, &[0x22; 16]),
        (Tag::Scope, b"workspace"),
        (Tag::Workspace, &[0x55; 16]),
        (Tag::Secret, &[0x66; 16]),
        (Tag::Name, b"API_KEY"),
        (Tag::Version, &7_u64.to_be_bytes()),
    ];
    let keys = &organization[..2];
    let secret = |fields, value: &[u8]| Vector::seal(Purpose::Secret, fields, &pad(value).unwrap());
    let padded_badly = |padded: &[u8]| Vector::seal(Purpose::Secret, organization, padded);

    let value: &[u8] = "a välue\n".as_bytes();
    let plain = secret(organization, value);
    let own = secret(workspace, value);
    let data_key = Vector::seal(Purpose::DataKey, keys, &pad(&[0xd2; 32]).unwrap());
    let canary = Vector::seal(Purpose::Canary, keys, &pad(CANARY).unwrap());
    let (ciphertext, tag) = (HEADER_LEN, plain.envelope.len() - 16);

    let mut list = vec![
        plain.opens("an organization secret opens", value),
        own.opens("a workspace secret opens", value),
        secret(organization, b"").opens("an empty value opens", b""),
        secret(organization, &[b'x'; 60]).opens("the longest value of the smallest size opens", &[b'x'; 60]),
        secret(organization, &[b'x'; 61]).opens("one byte more takes the next size and opens", &[b'x'; 61]),
        secret(organization, &[b'y'; 1021]).opens("the first size that is no power of two opens", &[b'y'; 1021]),
        secret(&[], value).opens("a context without fields of its own opens", value),
        data_key.opens("a wrapped data key opens", &[0xd2; 32]),
        canary.opens("a canary opens", CANARY),
        plain.but(|vector| vector.key.1[31] ^= 1).refused("wrong key"),
        plain.but(|vector| vector.key.0[0] ^= 1).refused("wrong key id"),
        data_key.but(|vector| vector.key.1[0] ^= 1).refused("wrong root key"),
        data_key.but(|vector| vector.key.0[0] ^= 1).refused("wrong root key id"),
        data_key.but(|vector| vector.data_key[0] ^= 1).refused("a wrapped data key under the id of another"),
        canary.but(|vector| vector.key.1[0] ^= 1).refused("a canary with the wrong key"),
        plain.but(|vector| vector.purpose = Purpose::Canary).refused("a secret as canary"),
        canary.but(|vector| vector.purpose = Purpose::Secret).refused("a canary as secret"),
        data_key.but(|vector| vector.purpose = Purpose::Secret).refused("a data key as secret"),
    ];
    for at in 0..own.fields.len() {
        let tag = own.fields[at].0;
        list.push(own.but(|vector| vector.fields[at].1[0] ^= 1).refused(&format!("wrong context: another {tag:?}")));
        list.push(own.but(|vector| drop(vector.fields.remove(at))).refused(&format!("wrong context: no {tag:?}")));
    }
    list.extend([
        plain
            .but(|vector| {
                vector.fields[4].1 = b"API".to_vec();
                vector.fields[5].1 = [b"_KEY".as_slice(), &1_u64.to_be_bytes()].concat();
            })
            .refused("wrong context: bytes moved from one field to the next"),
        plain.flipped(0).malformed("tampered: magic"),
        plain.but(|vector| vector.envelope[4] = 2).malformed("tampered: algorithm"),
        plain.flipped(5).refused("tampered: key id"),
        plain.flipped(21).refused("tampered: salt"),
        plain.flipped(53).refused("tampered: commitment"),
        plain.flipped(88).malformed("tampered: length"),
        plain.flipped(ciphertext).refused("tampered: first byte of the ciphertext"),
        plain.flipped(tag - 1).refused("tampered: last byte of the ciphertext"),
        plain.flipped(tag).refused("tampered: first byte of the tag"),
        plain.flipped(tag + 15).refused("tampered: last byte of the tag"),
        plain
            .but(|vector| {
                vector.envelope[88] = 128;
                let tail = vector.envelope.split_off(tag);
                vector.envelope.resize(tag + 64, 0);
                vector.envelope.extend(tail);
            })
            .refused("tampered: length and ciphertext lengthened alike"),
        plain.but(|vector| vector.envelope.truncate(tag + 15)).malformed("truncated by one byte"),
        plain.but(|vector| vector.envelope.truncate(HEADER_LEN)).malformed("truncated to its header"),
        plain.but(|vector| vector.envelope.truncate(HEADER_LEN - 1)).malformed("truncated within its header"),
        plain.but(|vector| vector.envelope.clear()).malformed("empty"),
        plain.but(|vector| vector.envelope.push(0)).malformed("trailing bytes"),
        plain
            .but(|vector| {
                vector.envelope[88] = 65;
                vector.envelope.insert(tag, 0);
            })
            .malformed("a length that is no padded size"),
        plain.but(|vector| vector.envelope = own.envelope.clone()).refused("the envelope of another secret"),
    ]);
    let mut not_zero = pad(b"abc").unwrap();
    not_zero[63] = 1;
    let mut too_long = pad(b"abc").unwrap();
    too_long[3] = 61;
    let mut huge = pad(b"abc").unwrap();
    huge[..4].fill(0xff);
    let mut too_roomy = pad(b"abc").unwrap().to_vec();
    too_roomy.resize(128, 0);
    let short_key = Vector::seal(Purpose::DataKey, keys, &pad(&[0xd2; 31]).unwrap());
    let other_constant = Vector::seal(Purpose::Canary, keys, &pad(b"another constant").unwrap());
    list.extend([
        plain
            .committed_to_another_key(&pad(value).unwrap())
            .refused("a commitment to another key, with a tag that is right"),
        padded_badly(&not_zero).refused("bad padding: a byte that is not zero"),
        padded_badly(&too_long).refused("bad padding: a length over the room"),
        padded_badly(&huge).refused("bad padding: the greatest length"),
        padded_badly(&too_roomy).refused("bad padding: a larger size than the value needs"),
        short_key.refused("a wrapped data key of 31 bytes"),
        other_constant.refused("a canary with another constant"),
    ]);
    list
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the one who changes the format asks for the new file this way")]
fn the_committed_vectors_are_what_the_code_makes() {
    let made = json!({
        "format": "VST1",
        "about": "Test vectors of FORMAT.md. All bytes are hexadecimal. `context` lists every field in order; a \
            `data-key` vector's `key` is the root key; `plaintext` is without padding.",
        "vectors": vectors(),
    });
    if std::env::var("VESTRY_WRITE_VECTORS").is_ok_and(|set| set == "1") {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/v1.json");
        std::fs::write(file, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
        return;
    }
    let committed: Value = serde_json::from_str(COMMITTED).unwrap();
    let (made, committed) = (made["vectors"].as_array().unwrap(), committed["vectors"].as_array().unwrap());
    for (made, committed) in made.iter().zip(committed) {
        assert_eq!(made, committed, "the format changed: if it should, write the file with VESTRY_WRITE_VECTORS=1");
    }
    assert_eq!(made.len(), committed.len());
}

#[test]
fn no_two_vectors_have_the_same_salt_unless_they_share_an_envelope() {
    let mut seen = std::collections::BTreeMap::new();
    for vector in vectors() {
        let envelope = vector["envelope"].as_str().unwrap().to_owned();
        if vector["outcome"] == "opens" {
            let salt = SealedValue::parse(unhex(&envelope)).unwrap().salt().to_owned();
            assert!(seen.insert(salt, envelope).is_none(), "{}", vector["name"]);
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
