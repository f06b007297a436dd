use std::fmt;

use crate::{KeyId, Malformed, pad::is_padded_len};

pub(crate) const MAGIC: &[u8; 4] = b"VST1";
const AES_256_GCM_HKDF_SHA_512: u8 = 1;

pub(crate) const TAG_LEN: usize = 16;
pub(crate) const HEADER_LEN: usize = 4 + 1 + 16 + 32 + 32 + 4;

/// A sealed value: the only form in which a value may be stored.
///
/// Whoever has one knows that its bytes have the shape of an envelope, and nothing about whether it opens.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedValue(Vec<u8>);

impl SealedValue {
    /// Reads an envelope as it was stored: exactly one, whole, with nothing after it.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let (header, body) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(Malformed::Length)?;
        if header[..4] != *MAGIC {
            return Err(Malformed::Magic);
        }
        if header[4] != AES_256_GCM_HKDF_SHA_512 {
            return Err(Malformed::Algorithm);
        }
        let length = u32::from_be_bytes(*field(header, 85));
        let padded = usize::try_from(length).map_err(|_| Malformed::Length)?;
        if !is_padded_len(padded) || body.len() != padded + TAG_LEN {
            return Err(Malformed::Length);
        }
        Ok(Self(bytes))
    }

    /// Everything before the ciphertext. `length` counts the ciphertext without its tag.
    pub(crate) fn header(key: &KeyId, salt: &[u8; 32], commitment: &[u8; 32], length: u32) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        header[..4].copy_from_slice(MAGIC);
        header[4] = AES_256_GCM_HKDF_SHA_512;
        header[5..21].copy_from_slice(key);
        header[21..53].copy_from_slice(salt);
        header[53..85].copy_from_slice(commitment);
        header[85..].copy_from_slice(&length.to_be_bytes());
        header
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to store.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The id of the key that sealed it: a data key, or the root key for a wrapped data key.
    pub fn key_id(&self) -> &KeyId {
        field(&self.0, 5)
    }

    /// The padded size of what is sealed, in bytes: [`padded_len`](crate::padded_len) of its length.
    pub fn padded_len(&self) -> usize {
        self.0.len() - HEADER_LEN - TAG_LEN
    }

    pub(crate) fn salt(&self) -> &[u8; 32] {
        field(&self.0, 21)
    }

    pub(crate) fn commitment(&self) -> &[u8; 32] {
        field(&self.0, 53)
    }

    /// Header, ciphertext, tag.
    pub(crate) fn parts(&self) -> (&[u8], &[u8], &[u8]) {
        let (header, body) = self.0.split_at(HEADER_LEN);
        let (ciphertext, tag) = body.split_at(body.len() - TAG_LEN);
        (header, ciphertext, tag)
    }
}

/// Shows the padded size and none of the bytes.
impl fmt::Debug for SealedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedValue({} bytes padded)", self.padded_len())
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    bytes[at..].first_chunk().expect("an envelope is longer than its header, and all fields lie in the header")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Vec<u8> {
        let mut bytes = SealedValue::header(&[1; 16], &[2; 32], &[3; 32], 64).to_vec();
        bytes.resize(HEADER_LEN + 64 + TAG_LEN, 4);
        bytes
    }

    #[test]
    fn fields_are_read_where_they_were_written() {
        let sealed = SealedValue::parse(envelope()).unwrap();
        assert_eq!((sealed.key_id(), sealed.salt(), sealed.commitment()), (&[1; 16], &[2; 32], &[3; 32]));
        assert_eq!(sealed.padded_len(), 64);
        assert_eq!(sealed.as_bytes(), envelope());
        let (header, ciphertext, tag) = sealed.parts();
        assert_eq!((header.len(), ciphertext, tag), (89, [4; 64].as_slice(), [4; 16].as_slice()));
    }

    #[test]
    fn every_other_length_is_malformed() {
        let bytes = envelope();
        for len in (0..bytes.len()).chain(bytes.len() + 1..300) {
            let mut other = bytes.clone();
            other.resize(len, 0);
            assert_eq!(SealedValue::parse(other), Err(Malformed::Length), "{len} bytes");
        }
    }

    #[test]
    fn every_other_magic_algorithm_or_length_field_is_malformed() {
        for (range, malformed) in
            [(0..4, Malformed::Magic), (4..5, Malformed::Algorithm), (85..HEADER_LEN, Malformed::Length)]
        {
            for at in range {
                for bit in 0..8 {
                    let mut bytes = envelope();
                    bytes[at] ^= 1 << bit;
                    assert_eq!(SealedValue::parse(bytes), Err(malformed), "byte {at}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn a_length_that_padding_never_makes_is_malformed() {
        for length in [0, 63, 65, 192, 1025] {
            let mut bytes = SealedValue::header(&[1; 16], &[2; 32], &[3; 32], length).to_vec();
            bytes.resize(HEADER_LEN + length as usize + TAG_LEN, 4);
            assert_eq!(SealedValue::parse(bytes), Err(Malformed::Length), "{length}");
        }
    }

    #[test]
    fn debug_shows_the_size_only() {
        assert_eq!(format!("{:?}", SealedValue::parse(envelope()).unwrap()), "SealedValue(64 bytes padded)");
    }
}
