//! What stays in memory between two uses.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Tag, UnboundKey};
use zeroize::Zeroizing;

use crate::{Plaintext, Refused, SealError, cipher::nonce, key::fill_random};

/// Bytes that wait in memory for their next use, sealed under a key of their own.
///
/// The key is drawn for them alone, is kept beside them and nowhere else, and is overwritten when they are dropped. It is
/// no protection from somebody who reads all of the memory; it keeps the bytes out of what shows a part of it. Not for
/// storage: there is no way to get at the sealed bytes, nor to print or clone this.
///
/// ```compile_fail
/// fn needs<T: std::fmt::Debug>() {}
/// needs::<envelope::Kept>();
/// ```
/// ```compile_fail
/// fn needs<T: Clone>() {}
/// needs::<envelope::Kept>();
/// ```
pub struct Kept {
    key: LessSafeKey,
    sealed: Box<[u8]>,
    tag: Tag,
}

impl Kept {
    /// Seals the bytes where they lie, so that no copy stays behind.
    pub fn seal(mut bytes: Plaintext) -> Result<Self, SealError> {
        let mut key = Zeroizing::new([0; 32]);
        fill_random(key.as_mut_slice())?;
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| SealError::Encryption)?;
        let key = LessSafeKey::new(key);
        let tag = key
            .seal_in_place_separate_tag(nonce(), Aad::empty(), bytes.expose_mut())
            .map_err(|_| SealError::Encryption)?;
        Ok(Self { key, sealed: bytes.expose().into(), tag })
    }

    /// Opens them.
    pub fn open(&self) -> Result<Plaintext, Refused> {
        let mut bytes = Plaintext::new(vec![0; self.len()]);
        self.key
            .open_separate_gather(nonce(), Aad::empty(), &self.sealed, self.tag.as_ref(), bytes.expose_mut())
            .map_err(|_| Refused)?;
        Ok(bytes)
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.sealed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sealed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plaintext() -> Plaintext {
        Plaintext::new(b"hunter2 hunter2 hunter2".to_vec())
    }

    #[test]
    fn what_is_kept_comes_back_again_and_again() {
        let kept = Kept::seal(plaintext()).unwrap();
        for _ in 0..2 {
            assert_eq!(kept.open().unwrap().expose(), plaintext().expose());
        }
        assert_eq!(kept.len(), plaintext().len());
        assert!(Kept::seal(Plaintext::new(Vec::new())).unwrap().open().unwrap().is_empty());
    }

    #[test]
    fn it_does_not_lie_there_in_the_clear_and_never_twice_alike() {
        let [one, two] = [(); 2].map(|()| Kept::seal(plaintext()).unwrap());
        assert!(!one.sealed.windows(7).any(|part| part == b"hunter2"));
        assert_ne!(one.sealed, two.sealed);
    }

    #[test]
    fn a_changed_bit_is_refused() {
        let mut kept = Kept::seal(plaintext()).unwrap();
        kept.sealed[0] ^= 1;
        assert!(kept.open().is_err());
    }
}
