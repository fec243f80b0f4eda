//! Signs of life: sent at the platform's interval for as long as this process lives, with the job that it works on.
//!
//! Owns the telling of signs that were not taken. Refuses to stop for one: the platform counts silence, not errors.

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::platform::Platform;

/// Sends them until it is dropped.
pub(super) async fn beat(platform: Platform, job: watch::Receiver<Option<String>>) {
    let environment = platform.environment();
    if environment.ping.is_none() || environment.key.is_none() {
        tracing::warn!(
            "no signs of life are sent: RUNPOD_WEBHOOK_PING or RUNPOD_AI_API_KEY is not set"
        );
        return;
    }
    let mut ticks = tokio::time::interval(environment.ping_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lost: u32 = 0;
    loop {
        ticks.tick().await;
        let now = job.borrow().clone();
        match platform.ping(now.as_deref()).await {
            Ok(()) => lost = 0,
            Err(error) => {
                lost = lost.saturating_add(1);
                // Once for each power of two.
                if lost.is_power_of_two() {
                    tracing::warn!(lost, "a sign of life was not taken: {error}");
                }
            }
        }
    }
}
