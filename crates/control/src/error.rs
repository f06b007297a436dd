//! The one error of the use cases; the API renders it as a problem, pages as a page.

use std::borrow::Cow;

use crate::store::StoreError;

/// Why a use case did not do what it was asked for. Nothing is half done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No valid credential was shown.
    #[error("sign in first, or show a token that is still valid")]
    Unauthenticated,
    /// The pair of address and password is not anybody's; says not which of the two is wrong.
    #[error("e-mail address and password don't fit together; nobody was signed in")]
    SignInRefused,
    /// The person may know of the thing, but not do this; says who can.
    #[error("{0}")]
    Forbidden(Cow<'static, str>),
    /// There is no such thing, as far as the person may know.
    #[error("there is no such thing here, or you have no access to it")]
    NotFound,
    /// The state of things does not allow it; says what would.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// Another host was asked for than one of the control plane's own.
    #[error(
        "this control plane is not the host that was asked for; nothing was done; use the address that its operator \
         gave it with --public-url"
    )]
    Misdirected,
    /// Somebody else changed it first.
    #[error("it was changed by somebody else since you read it; nothing was written; read it again, then repeat")]
    VersionMismatch,
    /// The body is larger than allowed.
    #[error("the request is larger than {limit_kib} KiB; nothing was read of it")]
    TooLarge {
        /// The limit in KiB.
        limit_kib: usize,
    },
    /// The body did not arrive in time.
    #[error("the request took too long to arrive; nothing was done; send it again")]
    TooSlow,
    /// Too many failures; this try was not looked at.
    #[error("too many wrong tries; this one was not checked; try again in {} min", seconds.div_ceil(60))]
    RateLimited {
        /// When the next one will be, in seconds.
        seconds: u64,
    },
    /// Fields that don't fit, each with its reason.
    #[error("{}; nothing was written", if .0.len() == 1 { "one field of the request does not fit" } else { "some fields of the request do not fit" })]
    Invalid(Vec<FieldError>),
    /// The control plane has no usable root key: it neither seals nor unseals.
    #[error("{0}")]
    Sealed(String),
    /// Something that the use case needs does not work now.
    #[error("{0}")]
    Unavailable(String),
    /// A defect or a broken part; logged with the request id, told to nobody.
    #[error("something went wrong inside; nothing was written; the request id finds it in the control plane's log")]
    Internal(#[source] anyhow::Error),
}

/// The outcome of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// Why one field of a request does not fit. Never repeats the field's content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldError {
    /// The field's name in the request.
    pub field: &'static str,
    /// A stable word for programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Error {
    /// For the log alone: of what went wrong inside all the causes, which no caller is told.
    pub fn in_full(&self) -> String {
        match self {
            Self::Internal(source) => format!("{source:#}"),
            told => told.to_string(),
        }
    }

    /// One field that does not fit.
    pub fn invalid(field: &'static str, code: &'static str, message: impl ToString) -> Self {
        Self::Invalid(vec![FieldError { field, code, message: message.to_string() }])
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken => {
                Self::Conflict("the name or address is taken; nothing was written; choose another one".into())
            }
            StoreError::Unreachable(source) => {
                tracing::error!(error = %source, "the database does not answer");
                Self::Unavailable("the database does not answer; nothing was written; try again".to_owned())
            }
            StoreError::Unconfirmed(source) => {
                tracing::error!(error = %source, "the database did not confirm a commit");
                Self::Unavailable(
                    "the database did not confirm the write; whether it was done is not known; look, then repeat it"
                        .to_owned(),
                )
            }
            full @ StoreError::Full(_) => {
                tracing::error!(error = %full, "nothing can be written");
                Self::Unavailable(
                    "the database has no room left on its disk; nothing was written; try again once its operator has \
                     made room"
                        .to_owned(),
                )
            }
            error => Self::Internal(error.into()),
        }
    }
}
