use zeroize::Zeroizing;

use crate::{Plaintext, SealError};

const LENGTH_LEN: usize = 4;
const MAX_PADDED_LEN: usize = 1 << 20;

/// The longest plaintext that can be sealed, in bytes.
pub const MAX_LEN: usize = MAX_PADDED_LEN - LENGTH_LEN;

/// The size in bytes that a value of `len` bytes is padded to before it is encrypted, its 4 length bytes included.
///
/// 64, 128, 256, 512, 1024, from there eight equal steps to each doubling, as FORMAT.md says. So the stored size tells
/// the length only roughly. Also right for lengths over [`MAX_LEN`]; `usize::MAX` where the size does not fit.
pub fn padded_len(len: usize) -> usize {
    let needed = len.saturating_add(LENGTH_LEN);
    if needed <= 1024 {
        return needed.next_power_of_two().max(64);
    }
    let step = 1 << ((needed - 1).ilog2() - 3);
    needed.div_ceil(step).saturating_mul(step)
}

/// Whether an envelope can hold so many padded bytes.
pub(crate) fn is_padded_len(len: usize) -> bool {
    (LENGTH_LEN..=MAX_PADDED_LEN).contains(&len) && padded_len(len - LENGTH_LEN) == len
}

/// `length u32 | bytes | zeros`.
pub(crate) fn pad(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    if bytes.len() > MAX_LEN {
        return Err(SealError::TooLong);
    }
    let length = u32::try_from(bytes.len()).map_err(|_| SealError::TooLong)?;
    let mut padded = Zeroizing::new(vec![0; padded_len(bytes.len())]);
    padded[..LENGTH_LEN].copy_from_slice(&length.to_be_bytes());
    padded[LENGTH_LEN..][..bytes.len()].copy_from_slice(bytes);
    Ok(padded)
}

/// The inverse of [`pad`]; nothing if `pad` would have made anything else.
pub(crate) fn unpad(padded: &[u8]) -> Option<Plaintext> {
    let (length, rest) = padded.split_first_chunk::<LENGTH_LEN>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (bytes, zeros) = rest.split_at_checked(length)?;
    let canonical = padded_len(length) == padded.len() && zeros.iter().all(|byte| *byte == 0);
    canonical.then(|| Plaintext::new(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn padded_sizes_are_those_of_the_format() {
        let mut sizes: Vec<usize> = (0..5_000).map(padded_len).collect();
        sizes.dedup();
        let octaves = [
            1024, 1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048, 2304, 2560, 2816, 3072, 3328, 3584, 3840, 4096, 4608,
            5120,
        ];
        assert_eq!(sizes, [[64, 128, 256, 512].as_slice(), &octaves].concat());
    }

    #[test]
    fn the_length_bytes_count() {
        assert_eq!([0, 60, 61, 1020, 1021].map(padded_len), [64, 64, 128, 1024, 1152]);
        assert_eq!(padded_len(48 * 1024), 53_248);
        assert_eq!(padded_len(usize::MAX), usize::MAX);
    }

    #[test]
    fn the_longest_plaintext_pads_and_one_byte_more_does_not() {
        let mut bytes = vec![7; MAX_LEN];
        assert!(pad(&bytes).is_ok_and(|padded| is_padded_len(padded.len())));
        bytes.push(7);
        assert!(matches!(pad(&bytes), Err(SealError::TooLong)));
        assert!(!is_padded_len(padded_len(bytes.len())));
    }

    proptest! {
        #[test]
        fn a_padded_size_holds_the_value_and_hides_its_length(len in 0..10_000_000_usize) {
            let padded = padded_len(len);
            prop_assert!(padded >= len + 4);
            prop_assert!(padded <= padded_len(len + 1));
            prop_assert!(padded == 64 || padded <= 2 * (len + 4));
            prop_assert!(len + 4 <= 1024 || padded - (len + 4) < (len + 4) / 8);
            prop_assert_eq!(padded_len(padded - 4), padded);
        }

        #[test]
        fn what_is_padded_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
            let padded = pad(&bytes).unwrap();
            prop_assert_eq!(padded.len(), padded_len(bytes.len()));
            let back = unpad(&padded).unwrap();
            prop_assert_eq!(back.expose(), bytes);
        }

        #[test]
        fn only_what_pad_makes_is_unpadded(mut padded in prop::collection::vec(0..2_u8, 60..140), length in 0..140_u32) {
            padded[..4].copy_from_slice(&length.to_be_bytes());
            if let Some(value) = unpad(&padded) {
                let again = pad(value.expose()).unwrap();
                prop_assert_eq!(again.as_slice(), padded);
            }
        }
    }

    #[test]
    fn nothing_shorter_than_the_length_bytes_is_unpadded() {
        for len in 0..LENGTH_LEN {
            assert!(unpad(&vec![0; len]).is_none() && !is_padded_len(len));
        }
    }
}
