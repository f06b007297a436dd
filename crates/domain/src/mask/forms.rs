//! The forms in which programs print a value.

use zeroize::Zeroizing;

use crate::SHORTEST_MASKED;

/// Bytes that are zeroized when they are dropped.
pub(super) type Form = Zeroizing<Box<[u8]>>;

/// Calls `take` with every form of `value` that is to be masked, none if it is shorter than [`SHORTEST_MASKED`].
/// A form can come more than once.
///
/// White space around the value is left out where enough remains: programs strip it, and a form that began with a
/// newline would hold back every line of a log.
pub(super) fn each(value: &[u8], mut take: impl FnMut(Form)) {
    if value.len() < SHORTEST_MASKED || value.trim_ascii().is_empty() {
        return;
    }
    let value = trim(value);
    let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    for raw in lines.chain([value]).filter(|raw| raw.len() >= SHORTEST_MASKED) {
        take(Form::new(raw.into()));
    }
    let mut scratch = Scratch::new(value.len() * 6 + 8);
    for digits in [LOWER, UPPER] {
        take(scratch.write(|out| value.iter().for_each(|byte| hex(*byte, digits, out))));
        for style in PERCENT_STYLES {
            take(scratch.write(|out| percent(value, style, digits, out)));
        }
    }
    for style in JSON_STYLES {
        take(scratch.write(|out| json(value, style, out)));
    }
    for alphabet in [STANDARD, URL_SAFE] {
        base64_forms(value, alphabet, &mut scratch, &mut take);
    }
}

fn trim(value: &[u8]) -> &[u8] {
    let trimmed = value.trim_ascii();
    if trimmed.len() >= SHORTEST_MASKED { trimmed } else { value }
}

/// A buffer that never grows, so that it leaves no copies behind, and is zeroized at the end.
struct Scratch(Zeroizing<Vec<u8>>);

impl Scratch {
    fn new(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    fn write(&mut self, form: impl FnOnce(&mut Vec<u8>)) -> Form {
        let capacity = self.0.capacity();
        self.0.clear();
        form(&mut self.0);
        debug_assert_eq!(self.0.capacity(), capacity, "a form longer than was thought");
        Form::new(self.0.as_slice().into())
    }
}

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

fn hex(byte: u8, digits: &[u8; 16], out: &mut Vec<u8>) {
    out.extend_from_slice(&[digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
}

/// A way to write URLs: which bytes besides letters, digits, `-`, `.` and `_` stay, and what a space becomes.
struct PercentStyle {
    plain: &'static [u8],
    space: &'static [u8],
}

const PERCENT_STYLES: &[PercentStyle] = &[
    // RFC 3986, section 2.3: the unreserved characters.
    PercentStyle { plain: b"~", space: b"%20" },
    // The same in a query, as many libraries write it.
    PercentStyle { plain: b"~", space: b"+" },
    // application/x-www-form-urlencoded of the URL Standard.
    PercentStyle { plain: b"*", space: b"+" },
    // encodeURIComponent of ECMAScript.
    PercentStyle { plain: b"~!*'()", space: b"%20" },
    // Paths: quote of Python keeps the slash.
    PercentStyle { plain: b"~/", space: b"%20" },
    // encodeURI of ECMAScript.
    PercentStyle { plain: b"~!*'();/?:@&=+$,#", space: b"%20" },
];

fn percent(value: &[u8], style: &PercentStyle, digits: &[u8; 16], out: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b' ' => out.extend_from_slice(style.space),
            b if b.is_ascii_alphanumeric() || b"-._".contains(b) || style.plain.contains(b) => out.push(*b),
            b => {
                out.push(b'%');
                hex(*b, digits, out);
            }
        }
    }
}

/// What is written as `\u…` or with a backslash besides what JSON itself demands (RFC 8259, section 7).
struct JsonStyle {
    ascii_only: bool,
    escaped: &'static [char],
    slash: bool,
}

const JSON_STYLES: &[JsonStyle] = &[
    JsonStyle { ascii_only: false, escaped: &[], slash: false },
    // Python's default; then those that leave the control character DEL as it is.
    JsonStyle { ascii_only: true, escaped: &['\x7f'], slash: false },
    JsonStyle { ascii_only: true, escaped: &[], slash: false },
    // Go's default, safe inside HTML.
    JsonStyle { ascii_only: false, escaped: &['<', '>', '&', '\u{2028}', '\u{2029}'], slash: false },
    // PHP's default, with and without what is not ASCII.
    JsonStyle { ascii_only: true, escaped: &[], slash: true },
    JsonStyle { ascii_only: false, escaped: &[], slash: true },
];

/// The inside of a JSON string. Bytes that are not UTF-8 stay as they are: no value has them.
fn json(value: &[u8], style: &JsonStyle, out: &mut Vec<u8>) {
    for piece in value.utf8_chunks() {
        for c in piece.valid().chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                '\x08' => out.extend_from_slice(b"\\b"),
                '\x0c' => out.extend_from_slice(b"\\f"),
                '/' if style.slash => out.extend_from_slice(b"\\/"),
                c if c < ' ' || style.escaped.contains(&c) || (style.ascii_only && !c.is_ascii()) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.extend_from_slice(b"\\u");
                        unit.to_be_bytes().iter().for_each(|byte| hex(*byte, LOWER, out));
                    }
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        out.extend_from_slice(piece.invalid());
    }
}

/// RFC 4648, section 4.
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// RFC 4648, section 5.
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Where encoders break lines: RFC 7468 (PEM) and RFC 2045 (MIME, and the command `base64`).
const LINE_WIDTHS: &[usize] = &[64, 76];

/// The base64 of the value alone, with and without padding, in one or several lines; and, wherever the value begins
/// in what was encoded, the characters that hang on no other byte than the value's.
fn base64_forms(value: &[u8], alphabet: &[u8; 64], scratch: &mut Scratch, take: &mut impl FnMut(Form)) {
    for before in 0..3_usize {
        let inner = (before * 8).div_ceil(6)..(before + value.len()) * 8 / 6;
        take(scratch.write(|out| out.extend(inner.map(|at| base64_character(value, before, at, alphabet)))));
    }
    let characters = (value.len() * 8).div_ceil(6);
    let unpadded = scratch.write(|out| out.extend((0..characters).map(|at| base64_character(value, 0, at, alphabet))));
    let padding = &b"=="[..(3 - value.len() % 3) % 3];
    let padded = scratch.write(|out| out.extend(unpadded.iter().chain(padding)));
    let begun = &unpadded[..value.len() * 8 / 6];
    for width in LINE_WIDTHS.iter().filter(|width| characters > **width) {
        for text in [begun, &padded] {
            take(scratch.write(|out| {
                for line in text.chunks(*width) {
                    if !out.is_empty() {
                        out.push(b'\n');
                    }
                    out.extend_from_slice(line);
                }
            }));
        }
    }
    take(unpadded);
    take(padded);
}

/// The character at a place of the base64 of `before` zero bytes and the value.
fn base64_character(value: &[u8], before: usize, at: usize, alphabet: &[u8; 64]) -> u8 {
    let byte = |index: usize| index.checked_sub(before).and_then(|index| value.get(index)).copied().unwrap_or(0);
    let bit = at * 6;
    let pair = u16::from_be_bytes([byte(bit / 8), byte(bit / 8 + 1)]);
    alphabet[usize::from(pair >> (10 - bit % 8) & 63)]
}
