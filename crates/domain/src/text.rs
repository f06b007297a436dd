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
        if text.chars().any(disguises) {
            return Err(TextRefused::Character);
        }
        if text.chars().all(is_invisible) {
            return Err(TextRefused::Empty);
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

/// Characters that drive a terminal, break a line, turn the direction of text or hide in it, so that it reads as
/// something else: controls, line and paragraph separators, Unicode's Bidi_Control characters (UAX #9), what takes no
/// room and joins nothing (soft hyphen, zero-width space, word joiner and its kin, byte order mark, annotations, tags),
/// fillers that look like a blank or like nothing, and code points that are no characters (Unicode, 23.7).
pub fn disguises(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || matches!(c, '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Characters that show nothing by themselves, but belong into some languages' words and into emoji: joiners and
/// variation selectors. A name of nothing else can't be seen.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{34f}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180d}' | '\u{180f}')
        || matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Why a text is not a display name or description. The messages don't repeat the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextRefused {
    /// Nothing that can be seen.
    #[error("A name is missing. Give one that people will recognise.")]
    Empty,
    /// Too many characters.
    #[error("The text is too long: at most {limit} characters are allowed. Shorten it.")]
    TooLong {
        /// The most characters allowed.
        limit: usize,
    },
    /// A control character, one that turns the direction of text, or one that hides in it.
    #[error(
        "The text contains a control character, an invisible one, or one that turns the writing direction. Remove it."
    )]
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
            "a\u{ad}b",
            "a\u{200b}b",
            "a\u{2060}b",
            "a\u{206f}b",
            "\u{feff}",
            "a\u{e0041}\u{e007f}",
            "a\u{115f}b",
            "a\u{180e}b",
            "a\u{2800}b",
            "a\u{3164}",
            "a\u{ffa0}b",
            "a\u{fffa}b",
            "a\u{fdd0}",
            "a\u{ffff}",
            "a\u{10fffe}",
        ] {
            assert_eq!(DisplayName::parse(text), Err(TextRefused::Character), "{text:?}");
        }
    }

    #[test]
    fn a_display_name_can_be_seen() {
        for text in ["\u{200d}", "\u{17b4} \u{17b5}", "\u{fe0f}\u{200c}", "\u{e0100}"] {
            assert_eq!(DisplayName::parse(text), Err(TextRefused::Empty), "{text:?}");
        }
        for text in ["\u{1f469}\u{200d}\u{1f52c} lab", "می\u{200c}خواهم", "❤\u{fe0f}"] {
            assert!(DisplayName::parse(text).is_ok(), "{text:?}");
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
