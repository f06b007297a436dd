use zeroize::Zeroizing;

use crate::SealError;

/// The public id of a key: written into every envelope that the key seals.
pub type KeyId = [u8; 16];

/// A secret key of 32 bytes and its id.
///
/// It cannot be printed, cloned or read back, and its memory is overwritten when it is dropped.
///
/// ```compile_fail
/// fn needs<T: std::fmt::Debug>() {}
/// needs::<envelope::Key>();
/// ```
/// ```compile_fail
/// fn needs<T: Clone>() {}
/// needs::<envelope::Key>();
/// ```
pub struct Key {
    id: KeyId,
    // On the heap, so that moving a key leaves no copy behind.
    bytes: Box<Zeroizing<[u8; 32]>>,
}

impl Key {
    /// A new random key.
    ///
    /// Fails with [`SealError::NoRandomness`] where the system gives no random bytes.
    pub fn generate(id: KeyId) -> Result<Self, SealError> {
        let mut key = Self::from_bytes(id, &[0; 32]);
        fill_random(key.bytes.as_mut_slice())?;
        Ok(key)
    }

    /// The key with these bytes. They are copied: the caller overwrites its own.
    pub fn from_bytes(id: KeyId, bytes: &[u8; 32]) -> Self {
        let mut key = Self { id, bytes: Box::new(Zeroizing::new([0; 32])) };
        key.bytes.copy_from_slice(bytes);
        key
    }

    /// The id of the key.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

/// The only source of randomness of this crate.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), SealError> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| SealError::NoRandomness)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_keys_differ_and_keep_their_id() {
        let [one, two] = [1, 2].map(|id| Key::generate([id; 16]).unwrap());
        assert_eq!((one.id(), two.id()), (&[1; 16], &[2; 16]));
        assert_ne!(one.bytes(), two.bytes());
        assert_ne!(one.bytes(), &[0; 32]);
    }
}
