//! The written form of sessions and tokens: `vst_<kind>_<id>_<256 bits in base 62>_<CRC-32>`.
//!
//! The prefix and the checksum let secret scanners find a token in text and be sure of it; neither protects anything.

use aws_lc_rs::{constant_time, digest};
use domain::CredentialId;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::random;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 exceeds 2^256.
const SECRET_LENGTH: usize = 43;

/// What a credential is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A browser's session: `s`.
    Session,
    /// A personal token: `p`.
    Personal,
    /// A workspace token: `w`.
    Workspace,
    /// A browser in which somebody has signed in: `b`. It lets nobody in.
    Browser,
}

impl Kind {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Session, "s"), (Self::Personal, "p"), (Self::Workspace, "w"), (Self::Browser, "b")];

    fn letter(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, letter)| letter)
    }
}

/// Writes a new token: its text, shown once, and the hash to store.
pub fn write(kind: Kind, id: CredentialId) -> (Zeroizing<String>, Vec<u8>) {
    let secret = secret_text(random::bytes());
    let hash = hash(&secret);
    let body = format!("vst_{}_{}_{}", kind.letter(), Uuid::from(id).simple(), *secret);
    (Zeroizing::new(format!("{body}_{:08x}", crc32(body.as_bytes()))), hash)
}

/// A token as somebody shows it.
pub struct Presented {
    /// What it is for.
    pub kind: Kind,
    /// Its id.
    pub id: CredentialId,
    hash: Vec<u8>,
}

impl Presented {
    /// Reads a token; `None` when the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (body, _) = text.rsplit_once('_').filter(|_| is_whole(text))?;
        let mut parts = body.strip_prefix("vst_")?.split('_');
        let (letter, id, secret, rest) = (parts.next()?, parts.next()?, parts.next()?, parts.next());
        let well_formed =
            rest.is_none() && secret.len() == SECRET_LENGTH && secret.bytes().all(|b| DIGITS.contains(&b));
        if !well_formed {
            return None;
        }
        let (kind, _) = *Kind::ALL.iter().find(|(_, known)| *known == letter)?;
        Some(Self { kind, id: Uuid::try_parse(id).ok()?.into(), hash: hash(secret) })
    }

    /// The SHA-256 of its secret part.
    pub fn hash(&self) -> &[u8] {
        &self.hash
    }

    /// Whether it is the token of this stored hash, in constant time.
    pub fn is(&self, stored: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.hash, stored).is_ok()
    }
}

/// Whether the checksum at the end of a token fits what stands before it: that nothing was lost in copying it.
pub fn is_whole(text: &str) -> bool {
    text.rsplit_once('_').is_some_and(|(body, checksum)| checksum == format!("{:08x}", crc32(body.as_bytes())))
}

/// The SHA-256 of a secret of 256 random bits, which needs no slow hash.
pub fn hash(secret: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec()
}

/// 256 bits as 43 digits in base 62, most significant first.
pub fn secret_text(random: [u8; 32]) -> Zeroizing<String> {
    let mut number = Zeroizing::new(random);
    let mut text = Zeroizing::new(vec![0; SECRET_LENGTH]);
    for place in text.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in number.iter_mut() {
            let dividend = remainder << 8 | u32::from(*byte);
            *byte = (dividend / 62) as u8;
            remainder = dividend % 62;
        }
        *place = DIGITS[remainder as usize];
    }
    Zeroizing::new(text.iter().map(|&digit| char::from(digit)).collect())
}

/// CRC-32 as in ISO 3309 and zlib, bit by bit: tokens are short.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use domain::Time;

    use super::*;

    fn id() -> CredentialId {
        CredentialId::new(Time(1_000_000), [7; 10])
    }

    #[test]
    fn a_written_token_reads_back_and_matches_its_hash_only() {
        let (text, stored) = write(Kind::Personal, id());
        let presented = Presented::parse(&text).unwrap();
        assert_eq!((presented.kind, presented.id), (Kind::Personal, id()));
        assert!(presented.is(&stored));
        assert!(!presented.is(&write(Kind::Personal, id()).1));
    }

    #[test]
    fn a_changed_token_is_no_token() {
        let (text, _) = write(Kind::Session, id());
        for place in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert!(Presented::parse(std::str::from_utf8(&changed).unwrap()).is_none(), "place {place}");
        }
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn the_secret_keeps_all_its_bits() {
        assert_eq!(*secret_text([0; 32]), "0".repeat(43));
        let mut one = [0; 32];
        one[31] = 61;
        assert_eq!(*secret_text(one), format!("{}z", "0".repeat(42)));
        assert_ne!(secret_text([255; 32]).as_bytes()[0], b'0');
    }
}
