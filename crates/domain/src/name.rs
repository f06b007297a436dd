//! Names of secrets: the grammar, what is refused and why, what is warned about.

mod reserved;

use std::fmt;

pub(crate) use reserved::{OWN, covers};
use reserved::{REFUSED, WARNED};

/// The longest name, in characters (all of them ASCII, so also in bytes).
pub const LONGEST_NAME: usize = 128;

/// The name of a secret: the name of the environment variable that carries it.
///
/// `^[A-Za-z_][A-Za-z0-9_]{0,127}$` and not reserved. Kept as typed; case matters, in comparisons too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SecretName(String);

impl SecretName {
    /// The name in `text`, which must be exactly the name: nothing is trimmed or changed.
    pub fn parse(text: &str) -> Result<Self, NameRefused> {
        check_grammar(text)?;
        match REFUSED.iter().find(|(pattern, _)| covers(pattern, text)) {
            Some((pattern, reason)) => Err(NameRefused::Reserved { pattern, reason }),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// A name that was accepted before: the list of reserved words may have grown since, and what exists stays readable.
    pub fn parse_kept(text: &str) -> Result<Self, NameRefused> {
        match Self::parse(text) {
            Err(NameRefused::Reserved { .. }) => Ok(Self(text.to_owned())),
            answer => answer,
        }
    }

    /// The name as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a person should know about this name before using it. Nothing here forbids it.
    pub fn warnings(&self) -> Vec<NameWarning> {
        WARNED
            .iter()
            .filter(|(pattern, _)| covers(pattern, &self.0))
            .map(|(pattern, reason)| NameWarning::ReadByPrograms { pattern, reason })
            .collect()
    }

    /// The warning for the first of `visible` that differs from this name in case only, if there is one.
    pub fn differs_only_in_case<'a>(&self, visible: impl IntoIterator<Item = &'a SecretName>) -> Option<NameWarning> {
        visible
            .into_iter()
            .find(|other| other.0 != self.0 && other.0.eq_ignore_ascii_case(&self.0))
            .map(|other| NameWarning::DiffersOnlyInCase { other: other.clone() })
    }

    /// This name in `UPPER_SNAKE_CASE`, when that is a different and allowed name.
    pub fn suggestion(&self) -> Option<SecretName> {
        suggest(&self.0).filter(|suggested| suggested != self)
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for SecretName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Why a text is not the name of a secret or variable. The messages never repeat the text as it came.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameRefused {
    /// Nothing was given.
    #[error("A name is missing. Give it the name of the environment variable, for example API_KEY.")]
    Empty,
    /// More than [`LONGEST_NAME`] characters.
    #[error("The name is too long: at most {LONGEST_NAME} characters are allowed. Choose a shorter one.")]
    TooLong,
    /// `NAME=value` in the place of the name. Neither side is kept: either could be the value.
    #[error(
        "This looks like NAME=value. A name can't contain “=”: \
         put only what stands before it into the name, and what stands after it into the value."
    )]
    Assignment,
    /// The first character is a digit.
    #[error("A name can't begin with a digit: begin it with a letter or “_”.{}", hint(.suggestion))]
    BeginsWithDigit {
        /// A name that would be accepted.
        suggestion: Option<SecretName>,
    },
    /// A character other than an ASCII letter, digit or underscore.
    #[error(
        "A name can't contain {} (character {position}): use only the letters A–Z and a–z, digits and “_”.{}",
        show(*.character),
        hint(.suggestion)
    )]
    Character {
        /// The first character that is not allowed.
        character: char,
        /// Its place, counted in characters from 1.
        position: usize,
        /// A name that would be accepted.
        suggestion: Option<SecretName>,
    },
    /// A name that belongs to the system or to programs.
    #[error("The name {pattern} is reserved: {reason}. Choose another name.")]
    Reserved {
        /// The row of the table of refused names: a name, or a prefix followed by `*`.
        pattern: &'static str,
        /// Why.
        reason: &'static str,
    },
}

impl NameRefused {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "name_missing",
            Self::TooLong => "name_too_long",
            Self::Assignment => "name_is_assignment",
            Self::BeginsWithDigit { .. } | Self::Character { .. } => "name_malformed",
            Self::Reserved { .. } => "name_reserved",
        }
    }

    /// A name that would be accepted in its place, in `UPPER_SNAKE_CASE`.
    pub fn suggestion(&self) -> Option<&SecretName> {
        match self {
            Self::BeginsWithDigit { suggestion } | Self::Character { suggestion, .. } => suggestion.as_ref(),
            _ => None,
        }
    }
}

/// Something to know about an accepted name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameWarning {
    /// Programs read this variable by themselves.
    #[error("Names like {pattern} {reason}. Every server that gets this secret is affected.")]
    ReadByPrograms {
        /// The row of the table of warned names: a name, or one with `*` at its beginning or end.
        pattern: &'static str,
        /// What such a variable does.
        reason: &'static str,
    },
    /// Another visible secret has the same name but for case.
    #[error(
        "There is also {other}: the two differ only in upper and lower case, and programs see two variables. \
         To override it, spell the name exactly like it."
    )]
    DiffersOnlyInCase {
        /// The other name.
        other: SecretName,
    },
}

impl NameWarning {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ReadByPrograms { .. } => "name_read_by_programs",
            Self::DiffersOnlyInCase { .. } => "name_differs_only_in_case",
        }
    }
}

/// The grammar that names of secrets and of plain variables share; reserved names are not looked at.
pub(crate) fn check_grammar(text: &str) -> Result<(), NameRefused> {
    let first = text.chars().next().ok_or(NameRefused::Empty)?;
    if text.contains('=') {
        return Err(NameRefused::Assignment);
    }
    let wrong = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    if let Some((before, character)) = text.chars().enumerate().find(|(_, c)| wrong(*c)) {
        return Err(NameRefused::Character { character, position: before + 1, suggestion: suggest(text) });
    }
    if text.len() > LONGEST_NAME {
        return Err(NameRefused::TooLong);
    }
    if first.is_ascii_digit() {
        return Err(NameRefused::BeginsWithDigit { suggestion: suggest(text) });
    }
    Ok(())
}

/// `text` in `UPPER_SNAKE_CASE`, when it consists of words that can be made into an allowed name.
fn suggest(text: &str) -> Option<SecretName> {
    let text = text.trim();
    if text.len() > LONGEST_NAME {
        return None;
    }
    let mut name = String::with_capacity(text.len() + 8);
    let mut after_lower = false;
    for c in text.chars() {
        let separator = matches!(c, '_' | '-' | '.' | ' ' | '/');
        if !separator && !c.is_ascii_alphanumeric() {
            return None;
        }
        if (name.is_empty() && c.is_ascii_digit()) || (after_lower && c.is_ascii_uppercase()) {
            name.push('_');
        }
        name.push(if separator { '_' } else { c.to_ascii_uppercase() });
        after_lower = c.is_ascii_lowercase();
    }
    let covered = REFUSED.iter().any(|(pattern, _)| covers(pattern, &name));
    (!name.is_empty() && !covered && name.len() <= LONGEST_NAME).then_some(SecretName(name))
}

fn hint(suggestion: &Option<SecretName>) -> String {
    suggestion.as_ref().map(|name| format!(" For example {name}.")).unwrap_or_default()
}

/// A character for a message: itself where it is visible ASCII, otherwise its number.
fn show(character: char) -> String {
    match character {
        ' ' => "a space".to_owned(),
        c if c.is_ascii_graphic() => format!("“{c}”"),
        c => format!("U+{:04X}", u32::from(c)),
    }
}

#[cfg(test)]
mod tests;
