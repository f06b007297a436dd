//! The written form of a root key, and its id.
//!
//! A key file is one line, nothing before it and nothing after:
//!
//! ```text
//! vestry-root-key-1 <id, 32 hexadecimal digits> <key, 64 hexadecimal digits>
//! ```
//!
//! The id is the first 16 bytes of `HKDF-SHA-512(ikm = key, no salt, info = "vestry/root-key-id/v1\0")` (RFC 5869),
//! which says nothing about the key.

use std::fmt::Write;

use aws_lc_rs::hkdf::{HKDF_SHA512, Salt};
use envelope::{Key, KeyId};
use zeroize::Zeroizing;

const MARK: &str = "vestry-root-key-1";

/// The length of a key file in bytes, with the end of the line.
pub(super) const LINE_LEN: usize = MARK.len() + 1 + 32 + 1 + 64 + 1;

/// The key with these bytes, under the id that follows from them.
pub(super) fn root_key(bytes: &[u8; 32]) -> Key {
    Key::from_bytes(id(bytes), bytes)
}

/// The key of 64 hexadecimal digits; nothing where they are something else.
pub(super) fn parse_digits(digits: &str) -> Option<Key> {
    let mut bytes = Zeroizing::new([0; 32]);
    decode(digits.as_bytes(), bytes.as_mut_slice())?;
    Some(root_key(&bytes))
}

/// The key of a key file; nothing where the file is anything else, or its id is not that of its key.
pub(super) fn parse_line(line: &[u8]) -> Option<Key> {
    let line = std::str::from_utf8(line).ok()?;
    let line = line.strip_suffix('\n').unwrap_or(line);
    let (written_id, digits) = line.strip_prefix(MARK)?.strip_prefix(' ')?.split_once(' ')?;
    let mut id = [0; 16];
    decode(written_id.as_bytes(), &mut id)?;
    parse_digits(digits).filter(|key| key.id() == &id)
}

/// The key file of the key with these bytes.
pub(super) fn write_line(bytes: &[u8; 32]) -> Zeroizing<String> {
    // Of its final size from the start: growing would leave a copy of the key behind.
    let mut line = Zeroizing::new(String::with_capacity(LINE_LEN));
    line.push_str(MARK);
    for part in [id(bytes).as_slice(), bytes] {
        line.push(' ');
        for byte in part {
            write!(line, "{byte:02x}").expect("writing to a string never fails");
        }
    }
    line.push('\n');
    line
}

fn id(bytes: &[u8; 32]) -> KeyId {
    let mut okm = Zeroizing::new([0; 64]);
    Salt::none(HKDF_SHA512)
        .extract(bytes)
        .expand(&[b"vestry/root-key-id/v1\0"], HKDF_SHA512)
        .and_then(|output| output.fill(okm.as_mut_slice()))
        .expect("64 bytes are one block of HKDF-SHA-512, which gives up to 255");
    let mut id = [0; 16];
    id.copy_from_slice(&okm[..16]);
    id
}

fn decode(digits: &[u8], bytes: &mut [u8]) -> Option<()> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_line_reads_back() {
        let line = write_line(&[0xab; 32]);
        assert_eq!(line.len(), LINE_LEN);
        assert_eq!(line.capacity(), LINE_LEN, "the line grew");
        assert_eq!(parse_line(line.as_bytes()).unwrap().id(), &id(&[0xab; 32]));
        assert!(parse_line(line.trim_end().as_bytes()).is_some(), "a missing end of line does no harm");
    }

    #[test]
    fn a_line_with_any_byte_changed_is_refused() {
        let line = write_line(&[0xab; 32]);
        for at in 0..LINE_LEN {
            let mut other = line.as_bytes().to_vec();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            assert!(parse_line(&other).is_none(), "byte {at}");
        }
    }

    #[test]
    fn a_line_with_more_or_less_is_refused() {
        let line = write_line(&[0xab; 32]);
        for len in 0..LINE_LEN - 1 {
            assert!(parse_line(&line.as_bytes()[..len]).is_none(), "{len} bytes");
        }
        for other in [format!("{}\n", *line), format!(" {}", *line), format!("{} ", line.trim_end())] {
            assert!(parse_line(other.as_bytes()).is_none(), "{other:?}");
        }
    }

    #[test]
    fn only_64_hexadecimal_digits_are_a_key() {
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        assert!(parse_digits(&digits).is_some());
        for other in [&digits[1..], &format!("{digits}0"), &digits.replace('a', "g"), &digits.replace("89", "é"), ""] {
            assert!(parse_digits(other).is_none(), "{other:?}");
        }
    }
}
