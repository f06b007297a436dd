//! Text from elsewhere, made harmless before it reaches a terminal.

use std::fmt;

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

/// Whether a character could move the cursor, change how text looks or reads, or talk to the terminal: the control
/// characters of both sets, the bidirectional controls, the line separators and the invisible ones, tags among them.
fn drives_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{ad}' | '\u{e0000}'..='\u{e007f}')
}

/// One line of text in which every such character is written out, like `\u{1b}`.
pub(crate) fn escape(raw: &str) -> String {
    let mut escaped = String::with_capacity(raw.len());
    for c in raw.chars() {
        if drives_terminal(c) { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    escaped
}

/// The same for JSON text, where such a character can only stand inside a string: written as `\u001b`.
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

/// One line of a server's log: colours are taken out, tabs stay, everything else that drives a terminal is escaped.
pub(crate) fn log_line(raw: &str) -> String {
    let mut line = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = after_colour(rest) {
            rest = after;
            continue;
        }
        match c {
            '\t' => line.push(c),
            c if drives_terminal(c) => line.extend(c.escape_default()),
            c => line.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    line
}

/// What follows a "select graphic rendition" sequence (ECMA-48, 8.3.117) at the beginning of `text`.
fn after_colour(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].strip_prefix('m')
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

    #[test]
    fn a_log_line_loses_its_colours_and_nothing_else() {
        assert_eq!(log_line("\u{1b}[1;32mok\u{1b}[0m\tdone"), "ok\tdone");
        assert_eq!(log_line("\u{1b}[2Jcleared"), "\\u{1b}[2Jcleared");
        assert_eq!(log_line("\u{1b}[1;32"), "\\u{1b}[1;32");
    }
}
