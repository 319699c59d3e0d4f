//! Waiting, always with an end.
//!
//! No test sleeps to let the server catch up: it waits for the thing itself (bytes on a socket, a
//! counter, an exit) and gives up after [`PATIENCE`], which is generous because it is only ever
//! reached by a failure.

use std::time::{Duration, Instant};

/// How long any single wait may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks `probe` again and again until it has an answer.
///
/// For what cannot be waited for directly: counters of the administrative listener, an exit code.
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        // Between two questions, not instead of one.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
