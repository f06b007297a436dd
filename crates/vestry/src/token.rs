//! The token that the command line acts with.

use envelope::Plaintext;

use crate::exit::Failure;

/// A bearer token. Like a value it can't be printed or copied by accident.
pub(crate) struct Token(Plaintext);

impl Token {
    /// Takes a token as it was kept or handed in; spaces and line ends around it are dropped.
    ///
    /// # Errors
    /// When it can't be one. The message doesn't repeat it.
    pub(crate) fn parse(text: Plaintext) -> Result<Self, Failure> {
        let trimmed = text.expose().trim_ascii();
        if !trimmed.starts_with(b"vst_") || !trimmed.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return Err(Failure::data("this is not a token of Vestry; nothing was sent")
                .help("a token begins with vst_; make one with:  vestry token create NAME"));
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
        Token::parse(Plaintext::new(text.as_bytes().to_vec()))
    }

    #[test]
    fn a_token_is_taken_without_its_line_end() {
        assert_eq!(parse("vst_p_0a1_xyz_1\n").ok().unwrap().expose(), "vst_p_0a1_xyz_1");
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_repeated() {
        for text in ["", "hunter2", "vst_p_a\r\nX-Other: b", "vst_p a"] {
            let failure = parse(text).err().unwrap();
            assert!(text.is_empty() || !failure.message.contains(text));
        }
    }
}
