//! `.env` text, read whole: what each of its lines assigns, or why a line can't be read.
//!
//! docs/guide/import.md says the grammar. A line that is in doubt is refused, never guessed at: nobody can read a value
//! back to see what was made of it. No message repeats anything of the text but a name.

mod trouble;

use std::collections::{HashMap, hash_map::Entry as Seat};

use zeroize::Zeroizing;

pub use trouble::{Caution, TextRefused, Trouble};

use crate::{SecretName, check_value};

/// The longest text, in bytes.
pub const LONGEST_TEXT: usize = 1024 * 1024;

/// The most lines that hold something, a value of several lines counted as one: more secrets fit into no budget.
pub const MOST_LINES: usize = 1_000;

/// What separates words within a line.
const BLANK: [char; 2] = [' ', '\t'];

/// A value as it stands in the text: not to be printed, and overwritten when it is dropped.
///
/// ```
/// fn needs<T>(_: T) {}
/// needs(domain::dotenv::parse("A=b").unwrap().remove(0).ok().unwrap().value);
/// ```
/// ```compile_fail
/// fn needs<T: std::fmt::Debug>(_: T) {}
/// needs(domain::dotenv::parse("A=b").unwrap().remove(0).ok().unwrap().value);
/// ```
pub struct Value(Zeroizing<String>);

impl Value {
    /// The value itself; whoever takes it answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A name with its value.
pub struct Entry {
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// The name.
    pub name: SecretName,
    /// The value; may be empty.
    pub value: Value,
    /// What is probably a slip.
    pub cautions: Vec<Caution>,
}

/// A line that is nothing to be imported.
#[derive(PartialEq, Eq, Debug)]
pub struct Fault {
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// The name it assigns to, where it is one by its grammar. Anything else could be part of a value.
    pub name: Option<SecretName>,
    /// What is wrong.
    pub trouble: Trouble,
}

/// What every line of a text that holds something assigns, in their order; comments and empty lines are left out.
///
/// # Errors
/// When the text is too long, or has too many lines.
pub fn parse(text: &str) -> Result<Vec<Result<Entry, Fault>>, TextRefused> {
    if text.len() > LONGEST_TEXT {
        return Err(TextRefused::TooLong);
    }
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let (mut found, mut seen) = (Vec::new(), HashMap::new());
    while let Some(next) = reader.next() {
        if found.len() == MOST_LINES {
            return Err(TextRefused::TooManyLines);
        }
        found.push(once(next, &mut seen));
    }
    Ok(found)
}

/// Refuses a name that a line before assigns to: which of the two is meant?
fn once(found: Result<Entry, Fault>, seen: &mut HashMap<SecretName, usize>) -> Result<Entry, Fault> {
    let (line, name) = match &found {
        Ok(entry) => (entry.line, Some(&entry.name)),
        Err(fault) => (fault.line, fault.name.as_ref()),
    };
    let Some(name) = name.cloned() else { return found };
    match seen.entry(name) {
        Seat::Vacant(seat) => {
            seat.insert(line);
            found
        }
        Seat::Occupied(taken) => {
            let trouble = Trouble::Twice { first: *taken.get() };
            found.and_then(|entry| Err(Fault { line, name: Some(entry.name), trouble }))
        }
    }
}

/// The text that is not read yet, and the number of the line on which it begins.
struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    /// The next line that holds something, with all the lines of its value.
    fn next(&mut self) -> Option<Result<Entry, Fault>> {
        while !self.rest.is_empty() {
            let begun = self.rest;
            let number = self.line;
            let line = self.take_line().trim_start_matches(BLANK);
            let comment = line.starts_with('#');
            if (line.is_empty() || comment) && !line.contains('\r') {
                continue;
            }
            let assignment = if comment { None } else { line.split_once('=') };
            let Some((before, after)) = assignment else {
                let trouble = if line.contains('\r') { Trouble::CarriageReturn } else { Trouble::NoEquals };
                return Some(Err(Fault { line: number, name: None, trouble }));
            };
            let name = name_in(before);
            let value = match after.trim_start_matches(BLANK).chars().next() {
                Some(quote @ ('\'' | '"')) => {
                    // Begins again behind the quote: what it holds may go on over several lines.
                    let place = begun.find('=').and_then(|equals| Some(equals + begun[equals..].find(quote)? + 1));
                    *self = Self { rest: &begun[place.unwrap_or(begun.len())..], line: number };
                    self.quoted(quote)
                }
                _ => self.unquoted(after),
            };
            return Some(assigned(number, name, value));
        }
        None
    }

    /// The rest of the line, without what ends it.
    fn take_line(&mut self) -> &'a str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.line += 1;
        line.strip_suffix('\r').unwrap_or(line)
    }

    fn quoted(&mut self, quote: char) -> Result<(Value, Vec<Caution>), Trouble> {
        let opened = self.line;
        let Some(end) = closing(self.rest, quote) else {
            self.rest = "";
            return Err(Trouble::Unterminated);
        };
        let inside = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        self.line += inside.matches('\n').count();
        let closed = self.line;
        let behind = self.take_line();
        let value = unescaped(inside, quote == '"', opened)?;
        let comment = behind.starts_with(BLANK) && behind.trim_start_matches(BLANK).starts_with('#');
        if !(behind.trim_start_matches(BLANK).is_empty() || comment) || behind.contains('\r') {
            return Err(Trouble::AfterQuote { line: closed });
        }
        let literal = quote == '"' && interpolates(&value);
        Ok((Value(value), literal.then_some(Caution::NotFilledIn).into_iter().collect()))
    }

    /// The value in what stands behind the equals sign.
    fn unquoted(&mut self, after: &str) -> Result<(Value, Vec<Caution>), Trouble> {
        if after.contains('\r') {
            return Err(Trouble::CarriageReturn);
        }
        let comment = after.match_indices('#').find(|(at, _)| after[..*at].ends_with(BLANK));
        let text = comment.map_or(after, |(at, _)| &after[..at]).trim_matches(BLANK);
        if text.starts_with("-----BEGIN ") && !text.contains("-----END ") {
            // Its lines would be taken for others, the last one, with its padding, even for an assignment.
            while !self.rest.is_empty() && !self.take_line().contains("-----END ") {}
            return Err(Trouble::Block);
        }
        let cut = (comment.is_some() && !text.is_empty()).then_some(Caution::Commented);
        let literal = interpolates(text).then_some(Caution::NotFilledIn);
        Ok((Value(Zeroizing::new(text.to_owned())), cut.into_iter().chain(literal).collect()))
    }
}

/// The name in what stands before the equals sign.
fn name_in(before: &str) -> &str {
    let exported = before.strip_prefix("export").filter(|rest| rest.starts_with(BLANK));
    // `export =` assigns to a variable of that name.
    exported
        .map(|rest| rest.trim_matches(BLANK))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(before.trim_end_matches(BLANK))
}

fn assigned(line: usize, name: &str, value: Result<(Value, Vec<Caution>), Trouble>) -> Result<Entry, Fault> {
    let fault = |trouble| Fault { line, name: SecretName::parse_kept(name).ok(), trouble };
    let (value, mut cautions) = value.map_err(fault)?;
    let parsed = SecretName::parse(name).map_err(|refused| fault(Trouble::of_name(&refused)))?;
    let warnings = check_value(value.0.as_bytes(), true).map_err(|refused| fault(Trouble::Value(refused)))?;
    cautions.extend(warnings.into_iter().map(Caution::Value));
    Ok(Entry { line, name: parsed, value, cautions })
}

/// Where the quote is that closes a value: after a backslash, a double quote is part of it.
fn closing(text: &str, quote: char) -> Option<usize> {
    if quote == '\'' {
        return text.find(quote);
    }
    let mut bytes = text.bytes().enumerate();
    loop {
        match bytes.next()? {
            (_, b'\\') => drop(bytes.next()),
            (at, b'"') => return Some(at),
            _ => {}
        }
    }
}

/// What stands between quotes, its lines ended by a line feed alone; `line` is the number of the first.
fn unescaped(inside: &str, escapes: bool, mut line: usize) -> Result<Zeroizing<String>, Trouble> {
    // Never grows, so that no copy stays behind.
    let mut value = Zeroizing::new(String::with_capacity(inside.len()));
    let mut characters = inside.chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        value.push(match character {
            '\r' if characters.peek() == Some(&'\n') => continue,
            '\\' if escapes => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(same @ ('"' | '\\')) => same,
                _ => return Err(Trouble::Escape { line }),
            },
            other => other,
        });
    }
    Ok(value)
}

/// Whether a shell would fill something in.
fn interpolates(value: &str) -> bool {
    value.contains("${") || value.contains("$(")
}

#[cfg(test)]
mod tests;
