//! A request's body, read whole.

use std::time::Duration;

use axum::{extract::Request, http::header};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// How long a body may take to arrive.
const LONGEST: Duration = Duration::from_secs(30);

/// Reads a body of at most so many KiB. One that is declared to be longer is refused before any of it is read.
///
/// # Errors
/// [`Error::TooLarge`] and [`Error::TooSlow`].
pub(crate) async fn read(request: Request, limit_kib: usize) -> Result<Zeroizing<Vec<u8>>> {
    let too_large = || Error::TooLarge { limit_kib };
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > limit_kib as u64 * 1024) {
        return Err(too_large());
    }
    let bytes = timeout(LONGEST, axum::body::to_bytes(request.into_body(), limit_kib * 1024))
        .await
        .map_err(|_| Error::TooSlow)?
        .map_err(|_| too_large())?;
    // Values pass through here: what can be erased afterwards, is.
    Ok(match bytes.try_into_mut() {
        Ok(bytes) => Zeroizing::new(Vec::from(bytes)),
        Err(bytes) => Zeroizing::new(bytes.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};

    use super::*;

    /// A body that never comes.
    fn never() -> Body {
        Body::from_stream(tokio_stream::pending::<std::io::Result<Bytes>>())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stays_out_is_not_waited_for_for_ever() {
        assert!(matches!(read(Request::new(never()), 512).await, Err(Error::TooSlow)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_declared_too_long_is_refused_before_it_comes() {
        let begun = tokio::time::Instant::now();
        let declared = |bytes: &str| Request::builder().header("content-length", bytes).body(never()).unwrap();
        assert!(matches!(read(declared("524289"), 512).await, Err(Error::TooLarge { limit_kib: 512 })));
        assert!(matches!(read(declared("99999999999999999"), 512).await, Err(Error::TooLarge { .. })));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(matches!(read(declared("524288"), 512).await, Err(Error::TooSlow)));
    }
}
