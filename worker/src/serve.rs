//! The worker as a service.

use tokio::sync::watch;

use crate::options::{Coordinators, Ended, Stop, WorkerError, WorkerOptions};

/// Works for the coordinator until it is asked to stop.
///
/// # Errors
/// [`WorkerError`] where it cannot work, however often it tries.
pub async fn serve(
    options: WorkerOptions,
    coordinators: Coordinators,
    stop: watch::Receiver<Stop>,
) -> Result<Ended, WorkerError> {
    drop((options, coordinators, stop));
    std::future::ready(Err(WorkerError::Internal("not yet".to_owned()))).await
}
