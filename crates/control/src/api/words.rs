//! What several answers have in common.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{self, secrets::Warning},
    clock,
};

/// A person, by id and name.
#[derive(Serialize, ToSchema)]
pub(super) struct Who {
    id: String,
    name: String,
}

impl From<app::Who> for Who {
    fn from(who: app::Who) -> Self {
        Self { id: who.id.to_string(), name: who.name }
    }
}

/// Something to be careful about; the request was done all the same.
#[derive(Serialize, ToSchema)]
pub(super) struct WarningBody {
    /// A stable word for programs.
    #[schema(value_type = String)]
    code: &'static str,
    message: String,
}

impl From<Warning> for WarningBody {
    fn from(warning: Warning) -> Self {
        Self { code: warning.code, message: warning.message }
    }
}

/// RFC 3339 in UTC.
pub(super) fn time(time: domain::Time) -> String {
    clock::rfc3339(time)
}
