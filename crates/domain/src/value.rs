//! What may be the value of a secret. Nothing here ever keeps, changes or repeats the value.

/// The longest value, in bytes.
pub const LONGEST_VALUE: usize = 48 * 1024;

/// Values (and lines of values) shorter than this, in bytes, are not masked in logs.
pub const SHORTEST_MASKED: usize = 8;

/// Why bytes are not a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueRefused {
    /// No bytes, and that was not asked for.
    #[error("The value is empty. If that is meant, allow an empty value explicitly.")]
    Empty,
    /// More than [`LONGEST_VALUE`] bytes.
    #[error(
        "The value is too long: at most {} KiB are allowed. Keep large data in a file or store, and its key here.",
        LONGEST_VALUE / 1024
    )]
    TooLong,
    /// Not UTF-8.
    #[error("The value is not UTF-8 text. Encode binary data first, for example as base64.")]
    NotText,
    /// A NUL byte, which would end an environment variable.
    #[error("The value contains a NUL byte, which an environment variable can't carry. Remove or encode it.")]
    Nul,
}

impl ValueRefused {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "value_empty",
            Self::TooLong => "value_too_long",
            Self::NotText => "value_not_text",
            Self::Nul => "value_has_nul",
        }
    }
}

/// What is probably a slip in an accepted value. The value is stored as it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueWarning {
    /// It ends with a line feed.
    #[error("The value ends with a newline, which programs see as part of it.")]
    TrailingNewline,
    /// It ends with another white space.
    #[error("The value ends with a space, which programs see as part of it.")]
    TrailingSpace,
    /// It contains a carriage return.
    #[error("The value contains a carriage return, as in text from Windows.")]
    CarriageReturn,
    /// It contains a character that takes no room on a screen.
    #[error("The value contains an invisible zero-width character.")]
    ZeroWidth,
    /// It begins with U+FEFF.
    #[error("The value begins with a byte order mark.")]
    ByteOrderMark,
    /// It begins and ends with the same quotation mark.
    #[error("The value is in quotation marks, which programs see as part of it.")]
    Quoted,
    /// It is shorter than [`SHORTEST_MASKED`].
    #[error("The value is shorter than {SHORTEST_MASKED} bytes: it is not masked in servers' logs.")]
    NotMasked,
}

impl ValueWarning {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TrailingNewline => "value_trailing_newline",
            Self::TrailingSpace => "value_trailing_space",
            Self::CarriageReturn => "value_carriage_return",
            Self::ZeroWidth => "value_zero_width",
            Self::ByteOrderMark => "value_byte_order_mark",
            Self::Quoted => "value_quoted",
            Self::NotMasked => "value_not_masked",
        }
    }
}

/// A warning and when it is given.
type Sign = (ValueWarning, fn(&str) -> bool);

const SIGNS: &[Sign] = &[
    (ValueWarning::TrailingNewline, |text| text.ends_with('\n')),
    (ValueWarning::TrailingSpace, |text| text.ends_with(|c: char| c.is_whitespace() && c != '\n' && c != '\r')),
    (ValueWarning::CarriageReturn, |text| text.contains('\r')),
    (ValueWarning::ZeroWidth, |text| text.strip_prefix('\u{feff}').unwrap_or(text).contains(is_zero_width)),
    (ValueWarning::ByteOrderMark, |text| text.starts_with('\u{feff}')),
    (ValueWarning::Quoted, is_quoted),
    (ValueWarning::NotMasked, |text| (1..SHORTEST_MASKED).contains(&text.len())),
];

/// Whether `value` may be stored, and what is probably wrong with it.
///
/// UTF-8 without NUL, at most [`LONGEST_VALUE`] bytes, empty only with `allow_empty`.
pub fn check_value(value: &[u8], allow_empty: bool) -> Result<Vec<ValueWarning>, ValueRefused> {
    if value.is_empty() && !allow_empty {
        return Err(ValueRefused::Empty);
    }
    if value.len() > LONGEST_VALUE {
        return Err(ValueRefused::TooLong);
    }
    let text = std::str::from_utf8(value).map_err(|_| ValueRefused::NotText)?;
    if text.contains('\0') {
        return Err(ValueRefused::Nul);
    }
    Ok(SIGNS.iter().filter(|(_, applies)| applies(text)).map(|(warning, _)| *warning).collect())
}

/// Zero-width space, non-joiner, joiner, word joiner, and the byte order mark away from the beginning.
fn is_zero_width(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// Quotes around the whole value; a newline after them doesn't hide them.
fn is_quoted(text: &str) -> bool {
    let text = text.trim_end();
    ['"', '\'', '`'].iter().any(|quote| text.len() >= 2 && text.starts_with(*quote) && text.ends_with(*quote))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValueWarning::*;

    #[test]
    fn ordinary_values_pass_without_a_warning() {
        for value in ["sk-0123456789", "postgres://u:p@h/db?x='y'", "-----BEGIN KEY-----\nMIIB\n-----END KEY-----"] {
            assert_eq!(check_value(value.as_bytes(), false), Ok(vec![]), "{value}");
        }
        assert_eq!(check_value(&[b'x'; LONGEST_VALUE], false), Ok(vec![]));
    }

    #[test]
    fn what_no_environment_variable_can_carry_is_refused() {
        assert_eq!(check_value(&[b'x'; LONGEST_VALUE + 1], false), Err(ValueRefused::TooLong));
        assert_eq!(check_value(b"abc\0defghi", false), Err(ValueRefused::Nul));
        assert_eq!(check_value(&[0xff, 0xfe, b'a'], false), Err(ValueRefused::NotText));
    }

    #[test]
    fn empty_needs_permission_and_then_no_warning() {
        assert_eq!(check_value(b"", false), Err(ValueRefused::Empty));
        assert_eq!(check_value(b"", true), Ok(vec![]));
    }

    #[test]
    fn every_slip_gets_its_warning() {
        for (value, warnings) in [
            ("long enough\n", vec![TrailingNewline]),
            ("long enough ", vec![TrailingSpace]),
            ("long enough\t", vec![TrailingSpace]),
            ("long enough\r\n", vec![TrailingNewline, CarriageReturn]),
            ("long\u{200b}enough", vec![ZeroWidth]),
            ("\u{feff}long enough", vec![ByteOrderMark]),
            ("long\u{feff}enough", vec![ZeroWidth]),
            ("\"long enough\"", vec![Quoted]),
            ("'long enough'\n", vec![TrailingNewline, Quoted]),
            ("1234567", vec![NotMasked]),
            ("\"", vec![NotMasked]),
        ] {
            assert_eq!(check_value(value.as_bytes(), false), Ok(warnings), "{value:?}");
        }
    }
}
