//! The token that the command line acts with.

use control::app::token::is_whole;
use envelope::Plaintext;

use crate::exit::Failure;

/// A bearer token. Like a value it can't be printed or copied by accident.
pub(crate) struct Token(Plaintext);

impl Token {
    /// Takes a token as it was kept or handed in; spaces and line ends around it are dropped. `what` says in messages
    /// where it is from.
    ///
    /// # Errors
    /// When it can't be one, or lost something on its way. The message doesn't repeat it.
    pub(crate) fn parse(text: Plaintext, what: &str) -> Result<Self, Failure> {
        let trimmed = text.expose().trim_ascii();
        if !trimmed.starts_with(b"vst_") || !trimmed.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return Err(Failure::data(format!("{what} is not a token of Vestry; nothing was sent"))
                .help("a token begins with vst_; make one with:  vestry token create NAME"));
        }
        if !str::from_utf8(trimmed).is_ok_and(is_whole) {
            return Err(Failure::data(format!(
                "{what} is not a whole token (its checksum does not fit); nothing was sent"
            ))
            .help("copy it again, from its first letter to its last"));
        }
        Ok(Self(Plaintext::new(trimmed.to_vec())))
    }

    /// Whether it is a workspace's own, which says by itself where it belongs.
    pub(crate) fn is_of_workspace(&self) -> bool {
        self.expose().starts_with("vst_w_")
    }

    /// The id in it, which is no secret: the third part of `vst_<kind>_<id>_…`.
    pub(crate) fn id(&self) -> Option<String> {
        self.expose().split('_').nth(2).map(str::to_owned)
    }

    /// The token's text, for the header that carries it and the file that keeps it.
    pub(crate) fn expose(&self) -> &str {
        str::from_utf8(self.0.expose()).expect("`parse` lets only ASCII through")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Token, Failure> {
        Token::parse(Plaintext::new(text.as_bytes().to_vec()), "this")
    }

    #[test]
    fn a_token_is_taken_without_its_line_end() {
        assert_eq!(parse("vst_p_0a1_xyz_4cdbfcce\n").ok().unwrap().expose(), "vst_p_0a1_xyz_4cdbfcce");
    }

    #[test]
    fn a_token_that_lost_a_letter_is_not_a_whole_one() {
        let whole = "vst_p_0a1_xyz_4cdbfcce";
        for lost in 4..whole.len() {
            let text = format!("{}{}", &whole[..lost], &whole[lost + 1..]);
            assert!(parse(&text).err().unwrap().message.contains("its checksum does not fit"), "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_repeated() {
        for text in ["", "hunter2", "vst_p_a\r\nX-Other: b", "vst_p a"] {
            let failure = parse(text).err().unwrap();
            assert!(text.is_empty() || !failure.message.contains(text));
        }
    }
}
