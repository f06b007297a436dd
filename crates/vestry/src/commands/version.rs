//! `vestry version`.

use serde_json::json;

use crate::{exit::Failure, output::Output};

/// Prints the version of this binary.
pub(crate) fn run(out: &Output) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if out.json { out.document(&json!({ "version": version })) } else { out.data(&format!("vestry {version}")) }
}
