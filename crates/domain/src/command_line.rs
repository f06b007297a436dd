//! A command as people type it: words with the quotes of a shell, and nothing else of one.

/// The program and the arguments of a command that is written on one line.
///
/// Blanks separate words; `'…'`, `"…"` and `\` keep what they keep in a shell. What a shell would act on (`|`, `>`, `$`,
/// …) is refused unless it is quoted: no shell reads the command, and passing it on would mean something else.
///
/// # Errors
/// When a quote is not closed, when a shell would be needed, and for several lines.
pub fn split_command(line: &str) -> Result<Vec<String>, CommandLineRefused> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut rest = line.trim().chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\n' => return Err(CommandLineRefused::SeveralLines),
            '\\' => match rest.next().ok_or(CommandLineRefused::Unclosed)? {
                // The line goes on, as in a shell.
                '\n' => {}
                kept => word.get_or_insert_default().push(kept),
            },
            '\'' => {
                let (quoted, after) = rest.as_str().split_once('\'').ok_or(CommandLineRefused::Unclosed)?;
                word.get_or_insert_default().push_str(quoted);
                rest = after.chars();
            }
            '"' => in_double_quotes(&mut rest, word.get_or_insert_default())?,
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' => return Err(CommandLineRefused::Shell(c)),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn in_double_quotes(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), CommandLineRefused> {
    loop {
        match rest.next().ok_or(CommandLineRefused::Unclosed)? {
            '"' => return Ok(()),
            '\\' => match rest.next().ok_or(CommandLineRefused::Unclosed)? {
                '\n' => {}
                kept @ ('"' | '\\' | '$' | '`') => word.push(kept),
                other => word.extend(['\\', other]),
            },
            c @ ('$' | '`') => return Err(CommandLineRefused::Shell(c)),
            c => word.push(c),
        }
    }
}

/// A command on one line, so that [`split_command`] gives the same words again.
pub fn join_command(words: &[String]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    let written = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(written).collect::<Vec<_>>().join(" ")
}

/// Why a line is no command. The messages repeat at most one character of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommandLineRefused {
    /// A quote is not closed, or nothing follows a backslash.
    #[error("A quote is not closed. Close it, or write \\ before it.")]
    Unclosed,
    /// Only a shell would know what to do.
    #[error("No shell reads the command, so {0} would do nothing. Write sh -c '…' around it, or quotes around {0}.")]
    Shell(char),
    /// More than one line.
    #[error("These are several lines. Give one command; put several into sh -c '…'.")]
    SeveralLines,
}

impl CommandLineRefused {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unclosed => "command_quote_open",
            Self::Shell(_) => "command_needs_shell",
            Self::SeveralLines => "command_several_lines",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_a_shell_reads_words() {
        for (line, words) in [
            ("", &[][..]),
            (" jupyter  lab --ip=127.0.0.1\t--no-browser\n", &["jupyter", "lab", "--ip=127.0.0.1", "--no-browser"]),
            ("sh -c 'echo $A | wc; exit'", &["sh", "-c", "echo $A | wc; exit"]),
            (r#"echo "a \"b\" \$c \d" e\ f '' x"y"'z'"#, &["echo", r#"a "b" $c \d"#, "e f", "", "xyz"]),
            ("python3 \\\n train.py", &["python3", "train.py"]),
            ("sh -c 'one\ntwo'", &["sh", "-c", "one\ntwo"]),
        ] {
            assert_eq!(split_command(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn what_needs_a_shell_or_has_no_end_is_refused() {
        for line in ["a | b", "a; b", "a && b", "a > b", "a < b", "a $B", "a `b`", "a \"$B\"", "a \"`b`\"", "(a)"] {
            assert!(matches!(split_command(line), Err(CommandLineRefused::Shell(_))), "{line}");
        }
        for line in ["a 'b", "a \"b", "a \\", "a \"b\\"] {
            assert_eq!(split_command(line), Err(CommandLineRefused::Unclosed), "{line}");
        }
        assert_eq!(split_command("cd a\npython3 b"), Err(CommandLineRefused::SeveralLines));
    }

    #[test]
    fn every_command_comes_back_from_its_line() {
        let letters = ['a', ' ', '\'', '"', '\\', '$', '\n', '|', 'é', '\t'];
        let mut words = vec![String::new()];
        for length in 0..3 {
            let longer = words.iter().filter(|word| word.chars().count() == length);
            let longer: Vec<_> =
                longer.flat_map(|word| letters.iter().map(move |letter| format!("{word}{letter}"))).collect();
            words.extend(longer);
        }
        assert_eq!(words.len(), 1 + 10 + 100 + 1000);
        for word in words {
            let command = ["x".to_owned(), word];
            assert_eq!(split_command(&join_command(&command)).as_deref(), Ok(&command[..]));
        }
    }
}
