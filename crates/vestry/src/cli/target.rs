//! Which workspace or organization a command is about.

use std::str::FromStr;

use clap::Args;

use crate::{
    complete::{Noun, names_of},
    text::escape,
};

/// `[ORG/]WORKSPACE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WorkspaceArg {
    /// The organization's slug, if it was given.
    pub(crate) organization: Option<String>,
    /// The workspace's slug.
    pub(crate) workspace: String,
}

impl FromStr for WorkspaceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (organization, workspace) = match text.split_once('/') {
            Some((organization, workspace)) => (Some(organization), workspace),
            None => (None, text),
        };
        if workspace.is_empty() || workspace.contains('/') || organization == Some("") {
            return Err(format!("`{}` is not like acme/nlp-sandbox or nlp-sandbox", escape(text)));
        }
        Ok(Self { organization: organization.map(str::to_owned), workspace: workspace.to_owned() })
    }
}

/// Which workspace.
#[derive(Args)]
pub(crate) struct InWorkspace {
    /// The workspace [default: this directory's]
    #[arg(long, short, value_name = "[ORG/]WORKSPACE", add = names_of(Noun::Place))]
    pub(crate) workspace: Option<WorkspaceArg>,
}

/// Whose secrets: a workspace's or the organization's.
#[derive(Args)]
pub(crate) struct Whose {
    /// A workspace's secrets [default: this directory's workspace]
    #[arg(long, short, value_name = "[ORG/]WORKSPACE", conflicts_with = "org", add = names_of(Noun::Place))]
    pub(crate) workspace: Option<WorkspaceArg>,
    /// The organization's secrets
    #[arg(long, value_name = "ORG", num_args = 0..=1, add = names_of(Noun::Organization))]
    #[expect(clippy::option_option, reason = "clap's way to tell `--org` from `--org ORG` and from neither")]
    pub(crate) org: Option<Option<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_may_come_with_its_organization() {
        let both: WorkspaceArg = "acme/nlp".parse().unwrap();
        assert_eq!((both.organization.as_deref(), both.workspace.as_str()), (Some("acme"), "nlp"));
        let alone: WorkspaceArg = "nlp".parse().unwrap();
        assert_eq!((alone.organization, alone.workspace.as_str()), (None, "nlp"));
        for wrong in ["", "/", "acme/", "/nlp", "a/b/c"] {
            assert!(wrong.parse::<WorkspaceArg>().is_err(), "{wrong}");
        }
    }
}
