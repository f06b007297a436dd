//! What the public functions promise, beyond the vectors.

#![allow(clippy::unwrap_used, reason = "a test")]

use assurance::{count, report};
use envelope::{
    Context, Key, MAX_LEN, Plaintext, Refused, SealError, SealedValue, Tag, padded_len, seal, seal_canary, unseal,
    unwrap, verify_canary, wrap,
};
use proptest::prelude::*;

fn key(id: u8) -> Key {
    Key::generate([id; 16]).unwrap()
}

fn here() -> Context {
    Context::new().with(Tag::Organization, &[1; 16]).with(Tag::Name, b"NAME")
}

fn elsewhere() -> Context {
    Context::new().with(Tag::Organization, &[2; 16]).with(Tag::Name, b"NAME")
}

proptest! {
    #[test]
    fn any_value_opens_again_in_its_context_only(value in prop::collection::vec(any::<u8>(), 0..5_000)) {
        let key = key(1);
        let sealed = seal(&key, &here(), &Plaintext::new(value.clone())).unwrap();
        prop_assert_eq!(sealed.padded_len(), padded_len(value.len()));
        let stored = SealedValue::parse(sealed.into_bytes()).unwrap();
        let opened = unseal(&key, &here(), &stored).unwrap();
        prop_assert_eq!(opened.expose(), value);
        prop_assert!(unseal(&key, &elsewhere(), &stored).is_err());
    }

}

#[test]
fn parsing_any_bytes_never_panics_and_keeps_what_it_takes() {
    parsing_keeps_what_it_takes();
    report("fuzz", "envelope", &format!("{} heaps of bytes, half of them in shape: 0 panics, 0 opened", count(CASES)));
}

const CASES: usize = 20_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(u32::try_from(count(CASES)).unwrap()))]

    fn parsing_keeps_what_it_takes(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400), shaped: bool,
    ) {
        if shaped && bytes.len() >= 89 {
            bytes[..5].copy_from_slice(b"VST1\x01");
            bytes[85..89].copy_from_slice(&[0, 0, 0, 64]);
            bytes.resize(89 + 64 + 16, 0);
        }
        match SealedValue::parse(bytes.clone()) {
            Ok(sealed) => {
                prop_assert_eq!(sealed.as_bytes(), bytes);
                prop_assert!(unseal(&key(1), &here(), &sealed).is_err());
            }
            Err(_) => prop_assert!(!shaped || bytes.len() < 89),
        }
    }
}

#[test]
fn the_longest_value_is_sealed_and_one_byte_more_is_not() {
    let key = key(1);
    let sealed = seal(&key, &here(), &Plaintext::new(vec![1; MAX_LEN])).unwrap();
    assert_eq!(unseal(&key, &here(), &sealed).unwrap().len(), MAX_LEN);
    assert_eq!(seal(&key, &here(), &Plaintext::new(vec![1; MAX_LEN + 1])).err(), Some(SealError::TooLong));
}

#[test]
fn sealing_the_same_value_twice_shows_no_equality() {
    let key = key(1);
    let [one, two] = [(); 2].map(|()| seal(&key, &here(), &Plaintext::new(b"value".to_vec())).unwrap().into_bytes());
    // Magic, algorithm, key id and length are alike; salt, commitment, ciphertext and tag have nothing in common.
    for range in [21..53, 53..85, 89..153, 153..169] {
        assert_ne!(one[range.clone()], two[range]);
    }
}

#[test]
fn the_value_is_nowhere_in_the_envelope() {
    let sealed = seal(&key(1), &here(), &Plaintext::new(b"needle in it".to_vec())).unwrap();
    assert!(!sealed.as_bytes().windows(6).any(|window| window == b"needle"));
}

#[test]
fn a_context_out_of_order_seals_and_unseals_nothing() {
    let (key, wrong) = (key(1), Context::new().with(Tag::Name, b"NAME").with(Tag::Organization, &[1; 16]));
    assert_eq!(seal(&key, &wrong, &Plaintext::new(vec![1])).err(), Some(SealError::Context));
    assert_eq!(wrap(&key, &wrong, &key), Err(SealError::Context));
    assert_eq!(seal_canary(&key, &wrong), Err(SealError::Context));

    let sealed = seal(&key, &here(), &Plaintext::new(vec![1])).unwrap();
    assert_eq!(unseal(&key, &wrong, &sealed).err(), Some(Refused));
}

#[test]
fn a_wrapped_data_key_opens_what_the_original_sealed() {
    let (root, data_key) = (key(1), key(2));
    let sealed = seal(&data_key, &here(), &Plaintext::new(b"value".to_vec())).unwrap();
    let wrapped = wrap(&root, &here(), &data_key).unwrap();
    assert_eq!(wrapped.key_id(), root.id());

    let unwrapped = unwrap(&root, &here(), data_key.id(), &wrapped).unwrap();
    assert_eq!(unwrapped.id(), data_key.id());
    assert_eq!(unseal(&unwrapped, &here(), &sealed).unwrap().expose(), b"value");
}

#[test]
fn a_wrapped_data_key_opens_only_under_its_root_key_context_and_id() {
    let (root, data_key) = (key(1), key(2));
    let wrapped = wrap(&root, &here(), &data_key).unwrap();
    // A root key with the same id but other bytes: what is left when a key file was made anew.
    let replaced = key(1);
    for (root, context, id) in [
        (&replaced, here(), data_key.id()),
        (&root, elsewhere(), data_key.id()),
        (&root, here(), root.id()),
        (&data_key, here(), data_key.id()),
    ] {
        assert_eq!(unwrap(root, &context, id, &wrapped).err(), Some(Refused));
    }
}

#[test]
fn a_canary_proves_its_data_key_and_no_other() {
    let (data_key, replaced) = (key(2), key(2));
    let canary = seal_canary(&data_key, &here()).unwrap();
    assert_eq!(verify_canary(&data_key, &here(), &canary), Ok(()));
    assert_eq!(verify_canary(&replaced, &here(), &canary), Err(Refused));
    assert_eq!(verify_canary(&data_key, &elsewhere(), &canary), Err(Refused));
}

#[test]
fn an_envelope_of_one_purpose_opens_as_no_other() {
    let key = key(1);
    let secret = seal(&key, &here(), &Plaintext::new(vec![7; 32])).unwrap();
    let wrapped = wrap(&key, &here(), &key).unwrap();
    let canary = seal_canary(&key, &here()).unwrap();
    for sealed in [&wrapped, &canary] {
        assert_eq!(unseal(&key, &here(), sealed).err(), Some(Refused));
    }
    for sealed in [&secret, &canary] {
        assert_eq!(unwrap(&key, &here(), key.id(), sealed).err(), Some(Refused));
    }
    for sealed in [&secret, &wrapped] {
        assert_eq!(verify_canary(&key, &here(), sealed), Err(Refused));
    }
}
