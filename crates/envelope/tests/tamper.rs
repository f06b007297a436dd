//! A changed bit, a truncation or a move of a stored envelope is always refused.

#![allow(clippy::unwrap_used, reason = "a test")]

use assurance::{Dice, count, report};
use envelope::{Context, Key, Plaintext, SealedValue, Tag, seal, seal_canary, unseal, unwrap, verify_canary, wrap};

const FLIPS: usize = 100_000;
const CONTEXTS: usize = 101;

fn here() -> Context {
    Context::new().with(Tag::Organization, &[1; 16]).with(Tag::Name, b"NAME").with(Tag::Version, &1_u64.to_be_bytes())
}

/// Whether the bytes, as they might come back from a database, open.
fn opens(key: &Key, bytes: &[u8]) -> bool {
    SealedValue::parse(bytes.to_vec()).is_ok_and(|sealed| unseal(key, &here(), &sealed).is_ok())
}

#[test]
fn every_single_bit_of_every_kind_of_envelope_counts() {
    let (root, key) = (Key::generate([1; 16]).unwrap(), Key::generate([2; 16]).unwrap());
    let secret = seal(&key, &here(), &Plaintext::new(b"value".to_vec())).unwrap();
    let wrapped = wrap(&root, &here(), &key).unwrap();
    let canary = seal_canary(&key, &here()).unwrap();

    type Opens<'a> = &'a dyn Fn(&SealedValue) -> bool;
    let kinds: [(SealedValue, Opens); 3] = [
        (secret, &|sealed| unseal(&key, &here(), sealed).is_ok()),
        (wrapped, &|sealed| unwrap(&root, &here(), key.id(), sealed).is_ok()),
        (canary, &|sealed| verify_canary(&key, &here(), sealed).is_ok()),
    ];
    for (sealed, opens) in kinds {
        assert!(opens(&sealed));
        for bit in 0..sealed.as_bytes().len() * 8 {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!SealedValue::parse(bytes).is_ok_and(|changed| opens(&changed)), "bit {bit} does not count");
        }
    }
}

#[test]
fn random_flips_and_truncations_are_refused() {
    let mut dice = Dice::of("random_flips_and_truncations_are_refused");
    let key = Key::generate([2; 16]).unwrap();
    let mut sealed = Vec::new();
    for len in [0, 5, 60, 300, 2_000] {
        sealed.push(seal(&key, &here(), &Plaintext::new(vec![7; len])).unwrap().into_bytes());
        assert!(opens(&key, sealed.last().unwrap()));
    }
    let rounds = count(FLIPS);
    for round in 0..rounds {
        let original = &sealed[dice.below(sealed.len())];
        let mut bytes = original.clone();
        if round % 4 == 0 {
            bytes.truncate(dice.below(bytes.len()));
        }
        for _ in 0..dice.below(8) {
            if let Some(at) = bytes.len().checked_sub(1).map(|last| dice.below(last + 1)) {
                bytes[at] ^= 1 << dice.below(8);
            }
        }
        // Flips may cancel each other out; then nothing was changed.
        assert_eq!(opens(&key, &bytes), bytes == *original, "round {round}");
    }
    report("tamper and swap", "envelope", &format!("{rounds} random flips and cuts: all refused"));
}

#[test]
fn an_envelope_moved_to_any_other_place_is_refused() {
    let key = Key::generate([2; 16]).unwrap();
    let places: Vec<Context> = (0..count(CONTEXTS * CONTEXTS).isqrt().max(2)).map(place).collect();
    let sealed: Vec<SealedValue> =
        places.iter().map(|place| seal(&key, place, &Plaintext::new(b"the same value".to_vec())).unwrap()).collect();
    for (from, sealed) in sealed.iter().enumerate() {
        for (to, place) in places.iter().enumerate() {
            assert_eq!(unseal(&key, place, sealed).is_ok(), from == to, "moved from place {from} to {to}");
        }
    }
    let moves = places.len() * (places.len() - 1);
    report("tamper and swap", "envelope", &format!("{moves} moves between {} places: all refused", places.len()));
}

/// Places that differ as little as places can: in one field from their neighbours, which then wraps into the next.
fn place(number: usize) -> Context {
    let id = |digit: usize| [(number / digit % 3) as u8; 16];
    let context = Context::new().with(Tag::Installation, &id(1)).with(Tag::Organization, &id(3));
    let context = match number / 9 % 3 {
        0 => context.with(Tag::Scope, b"organization"),
        workspace => context.with(Tag::Scope, b"workspace").with(Tag::Workspace, &[workspace as u8; 16]),
    };
    context.with(Tag::Name, ["A", "B", "AB"][number / 27 % 3].as_bytes()).with(Tag::Version, &[(number / 81) as u8])
}
