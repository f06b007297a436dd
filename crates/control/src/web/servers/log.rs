//! The end of a server's log, as pages show it.

use domain::SecretName;

use super::At;
use crate::{
    app::{App, servers},
    error::Result,
    web::frame::Reader,
};

/// The parts of a line, each with whether it is the name that stands where a value was.
pub(super) type Line = Vec<(String, bool)>;

/// The last lines, without what would drive a terminal or turn the text around.
pub(super) async fn last(app: &App, reader: &Reader, at: &At, server: &str, lines: usize) -> Result<Vec<Line>> {
    let bytes = servers::log(app, &reader.caller, at.place(), server).await?.tail(lines).await?;
    Ok(String::from_utf8_lossy(&bytes).lines().map(|line| parts(&domain::log_line(line))).collect())
}

fn parts(line: &str) -> Line {
    let (mut parts, mut rest) = (Vec::new(), line);
    while let Some((before, mask, after)) = first_mask(rest) {
        parts.extend([(before.to_owned(), false), (mask.to_owned(), true)]);
        rest = after;
    }
    parts.push((rest.to_owned(), false));
    parts.retain(|(text, _)| !text.is_empty());
    parts
}

/// What stands before, in and after the first `‹NAME›`.
fn first_mask(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('‹').find_map(|(begin, open)| {
        let name = &text[begin + open.len()..];
        let length = name.find('›').filter(|length| SecretName::parse_kept(&name[..*length]).is_ok())?;
        let end = begin + open.len() + length + '›'.len_utf8();
        Some((&text[..begin], &text[begin..end], &text[end..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_masked_values_stand_out() {
        let part = |text: &str, masked| (text.to_owned(), masked);
        assert_eq!(
            parts("key ‹API_KEY›, ‹no name› ‹B›"),
            [part("key ", false), part("‹API_KEY›", true), part(", ‹no name› ", false), part("‹B›", true)]
        );
        assert_eq!(parts("‹API_KEY"), [part("‹API_KEY", false)]);
        assert!(parts("").is_empty());
    }
}
