//! What became of a secret: its versions, suspension, holders and deletion.

use serde::Deserialize;

use super::{Drift, Who};
use crate::{text::Text, time::When};

#[derive(Deserialize)]
pub(crate) struct Version {
    pub(crate) version: u64,
    pub(crate) newest: bool,
    pub(crate) kept: bool,
    pub(crate) created_at: When,
    pub(crate) created_by: Option<Who>,
    pub(crate) restored_from: Option<u64>,
    pub(crate) suspension: Option<Suspension>,
    pub(crate) erased_at: Option<When>,
    pub(crate) erased_by: Option<Who>,
}

/// Why no start gets a secret, or one version of it.
#[derive(Deserialize)]
pub(crate) struct Suspension {
    pub(crate) at: When,
    pub(crate) by: Option<Who>,
    pub(crate) reason: Text,
    pub(crate) version: Option<u64>,
}

#[derive(Deserialize)]
pub(crate) struct Holders {
    pub(crate) items: Vec<Holder>,
    pub(crate) also_read_by: Vec<Reader>,
}

/// A server whose process may be alive and has a secret.
#[derive(Deserialize)]
pub(crate) struct Holder {
    pub(crate) workspace: Text,
    pub(crate) server: Text,
    pub(crate) status: Text,
    pub(crate) name: Text,
    pub(crate) version: u64,
    pub(crate) started_at: When,
    pub(crate) started_by: Option<Who>,
    pub(crate) drift: Option<Drift>,
}

/// Whose runs read a secret.
#[derive(Deserialize)]
pub(crate) struct Reader {
    pub(crate) workspace: Text,
    pub(crate) person: Option<Who>,
    pub(crate) token: Option<Text>,
    pub(crate) host: Text,
    pub(crate) version: u64,
    pub(crate) last_read_at: When,
    pub(crate) reads: u64,
}

/// A start or run that a secret was handed to.
#[derive(Deserialize)]
pub(crate) struct Disclosure {
    pub(crate) id: Text,
    pub(crate) workspace: Text,
    pub(crate) server: Option<Text>,
    pub(crate) host: Option<Text>,
    pub(crate) command: Option<Text>,
    pub(crate) name: Text,
    pub(crate) version: u64,
    pub(crate) outcome: Text,
    pub(crate) started_at: When,
    pub(crate) started_by: Option<Who>,
    pub(crate) token: Option<Text>,
    pub(crate) ended_at: Option<When>,
}

#[derive(Deserialize)]
pub(crate) struct DeletedSecret {
    pub(crate) id: Text,
    pub(crate) name: Text,
    pub(crate) version: u64,
    pub(crate) deleted_at: When,
    pub(crate) deleted_by: Option<Who>,
    pub(crate) destroyed_from: When,
}
