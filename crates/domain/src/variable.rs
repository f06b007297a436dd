//! What a server's program gets besides secrets: the fixed base environment and plain variables.

use std::{collections::BTreeMap, fmt};

use crate::{
    Slug,
    name::{NameRefused, OWN, check_grammar, covers},
};

/// One `NAME=value` string stays under this, in bytes: the system refuses longer ones with its closing NUL
/// (Linux, MAX_ARG_STRLEN in include/uapi/linux/binfmts.h).
pub const LONGEST_ENVIRONMENT_STRING: usize = 128 * 1024 - 1;
/// The most that the plain variables of one server take together, in bytes.
pub const LARGEST_VARIABLES: usize = 256 * 1024;

/// The name of a plain variable: the grammar of a secret's name, but only `VESTRY_…` (in any case) is refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VariableName(String);

impl VariableName {
    /// The name in `text`, which must be exactly the name.
    pub fn parse(text: &str) -> Result<Self, NameRefused> {
        check_grammar(text)?;
        let (pattern, reason) = OWN;
        if covers(pattern, text) {
            return Err(NameRefused::Reserved { pattern, reason });
        }
        Ok(Self(text.to_owned()))
    }

    /// A name that was accepted before: more may have become Vestry's own since, and what exists stays readable.
    pub fn parse_kept(text: &str) -> Result<Self, NameRefused> {
        check_grammar(text).map(|()| Self(text.to_owned()))
    }

    /// The name as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The plain variables of a server, by name. They are settings, shown to whoever sees the server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Variables(BTreeMap<VariableName, String>);

impl Variables {
    /// The variables in these pairs of name and value, each name once.
    pub fn parse<N: AsRef<str>>(pairs: impl IntoIterator<Item = (N, String)>) -> Result<Self, VariablesRefused> {
        let variables = Self::read(pairs, VariableName::parse)?;
        let total: usize = variables.iter().map(|(name, value)| name.0.len() + value.len() + 2).sum();
        if total > LARGEST_VARIABLES { Err(VariablesRefused::TooMuch) } else { Ok(variables) }
    }

    /// Variables that were accepted before: the limits may have become smaller since, and what exists stays readable.
    pub fn parse_kept<N: AsRef<str>>(pairs: impl IntoIterator<Item = (N, String)>) -> Result<Self, VariablesRefused> {
        Self::read(pairs, VariableName::parse_kept)
    }

    fn read<N: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, String)>,
        parse: impl Fn(&str) -> Result<VariableName, NameRefused>,
    ) -> Result<Self, VariablesRefused> {
        let mut variables = BTreeMap::new();
        for (position, (name, value)) in (1..).zip(pairs) {
            let name = parse(name.as_ref()).map_err(|refused| VariablesRefused::Name { position, refused })?;
            if value.contains('\0') {
                return Err(VariablesRefused::Nul { name });
            }
            if name.0.len() + 1 + value.len() > LONGEST_ENVIRONMENT_STRING {
                return Err(VariablesRefused::TooLong { name });
            }
            if variables.contains_key(&name) {
                return Err(VariablesRefused::Twice { name });
            }
            variables.insert(name, value);
        }
        Ok(Self(variables))
    }

    /// The text of one variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.as_str() == name).map(|(_, value)| value.as_str())
    }

    /// Names and values, ordered by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&VariableName, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }
}

/// Why plain variables were refused. The messages name the variable, never a value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VariablesRefused {
    /// One of the names is not allowed.
    #[error("Variable {position}: {refused}")]
    Name {
        /// Which variable, counted from 1.
        position: usize,
        /// Why.
        refused: NameRefused,
    },
    /// A name twice.
    #[error("The variable {name} is given twice. Give each name once.")]
    Twice {
        /// The name.
        name: VariableName,
    },
    /// A value with a NUL byte.
    #[error("The value of {name} contains a NUL byte, which an environment variable can't carry. Remove it.")]
    Nul {
        /// The variable.
        name: VariableName,
    },
    /// A value too long for the system.
    #[error("The variable {name} is too long: with its name it must stay under 128 KiB. Keep large data in a file.")]
    TooLong {
        /// The variable.
        name: VariableName,
    },
    /// All together too long.
    #[error(
        "The variables are too long together: at most {} KiB are allowed. Keep large data in a file.",
        LARGEST_VARIABLES / 1024
    )]
    TooMuch,
}

impl VariablesRefused {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name { refused, .. } => refused.code(),
            Self::Twice { .. } => "variable_twice",
            Self::Nul { .. } => "variable_has_nul",
            Self::TooLong { .. } => "variable_too_long",
            Self::TooMuch => "variables_too_long",
        }
    }
}

/// What every server has before its plain variables and secrets are put on top, in this order.
///
/// `TERM` is `dumb`: the output of a server is a log, and a program that opens a terminal sets its own.
pub fn base_environment(organization: &Slug, workspace: &Slug, server: &Slug) -> Vec<(&'static str, String)> {
    [
        ("HOME", "/home/workspace"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"),
        ("USER", "workspace"),
        ("LANG", "C.UTF-8"),
        ("TERM", "dumb"),
        ("TMPDIR", "/tmp"),
        ("VESTRY_ORGANIZATION", organization.as_str()),
        ("VESTRY_WORKSPACE", workspace.as_str()),
        ("VESTRY_SERVER", server.as_str()),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn variables_may_set_what_secrets_may_not() {
        for name in ["PATH", "LD_LIBRARY_PATH", "HOME", "http_proxy", "__X"] {
            assert!(VariableName::parse(name).is_ok(), "{name}");
        }
        for name in ["VESTRY_SERVER", "vestry_x", "Vestry_"] {
            assert_eq!(VariableName::parse(name).unwrap_err().code(), "name_reserved", "{name}");
        }
        assert!(VariableName::parse("a-b").is_err());
    }

    #[test]
    fn variables_are_kept_by_name_each_once() {
        let variables = Variables::parse([pair("B", "2"), pair("A", "")]).unwrap();
        let listed: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value)).collect();
        assert_eq!(listed, [("A", ""), ("B", "2")]);
        assert_eq!(Variables::parse([pair("A", "1"), pair("A", "2")]).unwrap_err().code(), "variable_twice");
    }

    #[test]
    fn a_string_stays_under_128_kib_with_its_name() {
        let fits = "x".repeat(128 * 1024 - 1 - 5);
        assert!(Variables::parse([("NAME", fits.clone())]).is_ok());
        assert_eq!(Variables::parse([("NAME", fits + "x")]).unwrap_err().code(), "variable_too_long");
    }

    #[test]
    fn variables_have_a_bound_together() {
        let third = "x".repeat(100 * 1024);
        let pairs = ["A", "B", "C"].map(|name| (name, third.clone()));
        assert!(Variables::parse(pairs[..2].to_vec()).is_ok());
        assert_eq!(Variables::parse(pairs), Err(VariablesRefused::TooMuch));
    }

    #[test]
    fn kept_variables_are_readable_when_the_limits_have_become_smaller() {
        let much = ["A", "B", "C"].map(|name| (name, "x".repeat(100 * 1024)));
        assert!(Variables::parse(much.clone()).is_err());
        assert_eq!(Variables::parse_kept(much).unwrap().iter().len(), 3);
        let own = Variables::parse_kept([pair("VESTRY_X", "text")]).unwrap();
        assert_eq!((own.get("VESTRY_X"), own.get("VESTRY_Y")), (Some("text"), None));
        // What no program can be given stays refused.
        for (bad, code) in [
            (pair("a-b", ""), "name_malformed"),
            (pair("A", "\0"), "variable_has_nul"),
            (pair("A", &"x".repeat(128 * 1024)), "variable_too_long"),
        ] {
            assert_eq!(Variables::parse_kept([bad]).unwrap_err().code(), code);
        }
    }

    #[test]
    fn a_refusal_never_repeats_a_value() {
        for value in ["pa55word\0", &"pa55word".repeat(20_000)] {
            let refused = Variables::parse([pair("A", value)]).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("pa55word"));
        }
    }

    #[test]
    fn the_base_is_the_documented_one() {
        let slug = |text| Slug::parse(text).unwrap();
        let base = base_environment(&slug("acme"), &slug("lab"), &slug("jupyter"));
        let names: Vec<_> = base.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names.join(" "),
            "HOME PATH USER LANG TERM TMPDIR VESTRY_ORGANIZATION VESTRY_WORKSPACE VESTRY_SERVER"
        );
        assert_eq!(base[0].1, "/home/workspace");
        let values: Vec<_> = base[6..].iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["acme", "lab", "jupyter"]);
    }
}
