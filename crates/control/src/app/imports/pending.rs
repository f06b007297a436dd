//! Imports that somebody looks at before they decide: kept sealed, for them alone and not for long.

use domain::ImportMode;
use envelope::{Kept, Plaintext};
use zeroize::Zeroizing;

use crate::{
    app::{
        App,
        secrets::{Place, Reach},
    },
    error::{Error, Result},
    store::Caller,
};

/// A text of at most 1 MiB that waits, and what was chosen beside it.
pub struct PendingImport {
    organization: String,
    workspace: Option<String>,
    text: Kept,
    choices: Choices,
}

/// What was chosen beside the text.
#[derive(Clone)]
pub struct Choices {
    /// What to do with names that are taken.
    pub mode: ImportMode,
    /// Which workspaces the secrets reach.
    pub reach: Reach,
    /// Whether an empty value is one.
    pub allow_empty: bool,
}

/// Keeps a text until its sender has decided, in place of one they sent before; answers by what it is taken back.
///
/// # Errors
/// When it can't be sealed.
pub fn keep(app: &App, caller: &Caller, place: Place<'_>, text: &str, choices: Choices) -> Result<String> {
    let text = Kept::seal(Plaintext::new(text.as_bytes().to_vec())).map_err(|error| Error::Internal(error.into()))?;
    let organization = place.organization.to_owned();
    let pending = PendingImport { organization, workspace: place.workspace.map(str::to_owned), text, choices };
    Ok(app.pending_imports.keep(caller, pending))
}

/// Takes back what the caller sent for this place.
///
/// # Errors
/// [`Error::Conflict`] when it is not kept any more.
pub fn take(app: &App, caller: &Caller, place: Place<'_>, id: &str) -> Result<(Zeroizing<String>, Choices)> {
    let gone =
        || Error::Conflict("this import is not kept any more; nothing was imported; give the text once more".into());
    let fits = |pending: &PendingImport| {
        (pending.organization.as_str(), pending.workspace.as_deref()) == (place.organization, place.workspace)
    };
    let pending = app.pending_imports.take(caller, id, fits).ok_or_else(gone)?;
    let text = pending.text.open().map_err(|refused| Error::Internal(refused.into()))?;
    let text = std::str::from_utf8(text.expose()).map_err(|error| Error::Internal(error.into()))?;
    Ok((Zeroizing::new(text.to_owned()), pending.choices))
}
