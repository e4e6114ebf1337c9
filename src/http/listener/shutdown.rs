//! Waits for the shutdown of the program.

use tokio::sync::watch;

/// Returns once a shutdown is requested.
pub async fn shutdown_requested(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a shutdown too.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
