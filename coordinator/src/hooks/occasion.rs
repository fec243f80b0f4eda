//! What there is to tell of a job, once each: that it ended, and that it waits for a person.

use std::fmt;

use cleanplate_core::scheduler::Scheduler;
use cleanplate_core::view::{JobPhase, JobView};
use cleanplate_store::keys;
use cleanplate_types::digest::Sha;
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::time::Tick;

use crate::dispatch::Known;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// The job ended.
    Ended,
    /// Its plan is to be approved or rejected.
    Review,
}

/// See the top of the file. The same however often it is made from the same records.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Occasion {
    pub(super) job: JobId,
    pub(super) what: What,
    /// Tells two of the same job apart: when it ended; of a review, the lease under which its preview was made.
    number: u64,
}

impl Occasion {
    /// What the job's present state gives to tell.
    pub(super) fn of(view: &JobView<'_>) -> Option<Self> {
        Self::made(view.job, view.ended, (view.phase, view.preview))
    }

    /// The same of what is known of a job.
    pub(super) fn of_known(job: &JobId, known: &Known) -> Option<Self> {
        Self::made(job, known.ended, (known.phase, known.preview.as_ref()))
    }

    fn made(
        job: &JobId,
        ended: Option<Tick>,
        (phase, preview): (JobPhase, Option<&ObjectRef>),
    ) -> Option<Self> {
        let (what, number) = match (ended, phase) {
            (Some(Tick(ended)), _) => (What::Ended, ended),
            (None, JobPhase::Review) => {
                let lease = preview.and_then(|preview| keys::lease_of(&preview.key));
                (What::Review, lease.map_or(0, |LeaseId(lease)| lease))
            }
            (None, _) => return None,
        };
        Some(Self { job: job.clone(), what, number })
    }

    /// All that there is to tell of jobs that did not end before `since`, with whom each belongs to.
    pub(super) fn all(scheduler: &Scheduler, since: Tick) -> Vec<(Self, String)> {
        let lately = |view: &JobView<'_>| view.ended.is_none_or(|ended| ended >= since);
        let told = |view: JobView<'_>| Some((Self::of(&view)?, view.request.owner.clone()));
        scheduler.jobs().filter(lately).filter_map(told).collect()
    }

    /// When it happened, where that is known for longer than the process lives.
    pub(super) fn at(&self) -> Option<Tick> {
        match self.what {
            What::Ended => Some(Tick(self.number)),
            What::Review => None,
        }
    }

    /// The header `webhook-id`: the same at every try, by whichever coordinator.
    pub(super) fn id(&self) -> String {
        let Sha(sha) = Sha::of(format!("{} {self}", self.job).as_bytes());
        let hex: String = sha.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("evt_{hex}")
    }
}

/// Within its job.
impl fmt::Display for Occasion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            What::Ended => "ended",
            What::Review => "review",
        };
        write!(formatter, "{what}.{}", self.number)
    }
}
