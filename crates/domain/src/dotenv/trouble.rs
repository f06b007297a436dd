//! What can be wrong with `.env` text, in words that repeat nothing of it.

use super::{LONGEST_TEXT, MOST_LINES};
use crate::{LONGEST_NAME, NameRefused, ValueRefused, ValueWarning};

/// Why a text is not read at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextRefused {
    /// More than [`LONGEST_TEXT`] bytes.
    #[error("The text is too long: at most {} KiB are allowed. Import it in parts.", LONGEST_TEXT / 1024)]
    TooLong,
    /// More than [`MOST_LINES`] lines that hold something.
    #[error(
        "The text has too many lines: at most {MOST_LINES} may hold something. Import it in parts, if it is .env text."
    )]
    TooManyLines,
}

impl TextRefused {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "text_too_long",
            Self::TooManyLines => "text_has_too_many_lines",
        }
    }
}

/// Why a line is nothing to be imported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// Neither an assignment nor a comment.
    #[error(
        "This line assigns nothing. Write NAME=value, begin a comment with “#”, and put quotes around a value of several \
         lines."
    )]
    NoEquals,
    /// The value's quote is never closed.
    #[error(
        "The quote that begins this value is never closed. Close it; a quote within double quotes is written \\\"."
    )]
    Unterminated,
    /// Something other than a comment behind the closing quote.
    #[error(
        "Something follows the quote that closes this value, on line {line}. Only a comment may, behind a space. Within \
         double quotes, write a quote as \\\"."
    )]
    AfterQuote {
        /// The line of the closing quote.
        line: usize,
    },
    /// A backslash before something that it does not change.
    #[error(
        "On line {line}, a backslash stands within double quotes before something other than n, r, t, \" or \\. Write \\\\ \
         for a backslash, or use single quotes, in which nothing is changed."
    )]
    Escape {
        /// The line of the backslash.
        line: usize,
    },
    /// A carriage return outside of quotes that ends no line.
    #[error(
        "A carriage return stands within this line. End lines with a line feed, or with both; put quotes around a value \
         that contains one."
    )]
    CarriageReturn,
    /// The first line of a PEM block without quotes.
    #[error("This value is a block of several lines. Put quotes around the whole block.")]
    Block,
    /// Nothing before the equals sign.
    #[error("There is no name before “=”.")]
    NameMissing,
    /// What stands before the equals sign is longer than a name.
    #[error("What stands before “=” is too long for a name: at most {LONGEST_NAME} characters are allowed.")]
    NameTooLong,
    /// What stands before the equals sign is not a name.
    #[error(
        "What stands before “=” is not a name: only the letters A–Z and a–z, digits and “_”, and no digit at its \
         beginning."
    )]
    NameMalformed,
    /// A name that belongs to the system or to programs.
    #[error("The name {pattern} is reserved: {reason}. Choose another name, or take the line out.")]
    NameReserved {
        /// The row of the table of refused names.
        pattern: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// A line before assigns to the same name.
    #[error("Line {first} assigns to this name too. Leave one of the two.")]
    Twice {
        /// The number of that line.
        first: usize,
    },
    /// A value that can't be stored.
    #[error(transparent)]
    Value(ValueRefused),
}

impl Trouble {
    /// What is wrong with a name; without the characters that the refusal of a typed name shows, which could be a value's
    /// here.
    pub(super) fn of_name(refused: &NameRefused) -> Self {
        match *refused {
            NameRefused::Empty => Self::NameMissing,
            NameRefused::TooLong => Self::NameTooLong,
            NameRefused::Assignment | NameRefused::BeginsWithDigit { .. } | NameRefused::Character { .. } => {
                Self::NameMalformed
            }
            NameRefused::Reserved { pattern, reason } => Self::NameReserved { pattern, reason },
        }
    }

    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoEquals => "line_assigns_nothing",
            Self::Unterminated => "quote_not_closed",
            Self::AfterQuote { .. } => "text_after_quote",
            Self::Escape { .. } => "escape_unknown",
            Self::CarriageReturn => "carriage_return",
            Self::Block => "block_without_quotes",
            Self::NameMissing => "name_missing",
            Self::NameTooLong => "name_too_long",
            Self::NameMalformed => "name_malformed",
            Self::NameReserved { .. } => "name_reserved",
            Self::Twice { .. } => "name_twice",
            Self::Value(refused) => refused.code(),
        }
    }

    /// Whether the line could be read, and what it says is not allowed.
    pub fn is_readable(self) -> bool {
        match self {
            Self::NoEquals
            | Self::Unterminated
            | Self::AfterQuote { .. }
            | Self::Escape { .. }
            | Self::CarriageReturn
            | Self::Block => false,
            Self::NameMissing
            | Self::NameTooLong
            | Self::NameMalformed
            | Self::NameReserved { .. }
            | Self::Twice { .. }
            | Self::Value(_) => true,
        }
    }
}

/// What is probably a slip in a line that is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Caution {
    /// What follows a space and `#` was left out.
    #[error("What stands behind “ #” was taken for a comment. Put quotes around the value if it is part of it.")]
    Commented,
    /// `${` or `$(`, which a shell would fill in.
    #[error("“$” is kept as it is: nothing is filled in for it.")]
    NotFilledIn,
    /// What is probably a slip in the value.
    #[error(transparent)]
    Value(ValueWarning),
}

impl Caution {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Commented => "value_has_comment",
            Self::NotFilledIn => "value_not_filled_in",
            Self::Value(warning) => warning.code(),
        }
    }
}
