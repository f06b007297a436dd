//! What is sealed: values, data keys under the root key, and canaries.

use crate::{
    Context, Key, KeyId, Plaintext, Refused, SealError, SealedValue,
    cipher::{Purpose, open_padded, seal_padded},
    key::fill_random,
    pad::{pad, unpad},
};

pub(crate) const CANARY: &[u8] = b"vestry canary: this key is the right one";

/// Seals a value under a data key for the place that the context names.
pub fn seal(data_key: &Key, context: &Context, value: &Plaintext) -> Result<SealedValue, SealError> {
    seal_bytes(Purpose::Secret, data_key, context, data_key.id(), value.expose())
}

/// Opens what [`seal`] made with the same data key and context.
pub fn unseal(data_key: &Key, context: &Context, sealed: &SealedValue) -> Result<Plaintext, Refused> {
    open(Purpose::Secret, data_key, context, data_key.id(), sealed)
}

/// Seals a data key under the root key. Its id becomes part of the context.
pub fn wrap(root: &Key, context: &Context, data_key: &Key) -> Result<SealedValue, SealError> {
    seal_bytes(Purpose::DataKey, root, context, data_key.id(), data_key.bytes())
}

/// Opens what [`wrap`] made with the same root key and context: the data key whose id is `id`, and no other.
pub fn unwrap(root: &Key, context: &Context, id: &KeyId, sealed: &SealedValue) -> Result<Key, Refused> {
    let bytes = open(Purpose::DataKey, root, context, id, sealed)?;
    let bytes = bytes.expose().try_into().map_err(|_| Refused)?;
    Ok(Key::from_bytes(*id, bytes))
}

/// Seals a constant under a data key, so that [`verify_canary`] can prove the key later without opening a value.
pub fn seal_canary(data_key: &Key, context: &Context) -> Result<SealedValue, SealError> {
    seal_bytes(Purpose::Canary, data_key, context, data_key.id(), CANARY)
}

/// Proves that this data key and context made the canary.
pub fn verify_canary(data_key: &Key, context: &Context, canary: &SealedValue) -> Result<(), Refused> {
    let constant = open(Purpose::Canary, data_key, context, data_key.id(), canary)?;
    if constant.expose() == CANARY { Ok(()) } else { Err(Refused) }
}

fn seal_bytes(
    purpose: Purpose,
    key: &Key,
    context: &Context,
    data_key: &KeyId,
    bytes: &[u8],
) -> Result<SealedValue, SealError> {
    let context = context.encode(data_key).ok_or(SealError::Context)?;
    let padded = pad(bytes)?;
    let mut salt = [0; 32];
    fill_random(&mut salt)?;
    seal_padded(purpose, key, &context, &padded, &salt)
}

fn open(
    purpose: Purpose,
    key: &Key,
    context: &Context,
    data_key: &KeyId,
    sealed: &SealedValue,
) -> Result<Plaintext, Refused> {
    let context = context.encode(data_key).ok_or(Refused)?;
    unpad(&open_padded(purpose, key, &context, sealed)?).ok_or(Refused)
}
