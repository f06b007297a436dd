//! Values on their way from a person to the control plane: from a hidden prompt, stdin or a file, never from argv.

use std::{
    fs::File,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use domain::{LONGEST_VALUE, dotenv};
use envelope::Plaintext;
use serde_json::{Map, Value};

use crate::{exit::Failure, output::Output, prompt, text::escape};

/// Where a value comes from.
pub(crate) struct Source {
    /// A file instead of prompt or stdin.
    pub(crate) file: Option<PathBuf>,
    /// Keep the final newline of a single line.
    pub(crate) verbatim: bool,
}

impl Source {
    /// Takes the value of a secret. `how` is the command to show where the value could not be taken.
    ///
    /// # Errors
    /// When there is none to be had, and when it is too long. The value is not repeated.
    pub(crate) fn take(&self, out: &Output, name: &str, how: &str) -> Result<Plaintext, Failure> {
        let name = escape(name);
        let elsewhere = format!("{how} < file");
        let value = match &self.file {
            Some(path) => from_file(path)?,
            None if prompt::is_possible() => return prompt::hidden(out, &format!("Value of {name}"), &elsewhere),
            None => read(std::io::stdin(), "stdin")?,
        };
        if self.verbatim || self.file.is_some() {
            return Ok(value);
        }
        let (value, dropped) = without_final_newline(value);
        if dropped {
            out.say("dropped the final newline (--verbatim keeps it)");
        }
        Ok(value)
    }
}

/// Takes a password from stdin: its first line, which must be the only one.
pub(crate) fn password_from_stdin() -> Result<Plaintext, Failure> {
    let (line, _) = split_final_newline(read(std::io::stdin(), "stdin")?);
    if line.is_empty() {
        return Err(Failure::usage("there is no password on stdin; nothing was sent"));
    }
    if line.expose().contains(&b'\n') {
        return Err(Failure::data("there is more than one line on stdin; nothing was sent"));
    }
    Ok(line)
}

/// Takes a file's bytes, at most as many as a value may have.
pub(crate) fn from_file(path: &Path) -> Result<Plaintext, Failure> {
    let file = File::open(path).map_err(|error| Failure::data(format!("{} can't be read: {error}", path.display())))?;
    read(file, &path.display().to_string())
}

/// Takes `.env` text from a file, or from stdin.
pub(crate) fn text(file: Option<&Path>) -> Result<Plaintext, Failure> {
    let Some(path) = file else { return read_up_to(dotenv::LONGEST_TEXT, std::io::stdin(), "stdin") };
    let file = File::open(path).map_err(|error| Failure::data(format!("{} can't be read: {error}", path.display())))?;
    read_up_to(dotenv::LONGEST_TEXT, file, &path.display().to_string())
}

/// Reads a value straight into memory that is overwritten afterwards.
pub(crate) fn read(from: impl AsFd, what: &str) -> Result<Plaintext, Failure> {
    read_up_to(LONGEST_VALUE, from, what)
}

fn read_up_to(longest: usize, from: impl AsFd, what: &str) -> Result<Plaintext, Failure> {
    // One byte more than allowed, to notice; it never grows, so that no copy stays behind.
    let mut bytes = vec![0; longest + 1];
    let mut length = 0;
    while length < bytes.len() {
        match rustix::io::read(from.as_fd(), &mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Failure::data(format!("{what} can't be read: {error}"))),
        }
    }
    bytes.truncate(length);
    let value = Plaintext::new(bytes);
    if value.len() > longest {
        return Err(Failure::data(format!("{what} is longer than {} KiB; nothing was sent", longest / 1024)));
    }
    Ok(value)
}

/// A value of a single line without its final newline, and whether there was one; any other value as it is.
fn without_final_newline(value: Plaintext) -> (Plaintext, bool) {
    let single_line = value.expose().iter().filter(|&&byte| byte == b'\n').count() == 1;
    if single_line { split_final_newline(value) } else { (value, false) }
}

fn split_final_newline(value: Plaintext) -> (Plaintext, bool) {
    let bytes = value.expose();
    let Some(line) = bytes.strip_suffix(b"\n") else { return (value, false) };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (Plaintext::new(line.to_vec()), true)
}

/// A JSON object with fields that may be seen and fields that may not, in memory that is overwritten afterwards.
///
/// # Errors
/// When a confidential field is not UTF-8.
pub(crate) fn object(seen: Map<String, Value>, confidential: &[(&str, &Plaintext)]) -> Result<Plaintext, Failure> {
    let mut body = Value::Object(seen).to_string().into_bytes();
    // The longest escape of one byte is `\u0000`; reserved at once, so that no copy stays behind.
    body.reserve_exact(confidential.iter().map(|(name, value)| name.len() + 6 * value.len() + 8).sum());
    for (name, value) in confidential {
        let text = str::from_utf8(value.expose())
            .map_err(|_| Failure::data(format!("the {name} is not UTF-8; nothing was sent")))?;
        body.pop();
        if body.len() > 1 {
            body.push(b',');
        }
        let written = serde_json::to_writer(&mut body, name).and_then(|()| {
            body.push(b':');
            serde_json::to_writer(&mut body, text)
        });
        written.map_err(|_| Failure::data(format!("the {name} can't be written as JSON; nothing was sent")))?;
        body.push(b'}');
    }
    Ok(Plaintext::new(body))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use serde_json::json;

    use super::*;

    fn plain(text: &str) -> Plaintext {
        Plaintext::new(text.as_bytes().to_vec())
    }

    #[test]
    fn only_the_final_newline_of_a_single_line_is_dropped() {
        let table = [
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a", "a"),
            ("\n", ""),
            ("a\nb\n", "a\nb\n"),
            ("\na", "\na"),
            ("a\n\n", "a\n\n"),
        ];
        for (given, kept) in table {
            assert_eq!(without_final_newline(plain(given)).0.expose(), kept.as_bytes(), "{given:?}");
        }
    }

    #[test]
    fn a_confidential_field_is_written_as_json_writes_it() {
        for text in ["", "plain", "q\"b\\n\nr\ru\u{1}\u{7f}é🦀", "</script>"] {
            let seen = json!({"access": "all"}).as_object().unwrap().clone();
            let body = object(seen, &[("value", &plain(text)), ("other", &plain("x"))]).ok().unwrap();
            let read: Value = serde_json::from_slice(body.expose()).unwrap();
            assert_eq!(read, json!({"access": "all", "value": text, "other": "x"}));
        }
        let body = object(Map::new(), &[("value", &plain("v"))]).ok().unwrap();
        assert_eq!(body.expose(), br#"{"value":"v"}"#);
        assert!(object(Map::new(), &[("value", &Plaintext::new(vec![0xff]))]).is_err());
    }

    #[test]
    fn a_file_is_read_up_to_the_limit_and_refused_beyond_it() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![b'a'; LONGEST_VALUE]).unwrap();
        file.rewind().unwrap();
        assert_eq!(read(&file, "file").ok().unwrap().len(), LONGEST_VALUE);
        file.write_all(b"a").unwrap();
        file.rewind().unwrap();
        assert!(read(&file, "file").err().unwrap().message.contains("longer than 48 KiB"));
    }
}
