//! Who has a secret: servers now, and those whose runs read it.

use crate::{
    app::holders,
    web::words::{self, Moment, moment},
};

/// A server that holds a secret.
pub(in crate::web) struct HolderRow {
    pub(in crate::web) workspace: String,
    pub(in crate::web) server: String,
    pub(in crate::web) version: u32,
    pub(in crate::web) started: Moment,
    pub(in crate::web) by: String,
    pub(in crate::web) stale: Option<&'static str>,
}

/// Whose runs read a secret.
pub(in crate::web) struct ReaderRow {
    pub(in crate::web) workspace: String,
    pub(in crate::web) who: String,
    pub(in crate::web) host: String,
    pub(in crate::web) version: u32,
    pub(in crate::web) last: Moment,
    pub(in crate::web) reads: u32,
}

impl From<holders::Seen> for HolderRow {
    fn from(holders::Seen { holder, drift }: holders::Seen) -> Self {
        Self {
            workspace: holder.workspace_slug.to_string(),
            server: holder.server.to_string(),
            version: holder.version,
            started: moment(holder.started_at),
            by: words::by(holder.started_by.as_ref()),
            stale: drift.map(|explained| explained.cause.reason.as_str()),
        }
    }
}

impl From<holders::Reader> for ReaderRow {
    fn from(reader: holders::Reader) -> Self {
        let token = reader.token.map(|token| format!("token {token}"));
        Self {
            workspace: reader.workspace.to_string(),
            who: token.unwrap_or_else(|| words::by(reader.person.as_ref())),
            host: reader.host,
            version: reader.version,
            last: moment(reader.last_read_at),
            reads: reader.reads,
        }
    }
}
