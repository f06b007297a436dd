use crate::error::{Error, Result};

/// What a request asks for, as far as it could be read.
///
/// A use case takes it out only after it has authorized: somebody who may not know of a thing learns nothing from a
/// malformed request about it.
pub struct Input<T>(Result<T>);

impl<T> Input<T> {
    /// What the edge made of the request.
    pub fn new(read: Result<T>) -> Self {
        Self(read)
    }

    /// The parsed request.
    ///
    /// # Errors
    /// What did not fit.
    pub fn checked(self) -> Result<T> {
        self.0
    }
}

/// What the caller expects to find: `If-Match` and `If-None-Match: *`.
#[derive(Clone, Debug, Default)]
pub struct Precondition {
    /// The revisions the caller would overwrite; `None` for any.
    pub if_match: Option<Vec<String>>,
    /// Only if there is nothing yet.
    pub create_only: bool,
}

impl Precondition {
    /// Checks against what is there.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the caller wanted to create, [`Error::VersionMismatch`] when it expected another
    /// revision or found nothing.
    pub fn check(&self, revision: Option<&str>) -> Result<()> {
        match (revision, &self.if_match) {
            (Some(_), _) if self.create_only => Err(Error::Conflict(
                "there is one of this name already; nothing was written; edit that one, or choose another name".into(),
            )),
            (Some(found), Some(expected)) if !expected.iter().any(|one| one == "*" || one == found) => {
                Err(Error::VersionMismatch)
            }
            (None, Some(_)) => Err(Error::VersionMismatch),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(revision: &str) -> Precondition {
        Precondition { if_match: Some(vec![revision.to_owned()]), create_only: false }
    }

    #[test]
    fn a_lost_race_is_a_version_mismatch() {
        assert!(matching("b").check(Some("b")).is_ok());
        assert!(matching("*").check(Some("b")).is_ok());
        assert!(matches!(matching("a").check(Some("b")), Err(Error::VersionMismatch)));
        assert!(matches!(matching("a").check(None), Err(Error::VersionMismatch)));
    }

    #[test]
    fn create_only_meets_nothing_or_conflicts() {
        let create = Precondition { if_match: None, create_only: true };
        assert!(create.check(None).is_ok());
        assert!(matches!(create.check(Some("a")), Err(Error::Conflict(_))));
    }
}
