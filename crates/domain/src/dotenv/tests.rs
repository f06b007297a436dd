mod table;

use assurance::{count, report};
use proptest::prelude::*;

use super::*;
use table::CASES;

/// What was found, in short: `2 NAME="value"` or `3 !code` or `3 !code NAME`, with `; ` between lines.
fn read(text: &str) -> String {
    let found = match parse(text) {
        Ok(found) => found,
        Err(refused) => return refused.code().to_owned(),
    };
    let said = found.into_iter().map(|line| match line {
        Ok(Entry { line, name, value, cautions }) => {
            let cautions: String =
                cautions.iter().filter(|caution| shown(**caution)).map(|c| format!(" ~{}", c.code())).collect();
            format!("{line} {name}={:?}{cautions}", value.expose())
        }
        Err(Fault { line, name, trouble }) => {
            let place = match trouble {
                Trouble::AfterQuote { line } | Trouble::Escape { line } | Trouble::Twice { first: line } => {
                    format!("@{line}")
                }
                _ => String::new(),
            };
            format!("{line} !{}{place}{}", trouble.code(), name.map(|name| format!(" {name}")).unwrap_or_default())
        }
    });
    said.collect::<Vec<_>>().join("; ")
}

/// Most values of the table are short, which would be said at each.
fn shown(caution: Caution) -> bool {
    caution != Caution::Value(crate::ValueWarning::NotMasked)
}

#[test]
fn every_case_of_the_table_is_read_as_it_says() {
    let wrong: Vec<String> = CASES
        .iter()
        .filter(|(text, said)| read(text) != *said)
        .map(|(text, said)| format!("{text:?}\n  expected {said}\n  found    {}", read(text)))
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
    assert!(CASES.len() >= 150, "{} cases", CASES.len());
    report("fuzz", "`.env` by a table", &format!("{} cases: each read as it says", CASES.len()));
}

#[test]
fn line_ends_of_windows_change_nothing() {
    for (text, said) in CASES.iter().filter(|(text, _)| !text.contains('\r')) {
        assert_eq!(read(&text.replace('\n', "\r\n")), *said, "{text:?}");
    }
}

#[test]
fn no_message_repeats_anything_but_a_name() {
    for (text, _) in CASES {
        for fault in parse(text).into_iter().flatten().filter_map(Result::err) {
            let message = fault.trouble.to_string();
            assert!(
                !message.is_empty() && !message.contains('\n') && !message.contains("hunter"),
                "{text:?}: {message}"
            );
            let name = fault.name.map(|name| name.to_string()).unwrap_or_default();
            assert!(!name.contains("hunter"), "{text:?}: {name}");
        }
    }
}

#[test]
fn a_text_has_at_most_a_mebibyte_and_a_thousand_lines_that_hold_something() {
    let longest = format!("#{}\n", "x".repeat(LONGEST_TEXT - 2));
    assert_eq!(read(&longest), "");
    assert_eq!(read(&format!("{longest}#")), "text_too_long");
    let lines = |count: usize| (0..count).map(|n| format!("\n# {n}\nN{n}='a\nb'\n")).collect::<String>();
    assert_eq!(parse(&lines(MOST_LINES)).ok().unwrap().len(), MOST_LINES);
    assert_eq!(read(&lines(MOST_LINES + 1)), "text_has_too_many_lines");
    assert_eq!(read(&"x\n".repeat(MOST_LINES + 1)), "text_has_too_many_lines");
}

#[test]
fn a_value_as_long_as_a_secret_may_be_is_taken_and_one_byte_more_is_not() {
    let fits = format!("A={}", "x".repeat(crate::LONGEST_VALUE));
    assert!(parse(&fits).ok().unwrap()[0].is_ok());
    assert_eq!(read(&(fits + "x")), "1 !value_too_long A");
}

#[test]
fn a_name_as_long_as_a_name_may_be_is_taken_and_one_letter_more_is_not() {
    let longest = "N".repeat(crate::LONGEST_NAME);
    assert_eq!(read(&format!("{longest}=b")), format!("1 {longest}=\"b\""));
    assert_eq!(read(&format!("{longest}N=b")), "1 !name_too_long");
}

/// The value as somebody may write it, with quotes of either kind or none.
fn written(value: &str, style: usize) -> String {
    let escaped = || {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\r', "\\r");
        format!("\"{}\"", if style == 2 { escaped.replace('\n', "\\n").replace('\t', "\\t") } else { escaped })
    };
    let plain = value.chars().all(|c| c.is_alphanumeric() || "+/=:@.,;!$%&*?~^()[]{}|<>-_".contains(c));
    match style {
        0 if plain && !value.starts_with("-----BEGIN") => value.to_owned(),
        1 if !value.contains(['\'', '\r']) => format!("'{value}'"),
        _ => escaped(),
    }
}

const ROUNDS: usize = 20_000;

/// Pieces that mean something in this grammar, and some that don't.
const PIECES: &[&str] = &[
    "A",
    "B_1",
    "export ",
    "export",
    "=",
    "=",
    " = ",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\"",
    "\"",
    "'",
    "'",
    "\\",
    "\\n",
    "\\\"",
    "#",
    " #",
    " ",
    "\t",
    "hunter2",
    "$A",
    "${A}",
    "-----BEGIN KEY-----",
    "-----END KEY-----",
    "\u{feff}",
    "\0",
    "é",
    "🦀",
    "PATH",
    "LD_PRELOAD",
    "`",
    ":",
    "-",
];

#[test]
fn any_text_is_read_and_no_message_repeats_it() {
    any_text();
    report("fuzz", "`.env`", &format!("{} texts: 0 panics, 0 messages that repeat any of it", count(ROUNDS)));
}

#[test]
fn whatever_is_written_is_read_back() {
    read_back();
    report("fuzz", "`.env`", &format!("{} texts of up to 12 values written in 4 ways: all read back", count(ROUNDS)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(u32::try_from(count(ROUNDS)).unwrap()))]

    fn any_text(picked in prop::collection::vec(prop::sample::select(PIECES), 0..40), other in "\\PC{0,40}", at in 0..40_usize) {
        let mut pieces = picked;
        pieces.insert(at.min(pieces.len()), &other);
        let text = pieces.concat();
        let found = parse(&text).ok().unwrap();
        let mut last = 0;
        for line in found {
            let (number, name, message) = match line {
                Ok(entry) => {
                    prop_assert!(!entry.value.expose().contains('\0'));
                    prop_assert!(entry.value.expose().len() <= text.len());
                    (entry.line, Some(entry.name), String::new())
                }
                Err(fault) => (fault.line, fault.name, fault.trouble.to_string()),
            };
            prop_assert!(number > last && number <= text.matches('\n').count() + 1);
            last = number;
            prop_assert!(name.is_none_or(|name| text.contains(name.as_str())));
            prop_assert!(!message.contains("hunter2") && !message.contains('🦀') && !message.contains('é'));
        }
    }

    fn read_back(
        values in prop::collection::vec(("[^\\x00]{0,60}|[A-Za-z0-9+/=:@.]{0,40}|[\\\\\"'# \\n\\r\\t$]{0,12}", 0..4_usize), 0..12),
        space in "[ \\t]{0,2}",
        end in prop::sample::select(vec!["\n", "\r\n", " # a comment\n", "\n\n# a comment\n"]),
        bom in any::<bool>(),
    ) {
        let mut text = if bom { "\u{feff}".to_owned() } else { String::new() };
        for (number, (value, style)) in values.iter().enumerate() {
            let export = if number % 3 == 0 { "export " } else { "" };
            text.push_str(&format!("{space}{export}N{number}{space}={space}{}{end}", written(value, *style)));
        }
        let found = parse(&text).ok().unwrap();
        prop_assert_eq!(found.len(), values.len());
        for (number, (line, (value, _))) in found.into_iter().zip(&values).enumerate() {
            let entry = line.map_err(|fault| TestCaseError::fail(format!("{fault:?} in {text:?}")))?;
            prop_assert_eq!(entry.name.as_str(), format!("N{number}"));
            prop_assert_eq!(entry.value.expose(), value);
        }
    }
}
