//! Slugs: the addresses of organizations, workspaces and servers.

use std::fmt;

/// The longest slug, in characters (all ASCII).
pub const LONGEST_SLUG: usize = 40;

/// Slugs that would stand where a page or an API route has its own word.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "account", "admin", "api", "apps", "assets", "current", "delete", "docs", "edit", "healthz", "invitations",
    "login", "logout", "me", "members", "new", "organizations", "readyz", "runs", "secrets", "servers", "sessions",
    "settings", "setup", "sign-in", "sign-out", "static", "tokens", "workspaces",
];

/// The address of an organization, workspace or server: `^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$`, not reserved.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slug(String);

impl Slug {
    /// The slug in `text`, which must be exactly the slug.
    pub fn parse(text: &str) -> Result<Self, SlugRefused> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() {
            Err(SlugRefused::Empty)
        } else if !text.chars().all(allowed) || text.starts_with('-') || text.ends_with('-') {
            Err(SlugRefused::Malformed)
        } else if text.len() > LONGEST_SLUG {
            Err(SlugRefused::TooLong)
        } else if RESERVED.contains(&text) {
            Err(SlugRefused::Reserved)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// A slug made from a display name: `Acme Lab` → `acme-lab`. None where nothing is left, or a reserved word.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut slug = String::new();
        for c in name.chars().flat_map(char::to_lowercase) {
            match fold(c) {
                Some(letters) => slug.push_str(letters),
                None if c.is_ascii_alphanumeric() => slug.push(c),
                // An apostrophe joins ("anna's" → "annas"); a mark that combines belongs to the letter before it.
                None if matches!(c, '\'' | '’' | '\u{300}'..='\u{36f}') => {}
                None if slug.is_empty() || slug.ends_with('-') => {}
                None => slug.push('-'),
            }
        }
        slug.truncate(LONGEST_SLUG);
        Self::parse(slug.trim_end_matches('-')).ok()
    }

    /// A slug that was accepted before: the list of reserved words may have grown since, and what exists stays readable.
    pub fn parse_kept(text: &str) -> Result<Self, SlugRefused> {
        match Self::parse(text) {
            Err(SlugRefused::Reserved) => Ok(Self(text.to_owned())),
            answer => answer,
        }
    }

    /// The slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// ASCII for the usual Latin letters with marks, in lower case.
#[rustfmt::skip]
fn fold(c: char) -> Option<&'static str> {
    Some(match c {
        'ä' | 'æ' => "ae", 'ö' | 'œ' => "oe", 'ü' => "ue", 'ß' => "ss", 'þ' => "th",
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c", 'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' => "g", 'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i", 'ł' | 'ľ' => "l", 'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'ō' | 'ő' => "o", 'ŕ' | 'ř' => "r", 'ś' | 'š' | 'ş' | 'ș' => "s",
        'ť' | 'ţ' | 'ț' => "t", 'ù' | 'ú' | 'û' | 'ū' | 'ů' | 'ű' => "u", 'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

/// Why a text is not a slug. The messages don't repeat the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SlugRefused {
    /// Nothing was given.
    #[error("A slug is missing. Give a short word for addresses, for example acme-lab.")]
    Empty,
    /// Other characters, or a hyphen at an end.
    #[error("A slug has only the letters a–z, digits and hyphens, and no hyphen at its ends: for example acme-lab.")]
    Malformed,
    /// More than [`LONGEST_SLUG`] characters.
    #[error("The slug is too long: at most {LONGEST_SLUG} characters are allowed. Choose a shorter one.")]
    TooLong,
    /// A word that Vestry's own addresses use.
    #[error("This slug is a word of Vestry's own addresses. Choose another one.")]
    Reserved,
}

impl SlugRefused {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "slug_missing",
            Self::Malformed => "slug_malformed",
            Self::TooLong => "slug_too_long",
            Self::Reserved => "slug_reserved",
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slugs_have_the_grammar_of_the_api() {
        for text in ["a", "7", "acme-lab", "a--b", &"a".repeat(40)] {
            assert_eq!(Slug::parse(text).unwrap().as_str(), text);
        }
        for (text, why) in [
            ("", SlugRefused::Empty),
            ("Acme", SlugRefused::Malformed),
            ("-a", SlugRefused::Malformed),
            ("a-", SlugRefused::Malformed),
            ("a_b", SlugRefused::Malformed),
            ("a/../b", SlugRefused::Malformed),
            ("ａ", SlugRefused::Malformed),
            (&"a".repeat(41), SlugRefused::TooLong),
            ("new", SlugRefused::Reserved),
            ("settings", SlugRefused::Reserved),
        ] {
            assert_eq!(Slug::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_slug_is_made_from_a_name() {
        for (name, slug) in [
            ("Acme Lab", Some("acme-lab")),
            ("  R&D / Zürich — 2 ", Some("r-d-zuerich-2")),
            ("Anna’s Café", Some("annas-cafe")),
            ("Cafe\u{301}", Some("cafe")),
            ("日本", None),
            ("Settings", None),
        ] {
            assert_eq!(Slug::from_name(name).as_ref().map(Slug::as_str), slug, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_made_from_a_name_parses(name in "\\PC{0,90}") {
            if let Some(slug) = Slug::from_name(&name) {
                prop_assert_eq!(Slug::parse(slug.as_str()), Ok(slug));
            }
        }
    }
}
