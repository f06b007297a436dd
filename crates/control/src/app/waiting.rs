//! Waiting until something is written, for requests that ask for what comes next.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// How long to wait at most before looking again: another control plane may have written.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Waits until it is worth looking again; false when it is the end. What was written since the store was asked to tell of
/// it counts.
pub(super) async fn look_again(mut written: watch::Receiver<()>, end: Instant) -> bool {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return false;
    }
    // Either way it is worth it.
    let _woken = timeout(left.min(LOOK_AGAIN), written.changed()).await;
    true
}
