use thiserror::Error;

/// Why something was not sealed. Nothing was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// The plaintext has more than [`MAX_LEN`](crate::MAX_LEN) bytes.
    #[error("the value is too long to be sealed; nothing was sealed; use one of at most 1,048,572 bytes")]
    TooLong,
    /// The tags of the context do not ascend, or one holds more than 2³² − 1 bytes.
    #[error("the context has its tags out of order; nothing was sealed; this is a defect of the program, report it")]
    Context,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes; nothing was sealed; check that /dev/urandom works, then try again")]
    NoRandomness,
    /// The cryptographic library refused to work.
    #[error("encryption failed; nothing was sealed; restart the program, and report it if it happens again")]
    Encryption,
}

/// The envelope does not open with this key in this context.
///
/// One answer for a wrong key, a wrong context, changed bytes and bad padding, so that nobody learns which it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the sealed value does not open here: it was sealed with another key or for another place, or its bytes were \
     changed; nothing was unsealed; check the root key, or restore the stored value from a backup"
)]
pub struct Refused;

/// The bytes are not an envelope. Says only what anyone can see from the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// There are fewer or more bytes than the length field and the format say, or the length is no padded size.
    #[error(
        "the stored bytes have a wrong length for a sealed value; nothing was unsealed; restore them from a backup"
    )]
    Length,
    /// The first four bytes are not `VST1`.
    #[error("the stored bytes are not a sealed value; nothing was unsealed; restore them from a backup")]
    Magic,
    /// The algorithm byte is unknown.
    #[error(
        "the value is sealed with an algorithm that this version does not know; nothing was unsealed; use the version \
         of the program that sealed it"
    )]
    Algorithm,
}
