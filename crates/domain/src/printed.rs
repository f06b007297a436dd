//! Text that others wrote, shown as it is and harmless.

/// Whether a character could move the cursor, change how text looks or reads, or talk to the terminal: the control
/// characters of both sets, the bidirectional controls, the line separators and the invisible ones, tags among them.
pub fn drives_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{ad}' | '\u{e0000}'..='\u{e007f}')
}

/// One line of text in which every such character is written out, like `\u{1b}`.
pub fn escaped(raw: &str) -> String {
    let mut escaped = String::with_capacity(raw.len());
    for c in raw.chars() {
        if drives_terminal(c) { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    escaped
}

/// One line of a server's log: colours are taken out, tabs stay, everything else that drives a terminal is escaped.
pub fn log_line(raw: &str) -> String {
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
    fn a_log_line_loses_its_colours_and_nothing_else() {
        assert_eq!(log_line("\u{1b}[1;32mok\u{1b}[0m\tdone"), "ok\tdone");
        assert_eq!(log_line("\u{1b}[2Jcleared"), "\\u{1b}[2Jcleared");
        assert_eq!(log_line("\u{1b}[1;32"), "\\u{1b}[1;32");
    }
}
