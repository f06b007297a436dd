//! Finding values in heaps of bytes, in every encoding in which they could lie there.

use std::{collections::HashMap, fmt::Write};

/// How many bytes of a needle are looked up before it is compared whole.
const HEAD: usize = 8;

/// The values to look for, in all their encodings.
#[derive(Default)]
pub struct Needles(HashMap<[u8; HEAD], Vec<(String, Vec<u8>)>>);

impl Needles {
    /// Looks for a value and for its unmistakable part, which stays as it is in texts that escape the rest.
    pub fn add(&mut self, value: &str, core: &str) {
        for (encoding, text) in encodings(value).into_iter().chain(encodings(core)) {
            let head = text[..HEAD].try_into().expect("long enough");
            self.0.entry(head).or_default().push((encoding.to_owned(), text));
        }
    }

    /// The encoding and place of the first value found.
    pub fn find(&self, hay: &[u8]) -> Option<(String, usize)> {
        let mut possible = vec![false; 1 << 16];
        for head in self.0.keys() {
            possible[usize::from(u16::from_le_bytes([head[0], head[1]]))] = true;
        }
        for (place, window) in hay.windows(HEAD).enumerate() {
            if !possible[usize::from(u16::from_le_bytes([window[0], window[1]]))] {
                continue;
            }
            let head: [u8; HEAD] = window.try_into().expect("a window of this size");
            for (encoding, text) in self.0.get(&head).into_iter().flatten() {
                if hay[place..].starts_with(text) {
                    return Some((encoding.clone(), place));
                }
            }
        }
        None
    }
}

/// Whether one text lies in another.
pub fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

/// A value in clear, in base64 at each of three alignments and in both alphabets, in hexadecimal, in URLs and in JSON.
pub fn encodings(value: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = value.as_bytes();
    let mut all = vec![
        ("clear", bytes.to_vec()),
        ("JSON", json_inside(value)),
        ("JSON, ASCII only", json_ascii(value)),
        ("URL", percent(value, "%20")),
        ("form", percent(value, "+")),
        ("hexadecimal", hexadecimal(bytes, false)),
        ("HEXADECIMAL", hexadecimal(bytes, true)),
    ];
    for skipped in 0..3 {
        let standard = base64(bytes, skipped);
        let url = standard.iter().map(|letter| match letter {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        });
        all.push(("base64url", url.collect()));
        all.push(("base64", standard));
    }
    all
}

fn json_inside(value: &str) -> Vec<u8> {
    let quoted = serde_json::to_string(value).expect("a string is JSON");
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

fn json_ascii(value: &str) -> Vec<u8> {
    let mut text = String::new();
    for unit in String::from_utf8(json_inside(value)).expect("it was a string").encode_utf16() {
        match u8::try_from(unit) {
            Ok(letter @ 0..128) => text.push(char::from(letter)),
            _ => write!(text, "\\u{unit:04x}").expect("a string takes everything"),
        }
    }
    text.into_bytes()
}

fn percent(value: &str, space: &str) -> Vec<u8> {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            b' ' => text.push_str(space),
            _ => write!(text, "%{byte:02X}").expect("a string takes everything"),
        }
    }
    text.into_bytes()
}

fn hexadecimal(bytes: &[u8], upper: bool) -> Vec<u8> {
    let digits = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    bytes.iter().map(digits).collect::<String>().into_bytes()
}

/// The digits that a value always has inside a longer base64 text, when so many of its bytes fall into digits that it
/// shares with what stands before.
fn base64(bytes: &[u8], skipped: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let whole = bytes[skipped..].chunks_exact(3);
    whole
        .flat_map(|three| {
            let number = three.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
            [18, 12, 6, 0].map(|shift| DIGITS[number >> shift & 63])
        })
        .collect()
}

#[test]
fn values_are_found_in_the_encodings_of_others() {
    // From Python's base64, urllib.parse and json.
    let found = |hay: &str| {
        let mut needles = Needles::default();
        needles.add("sécret value\n+/", "cret value");
        needles.find(hay.as_bytes()).is_some()
    };
    for hay in [
        "c8OpY3JldCB2YWx1ZQorLw==",
        "eHPDqWNyZXQgdmFsdWUKKy8=",
        "eHhzw6ljcmV0IHZhbHVlCisv",
        "s%C3%A9cret%20value%0A%2B%2F",
        "s%C3%A9cret+value%0A%2B%2F",
        "\"s\\u00e9cret value\\n+/\"",
        "73c3a9637265742076616c75650a2b2f",
    ] {
        assert!(found(hay), "{hay}");
    }
    assert!(!found("s_cret-value, s%C3%A9cret, c8OpY3Jl"));
}
