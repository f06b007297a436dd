//! The envelope itself, the same for every purpose.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    constant_time::verify_slices_are_equal,
    error::Unspecified,
    hkdf::{HKDF_SHA512, Salt},
};
use zeroize::Zeroizing;

use crate::{
    Key, Refused, SealError, SealedValue,
    sealed::{HEADER_LEN, TAG_LEN},
};

/// What an envelope is sealed for: the label keeps an envelope of one purpose from opening as another.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Secret,
    DataKey,
    Canary,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Purpose::Secret => b"vestry/secret/v1\0",
            Purpose::DataKey => b"vestry/data-key/v1\0",
            Purpose::Canary => b"vestry/canary/v1\0",
        }
    }
}

/// Encrypts what is already padded. `context` is the whole encoding.
///
/// A salt must never be used twice: only `seal_bytes`, which draws it, and the test vectors call this.
pub(crate) fn seal_padded(
    purpose: Purpose,
    key: &Key,
    context: &[u8],
    padded: &[u8],
    salt: &[u8; 32],
) -> Result<SealedValue, SealError> {
    let length = u32::try_from(padded.len()).map_err(|_| SealError::TooLong)?;
    let (once, commitment) = derive(purpose, key, context, salt).map_err(|_| SealError::Encryption)?;
    let header = SealedValue::header(key.id(), salt, &commitment, length);
    encrypt(&once, &header, context, padded)
}

pub(crate) fn encrypt(
    once: &LessSafeKey,
    header: &[u8; HEADER_LEN],
    context: &[u8],
    padded: &[u8],
) -> Result<SealedValue, SealError> {
    let mut bytes = vec![0; HEADER_LEN + padded.len() + TAG_LEN];
    bytes[..HEADER_LEN].copy_from_slice(header);
    let (ciphertext, tag) = bytes[HEADER_LEN..].split_at_mut(padded.len());
    once.seal_out_of_place_scatter(nonce(), associated(header, context), padded, ciphertext, &[], tag)
        .map_err(|_| SealError::Encryption)?;
    SealedValue::parse(bytes).map_err(|_| SealError::Encryption)
}

/// Decrypts to what was padded. `context` is the whole encoding.
pub(crate) fn open_padded(
    purpose: Purpose,
    key: &Key,
    context: &[u8],
    sealed: &SealedValue,
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    if sealed.key_id() != key.id() {
        return Err(Refused);
    }
    let (once, commitment) = derive(purpose, key, context, sealed.salt()).map_err(|_| Refused)?;
    verify_slices_are_equal(&commitment, sealed.commitment()).map_err(|_| Refused)?;

    let (header, ciphertext, tag) = sealed.parts();
    let mut padded = Zeroizing::new(vec![0; ciphertext.len()]);
    once.open_separate_gather(nonce(), associated(header, context), ciphertext, tag, &mut padded)
        .map_err(|_| Refused)?;
    Ok(padded)
}

/// The key that seals this one envelope, and the commitment that shows beforehand whether it is the right one.
pub(crate) fn derive(
    purpose: Purpose,
    key: &Key,
    context: &[u8],
    salt: &[u8; 32],
) -> Result<(LessSafeKey, [u8; 32]), Unspecified> {
    let mut okm = Zeroizing::new([0; 64]);
    // HKDF_SHA512 is here the length of the output: that of its hash, 64 bytes.
    Salt::new(HKDF_SHA512, salt)
        .extract(key.bytes())
        .expand(&[purpose.label(), context], HKDF_SHA512)?
        .fill(okm.as_mut_slice())?;
    let (once, commitment) = okm.split_at(32);
    let once = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, once)?);
    Ok((once, commitment.try_into().map_err(|_| Unspecified)?))
}

/// All zeros, every time: sound because a key that is used with it seals once, one envelope or what is kept in memory.
pub(crate) fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn associated(header: &[u8], context: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([header, context].concat())
}
