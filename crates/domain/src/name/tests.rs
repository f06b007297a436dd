use super::*;
use assurance::{count, report};
use proptest::prelude::*;

fn refused(text: &str) -> NameRefused {
    SecretName::parse(text).expect_err("refused")
}

/// Rule 8 of the product, written out again, so that a row lost from the table is found.
const REFUSED_NAMES: &str = "PATH HOME SHELL USER LOGNAME PWD OLDPWD LANG TERM IFS CDPATH ENV BASH_ENV SHELLOPTS \
    TMPDIR TMP TEMP HOSTNAME EDITOR VISUAL PAGER PROMPT_COMMAND GLIBC_TUNABLES SSH_AUTH_SOCK SSH_CLIENT \
    SSH_CONNECTION SSH_TTY _";
const REFUSED_PREFIXES: &str = "VESTRY_ LD_ DYLD_ LC_ XDG_ __";

#[test]
fn a_name_is_kept_as_typed() {
    for text in ["API_KEY", "apiKey", "_x", "A", "a1", &"A".repeat(128)] {
        assert_eq!(SecretName::parse(text).unwrap().as_str(), text);
    }
    assert_ne!(SecretName::parse("Key").unwrap(), SecretName::parse("KEY").unwrap());
}

#[test]
fn every_reserved_name_is_refused_and_its_neighbours_are_not() {
    for name in REFUSED_NAMES.split_whitespace() {
        assert_eq!(refused(name).code(), "name_reserved", "{name}");
        assert_eq!(refused(&name.to_lowercase()).code(), "name_reserved", "{name}");
    }
    for prefix in REFUSED_PREFIXES.split_whitespace() {
        for name in [prefix.to_owned(), format!("{prefix}X"), format!("{prefix}x").to_lowercase()] {
            assert_eq!(refused(&name).code(), "name_reserved", "{name}");
        }
    }
    for name in ["PATHS", "MY_PATH", "LD", "LDX", "_A", "VESTRY", "TERMS", "XDG", "SSH_KEY", "HOME_URL"] {
        assert!(SecretName::parse(name).is_ok(), "{name}");
    }
}

#[test]
fn an_assignment_gets_a_hint_that_repeats_neither_side() {
    let refused = refused("API_KEY=hunter2hunter2");
    let message = refused.to_string();
    assert_eq!(refused.code(), "name_is_assignment");
    assert!(message.contains("NAME=value") && !message.contains("hunter2") && !message.contains("API_KEY"));
    assert_eq!(SecretName::parse("aHVudGVyMg=="), Err(NameRefused::Assignment));
}

#[test]
fn a_refusal_says_what_where_and_what_instead() {
    assert_eq!(
        refused("api-key").to_string(),
        "A name can't contain “-” (character 4): use only the letters A–Z and a–z, digits and “_”. \
         For example API_KEY."
    );
    assert_eq!(
        refused("2fa").to_string(),
        "A name can't begin with a digit: begin it with a letter or “_”. For example _2FA."
    );
    assert_eq!(refused(""), NameRefused::Empty);
    assert_eq!(refused(&"a".repeat(129)), NameRefused::TooLong);
    assert_eq!(refused("ld-preload").suggestion(), None);
}

#[test]
fn hostile_characters_are_shown_as_numbers() {
    for (text, shown) in [("A\u{202e}B", "U+202E"), ("A\x1b[2J", "U+001B"), ("A\nB", "U+000A"), ("É", "U+00C9")] {
        let message = refused(text).to_string();
        assert!(message.contains(shown) && !message.contains(text), "{message}");
    }
}

#[test]
fn upper_snake_case_is_suggested() {
    for (typed, suggested) in [("apiKey", Some("API_KEY")), ("db_url", Some("DB_URL")), ("API_KEY", None)] {
        let name = SecretName::parse(typed).unwrap();
        assert_eq!(name.suggestion().as_ref().map(SecretName::as_str), suggested);
    }
}

#[test]
fn names_that_programs_read_are_warned_about_and_allowed() {
    let warned = "GIT_SSH_COMMAND NODE_OPTIONS PYTHONPATH PYTHONSTARTUP PERL5OPT RUBYOPT JAVA_TOOL_OPTIONS \
        HTTPS_PROXY https_proxy SSL_CERT_FILE KUBERNETES_SERVICE_HOST OTEL_EXPORTER";
    for name in warned.split_whitespace() {
        assert_eq!(SecretName::parse(name).unwrap().warnings().len(), 1, "{name}");
    }
    assert_eq!(SecretName::parse("DIGIT_X").unwrap().warnings(), []);
}

#[test]
fn a_name_that_differs_only_in_case_is_warned_about() {
    let name = |text| SecretName::parse(text).unwrap();
    let visible = [name("TOKEN"), name("Api_Key")];
    let warning = name("API_KEY").differs_only_in_case(&visible);
    assert_eq!(warning, Some(NameWarning::DiffersOnlyInCase { other: name("Api_Key") }));
    assert_eq!(name("TOKEN").differs_only_in_case(&visible), None);
}

/// A text of any kind that is taken for a name is one, and nothing panics.
#[test]
fn what_is_accepted_has_the_grammar() {
    accepted_has_the_grammar();
    report("fuzz", "names", &format!("{} texts: 0 panics, 0 taken that are no name", count(CASES)));
}

const CASES: usize = 20_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(u32::try_from(count(CASES)).unwrap()))]

    fn accepted_has_the_grammar(text in "[A-Za-z0-9_=. \\-\\PC]{0,140}") {
        if let Ok(name) = SecretName::parse(&text) {
            prop_assert_eq!(name.as_str(), &text);
            prop_assert!((1..=128).contains(&text.len()));
            prop_assert!(!text.as_bytes()[0].is_ascii_digit());
            prop_assert!(text.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()));
        }
    }
}

proptest! {
    #[test]
    fn what_has_the_grammar_is_accepted_or_reserved(text in "[A-Za-z_][A-Za-z0-9_]{0,127}") {
        if let Err(refused) = SecretName::parse(&text) {
            prop_assert_eq!(refused.code(), "name_reserved");
        }
    }

    #[test]
    fn a_reserved_name_is_refused_in_any_case(row in any::<prop::sample::Index>(), upper in any::<u64>()) {
        let all: Vec<&str> = REFUSED_NAMES.split_whitespace().chain(REFUSED_PREFIXES.split_whitespace()).collect();
        let mixed: String = row.get(&all).chars().enumerate()
            .map(|(i, c)| if upper >> i & 1 == 1 { c } else { c.to_ascii_lowercase() })
            .collect();
        prop_assert!(SecretName::parse(&mixed).is_err(), "{}", mixed);
    }

    #[test]
    fn a_suggestion_is_an_acceptable_name(text in "[a-zA-Z0-9_. /\\-]{1,140}") {
        let suggestion = match SecretName::parse(&text) {
            Ok(name) => name.suggestion(),
            Err(refused) => refused.suggestion().cloned(),
        };
        if let Some(name) = suggestion {
            prop_assert_eq!(SecretName::parse(name.as_str()), Ok(name));
        }
    }
}
