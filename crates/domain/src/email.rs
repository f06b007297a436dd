//! E-mail addresses of people, as far as Vestry needs them: to sign in with and to write to.

use std::fmt;

use crate::text::{disguises, is_invisible};

/// The longest address, in bytes (RFC 5321, section 4.5.3.1.3: 256 with its angle brackets).
pub const LONGEST_EMAIL: usize = 254;

/// An e-mail address, spelled as it was given. Compare by [`Email::key`].
#[derive(Clone, Debug)]
pub struct Email(String);

impl Email {
    /// The address in `text`, without white space around it: one `@` with something on both sides of it,
    /// no white space, control characters or others that can't be seen. Whether it exists only a letter can tell.
    pub fn parse(text: &str) -> Result<Self, EmailRefused> {
        let text = text.trim();
        if text.len() > LONGEST_EMAIL {
            return Err(EmailRefused::TooLong);
        }
        let sides = text.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
        let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | '"');
        match sides {
            Some((_, domain)) if domain.contains('@') || text.contains(strange) => Err(EmailRefused::Malformed),
            // Two accounts would look like one.
            Some(_) if text.contains(|c| disguises(c) || is_invisible(c)) => Err(EmailRefused::Invisible),
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(EmailRefused::Malformed),
        }
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form to look up and compare by: in lower case.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Email {}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not an e-mail address. The messages don't repeat the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EmailRefused {
    /// Not of the form name@host.
    #[error("This is not an e-mail address. Give one like anna@example.org.")]
    Malformed,
    /// With a character that nobody sees.
    #[error("The e-mail address contains an invisible character. Type it instead of pasting it.")]
    Invisible,
    /// More than [`LONGEST_EMAIL`] bytes.
    #[error("The e-mail address is too long: at most {LONGEST_EMAIL} bytes are allowed.")]
    TooLong,
}

impl EmailRefused {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "email_malformed",
            Self::Invisible => "email_invisible_character",
            Self::TooLong => "email_too_long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_is_kept_and_case_does_not_matter() {
        let email = Email::parse(" Anna@Example.ORG\n").unwrap();
        assert_eq!((email.as_str(), email.key().as_str()), ("Anna@Example.ORG", "anna@example.org"));
        assert_eq!(email, Email::parse("anna@example.org").unwrap());
        assert_eq!(Email::parse("ÄNNE@x.org").unwrap().key(), "änne@x.org");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "anna", "@x", "anna@", "a@b@c", "a b@c", "a@b\r\nBcc: c", "a\0@b", "<a@b>", "a\u{a0}b@c"] {
            assert_eq!(Email::parse(text), Err(EmailRefused::Malformed), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@x.org", "a".repeat(248))).is_ok());
        assert_eq!(Email::parse(&format!("{}@x.org", "a".repeat(249))), Err(EmailRefused::TooLong));
    }

    /// Two accounts could have addresses that look the same.
    #[test]
    fn an_address_with_something_that_nobody_sees_is_refused() {
        for text in
            ["an\u{200b}na@x.org", "anna\u{200d}@x.org", "\u{feff}anna@x.org", "anna@x\u{2060}.org", "an\u{ad}na@x.org"]
        {
            assert_eq!(Email::parse(text), Err(EmailRefused::Invisible), "{text:?}");
        }
    }
}
