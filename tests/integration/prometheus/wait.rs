//! Waiting for what must become true; only what never does takes long.

use std::time::Duration;

use wolkvox_exporter::time::Stopwatch;

/// Only what never comes true takes this long.
const PATIENCE: Duration = Duration::from_secs(300);

/// Tries until it comes true; the last reason why not is in the panic.
pub(crate) async fn until<T, W: Future<Output = Result<T, String>>>(
    what: &str,
    mut attempt: impl FnMut() -> W,
) -> T {
    let waiting = Stopwatch::start();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(why) => assert!(waiting.elapsed() < PATIENCE, "never came true: {what}\n{why}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
