//! The scheduler's settings, resolved: every span in milliseconds, relations checked once.

use crate::outcome::JobOutcome;

/// What the scheduler goes by. Build it from [`SchedulerConfig::default`] and check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerConfig {
    /// A worker that says nothing for so long is taken for dead: all its leases lapse.
    pub worker_silent_ms: u64,
    /// A lease without progress for so long, while its worker lives, is revoked and lapses.
    pub lease_stuck_ms: u64,
    /// After a restart of the coordinator, leases stay current for so long until their worker has
    /// attached again.
    pub restore_grace_ms: u64,
    /// `--encoder auto` waits so long from the job's start for a worker that has proved the
    /// hardware encoder, and then takes software. 0 takes what is attached now.
    pub encoder_grace_ms: u64,
    /// Where workers are attached but none has the job's encoder (any more), the job waits so long,
    /// and then starts anew in software (where parts were made and the request allows it) or fails.
    pub encoder_lost_ms: u64,
    /// Failures that a piece of work (intake, window, cell) may cause before the job fails.
    pub attempts_max: u32,
    /// Times that a piece of work may be lost with its worker, or that the store or the source may
    /// be out for it, before the job fails: a piece that kills every worker must end somewhere too.
    pub lapses_max: u32,
    /// Failures in a row after which a worker is set aside; at least one more than `attempts_max`
    /// is used.
    pub worker_failures_max: u32,
    /// How long a worker is set aside; doubles each time that it does nothing good in between, up to 32
    /// times. A new process of its name ends it early, unless it is set aside for crashing.
    pub set_aside_ms: u64,
    /// A piece of work that failed on one worker only gets its last attempt there only after so long:
    /// another worker that can do it may still attach. 0 does not wait.
    pub second_worker_ms: u64,
    /// A worker whose process is replaced so often within `crash_span_ms`, without having said that it
    /// goes, is in a crash loop.
    pub crashes_max: u32,
    /// See `crashes_max`. A worker that lives so long after a crash loop begins anew.
    pub crash_span_ms: u64,
    /// A worker that acknowledges, and has not let go of a revoked lease for so long, is told again and
    /// shown as not letting go; its slot counts as taken all the time.
    pub cancel_unheard_ms: u64,
    /// So long after that it is set aside.
    pub cancel_aside_ms: u64,
    /// How long a job rests after its source or the store was unavailable; doubles with each
    /// failure in a row, up to 16 times.
    pub rest_ms: u64,
    /// How much work a segment should be for the worker that takes it.
    pub segment_ms: u64,
    /// Cells of each job that another worker decodes again, where the job does not say how many.
    pub audit_cells: u32,
    /// Cells that a job may be cut into (`limits.cells`): planning keeps them all in memory.
    pub cells_max: u32,
    /// How long ended jobs are kept.
    pub retention: Retention,
    /// How much jobs and owners may have at a time.
    pub caps: Caps,
}

/// How long an ended job is kept, in milliseconds, with what its end left in the store; it is then forgotten
/// and all its objects are deleted, those of dead leases too. `None` keeps it for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// A job that was done, copied or previewed (`retention.done`): preview and plan stay so long.
    pub done_ms: Option<u64>,
    /// A job that failed or abstained (`retention.failed`): all that it had made stays so long, for a retry.
    pub failed_ms: Option<u64>,
    /// A job that was cancelled (`retention.cancelled`): its objects go at once, its name stays so long.
    pub cancelled_ms: Option<u64>,
}

impl Retention {
    /// The same for all.
    #[must_use]
    pub const fn all(millis: Option<u64>) -> Self {
        Self { done_ms: millis, failed_ms: millis, cancelled_ms: millis }
    }

    /// How long a job is kept that ended so.
    #[must_use]
    pub const fn of(self, outcome: &JobOutcome) -> Option<u64> {
        match outcome {
            JobOutcome::Done(_) | JobOutcome::Copied { .. } | JobOutcome::Previewed(_) => {
                self.done_ms
            }
            JobOutcome::Failed(_) | JobOutcome::Abstained { .. } => self.failed_ms,
            JobOutcome::Cancelled => self.cancelled_ms,
        }
    }
}

/// How much jobs and owners may have at a time; `None` is no cap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caps {
    /// Leases of a job at a time (`caps.job_leases`).
    pub job_leases: Option<u32>,
    /// Leases of all jobs of an owner at a time (`caps.owner_leases`).
    pub owner_leases: Option<u32>,
    /// Open jobs of an owner, those under way included (`caps.owner_queued`): one more is refused.
    pub owner_queued: Option<u32>,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            worker_silent_ms: 10_000,
            lease_stuck_ms: 120_000,
            restore_grace_ms: 15_000,
            encoder_grace_ms: 15_000,
            encoder_lost_ms: 120_000,
            attempts_max: 3,
            lapses_max: 10,
            worker_failures_max: 4,
            set_aside_ms: 60_000,
            second_worker_ms: 30_000,
            crashes_max: 3,
            crash_span_ms: 300_000,
            cancel_unheard_ms: 10_000,
            cancel_aside_ms: 20_000,
            rest_ms: 2_000,
            segment_ms: 60_000,
            audit_cells: 1,
            cells_max: 1 << 20,
            retention: Retention::all(Some(7 * 24 * 3_600_000)),
            caps: Caps::default(),
        }
    }
}

/// Settings that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A number that must be at least 1 is 0.
    #[error("`{setting}` is 0; it must be at least 1")]
    Zero {
        /// Which setting.
        setting: &'static str,
    },
    /// A stuck lease must outlive a silent worker, or it would be blamed for the worker's silence.
    #[error(
        "`lease_stuck_ms` is {lease_stuck_ms}; it must be more than `worker_silent_ms`, {worker_silent_ms}"
    )]
    LeaseTooShort {
        /// The span of a lease.
        lease_stuck_ms: u64,
        /// The span of a worker's silence.
        worker_silent_ms: u64,
    },
}

impl SchedulerConfig {
    /// The same for a single machine with a person before it: no worker outlives the coordinator and
    /// no other will come, so nothing waits for one, and what does not heal soon is told soon. Its state
    /// goes with its folder, and is not forgotten while that is there.
    #[must_use]
    pub const fn for_one_machine(self) -> Self {
        Self {
            encoder_grace_ms: 0,
            encoder_lost_ms: 0,
            restore_grace_ms: 0,
            set_aside_ms: 1_000,
            second_worker_ms: 0,
            rest_ms: 200,
            audit_cells: 0,
            retention: Retention::all(None),
            ..self
        }
    }

    /// Checks that the settings can work together.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and what it must be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let cap = |most: Option<u32>| u64::from(most.unwrap_or(1));
        let wanted = [
            ("caps.job_leases", cap(self.caps.job_leases)),
            ("caps.owner_leases", cap(self.caps.owner_leases)),
            ("caps.owner_queued", cap(self.caps.owner_queued)),
            ("limits.cells", u64::from(self.cells_max)),
            ("worker_silent_ms", self.worker_silent_ms),
            ("attempts_max", u64::from(self.attempts_max)),
            ("lapses_max", u64::from(self.lapses_max)),
            ("worker_failures_max", u64::from(self.worker_failures_max)),
            ("crashes_max", u64::from(self.crashes_max)),
            ("cancel_unheard_ms", self.cancel_unheard_ms),
            ("segment_ms", self.segment_ms),
        ];
        if let Some((setting, _)) = wanted.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::Zero { setting });
        }
        if self.lease_stuck_ms <= self.worker_silent_ms {
            let Self { lease_stuck_ms, worker_silent_ms, .. } = *self;
            return Err(ConfigError::LeaseTooShort { lease_stuck_ms, worker_silent_ms });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work_together() {
        assert_eq!(SchedulerConfig::default().check(), Ok(()));
    }

    #[test]
    fn a_lease_shorter_than_a_silence_is_refused_by_name() {
        let config = SchedulerConfig { lease_stuck_ms: 5, ..SchedulerConfig::default() };
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "`lease_stuck_ms` is 5; it must be more than `worker_silent_ms`, 10000"
        );
    }
}
