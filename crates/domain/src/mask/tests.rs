use assurance::{count, report};
use proptest::prelude::*;

use super::*;

/// What comes out when `pieces` go in.
fn mask_pieces(secrets: &[(&str, &[u8])], pieces: &[&[u8]]) -> String {
    let (mut masker, mut out) = (Masker::new(secrets), Vec::new());
    for piece in pieces {
        masker.push(piece, &mut out);
    }
    masker.finish(&mut out);
    assert!(!masker.pending());
    String::from_utf8(out).expect("labels and input are UTF-8")
}

fn mask(secrets: &[(&str, &[u8])], text: &str) -> String {
    mask_pieces(secrets, &[text.as_bytes()])
}

const VALUE: &str = "p@ss \"w/rd\"+ü?~<b>\nline two*";

/// `VALUE` as other programs print it: Python's base64, binascii, urllib and json, a browser's functions, Go, PHP.
const FORMS: &[(&str, &str)] = &[
    ("raw", VALUE),
    ("first line", "p@ss \"w/rd\"+ü?~<b>"),
    ("second line", "line two*"),
    ("base64", "cEBzcyAidy9yZCIrw7w/fjxiPgpsaW5lIHR3byo="),
    ("base64 without padding", "cEBzcyAidy9yZCIrw7w/fjxiPgpsaW5lIHR3byo"),
    ("URL-safe base64", "cEBzcyAidy9yZCIrw7w_fjxiPgpsaW5lIHR3byo="),
    ("URL-safe base64 without padding", "cEBzcyAidy9yZCIrw7w_fjxiPgpsaW5lIHR3byo"),
    ("hex", "704073732022772f7264222bc3bc3f7e3c623e0a6c696e652074776f2a"),
    ("upper hex", "704073732022772F7264222BC3BC3F7E3C623E0A6C696E652074776F2A"),
    ("quote", "p%40ss%20%22w/rd%22%2B%C3%BC%3F~%3Cb%3E%0Aline%20two%2A"),
    ("quote of all", "p%40ss%20%22w%2Frd%22%2B%C3%BC%3F~%3Cb%3E%0Aline%20two%2A"),
    ("quote of all, lower hex", "p%40ss%20%22w%2frd%22%2b%c3%bc%3f~%3cb%3e%0aline%20two%2a"),
    ("quote_plus", "p%40ss+%22w%2Frd%22%2B%C3%BC%3F~%3Cb%3E%0Aline+two%2A"),
    ("quote_plus, lower hex", "p%40ss+%22w%2frd%22%2b%c3%bc%3f~%3cb%3e%0aline+two%2a"),
    ("URLSearchParams", "p%40ss+%22w%2Frd%22%2B%C3%BC%3F%7E%3Cb%3E%0Aline+two*"),
    ("encodeURIComponent", "p%40ss%20%22w%2Frd%22%2B%C3%BC%3F~%3Cb%3E%0Aline%20two*"),
    ("encodeURI", "p@ss%20%22w/rd%22+%C3%BC?~%3Cb%3E%0Aline%20two*"),
    ("JSON", "p@ss \\\"w/rd\\\"+ü?~<b>\\nline two*"),
    ("JSON in ASCII", "p@ss \\\"w/rd\\\"+\\u00fc?~<b>\\nline two*"),
    ("JSON for HTML", "p@ss \\\"w/rd\\\"+ü?~\\u003cb\\u003e\\nline two*"),
    ("JSON with escaped slash", "p@ss \\\"w\\/rd\\\"+\\u00fc?~<b>\\nline two*"),
    ("JSON with escaped slash, not only ASCII", "p@ss \\\"w\\/rd\\\"+ü?~<b>\\nline two*"),
];

#[test]
fn every_listed_form_is_masked_in_whole() {
    for (form, printed) in FORMS {
        assert_eq!(mask(&[("KEY", VALUE.as_bytes())], printed), "‹KEY›", "{form}");
        let line = mask(&[("KEY", VALUE.as_bytes())], &format!("got '{printed}'.\n"));
        assert_eq!(line, "got '‹KEY›'.\n", "{form}");
    }
}

#[test]
fn the_control_character_that_json_need_not_escape_is_masked_either_way() {
    for printed in ["caf/\\u00e9\\u007f12345", "caf/\\u00e9\x7f12345", "caf/é\x7f12345"] {
        assert_eq!(mask(&[("KEY", "caf/é\x7f12345".as_bytes())], printed), "‹KEY›");
    }
}

/// Base64 by the book, over a string of bits.
fn base64(bytes: &[u8], last_two: &[u8; 2]) -> String {
    let mut alphabet: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').collect();
    alphabet.extend(last_two);
    let mut bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    bits.push_str(&"0".repeat((6 - bits.len() % 6) % 6));
    let digit = |six: &[u8]| usize::from_str_radix(std::str::from_utf8(six).unwrap(), 2).unwrap();
    bits.as_bytes().chunks(6).map(|six| char::from(alphabet[digit(six)])).collect()
}

#[test]
fn base64_of_a_longer_text_is_masked_wherever_the_value_lies_in_it() {
    let values = ["0123456789abcdef", "ÿ?>ÿ?>~~~secret", "12345678"];
    let places = (0..7).flat_map(|before| (0..4).map(move |after| (before, after)));
    for (value, (before, after)) in values.iter().flat_map(|value| places.clone().map(move |place| (value, place))) {
        let text = [&b"user:xyz"[..before], value.as_bytes(), &b"\nabc"[..after]].concat();
        for last_two in [b"+/", b"-_"] {
            let encoded = base64(&text, last_two);
            let masked = mask(&[("KEY", value.as_bytes())], &encoded);
            let (left, right) = masked.split_once("‹KEY›").expect("masked");
            // What stays hangs on other bytes too: one character on each side has a few bits of the value.
            assert_eq!(left, &encoded[..(before * 8).div_ceil(6)]);
            assert!(encoded.ends_with(right) && right.len() <= encoded.len() - (before + value.len()) * 8 / 6);
        }
    }
    let done = format!("{} values in base64 at {} places in a longer text: all masked", values.len(), places.count());
    report("masker", "base64", &done);
}

#[test]
fn base64_in_lines_is_masked() {
    let value = "k".repeat(58) + "?";
    let mask = |printed: String| mask(&[("KEY", value.as_bytes())], &printed);
    let begun = "a2tr".repeat(19);
    assert_eq!(mask(format!("{begun}\naz8=\n")), "‹KEY›\n");
    // With a newline after the value: it has a part in the last two characters.
    assert_eq!(mask(format!("{begun}\naz8K\n")), "‹KEY›8K\n");
}

#[test]
fn wherever_the_stream_is_cut_the_result_is_the_same() {
    let secrets: &[(&str, &[u8])] =
        &[("KEY", VALUE.as_bytes()), ("OTHER", b"0123456789"), ("LONGER", b"0123456789abc")];
    let mut text = String::from("0123456789 0123456789a 0123456789abc 01234567\n");
    for (form, printed) in FORMS {
        text.push_str(&format!("{form}: {printed}\n"));
    }
    let whole = mask(secrets, &text);
    assert_eq!(whole.matches("‹KEY›").count(), FORMS.len());
    assert!(whole.starts_with("‹OTHER› ‹OTHER›a ‹LONGER› 01234567\n"), "{whole}");
    for cut in 0..=text.len() {
        let (left, right) = text.as_bytes().split_at(cut);
        assert_eq!(mask_pieces(secrets, &[left, right]), whole, "cut at {cut}");
    }
    for size in 1..40 {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
        assert_eq!(mask_pieces(secrets, &pieces), whole, "pieces of {size}");
    }
    let done = format!(
        "{} forms, cut at each of {} places and in pieces of 1 to 39 bytes: all masked",
        FORMS.len(),
        text.len()
    );
    report("masker", "listed forms", &done);
}

#[test]
fn no_part_of_overlapping_values_survives() {
    let secrets: &[(&str, &[u8])] = &[("A", b"abcdefgh12"), ("B", b"h12xyzwvu"), ("IN", b"bcdefgh1")];
    assert_eq!(mask(secrets, "-abcdefgh12xyzwvu-"), "-‹A›‹B›-");
    assert_eq!(mask(secrets, "abcdefgh12h12xyzwvu"), "‹A›‹B›");
    assert_eq!(mask(secrets, "abcdefgh12abcdefgh12"), "‹A›‹A›");
    assert_eq!(mask(secrets, "xbcdefgh12xyzwvu"), "x‹IN›‹B›");
    assert_eq!(mask(&[("B", b"bbbbbbbb"), ("A", b"aaaaaaaa")], &"a".repeat(21)), "‹A›");
}

#[test]
fn the_longest_value_wins_and_a_shorter_one_where_it_does_not_fit() {
    let secrets: &[(&str, &[u8])] = &[("SHORT", b"12345678"), ("LONG", b"12345678-abcdefgh"), ("MID", b"12345678-abc")];
    assert_eq!(mask(secrets, "12345678-abcdefgh"), "‹LONG›");
    assert_eq!(mask(secrets, "12345678-abcdefg"), "‹MID›defg");
    assert_eq!(mask(secrets, "12345678-ab"), "‹SHORT›-ab");
    let secrets: &[(&str, &[u8])] = &[("ONE", b"12345678"), ("TWO", b"12345678-b"), ("THREE", b"12345678-c")];
    assert_eq!(mask(secrets, "12345678-d"), "‹ONE›-d");
}

#[test]
fn of_equal_values_the_first_gives_the_name() {
    assert_eq!(mask(&[("A", b"12345678"), ("B", b"12345678")], "12345678"), "‹A›");
}

#[test]
fn values_and_lines_under_eight_bytes_are_not_masked() {
    assert_eq!(mask(&[("KEY", b"1234567")], "1234567 MTIzNDU2Nw=="), "1234567 MTIzNDU2Nw==");
    assert_eq!(mask(&[("KEY", b"short\nlong enough")], "short\nx long enough"), "short\nx ‹KEY›");
    assert_eq!(mask(&[("KEY", b"            ")], "                x"), "                x");
    assert_eq!(mask(&[], "anything"), "anything");
}

#[test]
fn white_space_around_a_value_does_not_hide_it() {
    for value in ["12345678\n", "\r\n12345678 ", "\n\n12345678"] {
        assert_eq!(mask(&[("KEY", value.as_bytes())], "a 12345678 b MTIzNDU2Nzg="), "a ‹KEY› b ‹KEY›");
    }
    assert_eq!(mask(&[("KEY", b"line one\r\nline two")], "line one\nline two"), "‹KEY›\n‹KEY›");
}

#[test]
fn ordinary_lines_come_out_at_once() {
    let mut masker = Masker::new(&[("KEY", b"12345678"), ("PEM", b"\n-----BEGIN X-----\nMIIBabcdefg\n")]);
    let mut out = Vec::new();
    for line in ["starting\n", "listening on 127.0.0.1:8888\n", "----- done\n", "prompt> "] {
        out.clear();
        masker.push(line.as_bytes(), &mut out);
        assert_eq!((out.as_slice(), masker.pending()), (line.as_bytes(), false));
    }
    out.clear();
    masker.push(b"at 123", &mut out);
    assert_eq!((out.as_slice(), masker.pending()), (&b"at "[..], true));
    masker.push(b"9\n", &mut out);
    assert_eq!((out.as_slice(), masker.pending()), (&b"at 1239\n"[..], false));
}

#[test]
fn what_is_held_back_is_bounded_by_the_longest_form() {
    let value = "x".repeat(1000) + "y";
    let mut masker = Masker::new(&[("KEY", value.as_bytes())]);
    let mut out = Vec::new();
    for _ in 0..100 {
        masker.push(&[b'x'; 997], &mut out);
        assert!(masker.held.len() <= value.len());
    }
    masker.push(b"yes", &mut out);
    masker.finish(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "x".repeat(99_700 - 1000) + "‹KEY›es");
}

#[test]
fn after_an_end_it_can_go_on() {
    let (mut masker, mut out) = (Masker::new(&[("KEY", b"12345678")]), Vec::new());
    masker.push(b"a1234", &mut out);
    masker.finish(&mut out);
    masker.push(b"5678 12345678", &mut out);
    masker.finish(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "a12345678 ‹KEY›");
}

/// Numbers that look random, the same in every run (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }
}

const TOKEN: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_%";

/// A hundred secrets of 40 bytes with characters that every encoding writes differently.
fn hundred() -> Vec<(String, String)> {
    let mut numbers = Numbers(1);
    (0..100).map(|index| (format!("KEY_{index}"), numbers.text(TOKEN, 40))).collect()
}

fn borrowed(secrets: &[(String, String)]) -> Vec<(&str, &[u8])> {
    secrets.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// A log of a program that knows no secret: words, numbers, base64, hex, percent-encoding, JSON.
fn neutral_log(length: usize) -> Vec<u8> {
    let mut numbers = Numbers(2);
    let mut log = Vec::with_capacity(length + 200);
    while log.len() < length {
        let (count, token) = (numbers.below(90), numbers.below(60));
        let line = match numbers.below(5) {
            0 => format!("2026-11-03T10:{:02}:{:02}Z INFO request served in {count} ms\n", count % 60, token),
            1 => format!("{{\"level\":\"warn\",\"token\":\"{}\"}}\n", numbers.text(TOKEN, token)),
            2 => format!("sha256:{}\n", numbers.text(b"0123456789abcdef", 64)),
            3 => format!("GET /search?q={}%20{}\n", numbers.text(TOKEN, token), numbers.text(TOKEN, count)),
            _ => format!("-----BEGIN CERTIFICATE-----\n{}\n", numbers.text(&TOKEN[..64], 64)),
        };
        log.extend_from_slice(line.as_bytes());
    }
    log.truncate(length);
    log
}

#[test]
fn nothing_is_masked_in_a_log_without_secrets() {
    let length = count(10_000_000);
    let (secrets, log) = (hundred(), neutral_log(length));
    let (mut masker, mut out) = (Masker::new(&borrowed(&secrets)), Vec::with_capacity(log.len()));
    log.chunks(4096).for_each(|chunk| masker.push(chunk, &mut out));
    masker.finish(&mut out);
    assert!(out == log, "something was masked in a log without secrets");
    for (name, value) in &secrets {
        masker.push(value.as_bytes(), &mut out);
        masker.finish(&mut out);
        assert!(out.ends_with(format!("‹{name}›").as_bytes()));
    }
    report("masker", "neutral log", &format!("{length} bytes beside {} secrets: 0 masked", secrets.len()));
}

#[test]
fn a_hundred_secrets_take_little_memory() {
    let secrets = hundred();
    let heap = Masker::new(&borrowed(&secrets)).patterns.heap();
    assert!(heap < 300 * 1024, "{heap} bytes");
}

/// Which bytes of `text` belong to a value, found the slow way; each run of them as one `#`.
fn by_the_book(values: &[String], text: &str) -> String {
    let mut covered = vec![false; text.len()];
    for at in 0..text.len() {
        for value in values.iter().filter(|value| text[at..].starts_with(value.as_str())) {
            covered[at..at + value.len()].fill(true);
        }
    }
    let mut seen = String::new();
    for (byte, covered) in text.bytes().zip(covered) {
        if !covered {
            seen.push(char::from(byte));
        } else if !seen.ends_with('#') {
            seen.push('#');
        }
    }
    seen
}

#[test]
fn exactly_the_bytes_of_values_go_however_the_stream_is_cut() {
    exactly_the_bytes_of_values_go();
    report(
        "fuzz",
        "masker",
        &format!("{} streams, cut anywhere: 0 panics, 0 masked otherwise than by the book", count(CASES)),
    );
}

const CASES: usize = 5_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(u32::try_from(count(CASES)).unwrap()))]

    fn exactly_the_bytes_of_values_go(
        values in prop::collection::vec("[ab]{8,14}|(ab){4,9}", 1..6),
        parts in prop::collection::vec(("[abc]{0,6}", any::<prop::sample::Index>(), 0..20_usize), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let whole_and_begun = |(noise, which, length): (String, prop::sample::Index, usize)| {
            let value = which.get(&values);
            noise + value + &value[..length.min(value.len())]
        };
        let text: String = parts.into_iter().map(whole_and_begun).collect();
        let secrets: Vec<(&str, &[u8])> = values.iter().map(|value| ("X", value.as_bytes())).collect();
        let whole = mask(&secrets, &text);

        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        ends.extend([0, text.len()]);
        ends.sort_unstable();
        let pieces: Vec<&[u8]> = ends.windows(2).map(|ends| &text.as_bytes()[ends[0]..ends[1]]).collect();
        prop_assert_eq!(&mask_pieces(&secrets, &pieces), &whole);

        let mut seen = whole.replace("‹X›", "#");
        while seen.contains("##") {
            seen = seen.replace("##", "#");
        }
        prop_assert_eq!(seen, by_the_book(&values, &text));
    }
}
