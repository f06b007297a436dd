//! What people write about their organizations, workspaces, servers and secrets: display names and descriptions.

use std::fmt;

/// The longest display name, in characters.
pub const LONGEST_DISPLAY_NAME: usize = 80;
/// The longest description, in characters.
pub const LONGEST_DESCRIPTION: usize = 500;

/// The name of an organization, workspace, server or person as people read it: 1 to 80 characters on one line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DisplayName(String);

impl DisplayName {
    /// The name in `text`, without white space around it.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextRefused::Empty);
        }
        if text.chars().any(disguises) {
            return Err(TextRefused::Character);
        }
        if text.chars().count() > LONGEST_DISPLAY_NAME {
            return Err(TextRefused::TooLong { limit: LONGEST_DISPLAY_NAME });
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What something is for, in a person's words: at most 500 characters, possibly none, on one or more lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Description(String);

impl Description {
    /// The description in `text`, without white space around it and with line feeds alone between lines.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        let text = text.trim().replace("\r\n", "\n");
        if text.chars().any(|c| c != '\n' && disguises(c)) {
            return Err(TextRefused::Character);
        }
        if text.chars().count() > LONGEST_DESCRIPTION {
            return Err(TextRefused::TooLong { limit: LONGEST_DESCRIPTION });
        }
        Ok(Self(text))
    }

    /// The description.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters that drive a terminal, break a line or turn the direction of text, so that it reads as something else:
/// controls, line and paragraph separators, and Unicode's Bidi_Control characters (UAX #9).
fn disguises(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Why a text is not a display name or description. The messages don't repeat the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextRefused {
    /// Nothing but white space.
    #[error("A name is missing. Give one that people will recognise.")]
    Empty,
    /// Too many characters.
    #[error("The text is too long: at most {limit} characters are allowed. Shorten it.")]
    TooLong {
        /// The most characters allowed.
        limit: usize,
    },
    /// A control character or one that turns the direction of text.
    #[error("The text contains a control character or one that turns the writing direction. Remove it.")]
    Character,
}

impl TextRefused {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "text_missing",
            Self::TooLong { .. } => "text_too_long",
            Self::Character => "text_control_character",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_is_one_visible_line() {
        assert_eq!(DisplayName::parse("  Acme Lab ").unwrap().as_str(), "Acme Lab");
        assert!(DisplayName::parse(&"é".repeat(80)).is_ok());
        assert_eq!(DisplayName::parse(&"é".repeat(81)), Err(TextRefused::TooLong { limit: 80 }));
        assert_eq!(DisplayName::parse(" \n "), Err(TextRefused::Empty));
        for text in [
            "a\nb",
            "a\x1b[31m",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{61c}b",
            "a\u{200f}b",
            "a\u{2028}b",
            "a\u{7f}",
            "a\u{85}b",
        ] {
            assert_eq!(DisplayName::parse(text), Err(TextRefused::Character), "{text:?}");
        }
    }

    #[test]
    fn a_description_may_have_lines_or_nothing() {
        assert_eq!(Description::parse("one\r\ntwo\n").unwrap().as_str(), "one\ntwo");
        assert_eq!(Description::parse(" ").unwrap(), Description::default());
        assert_eq!(Description::parse("a\tb"), Err(TextRefused::Character));
        assert_eq!(Description::parse(&"x".repeat(501)), Err(TextRefused::TooLong { limit: 500 }));
    }
}
