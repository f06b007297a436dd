//! Text from elsewhere, made harmless before it reaches a terminal.

use std::fmt;

pub(crate) use domain::escaped as escape;
use domain::{drives_terminal, log_line};
use serde::{Deserialize, Deserializer};

/// A text from the control plane. Its characters that could drive a terminal are escaped as it is read, so that no
/// later line has to remember it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Text(String);

impl Text {
    /// The escaped text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|raw| Self(escape(&raw)))
    }
}

/// A text of several lines from the control plane, each line escaped as a [`Text`] is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Lines(Vec<String>);

impl Lines {
    /// The first line; empty when there is none.
    pub(crate) fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The lines after it.
    pub(crate) fn rest(&self) -> &[String] {
        self.0.get(1..).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|raw| Self(raw.lines().map(log_line).collect()))
    }
}

/// JSON text, in which a character that could drive a terminal can only stand inside a string: written as `\u001b`.
/// Line ends stay, because they lay the document out.
pub(crate) fn escape_json(document: &str) -> String {
    let mut escaped = String::with_capacity(document.len());
    for c in document.chars() {
        if c != '\n' && drives_terminal(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_survives() {
        for hostile in [
            "\u{1b}]0;title\u{7}",
            "\u{9b}2J",
            "a\rb",
            "a\nb",
            "\u{202e}txt",
            "\u{2066}",
            "\u{200b}",
            "\u{7f}",
            "pass\u{ad}word",
            "\u{feff}",
            "a\u{e0001}\u{e0041}\u{e007f}",
        ] {
            assert!(!escape(hostile).chars().any(drives_terminal), "{hostile:?}");
            let json = serde_json::to_string(hostile).unwrap();
            assert!(!escape_json(&json).chars().any(drives_terminal), "{hostile:?}");
            assert_eq!(serde_json::from_str::<String>(&escape_json(&json)).unwrap(), hostile);
            assert!(!log_line(hostile).chars().any(drives_terminal), "{hostile:?}");
        }
        assert_eq!(escape("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(escape("a\u{e0041}\u{ad}"), "a\\u{e0041}\\u{ad}");
    }

    #[test]
    fn ordinary_text_of_any_language_stays_as_it_is() {
        for text in ["Ada Lovelace", "köln", "東京", "🦀 'quoted' \"twice\" \\ back"] {
            assert_eq!(escape(text), text);
        }
    }
}
